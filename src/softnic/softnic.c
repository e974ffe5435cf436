/* SPDX-License-Identifier: Apache-2.0 */
/* softnic - the loop between two ports, the firmware and the mailbox. */
#define _GNU_SOURCE
#include "softnic.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "board.h"
#include "clock.h"
#include "cut.h"
#include "file.h"
#include "fw_mbox.h"
#include "log.h"
#include "port.h"
#include "rights.h"
#include "softnic_mbox.h"
#include "softnic_store.h"

enum {
	CHECK_EVERY_MS = 1000,		/* ports: are they there, what did they lose */
	REPLAY_STEP_DAYS_MAX = 3650	/* how far a capture may move the clock */
};

enum source { SOURCE_SIGNAL, SOURCE_MBOX, SOURCE_STORE, SOURCE_WIRE, SOURCE_HOST, SOURCE__COUNT };

/* The flow clock: monotonic from base on, or what the frames of a replay make it. */
struct flow_clock {
	uint64_t fw_ns;			/* at base */
	uint64_t mono_ns;		/* at base */
	bool replaying;			/* then fw_ns is the time, and only frames move it */
	uint64_t first_wall_ns, start_ns;	/* capture's and flow clock's begin of the replay */
};

struct softnic {
	struct board *board;
	struct fw_mbox fw_mbox;
	struct softnic_mbox *mbox;
	struct softnic_store *store;
	struct port *ports[2];		/* enum port_side */
	struct cut cut;
	struct flow_clock clock;
	uint64_t frame_wall_ns;		/* of the replayed frame being judged; 0 = none */
	uint64_t checked_ns;
	int epoll_fd, signal_fd;
	bool stop;
};

/* --- clock --- */

static uint64_t
now_get(const struct softnic *s)
{
	const struct flow_clock *c = &s->clock;

	return c->replaying ? c->fw_ns : c->fw_ns + (clock_mono_ns() - c->mono_ns);
}

static void
replay_begin(struct softnic *s, uint64_t wall_ns)
{
	s->clock.fw_ns = now_get(s);
	s->clock.start_ns = s->clock.fw_ns;
	s->clock.first_wall_ns = wall_ns;
	s->clock.replaying = true;
}

static void
replay_end(struct softnic *s)
{
	s->clock.mono_ns = clock_mono_ns();
	s->clock.replaying = false;
}

/* Never back, and never so far ahead that it could wrap. */
static void
replay_move(struct softnic *s, uint64_t wall_ns)
{
	const uint64_t limit = (uint64_t)REPLAY_STEP_DAYS_MAX * 86400 * NS_PER_S;
	uint64_t passed = wall_ns > s->clock.first_wall_ns ? wall_ns - s->clock.first_wall_ns : 0;

	s->clock.fw_ns = MAX(s->clock.fw_ns, s->clock.start_ns + MIN(passed, limit));
}

/* --- the board's side of the firmware --- */

static uint64_t
board_wall_ns(void *arg)
{
	const struct softnic *s = arg;

	return s->frame_wall_ns != 0 ? s->frame_wall_ns : clock_wall_ns();
}

static uint64_t
board_tx_lost(void *arg)
{
	const struct softnic *s = arg;

	return s->ports[PORT_WIRE]->counters.tx_lost + s->ports[PORT_HOST]->counters.tx_lost;
}

/* As of the last look at the ports, each CHECK_EVERY_MS. */
static uint64_t
board_rx_lost(void *arg)
{
	const struct softnic *s = arg;

	return s->ports[PORT_WIRE]->counters.rx_lost + s->ports[PORT_HOST]->counters.rx_lost;
}

static bool
board_dma_read(void *arg, uint8_t *to, uint32_t dma_offset, uint32_t len)
{
	struct softnic *s = arg;

	return softnic_mbox_dma_read(s->mbox, to, dma_offset, len);
}

static void
board_kick(void *arg)
{
	struct softnic *s = arg;

	softnic_mbox_kick(s->mbox);
}

static enum fw_store
board_store(void *arg, const struct fw_record *record, const uint8_t *image)
{
	struct softnic *s = arg;

	return softnic_store_write(s->store, record, image);
}

/* Starts of this NIC, so that a host that knew the one before notices: counted beside the store,
 * else any number. */
