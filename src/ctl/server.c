/* SPDX-License-Identifier: Apache-2.0 */
/* server - the control process: what it accepts, what waits for main, who is cut. */
#include "server.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "addr.h"
#include "admit.h"
#include "clock.h"
#include "conn.h"
#include "bounds.h"
#include "log.h"
#include "stream.h"

enum { ACCEPTS_A_TURN = 64, STRANGERS_A_TURN = 16, SHAKE_TICK_MS = 2, WAITS = 4096, LOG_SETS = 64,
	LOG_WAYS = 8, DRAIN_ASK_MS = 500, DRAIN_TICK_MS = 5 };

/* A request that main works on. */
struct wait {
	uint32_t id;		/* 0 = free */
	struct conn *conn;	/* NULL: it left */
	uint64_t until_ns;
};

struct server {
	struct server_cfg cfg;
	struct loop *loop;
	struct admit *admit;
	struct stream *stream, *flows;	/* of alerts, of flows */
	struct msg_chan *main;
	struct loop_io main_io, local_io, tls_io;
	struct loop_timer tick;		/* strangers' handshakes, answers that do not come */
	struct tls_config *tls;
	uint64_t revision;		/* of tls; rises when it is replaced */
	struct conn *conns;		/* newest first */
	struct conn *oldest;
	uint32_t local_count, tls_count, pending_count, shaking;
	uint32_t stalled_known;		/* handshakes of known sources that wait */
	uint64_t shake_turn;		/* of the loop, that made a step of a handshake */
	bool ticking;			/* a stalled one is kicked */
	struct wait waits[WAITS];
	uint32_t wait_count, next_id;
	uint64_t refused[REFUSED__COUNT];
	struct said {
		struct addr source;
		uint64_t at_ns;		/* 0 = free */
		uint8_t what;
	} said[LOG_SETS][LOG_WAYS];	/* one line a source, kind and minute */
	bool main_gone;
	bool local_on, tls_on;		/* it accepts there */
	uint64_t drain_ns;		/* since when it accepts no more; 0 = it does */
};

static const char *const refusal_names[REFUSED__COUNT] = { "budget", "pending", "hello",
	"handshake", "certificate", "timeout", "request", "connections" };

struct loop *
server_loop(struct server *s)
{
	return s->loop;
}

struct admit *
server_admit(struct server *s)
{
	return s->admit;
}

struct stream *
server_stream(struct server *s, bool flows)
{
	return flows ? s->flows : s->stream;
}

uint32_t
server_stall_ms(const struct server *s)
{
	return s->cfg.stall_ms != 0 ? s->cfg.stall_ms : (uint32_t)LIMIT_STALL_MS;
}

struct tls_config *
server_tls(struct server *s)
{
	return s->tls;
}

const char *
server_openapi(const struct server *s, size_t *len)
{
	*len = s->cfg.openapi_len;
	return s->cfg.openapi;
}

/* Whether a line may be written now. Where a set is full of this minute's, none is: the log stays
 * bounded whoever knocks. */
static bool
log_may(struct server *s, enum server_refusal what, const struct addr *source)
{
	uint64_t now = clock_mono_ns();
	struct said *set = s->said[(source->hi ^ source->lo ^ what) % LOG_SETS], *room = NULL;

	for (int i = 0; i < LOG_WAYS; i++) {
		struct said *w = &set[i];
		bool fresh = w->at_ns != 0 && now - w->at_ns < 60 * NS_PER_S;

		if (fresh && w->what == what && addr_cmp(&w->source, source) == 0)
			return false;
		if (!fresh)
			room = w;
	}
	if (room == NULL)
		return false;
	*room = (struct said){ .source = *source, .at_ns = now, .what = (uint8_t)what };
	return true;
}

void
server_refused(struct server *s, enum server_refusal what, const struct conn *c, const char *why)
{
	char text[ADDR_TEXT_BYTES] = "local";

	s->refused[what]++;
	if (!log_may(s, what, &c->source))
		return;
	if (c->source.family != 0)
		addr_print(&c->source, text);
	log_warn("peer-refused", "kind=%s source=%s why=\"%s\"", refusal_names[what], text, why);
}

void
server_list(struct server *s, struct conn *c)
{
	c->next = s->conns;
	c->prev = NULL;
	if (c->next != NULL)
		c->next->prev = c;
	else
		s->oldest = c;
	s->conns = c;
	if (c->local)
		s->local_count++;
	else
		s->tls_count++;
	c->counted = c->pending;
	s->pending_count += c->pending;
}

