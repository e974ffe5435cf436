/* SPDX-License-Identifier: Apache-2.0 */
/* client - the other end of the control channel. */
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"
#include "hostport.h"
#include "http.h"
#include "str.h"
#include "tls.h"

enum { READ_BYTES = 16 * 1024 };

struct client {
	int fd;
	struct tls_config *cfg;
	struct tls_conn *tls;
	const char *where;
	struct str in;
	size_t in_at;		/* bytes before it were taken */
};

/* --- bytes --- */

static enum rc
wait_io(struct client *c, bool write, int ms)
{
	struct pollfd p = { .fd = c->fd, .events = write ? POLLOUT : POLLIN };
	int n;

	do
		n = poll(&p, 1, ms);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return rc_from_errno(errno);
	return n == 0 ? RC_TIMEOUT : RC_OK;
}

static enum rc
bytes_send(struct client *c, const void *p, size_t len)
{
	const char *b = p;
	enum rc rc = RC_OK;

	while (len > 0 && rc == RC_OK) {
		size_t put = 0;

		if (c->tls != NULL) {
			rc = tls_write(c->tls, b, len, &put);
		} else {
			ssize_t n = send(c->fd, b, len, MSG_NOSIGNAL);

			put = n > 0 ? (size_t)n : 0;
			rc = n >= 0 || errno == EINTR ? RC_OK : rc_from_errno(errno);
		}
		b += put;
		len -= put;
		if (rc == RC_AGAIN)
			rc = wait_io(c, c->tls == NULL || tls_wants_write(c->tls),
			    CLIENT_TIMEOUT_MS);
	}
	return rc;
}

/* More bytes behind c->in. RC_PEER at the end. */
static enum rc
bytes_more(struct client *c)
{
	char buf[READ_BYTES];

	for (;;) {
		size_t got = 0;
		enum rc rc;

		if (c->tls != NULL) {
			rc = tls_read(c->tls, buf, sizeof(buf), &got);
		} else {
			ssize_t n = recv(c->fd, buf, sizeof(buf), 0);

			got = n > 0 ? (size_t)n : 0;
			rc = n >= 0 ? RC_OK : rc_from_errno(errno);
		}
		if (rc == RC_AGAIN) {
			rc = wait_io(c, c->tls != NULL && tls_wants_write(c->tls),
			    CLIENT_TIMEOUT_MS);
			if (rc != RC_OK)
				return rc;
			continue;
		}
		if (rc != RC_OK)
			return rc;
		if (got == 0)
			return RC_PEER;
		if (c->in_at == c->in.len) {
			str_fini(&c->in);
			c->in_at = 0;
		}
		str_add_bytes(&c->in, buf, got);
		return c->in.failed ? RC_NOMEM : RC_OK;
	}
}

/* --- connecting --- */

static enum rc
local_connect(struct client *c, const char *path, struct diag *diag)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(un.sun_path)) {
		diag_set(diag, "path-length", "socket path of %zu bytes; the limit is %zu: %s",
		    strlen(path), sizeof(un.sun_path) - 1, path);
		return RC_LIMIT;
	}
	strcpy(un.sun_path, path);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd >= 0 && connect(c->fd, (const struct sockaddr *)&un, sizeof(un)) == 0)
		return RC_OK;
	if (errno == EACCES || errno == EPERM) {
		diag_set(diag, "denied", "no right to speak to %s: %s", path, strerror(errno));
		return RC_DENIED;
	}
	diag_set(diag, "unreachable", "no daemon answers at %s: %s", path, strerror(errno));
	diag_hint(diag, "is `ringfence run` up, and with this --socket?");
	return RC_PEER;
}

static int
tcp_connect(const struct addrinfo *ai)
{
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(int);
	int err = 0;

	if (fd < 0)
		return -1;
	if (connect(fd, ai->ai_addr, ai->ai_addrlen) == 0)
		return fd;
	if (errno == EINPROGRESS && poll(&p, 1, CLIENT_CONNECT_MS) == 1 &&
	    getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) == 0 && err == 0)
		return fd;
	if (err != 0)
		errno = err;
	close(fd);
	return -1;
}

