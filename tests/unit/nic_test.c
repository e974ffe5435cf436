/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nic_test - nic.h against a software NIC's socket, firmware and store in a process of its own.
 *
 *   test (nic_open ...) <-- socket: hello, memory, bells -----> child (softnic_mbox, fw, store)
 *                       --- pipe: one letter a command ------->
 */
#include "nic.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "rig.h"
#include "softnic_mbox.h"
#include "softnic_store.h"
#include "wire_hello.h"
#include "wire_shared.h"

#include "t.h"

enum { CHILD_S = 30 };

static char dir[64], path[96], image_path[96];

struct child {
	pid_t pid;
	int command, answer;
};

struct board {
	struct rig r;			/* its firmware and buffers */
	struct softnic_mbox *sm;
	struct softnic_store *store;
	uint32_t boots;
	uint64_t wall_ns;
};

static uint64_t
board_wall(void *arg)
{
	UNUSED(arg);
	return clock_wall_ns();
}

static bool
board_dma(void *arg, uint8_t *to, uint32_t dma_offset, uint32_t len)
{
	return softnic_mbox_dma_read(((struct board *)arg)->sm, to, dma_offset, len);
}

static enum fw_store
board_store(void *arg, const struct fw_record *record, const uint8_t *image)
{
	return softnic_store_write(((struct board *)arg)->store, record, image);
}

static void
board_kick(void *arg)
{
	softnic_mbox_kick(((struct board *)arg)->sm);
}

static void
board_start(struct board *b)
{
	const struct fw_port port = { .arg = b, .wall_ns = board_wall, .dma_read = board_dma,
		.store = board_store, .kick = board_kick };
	struct fw_record record;
	struct diag d = { 0 };
	bool prev;

	fw_init(b->r.fw, &b->r.cfg);
	fw_mbox_start(b->r.fw, &port, softnic_mbox_mem(b->sm), ++b->boots, clock_mono_ns());
	if (softnic_store_read(b->store, b->r.cfg.bank[0], RIG_BANK_BYTES, &record, &prev, &d) ==
	    RC_OK)
		CHECK(fw_boot_image(b->r.fw, &record));
}

static void
board_alert(struct board *b, uint32_t rule_id)
{
	struct fw_verdict v = { .verdict = WIRE_DROP, .reason = WIRE_REASON_DEFAULT,
		.tuple = { .family = 4, .vlan = WIRE_VLAN_NONE } };
	uint8_t frame[20] = { 9 };
	struct fw_alert a = { .verdict = &v, .rule_id = rule_id, .frame = frame,
		.frame_bytes = sizeof(frame) };

	/* A hostile host's ring may be full. */
	(void)!fw_mbox_alert(b->r.fm, &a);
}

static void
board_command(struct board *b, char c, int answer)
{
	if (c == 'r')
		board_start(b);
	else if (c == 'a')
		board_alert(b, 42);
	else if (c == 'k')
		board_kick(b);
	else if (c == 'c')
		b->r.cfg.counters[100].packets = 12345;
	CHECK(write(answer, &c, 1) == 1);
}

/* The child: what the software NIC does, without ports. Exit 3: somebody listens already. */
static void
board_run(int command, int answer)
{
	struct board b = { 0 };
	struct diag d = { 0 };
	char c;
	enum rc rc;

	(void)alarm(CHILD_S);
	rig_init(&b.r);
	rc = softnic_mbox_open(path, &b.sm, &d);
	if (rc != RC_OK)
		_exit(rc == RC_CONFLICT ? 3 : 4);
	CHECK(softnic_store_open(image_path, &b.store, &d) == RC_OK);
	board_start(&b);
	CHECK(write(answer, "!", 1) == 1);
	for (;;) {
		struct pollfd p[3] = { { .fd = command, .events = POLLIN },
			{ .fd = softnic_mbox_fd(b.sm), .events = POLLIN },
			{ .fd = softnic_store_fd(b.store), .events = POLLIN } };

		(void)poll(p, 3, fw_mbox_busy(b.r.fm) ? 0 : WIRE_MBOX_HEARTBEAT_MS);
		if (p[0].revents != 0) {
			if (read(command, &c, 1) != 1 || c == 'q')
				break;
			board_command(&b, c, answer);
		}
		softnic_mbox_work(b.sm, b.r.fw, clock_mono_ns());
		fw_poll(b.r.fw, clock_mono_ns());
	}
	softnic_mbox_close(&b.sm);
	softnic_store_close(&b.store);
	rig_fini(&b.r);
	_exit(0);
}