void
server_unlist(struct server *s, struct conn *c)
{
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		s->conns = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	else
		s->oldest = c->prev;
	if (c->local)
		s->local_count--;
	else
		s->tls_count--;
}

static void
tick_at(struct server *s, uint64_t at_ns)
{
	CHECK(loop_timer_set(s->loop, &s->tick, at_ns) == RC_OK);
}

/* The oldest stranger in handshake gives way: to a known source, or once it had its time. */
static bool
shake_make_room(struct server *s, const struct conn *for_conn)
{
	uint64_t now = clock_mono_ns();

	for (struct conn *c = s->oldest; c != NULL; c = c->prev) {
		if (!c->shaking || c->known)
			continue;
		if (!for_conn->known && now - c->since_ns < LIMIT_HANDSHAKE_TURN_MS * NS_PER_MS)
			return false;
		server_refused(s, REFUSED_PENDING, c, "others wait for its place");
		conn_destroy(c);
		return true;
	}
	return false;
}

static void
stalled_set(struct server *s, struct conn *c, bool stalled)
{
	if (c->stalled && c->stalled_known) {
		CHECK(s->stalled_known > 0);
		s->stalled_known--;
	}
	c->stalled = stalled;
	c->stalled_known = stalled && c->known;
	s->stalled_known += c->stalled_known;
}

static bool
shake_turn_take(struct server *s, struct conn *c)
{
	uint64_t turn = loop_turns(s->loop);

	if (s->shake_turn == turn || (!s->ticking && s->stalled_known > 0) ||
	    (!c->known && !admit_stranger_may(s->admit, clock_mono_ns())))
		return false;
	if (!c->shaking) {
		if (s->shaking >= LIMIT_HANDSHAKES && !shake_make_room(s, c))
			return false;
		s->shaking++;
		c->shaking = true;
	}
	s->shake_turn = turn;
	return true;
}

bool
server_shake_may(struct server *s, struct conn *c)
{
	bool may = shake_turn_take(s, c);

	stalled_set(s, c, !may);
	if (c->stalled_known)
		tick_at(s, 1);
	return may;
}

void
server_shake_done(struct server *s, struct conn *c)
{
	stalled_set(s, c, false);
	if (c->shaking) {
		CHECK(s->shaking > 0);
		s->shaking--;
		c->shaking = false;
	}
}

void
server_stranger_done(struct server *s, struct conn *c)
{
	if (c->counted) {
		CHECK(s->pending_count > 0);
		s->pending_count--;
		c->counted = false;
	}
}

/* --- requests to main --- */

static struct wait *
wait_find(struct server *s, uint32_t id)
{
	for (uint32_t i = 0; i < WAITS; i++)
		if (s->waits[i].id == id)
			return &s->waits[i];
	return NULL;
}

static void
main_want(struct server *s)
{
	loop_io_want(s->loop, &s->main_io, EPOLLIN | (msg_wants_write(s->main) ?
	    (uint32_t)EPOLLOUT : 0));
}

enum rc
server_ask(struct server *s, struct conn *c, const struct ctl_request *r)
{
	struct wait *w = s->wait_count < WAITS ? wait_find(s, 0) : NULL;
	struct msg m = { .type = CTL_REQUEST };
	size_t cap = ctl_msg_room(r->body_len), len;
	uint8_t *buf;
	enum rc rc;

	if (w == NULL)
		return RC_LIMIT;
	buf = malloc(cap);
	if (buf == NULL)
		return RC_NOMEM;
	rc = ctl_request_encode(r, buf, cap, &len);
	if (++s->next_id == 0)
		s->next_id = 1;
	m.id = s->next_id;
	m.body = buf;
	m.len = (uint32_t)len;
	if (rc == RC_OK)
		rc = msg_send(s->main, &m);
	free(buf);
	if (rc != RC_OK)
		return rc;
	*w = (struct wait){ .id = m.id, .conn = c, .until_ns = clock_mono_ns() +
	    LIMIT_ANSWER_MS * NS_PER_MS };
	s->wait_count++;
	c->id = m.id;
	main_want(s);
	return RC_OK;
}

void
server_forget(struct server *s, struct conn *c)
{
	struct wait *w = c->id == 0 ? NULL : wait_find(s, c->id);

	if (w != NULL)
		w->conn = NULL;		/* main's answer will find nobody */
	c->id = 0;
}

static void
wait_end(struct server *s, struct wait *w)
{
	w->id = 0;
	w->conn = NULL;
	CHECK(s->wait_count > 0);
	s->wait_count--;
}

