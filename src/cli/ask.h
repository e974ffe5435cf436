/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask - one request to the daemon, over its local socket.
 * Does:    connects, asks, reads answers line by line.
 * Limits:  ASK_LINE_BYTES_MAX a line; the time-out given, per line.
 * Errors:  RC_PEER: nobody is there, or it went away; RC_TIMEOUT; RC_DENIED.
 */
#ifndef ASK_H
#define ASK_H

#include <yyjson.h>

#include "cli.h"

enum { ASK_LINE_BYTES_MAX = 8 << 20, ASK_TIMEOUT_MS = 15000 };

struct ask {
	int fd;
	char *buf;
	size_t len, cap, at;
};

MUST_CHECK enum rc ask_begin(const struct cli *cli, const char *verb, struct ask *q,
    struct diag *diag);
/* The next line, NUL terminated, until the next call. timeout_ms -1 = no end. An answer that is an
 * error becomes rc and diag. *doc is the caller's to free. */
MUST_CHECK enum rc ask_next(struct ask *q, int timeout_ms, char **line, yyjson_doc **doc,
    struct diag *diag);
void ask_end(struct ask *q);

/* Fields of an answer: "" and 0 where there is none. */
const char *ask_str(yyjson_val *o, const char *key);
uint64_t ask_uint(yyjson_val *o, const char *key);

#endif
