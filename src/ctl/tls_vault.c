/* SPDX-License-Identifier: Apache-2.0 */
/* tls_vault - pairs of encode and decode; a slot ends with the digest of what is before. */
#include "tls_vault.h"

#include <string.h>

#include "bytes.h"

enum { SEALED_BYTES = TLS_VAULT_SLOT_BYTES - SHA256_BYTES, HEAD_MAGIC = 0x56544652,
	TICKET_MAGIC = 0x4b544652 };

static void
seal(uint8_t slot[TLS_VAULT_SLOT_BYTES])
{
	sha256(slot, SEALED_BYTES, slot + SEALED_BYTES);
}

static bool
sealed(const uint8_t slot[TLS_VAULT_SLOT_BYTES])
{
	uint8_t digest[SHA256_BYTES];

	sha256(slot, SEALED_BYTES, digest);
	return memcmp(slot + SEALED_BYTES, digest, sizeof(digest)) == 0;
}

/* What is left of the sealed bytes is zero. */
static bool
rest_zero(struct rd *r)
{
	while (rd_left(r) > 0)
		if (rd_u8(r) != 0)
			return false;
	return rd_done(r);
}

static void
key_put(struct wr *w, const struct tls_ticket_key *k)
{
	wr_le64(w, k->made_s);
	wr_bytes(w, k->name, sizeof(k->name));
	wr_bytes(w, k->key, sizeof(k->key));
}

static bool
bytes_get(struct rd *r, void *out, size_t n)
{
	const uint8_t *p = rd_bytes(r, n);

	if (p != NULL)
		memcpy(out, p, n);
	return p != NULL;
}

static bool
key_get(struct rd *r, struct tls_ticket_key *k)
{
	k->made_s = rd_le64(r);
	return bytes_get(r, k->name, sizeof(k->name)) && bytes_get(r, k->key, sizeof(k->key));
}

void
tls_vault_head_put(uint8_t out[TLS_VAULT_SLOT_BYTES], const struct tls_vault_head *h)
{
	struct wr w;

	memset(out, 0, TLS_VAULT_SLOT_BYTES);
	wr_init(&w, out, SEALED_BYTES);
	wr_le32(&w, HEAD_MAGIC);
	wr_bytes(&w, h->bind, sizeof(h->bind));
	key_put(&w, &h->older);
	key_put(&w, &h->newer);
	CHECK(!w.failed);
	seal(out);
}

bool
tls_vault_head_get(const uint8_t p[TLS_VAULT_SLOT_BYTES], struct tls_vault_head *out)
{
	struct rd r;

	memset(out, 0, sizeof(*out));
	rd_init(&r, p, SEALED_BYTES);
	return sealed(p) && rd_le32(&r) == HEAD_MAGIC &&
	    bytes_get(&r, out->bind, sizeof(out->bind)) && key_get(&r, &out->older) &&
	    key_get(&r, &out->newer) && rest_zero(&r);
}

void
tls_vault_ticket_put(uint8_t out[TLS_VAULT_SLOT_BYTES], const struct tls_ticket *t)
{
	const int until[] = { t->until.year, t->until.mon, t->until.day, t->until.hour,
		t->until.min, t->until.sec };
	struct wr w;

	memset(out, 0, TLS_VAULT_SLOT_BYTES);
	wr_init(&w, out, SEALED_BYTES);
	wr_le32(&w, TICKET_MAGIC);
	wr_le32(&w, t->number);
	wr_bytes(&w, t->digest, sizeof(t->digest));
	wr_u8(&w, (uint8_t)t->peer.role);
	wr_u8(&w, (uint8_t)t->peer.serial_len);
	wr_bytes(&w, t->peer.serial, sizeof(t->peer.serial));
	for (size_t i = 0; i < ARRAY_LEN(until); i++)
		wr_le16(&w, (uint16_t)until[i]);
	wr_bytes(&w, t->peer.name, strlen(t->peer.name));	/* zeros end it */
	CHECK(!w.failed);
	seal(out);
}

bool
tls_vault_ticket_get(const uint8_t p[TLS_VAULT_SLOT_BYTES], struct tls_ticket *out)
{
	int *const until[] = { &out->until.year, &out->until.mon, &out->until.day,
		&out->until.hour, &out->until.min, &out->until.sec };
	uint8_t role, serial_len;
	const char *name;
	struct rd r;

	memset(out, 0, sizeof(*out));
	rd_init(&r, p, SEALED_BYTES);
	if (!sealed(p) || rd_le32(&r) != TICKET_MAGIC)
		return false;
	out->number = rd_le32(&r);
	if (!bytes_get(&r, out->digest, sizeof(out->digest)))
		return false;
	role = rd_u8(&r);
	serial_len = rd_u8(&r);
	if (out->number == 0 || role >= KEYS_ROLE__COUNT ||
	    serial_len > sizeof(out->peer.serial) ||
	    !bytes_get(&r, out->peer.serial, sizeof(out->peer.serial)))
		return false;
	out->peer.role = (enum keys_role)role;
	out->peer.serial_len = serial_len;
	for (size_t i = 0; i < ARRAY_LEN(until); i++)
		*until[i] = rd_le16(&r);
	name = (const char *)rd_bytes(&r, TLS_PEER_NAME_BYTES);
	if (name == NULL || memchr(name, 0, TLS_PEER_NAME_BYTES) == NULL)
		return false;
	memcpy(out->peer.name, name, TLS_PEER_NAME_BYTES);
	for (size_t i = strlen(name); i < TLS_PEER_NAME_BYTES; i++)
		if (name[i] != 0)
			return false;
	return rest_zero(&r);
}
