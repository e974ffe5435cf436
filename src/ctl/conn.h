/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn - one peer of the control channel: bytes, TLS, requests one after the other.
 * Does:    reads a head and a body within their limits, hands them to api_handle, writes the
 *          answer; or feeds a stream until the peer goes.
 * Shape:   HELLO (TLS: the ClientHello gathers) -> SHAKE -> READ -> WAIT (main or a stream works on
 *          it) -> WRITE -> READ ... -> CLOSING -> LINGER (all is said; the rest of what comes is
 *          dropped).
 * Limits:  bounds.h. A deadline is for the whole of a step, not for each byte.
 * Memory:  a connection that has not shown a whole ClientHello costs this struct and at most
 *          LIMIT_HELLO_BYTES.
 * Context: the loop's thread.
 */
#ifndef CONN_H
#define CONN_H

#include "addr.h"
#include "api.h"
#include "http.h"
#include "keys.h"
#include "loop.h"
#include "server.h"
#include "str.h"
#include "tls.h"

enum conn_state { CONN_HELLO, CONN_SHAKE, CONN_READ, CONN_WAIT, CONN_STREAM, CONN_CLOSING,
	CONN_LINGER };

struct conn {
	struct server *server;
	struct conn *prev, *next;	/* in the server's list */
	struct loop_io io;
	struct loop_timer deadline, again;
	uint8_t state;			/* enum conn_state */
	bool local, want_close, handling;
	bool eof;			/* it has said all, and may wait for answers */
	bool pending;			/* counted by admit as without a certificate */
	bool counted;			/* and by the server */
	bool shaking;			/* holds one of LIMIT_HANDSHAKES */
	bool stalled;			/* a step of its handshake waits for its turn, */
	bool stalled_known;		/* and is one of a known source */
	bool known;			/* its source had shown a certificate, as of that step */
	bool head_only;			/* HEAD: the answer without its body */
	struct addr source;		/* family 0 on the local socket */
	enum keys_role role;
	uint64_t since_ns;		/* accepted */
	uint32_t id;			/* of the request that main works on; 0 = none */
	struct api_request req;		/* what the head asked for */

	uint8_t *hello;
	size_t hello_len;
	struct tls_conn *tls;

	char *in;			/* HTTP bytes not handled yet */
	size_t in_len, in_cap;
	struct http_head head;
	bool have_head;			/* it was whole; its bytes are gone */
	struct http_chunked chunked;
	struct str body;
	bool told_continue;
	bool served;			/* one request at least was answered */

	struct str out;			/* bytes to write */
	size_t out_pos;

	struct stream_reader *reader;	/* in CONN_STREAM */
	uint32_t linger_left;		/* bytes that are still dropped */
};

/* Takes the descriptor; the server lists it. NULL where memory is out (the descriptor is
 * closed). */
struct conn *conn_create(struct server *s, int fd, bool local, const struct addr *source);
void conn_destroy(struct conn *c);

/* Appends an answer; the connection goes on to its next request, or closes if it must. extra: more
 * header lines, each ended by CRLF, may be "". */
void conn_answer(struct conn *c, int status, const char *type, const char *extra, const void *body,
    size_t len);
/* RFC 9457 problem. slug names the kind; detail may hold any text; extra as in conn_answer. */
void conn_problem(struct conn *c, int status, const char *slug, const char *detail,
    const char *extra);

/* A stream begins: the head is sent, the rest comes by conn_stream_put, as chunks. */
void conn_stream_begin(struct conn *c, const char *type);
/* False where the reader's queue is full: nothing was added. */
MUST_CHECK bool conn_stream_put(struct conn *c, const void *p, size_t len);

/* The server ends: the next answer is the last, a stream ends now. */
void conn_drain(struct conn *c);
/* Closes one that has nothing to be answered, if it had an answer before or anyone is meant. */
void conn_drain_idle(struct conn *c, bool anyone);

/* Lets the loop write what waits. */
void conn_kick(struct conn *c);

#endif
