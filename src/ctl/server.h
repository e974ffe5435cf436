/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server - the control process: listeners, connections, requests on their way to main.
 * Does:    accepts on the local socket and on TLS, admits, keeps the table of requests that wait
 *          for main's answers, tells streams of events.
 * Shape:   main hands over: a channel of messages, the two listening sockets, the signer's end.
 * Limits:  bounds.h.
 * Errors:  what a peer does wrong ends its connection; what main does wrong ends the process.
 * Context: one thread; after its rights are dropped it opens nothing.
 */
#ifndef SERVER_H
#define SERVER_H

#include "base.h"
#include "diag.h"
#include "rc.h"

struct server;
struct conn;
struct ctl_request;

struct server_cfg {
	int main_fd;		/* stream socket to main; kept */
	int local_fd;		/* listening Unix socket; kept */
	int tls_fd;		/* listening TCP socket, -1 = none; kept */
	int signer_fds[2];	/* one serves, the other is for the next key; -1 = none; kept */
	uint8_t *vault;		/* of tickets, TLS_VAULT_BYTES (tls.h), or NULL; borrowed */
	uint32_t group;		/* gid that may use the local socket, beside root */
	bool told;		/* main tells group and keys: until then nobody is accepted */
	const char *openapi;	/* JSON text, borrowed for the server's life */
	size_t openapi_len;
	uint32_t stall_ms;	/* LIMIT_STALL_MS where 0; tests have less patience */
};

MUST_CHECK enum rc server_create(const struct server_cfg *cfg, struct server **out,
    struct diag *diag);
void server_destroy(struct server **s);
/* Serves until main is gone (RC_PEER) or a signal asks it to stop (RC_OK). */
MUST_CHECK enum rc server_run(struct server *s);

/* For conn.c, api.c, stream.c. */
struct loop *server_loop(struct server *s);
struct admit *server_admit(struct server *s);
struct tls_config *server_tls(struct server *s);
struct stream *server_stream(struct server *s, bool flows);	/* else alerts */
uint32_t server_stall_ms(const struct server *s);
const char *server_openapi(const struct server *s, size_t *len);
void server_list(struct server *s, struct conn *c);
void server_unlist(struct server *s, struct conn *c);
/* Counts what was refused, by kind, for metrics and rate-limited logs. */
enum server_refusal { REFUSED_BUDGET, REFUSED_PENDING, REFUSED_HELLO, REFUSED_HANDSHAKE,
	REFUSED_CERTIFICATE, REFUSED_TIMEOUT, REFUSED_REQUEST, REFUSED_CONNS, REFUSED__COUNT };
void server_refused(struct server *s, enum server_refusal what, const struct conn *c,
    const char *why);
/* Whether a step of c's handshake may be made now: one a turn of the loop, so that who is served
 * already waits for one at most; of a stranger in its share of time; with a TLS context of
 * LIMIT_HANDSHAKES, kept until _done. Where not, c is stalled until the server kicks it. */
MUST_CHECK bool server_shake_may(struct server *s, struct conn *c);
void server_shake_done(struct server *s, struct conn *c);
/* It is no longer one without a certificate. */
void server_stranger_done(struct server *s, struct conn *c);
/* Sends a request to main for c; its answer comes back by conn_answer. */
MUST_CHECK enum rc server_ask(struct server *s, struct conn *c, const struct ctl_request *r);
void server_forget(struct server *s, struct conn *c);

#endif