static bool
child_start(struct child *c)
{
	int to[2], from[2];
	char ready;

	fflush(stdout);
	CHECK(pipe2(to, O_CLOEXEC) == 0 && pipe2(from, O_CLOEXEC) == 0);
	c->pid = fork();
	CHECK(c->pid >= 0);
	if (c->pid == 0) {
		(void)close(to[1]);
		(void)close(from[0]);
		board_run(to[0], from[1]);
	}
	(void)close(to[0]);
	(void)close(from[1]);
	c->command = to[1];
	c->answer = from[0];
	return read(c->answer, &ready, 1) == 1;
}

static void
child_do(struct child *c, char what)
{
	char back = 0;

	CHECK(write(c->command, &what, 1) == 1);
	if (what != 'q')
		T_OK(read(c->answer, &back, 1) == 1 && back == what);
}

static int
child_end(struct child *c, int with_signal)
{
	int status = 0;

	if (with_signal != 0)
		(void)kill(c->pid, with_signal);
	else
		child_do(c, 'q');
	CHECK(waitpid(c->pid, &status, 0) == c->pid);
	(void)close(c->command);
	(void)close(c->answer);
	return status;
}

static bool
readable(int fd, int wait_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, wait_ms) == 1;
}

static enum rc
load(struct nic *nic, uint32_t generation, uint32_t len)
{
	static uint8_t image[RIG_BANK_BYTES];
	struct diag d = { 0 };

	rig_image(image, len, (uint8_t)generation);
	return nic_load(nic, generation, image, len, &d);
}

static void
version_is(struct nic *nic, uint32_t generation)
{
	struct nic_version v = { 0 };
	struct diag d = { 0 };

	T_IS_INT(nic_version_get(nic, &v, &d), RC_OK);
	T_IS_UINT(v.generation, generation);
	T_OK(generation == 0 || v.committed_wall_ns > 0);
}

static void
nobody_there(void)
{
	struct diag d = { 0 };
	struct nic *nic = NULL;
	char longer[200];

	T_IS_INT(nic_open(path, &nic, &d), RC_PEER);
	T_OK(strstr(d.text, "no NIC answers") != NULL);
	T_IS_INT(nic_open("/dev/null", &nic, &d), RC_PEER);
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	T_IS_INT(nic_open(longer, &nic, &d), RC_LIMIT);
	T_OK(nic == NULL);
	nic_close(&nic);
}

