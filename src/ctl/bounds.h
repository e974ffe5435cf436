/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bounds - every bound of the control channel, in one place; ringfence.conf(5) lists them.
 * Units:   milliseconds, bytes and counts, as the names say.
 */
#ifndef BOUNDS_H
#define BOUNDS_H

enum {
	/* Before a peer has shown a certificate. */
	LIMIT_SOURCE_RATE = 20,			/* connections a second of one address, */
	LIMIT_SOURCE_BURST = 40,		/* and at once */
	LIMIT_SOURCES = 8192,			/* addresses whose budget is remembered */
	/* connections of one address without a certificate */
	LIMIT_SOURCE_PENDING = 32,
	LIMIT_PENDING = 4096,			/* of all; the oldest gives way */
	LIMIT_HELLO_BYTES = 4096,		/* of a ClientHello */
	LIMIT_HANDSHAKES = 64,			/* TLS contexts in handshake at once */
	LIMIT_HANDSHAKE_SHARE = 4,		/* strangers get one part in 4 of time, */
	LIMIT_HANDSHAKE_STEP_MS = 10,		/* and one step counts no more than this: what is
						 * beyond was other processes' time */
	LIMIT_HANDSHAKE_TURN_MS = 1000,		/* so long it keeps its context while others wait */
	LIMIT_HANDSHAKE_MS = 5000,

	/* After it. */
	LIMIT_CONNS = 2048,
	LIMIT_CONNS_LOCAL = 1024,		/* of the local socket, beside those */
	LIMIT_REQUEST_MS = 10000,		/* from its first byte to its last */
	LIMIT_STALL_MS = 30000,			/* a reader that takes nothing */
	LIMIT_IDLE_MS = 120000,			/* between requests */
	LIMIT_LINGER_MS = 1000,			/* at its end a peer may finish what it says */
	LIMIT_LINGER_BYTES = 1 << 20,
	LIMIT_STREAM_QUEUE = 256 * 1024,
	LIMIT_EVENTS = 4096,			/* kept for Last-Event-ID */
	LIMIT_KEEPALIVE_MS = 15000,		/* comments in a quiet stream */
	LIMIT_JOBS = 32,
	LIMIT_WAIT_S = 60,			/* for a job, of one request */
	LIMIT_CONFIRM_S = 3600,			/* of a reload that waits to be confirmed */
	LIMIT_QUERIES = 4,			/* answered at once */
	LIMIT_ANSWER_MS = 90000			/* main has so long to answer */
};

#endif
