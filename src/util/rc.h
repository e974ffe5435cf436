/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rc - the result of everything that can fail in operation.
 * Does:    one enum, its stable names, errno mapped at the system call.
 * Context: pure.
 */
#ifndef RC_H
#define RC_H

enum rc {
	RC_OK = 0,
	RC_NOMEM = -1,		/* memory, or a budget of it */
	RC_LIMIT = -2,		/* past a named maximum */
	RC_INVALID = -3,	/* input that is wrong */
	RC_TRUNC = -4,		/* input that ends too early */
	RC_AGAIN = -5,		/* not now; later it may work */
	RC_TIMEOUT = -6,
	RC_IO = -7,		/* a system call failed */
	RC_PEER = -8,		/* the other side is gone or broke the protocol */
	RC_DENIED = -9,		/* not permitted */
	RC_CONFLICT = -10,	/* somebody else holds it, or it exists */
	RC_STALE = -11,		/* names a generation or epoch that has passed */
	RC__COUNT = 12
};

/* "ok", "nomem", ...; never NULL. */
const char *rc_name(enum rc rc);

/* Maps errno; call at the system call, nowhere later. Zero maps to RC_OK. */
enum rc rc_from_errno(int err);

#endif