static enum rc
answer_take(struct server *s, const struct msg *m)
{
	struct wait *w = m->id == 0 ? NULL : wait_find(s, m->id);
	struct ctl_answer a;
	struct conn *c;

	if (m->status < 200 || ctl_answer_decode(m->body, m->len, &a) != RC_OK)
		return RC_INVALID;
	if (w == NULL)
		return RC_OK;		/* given up before */
	c = w->conn;
	wait_end(s, w);
	if (c == NULL)
		return RC_OK;
	c->id = 0;
	api_answered(c, m->status, &a);
	conn_kick(c);
	return RC_OK;
}

/* --- keys --- */

/* Sessions whose certificate the new list revokes are closed. */
static void
revoked_cut(struct server *s)
{
	for (struct conn *c = s->conns, *next; c != NULL; c = next) {
		next = c->next;
		if (c->tls == NULL || c->state < CONN_READ ||
		    !tls_peer_revoked(s->tls, tls_peer(c->tls)))
			continue;
		log_info("session-revoked", "peer=\"%s\"", tls_peer(c->tls)->name);
		conn_destroy(c);
	}
}

static enum rc
keys_take(struct server *s, const struct msg *m)
{
	struct tls_config *fresh = NULL;
	struct diag d = { 0 };
	struct ctl_keys k;
	struct tls_pems pems;

	if (ctl_keys_decode(m->body, m->len, &k) != RC_OK)
		return RC_INVALID;
	if (m->arg >= ARRAY_LEN(s->cfg.signer_fds))
		return RC_INVALID;
	if (k.ca_len == 0 || s->cfg.signer_fds[m->arg] < 0)
		return RC_OK;
	pems = (struct tls_pems){ .ca = k.ca, .ca_len = k.ca_len, .crt = k.crt,
		.crt_len = k.crt_len,
		.crl = k.crl_len > 0 ? k.crl : NULL, .crl_len = k.crl_len,
		.vault = s->cfg.vault };
	tls_tickets_leave(s->tls);
	if (tls_config_server_pems(&pems, s->cfg.signer_fds[m->arg], &fresh, &d) != RC_OK) {
		log_err("keys-refused", "why=\"%s\" kept=%s", d.text,
		    s->tls != NULL ? "old" : "none");
		return RC_OK;
	}
	tls_config_put(&s->tls);
	s->tls = fresh;
	s->revision++;
	log_info("keys-loaded", "revision=%llu", (unsigned long long)s->revision);
	revoked_cut(s);
	return RC_OK;
}

/* --- the end --- */

/* Who connects from now on waits in the sockets for whoever accepts next. What others have sent
 * already is read before the first tick closes those who wait between two requests; those who have
 * not asked yet get a moment to. */
static void
drain_begin(struct server *s)
{
	uint64_t now = clock_mono_ns();

	if (s->drain_ns != 0)
		return;
	s->drain_ns = now;
	loop_io_del(s->loop, &s->local_io);
	loop_io_del(s->loop, &s->tls_io);
	s->local_on = s->tls_on = true;		/* not again */
	for (struct conn *c = s->conns, *next; c != NULL; c = next) {
		next = c->next;
		conn_drain(c);
	}
	tick_at(s, now + DRAIN_TICK_MS * NS_PER_MS);
}

static void
drain_tick(struct server *s, uint64_t now)
{
	if (s->drain_ns == 0)
		return;
	for (struct conn *c = s->conns, *next; c != NULL; c = next) {
		next = c->next;
		conn_drain_idle(c, now - s->drain_ns > DRAIN_ASK_MS * NS_PER_MS);
	}
	if (s->conns == NULL)
		loop_stop(s->loop);
}

/* Begins to accept, once. */
static enum rc
listen_begin(struct server *s, struct loop_io *io, bool *on)
{
	if (*on || io->fd < 0)
		return RC_OK;
	*on = true;
	return loop_io_add(s->loop, io);
}

static void
on_main(void *arg, uint32_t events)
{
	struct server *s = arg;
	struct msg m;
	enum rc rc = events & EPOLLOUT ? msg_flush(s->main) : RC_OK;

	if (rc == RC_AGAIN)
		rc = RC_OK;
	while (rc == RC_OK) {
		rc = msg_recv(s->main, &m);
		if (rc != RC_OK)
			break;
		switch (m.type) {
		case CTL_ANSWER:
			rc = answer_take(s, &m);
			break;
		case CTL_EVENT:
			stream_add(s->stream, m.arg, m.body, m.len);
			break;
		case CTL_FLOW:
			stream_add(s->flows, m.arg, m.body, m.len);
			break;
		case CTL_GROUP:
			s->cfg.group = (uint32_t)m.arg;
			rc = listen_begin(s, &s->local_io, &s->local_on);
			break;
		case CTL_DRAIN:
			drain_begin(s);
			break;
		case CTL_KEYS:
			rc = keys_take(s, &m);
			/* with keys that cannot be used too: who connects is to hear of it */
			if (rc == RC_OK)
				rc = listen_begin(s, &s->tls_io, &s->tls_on);
			break;
		default:
			rc = RC_INVALID;
		}
	}
	if (rc != RC_AGAIN) {
		s->main_gone = true;
		loop_stop(s->loop);
		return;
	}
	main_want(s);
}

