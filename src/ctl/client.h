/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client - asks the control channel: over the local socket, or over TLS with a certificate.
 * Does:    one connection, one request after the other; a stream to its end.
 * Limits:  CLIENT_HEAD_BYTES_MAX of an answer's head, CLIENT_BODY_BYTES_MAX of its body,
 *          CLIENT_TIMEOUT_MS for a peer that says nothing.
 * Memory:  an answer's body is malloc'ed, NUL behind it; the caller frees.
 * Errors:  RC_PEER: nobody is there, or it broke off; RC_DENIED: a certificate was refused;
 *          RC_TIMEOUT; RC_INVALID: not an answer. diag says which, and where to.
 * Context: blocks; the client's process.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include "base.h"
#include "diag.h"
#include "rc.h"

enum {
	CLIENT_HEAD_BYTES_MAX = 16 * 1024,
	CLIENT_BODY_BYTES_MAX = 64 * 1024 * 1024,
	CLIENT_TIMEOUT_MS = 100000,
	CLIENT_CONNECT_MS = 5000
};

struct client;

/* Where to: the socket's path, or host:port with three PEM files. */
struct client_cfg {
	const char *socket;
	const char *remote;		/* NULL = the local socket */
	const char *ca, *crt, *key;
};

struct client_request {
	const char *method, *path;	/* path with its query */
	const char *accept;		/* NULL = application/json */
	const char *match;		/* If-Match, without quotes; NULL = none */
	const char *key;		/* Idempotency-Key; NULL = none */
	const uint64_t *last_id;	/* Last-Event-ID; NULL = none */
	const char *type;		/* of the body; NULL = application/json */
	const void *body;
	size_t body_len;
};

struct client_answer {
	int status;
	char etag[80], location[80], type[80];
	char *body;
	size_t body_len;
};

MUST_CHECK enum rc client_open(const struct client_cfg *cfg, struct client **out,
    struct diag *diag);
void client_close(struct client **c);

MUST_CHECK enum rc client_ask(struct client *c, const struct client_request *r,
    struct client_answer *out, struct diag *diag);
void client_answer_fini(struct client_answer *a);

/* Each line of an endless answer to fn, until it returns false (RC_OK) or the peer ends it
 * (RC_PEER); begin (may be NULL) is called once the stream stands: nothing is missed from then on.
 * An answer that is no stream comes in *out, as from client_ask. */
MUST_CHECK enum rc client_stream(struct client *c, const struct client_request *r,
    void (*begin)(void *arg), bool (*fn)(void *arg, const char *line, size_t len), void *arg,
    struct client_answer *out, struct diag *diag);

#endif
