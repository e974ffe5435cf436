/* SPDX-License-Identifier: Apache-2.0 */
/* api - routes, and the way of a request through its checks. */
#include "api.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "clock.h"
#include "conn.h"
#include "bounds.h"
#include "flow_ask.h"
#include "stream.h"

enum flag {
	NEEDS_OPERATE = 1,	/* changes something */
	NEEDS_MATCH = 2,	/* If-Match required */
	TAKES_BODY = 4,
	HAS_NUMBER = 8,		/* "{n}" in the path */
	IS_STREAM = 16,
	IS_LOCAL = 32,		/* answered here, without main */
	NEEDS_TEXT = 64,	/* the query has a text: the body of the question */
	IS_FLOWS = 128		/* the query picks flows; with IS_STREAM: their stream */
};

struct api_route {
	enum http_method method;
	const char *path;	/* "{n}" stands for a number from 1 on, at most 10 digits */
	uint8_t verb;		/* enum ctl_verb; 0 for IS_STREAM and IS_LOCAL */
	uint8_t flags;
};

static const struct api_route routes[] = {
	{ HTTP_GET, "/v1/status", CTL_STATUS, 0 },
	{ HTTP_GET, "/v1/counters", CTL_COUNTERS, 0 },
	{ HTTP_GET, "/v1/generations", CTL_GENERATIONS, 0 },
	{ HTTP_GET, "/v1/generations/{n}", CTL_GENERATION, HAS_NUMBER },
	{ HTTP_GET, "/v1/generations/{n}/policy", CTL_POLICY, HAS_NUMBER },
	{ HTTP_GET, "/v1/policy", CTL_POLICY, 0 },
	{ HTTP_GET, "/v1/policy/plan", CTL_PLAN, 0 },
	{ HTTP_POST, "/v1/policy/plan", CTL_PLAN, TAKES_BODY },
	{ HTTP_POST, "/v1/policy/check", CTL_CHECK, TAKES_BODY },
	{ HTTP_POST, "/v1/policy/reload", CTL_RELOAD, TAKES_BODY | NEEDS_OPERATE | NEEDS_MATCH },
	{ HTTP_POST, "/v1/policy/confirm", CTL_CONFIRM, NEEDS_OPERATE | NEEDS_MATCH },
	{ HTTP_POST, "/v1/policy/rollback", CTL_ROLLBACK, NEEDS_OPERATE | NEEDS_MATCH },
	{ HTTP_GET, "/v1/jobs/{n}", CTL_JOB, HAS_NUMBER },
	{ HTTP_DELETE, "/v1/jobs/{n}", CTL_JOB_CANCEL, HAS_NUMBER | NEEDS_OPERATE },
	{ HTTP_GET, "/v1/explain", CTL_EXPLAIN, NEEDS_TEXT },
	{ HTTP_POST, "/v1/judge", CTL_JUDGE, TAKES_BODY },
	{ HTTP_GET, "/v1/metrics", CTL_METRICS, 0 },
	{ HTTP_GET, "/v1/alerts", 0, IS_STREAM },
	{ HTTP_GET, "/v1/flows", CTL_FLOWS, IS_FLOWS },
	{ HTTP_GET, "/v1/flows/stream", 0, IS_STREAM | IS_FLOWS },
	{ HTTP_GET, "/v1/openapi.json", 0, IS_LOCAL },
};

/* Digits only, at most 10, within 32 bits; how many were read, 0 where it is none. */
static size_t
number_read(const char *p, size_t len, uint32_t *out)
{
	uint64_t v = 0;
	size_t n = 0;

	for (; n < len && n < 11 && p[n] >= '0' && p[n] <= '9'; n++)
		v = v * 10 + (uint64_t)(p[n] - '0');
	if (n == 0 || n > 10 || v > UINT32_MAX)
		return 0;
	*out = (uint32_t)v;
	return n;
}

static bool
path_matches(const struct api_route *r, const struct http_slice *path, uint32_t *number)
{
	const char *want = r->path, *p = path->p, *end = path->p + path->len;

	while (*want != '\0') {
		if (strncmp(want, "{n}", 3) == 0) {
			size_t n = number_read(p, (size_t)(end - p), number);

			if (n == 0 || *p == '0')	/* one path a thing, from 1 on */
				return false;
			p += n;
			want += 3;
		} else if (p < end && *p == *want) {
			p++;
			want++;
		} else {
			return false;
		}
	}
	return p == end;
}

static void
refuse(struct api_request *out, int status, const char *slug, const char *detail)
{
	if (out->status == 0) {
		out->status = status;
		out->slug = slug;
		out->detail = detail;
	}
	out->route = NULL;
}

