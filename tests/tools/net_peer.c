/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net_peer - the ends of a test network: TCP with checked bytes, raw frames, counting frames.
 *   net_peer serve ADDR PORT             says "ready"; answers get and put until killed
 *   net_peer get|put ADDR PORT BYTES     one connection; prints Mbit/s
 *   net_peer send IFNAME COUNT HEX       frames; the last two bytes of the hex are a counter
 *   net_peer count IFNAME TYPE MS        frames of an ethertype until none came for MS; prints
 *                                        how many, the tag of the last (-1 = none), and the time
 *                                        from first to last in ns
 *   net_peer rate IFNAME MS              by the interface's own counter, until it stood for MS:
 *                                        prints frames, and the time from first to last in ns
 *   net_peer guard tcx|clsact IFNAME     holds a guard until standard input ends
 * A connection has CONNECT_S to stand, each later step LIMIT_S.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "bytes.h"
#include "clock.h"
#include "file.h"
#include "guard.h"
#include "rights.h"

enum { CONNECT_S = 1, LIMIT_S = 5, CHUNK = 65536, BURST = 64 };

static uint8_t chunk[CHUNK];

static int
fail(const char *what)
{
	fprintf(stderr, "net_peer: %s: %s\n", what, strerror(errno));
	return 1;
}

static int
tcp_socket(const char *addr, const char *port, struct sockaddr_in *a)
{
	struct timeval limit = { .tv_sec = LIMIT_S }, connect_limit = { .tv_sec = CONNECT_S };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	*a = (struct sockaddr_in) { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(port)) };
	inet_pton(AF_INET, addr, &a->sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &connect_limit, sizeof(connect_limit));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	return fd;
}

static bool
read_all(int fd, void *p, size_t len)
{
	uint8_t *b = p;

	while (len > 0) {
		ssize_t n = read(fd, b, len);

		if (n <= 0)
			return false;
		b += n;
		len -= (size_t)n;
	}
	return true;
}

/* The pattern repeats every CHUNK bytes; wrong bytes are a failure. */
static bool
bytes_get(int fd, uint64_t count)
{
	static uint8_t buf[CHUNK];

	for (uint64_t at = 0; at < count; at += MIN(count - at, CHUNK)) {
		size_t n = (size_t)MIN(count - at, CHUNK);

		if (!read_all(fd, buf, n) || memcmp(buf, chunk, n) != 0)
			return false;
	}
	return true;
}

static bool
bytes_put(int fd, uint64_t count)
{
	for (uint64_t at = 0; at < count; at += MIN(count - at, CHUNK)) {
		if (fd_write_all(fd, chunk, (size_t)MIN(count - at, CHUNK)) != RC_OK)
			return false;
	}
	return true;
}

static int
serve(const char *addr, const char *port)
{
	struct sockaddr_in a;
	struct timeval forever = { 0 };
	int fd = tcp_socket(addr, port, &a);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &forever, sizeof(forever));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(fd, 16) != 0)
		return fail("listen");
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		struct timeval limit = { .tv_sec = LIMIT_S };
		uint8_t ask[9];
		int c = accept(fd, NULL, NULL);

		if (c < 0)
			return fail("accept");
		setsockopt(c, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		setsockopt(c, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
		if (read_all(c, ask, sizeof(ask))) {
			bool good = ask[0] == 'g' ? bytes_put(c, get_le64(ask + 1)) :
			    bytes_get(c, get_le64(ask + 1)) && fd_write_all(c, "k", 1) == RC_OK;

			if (!good)
				fprintf(stderr, "net_peer: a connection failed\n");
		}
		close(c);
	}
}

static int
transfer(char way, const char *addr, const char *port, uint64_t count)
{
	struct timeval limit = { .tv_sec = LIMIT_S };
	struct sockaddr_in a;
	uint8_t ask[9] = { (uint8_t)way }, end;
	int fd = tcp_socket(addr, port, &a);
	uint64_t start = clock_mono_ns();

	put_le64(ask + 1, count);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		return fail("connect");
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (fd_write_all(fd, ask, sizeof(ask)) != RC_OK)
		return fail("ask");
	if (way == 'g' ? !bytes_get(fd, count) : !bytes_put(fd, count) || !read_all(fd, &end, 1))
		return fail("bytes");
	printf("%.0f\n", (double)count * 8e3 / (double)(clock_mono_ns() - start));
	return 0;
}

