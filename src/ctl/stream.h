/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream - events for whoever watches: kept for a while, numbered, their loss said.
 * Does:    a ring of the last LIMIT_EVENTS events; readers that follow it at their own pace; one
 *          that falls behind is told how many it lost, and goes on.
 * Shape:   SSE: "id: N", "event: KIND" or "lost", "data: JSON"; or lines of JSON (NDJSON). A
 *          comment every LIMIT_KEEPALIVE_MS where nothing happens.
 * Source:  Server-sent events, WHATWG HTML section 9.2.
 */
#ifndef STREAM_H
#define STREAM_H

#include "base.h"
#include "rc.h"

struct conn;
struct loop;
struct stream;
struct stream_reader;

/* kind names its events, borrowed. */
MUST_CHECK struct stream *stream_create(struct loop *l, const char *kind);
void stream_destroy(struct stream **s);
/* Adds an event; numbers rise, gaps are events that main could not send: they count as lost. */
void stream_add(struct stream *s, uint64_t number, const void *json, size_t len);

/* Follows from now, or from after last_id where it is given. */
MUST_CHECK enum rc stream_reader_begin(struct stream *s, struct conn *c, bool ndjson, bool has_last,
    uint64_t last_id, struct stream_reader **out);
/* Gives it what had no place in its queue before; whether there was any. */
MUST_CHECK bool stream_reader_more(struct stream_reader *r);
void stream_reader_end(struct stream_reader **r);

#endif
