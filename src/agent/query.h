/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query - questions about policies that one child answers: explain, judge, plan.
 * Does:    compiles the policies it is given in the compile child, hands their rules and the
 *          question to the query child, and gives back its answer as it came: text.
 * Shape:   what the query child reads, all little-endian:
 *          "RFQ1" | kind u8 | 0 u8[3] | four lengths u32 | the question | three blobs
 *          and writes: "RFA1" | status u16 as of HTTP | 0 u16 | length u32 | the text.
 *          query_start, then query_step whenever query_fd is readable; or query_wait.
 * Limits:  those of the roles; QUERY_TEXT_BYTES_MAX of text.
 * Memory:  borrows everything in struct query_ask until the query is destroyed.
 *          The answer to unpack is sources, as pol_sources_encode writes them, or plain words.
 * Errors:  a question that is refused is an answer with its status; a child that fails is RC with
 *          diag. The process that asks looks at 12 bytes of the answer, never at its text.
 */
#ifndef QUERY_H
#define QUERY_H

#include "diag.h"
#include "job.h"

enum query_kind { QUERY_EXPLAIN = 1, QUERY_JUDGE, QUERY_PLAN, QUERY_UNPACK, QUERY_KIND__COUNT };

enum { QUERY_TEXT_BYTES_MAX = 48 << 20, QUERY_BLOBS = 3 };

struct query_blob {
	const uint8_t *p;
	size_t len;
};

struct query_ask {
	enum query_kind kind;
	struct query_blob arg;		/* explain: a packet; judge: a capture; plan: old symbols;
					 * unpack: a body of policy text */
	/* As pol_sources_encode writes them. explain, plan: one; else none */
	struct query_blob sources[2];
	/* judge: image and symbols; plan: -, old image, flows as flow_list has them */
	struct query_blob blobs[QUERY_BLOBS];
};

struct query_answer {
	int status;			/* 200, or of a problem of RFC 9457 */
	const uint8_t *text;		/* the query's */
	size_t len;
};

struct query;

extern const struct job_role role_query;

MUST_CHECK enum rc query_start(const struct query_ask *ask, struct query **out, struct diag *diag);
void query_destroy(struct query **q);
int query_fd(const struct query *q);
/* RC_AGAIN while it runs. */
MUST_CHECK enum rc query_step(struct query *q, struct query_answer *out, struct diag *diag);
/* To the end. tick (may be NULL) is called every 100 ms. */
MUST_CHECK enum rc query_wait(struct query *q, void (*tick)(void *arg, const char *what), void *arg,
    struct query_answer *out, struct diag *diag);

/* The pairs. encode gives malloc'ed bytes; decode points into them and distrusts. */
struct query_input {
	uint8_t kind;
	struct query_blob arg, blobs[QUERY_BLOBS];
};
MUST_CHECK enum rc query_input_encode(const struct query_input *in, uint8_t **out, size_t *len);
MUST_CHECK enum rc query_input_decode(const uint8_t *p, size_t len, struct query_input *out);
MUST_CHECK enum rc query_answer_encode(const struct query_answer *a, uint8_t **out, size_t *len);
MUST_CHECK enum rc query_answer_decode(const uint8_t *p, size_t len, struct query_answer *out);

#endif
