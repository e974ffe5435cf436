/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state_read - what the real readers find, for scripts.
 *   state_read state DIR...     a daemon's directories
 *   state_read store PATH...    stored images of a software NIC
 * One line each: "GENERATION SHA256 ALARM", the newest; generation 0 where there is none. Reading
 * a state directory sets damaged files aside, as the daemon does.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "softnic_store.h"
#include "state.h"
#include "wire_verdict.h"

static void
tell(uint32_t generation, const uint8_t sha256[SHA256_BYTES], const char *alarm)
{
	char hex[2 * SHA256_BYTES + 1] = "-";

	for (int i = 0; generation != 0 && i < SHA256_BYTES; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", sha256[i]);
	printf("%" PRIu32 " %s %s\n", generation, hex, alarm);
}

static enum rc
read_state(const char *dir)
{
	struct diag d = { 0 };
	struct state *s;
	const struct gen *g;
	enum rc rc = state_open(dir, -1, &s, &d);

	if (rc != RC_OK) {
		diag_print(&d, stderr);
		return rc;
	}
	g = state_gen(s, 0);
	tell(g == NULL ? 0 : g->number, g == NULL ? NULL : g->sha256, state_alarm(s));
	state_close(&s);
	return RC_OK;
}

static enum rc
read_store(const char *path)
{
	static uint8_t bank[WIRE_IMAGE_BYTES_MAX];
	struct fw_record r;
	struct diag d = { 0 };
	struct softnic_store *s;
	bool used_prev = false;
	enum rc rc = softnic_store_open(path, &s, &d);

	if (rc != RC_OK) {
		diag_print(&d, stderr);
		return rc;
	}
	rc = softnic_store_read(s, bank, sizeof(bank), &r, &used_prev, &d);
	tell(rc == RC_OK ? r.generation : 0, r.sha256,
	    rc == RC_AGAIN ? "" : rc != RC_OK || used_prev ? d.text : "");
	softnic_store_close(&s);
	return RC_OK;
}

int
main(int argc, char **argv)
{
	bool state = argc > 2 && strcmp(argv[1], "state") == 0;

	if (argc < 3 || (!state && strcmp(argv[1], "store") != 0)) {
		fprintf(stderr, "usage: state_read state DIR... | store PATH...\n");
		return 2;
	}
	for (int i = 2; i < argc; i++)
		if ((state ? read_state(argv[i]) : read_store(argv[i])) != RC_OK)
			return 1;
	return 0;
}
