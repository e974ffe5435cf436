/* SPDX-License-Identifier: Apache-2.0 */
/* stream - the ring of events and its readers. */
#include "stream.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "conn.h"
#include "bounds.h"

struct event {
	uint64_t number;
	char *json;
	size_t len;
};

struct stream {
	struct loop *loop;
	const char *kind;
	struct event ring[LIMIT_EVENTS];
	uint64_t count;			/* ever; event i is ring[i % LIMIT_EVENTS] */
	uint64_t last;			/* number of the newest */
	struct stream_reader *readers;
	struct loop_timer quiet;
};

struct stream_reader {
	struct stream *stream;
	struct stream_reader *prev, *next;
	struct conn *conn;
	uint64_t at;			/* index of the next event to send */
	uint64_t seen;			/* number of the last one sent */
	uint64_t lost;			/* not said yet */
	bool ndjson;
};

/* One event, or a loss, in the reader's format; false where its queue is full. */
static bool
reader_put(struct stream_reader *r, const char *kind, uint64_t number, const char *json, size_t len)
{
	struct str s = { 0 };
	bool ok;

	if (!r->ndjson)
		str_addf(&s, "id: %llu\nevent: %s\ndata: ", (unsigned long long)number, kind);
	str_add_bytes(&s, json, len);
	str_add(&s, r->ndjson ? "\n" : "\n\n");
	ok = !s.failed && conn_stream_put(r->conn, s.p, s.len);
	str_fini(&s);
	return ok;
}

static bool
lost_put(struct stream_reader *r)
{
	char json[64];
	int n = snprintf(json, sizeof(json), "{\"lost_events\":%llu}", (unsigned long long)r->lost);

	if (!reader_put(r, "lost", r->seen, json, (size_t)n))
		return false;
	r->lost = 0;
	return true;
}

/* Sends what the reader has not seen, as far as its queue takes it. */
static void
reader_advance(struct stream_reader *r)
{
	struct stream *s = r->stream;
	uint64_t oldest = s->count > LIMIT_EVENTS ? s->count - LIMIT_EVENTS : 0;

	if (r->at < oldest)
		r->at = oldest;
	while (r->at < s->count) {
		const struct event *e = &s->ring[r->at % LIMIT_EVENTS];

		if (e->number > r->seen + 1) {
			r->lost += e->number - r->seen - 1;
			r->seen = e->number - 1;
		}
		if ((r->lost > 0 && !lost_put(r)) ||
		    !reader_put(r, s->kind, e->number, e->json, e->len))
			break;
		r->seen = e->number;
		r->at++;
	}
}

bool
stream_reader_more(struct stream_reader *r)
{
	uint64_t at = r->at;

	reader_advance(r);
	return r->at != at;
}

static void
on_quiet(void *arg)
{
	struct stream *s = arg;

	for (struct stream_reader *r = s->readers, *next; r != NULL; r = next) {
		next = r->next;
		reader_advance(r);
		if (r->at == s->count && !conn_stream_put(r->conn, r->ndjson ? "\n" : ":\n\n",
		    r->ndjson ? 1 : 3))
			continue;	/* it has enough to read */
		conn_kick(r->conn);
	}
	CHECK(loop_timer_set(s->loop, &s->quiet, clock_mono_ns() + LIMIT_KEEPALIVE_MS *
	    NS_PER_MS) == RC_OK);
}

struct stream *
stream_create(struct loop *l, const char *kind)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->loop = l;
	s->kind = kind;
	s->quiet = (struct loop_timer){ .fn = on_quiet, .arg = s };
	if (loop_timer_set(l, &s->quiet, clock_mono_ns() + LIMIT_KEEPALIVE_MS * NS_PER_MS) !=
	    RC_OK) {
		free(s);
		return NULL;
	}
	return s;
}

void
stream_destroy(struct stream **stream)
{
	struct stream *s = *stream;

	if (s == NULL)
		return;
	CHECK(s->readers == NULL);
	loop_timer_clear(s->loop, &s->quiet);
	for (size_t i = 0; i < LIMIT_EVENTS; i++)
		free(s->ring[i].json);
	free(s);
	*stream = NULL;
}

void
stream_add(struct stream *s, uint64_t number, const void *json, size_t len)
{
	struct event *e = &s->ring[s->count % LIMIT_EVENTS];
	char *copy = malloc(len + 1);

	if (number <= s->last || copy == NULL) {
		free(copy);	/* a gap in the numbers: readers are told of it */
		return;
	}
	memcpy(copy, json, len);
	copy[len] = '\0';
	free(e->json);
	*e = (struct event){ .number = number, .json = copy, .len = len };
	s->last = number;
	s->count++;
	for (struct stream_reader *r = s->readers, *next; r != NULL; r = next) {
		next = r->next;
		reader_advance(r);
		conn_kick(r->conn);
	}
}

enum rc
stream_reader_begin(struct stream *s, struct conn *c, bool ndjson, bool has_last, uint64_t last_id,
    struct stream_reader **out)
{
	struct stream_reader *r = calloc(1, sizeof(*r));

	*out = NULL;
	if (r == NULL)
		return RC_NOMEM;
	*r = (struct stream_reader){ .stream = s, .conn = c, .ndjson = ndjson, .at = s->count,
		.seen = s->last };
	if (has_last && last_id < s->last) {
		uint64_t oldest = s->count > LIMIT_EVENTS ? s->count - LIMIT_EVENTS : 0;

		r->seen = last_id;
		while (r->at > oldest && s->ring[(r->at - 1) % LIMIT_EVENTS].number > last_id)
			r->at--;
	}
	r->next = s->readers;
	if (r->next != NULL)
		r->next->prev = r;
	s->readers = r;
	*out = r;
	reader_advance(r);
	return RC_OK;
}

void
stream_reader_end(struct stream_reader **reader)
{
	struct stream_reader *r = *reader;

	if (r == NULL)
		return;
	if (r->prev != NULL)
		r->prev->next = r->next;
	else
		r->stream->readers = r->next;
	if (r->next != NULL)
		r->next->prev = r->prev;
	free(r);
	*reader = NULL;
}