static enum rc
shake(struct client *c, const char *host, struct diag *diag)
{
	enum rc rc = tls_conn_open(c->cfg, c->fd, NULL, 0, host, &c->tls, diag);

	if (rc != RC_OK)
		return rc;
	while ((rc = tls_handshake(c->tls, diag)) == RC_AGAIN) {
		rc = wait_io(c, tls_wants_write(c->tls), CLIENT_TIMEOUT_MS);
		if (rc != RC_OK) {
			diag_set(diag, "unreachable", "%s does not finish the TLS handshake",
			    c->where);
			break;
		}
	}
	return rc;
}

static enum rc
remote_connect(struct client *c, const struct client_cfg *cfg, struct diag *diag)
{
	struct addrinfo want = { .ai_socktype = SOCK_STREAM }, *list = NULL;
	struct hostport hp;
	enum rc rc;
	int err;

	if (!hostport_parse(cfg->remote, strlen(cfg->remote), &hp) || hp.port[0] == '\0') {
		diag_set(diag, "usage", "--remote %.300s: it takes HOST:PORT", cfg->remote);
		diag_hint(diag, "an IPv6 address stands in brackets, as in [fd00::7]:8443");
		return RC_INVALID;
	}
	rc = tls_config_client(cfg->ca, cfg->crt, cfg->key, &c->cfg, diag);
	if (rc != RC_OK)
		return rc;
	err = getaddrinfo(hp.host, hp.port, &want, &list);
	if (err != 0) {
		diag_set(diag, "unreachable", "cannot find %s: %s", hp.host, gai_strerror(err));
		return RC_PEER;
	}
	for (const struct addrinfo *ai = list; ai != NULL && c->fd < 0; ai = ai->ai_next)
		c->fd = tcp_connect(ai);
	freeaddrinfo(list);
	if (c->fd < 0) {
		diag_set(diag, "unreachable", "cannot connect to %s: %s", cfg->remote,
		    strerror(errno));
		return RC_PEER;
	}
	return shake(c, hp.host, diag);
}

enum rc
client_open(const struct client_cfg *cfg, struct client **out, struct diag *diag)
{
	struct client *c = calloc(1, sizeof(*c));
	enum rc rc;

	*out = NULL;
	if (c == NULL)
		return RC_NOMEM;
	c->fd = -1;
	c->where = cfg->remote != NULL ? cfg->remote : cfg->socket;
	rc = cfg->remote != NULL ? remote_connect(c, cfg, diag) :
	    local_connect(c, cfg->socket, diag);
	if (rc != RC_OK)
		client_close(&c);
	*out = c;
	return rc;
}

void
client_close(struct client **client)
{
	struct client *c = *client;

	if (c == NULL)
		return;
	tls_conn_close(&c->tls);
	tls_config_put(&c->cfg);
	if (c->fd >= 0)
		close(c->fd);
	str_fini(&c->in);
	free(c);
	*client = NULL;
}

/* --- asking --- */

static enum rc
request_send(struct client *c, const struct client_request *r)
{
	struct str s = { 0 };
	enum rc rc;

	str_addf(&s, "%s %s HTTP/1.1\r\nHost: ringfence\r\nAccept: %s\r\n", r->method, r->path,
	    r->accept != NULL ? r->accept : "application/json");
	if (r->match != NULL)
		str_addf(&s, strcmp(r->match, "*") == 0 ? "If-Match: %s\r\n" :
		    "If-Match: \"%s\"\r\n", r->match);
	if (r->key != NULL)
		str_addf(&s, "Idempotency-Key: %s\r\n", r->key);
	if (r->last_id != NULL)
		str_addf(&s, "Last-Event-ID: %" PRIu64 "\r\n", *r->last_id);
	if (r->body_len > 0)
		str_addf(&s, "Content-Type: %s\r\nContent-Length: %zu\r\n",
		    r->type != NULL ? r->type : "application/json", r->body_len);
	str_add(&s, "\r\n");
	rc = s.failed ? RC_NOMEM : bytes_send(c, s.p, s.len);
	str_fini(&s);
	if (rc == RC_OK && r->body_len > 0)
		rc = bytes_send(c, r->body, r->body_len);
	return rc;
}

