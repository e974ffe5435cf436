/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_example_test - tables made wrong, found by the proof: the frame of its packet goes through a
 * capture, and the firmware judges it by the wrong tables as the proof says they do, by the right
 * ones as the policy says. Fragments other than the first apart: a NIC drops those without one; and
 * what names an extension header of IPv6 as its protocol, which no packet does.
 * tshark, where it is there, finds nothing malformed.
 */
#include "t.h"

#include <unistd.h>

#include "fw_board.h"
#include "gen_rules.h"
#include "image_read.h"
#include "pcap.h"
#include "pol_example.h"
#include "pol_image.h"

enum { POLICIES = 150 };

#define ARENA_BYTES ((size_t)256 << 20)

static struct gen gen;
static struct diags diags;
static struct arena arena;
static char path[64];
static unsigned long found[3], by_rule, stopped;	/* found: by fragment */

/* A rule of some table decides as another one would, under another name. */
static void
action_spoil(uint8_t *image)
{
	uint32_t n = image_local_count(image);
	struct image_view v;
	struct addr local;
	struct wire_action *a;
	uint32_t rules;

	CHECK(n > 0);
	local = image_local(image, gen_below(&gen, n));
	CHECK(image_view_open(&v, image, &local, local.family));
	a = (struct wire_action *)(image + (size_t)v.line * WIRE_LINE +
	    (size_t)le32_get(image_view_half(&v, 0, 0)->actions_at) * WIRE_LINE);
	rules = image_view_rules(&v);
	a[gen_below(&gen, rules + 1)].rule_id = le32_put(0xabcdef01);
}

static bool
through_capture(const uint8_t *frame, uint32_t len, uint8_t *out)
{
	struct pcap_reader *r = NULL;
	struct pcap_writer *w = NULL;
	struct pcap_frame f;
	struct diag d = { 0 };
	bool got = false, good;

	if (pcap_writer_open(path, &w, &d) != RC_OK ||
	    pcap_writer_add(w, 0, frame, len, len, &d) != RC_OK ||
	    pcap_writer_close(&w, &d) != RC_OK || pcap_open(path, &r, &d) != RC_OK ||
	    pcap_next(r, &f, &got, &d) != RC_OK || !got)
		return false;
	good = f.len_bytes == len && f.orig_bytes == len;
	memcpy(out, f.bytes, len);
	pcap_close(&r);
	return good;
}

/* What the firmware says at the end that is local; 0 = it did not get there. */
static uint32_t
judged(const uint8_t *image, size_t len, const uint8_t *frame, uint32_t bytes,
    const struct addr *local, uint8_t dir)
{
	struct fw_board *board = fw_board_create(64, 8 << 20);
	struct fw_verdict v;
	uint8_t at[16];
	uint32_t id = 0;

	fw_board_commit_bytes(board, image, len, 1);
	fw_packet(&board->fw, frame, bytes, 1, &v);
	addr_to_wire(local, at);
	for (uint32_t i = 0; i < v.hop_count; i++)
		if (v.hops[i].dir == dir && v.hops[i].family == local->family &&
		    memcmp(v.hops[i].local, at, sizeof(at)) == 0)
			id = v.hops[i].rule_id;
	fw_board_destroy(&board);
	return id;
}

static bool
is_header(uint8_t proto)
{
	return proto == 0 || proto == 43 || proto == 44 || proto == 51 || proto == 60;
}

static bool
example_holds(const struct pol_image *good, const uint8_t *wrong, const struct pol_proof *p)
{
	uint8_t frame[POL_EXAMPLE_BYTES_MAX], back[POL_EXAMPLE_BYTES_MAX];
	uint32_t len = pol_example_frame(&p->local, &p->key, frame), one, two;
	struct image_view sender;

	found[p->key.frag]++;
	if (!through_capture(frame, len, back) || memcmp(frame, back, len) != 0)
		return false;
	if (p->key.frag == WIRE_FRAG_REST || (p->local.family == 6 && is_header(p->key.proto)))
		return true;
	/* to itself: the flow that its own outbound rules open answers first */
	if (p->key.dir == WIRE_IN && addr_cmp(&p->local, &p->key.remote) == 0)
		return true;
	by_rule += !p->want_default;
	one = judged(wrong, good->len, back, len, &p->local, p->key.dir);
	two = judged(good->bytes, good->len, back, len, &p->local, p->key.dir);
	/* from a local IP whose own table drops it, it does not get there */
	if (one == 0 && two == 0 && p->key.dir == WIRE_IN &&
	    image_view_open(&sender, good->bytes, &p->key.remote, p->local.family)) {
		stopped++;
		return true;
	}
	return one == p->got.rule_id && two == p->want.rule_id;
}