static void
a_whole_session(void)
{
	struct nic_counter counters[RIG_COUNTERS];
	struct nic *nic = NULL, *second = NULL;
	struct nic_status s = { 0 };
	struct nic_caps caps = { 0 };
	struct nic_alert a;
	struct diag d = { 0 };
	struct child c;
	uint8_t bad[256] = { 1 };

	T_OK(child_start(&c));
	T_IS_INT(nic_open(path, &nic, &d), RC_OK);
	T_IS_INT(nic_open(path, &second, &d), RC_CONFLICT);
	T_OK(strstr(d.text, "another daemon holds this NIC") != NULL);
	T_IS_INT(nic_caps_get(nic, &caps, &d), RC_OK);
	T_IS_UINT(caps.image_bytes_max, RIG_BANK_BYTES);
	version_is(nic, 0);
	T_IS_INT(load(nic, 3, 300 * 1024), RC_OK);
	version_is(nic, 3);
	T_IS_INT(load(nic, 3, 4096), RC_INVALID);
	T_IS_INT(nic_load(nic, 4, bad, sizeof(bad), &d), RC_INVALID);
	T_OK(strstr(d.text, "wrong at byte 0") != NULL);
	T_IS_INT(nic_load(nic, 4, bad, 10, &d), RC_TRUNC);
	version_is(nic, 3);
	child_do(&c, 'c');
	T_IS_INT(nic_counters_get(nic, 0, RIG_COUNTERS, counters, &d), RC_OK);
	T_IS_UINT(counters[100].packets, 12345);
	T_IS_INT(nic_counters_get(nic, 100, RIG_COUNTERS, counters, &d), RC_INVALID);
	T_IS_INT(nic_status_get(nic, &s), RC_OK);
	T_IS_UINT(s.generation, 3);
	T_IS_UINT(s.boot_count, 1);
	T_IS_INT(nic_alert_next(nic, &a), RC_AGAIN);
	T_OK(!readable(nic_fd(nic), 0));
	child_do(&c, 'a');
	T_OK(readable(nic_fd(nic), 2000));
	T_IS_INT(nic_alert_next(nic, &a), RC_OK);
	T_IS_UINT(a.rule_id, 42);
	T_IS_UINT(a.frame_bytes, 20);
	T_IS_INT(nic_alert_next(nic, &a), RC_AGAIN);
	T_OK(!readable(nic_fd(nic), 0));
	/* A reboot inside the session: the stored image is enforced, questions go through. */
	child_do(&c, 'r');
	version_is(nic, 3);
	T_IS_INT(load(nic, 4, 4096), RC_OK);
	child_do(&c, 'r');
	T_IS_INT(load(nic, 5, 4096), RC_OK);
	version_is(nic, 5);
	/* Alerts of the time without a daemon wait for the next one. The first command only lets
	 * the NIC notice that the daemon is gone. */
	nic_close(&nic);
	child_do(&c, 'k');
	child_do(&c, 'a');
	child_do(&c, 'a');
	T_IS_INT(nic_open(path, &nic, &d), RC_OK);
	T_OK(readable(nic_fd(nic), 2000));
	T_IS_INT(nic_alert_next(nic, &a), RC_OK);
	T_IS_INT(nic_alert_next(nic, &a), RC_OK);
	T_IS_UINT(a.rule_id, 42);
	T_IS_INT(nic_alert_next(nic, &a), RC_AGAIN);
	version_is(nic, 5);
	T_IS_INT(child_end(&c, 0), 0);
	T_OK(readable(nic_fd(nic), 2000));
	T_IS_INT(nic_version_get(nic, &(struct nic_version) { 0 }, &d), RC_PEER);
	T_IS_INT(nic_status_get(nic, &s), RC_PEER);
	T_IS_INT(nic_alert_next(nic, &a), RC_PEER);
	nic_close(&nic);
	T_OK(access(path, F_OK) < 0);
}

static void
killed_and_back(void)
{
	struct nic *nic = NULL;
	struct diag d = { 0 };
	struct child c, other;
	int status;

	T_OK(child_start(&c));
	T_OK(!child_start(&other));
	(void)close(other.command);
	(void)close(other.answer);
	CHECK(waitpid(other.pid, &status, 0) == other.pid);
	T_IS_INT(WEXITSTATUS(status), 3);
	T_IS_INT(nic_open(path, &nic, &d), RC_OK);
	version_is(nic, 5);
	(void)child_end(&c, SIGKILL);
	T_IS_INT(nic_version_get(nic, &(struct nic_version) { 0 }, &d), RC_PEER);
	nic_close(&nic);
	/* Its socket is still there, and belongs to nobody. */
	T_OK(access(path, F_OK) == 0);
	T_IS_INT(nic_open(path, &nic, &d), RC_PEER);
	T_OK(child_start(&c));
	T_IS_INT(nic_open(path, &nic, &d), RC_OK);
	version_is(nic, 5);
	nic_close(&nic);
	T_IS_INT(child_end(&c, 0), 0);
}

