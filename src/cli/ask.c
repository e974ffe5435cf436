/* SPDX-License-Identifier: Apache-2.0 */
/* ask - the daemon's local socket, from the other end. */
#define _GNU_SOURCE
#include "ask.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "diag_json.h"
#include "file.h"

enum { CHUNK_BYTES = 65536 };

static enum rc
rc_by_name(const char *name)
{
	for (int i = 0; i < RC__COUNT; i++)
		if (strcmp(rc_name((enum rc)-i), name) == 0)
			return (enum rc)-i;
	return RC_PEER;
}

enum rc
ask_begin(const struct cli *cli, const char *verb, struct ask *q, struct diag *diag)
{
	const char *path = opt_value(&cli->opts, OPT_SOCKET, DEFAULT_SOCKET);
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char text[64];
	int n;

	memset(q, 0, sizeof(*q));
	q->fd = -1;
	if (strlen(path) >= sizeof(addr.sun_path)) {
		diag_set(diag, "path-length", "a socket path of %zu bytes; at most %zu",
		    strlen(path), sizeof(addr.sun_path) - 1);
		return RC_LIMIT;
	}
	(void)strcpy(addr.sun_path, path);
	q->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (q->fd < 0 || connect(q->fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0) {
		bool gone = errno == ENOENT || errno == ECONNREFUSED;

		diag_set(diag, "daemon", "%s: %s", path,
		    gone ? "no daemon answers there" : strerror(errno));
		if (gone)
			diag_hint(diag, "is `ringfence run` running with this socket?");
		return gone ? RC_PEER : rc_from_errno(errno);
	}
	n = snprintf(text, sizeof(text), "{\"verb\":\"%s\"}\n", verb);
	/* A daemon that refuses has said why before it closed: the answer is read all the same. */
	(void)!send(q->fd, text, (size_t)n, MSG_NOSIGNAL);
	return RC_OK;
}

static enum rc
more(struct ask *q, int timeout_ms, struct diag *diag)
{
	struct pollfd p = { .fd = q->fd, .events = POLLIN };
	ssize_t n;

	if (q->at > 0) {
		memmove(q->buf, q->buf + q->at, q->len - q->at);
		q->len -= q->at;
		q->at = 0;
	}
	if (q->cap - q->len < CHUNK_BYTES) {
		size_t cap = q->cap == 0 ? 2 * CHUNK_BYTES : q->cap * 2;
		char *buf = cap > 2 * (size_t)ASK_LINE_BYTES_MAX ? NULL : realloc(q->buf, cap);

		if (buf == NULL) {
			diag_set(diag, "daemon", "an answer of more than %d bytes",
			    ASK_LINE_BYTES_MAX);
			return RC_LIMIT;
		}
		q->buf = buf;
		q->cap = cap;
	}
	do
		n = poll(&p, 1, timeout_ms);
	while (n < 0 && errno == EINTR);
	if (n == 0) {
		diag_set(diag, "timeout", "the daemon has not answered for %d s",
		    timeout_ms / 1000);
		return RC_TIMEOUT;
	}
	n = recv(q->fd, q->buf + q->len, CHUNK_BYTES, 0);
	if (n <= 0) {
		diag_set(diag, "daemon", "the daemon closed the connection");
		return RC_PEER;
	}
	q->len += (size_t)n;
	return RC_OK;
}

static enum rc
error_take(yyjson_val *root, struct diag *diag)
{
	yyjson_val *error = yyjson_obj_get(root, "error");

	if (error == NULL)
		return RC_OK;
	if (!diag_from_json(error, diag))
		diag_set(diag, "daemon", "the daemon refused without a reason");
	return rc_by_name(ask_str(root, "rc"));
}

enum rc
ask_next(struct ask *q, int timeout_ms, char **line, yyjson_doc **doc, struct diag *diag)
{
	char *end = NULL;
	enum rc rc;

	*doc = NULL;
	while (q->len == q->at ||
	    (end = memchr(q->buf + q->at, '\n', q->len - q->at)) == NULL) {
		rc = more(q, timeout_ms, diag);
		if (rc != RC_OK)
			return rc;
	}
	*end = '\0';
	*line = q->buf + q->at;
	q->at = (size_t)(end - q->buf) + 1;
	*doc = yyjson_read(*line, (size_t)(end - *line), 0);
	if (!yyjson_is_obj(yyjson_doc_get_root(*doc))) {
		diag_set(diag, "daemon", "the daemon answered with no object");
		rc = RC_PEER;
	} else {
		rc = error_take(yyjson_doc_get_root(*doc), diag);
	}
	if (rc != RC_OK) {
		yyjson_doc_free(*doc);
		*doc = NULL;
	}
	return rc;
}

void
ask_end(struct ask *q)
{
	if (q->fd >= 0)
		(void)close(q->fd);
	q->fd = -1;
	free(q->buf);
	q->buf = NULL;
}

const char *
ask_str(yyjson_val *o, const char *key)
{
	const char *s = yyjson_get_str(yyjson_obj_get(o, key));

	return s != NULL ? s : "";
}

uint64_t
ask_uint(yyjson_val *o, const char *key)
{
	return yyjson_get_uint(yyjson_obj_get(o, key));
}