static void
wrong_tables_judge_it_wrong(void)
{
	for (unsigned long i = 0; i < t_tries(POLICIES); i++) {
		struct pol_proof proof;
		struct pol_image image;
		struct diag d = { 0 };
		struct pol_rules r;
		uint8_t *wrong;
		enum rc rc;

		arena_reset(&arena);
		gen_rules(&gen, &arena, 1 + gen_below(&gen, 3), 20, &r);
		CHECK(pol_image_make(&r, POL_PASS_ALL, &arena, &image, &diags) == RC_OK);
		if (image_local_count(image.bytes) > 0) {
			wrong = arena_memdup(&arena, image.bytes, image.len);
			CHECK(wrong != NULL);
			action_spoil(wrong);
			rc = pol_prove(&r, &image.names, wrong, image.len, &arena, &proof, &d);
			T_OK(rc == RC_OK || rc == RC_CONFLICT);
			if (rc == RC_CONFLICT && !T_OK(example_holds(&image, wrong, &proof)))
				printf("# %s\n", d.text);
		}
		pol_image_fini(&image);
	}
	printf("# %lu packets, %lu first fragments, %lu later ones; %lu of a rule\n",
	    found[WIRE_FRAG_NONE], found[WIRE_FRAG_FIRST], found[WIRE_FRAG_REST], by_rule);
	T_OK(found[WIRE_FRAG_NONE] > 20 && by_rule > 20 && stopped < by_rule / 4);
}

/* One frame of each kind. */
static void
others_can_read_it(void)
{
	static const uint8_t protos[] = { PROTO_TCP, PROTO_UDP, PROTO_SCTP, PROTO_ICMP,
		PROTO_ICMP6, 89 };
	struct pcap_writer *w;
	struct diag d = { 0 };
	char command[320], line[256];
	unsigned bad = 0, read = 0;
	FILE *f;

	T_IS_INT(pcap_writer_open(path, &w, &d), RC_OK);
	for (uint32_t i = 0; i < 4 * sizeof(protos); i++) {
		uint8_t family = i & 1 ? 6 : 4, proto = protos[i / 4];
		struct addr local = { 0, 0x0a000001, 4 }, none = { .family = 0 };
		struct pkt_key k = { .remote = { 0, 0x0a000002, 4 }, .dir = i / 2 & 1,
			.proto = proto, .sport = 1024, .dport = proto == PROTO_ICMP ? 8 << 8 :
			proto == PROTO_ICMP6 ? 128 << 8 : 443,
			.vlan = i & 2 ? 7 : WIRE_VLAN_NONE };
		uint8_t frame[POL_EXAMPLE_BYTES_MAX];
		uint32_t len;

		if (family == 6)
			k.remote = (struct addr){ UINT64_C(0x20010db8) << 32, 2, 6 };
		len = pol_example_frame(family == 6 ? &none : &local, &k, frame);
		T_IS_INT(pcap_writer_add(w, 0, frame, len, len, &d), RC_OK);
	}
	T_IS_INT(pcap_writer_close(&w, &d), RC_OK);
	(void)snprintf(command, sizeof(command), "command -v tshark >/dev/null && tshark -r %s "
	    "-o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE -o udp.check_checksum:TRUE "
	    "2>/dev/null", path);
	f = popen(command, "r");
	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL) {
		read++;
		bad += strstr(line, "alformed") != NULL || strstr(line, "ncorrect") != NULL;
	}
	if (pclose(f) != 0 && read == 0) {
		printf("# skipped: no tshark to read them with\n");
		return;
	}
	T_IS_UINT(read, 4 * sizeof(protos));
	T_IS_UINT(bad, 0);
}

int
main(void)
{
	const char *dir = getenv("TMPDIR");

	gen.state = t_seed();
	(void)snprintf(path, sizeof(path), "%.40s/example-%ld", dir == NULL ? "/tmp" : dir,
	    (long)getpid());
	arena_init(&arena, ARENA_BYTES);
	if (!diags_init(&diags))
		return 1;
	T_RUN(wrong_tables_judge_it_wrong);
	T_RUN(others_can_read_it);
	(void)unlink(path);
	diags_fini(&diags);
	arena_fini(&arena);
	return t_done();
}
