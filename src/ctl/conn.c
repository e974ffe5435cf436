/* SPDX-License-Identifier: Apache-2.0 */
/* conn - the states of a connection, each with one deadline. */
#include "conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admit.h"
#include "api.h"
#include "clock.h"
#include "bounds.h"
#include "stream.h"

enum { READ_BYTES = 16 * 1024, TURNS_MAX = 16 };

static void on_io(void *arg, uint32_t events);
static void on_deadline(void *arg);
static void on_again(void *arg);

static void
deadline_set(struct conn *c, uint32_t ms)
{
	if (loop_timer_set(server_loop(c->server), &c->deadline,
	    clock_mono_ns() + ms * NS_PER_MS) != RC_OK)
		c->want_close = true;
}

struct conn *
conn_create(struct server *s, int fd, bool local, const struct addr *source)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		close(fd);
		return NULL;
	}
	c->server = s;
	c->local = local;
	c->source = *source;
	c->pending = !local;
	c->role = local ? KEYS_OPERATE : KEYS_VIEW;
	c->state = local ? CONN_READ : CONN_HELLO;
	c->since_ns = clock_mono_ns();
	c->io = (struct loop_io){ .fd = fd, .events = EPOLLIN, .fn = on_io, .arg = c,
		.late = !local };
	c->deadline = (struct loop_timer){ .fn = on_deadline, .arg = c };
	c->again = (struct loop_timer){ .fn = on_again, .arg = c };
	server_list(s, c);
	if (loop_io_add(server_loop(s), &c->io) != RC_OK) {
		conn_destroy(c);
		return NULL;
	}
	deadline_set(c, local ? LIMIT_IDLE_MS : LIMIT_HANDSHAKE_MS);
	return c;
}

void
conn_destroy(struct conn *c)
{
	struct loop *l = server_loop(c->server);

	if (c->pending)
		admit_end(server_admit(c->server), &c->source, false);
	server_shake_done(c->server, c);
	server_stranger_done(c->server, c);
	server_forget(c->server, c);
	stream_reader_end(&c->reader);
	loop_io_del(l, &c->io);
	loop_timer_clear(l, &c->deadline);
	loop_timer_clear(l, &c->again);
	tls_conn_close(&c->tls);
	close(c->io.fd);
	server_unlist(c->server, c);
	free(c->hello);
	free(c->in);
	str_fini(&c->body);
	str_fini(&c->out);
	free(c);
}

/* What it still sends would turn the end into a reset, which takes the last words with it: the
 * alert, or the answer to a request that was too long. So it is read and dropped for a moment. */
static enum rc
linger_begin(struct conn *c)
{
	if (c->eof)
		return RC_PEER;
	server_shake_done(c->server, c);
	tls_conn_close(&c->tls);
	(void)shutdown(c->io.fd, SHUT_WR);
	c->state = CONN_LINGER;
	c->linger_left = LIMIT_LINGER_BYTES;
	deadline_set(c, LIMIT_LINGER_MS);
	return RC_OK;
}

static enum rc
linger_advance(struct conn *c)
{
	static char nowhere[READ_BYTES];
	ssize_t n = recv(c->io.fd, nowhere, sizeof(nowhere), MSG_DONTWAIT);

	if (n < 0)
		return rc_from_errno(errno);
	if (n == 0 || (size_t)n >= c->linger_left)
		return RC_PEER;
	c->linger_left -= (uint32_t)n;
	return RC_OK;
}

/* --- bytes --- */