/* The next line of the head without its CRLF, copied. */
static enum rc
line_take(struct client *c, char *out, size_t cap)
{
	size_t seen = 0;

	for (;;) {
		const char *p = str_text(&c->in) + c->in_at;
		size_t len = c->in.len - c->in_at;
		const char *lf = memchr(p + seen, '\n', len - seen);
		enum rc rc;

		if (lf != NULL) {
			size_t n = (size_t)(lf - p);

			if (n == 0 || p[n - 1] != '\r' || n > cap)
				return RC_INVALID;
			memcpy(out, p, n - 1);
			out[n - 1] = '\0';
			c->in_at += n + 1;
			return RC_OK;
		}
		if (len > CLIENT_HEAD_BYTES_MAX)
			return RC_INVALID;
		seen = len;
		rc = bytes_more(c);
		if (rc != RC_OK)
			return rc;
		seen = MIN(seen, c->in.len - c->in_at);
	}
}

struct framing {
	bool has_length, chunked;
	size_t length;
};

static void
value_copy(const char *value, char *out, size_t cap)
{
	size_t n;

	while (*value == ' ' || *value == '\t')
		value++;
	n = strlen(value);
	if (n >= 2 && value[0] == '"' && value[n - 1] == '"') {
		value++;
		n -= 2;
	}
	snprintf(out, cap, "%.*s", (int)MIN(n, cap - 1), value);
}

static enum rc
field_take(const char *line, struct client_answer *out, struct framing *f)
{
	const char *colon = strchr(line, ':');
	size_t n;

	if (colon == NULL)
		return RC_INVALID;
	n = (size_t)(colon - line);
	if (n == 4 && strncasecmp(line, "etag", n) == 0)
		value_copy(colon + 1, out->etag, sizeof(out->etag));
	else if (n == 8 && strncasecmp(line, "location", n) == 0)
		value_copy(colon + 1, out->location, sizeof(out->location));
	else if (n == 12 && strncasecmp(line, "content-type", n) == 0)
		value_copy(colon + 1, out->type, sizeof(out->type));
	else if (n == 17 && strncasecmp(line, "transfer-encoding", n) == 0)
		f->chunked = true;
	else if (n == 14 && strncasecmp(line, "content-length", n) == 0) {
		char *end;
		unsigned long long v = strtoull(colon + 1, &end, 10);

		if (*end != '\0' || v > CLIENT_BODY_BYTES_MAX)
			return RC_LIMIT;
		f->has_length = true;
		f->length = (size_t)v;
	}
	return RC_OK;
}

static enum rc
head_take(struct client *c, struct client_answer *out, struct framing *f)
{
	char line[2048];
	enum rc rc;

	do {
		memset(out, 0, sizeof(*out));
		memset(f, 0, sizeof(*f));
		rc = line_take(c, line, sizeof(line));
		if (rc != RC_OK)
			return rc;
		if (strncmp(line, "HTTP/1.1 ", 9) != 0 || strlen(line) < 12)
			return RC_INVALID;
		out->status = atoi(line + 9);
		if (out->status < 100 || out->status > 599)
			return RC_INVALID;
		while ((rc = line_take(c, line, sizeof(line))) == RC_OK && line[0] != '\0') {
			rc = field_take(line, out, f);
			if (rc != RC_OK)
				return rc;
		}
	} while (rc == RC_OK && out->status == 100);
	return rc;
}

/* The bytes of the answer so far, decoded, to fn. RC_OK at its end, or where fn has enough. */
static enum rc
chunks_take(struct client *c, bool (*fn)(void *arg, const char *p, size_t len), void *arg)
{
	struct http_chunked chunked = { 0 };
	char out[READ_BYTES];

	for (;;) {
		size_t used = 0, got = 0, left = c->in.len - c->in_at;
		int status;
		enum rc rc;

		if (left > 0) {
			/* one answer may be larger than a request's body may be */
			chunked.total = 0;
			rc = http_chunked_feed(&chunked, c->in.p + c->in_at,
			    MIN(left, sizeof(out)), &used, out, &got, &status);
			if (rc == RC_INVALID)
				return rc;
			c->in_at += used;
			if (got > 0 && !fn(arg, out, got))
				return RC_OK;
			if (rc == RC_OK)
				return RC_OK;
			continue;
		}
		rc = bytes_more(c);
		if (rc != RC_OK)
			return rc;
	}
}