/* A NIC that stands still: noticed after a second of silence. */
static void
heartbeat_stands(void)
{
	struct nic *nic = NULL;
	struct nic_status s;
	struct diag d = { 0 };
	struct child c;
	uint64_t start_ns, end_ns;
	enum rc rc;

	T_OK(child_start(&c));
	T_IS_INT(nic_open(path, &nic, &d), RC_OK);
	T_IS_INT(nic_status_get(nic, &s), RC_OK);
	(void)kill(c.pid, SIGSTOP);
	start_ns = clock_mono_ns();
	do {
		(void)poll(NULL, 0, 20);
		rc = nic_status_get(nic, &s);
		end_ns = clock_mono_ns();
	} while (rc == RC_OK && end_ns - start_ns < 5 * NS_PER_S);
	T_IS_INT(rc, RC_PEER);
	T_OK(end_ns - start_ns > NS_PER_S * 8 / 10);
	(void)kill(c.pid, SIGCONT);
	nic_close(&nic);
	T_IS_INT(child_end(&c, 0), 0);
}

/* Also within a call, which is not waited for as long as a slow answer would be. */
static void
heartbeat_stands_in_a_call(void)
{
	struct nic_version v;
	struct nic *nic = NULL;
	struct diag d = { 0 };
	struct child c;
	uint64_t start_ns;

	T_OK(child_start(&c));
	T_IS_INT(nic_open(path, &nic, &d), RC_OK);
	T_IS_INT(nic_version_get(nic, &v, &d), RC_OK);
	(void)kill(c.pid, SIGSTOP);
	start_ns = clock_mono_ns();
	T_IS_INT(nic_version_get(nic, &v, &d), RC_PEER);
	T_OK(clock_mono_ns() - start_ns > NS_PER_S * 8 / 10);
	T_OK(clock_mono_ns() - start_ns < 3 * NS_PER_S);
	(void)kill(c.pid, SIGCONT);
	nic_close(&nic);
	T_IS_INT(child_end(&c, 0), 0);
}

/* Connects as a hostile host does: plain system calls. Returns the socket. */
static int
connect_raw(int fds[WIRE_HELLO_FDS])
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct wire_hello hello;
	union {
		struct cmsghdr align;
		unsigned char bytes[CMSG_SPACE(WIRE_HELLO_FDS * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = &hello, .iov_len = sizeof(hello) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)strcpy(addr.sun_path, path);
	CHECK(connect(s, (const struct sockaddr *)&addr, sizeof(addr)) == 0);
	CHECK(recvmsg(s, &msg, 0) == (ssize_t)sizeof(hello));
	CHECK(CMSG_FIRSTHDR(&msg) != NULL);
	memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&msg)), WIRE_HELLO_FDS * sizeof(int));
	return s;
}

/* Never reads the event socket, whose buffer the NIC then fills; makes the descriptor block. */
static void
bell_clog(int fd, struct child *c)
{
	int one = 1;

	CHECK(fcntl(fd, F_SETFL, 0) == 0);
	CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &one, sizeof(one)) == 0);
	for (int i = 0; i < 1000; i++)
		child_do(c, 'k');
}

