/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_sock - the local socket: who may speak, lines in, documents out.
 *
 * Root and the daemon's own uid may. A peer that breaks the line protocol gets one error and is
 * closed. What a watcher does not take in time it loses, and is told how much.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent_impl.h"
#include "clock.h"
#include "dir.h"
#include "log.h"

enum { BACKLOG = 128, ACCEPTS_A_TURN = 64 };

static void
client_free(struct client *c)
{
	struct agent *a = c->agent;
	struct client **at = &a->clients;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	a->client_count--;
	loop_io_del(a->loop, &c->io);
	(void)close(c->io.fd);
	line_fini(&c->in);
	str_fini(&c->out);
	free(c);
}

static size_t
queued(const struct client *c)
{
	return c->out.len - c->out_at;
}

/* Writes what the peer takes. False: it is gone. */
static bool
client_flush(struct client *c)
{
	while (queued(c) > 0) {
		ssize_t n = send(c->io.fd, c->out.p + c->out_at, queued(c), MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			if (c->stalled_ns == 0)
				c->stalled_ns = clock_mono_ns();
			break;
		}
		if (n < 0)
			return false;
		c->out_at += (size_t)n;
		c->stalled_ns = 0;
	}
	if (queued(c) == 0) {
		str_fini(&c->out);
		c->out_at = 0;
	}
	return true;
}

/* Adds a line; frees doc. False: there is no room (or memory) for it. */
static bool
client_put(struct client *c, yyjson_mut_doc *doc, size_t queue_max)
{
	size_t len = 0;
	char *text = doc == NULL ? NULL : yyjson_mut_write(doc,
	    YYJSON_WRITE_ALLOW_INVALID_UNICODE, &len);
	bool room = text != NULL && queued(c) + len < queue_max;

	yyjson_mut_doc_free(doc);
	if (room) {
		if (c->out_at > queue_max) {
			memmove(c->out.p, c->out.p + c->out_at, queued(c));
			c->out.len -= c->out_at;
			c->out_at = 0;
		}
		str_add_bytes(&c->out, text, len);
		str_add(&c->out, "\n");
		room = !c->out.failed;
	}
	free(text);
	return room;
}

static void
client_want(struct client *c)
{
	loop_io_want(c->agent->loop, &c->io, (c->closing ? 0 : EPOLLIN) |
	    (queued(c) > 0 ? EPOLLOUT : 0));
}

/* Sends what it can; frees a client that is gone, or done. False: it is freed. */
static bool
client_settle(struct client *c)
{
	if (!client_flush(c) || (c->closing && queued(c) == 0)) {
		client_free(c);
		return false;
	}
	client_want(c);
	return true;
}

static bool
client_answer(struct client *c, yyjson_mut_doc *doc)
{
	if (!client_put(c, doc, CLIENT_ANSWER_BYTES))
		c->closing = true;
	return client_settle(c);
}

static bool
client_refuse(struct client *c, enum rc rc, const struct diag *d)
{
	c->closing = true;
	return client_answer(c, agent_error_doc(rc, d));
}

/* False: the client is freed. */
static bool
request(struct client *c, char *line, size_t len)
{
	struct agent *a = c->agent;
	struct diag d = { 0 };
	enum line_verb verb;
	enum rc rc = line_parse(line, len, &verb, &d);

	if (rc != RC_OK)
		return client_refuse(c, rc, &d);
	if (c->watches || c->waits_for != 0) {
		diag_set(&d, "request", "this connection waits for its answer");
		return client_refuse(c, RC_CONFLICT, &d);
	}
	switch (verb) {
	case LINE_STATUS:
		if (a->nic != NULL)
			(void)!nic_status_get(a->nic, &a->nic_status);
		return client_answer(c, agent_status_doc(a));
	case LINE_COUNTERS:
		return client_answer(c, agent_counters_doc(a));
	case LINE_WATCH:
		c->watches = true;
		return client_answer(c, agent_watching_doc(a));
	default:
		/* The next compile to begin; set before it does, since it may end at once. */
		c->waits_for = a->round + 1;
		return true;
	}
}

static void
client_ready(void *arg, uint32_t events)
{
	struct client *c = arg;
	char *to, *line;
	size_t room, len;
	struct diag d = { 0 };
	ssize_t n;

	if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
		client_free(c);
		return;
	}
	if ((events & EPOLLOUT) != 0 && !client_settle(c))
		return;
	if ((events & EPOLLIN) == 0 || c->closing)
		return;
	if (line_room(&c->in, &to, &room) != RC_OK) {
		diag_set(&d, "request", "a line of more than %d bytes", LINE_BYTES_MAX);
		(void)client_refuse(c, RC_LIMIT, &d);
		return;
	}
	n = recv(c->io.fd, to, room, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == 0 && c->waits_for != 0) {
		c->closing = true;	/* it has said all, and waits */
		client_want(c);
		return;
	}
	if (n <= 0) {
		client_free(c);		/* half a line at the end is no request */
		return;
	}
	line_added(&c->in, (size_t)n);
	while (!c->closing && line_next(&c->in, &line, &len)) {
		bool asked = c->waits_for == 0;

		if (!request(c, line, len))
			return;
		if (asked && c->waits_for != 0) {
			log_info("reload-asked", "by=socket");
			(void)agent_reload(c->agent);
			/* It may have been answered, and freed. */
			return;
		}
	}
}