static uint32_t
boots_next(const char *store)
{
	char path[4096], text[16];
	uint8_t *p = NULL;
	size_t len;
	uint16_t boots = 0;
	struct diag ignored;

	if (store == NULL || snprintf(path, sizeof(path), "%s.boots", store) >= (int)sizeof(path)) {
		if (getrandom(&boots, sizeof(boots), 0) != (ssize_t)sizeof(boots))
			boots = (uint16_t)clock_wall_ns();
		return boots;
	}
	if (file_read(AT_FDCWD, path, sizeof(text), &p, &len, &ignored) == RC_OK)
		boots = (uint16_t)strtoul((char *)p, NULL, 10);
	free(p);
	boots++;
	snprintf(text, sizeof(text), "%u\n", boots);
	if (file_replace(path, text, strlen(text), 0600, &ignored) != RC_OK)
		log_warn("boots-not-stored", "why=\"%s\"", ignored.text);
	return boots;
}

/* --- frames --- */

/* Judges a burst of one port and sends what passes to the other; how many frames came. */
static uint32_t
pump(struct softnic *s, enum port_side side)
{
	struct port *from = s->ports[side], *to = s->ports[1 - side];
	struct port_frame frames[PORT_BURST_MAX], *pass[PORT_BURST_MAX];
	uint32_t count = port_recv(from, frames, PORT_BURST_MAX), passed = 0;
	uint64_t now = now_get(s);

	for (uint32_t i = 0; i < count; i++) {
		struct port_frame *f = &frames[i];
		struct fw_verdict v;
		uint32_t bytes;
		const uint8_t *p = cut_fill(&s->cut, f->bytes, f->len_bytes, f->orig_bytes, &bytes);

		if (i + 1 < count)
			__builtin_prefetch(frames[i + 1].bytes);
		if (f->wall_ns != 0) {
			if (!s->clock.replaying)
				replay_begin(s, f->wall_ns);
			replay_move(s, f->wall_ns);
			now = s->clock.fw_ns;
			s->frame_wall_ns = f->wall_ns;
		}
		fw_packet(&s->board->fw, p, bytes, now, &v);
		CHECK(v.verdict < WIRE_VERDICT__COUNT);
		if (v.verdict != WIRE_DROP)
			pass[passed++] = f;
	}
	s->frame_wall_ns = 0;
	port_send(to, pass, passed);
	port_recv_done(from);
	return count;
}

/* A replay waits for a generation; once it has ended, time goes on by itself. */
static uint32_t
pump_wire(struct softnic *s)
{
	struct port *p = s->ports[PORT_WIRE];
	uint32_t count;

	if (p->fd >= 0)
		return pump(s, PORT_WIRE);
	if (p->ended || s->board->fw.generation == 0)
		return 0;
	count = pump(s, PORT_WIRE);
	if (p->ended) {
		if (s->clock.replaying)
			replay_end(s);
		log_info("replay-end", "frames=%" PRIu64, p->counters.rx_frames);
	}
	return count;
}

static enum rc
ports_check(struct softnic *s, struct diag *diag)
{
	for (int i = 0; i < 2; i++) {
		enum rc rc = port_check(s->ports[i], diag);

		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

/* --- loop --- */

static void
signal_take(struct softnic *s)
{
	struct signalfd_siginfo info;

	if (read(s->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		s->stop = true;
}

/* Sleeps until something comes or the next heartbeat is due; not at all where work is left. */
static enum rc
wait_for_work(struct softnic *s, bool busy, struct diag *diag)
{
	struct epoll_event events[SOURCE__COUNT];
	int n = epoll_wait(s->epoll_fd, events, SOURCE__COUNT, busy ? 0 : WIRE_MBOX_HEARTBEAT_MS);

	if (n < 0 && errno != EINTR) {
		diag_set(diag, "io", "epoll: %s", strerror(errno));
		return rc_from_errno(errno);
	}
	for (int i = 0; i < n; i++) {
		if (events[i].data.u32 == SOURCE_SIGNAL)
			signal_take(s);
		else if (events[i].data.u32 == SOURCE_MBOX)
			softnic_mbox_work(s->mbox, &s->board->fw, now_get(s));
		else if (events[i].events & (EPOLLERR | EPOLLHUP))
			s->checked_ns = 0;
	}
	return RC_OK;
}

static enum rc
loop(struct softnic *s, struct diag *diag)
{
	enum rc rc = RC_OK;

	while (rc == RC_OK && !s->stop) {
		uint32_t count = pump_wire(s) + pump(s, PORT_HOST);
		uint64_t mono = clock_mono_ns();

		fw_poll(&s->board->fw, now_get(s));
		if (s->checked_ns == 0 || mono - s->checked_ns >= CHECK_EVERY_MS * NS_PER_MS) {
			s->checked_ns = mono;
			rc = ports_check(s, diag);
			if (rc != RC_OK)
				break;
		}
		rc = wait_for_work(s, count > 0 || fw_mbox_busy(&s->fw_mbox), diag);
	}
	return rc;
}

static enum rc
watch(struct softnic *s, int fd, enum source source, struct diag *diag)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u32 = source };

	if (fd < 0 || epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &e) == 0)
		return RC_OK;
	diag_set(diag, "io", "epoll: %s", strerror(errno));
	return rc_from_errno(errno);
}

static enum rc
signals_open(struct softnic *s, struct diag *diag)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		goto fail;
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->signal_fd >= 0 && s->epoll_fd >= 0)
		return RC_OK;
