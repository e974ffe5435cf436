/* SPDX-License-Identifier: Apache-2.0 */
/* fw_flow_test - keys, time-outs to the nanosecond, a full table, SipHash. */
#include "t.h"

#include "fw_board.h"
#include "frames.h"
#include "fw_flow.h"
#include "fw_hash.h"

enum { FLOWS = 256 };
#define S FW_NS_PER_S

static struct fw_board *board;

static struct fw_flow_key
key(uint32_t n, uint8_t proto)
{
	struct fw_flow_key k = { .local = { 10, 0, 0, 1 },
		.remote = { 10, 1, (uint8_t)(n >> 24), (uint8_t)(n >> 16) },
		.service = fw_service(4, proto, false, 443, (uint16_t)n) };

	return k;
}

static struct fw_flow *
find(const struct fw_flow_key *k, uint64_t now_ns)
{
	return fw_flow_find(&board->fw, k, fw_flow_hash(&board->fw, k), now_ns);
}

static struct fw_flow *
begin(const struct fw_flow_key *k, uint64_t now_ns)
{
	return fw_flow_open(&board->fw, k, fw_flow_hash(&board->fw, k), false, now_ns);
}

static void
fresh(void)
{
	fw_board_destroy(&board);
	board = fw_board_create(FLOWS, 4096);
}

/* SipHash-2-4 of 00 01 .. under key 00 01 .. 0f: the vectors that its paper prints. */
static void
siphash_vectors(void)
{
	uint8_t k[16], in[24];
	uint64_t words[3];

	for (uint8_t i = 0; i < 16; i++)
		k[i] = i;
	for (uint8_t i = 0; i < 24; i++)
		in[i] = i;
	memcpy(words, in, sizeof(in));
	T_IS_UINT(fw_siphash(k, words, 0), UINT64_C(0x726fdb47dd0e0e31));
	T_IS_UINT(fw_siphash(k, words, 1), UINT64_C(0x93f5f5799a932462));
	T_IS_UINT(fw_siphash(k, words, 2), UINT64_C(0x3f2acc7f57c29bdb));
	T_IS_UINT(fw_siphash13(k, words, 0), UINT64_C(0xabac0158050fc4dc));
	/* a tail of no bytes is none; one of 7 bytes is the paper's message of 15 */
	T_IS_UINT(fw_siphash13_last(k, words, 2, 0, 0), fw_siphash13(k, words, 2));
	T_IS_UINT(fw_sip(k, words, 1, (words[1] & ~UINT64_C(0) >> 8) | UINT64_C(15) << 56, 2, 4),
	    UINT64_C(0xa129ca6149be45e5));
	T_IS_UINT(fw_siphash13_last(k, words, 1, words[1] & ~UINT64_C(0) >> 8, 7),
	    fw_sip(k, words, 1, (words[1] & ~UINT64_C(0) >> 8) | UINT64_C(15) << 56, 1, 3));
}

static void
time_out(uint8_t proto, uint64_t idle_s)
{
	struct fw_flow_key k = key(1, proto);
	struct fw_flow *f;

	fresh();
	T_OK(find(&k, 0) == NULL);
	f = begin(&k, 5);
	T_OK(f != NULL && find(&k, 5 + idle_s * S - 1) == f);
	fw_flow_touch(&board->fw, f, 0, true, 1 * S);
	T_OK(find(&k, (idle_s + 1) * S - 1) == f);
	T_IS_UINT(board->fw.flow_live, 1);
	T_OK(find(&k, (idle_s + 1) * S) == NULL);
	T_IS_UINT(board->fw.flow_live, 0);
	T_IS_UINT(board->fw.stats.flows_ended, 1);
}

static void
idle(void)
{
	time_out(FW_PROTO_TCP, 3600);
	time_out(FW_PROTO_UDP, 60);
	time_out(FW_PROTO_ICMP, 60);
	time_out(89, 60);
}

static void
closing(void)
{
	static const uint8_t ends[] = { FW_TCP_FIN, FW_TCP_RST, FW_TCP_FIN | FW_TCP_ACK };

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		struct fw_flow_key k = key(1, FW_PROTO_TCP);
		struct fw_flow *f;

		fresh();
		f = begin(&k, 0);
		fw_flow_touch(&board->fw, f, ends[i], true, 100 * S);
		/* prolongs nothing */
		fw_flow_touch(&board->fw, f, FW_TCP_ACK, true, 105 * S);
		T_OK(find(&k, 110 * S - 1) == f);
		T_OK(find(&k, 110 * S) == NULL);
	}
	struct fw_flow_key k = key(1, FW_PROTO_UDP);
	struct fw_flow *f;

	fresh();
	f = begin(&k, 0);
	fw_flow_touch(&board->fw, f, FW_TCP_RST, true, 10 * S);		/* not TCP: no such flag */
	T_OK(find(&k, 69 * S) == f);
}