/* --- who comes --- */

static bool
peer_may(int fd)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0)
		return false;
	return who.uid == 0 || who.uid == geteuid();
}

/* One line, as far as the socket takes it at once. */
static void
turn_away(struct agent *a, int fd, enum rc rc, const char *why)
{
	struct diag d = { 0 };
	yyjson_mut_doc *doc;
	char *text;
	size_t len;

	a->clients_refused++;
	diag_set(&d, "refused", "%s", why);
	doc = agent_error_doc(rc, &d);
	text = doc == NULL ? NULL : yyjson_mut_write(doc, YYJSON_WRITE_NEWLINE_AT_END, &len);
	if (text != NULL)
		(void)!send(fd, text, len, MSG_NOSIGNAL);
	free(text);
	yyjson_mut_doc_free(doc);
	(void)close(fd);
}

static void
client_add(struct agent *a, int fd)
{
	struct client *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		turn_away(a, fd, RC_NOMEM, "out of memory");
		return;
	}
	c->agent = a;
	c->io = (struct loop_io) { .fd = fd, .events = EPOLLIN, .fn = client_ready, .arg = c };
	if (loop_io_add(a->loop, &c->io) != RC_OK) {
		free(c);
		turn_away(a, fd, RC_LIMIT, "too many descriptors");
		return;
	}
	c->next = a->clients;
	a->clients = c;
	a->client_count++;
}

static void
listen_ready(void *arg, uint32_t events)
{
	struct agent *a = arg;

	UNUSED(events);
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		int fd = accept4(a->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return;	/* gone again, or no descriptor is free: the next turn tries */
		if (!peer_may(fd))
			turn_away(a, fd, RC_DENIED, "only root and the daemon's user may ask");
		else if (a->client_count >= CLIENTS_MAX)
			turn_away(a, fd, RC_LIMIT, "too many clients");
		else
			client_add(a, fd);
	}
}

enum rc
agent_sock_open(struct agent *a, struct diag *diag)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const char *path = a->cfg->socket;
	char lock[PATH_MAX];
	mode_t mask;
	enum rc rc;
	int bound;

	if (strlen(path) >= sizeof(addr.sun_path)) {
		diag_set(diag, "path-length", "a socket path of %zu bytes; at most %zu",
		    strlen(path), sizeof(addr.sun_path) - 1);
		return RC_LIMIT;
	}
	(void)strcpy(addr.sun_path, path);
	(void)snprintf(lock, sizeof(lock), "%s.lock", path);
	rc = dir_make_for(path, diag);
	if (rc == RC_OK)
		rc = lock_take(lock, "socket", &a->socket_lock_fd, diag);
	if (rc != RC_OK)
		return rc;
	(void)unlink(path);	/* of a daemon that was killed: the lock was free */
	a->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mask = umask(0177);
	bound = a->listen_fd < 0 ? -1 :
	    bind(a->listen_fd, (const struct sockaddr *)&addr, sizeof(addr));
	(void)umask(mask);
	if (bound != 0 || listen(a->listen_fd, BACKLOG) != 0) {
		diag_set(diag, "socket", "%s: %s", path, strerror(errno));
		return rc_from_errno(errno);
	}
	a->listen_io = (struct loop_io) { .fd = a->listen_fd, .events = EPOLLIN,
		.fn = listen_ready, .arg = a };
	return loop_io_add(a->loop, &a->listen_io);
}

void
agent_sock_close(struct agent *a)
{
	while (a->clients != NULL)
		client_free(a->clients);
	if (a->listen_fd >= 0) {
		loop_io_del(a->loop, &a->listen_io);
		(void)close(a->listen_fd);
		(void)unlink(a->cfg->socket);
	}
	if (a->socket_lock_fd >= 0)
		(void)close(a->socket_lock_fd);
}

/* --- what is told --- */

void
agent_sock_round(struct agent *a, uint32_t round)
{
	struct client *next;

	for (struct client *c = a->clients; c != NULL; c = next) {
		next = c->next;
		if (c->waits_for == 0 || c->waits_for > round)
			continue;
		c->waits_for = 0;
		(void)client_answer(c, agent_outcome_doc(a));
	}
}

/* What it lost is told before the next line that it gets. False: the client is freed. */
static bool
watcher_tell(struct agent *a, struct client *c, const struct nic_alert *alert)
{
	if (c->stalled_ns != 0 &&
	    clock_mono_ns() - c->stalled_ns > CLIENT_STALL_S * NS_PER_S) {
		log_warn("client-cut", "lost=%ju", (uintmax_t)c->lost);
		a->clients_cut++;
		client_free(c);
		return false;
	}
	if (c->lost > 0 && queued(c) < CLIENT_QUEUE_BYTES / 2 &&
	    client_put(c, agent_lost_doc(c->lost), CLIENT_QUEUE_BYTES))
		c->lost = 0;
	if (c->lost > 0 || !client_put(c, agent_alert_doc(a, alert), CLIENT_QUEUE_BYTES)) {
		c->lost++;
		a->watch_lost++;
	}
	return client_settle(c);
}

void
agent_sock_alert(struct agent *a, const struct nic_alert *alert)
{
	struct client *next;

	for (struct client *c = a->clients; c != NULL; c = next) {
		next = c->next;
		if (c->watches)
			(void)watcher_tell(a, c, alert);
	}
}