fail:
	diag_set(diag, "io", "signals: %s", strerror(errno));
	return rc_from_errno(errno);
}

/* Enforces what the store holds; a damaged store leaves the NIC without an image, closed. */
static void
image_boot(struct softnic *s)
{
	struct fw_record record = { 0 };
	struct diag d = { 0 };
	bool used_prev = false;
	enum rc rc;

	if (s->store == NULL)
		return;
	rc = softnic_store_read(s->store, s->board->cfg.bank[0], WIRE_IMAGE_BYTES_MAX, &record,
	    &used_prev, &d);
	if (rc == RC_AGAIN)
		return;
	if (rc != RC_OK || used_prev)
		log_err("store-damaged", "why=\"%s\" former=%d", d.text, used_prev);
	if (rc == RC_OK && !fw_boot_image(&s->board->fw, &record))
		log_err("store-refused", "generation=%u bytes=%u", record.generation, record.len);
	if (rc != RC_OK || used_prev)
		fw_boot_damaged(&s->board->fw);
	if (s->board->fw.generation != 0)
		log_info("store-read", "generation=%u bytes=%u", record.generation, record.len);
}

static void
dir_of(const char *path, char dir[PATH_MAX])
{
	char *slash;

	(void)snprintf(dir, PATH_MAX, "%s", path);
	slash = strrchr(dir, '/');
	if (slash == NULL)
		(void)strcpy(dir, ".");
	else
		slash[slash == dir] = '\0';
}

/* Ports and socket are open, nothing of a stranger was read. What stays: the store's directory, and
 * removing the socket; with a clsact guard the right to take it away at the end. */
static enum rc
room_enter(const struct softnic *s, const struct softnic_cfg *cfg, struct diag *diag)
{
	struct rights_spec spec = rights_spec_default(ROOM_NIC);
	char socket_dir[PATH_MAX], store_dir[PATH_MAX];
	struct rights_path paths[2] = { { socket_dir, RIGHTS_MAKE },
		{ store_dir, RIGHTS_READ | RIGHTS_LIST | RIGHTS_WRITE | RIGHTS_MAKE } };

	dir_of(cfg->socket, socket_dir);
	if (cfg->store != NULL)
		dir_of(cfg->store, store_dir);
	spec.off = cfg->no_sandbox;
#ifdef RF_SANITIZE	/* leaks are looked for at the end, by ptrace */
	spec.off = true;
#endif
	spec.paths = paths;
	spec.path_count = cfg->store != NULL ? 2 : 1;
	if (s->ports[PORT_WIRE]->needs_admin || s->ports[PORT_HOST]->needs_admin)
		spec.keep_caps = UINT64_C(1) << CAP_NET_ADMIN;
	return rights_drop(&spec, diag);
}