static enum rc
bytes_read(struct conn *c, char *p, size_t cap, size_t *got)
{
	ssize_t n;

	if (c->tls != NULL)
		return tls_read(c->tls, p, cap, got);
	do
		n = recv(c->io.fd, p, cap, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	*got = n > 0 ? (size_t)n : 0;
	return n >= 0 ? RC_OK : rc_from_errno(errno);
}

static enum rc
bytes_write(struct conn *c, const char *p, size_t len, size_t *put)
{
	ssize_t n;

	if (c->tls != NULL)
		return tls_write(c->tls, p, MIN(len, (size_t)READ_BYTES), put);
	do
		n = send(c->io.fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	*put = n > 0 ? (size_t)n : 0;
	return n >= 0 ? RC_OK : rc_from_errno(errno);
}

/* RC_AGAIN where some waits; what was written leaves the queue. */
static enum rc
out_flush(struct conn *c)
{
	enum rc rc = RC_OK;
	size_t put;

	while (rc == RC_OK && c->out_pos < c->out.len) {
		rc = bytes_write(c, c->out.p + c->out_pos, c->out.len - c->out_pos, &put);
		c->out_pos += put;
		if (rc == RC_OK || put > 0)
			deadline_set(c, server_stall_ms(c->server));
	}
	if (c->out_pos == c->out.len) {
		str_fini(&c->out);
		c->out_pos = 0;
	} else if (c->out_pos > LIMIT_STREAM_QUEUE) {
		memmove(c->out.p, c->out.p + c->out_pos, c->out.len - c->out_pos);
		c->out.len -= c->out_pos;
		c->out_pos = 0;
	}
	return rc;
}

static bool
in_room(struct conn *c, size_t n)
{
	size_t cap = MAX(c->in_cap, (size_t)4096);
	char *p;

	if (c->in_cap - c->in_len >= n)
		return true;
	while (cap - c->in_len < n)
		cap *= 2;
	p = realloc(c->in, cap);
	if (p == NULL)
		return false;
	c->in = p;
	c->in_cap = cap;
	return true;
}

static void
in_drop(struct conn *c, size_t n)
{
	CHECK(n <= c->in_len);
	memmove(c->in, c->in + n, c->in_len - n);
	c->in_len -= n;
	if (c->in_len == 0 && c->in_cap > READ_BYTES) {
		free(c->in);
		c->in = NULL;
		c->in_cap = 0;
	}
}

/* --- answers --- */

/* The request is answered: forget it and be ready for the next. */
static void
request_done(struct conn *c)
{
	c->id = 0;
	c->served = true;
	c->have_head = false;
	c->told_continue = false;
	memset(&c->chunked, 0, sizeof(c->chunked));
	str_fini(&c->body);
	c->state = c->want_close ? CONN_CLOSING : CONN_READ;
}

void
conn_answer(struct conn *c, int status, const char *type, const char *extra, const void *body,
    size_t len)
{
	if (c->out.len == c->out_pos)
		deadline_set(c, server_stall_ms(c->server));
	str_addf(&c->out, "HTTP/1.1 %d %s\r\n", status, http_status_text(status));
	if (type[0] != '\0')
		str_addf(&c->out, "Content-Type: %s\r\n", type);
	if (status != 204 && status != 304)
		str_addf(&c->out, "Content-Length: %zu\r\n", len);
	str_addf(&c->out, "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n%s%s\r\n",
	    extra, c->want_close ? "Connection: close\r\n" : "");
	if (!c->head_only && len > 0)
		str_add_bytes(&c->out, body, len);
	if (c->out.failed)
		c->want_close = true;
	c->head_only = false;
	request_done(c);
}

void
conn_problem(struct conn *c, int status, const char *slug, const char *detail, const char *extra)
{
	struct str s = { 0 };

	str_addf(&s, "{\"type\":\"urn:ringfence:%s\",\"title\":\"%s\",\"status\":%d,\"detail\":\"",
	    slug, http_status_text(status), status);
	for (const char *p = detail; *p != '\0'; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			str_addf(&s, "\\u%04x", (unsigned)(unsigned char)*p);
		else if (*p == '"' || *p == '\\')
			str_addf(&s, "\\%c", *p);
		else
			str_add_bytes(&s, p, 1);
	}
	str_add(&s, "\"}\n");
	conn_answer(c, status, "application/problem+json", extra, str_text(&s), s.len);
	str_fini(&s);
}

void
conn_stream_begin(struct conn *c, const char *type)
{
	str_addf(&c->out, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n"
	    "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n", type);
	c->state = CONN_STREAM;
	loop_timer_clear(server_loop(c->server), &c->deadline);
}

bool
conn_stream_put(struct conn *c, const void *p, size_t len)
{
	if (c->out.len - c->out_pos + len > LIMIT_STREAM_QUEUE)
		return false;
	if (c->out.len == c->out_pos)
		deadline_set(c, server_stall_ms(c->server));
	str_addf(&c->out, "%zx\r\n", len);
	str_add_bytes(&c->out, p, len);
	str_add(&c->out, "\r\n");
	return !c->out.failed;
}

/* --- TLS --- */

/* The ClientHello gathers here; a TLS context comes only once it is whole. */
static enum rc
hello_read(struct conn *c)
{
	enum rc rc;
	ssize_t n;

	if (c->hello == NULL)
		c->hello = malloc(LIMIT_HELLO_BYTES);
	if (c->hello == NULL)
		return RC_NOMEM;
	n = recv(c->io.fd, c->hello + c->hello_len, LIMIT_HELLO_BYTES - c->hello_len, MSG_DONTWAIT);
	if (n < 0)
		return rc_from_errno(errno);
	if (n == 0)
		return RC_PEER;
	c->hello_len += (size_t)n;
	rc = tls_hello_check(c->hello, c->hello_len);
	if (rc == RC_AGAIN && c->hello_len == LIMIT_HELLO_BYTES)
		rc = RC_LIMIT;
	if (rc == RC_INVALID || rc == RC_LIMIT) {
		server_refused(c->server, REFUSED_HELLO, c, "no TLS 1.3 ClientHello");
		if (tls_hello_alert(c->io.fd, c->hello, c->hello_len))
			rc = linger_begin(c);
	}
	return rc;
}

static enum rc
shake_open(struct conn *c)
{
	struct tls_config *cfg = server_tls(c->server);
	struct diag d = { 0 };
	enum rc rc;

	if (cfg == NULL)
		return RC_DENIED;
	rc = tls_conn_open(cfg, c->io.fd, c->hello, c->hello_len, NULL, &c->tls, &d);
	free(c->hello);
	c->hello = NULL;
	c->hello_len = 0;
	return rc;
}

/* One step of the handshake, its time charged to strangers. */
static enum rc
shake_step(struct conn *c)
{
	struct admit *a = server_admit(c->server);
	uint64_t before = clock_mono_ns(), after;
	struct diag d = { 0 };
	enum rc rc = c->tls == NULL ? shake_open(c) : RC_OK;

	if (rc == RC_OK)
		rc = tls_handshake(c->tls, &d);
	after = clock_mono_ns();
	if (!admit_is_known(a, &c->source))
		admit_stranger_spent(a, after, after - before);
	if (rc == RC_OK) {
		c->role = tls_peer(c->tls)->role;
		c->pending = c->io.late = false;
		admit_end(a, &c->source, true);
		server_shake_done(c->server, c);
		server_stranger_done(c->server, c);
		c->state = CONN_READ;
		deadline_set(c, LIMIT_IDLE_MS);
	} else if (rc != RC_AGAIN) {
		server_refused(c->server, rc == RC_DENIED ? REFUSED_CERTIFICATE :
		    REFUSED_HANDSHAKE, c, d.text);
		if (c->tls != NULL)
			rc = linger_begin(c);
	}
	return rc;
}

static enum rc
shake_advance(struct conn *c)
{
	c->known = admit_is_known(server_admit(c->server), &c->source);
	return server_shake_may(c->server, c) ? shake_step(c) : RC_AGAIN;
}

/* --- requests --- */

/* Takes body bytes from c->in; RC_OK once the body is whole. */
static enum rc
body_take(struct conn *c, int *status)
{
	size_t used, got, n;
	enum rc rc;
	char *room;

	if (!c->head.chunked) {
		n = (size_t)MIN((uint64_t)c->in_len, c->head.content_length - c->body.len);
		str_add_bytes(&c->body, c->in, n);
		in_drop(c, n);
		*status = 503;
		if (c->body.failed)
			return RC_NOMEM;
		return c->body.len == c->head.content_length ? RC_OK : RC_AGAIN;
	}
	room = malloc(c->in_len + 1);
	*status = 503;
	if (room == NULL)
		return RC_NOMEM;
	used = got = 0;
	rc = http_chunked_feed(&c->chunked, c->in, c->in_len, &used, room, &got, status);
	if (rc != RC_INVALID) {
		str_add_bytes(&c->body, room, got);
		in_drop(c, used);
	}
	free(room);
	return c->body.failed ? RC_NOMEM : rc;
}

static void
head_begin(struct conn *c, size_t used)
{
	/* its slices point into c->in: what matters of them is copied now */
	c->have_head = true;
	api_begin(&c->head, &c->req);
	in_drop(c, used);
	c->want_close |= c->head.close;
	c->head_only = c->head.method == HTTP_HEAD;
	deadline_set(c, LIMIT_REQUEST_MS);
}

static void
malformed_answer(struct conn *c, int status)
{
	static const struct {
		int status;
		const char *slug, *detail;
	} words[] = {
		{ 413, "too-long", "the body is longer than 8 MiB" },
		{ 414, "target-too-long", "the target is longer than 2048 bytes" },
		{ 431, "head-too-long", "the head is longer than 16 KiB, or has more than 64 "
		    "fields" },
		{ 501, "not-implemented", "the method or the transfer coding is not known" },
		{ 503, "memory", "there is no memory for the body" },
		{ 505, "version", "only HTTP/1.1 is spoken" },
		{ 0, "bad-request", "the request is not in the accepted HTTP/1.1 subset" }
	};
	size_t i = 0;

	while (words[i].status != 0 && words[i].status != status)
		i++;
	conn_problem(c, status, words[i].slug, words[i].detail, "");
}

/* Next request out of c->in. RC_AGAIN where bytes are missing. */
static enum rc
request_take(struct conn *c)
{
	int status = 400;
	size_t used;
	enum rc rc;

	if (!c->have_head) {
		rc = http_head_parse(c->in, c->in_len, &c->head, &used, &status);
		if (rc == RC_AGAIN)
			return rc;
		if (rc != RC_OK)
			goto refuse;
		head_begin(c, used);
	}
	if (c->head.content_length > 0 || c->head.chunked) {
		if (c->head.expect_continue && !c->told_continue) {
			str_add(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
			c->told_continue = true;
		}
		rc = body_take(c, &status);
		if (rc == RC_AGAIN)
			return rc;
		if (rc != RC_OK)
			goto refuse;
	}
	loop_timer_clear(server_loop(c->server), &c->deadline);
	c->state = CONN_WAIT;
	api_handle(c);
	return RC_OK;
refuse:
	server_refused(c->server, REFUSED_REQUEST, c, "malformed request");
	c->want_close = true;
	malformed_answer(c, status);
	return RC_OK;
}

/* Reads and handles; RC_AGAIN where the socket has no more. */
static enum rc
read_advance(struct conn *c)
{
	size_t got, before = c->in_len;
	enum rc rc;

	if (c->in_len > 0 || c->have_head) {
		rc = request_take(c);
		if (rc != RC_AGAIN)
			return rc;
	}
	if (c->eof) {		/* half a request at the end is none */
		c->state = CONN_CLOSING;
		return RC_OK;
	}
	if (!in_room(c, READ_BYTES))
		return RC_NOMEM;
	rc = bytes_read(c, c->in + c->in_len, READ_BYTES, &got);
	if (rc != RC_OK)
		return rc;
	c->eof = got == 0;
	c->in_len += got;
	if (before == 0 && !c->have_head)
		deadline_set(c, LIMIT_REQUEST_MS);
	return RC_OK;
}

/* A peer that waits for an answer may say that it has said all; one that reads a stream leaves. */
static enum rc
peer_watch(struct conn *c)
{
	size_t got;
	enum rc rc;

	if (c->eof || c->in_len >= HTTP_HEAD_BYTES_MAX || !in_room(c, READ_BYTES))
		return RC_AGAIN;	/* pipelined requests wait in the socket */
	rc = bytes_read(c, c->in + c->in_len, READ_BYTES, &got);
	if (rc == RC_OK && got == 0 && c->state == CONN_STREAM)
		return RC_PEER;
	c->eof = rc == RC_OK && got == 0;
	c->in_len += got;
	return rc;
}

static enum rc
step(struct conn *c)
{
	enum rc rc;

	switch (c->state) {
	case CONN_HELLO:
		rc = hello_read(c);
		if (rc == RC_OK && c->state == CONN_HELLO)
			c->state = CONN_SHAKE;
		return rc;
	case CONN_SHAKE:
		return shake_advance(c);
	case CONN_READ:
		return read_advance(c);
	case CONN_STREAM:
		/* its queue is empty: what had no place in it follows */
		if (stream_reader_more(c->reader))
			return RC_OK;
		return peer_watch(c);
	case CONN_WAIT:
		return peer_watch(c);
	case CONN_LINGER:
		return linger_advance(c);
	default:
		return c->out.len > c->out_pos ? RC_AGAIN : linger_begin(c);
	}
}

/* What the connection waits for, to the loop. A whole hello that waits for its turn reads
 * nothing. */
static void
want_update(struct conn *c)
{
	uint32_t want = EPOLLIN;

	if (c->state == CONN_SHAKE && c->stalled)
		want = 0;
	if (c->tls != NULL && tls_wants_write(c->tls))
		want |= EPOLLOUT;
	if (c->out_pos < c->out.len)
		want |= EPOLLOUT;
	if ((c->state == CONN_WAIT || c->state == CONN_STREAM) && c->in_len >= HTTP_HEAD_BYTES_MAX)
		want &= ~(uint32_t)EPOLLIN;
	if (c->state == CONN_LINGER)
		want = EPOLLIN;
	else if (c->state == CONN_CLOSING || c->eof)
		want &= ~(uint32_t)EPOLLIN;
	loop_io_want(server_loop(c->server), &c->io, want);
}

void
conn_kick(struct conn *c)
{
	enum rc rc = RC_OK;

	if (c->handling)
		return;		/* called from within: the turn below goes on */
	c->handling = true;
	for (int i = 0; i < TURNS_MAX && rc == RC_OK; i++) {
		rc = c->out.len > 0 && c->state != CONN_LINGER ? out_flush(c) : RC_OK;
		if (rc == RC_OK)
			rc = step(c);
		else if (rc == RC_AGAIN && (c->state == CONN_WAIT || c->state == CONN_STREAM))
			rc = peer_watch(c);
	}
	c->handling = false;
	if (rc != RC_OK && rc != RC_AGAIN) {
		conn_destroy(c);
		return;
	}
	if (c->state == CONN_READ && c->in_len == 0 && c->out.len == 0 && c->deadline.place == 0)
		deadline_set(c, LIMIT_IDLE_MS);
	want_update(c);
	/* bytes that TLS holds decrypted give no event of their own */
	if (rc == RC_OK && loop_timer_set(server_loop(c->server), &c->again, 1) != RC_OK)
		conn_destroy(c);
}

static void
on_io(void *arg, uint32_t events)
{
	struct conn *c = arg;

	if ((events & (EPOLLHUP | EPOLLERR)) && !(events & (EPOLLIN | EPOLLOUT))) {
		conn_destroy(c);
		return;
	}
	conn_kick(c);
}

static void
on_again(void *arg)
{
	conn_kick(arg);
}

static void
on_deadline(void *arg)
{
	struct conn *c = arg;

	if (c->state != CONN_LINGER && (c->state != CONN_READ || c->in_len > 0))
		server_refused(c->server, REFUSED_TIMEOUT, c, "too slow");
	conn_destroy(c);
}

/* Between two requests. */
static bool
asks_nothing(const struct conn *c)
{
	return c->state == CONN_READ && c->in_len == 0 && !c->have_head && c->out.len == 0;
}

void
conn_drain(struct conn *c)
{
	c->want_close = true;
	if (c->state != CONN_STREAM)
		return;
	str_add(&c->out, "0\r\n\r\n");
	stream_reader_end(&c->reader);
	c->state = CONN_CLOSING;
	deadline_set(c, LIMIT_LINGER_MS);
	conn_kick(c);
}

void
conn_drain_idle(struct conn *c, bool anyone)
{
	bool begins = c->state == CONN_HELLO || c->state == CONN_SHAKE;

	if (asks_nothing(c) ? c->served || anyone : anyone && (begins || c->state == CONN_LINGER))
		conn_destroy(c);
}