/* Each member of the key tells flows apart. */
static void
keys_differ(void)
{
	struct fw_flow_key a = key(7, FW_PROTO_TCP), b;

	fresh();
	T_OK(begin(&a, 0) != NULL);
	for (int i = 0; i < 7; i++) {
		b = a;
		switch (i) {
		case 0: b.local[15] = 1; break;
		case 1: b.remote[0] = 11; break;
		case 2: b.service = fw_service(4, FW_PROTO_TCP, false, 444, 7); break;
		case 3: b.service = fw_service(4, FW_PROTO_TCP, false, 443, 8); break;
		case 4: b.service = fw_service(6, FW_PROTO_TCP, false, 443, 7); break;
		case 5: b.service = fw_service(4, FW_PROTO_UDP, false, 443, 7); break;
		case 6: b.service = fw_service(4, FW_PROTO_TCP, true, 443, 7); break;
		}
		T_OK(find(&b, 1) == NULL);
	}
	T_OK(find(&a, 1) != NULL);
}

/* Live flows stay whatever comes; new ones are refused and counted; expired ones make room. */
static void
full(void)
{
	uint32_t opened = 0, refused = 0;

	fresh();
	for (uint32_t n = 0; n < 4 * FLOWS; n++) {
		struct fw_flow_key k = key(n, FW_PROTO_UDP);

		if (begin(&k, 0) != NULL)
			opened++;
		else
			refused++;
	}
	T_OK(opened > FLOWS * 9 / 10 && opened <= FLOWS);
	T_IS_UINT(board->fw.flow_live, opened);
	T_IS_UINT(board->fw.stats.flow_full, refused);
	uint32_t found = 0;

	for (uint32_t n = 0; n < 4 * FLOWS; n++) {
		struct fw_flow_key k = key(n, FW_PROTO_UDP);

		found += find(&k, 60 * S - 1) != NULL;
	}
	T_IS_UINT(found, opened);
	struct fw_flow_key k = key(4 * FLOWS, FW_PROTO_UDP);

	T_OK(begin(&k, 60 * S) != NULL);
	/* Two buckets were looked at, and freed of what had expired. */
	T_OK(board->fw.flow_live <= opened - FW_FLOW_WAYS + 1);
	for (uint32_t n = 0; n < FLOWS / FW_FLOW_SWEEP; n++)
		fw_sweep(&board->fw, 60 * S);
	T_IS_UINT(board->fw.flow_live, 1);
	T_IS_UINT(board->fw.stats.flows_opened - board->fw.stats.flows_ended, 1);
}

/* Both keys of a packet have one hash, whichever end is the lesser, by address or by port. */
static void
hash_of_both_ends(void)
{
	static const uint8_t families[] = { 4, 6 };
	uint64_t before = 0;

	fresh();
	for (uint32_t n = 0; n < 64; n++) {
		struct fw_flow_key a = { .service = fw_service(families[n & 1], FW_PROTO_TCP,
			(n & 2) != 0, n & 4 ? 9 : 443, 443) }, b;
		uint8_t at = families[n & 1] == 4 ? 3 : n & 32 ? 15 : 7;

		a.local[0] = a.remote[0] = 10;
		a.local[at] = n & 8 ? 7 : 9;
		a.remote[at] = n & 16 ? 7 : 9;
		memcpy(b.local, a.remote, 16);
		memcpy(b.remote, a.local, 16);
		b.service = fw_service_turn(a.service);
		T_IS_UINT(b.service, fw_service(families[n & 1], FW_PROTO_TCP, (n & 2) != 0, 443,
		    n & 4 ? 9 : 443));
		T_IS_UINT(fw_flow_hash(&board->fw, &a), fw_flow_hash(&board->fw, &b));
		T_OK(fw_flow_hash(&board->fw, &a) != before);
		before = fw_flow_hash(&board->fw, &a);
	}
}

