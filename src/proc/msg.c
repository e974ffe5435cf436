/* SPDX-License-Identifier: Apache-2.0 */
/* msg - frames over a stream socket, in buffers that grow to their bound and no further. */
#include "msg.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bytes.h"

#define MSG_MAGIC 0x534d4652u	/* "RFMS" */

enum { BUFFER_BYTES_MIN = 4096, READ_BYTES = 64 * 1024 };

struct buffer {
	uint8_t *p;
	size_t len, pos, cap;	/* pos..len is what is left */
};

struct msg_chan {
	int fd;
	uint32_t body_max;
	struct buffer in, out;
};

void
msg_hdr_encode(const struct msg *m, uint8_t out[MSG_HDR_BYTES])
{
	struct wr w;

	CHECK(m->type < MSG_TYPE_MAX && m->len <= MSG_BODY_MAX);
	wr_init(&w, out, MSG_HDR_BYTES);
	wr_le32(&w, MSG_MAGIC);
	wr_le16(&w, m->type);
	wr_le16(&w, m->status);
	wr_le32(&w, m->id);
	wr_le32(&w, m->len);
	wr_le64(&w, m->arg);
	CHECK(!w.failed && w.pos == MSG_HDR_BYTES);
}

enum rc
msg_hdr_decode(const uint8_t *p, uint32_t body_max, struct msg *out)
{
	struct rd r;

	rd_init(&r, p, MSG_HDR_BYTES);
	memset(out, 0, sizeof(*out));
	if (rd_le32(&r) != MSG_MAGIC)
		return RC_INVALID;
	out->type = rd_le16(&r);
	out->status = rd_le16(&r);
	out->id = rd_le32(&r);
	out->len = rd_le32(&r);
	out->arg = rd_le64(&r);
	CHECK(rd_done(&r));
	if (out->type >= MSG_TYPE_MAX || out->len > body_max || out->status >= 1000)
		return RC_INVALID;
	return RC_OK;
}

enum rc
msg_chan_create(int fd, uint32_t body_max, struct msg_chan **out)
{
	struct msg_chan *c;
	int flags = fcntl(fd, F_GETFL);

	CHECK(body_max <= MSG_BODY_MAX);
	*out = NULL;
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
		return rc_from_errno(errno);
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return RC_NOMEM;
	c->fd = fd;
	c->body_max = body_max;
	*out = c;
	return RC_OK;
}

void
msg_chan_destroy(struct msg_chan **chan)
{
	struct msg_chan *c = *chan;

	if (c == NULL)
		return;
	close(c->fd);
	free(c->in.p);
	free(c->out.p);
	free(c);
	*chan = NULL;
}

int
msg_chan_fd(const struct msg_chan *c)
{
	return c->fd;
}

/* Room for n more bytes behind len, after moving what is left to the front. */
static enum rc
buffer_room(struct buffer *b, size_t n, size_t max)
{
	size_t need, cap = MAX(b->cap, (size_t)BUFFER_BYTES_MIN);
	uint8_t *p;

	if (b->pos > 0) {
		memmove(b->p, b->p + b->pos, b->len - b->pos);
		b->len -= b->pos;
		b->pos = 0;
	}
	if (!size_add(b->len, n, &need) || need > max)
		return RC_LIMIT;
	if (need <= b->cap)
		return RC_OK;
	while (cap < need)
		cap *= 2;
	p = realloc(b->p, cap);
	if (p == NULL)
		return RC_NOMEM;
	b->p = p;
	b->cap = cap;
	return RC_OK;
}

/* After a large body the buffer goes back to its usual size. */
static void
buffer_settle(struct buffer *b)
{
	if (b->pos < b->len)
		return;
	b->pos = b->len = 0;
	if (b->cap > 4 * READ_BYTES) {
		free(b->p);
		b->p = NULL;
		b->cap = 0;
	}
}

static enum rc
fill(struct msg_chan *c)
{
	enum rc rc = buffer_room(&c->in, READ_BYTES, (size_t)c->body_max + MSG_HDR_BYTES +
	    READ_BYTES);
	ssize_t n;

	if (rc != RC_OK)
		return rc;
	do
		n = recv(c->fd, c->in.p + c->in.len, c->in.cap - c->in.len, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return rc_from_errno(errno);
	if (n == 0)
		return RC_PEER;
	c->in.len += (size_t)n;
	return RC_OK;
}

enum rc
msg_recv(struct msg_chan *c, struct msg *out)
{
	enum rc rc;

	buffer_settle(&c->in);
	for (;;) {
		size_t left = c->in.len - c->in.pos;

		if (left >= MSG_HDR_BYTES) {
			rc = msg_hdr_decode(c->in.p + c->in.pos, c->body_max, out);
			if (rc != RC_OK)
				return rc;
			if (left - MSG_HDR_BYTES >= out->len) {
				out->body = c->in.p + c->in.pos + MSG_HDR_BYTES;
				c->in.pos += MSG_HDR_BYTES + out->len;
				return RC_OK;
			}
		}
		rc = fill(c);
		if (rc != RC_OK)
			return rc;
	}
}

enum rc
msg_flush(struct msg_chan *c)
{
	while (c->out.pos < c->out.len) {
		ssize_t n = send(c->fd, c->out.p + c->out.pos, c->out.len - c->out.pos,
		    MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return rc_from_errno(errno);
		c->out.pos += (size_t)n;
	}
	buffer_settle(&c->out);
	return RC_OK;
}

enum rc
msg_send(struct msg_chan *c, const struct msg *m)
{
	enum rc rc = buffer_room(&c->out, (size_t)MSG_HDR_BYTES + m->len, MSG_QUEUE_MAX);

	if (rc != RC_OK)
		return rc;
	msg_hdr_encode(m, c->out.p + c->out.len);
	c->out.len += MSG_HDR_BYTES;
	if (m->len > 0)
		memcpy(c->out.p + c->out.len, m->body, m->len);
	c->out.len += m->len;
	rc = msg_flush(c);
	return rc == RC_AGAIN ? RC_OK : rc;
}

bool
msg_wants_write(const struct msg_chan *c)
{
	return c->out.pos < c->out.len;
}
