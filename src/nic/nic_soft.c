/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nic_soft - a software NIC behind nic.h.
 *
 * The socket's end is the NIC's end, for good: who wants it again opens it anew. A reboot inside a
 * session (RC_STALE) is absorbed by calls that only ask, and by an upload, which starts over from
 * BEGIN unless the NIC came back with what was being loaded.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "hash.h"
#include "mbox.h"
#include "nic_int.h"
#include "wire_image.h"

enum { ASKS = 3, LOADS = 3, EVENTS_MAX = 256 };

#define SILENCE_NS NS_PER_S

struct nic_soft {
	struct nic nic;			/* first */
	struct nic_session s;
	struct mbox *mbox;
	int epoll_fd;
	bool gone;
	uint64_t heartbeat, heartbeat_ns;	/* last seen to rise */
	uint32_t heartbeat_boot;
	struct nic_status status;		/* last consistent copy */
	bool status_known;
};

static struct nic_soft *
soft_of(struct nic *nic)
{
	return (struct nic_soft *)nic;
}

static uint64_t
io_now(void *arg)
{
	UNUSED(arg);
	return clock_mono_ns();
}

static void
io_doorbell(void *arg)
{
	struct nic_soft *n = arg;

	/* A full buffer is a doorbell that already rings. */
	(void)!send(n->s.doorbell_fd, "!", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void
status_take(struct nic_soft *n, const struct wire_status *s, const struct wire_stats *t)
{
	uint32_t flags = le32_get(s->flags);

	n->status = (struct nic_status) {
		.generation = le32_get(s->generation),
		.boot_count = le32_get(s->boot) & 0xffff,
		.unconfirmed = (flags & WIRE_STATUS_UNCONFIRMED) != 0,
		.store_failed = (flags & WIRE_STATUS_STORE_FAILED) != 0,
		.store_damaged = (flags & WIRE_STATUS_STORE_DAMAGED) != 0,
		.image_damaged = (flags & WIRE_STATUS_IMAGE_DAMAGED) != 0,
		.abi = (uint32_t)le16_get(s->abi_major) << 16 | le16_get(s->abi_minor),
		.heartbeat = le64_get(s->heartbeat),
		.packets = le64_get(t->packets), .passed = le64_get(t->passed),
		.dropped = le64_get(t->dropped), .would_dropped = le64_get(t->would_dropped),
		.flows_live = le64_get(t->flows_live), .flows_full = le64_get(t->flows_full),
		.frags_refused = le64_get(t->frags_refused),
		.alerts = le64_get(t->alerts), .alerts_lost = le64_get(s->alerts_lost),
		.events_lost = le64_get(s->events_lost), .tx_lost = le64_get(t->tx_lost),
		.rx_lost = le64_get(t->rx_lost),
		.flows_opened = le64_get(t->flows_opened),
		.flows_ended = le64_get(t->flows_ended),
		.seen_opened = le64_get(t->seen_opened), .seen_ended = le64_get(t->seen_ended),
		.seen_full = le64_get(t->seen_full), .flow_told = le64_get(t->flow_told),
		.flow_updates = le64_get(t->flow_updates), .flow_lost = le64_get(t->flow_lost),
		.flow_untold = le64_get(t->flow_untold),
		.flows_on = (le32_get(s->flags) & WIRE_STATUS_FLOWS) != 0
	};
	n->status_known = true;
}

/* Looks at the status page; false where it is none, or the heart stands for SILENCE_NS. */
static bool
heart_beats(struct nic_soft *n)
{
	uint64_t now_ns = clock_mono_ns();
	struct wire_status s;
	struct wire_stats t;
	enum rc rc = mbox_status(n->mbox, &s, &t);

	if (rc == RC_PEER)
		return false;
	if (rc == RC_OK)
		status_take(n, &s, &t);
	if (n->heartbeat_ns == 0 || (rc == RC_OK && (n->status.heartbeat != n->heartbeat ||
	    n->status.boot_count != n->heartbeat_boot))) {
		n->heartbeat = n->status.heartbeat;
		n->heartbeat_boot = n->status.boot_count;
		n->heartbeat_ns = now_ns;
	}
	return now_ns - n->heartbeat_ns < SILENCE_NS;
}

/* The NIC never speaks on the socket after its hello: whatever is there is its end. */
static bool
io_wait(void *arg, uint64_t ns)
{
	struct nic_soft *n = arg;
	struct pollfd p = { .fd = n->s.socket_fd, .events = POLLIN | POLLRDHUP };
	struct timespec t = { .tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S) };

	/* One that stands still is not waited for until the call's own time is over. */
	if (ppoll(&p, 1, &t, NULL) > 0 || (n->mbox != NULL && ns > 0 && !heart_beats(n)))
		n->gone = true;
	return !n->gone;
}

static void
soft_close(struct nic *nic)
{
	struct nic_soft *n = soft_of(nic);

	mbox_close(&n->mbox);
	nic_session_close(&n->s);
	if (n->epoll_fd >= 0)
		(void)close(n->epoll_fd);
	free(n);
}

static int
soft_fd(const struct nic *nic)
{
	return ((const struct nic_soft *)nic)->epoll_fd;
}

/* A question whose answer a reboot does not spoil. */
static enum rc
ask(struct nic_soft *n, uint32_t op, void *reply, uint32_t len, struct diag *diag)
{
	enum rc rc = RC_STALE;

	for (int i = 0; i < ASKS && rc == RC_STALE; i++)
		rc = mbox_ask(n->mbox, op, reply, len, diag);
	return rc;
}

static enum rc
soft_caps_get(struct nic *nic, struct nic_caps *out, struct diag *diag)
{
	struct wire_caps c;
	enum rc rc = RC_STALE;

	for (int i = 0; i < ASKS && rc == RC_STALE; i++)
		rc = mbox_caps(soft_of(nic)->mbox, &c, diag);
	if (rc != RC_OK)
		return rc;
	*out = (struct nic_caps) {
		.tables_max = le32_get(c.tables_max), .rules_max = le32_get(c.rules_max),
		.counters_max = le32_get(c.counters_max),
		.image_bytes_max = le32_get(c.image_bytes_max),
		.flows_max = le32_get(c.flows_max),
		.lines_max = le32_get(c.lines_max), .loads_max = le32_get(c.loads_max)
	};
	return RC_OK;
}

static enum rc
soft_version_get(struct nic *nic, struct nic_version *out, struct diag *diag)
{
	struct wire_ruleset_version v;
	enum rc rc = ask(soft_of(nic), WIRE_OP_RULESET_VERSION, &v, sizeof(v), diag);

	if (rc != RC_OK)
		return rc;
	out->generation = le32_get(v.generation);
	memcpy(out->sha256, v.sha256, sizeof(out->sha256));
	out->committed_wall_ns = le64_get(v.committed_wall_ns);
	out->highest = le32_get(v.highest);
	out->former = le32_get(v.former);
	out->confirm_ms = le32_get(v.confirm_ms);
	return RC_OK;
}

static enum rc
soft_status_get(struct nic *nic, struct nic_status *out)
{
	struct nic_soft *n = soft_of(nic);

	if (!heart_beats(n) || !io_wait(n, 0))
		return RC_PEER;
	if (!n->status_known)
		return RC_AGAIN;
	*out = n->status;
	return RC_OK;
}

/* What the image says it needs. An image the firmware refuses anyway is not judged here. */
static enum rc
upload_fill(struct mbox_upload *u, const uint8_t *image, size_t len, struct diag *diag)
{
	const struct wire_image_hdr *h = (const struct wire_image_hdr *)image;

	if (len < sizeof(*h) || len > WIRE_IMAGE_BYTES_MAX) {
		diag_set(diag, "nic-image", "image of %zu bytes; it takes %zu to %d", len,
		    sizeof(*h), WIRE_IMAGE_BYTES_MAX);
		return len < sizeof(*h) ? RC_TRUNC : RC_LIMIT;
	}
	u->image = image;
	u->len = (uint32_t)len;
	u->tables = le32_get(h->table_count);
	u->rules = le32_get(h->rule_count);
	u->counters = le32_get(h->counter_count);
	return RC_OK;
}

/* After a reboot within an upload: RC_OK where the NIC enforces it all the same. */
static enum rc
load_came_through(struct nic *nic, const struct mbox_upload *u, struct diag *diag)
{
	struct nic_version v;
	uint8_t digest[SHA256_BYTES];
	enum rc rc = soft_version_get(nic, &v, diag);

	if (rc != RC_OK)
		return rc;
	sha256(u->image, u->len, digest);
	return v.generation == u->generation && memcmp(v.sha256, digest, sizeof(digest)) == 0 ?
	    RC_OK : RC_STALE;
}

static enum rc
soft_load(struct nic *nic, uint32_t generation, uint32_t confirm_s, const uint8_t *image,
    size_t len, const struct nic_held *held, struct nic_moved *moved, struct diag *diag)
{
	struct mbox_upload u = { .generation = generation, .confirm_s = confirm_s };
	struct mbox_counts before = *mbox_counts(soft_of(nic)->mbox);
	const struct mbox_counts *now = mbox_counts(soft_of(nic)->mbox);
	enum rc rc = upload_fill(&u, image, len, diag);

	if (rc != RC_OK)
		return rc;
	if (generation == 0) {
		diag_set(diag, "nic-generation", "generation 0 means none; it takes 1 or more");
		return RC_INVALID;
	}
	if (held->len <= WIRE_IMAGE_BYTES_MAX) {
		u.held = held->image;
		u.held_len = (uint32_t)held->len;
	}
	for (int i = 0; i < LOADS; i++) {
		rc = mbox_upload(soft_of(nic)->mbox, &u, diag);
		moved->loaded = now->loaded_bytes - before.loaded_bytes;
		moved->copied = now->copied_bytes - before.copied_bytes;
		if (rc != RC_STALE)
			return rc;
		rc = load_came_through(nic, &u, diag);
		if (rc != RC_STALE)
			return rc;
	}
	diag_set(diag, "nic-rebooted", "the NIC rebooted %d times during the upload", LOADS);
	return rc;
}

static enum rc
soft_confirm(struct nic *nic, uint32_t generation, bool undo, struct diag *diag)
{
	enum rc rc = mbox_confirm(soft_of(nic)->mbox, generation, undo, diag);
	struct nic_version v;

	if (rc != RC_STALE)
		return rc;
	/* After a boot nothing waits: it enforces what its store held. */
	rc = soft_version_get(nic, &v, diag);
	if (rc != RC_OK || (v.generation == generation) != undo)
		return rc;
	diag_set(diag, "nothing-to-confirm", "the NIC rebooted meanwhile, and enforces generation "
	    "%u", v.generation);
	return RC_INVALID;
}

static enum rc
soft_counters_get(struct nic *nic, uint32_t first, uint32_t count, struct nic_counter *out,
    struct diag *diag)
{
	struct nic_soft *n = soft_of(nic);
	uint8_t reply[WIRE_MBOX_PAYLOAD_MAX];

	for (uint32_t done = 0; done < count; ) {
		uint32_t part = MIN(count - done, (uint32_t)WIRE_COUNTER_READ_MAX);
		struct wire_counter_read r = { le32_put(first + done), le32_put(part) };
		uint32_t want = (uint32_t)(sizeof(struct wire_counter_reply) +
		    part * sizeof(struct wire_counter));
		struct mbox_error err;
		uint32_t len;
		enum rc rc = mbox_call(n->mbox, WIRE_OP_COUNTER_READ, &r, sizeof(r), reply,
		    sizeof(reply), &len, &err);

		if (rc == RC_INVALID)
			return mbox_error_tell(&err, WIRE_OP_COUNTER_READ, diag);
		if (rc == RC_OK && len != want)
			rc = RC_PEER;
		if (rc != RC_OK) {
			diag_set(diag, "nic-counters", "counters could not be read: %s",
			    rc_name(rc));
			return rc;
		}
		for (uint32_t i = 0; i < part; i++) {
			struct wire_counter w;

			memcpy(&w, reply + sizeof(struct wire_counter_reply) + i * sizeof(w),
			    sizeof(w));
			out[done + i].packets = le64_get(w.packets);
			out[done + i].bytes = le64_get(w.bytes);
		}
		done += part;
	}
	return RC_OK;
}

static void
alert_take(const struct wire_alert *w, struct nic_alert *out)
{
	*out = (struct nic_alert) {
		.wall_ns = le64_get(w->wall_ns), .generation = le32_get(w->generation),
		.rule_id = le32_get(w->rule_id), .suppressed = le32_get(w->suppressed),
		.verdict = w->verdict, .reason = w->reason, .dir = w->dir, .family = w->family,
		.proto = w->proto, .tcp_flags = w->tcp_flags, .sport = le16_get(w->sport),
		.dport = le16_get(w->dport), .vlan = le16_get(w->vlan),
		.frame_bytes = le32_get(w->frame_bytes), .head_bytes = w->head_bytes
	};
	memcpy(out->local, w->local, sizeof(out->local));
	memcpy(out->src, w->src, sizeof(out->src));
	memcpy(out->dst, w->dst, sizeof(out->dst));
	memcpy(out->head, w->head, sizeof(out->head));
}

/* Alerts that stand in the ring are read even after the NIC is gone. */
static enum rc
soft_alert_next(struct nic *nic, struct nic_alert *out)
{
	struct nic_soft *n = soft_of(nic);
	struct wire_alert w;
	uint8_t rings[4096];
	uint64_t event;
	enum rc rc = mbox_alert_next(n->mbox, &w);

	if (rc != RC_OK) {
		/* Emptied before the second look, so that what comes later makes it readable. */
		(void)!recv(n->s.event_fd, rings, sizeof(rings), MSG_DONTWAIT);
		for (int i = 0; i < EVENTS_MAX && mbox_event_next(n->mbox, &event) == RC_OK; i++)
			;
		rc = mbox_alert_next(n->mbox, &w);
	}
	if (rc == RC_OK)
		alert_take(&w, out);
	else if (!io_wait(n, 0))
		rc = RC_PEER;
	return rc;
}

static enum rc
soft_flows_start(struct nic *nic, struct diag *diag)
{
	enum rc rc = RC_STALE;

	for (int i = 0; i < ASKS && rc == RC_STALE; i++)
		rc = mbox_flows_start(soft_of(nic)->mbox, diag);
	return rc;
}

static enum rc
soft_flow_next(struct nic *nic, struct nic_flow *out)
{
	struct wire_flow w;
	enum rc rc = mbox_flow_next(soft_of(nic)->mbox, &w);

	if (rc != RC_OK)
		return rc;
	*out = (struct nic_flow) {
		.id = le64_get(w.id), .kind = w.kind, .end = w.end, .verdict = w.verdict,
		.reason = w.reason, .family = w.family, .proto = w.proto, .dir = w.dir,
		.tcp_flags = w.tcp_flags, .flags = w.flags,
		.local_port = le16_get(w.local_port), .remote_port = le16_get(w.remote_port),
		.vlan = le16_get(w.vlan), .rule_id = le32_get(w.rule_id),
		.generation = le32_get(w.generation),
		.first_wall_ns = le64_get(w.first_wall_ns),
		.last_wall_ns = le64_get(w.last_wall_ns)
	};
	memcpy(out->local, w.local, sizeof(out->local));
	memcpy(out->remote, w.remote, sizeof(out->remote));
	for (int i = 0; i < 2; i++) {
		out->packets[i] = le64_get(w.packets[i]);
		out->bytes[i] = le64_get(w.bytes[i]);
	}
	return RC_OK;
}

static const struct nic_ops soft_ops = {
	.close = soft_close, .fd = soft_fd, .caps_get = soft_caps_get,
	.version_get = soft_version_get, .status_get = soft_status_get, .load = soft_load,
	.confirm = soft_confirm, .counters_get = soft_counters_get, .alert_next = soft_alert_next,
	.flows_start = soft_flows_start, .flow_next = soft_flow_next
};

static enum rc
watch(struct nic_soft *n, int fd)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLRDHUP, .data.fd = fd };

	return epoll_ctl(n->epoll_fd, EPOLL_CTL_ADD, fd, &e) == 0 ? RC_OK : rc_from_errno(errno);
}

enum rc
nic_soft_open(const char *path, struct nic **out, struct diag *diag)
{
	struct mbox_io io = { .now_ns = io_now, .doorbell = io_doorbell, .wait = io_wait };
	struct nic_soft *n = calloc(1, sizeof(*n));
	enum rc rc;

	if (n == NULL)
		return RC_NOMEM;
	n->nic.ops = &soft_ops;
	n->epoll_fd = -1;
	rc = nic_session_open(path, &n->s, diag);
	if (rc != RC_OK)
		goto fail;
	io.arg = n;
	rc = mbox_open(n->s.mem, &io, &n->mbox);
	if (rc != RC_OK)
		goto fail;
	n->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	rc = n->epoll_fd < 0 ? rc_from_errno(errno) : watch(n, n->s.socket_fd);
	if (rc == RC_OK)
		rc = watch(n, n->s.event_fd);
	if (rc != RC_OK) {
		diag_set(diag, "nic-path", "%s: cannot be waited for: %s", path, rc_name(rc));
		goto fail;
	}
	*out = &n->nic;
	return RC_OK;
fail:
	soft_close(&n->nic);
	return rc;
}