/* A strong entity tag, or "*": into out without quotes. A weak tag or a list never matches, nor
 * does a star within quotes, which is no "*". */
static bool
tag_read(const struct http_slice *v, char out[CTL_TAG_BYTES])
{
	if (http_slice_is(v, "*")) {
		strcpy(out, "*");
		return true;
	}
	if (http_slice_is(v, "\"*\"") || v->len < 3 || v->len > CTL_TAG_BYTES ||
	    v->p[0] != '"' || v->p[v->len - 1] != '"' ||
	    memchr(v->p + 1, '"', v->len - 2) != NULL)
		return false;
	memcpy(out, v->p + 1, v->len - 2);
	out[v->len - 2] = '\0';
	return true;
}

/* Digits only, at most 19. */
static bool
event_id_read(const struct http_slice *v, uint64_t *out)
{
	uint64_t id = 0;

	for (size_t i = 0; i < v->len; i++) {
		if (v->p[i] < '0' || v->p[i] > '9')
			return false;
		id = id * 10 + (uint64_t)(v->p[i] - '0');
	}
	*out = id;
	return v->len >= 1 && v->len <= 19;
}

/* Of what is said once the first would win, and a proxy may think the last does. */
static void
once_check(const struct http_head *h, struct api_request *out)
{
	static const struct { const char *name, *detail; } once[] = {
		{ "if-match", "If-Match is there twice" },
		{ "idempotency-key", "Idempotency-Key is there twice" },
		{ "last-event-id", "Last-Event-ID is there twice" },
		{ "content-type", "Content-Type is there twice" },
		{ "content-encoding", "Content-Encoding is there twice" },
	};

	for (size_t i = 0; i < ARRAY_LEN(once); i++)
		if (http_field_count(h, once[i].name) > 1)
			refuse(out, 400, "repeated-field", once[i].detail);
}

static void
fields_read(const struct http_head *h, struct api_request *out)
{
	struct http_slice v;

	once_check(h, out);
	if (http_field_get(h, "if-match", &v) && !tag_read(&v, out->ask.tag))
		refuse(out, 400, "bad-tag", "If-Match must be one ETag of /v1/policy, or *");
	if (http_field_get(h, "if-none-match", &v) && !tag_read(&v, out->match))
		out->match[0] = '\0';
	if (http_field_get(h, "idempotency-key", &v)) {
		if (v.len == 0 || v.len >= sizeof(out->ask.key))
			refuse(out, 400, "bad-key", "Idempotency-Key has 1 to 71 characters");
		else
			memcpy(out->ask.key, v.p, v.len);
	}
	if (http_field_get(h, "last-event-id", &v)) {
		out->has_last = event_id_read(&v, &out->last_id);
		if (!out->has_last)
			refuse(out, 400, "bad-event-id", "Last-Event-ID is a number");
	}
}

/* Which of the types that the path gives the client would have most; the first among equals. */
static void
type_choose(const struct http_head *h, struct api_request *out)
{
	const struct api_route *r = out->route;
	const char *types[2] = { "application/json", NULL };
	uint32_t best = 0;
	struct http_slice accept;
	size_t chosen = 0;

	if (r == NULL || !http_field_get(h, "accept", &accept))
		return;
	if (r->flags & IS_STREAM) {
		types[0] = "text/event-stream";
		types[1] = "application/x-ndjson";
	} else if (r->verb == CTL_METRICS) {
		types[0] = "application/openmetrics-text";
		types[1] = "text/plain";
	} else if (r->verb == CTL_JUDGE) {
		types[0] = "application/x-ndjson";
	}
	for (size_t i = 0; i < ARRAY_LEN(types) && types[i] != NULL; i++) {
		uint32_t q = http_accepts(&accept, types[i]);

		if (q > best) {
			best = q;
			chosen = i;
		}
	}
	out->ndjson = chosen == 1 && (r->flags & IS_STREAM);
	out->prometheus = chosen == 1 && r->verb == CTL_METRICS;
	if (best == 0)
		refuse(out, 406, "not-acceptable", "the path gives no type that Accept names");
}