/* The socket first: whoever has it is the one NIC that may touch store and ports. */
static enum rc
setup(struct softnic *s, const struct softnic_cfg *cfg, struct diag *diag)
{
	struct board_cfg board = { .flow_count = cfg->flow_count, .alert_rate = cfg->alert_rate,
		.alert_burst = cfg->alert_burst, .lines_max = cfg->lines_max,
		.loads_max = cfg->loads_max, .seed_fixed = strncmp(cfg->wire, "pcap:", 5) == 0,
		.mbox = &s->fw_mbox, .alert = fw_mbox_alert, .alert_arg = &s->fw_mbox,
		.flow = fw_mbox_flow, .flow_arg = &s->fw_mbox };
	struct fw_port port = { .arg = s, .wall_ns = board_wall_ns, .dma_read = board_dma_read,
		.store = cfg->store != NULL ? board_store : NULL, .kick = board_kick,
		.tx_lost = board_tx_lost, .rx_lost = board_rx_lost };
	enum rc rc = signals_open(s, diag);

	if (rc == RC_OK)
		rc = softnic_mbox_open(cfg->socket, &s->mbox, diag);
	if (rc == RC_OK && cfg->store != NULL)
		rc = softnic_store_open(cfg->store, &s->store, diag);
	if (rc == RC_OK)
		rc = board_open(&board, &s->board, diag);
	if (rc == RC_OK)
		rc = port_open(cfg->wire, PORT_WIRE, &s->ports[PORT_WIRE], diag);
	if (rc == RC_OK)
		rc = port_open(cfg->host, PORT_HOST, &s->ports[PORT_HOST], diag);
	if (rc == RC_OK)
		rc = room_enter(s, cfg, diag);
	if (rc != RC_OK)
		return rc;
	s->clock.mono_ns = clock_mono_ns();
	s->clock.fw_ns = s->clock.mono_ns;
	fw_mbox_start(&s->board->fw, &port, softnic_mbox_mem(s->mbox), boots_next(cfg->store),
	    now_get(s));
	image_boot(s);
	rc = watch(s, s->signal_fd, SOURCE_SIGNAL, diag);
	if (rc == RC_OK)
		rc = watch(s, softnic_mbox_fd(s->mbox), SOURCE_MBOX, diag);
	if (rc == RC_OK && s->store != NULL)
		rc = watch(s, softnic_store_fd(s->store), SOURCE_STORE, diag);
	if (rc == RC_OK)
		rc = watch(s, s->ports[PORT_WIRE]->fd, SOURCE_WIRE, diag);
	if (rc == RC_OK)
		rc = watch(s, s->ports[PORT_HOST]->fd, SOURCE_HOST, diag);
	return rc;
}

static void
log_ports(const struct softnic *s)
{
	for (int i = 0; i < 2; i++) {
		const struct port *p = s->ports[i];

		log_info("nic-port", "port=\"%s\" in=%" PRIu64 " in_lost=%" PRIu64 " out=%" PRIu64
		    " out_lost=%" PRIu64, p->name, p->counters.rx_frames, p->counters.rx_lost,
		    p->counters.tx_frames - p->counters.tx_lost, p->counters.tx_lost);
	}
}

enum rc
softnic_run(const struct softnic_cfg *cfg, struct diag *diag)
{
	struct softnic *s = calloc(1, sizeof(*s));
	struct diag ignored;
	enum rc rc;

	CHECK(cfg->wire != NULL && cfg->host != NULL && cfg->socket != NULL);
	if (s == NULL)
		return RC_NOMEM;
	s->epoll_fd = -1;
	s->signal_fd = -1;
	rc = setup(s, cfg, diag);
	if (rc == RC_OK) {
		const struct port *wire = s->ports[PORT_WIRE], *host = s->ports[PORT_HOST];

		if (wire->mtu != 0 && host->mtu != 0 && wire->mtu != host->mtu)
			log_warn("nic-mtu", "wire=%u host=%u", wire->mtu, host->mtu);
		log_info("nic-ready", "wire=\"%s\" host=\"%s\" socket=\"%s\" generation=%u",
		    wire->name, host->name, cfg->socket, s->board->fw.generation);
		rc = loop(s, diag);
		(void)!ports_check(s, &ignored);
		log_ports(s);
	}
	port_close(&s->ports[PORT_WIRE]);
	port_close(&s->ports[PORT_HOST]);
	softnic_mbox_close(&s->mbox);
	softnic_store_close(&s->store);
	board_close(&s->board);
	cut_fini(&s->cut);
	if (s->signal_fd >= 0)
		close(s->signal_fd);
	if (s->epoll_fd >= 0)
		close(s->epoll_fd);
	free(s);
	return rc;
}