static int
packet_socket(const char *ifname, uint16_t type)
{
	struct sockaddr_ll a = { .sll_family = AF_PACKET, .sll_protocol = htons(type),
		.sll_ifindex = (int)if_nametoindex(ifname) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), one = 1, bytes = 64 << 20;

	setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	if (a.sll_ifindex == 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int
send_frames(const char *ifname, uint64_t count, const char *hex)
{
	static uint8_t frames[BURST][2048];
	struct mmsghdr msgs[BURST];
	struct iovec iov[BURST];
	size_t len = strlen(hex) / 2;
	int fd = packet_socket(ifname, 0);
	uint64_t start = clock_mono_ns();

	if (fd < 0 || len < 2 || len > 2048)
		return fail(ifname);
	for (uint32_t i = 0; i < BURST; i++) {
		for (size_t k = 0; k < len; k++)
			sscanf(hex + 2 * k, "%2hhx", &frames[i][k]);
		iov[i] = (struct iovec) { frames[i], len };
		msgs[i] = (struct mmsghdr) { .msg_hdr = { .msg_iov = &iov[i], .msg_iovlen = 1 } };
	}
	for (uint64_t done = 0; done < count;) {
		uint32_t n = (uint32_t)MIN(count - done, BURST);
		int sent;

		for (uint32_t i = 0; i < n; i++)
			put_be16(frames[i] + len - 2, (uint16_t)(done + i));
		sent = sendmmsg(fd, msgs, n, 0);
		if (sent <= 0)
			return fail("send");
		done += (uint64_t)sent;
	}
	printf("%ju\n", (uintmax_t)(clock_mono_ns() - start));
	return 0;
}

static int
count_frames(const char *ifname, uint16_t type, int idle_ms)
{
	int fd = packet_socket(ifname, type), tag = -1;
	uint64_t count = 0, first = 0, last = 0;
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (fd < 0)
		return fail(ifname);
	printf("ready\n");
	fflush(stdout);
	while (poll(&p, 1, idle_ms) > 0) {
		_Alignas(8) char control[128];
		uint8_t frame[64];
		struct iovec iov = { frame, sizeof(frame) };
		struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			.msg_controllen = sizeof(control) };
		struct tpacket_auxdata aux;

		if (recvmsg(fd, &m, MSG_DONTWAIT) < 0)
			continue;
		last = clock_mono_ns();
		first = first != 0 ? first : last;
		count++;
		if (CMSG_FIRSTHDR(&m) == NULL)
			continue;
		memcpy(&aux, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(aux));
		tag = aux.tp_status & TP_STATUS_VLAN_VALID ? aux.tp_vlan_tci : -1;
	}
	printf("%ju %d %ju\n", (uintmax_t)count, tag, (uintmax_t)(last - first));
	return 0;
}

static uint64_t
rx_packets(const char *ifname)
{
	char path[128];
	unsigned long long v = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/class/net/%s/statistics/rx_packets", ifname);
	f = fopen(path, "r");
	if (f == NULL || fscanf(f, "%llu", &v) != 1)
		v = 0;
	if (f != NULL)
		fclose(f);
	return v;
}

static int
rate(const char *ifname, int idle_ms)
{
	uint64_t begin = rx_packets(ifname), now = begin, first = 0, last = 0;
	uint64_t patience_ns = 5 * NS_PER_S, since = clock_mono_ns();	/* for the first frame */

	printf("ready\n");
	fflush(stdout);
	for (;;) {
		uint64_t seen = rx_packets(ifname), at = clock_mono_ns();

		if (seen != now) {
			patience_ns = (uint64_t)idle_ms * NS_PER_MS;
			first = first != 0 ? first : at;
			last = at;
			since = at;
			now = seen;
		} else if (at - since > patience_ns) {
			break;
		}
		poll(NULL, 0, 1);
	}
	printf("%ju %ju\n", (uintmax_t)(now - begin), (uintmax_t)(last - first));
	return 0;
}

/* Lets go of it from within the NIC's room, as the NIC does. */
static int
hold_guard(const char *way, const char *ifname)
{
	struct rights_spec room = rights_spec_default(ROOM_NIC);
	struct guard g;
	struct diag d = { 0 };

	if (guard_open(&g, ifname, if_nametoindex(ifname),
	    strcmp(way, "tcx") == 0 ? GUARD_TCX : GUARD_CLSACT, &d) != RC_OK) {
		diag_print(&d, stderr);
		return 1;
	}
	if (g.ifindex != 0)
		room.keep_caps = UINT64_C(1) << CAP_NET_ADMIN;
	if (rights_drop(&room, &d) != RC_OK) {
		diag_print(&d, stderr);
		return 1;
	}
	printf("ready\n");
	fflush(stdout);
	while (getchar() != EOF)
		;
	guard_close(&g);
	return 0;
}

int
main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(chunk); i++)
		chunk[i] = (uint8_t)(i * 7 + (i >> 8));
	if (argc == 4 && strcmp(argv[1], "serve") == 0)
		return serve(argv[2], argv[3]);
	if (argc == 5 && (strcmp(argv[1], "get") == 0 || strcmp(argv[1], "put") == 0))
		return transfer(argv[1][0], argv[2], argv[3], strtoull(argv[4], NULL, 10));
	if (argc == 5 && strcmp(argv[1], "send") == 0)
		return send_frames(argv[2], strtoull(argv[3], NULL, 10), argv[4]);
	if (argc == 5 && strcmp(argv[1], "count") == 0)
		return count_frames(argv[2], (uint16_t)strtoul(argv[3], NULL, 0), atoi(argv[4]));
	if (argc == 4 && strcmp(argv[1], "rate") == 0)
		return rate(argv[2], atoi(argv[3]));
	if (argc == 4 && strcmp(argv[1], "guard") == 0)
		return hold_guard(argv[2], argv[3]);
	return 2;
}
