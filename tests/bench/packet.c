/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet IMAGE RULES SEGMENTS - nanoseconds of one judged packet, the whole of fw_packet().
 *
 * The image is of tests/support/bench.sh's policy. Frames of 60 bytes stand ready in memory, in
 * random order over rules and segments, more of them than the processor's first caches hold:
 *   new    a TCP SYN that a rule allows and that opens a flow
 *   live   a later segment of one of those flows, whose first answer came
 *   warm   a live one out of WARM flows, as in a transfer: all of it stays in the caches
 *   drop   a TCP SYN that no rule allows
 * While one is judged the next is on its way to the cache, as in a burst of the software NIC.
 * Best of RUNS by mean, in processor time of the thread, so that other programs cost it no more
 * than what they take from its caches. Each run begins with an empty flow table; every verdict is
 * checked.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "file.h"
#include "frames.h"
#include "judge.h"

enum { FLOWS = 1 << 16, ASKED = 1 << 15, WARM = 256, RUNS = 9, FRAME_BYTES = 60, STEP_NS = 1000,
	SYN = 0x02, ACK = 0x10 };

struct frame {
	uint8_t bytes[64];
};

static struct frame news[ASKED], answers[ASKED], lives[ASKED], drops[ASKED];
static uint32_t order[ASKED];
static uint64_t seed = 7;

/* splitmix64 */
static uint32_t
below(uint32_t n)
{
	uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((z ^ (z >> 31)) % n);
}

static struct addr
addr4(uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	char text[20];

	(void)snprintf(text, sizeof(text), "%u.%u.%u.%u", a & 255, b & 255, c & 255, d & 255);
	return frame_addr(text);
}

static void
frame_put(struct frame *f, struct frame_spec s, uint8_t flags, bool answer)
{
	uint8_t buf[FRAME_BYTES_MAX];
	uint32_t len;

	s.proto = 6;
	s.tcp_flags = flags;
	s.padding = FRAME_BYTES - 14 - 20 - 20;
	if (answer) {
		struct addr a = s.src;
		uint16_t p = s.sport;

		s.src = s.dst;
		s.dst = a;
		s.sport = s.dport;
		s.dport = p;
	}
	len = frame_build(&s, buf);
	CHECK(len == FRAME_BYTES);
	memcpy(f->bytes, buf, len);
}

static uint64_t
cpu_ns(void)
{
	struct timespec ts;

	CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts) == 0);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* Rule i belongs to segment s where rules * (s - 1) / n <= i < rules * s / n. */
static void
frames_make(uint32_t rules, uint32_t segments)
{
	for (uint32_t k = 0; k < ASKED; k++) {
		uint32_t i = below(rules), s = 1;
		struct frame_spec f;

		while (i >= (uint64_t)rules * s / segments)
			s++;
		/* the host and the source port name the flow: all are different */
		f = (struct frame_spec) { .src = addr4(10, 64 + i / 256, i, 1 + k % 254),
			.dst = addr4(10, 20, 0, s), .sport = (uint16_t)(1024 + k),
			.dport = (uint16_t)(1000 + i % 50000) };
		frame_put(&news[k], f, SYN, false);
		frame_put(&answers[k], f, SYN | ACK, true);
		frame_put(&lives[k], f, ACK, below(2) == 1);
		f.src = addr4(10, 9, i, 1 + k % 254);
		frame_put(&drops[k], f, SYN, false);
		order[k] = k;
	}
	for (uint32_t k = ASKED - 1; k > 0; k--) {
		uint32_t with = below(k + 1), was = order[k];

		order[k] = order[with];
		order[with] = was;
	}
}

/* Nanoseconds each, of frames out of spread; every verdict is the one, for the reason. */
static double
ask(struct judge *j, const struct frame *frames, uint32_t spread, uint64_t *now_ns,
    uint8_t verdict, uint8_t reason)
{
	uint64_t start = cpu_ns(), wrong = 0, took;

	for (uint32_t k = 0; k < ASKED; k++) {
		const uint8_t *frame = frames[order[k % spread]].bytes;
		struct fw_verdict v;

		__builtin_prefetch(frames[order[(k + 1) % ASKED % spread]].bytes);
		*now_ns += STEP_NS;
		judge_frame(j, frame, FRAME_BYTES, FRAME_BYTES, *now_ns, &v, NULL);
		wrong += v.verdict != verdict || v.reason != reason;
	}
	took = cpu_ns() - start;
	if (wrong > 0) {
		printf("FAILED: %" PRIu64 " of %d verdicts are wrong\n", wrong, ASKED);
		exit(1);
	}
	return (double)took / ASKED;
}

int
main(int argc, char **argv)
{
	uint32_t rules = argc == 4 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;
	uint32_t segments = argc == 4 ? (uint32_t)strtoul(argv[3], NULL, 10) : 0;
	double new = 0, live = 0, warm = 0, drop = 0;
	struct diag d = { 0 };
	uint8_t *image;
	size_t len;

	if (rules == 0 || segments == 0 || segments > 254)
		return 2;
	if (file_read(AT_FDCWD, argv[1], WIRE_IMAGE_BYTES_MAX, &image, &len, &d) != RC_OK)
		return 1;
	frames_make(rules, segments);
	for (int run = 0; run < RUNS; run++) {
		uint64_t now_ns = NS_PER_S;
		struct judge *j;
		double n, l, w, r;

		if (judge_open(image, len, 1, FLOWS * 2, &j, &d) != RC_OK) {
			printf("FAILED: %s\n", d.text);
			return 1;
		}
		n = ask(j, news, ASKED, &now_ns, WIRE_PASS, WIRE_REASON_RULE);
		(void)ask(j, answers, ASKED, &now_ns, WIRE_PASS, WIRE_REASON_STATE);
		l = ask(j, lives, ASKED, &now_ns, WIRE_PASS, WIRE_REASON_STATE);
		w = ask(j, lives, WARM, &now_ns, WIRE_PASS, WIRE_REASON_STATE);
		r = ask(j, drops, ASKED, &now_ns, WIRE_DROP, WIRE_REASON_DEFAULT);
		new = run == 0 || n < new ? n : new;
		live = run == 0 || l < live ? l : live;
		warm = run == 0 || w < warm ? w : warm;
		drop = run == 0 || r < drop ? r : drop;
		judge_close(&j);
	}
	printf("packet: %5" PRIu32 " rules in %2" PRIu32 " tables: new flow %.0f, live flow %.0f, "
	    "warm live flow %.0f, drop %.0f ns a packet\n", rules, segments, new, live, warm,
	    drop);
	free(image);
	return 0;
}