static bool
body_add(void *arg, const char *p, size_t len)
{
	struct str *s = arg;

	str_add_bytes(s, p, len);
	return !s->failed && s->len <= CLIENT_BODY_BYTES_MAX;
}

static enum rc
body_take(struct client *c, const struct framing *f, struct client_answer *out)
{
	struct str s = { 0 };
	enum rc rc = RC_OK;

	str_add(&s, "");
	if (f->chunked) {
		rc = chunks_take(c, body_add, &s);
	} else {
		while (rc == RC_OK && s.len < f->length) {
			size_t n = MIN(f->length - s.len, c->in.len - c->in_at);

			str_add_bytes(&s, str_text(&c->in) + c->in_at, n);
			c->in_at += n;
			if (s.len < f->length)
				rc = bytes_more(c);
		}
	}
	if (s.failed)
		rc = RC_NOMEM;
	out->body = s.p;
	out->body_len = s.len;
	return rc;
}

static enum rc
fail(const struct client *c, enum rc rc, struct diag *diag)
{
	if (rc == RC_TIMEOUT)
		diag_set(diag, "no-answer", "%s does not answer", c->where);
	else if (rc == RC_INVALID || rc == RC_LIMIT)
		diag_set(diag, "bad-answer", "%s does not speak this protocol", c->where);
	else if (c->tls != NULL)
		diag_set(diag, "closed", "%s closed the connection; it may have refused the "
		    "certificate", c->where);
	else
		diag_set(diag, "closed", "%s closed the connection", c->where);
	return rc;
}

enum rc
client_ask(struct client *c, const struct client_request *r, struct client_answer *out,
    struct diag *diag)
{
	struct framing f;
	enum rc rc = request_send(c, r);

	memset(out, 0, sizeof(*out));
	/* a refusal may stand in the socket though it does not take the request whole */
	if (rc == RC_OK || rc == RC_PEER)
		rc = head_take(c, out, &f);
	if (rc == RC_OK && out->status != 204 && out->status != 304)
		rc = body_take(c, &f, out);
	return rc == RC_OK ? RC_OK : fail(c, rc, diag);
}

void
client_answer_fini(struct client_answer *a)
{
	free(a->body);
	memset(a, 0, sizeof(*a));
}

struct lines {
	struct str held;	/* the start of a line */
	bool (*fn)(void *arg, const char *line, size_t len);
	void *arg;
};

static bool
lines_add(void *arg, const char *p, size_t len)
{
	struct lines *l = arg;

	while (len > 0) {
		const char *lf = memchr(p, '\n', len);
		size_t n = lf == NULL ? len : (size_t)(lf - p);
		bool go = true;

		str_add_bytes(&l->held, p, n);
		if (l->held.failed)
			return false;
		if (lf == NULL)
			return true;
		if (l->held.len > 0)
			go = l->fn(l->arg, str_text(&l->held), l->held.len);
		str_fini(&l->held);
		if (!go)
			return false;
		p += n + 1;
		len -= n + 1;
	}
	return true;
}

enum rc
client_stream(struct client *c, const struct client_request *r, void (*begin)(void *arg),
    bool (*fn)(void *arg, const char *line, size_t len), void *arg, struct client_answer *out,
    struct diag *diag)
{
	struct lines l = { .fn = fn, .arg = arg };
	struct framing f;
	enum rc rc = request_send(c, r);

	memset(out, 0, sizeof(*out));
	if (rc == RC_OK)
		rc = head_take(c, out, &f);
	if (rc == RC_OK && (out->status != 200 || !f.chunked))
		rc = body_take(c, &f, out);
	if (rc == RC_OK && out->status == 200 && f.chunked) {
		if (begin != NULL)
			begin(arg);
		rc = chunks_take(c, lines_add, &l);
	}
	str_fini(&l.held);
	return rc == RC_OK ? RC_OK : fail(c, rc, diag);
}