/* A full bucket knows when its first flow is over, also one that closes before its time. */
static void
closed_makes_room(void)
{
	static struct fw_flow *flows[64];
	uint32_t opened = 0;
	struct fw_flow_key k;

	fw_board_destroy(&board);
	board = fw_board_create(2 * FW_FLOW_WAYS, 4096);
	for (uint32_t n = 0; n < ARRAY_LEN(flows); n++) {
		k = key(n, FW_PROTO_TCP);
		flows[opened] = begin(&k, n);
		opened += flows[opened] != NULL;
	}
	T_IS_UINT(opened, 2 * FW_FLOW_WAYS);
	k = key(64, FW_PROTO_TCP);
	T_OK(begin(&k, 100 * S) == NULL);
	for (uint32_t i = 0; i < opened; i++)
		fw_flow_touch(&board->fw, flows[i], FW_TCP_FIN, true, 100 * S + i / 8);
	T_OK(begin(&k, 110 * S - 1) == NULL);
	T_IS_UINT(board->fw.flow_live, opened);
	T_OK(begin(&k, 110 * S) != NULL || begin(&k, 110 * S + 1) != NULL);
	T_OK(board->fw.flow_live <= opened - FW_FLOW_WAYS + 1);
}

static void
keys_of_packets(void)
{
	struct frame_spec s = { .proto = 6, .sport = 1000, .dport = 22,
		.src = frame_addr("10.0.0.1"), .dst = frame_addr("10.0.0.2") };
	uint8_t buf[FRAME_BYTES_MAX], inner[FRAME_BYTES_MAX];
	struct fw_flow_key out, in, quoted;
	struct fw_pkt p;

	fw_parse(buf, frame_build(&s, buf), &p);
	fw_flow_key_get(&p, WIRE_OUT, &out);
	fw_flow_key_get(&p, WIRE_IN, &in);
	T_IS_UINT(out.service, fw_service(4, FW_PROTO_TCP, false, 1000, 22));
	T_IS_UINT(in.service, fw_service(4, FW_PROTO_TCP, false, 22, 1000));
	T_IS_MEM(out.local, p.tuple.src, 16);
	T_IS_MEM(in.local, p.tuple.dst, 16);
	T_OK(!fw_flow_key_inner(&p, WIRE_IN, &quoted));

	/* A router tells the source that it could not pass the packet on. */
	uint32_t n = frame_build(&s, inner) - 14;
	struct frame_spec e = { .proto = 1, .dport = 3 << 8 | 4, .src = frame_addr("10.9.9.9"),
		.dst = s.src, .quote = inner + 14, .quote_bytes = n, .payload = n };

	fw_parse(buf, frame_build(&e, buf), &p);
	T_OK(fw_flow_key_inner(&p, WIRE_IN, &quoted));
	T_IS_MEM(&quoted, &out, sizeof(out));
	/* The destination itself tells. */
	e.src = s.dst;
	fw_parse(buf, frame_build(&e, buf), &p);
	T_OK(fw_flow_key_inner(&p, WIRE_OUT, &quoted));
	T_IS_MEM(&quoted, &in, sizeof(in));
	/* About a packet of somebody else. */
	e.dst = frame_addr("10.0.0.3");
	fw_parse(buf, frame_build(&e, buf), &p);
	T_OK(!fw_flow_key_inner(&p, WIRE_IN, &quoted));

	/* A ping and its answer are one flow; a time stamp is told by type and code. */
	struct frame_spec ping = { .proto = 1, .sport = 99, .dport = 8 << 8, .src = s.src,
		.dst = s.dst };

	fw_parse(buf, frame_build(&ping, buf), &p);
	fw_flow_key_get(&p, WIRE_OUT, &out);
	T_IS_UINT(out.service, fw_service(4, FW_PROTO_ICMP, true, 99, 99));
	ping.dport = 0;
	ping.src = s.dst;
	ping.dst = s.src;
	fw_parse(buf, frame_build(&ping, buf), &p);
	fw_flow_key_get(&p, WIRE_IN, &in);
	T_IS_MEM(&in, &out, sizeof(in));
	ping.dport = 13 << 8;
	fw_parse(buf, frame_build(&ping, buf), &p);
	fw_flow_key_get(&p, WIRE_IN, &in);
	T_IS_UINT(in.service, fw_service(4, FW_PROTO_ICMP, false, 13 << 8, 0));
}

int
main(void)
{
	T_RUN(siphash_vectors);
	T_RUN(idle);
	T_RUN(closing);
	T_RUN(keys_differ);
	T_RUN(full);
	T_RUN(hash_of_both_ends);
	T_RUN(closed_makes_room);
	T_RUN(keys_of_packets);
	fw_board_destroy(&board);
	return t_done();
}
