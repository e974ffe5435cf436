/* SPDX-License-Identifier: Apache-2.0 */
/* ctl_msg_fuzz - any bytes as each message between main and the control process. */
#include <stdlib.h>
#include <string.h>

#include "ctl_msg.h"
#include "tls_vault.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A slot of any bytes; and with its digest made good, so that what is behind it is tried. */
static void
vault_try(const uint8_t *data, size_t size)
{
	uint8_t slot[TLS_VAULT_SLOT_BYTES] = { 0 }, again[TLS_VAULT_SLOT_BYTES];
	const size_t sealed = sizeof(slot) - SHA256_BYTES;
	struct tls_vault_head head;
	struct tls_ticket t;

	memcpy(slot, data, MIN(size, sizeof(slot)));
	for (int i = 0; i < 2; i++) {
		if (tls_vault_head_get(slot, &head)) {
			tls_vault_head_put(again, &head);
			CHECK(memcmp(again, slot, sizeof(slot)) == 0);
		}
		if (tls_vault_ticket_get(slot, &t)) {
			tls_vault_ticket_put(again, &t);
			CHECK(memcmp(again, slot, sizeof(slot)) == 0);
		}
		sha256(slot, sealed, slot + sealed);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ctl_request r, again;
	struct ctl_answer a;
	struct ctl_keys k;
	struct ctl_said said;
	size_t cap = ctl_msg_room(size), len;
	uint8_t *buf = malloc(cap);

	CHECK(buf != NULL);
	/* what decodes encodes to the same bytes */
	if (ctl_request_decode(data, size, &r) == RC_OK) {
		CHECK(ctl_request_encode(&r, buf, cap, &len) == RC_OK && len == size);
		CHECK(memcmp(buf, data, size) == 0);
		CHECK(ctl_request_decode(buf, len, &again) == RC_OK && again.verb == r.verb);
	}
	if (ctl_answer_decode(data, size, &a) == RC_OK) {
		CHECK(ctl_answer_encode(&a, buf, cap, &len) == RC_OK && len == size);
		CHECK(memcmp(buf, data, size) == 0);
	}
	if (ctl_keys_decode(data, size, &k) == RC_OK) {
		CHECK(ctl_keys_encode(&k, buf, cap, &len) == RC_OK && len == size);
		CHECK(memcmp(buf, data, size) == 0);
	}
	if (ctl_said_decode(data, size, &said) == RC_OK) {
		CHECK(ctl_said_encode(&said, buf, cap, &len) == RC_OK && len == size);
		CHECK(memcmp(buf, data, size) == 0);
	}
	vault_try(data, size);
	free(buf);
	return 0;
}
