/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl_msg - what the control process and main say to each other.
 * Does:    names the messages and gives each its pair of encode and decode; decode distrusts.
 * Shape:   inside struct msg of src/proc. REQUEST: ctl to main; ANSWER: main to ctl, same id,
 *          status as of HTTP; EVENT, FLOW: main to ctl, an alert, a flow, arg = its number,
 *          unasked; KEYS: main to ctl, the three PEM files of the key directory, arg = which
 *          signer has their key; GROUP: main to ctl, arg is the gid that may use the local socket;
 *          DRAIN: main to ctl, accept no more, answer what was asked, end.
 *          SAID is no message of that channel: the signer's only word to main.
 * Limits:  names and texts below; a body is what the request carried, at most
 *          HTTP_BODY_BYTES_MAX, and main never looks into it. The body of
 *          EXPLAIN is the packet, that of FLOWS is of flow_ask.h.
 */
#ifndef CTL_MSG_H
#define CTL_MSG_H

#include "http.h"
#include "msg.h"

enum ctl_msg_type { CTL_REQUEST = 1, CTL_ANSWER, CTL_EVENT, CTL_KEYS, CTL_GROUP,
	CTL_DRAIN, CTL_FLOW };

enum ctl_verb {
	CTL_STATUS = 1, CTL_COUNTERS, CTL_GENERATIONS, CTL_GENERATION, CTL_POLICY, CTL_CHECK,
	CTL_RELOAD, CTL_CONFIRM, CTL_ROLLBACK, CTL_JOB, CTL_METRICS,
	CTL_EXPLAIN, CTL_JUDGE, CTL_PLAN, CTL_JOB_CANCEL, CTL_FLOWS, CTL_VERB__COUNT
};

enum { CTL_TAG_BYTES = 72, CTL_WHY_BYTES = 200 };

struct ctl_request {
	uint8_t verb;			/* enum ctl_verb */
	uint8_t role;			/* enum keys_role; main checks it again */
	bool local;			/* came by the local socket */
	bool has_body;
	uint32_t number;		/* generation or job; 0 = none */
	uint32_t seconds;		/* confirm within, or wait so long */
	char tag[CTL_TAG_BYTES];	/* If-Match without quotes; "*" any; "" = absent */
	char key[CTL_TAG_BYTES];	/* Idempotency-Key; "" = absent */
	const uint8_t *body;
	uint32_t body_len;
};

/* Into a buffer of the caller; RC_LIMIT where it is too small. */
MUST_CHECK enum rc ctl_request_encode(const struct ctl_request *r, uint8_t *buf, size_t cap,
    size_t *len);
MUST_CHECK enum rc ctl_request_decode(const uint8_t *p, size_t len, struct ctl_request *out);

/* An answer: etag may be "", location may be "", type is a media type. */
struct ctl_answer {
	char etag[CTL_TAG_BYTES];
	char location[CTL_TAG_BYTES];
	char type[CTL_TAG_BYTES];
	const uint8_t *body;
	uint32_t body_len;
};
MUST_CHECK enum rc ctl_answer_encode(const struct ctl_answer *r, uint8_t *buf, size_t cap,
    size_t *len);
MUST_CHECK enum rc ctl_answer_decode(const uint8_t *p, size_t len, struct ctl_answer *out);

/* PEM files, each with its NUL counted; crl_len 0 = none; all 0 = no TLS. */
struct ctl_keys {
	const uint8_t *ca, *crt, *crl;
	uint32_t ca_len, crt_len, crl_len;
};
MUST_CHECK enum rc ctl_keys_encode(const struct ctl_keys *k, uint8_t *buf, size_t cap, size_t *len);
MUST_CHECK enum rc ctl_keys_decode(const uint8_t *p, size_t len, struct ctl_keys *out);

/* What a fresh signer says of the files that it was given: that they serve together and until
 * when, or why not. */
struct ctl_said {
	bool ok;
	uint64_t until_s;	/* the first end of a certificate, since 1970 */
	uint64_t crl_until_s;	/* the next update of the revocation list; 0 = none */
	char why[CTL_WHY_BYTES];	/* printable ASCII; "" where they serve */
};
enum { CTL_SAID_BYTES = 256 };
MUST_CHECK enum rc ctl_said_encode(const struct ctl_said *s, uint8_t *buf, size_t cap, size_t *len);
MUST_CHECK enum rc ctl_said_decode(const uint8_t *p, size_t len, struct ctl_said *out);

/* Room that every encode of that body fits in. */
size_t ctl_msg_room(size_t body_len);

#endif