/* A host that shrinks the memory, clogs the event socket, and writes garbage everywhere. */
static void
hostile_host(void)
{
	struct nic *nic = NULL;
	struct diag d = { 0 };
	struct child c;
	int fds[WIRE_HELLO_FDS], s;
	uint8_t *mem, byte;

	T_OK(child_start(&c));
	s = connect_raw(fds);
	T_OK(ftruncate(fds[0], 0) < 0 && errno == EPERM);
	T_OK(ftruncate(fds[0], WIRE_MBOX_BYTES * 2) < 0 && errno == EPERM);
	mem = mmap(NULL, WIRE_MBOX_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0);
	CHECK(mem != MAP_FAILED);
	bell_clog(fds[2], &c);
	for (unsigned long i = 0; i < 3000; i++) {
		for (uint32_t at = WIRE_MBOX_SLOTS_AT; at < WIRE_MBOX_EVENTS_AT; at += 256)
			wire_store32(mem + at, (uint32_t)t_rand());
		wire_store32(mem + WIRE_MBOX_ALERT_READ_AT, (uint32_t)t_rand());
		wire_store32(mem + WIRE_MBOX_EVENT_READ_AT, (uint32_t)t_rand());
		wire_store32(mem + 4, (uint32_t)t_rand());
		wire_store32(mem + WIRE_MBOX_DOORBELL_AT, (uint32_t)t_rand());
		(void)!send(fds[1], "!", 1, MSG_DONTWAIT);
	}
	child_do(&c, 'a');
	(void)close(s);
	T_IS_INT(nic_open(path, &nic, &d), RC_OK);
	/* What still holds the old memory reaches nobody. */
	memset(mem, 0xff, WIRE_MBOX_BYTES);
	version_is(nic, 5);
	T_IS_INT(load(nic, 6, 4096), RC_OK);
	version_is(nic, 6);
	nic_close(&nic);
	/* One that speaks on its session loses it. */
	for (int i = 0; i < WIRE_HELLO_FDS; i++)
		(void)close(fds[i]);
	(void)munmap(mem, WIRE_MBOX_BYTES);
	s = connect_raw(fds);
	CHECK(send(s, "x", 1, 0) == 1);
	T_OK(readable(s, 2000));
	T_IS_INT(recv(s, &byte, 1, 0), 0);
	(void)close(s);
	for (int i = 0; i < WIRE_HELLO_FDS; i++)
		(void)close(fds[i]);
	T_IS_INT(nic_open(path, &nic, &d), RC_OK);
	nic_close(&nic);
	T_IS_INT(child_end(&c, 0), 0);
}

/* Servers that are not software NICs. */
static void
hello_answer(const void *bytes, size_t len, enum rc want)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int l = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct nic *nic = NULL;
	struct diag d = { 0 };
	pid_t pid;

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/other", dir);
	CHECK(bind(l, (const struct sockaddr *)&addr, sizeof(addr)) == 0 && listen(l, 1) == 0);
	fflush(stdout);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		int s = accept(l, NULL, NULL);

		(void)alarm(5);
		(void)!write(s, bytes, len);
		_exit(0);
	}
	T_IS_INT(nic_open(addr.sun_path, &nic, &d), want);
	T_OK(d.text[0] != '\0');
	CHECK(waitpid(pid, NULL, 0) == pid);
	(void)close(l);
	(void)unlink(addr.sun_path);
}

static void
wrong_hellos(void)
{
	struct wire_hello h = { .magic = le32_put(WIRE_HELLO_MAGIC),
		.version = le16_put(WIRE_HELLO_VERSION), .mem_bytes = le32_put(WIRE_MBOX_BYTES) };

	hello_answer("", 0, RC_PEER);
	hello_answer(&h, 8, RC_PEER);
	hello_answer(&h, sizeof(h), RC_PEER);	/* OK, but no descriptors */
	h.version = le16_put(2);
	hello_answer(&h, sizeof(h), RC_PEER);
	h.version = le16_put(WIRE_HELLO_VERSION);
	h.status = le16_put(WIRE_HELLO_FAILED);
	hello_answer(&h, sizeof(h), RC_PEER);
	h.status = le16_put(WIRE_HELLO_BUSY);
	hello_answer(&h, sizeof(h), RC_CONFLICT);
}

int
main(void)
{
	char command[160];

	(void)t_seed();
	(void)snprintf(dir, sizeof(dir), "/tmp/rf-nic.XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
	(void)snprintf(path, sizeof(path), "%s/nic", dir);
	(void)snprintf(image_path, sizeof(image_path), "%s/image", dir);
	T_RUN(nobody_there);
	T_RUN(a_whole_session);
	T_RUN(killed_and_back);
	T_RUN(heartbeat_stands);
	T_RUN(heartbeat_stands_in_a_call);
	T_RUN(hostile_host);
	T_RUN(wrong_hellos);
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	CHECK(system(command) == 0);
	return t_done();
}