/* --- accepting --- */

static bool
local_allowed(const struct server *s, int fd)
{
	struct ucred u;
	socklen_t len = sizeof(u);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &u, &len) != 0)
		return false;
	return u.uid == 0 || u.uid == getuid() || (s->cfg.group != UINT32_MAX &&
	    u.gid == s->cfg.group);
}

/* One answer, as far as the socket takes it at once. */
static void
turn_away(struct server *s, int fd, int status, const char *slug, const char *detail)
{
	char body[256], text[512];
	int n = snprintf(body, sizeof(body), "{\"type\":\"urn:ringfence:%s\",\"title\":\"%s\","
	    "\"status\":%d,\"detail\":\"%s\"}\n", slug, slug, status, detail);

	s->refused[REFUSED_CONNS]++;
	n = snprintf(text, sizeof(text), "HTTP/1.1 %d Refused\r\nContent-Type: application/"
	    "problem+json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", status, n, body);
	(void)!send(fd, text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
}

static void
on_local(void *arg, uint32_t events)
{
	const struct addr none = { 0 };
	struct server *s = arg;

	UNUSED(events);
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		int fd = accept4(s->cfg.local_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
			return;
		if (!local_allowed(s, fd)) {
			turn_away(s, fd, 403, "denied",
			    "only root, the daemon's user and its group may ask");
			continue;
		}
		if (s->local_count >= LIMIT_CONNS_LOCAL) {
			turn_away(s, fd, 503, "too-many", "too many clients");
			continue;
		}
		if (conn_create(s, fd, true, &none) == NULL)
			s->refused[REFUSED_CONNS]++;
	}
}

/* The oldest connection without a certificate gives way. */
static void
pending_make_room(struct server *s)
{
	struct conn *c = s->oldest;

	while (c != NULL && !c->counted)
		c = c->prev;
	if (c == NULL)
		return;
	server_refused(s, REFUSED_PENDING, c, "too many without a certificate");
	conn_destroy(c);
}

static bool
source_read(const struct sockaddr_storage *ss, struct addr *out)
{
	if (ss->ss_family == AF_INET) {
		*out = addr_from_bytes(4,
		    (const uint8_t *)&((const struct sockaddr_in *)ss)->sin_addr);
		return true;
	}
	if (ss->ss_family == AF_INET6) {
		const struct in6_addr *a = &((const struct sockaddr_in6 *)ss)->sin6_addr;

		*out = IN6_IS_ADDR_V4MAPPED(a) ? addr_from_bytes(4, a->s6_addr + 12) :
		    addr_from_bytes(6, a->s6_addr);
		return true;
	}
	return false;
}

static void
on_tls(void *arg, uint32_t events)
{
	struct server *s = arg;

	UNUSED(events);
	for (int i = 0; i < STRANGERS_A_TURN; i++) {
		struct sockaddr_storage ss = { 0 };
		socklen_t len = sizeof(ss);
		struct addr source;
		struct conn *c;
		int fd = accept4(s->cfg.tls_fd, (struct sockaddr *)&ss, &len,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
			return;
		if (s->tls == NULL || !source_read(&ss, &source) ||
		    !admit_begin(s->admit, &source, clock_mono_ns())) {
			s->refused[REFUSED_BUDGET]++;
			close(fd);
			continue;
		}
		if (s->tls_count - s->pending_count >= LIMIT_CONNS) {
			admit_end(s->admit, &source, false);
			s->refused[REFUSED_CONNS]++;
			close(fd);
			continue;
		}
		if (s->pending_count >= LIMIT_PENDING)
			pending_make_room(s);
		c = conn_create(s, fd, false, &source);
		if (c == NULL)
			s->refused[REFUSED_CONNS]++;
		else if (s->pending_count == 1)		/* its turn must not wait for a slow tick */
			tick_at(s, clock_mono_ns() + SHAKE_TICK_MS * NS_PER_MS);
	}
}

/* --- time --- */

/* Handshakes that wait, one a turn: the oldest of a known source first, then of strangers. The
 * list is walked only where one may go on, for under attack it is long. */
static void
shakes_advance(struct server *s, uint64_t now)
{
	struct conn *turn = NULL;

	if (s->pending_count == 0 || (s->stalled_known == 0 && !admit_stranger_may(s->admit, now)))
		return;
	for (struct conn *c = s->oldest; c != NULL; c = c->prev) {
		if (c->state != CONN_SHAKE || !c->stalled)
			continue;
		if (c->stalled_known) {
			turn = c;
			break;
		}
		if (turn == NULL)
			turn = c;
	}
	if (turn == NULL)
		return;
	s->ticking = true;
	conn_kick(turn);
	s->ticking = false;
}

static void
waits_expire(struct server *s, uint64_t now)
{
	for (uint32_t i = 0; i < WAITS && s->wait_count > 0; i++) {
		struct wait *w = &s->waits[i];
		struct conn *c = w->conn;

		if (w->id == 0 || now < w->until_ns)
			continue;
		wait_end(s, w);
		if (c == NULL)
			continue;
		c->id = 0;
		conn_problem(c, 504, "no-answer", "the daemon did not answer in time", "");
		conn_kick(c);
	}
}

static void
on_tick(void *arg)
{
	struct server *s = arg;
	uint64_t now = clock_mono_ns();
	uint64_t next = s->pending_count > 0 ? SHAKE_TICK_MS : s->drain_ns != 0 ? DRAIN_TICK_MS :
	    1000;

	shakes_advance(s, now);
	waits_expire(s, now);
	drain_tick(s, now);
	/* 1: the next turn */
	tick_at(s, s->stalled_known > 0 ? 1 : now + next * NS_PER_MS);
}

/* --- life --- */

static enum rc
ios_add(struct server *s)
{
	enum rc rc;

	s->main_io = (struct loop_io){ .fd = msg_chan_fd(s->main), .events = EPOLLIN,
		.fn = on_main, .arg = s };
	s->local_io = (struct loop_io){ .fd = s->cfg.local_fd, .events = EPOLLIN, .fn = on_local,
		.arg = s };
	s->tls_io = (struct loop_io){ .fd = s->cfg.tls_fd, .events = EPOLLIN, .fn = on_tls,
		.arg = s, .late = true };
	rc = loop_io_add(s->loop, &s->main_io);
	if (rc == RC_OK && !s->cfg.told)
		rc = listen_begin(s, &s->local_io, &s->local_on);
	if (rc == RC_OK && !s->cfg.told)
		rc = listen_begin(s, &s->tls_io, &s->tls_on);
	s->tick = (struct loop_timer){ .fn = on_tick, .arg = s };
	if (rc == RC_OK)
		rc = loop_timer_set(s->loop, &s->tick, clock_mono_ns());
	return rc;
}

enum rc
server_create(const struct server_cfg *cfg, struct server **out, struct diag *diag)
{
	struct server *s = calloc(1, sizeof(*s));
	uint8_t seed[16];
	enum rc rc;

	*out = NULL;
	if (s == NULL)
		return RC_NOMEM;
	s->cfg = *cfg;
	rc = loop_create(&s->loop);
	if (rc == RC_OK && getrandom(seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		rc = rc_from_errno(errno);
	if (rc == RC_OK)
		rc = msg_chan_create(cfg->main_fd, MSG_BODY_MAX, &s->main);
	if (rc == RC_OK) {
		s->admit = admit_create(seed);
		s->stream = stream_create(s->loop, "alert");
		s->flows = stream_create(s->loop, "flow");
		rc = s->admit == NULL || s->stream == NULL || s->flows == NULL ? RC_NOMEM :
		    ios_add(s);
	}
	if (rc != RC_OK) {
		diag_set(diag, "ctl", "cannot start the control channel: %s", rc_name(rc));
		server_destroy(&s);
	}
	*out = s;
	return rc;
}

void
server_destroy(struct server **server)
{
	struct server *s = *server;

	if (s == NULL)
		return;
	while (s->conns != NULL)
		conn_destroy(s->conns);
	stream_destroy(&s->stream);
	stream_destroy(&s->flows);
	admit_destroy(&s->admit);
	tls_config_put(&s->tls);
	msg_chan_destroy(&s->main);
	loop_destroy(&s->loop);
	free(s);
	*server = NULL;
}

enum rc
server_run(struct server *s)
{
	enum rc rc = loop_run(s->loop);

	return rc == RC_OK && s->main_gone ? RC_PEER : rc;
}