/* Bodies come as they are. curl's own type for data is taken for what it is: no statement. */
static void
body_type_check(const struct http_head *h, struct api_request *out)
{
	static const char *const good[] = { "application/json", "application/octet-stream",
		"application/x-www-form-urlencoded" };
	struct http_slice v;
	bool known = false;

	if (out->route == NULL || !(out->route->flags & TAKES_BODY))
		return;
	if (http_field_get(h, "content-encoding", &v) && !http_slice_is(&v, "identity"))
		refuse(out, 415, "encoding", "a body comes as it is, without Content-Encoding");
	if (out->ask.verb == CTL_JUDGE || !http_field_get(h, "content-type", &v))
		return;		/* a capture tells by itself what it is */
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		size_t n = strlen(good[i]);

		known |= v.len >= n && strncasecmp(v.p, good[i], n) == 0 &&
		    (v.len == n || v.p[n] == ';' || v.p[n] == ' ');
	}
	if (!known)
		refuse(out, 415, "content-type", "the body is application/json");
}

/* What is wrong is told where the text would have stood. */
static void
flows_read(const struct http_head *h, struct api_request *out)
{
	struct flow_ask ask;
	struct diag d = { 0 };

	_Static_assert((int)FLOW_ASK_BYTES <= (int)API_TEXT_BYTES, "the question fits");
	if (flow_ask_read(&h->query, clock_wall_ns(), &ask, &d) == RC_OK) {
		out->text_len = flow_ask_encode(&ask, (uint8_t *)out->text);
		return;
	}
	(void)snprintf(out->text, sizeof(out->text), "%.300s%s%.200s", d.text,
	    d.hint[0] != '\0' ? "; " : "", d.hint);
	refuse(out, 400, "bad-query", out->text);
}

/* The one part that a route knows, of what it takes. */
struct query_part {
	uint8_t verb;
	const char *name;
	uint32_t lo, hi;	/* 0, 0 = a text */
};

static const struct query_part *
query_part_of(const struct api_route *r)
{
	static const struct query_part known[] = {
		{ CTL_RELOAD, "confirm", 1, LIMIT_CONFIRM_S },
		{ CTL_ROLLBACK, "generation", 1, UINT32_MAX },
		{ CTL_JOB, "wait", 0, LIMIT_WAIT_S },
		{ CTL_EXPLAIN, "packet", 0, 0 }
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (r->verb == known[i].verb)
			return &known[i];
	return NULL;
}

/* An unknown part is refused, a second one too: nothing is accepted and ignored. */
static void
query_read(const struct http_head *h, struct api_request *out)
{
	const struct query_part *part = query_part_of(out->route);
	const char *p = h->query.p, *end = h->query.p + h->query.len;
	size_t n = part == NULL ? 0 : strlen(part->name);
	uint32_t v = 0;

	if ((out->route->flags & IS_FLOWS) && !(out->route->flags & IS_STREAM)) {
		flows_read(h, out);
		return;
	}
	for (int i = 0; p < end; i++) {
		const char *amp = memchr(p, '&', (size_t)(end - p));

		if (n == 0 || (size_t)(end - p) <= n || memcmp(p, part->name, n) != 0 ||
		    p[n] != '=' || i > 0) {
			refuse(out, 400, "unknown-query", i > 0 ? "the path takes one part of a "
			    "query, once" : "the query has a part this path does not know");
			return;
		}
		p = amp == NULL ? end : amp + 1;
	}
	if (out->route->flags & NEEDS_TEXT) {
		if (!http_query_get(&h->query, part->name, out->text, sizeof(out->text)))
			refuse(out, 400, "bad-query", "the query needs ?packet=, "
			    "percent-encoded, of at most 512 bytes");
		out->text_len = strlen(out->text);
		return;
	}
	if (h->query.len == 0)
		return;
	if (!http_query_get(&h->query, part->name, out->text, sizeof(out->text)) ||
	    number_read(out->text, strlen(out->text), &v) != strlen(out->text) ||
	    out->text[0] == '\0' || v < part->lo || v > part->hi) {
		(void)snprintf(out->text, sizeof(out->text), "%s takes %" PRIu32 " to %" PRIu32,
		    part->name, part->lo, part->hi);
		refuse(out, 400, "bad-query", out->text);
	} else if (part->verb == CTL_ROLLBACK) {
		out->ask.number = v;
	} else {
		out->ask.seconds = v;
	}
}

void
api_begin(const struct http_head *h, struct api_request *out)
{
	enum http_method method = h->method == HTTP_HEAD ? HTTP_GET : h->method;
	bool known = false;

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		if (!path_matches(&routes[i], &h->path, &out->ask.number))
			continue;
		known = true;
		out->allow |= (uint8_t)(1u << routes[i].method);
		if (routes[i].method == method)
			out->route = &routes[i];
	}
	if (out->route == NULL) {
		out->options = known && method == HTTP_OPTIONS;
		if (known && !out->options)
			refuse(out, 405, "method", "the path does not take this method");
		else if (known)
			out->ask.verb = 0;
		else
			refuse(out, 404, "not-found", "there is no such path");
		return;
	}
	out->ask.verb = out->route->verb;
	query_read(h, out);
	if (out->route == NULL)
		return;
	fields_read(h, out);
	type_choose(h, out);
	body_type_check(h, out);
	if (out->route != NULL && !(out->route->flags & TAKES_BODY) &&
	    (h->content_length > 0 || h->chunked))
		refuse(out, 400, "no-body", "the path takes no body");
}

