/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api - the paths of the control channel: what each needs, and the message it becomes.
 * Does:    one table of routes; checks method, role, preconditions and query; sends the request to
 *          main or begins a stream. OpenAPI of the same table: src/ctl/openapi.json.
 * Source:  ringfence-api(7).
 */
#ifndef API_H
#define API_H

#include "ctl_msg.h"
#include "http.h"

struct conn;
struct api_route;

enum { API_TEXT_BYTES = 520 };	/* a packet in words, and more than it may have */

/* What a head asked for, free of the head's bytes. */
struct api_request {
	const struct api_route *route;	/* NULL: refused by status and slug */
	int status;
	const char *slug, *detail;
	bool ndjson;			/* a stream of lines instead of SSE */
	bool prometheus;		/* the older metrics text */
	bool has_last, follow;
	bool options;			/* asks for allow alone */
	uint8_t allow;			/* bit by enum http_method: what the path takes */
	uint64_t last_id;		/* Last-Event-ID */
	char match[CTL_TAG_BYTES];	/* If-None-Match without quotes */
	char text[API_TEXT_BYTES];	/* of the query, decoded: the body main gets */
	size_t text_len;
	struct ctl_request ask;
};

void api_begin(const struct http_head *h, struct api_request *out);
/* The request is whole: answers, asks main, or begins a stream. */
void api_handle(struct conn *c);
/* Main's answer. */
void api_answered(struct conn *c, int status, const struct ctl_answer *a);

#endif