static void
openapi_answer(struct conn *c)
{
	size_t len;
	const char *text = server_openapi(c->server, &len);

	conn_answer(c, 200, "application/json", "", text, len);
}

static void
stream_answer(struct conn *c)
{
	bool flows = (c->req.route->flags & IS_FLOWS) != 0;
	enum rc rc;

	if (c->head_only) {
		conn_answer(c, 200, c->req.ndjson ? "application/x-ndjson" : "text/event-stream",
		    "", "", 0);
		return;
	}
	conn_stream_begin(c, c->req.ndjson ? "application/x-ndjson" : "text/event-stream");
	rc = stream_reader_begin(server_stream(c->server, flows), c, c->req.ndjson,
	    c->req.has_last, c->req.last_id, &c->reader);
	if (rc != RC_OK)
		c->state = CONN_CLOSING;
}

/* Refused, or asked only what the path takes. */
static void
refusal_answer(struct conn *c)
{
	static const char *const names[HTTP_METHOD__COUNT] = { "GET, HEAD", "", "POST", "PUT",
		"DELETE" };
	const struct api_request *q = &c->req;
	struct str extra = { 0 };

	if (q->allow != 0 && (q->status == 405 || q->options)) {
		str_add(&extra, "Allow: OPTIONS");
		for (size_t i = 0; i < ARRAY_LEN(names); i++)
			if ((q->allow & 1u << i) != 0)
				str_addf(&extra, ", %s", names[i]);
		str_add(&extra, "\r\n");
	}
	if (q->options)
		conn_answer(c, 204, "", str_text(&extra), "", 0);
	else
		conn_problem(c, q->status, q->slug, q->detail, str_text(&extra));
	str_fini(&extra);
}

void
api_handle(struct conn *c)
{
	struct api_request *q = &c->req;

	if (q->route == NULL) {
		refusal_answer(c);
		return;
	}
	if ((q->route->flags & NEEDS_OPERATE) && c->role != KEYS_OPERATE) {
		conn_problem(c, 403, "role", "the certificate's role is view; this needs operate",
		    "");
		return;
	}
	if ((q->route->flags & NEEDS_MATCH) && q->ask.tag[0] == '\0') {
		conn_problem(c, 428, "precondition-required",
		    "If-Match with the ETag of /v1/policy, or *, is required", "");
		return;
	}
	if (q->route->flags & IS_LOCAL) {
		openapi_answer(c);
		return;
	}
	if (q->route->flags & IS_STREAM) {
		stream_answer(c);
		return;
	}
	q->ask.role = (uint8_t)c->role;
	q->ask.local = c->local;
	q->ask.has_body = c->body.len > 0;
	q->ask.body = (const uint8_t *)str_text(&c->body);
	q->ask.body_len = (uint32_t)c->body.len;
	if (q->route->flags & (NEEDS_TEXT | IS_FLOWS)) {
		q->ask.has_body = true;
		q->ask.body = (const uint8_t *)q->text;
		q->ask.body_len = (uint32_t)q->text_len;
	}
	if (q->ask.verb == CTL_METRICS)
		q->ask.number = q->prometheus;
	if (server_ask(c->server, c, &q->ask) != RC_OK)
		conn_problem(c, 503, "busy", "too many requests wait", "Retry-After: 1\r\n");
}

void
api_answered(struct conn *c, int status, const struct ctl_answer *a)
{
	struct str extra = { 0 };

	if (a->etag[0] != '\0')
		str_addf(&extra, "ETag: \"%s\"\r\n", a->etag);
	if (a->location[0] != '\0')
		str_addf(&extra, "Location: %s\r\n", a->location);
	if (status == 200 && a->etag[0] != '\0' && c->req.route != NULL &&
	    c->req.route->method == HTTP_GET && strcmp(a->etag, c->req.match) == 0)
		conn_answer(c, 304, "", str_text(&extra), "", 0);
	else
		conn_answer(c, status, a->type, str_text(&extra), a->body, a->body_len);
	str_fini(&extra);
}
