/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acl_nft - nftables on the rules and packets of a file (acl_file.h).
 * usage: acl_nft empty HOOK            prints a ruleset for nft(8): two chains without rules
 *        acl_nft rules HOOK FILE WAY   the same with the rules; how many are taken, on stderr
 *        acl_nft check NS FILE WAY     sends the packets in the network namespace of the path NS,
 *                                      after which the set "seen" holds each packet's mark
 *        acl_nft compare FILE WAY      of that set as nft lists it: exits 1 where a mark is wrong
 *        acl_nft time NS EMPTY FILE WAY    nanoseconds a packet, less those in EMPTY, which is
 *                                      another namespace, of a ruleset without rules
 *
 * HOOK: netdev (ingress), or ip (prerouting).
 * WAY:  linear, a rule an entry. addresses or ports: one concatenated interval map, which fields
 *       first; no two of its elements may overlap, so it has those entries, in order, that overlap
 *       none taken before. A rule or element sets the mark to the rule's id.
 *
 * Left out are entries that ask for a VLAN, and packets between two local IPs, which would meet the
 * rules of both. What the mark must be comes from ref_acl_first over the same entries.
 *
 * Packets are made in the kernel by an XDP program that BPF_PROG_TEST_RUN runs on live frames, as a
 * driver would hand them up: one header after the other, id its number. A second chain drops them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "ref_acl.h"
#include "wire_verdict.h"

enum {
	PACKETS_MAX = 1 << 14,
	RUNS = 5,
	STEPS = 4 << 20,		/* rules that a run of a linear chain looks at */
	LIVE_FRAMES = 1 << 1,		/* BPF_F_TEST_XDP_LIVE_FRAMES, of kernel 5.18 */
	ETHER_BYTES = 14, FRAME_BYTES = 60, SLOT_BYTES = 32
};

static const char device[] = "acl0";
static const uint8_t device_mac[6] = { 2, 0, 0, 0, 0, 1 };	/* as the script gives it */

struct rules {
	struct acl_head head;
	struct acl_entry *entries;	/* those that the way can say */
	struct acl_packet *packets;
	uint32_t between, left_out;	/* packets, entries */
	bool is_map, ports_first;
};

static void
die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(2);
}

/* --- which entries, which packets ------------------------------------------------------------- */

static bool
apart(uint32_t lo, uint32_t hi, uint32_t other_lo, uint32_t other_hi)
{
	return hi < other_lo || other_hi < lo;
}

/* As nft sees them: a source and a destination. */
static bool
entries_overlap(const struct acl_entry *a, const struct acl_entry *b)
{
	if (a->dir == b->dir ? a->local != b->local ||
	    apart(a->remote_lo, a->remote_hi, b->remote_lo, b->remote_hi)
	    : apart(a->remote_lo, a->remote_hi, b->local, b->local) ||
	    apart(b->remote_lo, b->remote_hi, a->local, a->local))
		return false;
	return (a->proto_any || b->proto_any || a->proto == b->proto) &&
	    !apart(a->dport_lo, a->dport_hi, b->dport_lo, b->dport_hi) &&
	    !apart(a->sport_lo, a->sport_hi, b->sport_lo, b->sport_hi);
}

static bool
is_local(const struct rules *r, uint32_t count, uint32_t addr)
{
	uint32_t lo = 0, hi = count;	/* entries ascend by local IP */

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (r->entries[mid].local < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < count && r->entries[lo].local == addr;
}

static uint32_t
be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* From the traces in turn. */
static void
packets_pick(struct rules *r, const struct acl_packet *all)
{
	uint32_t n = 0, count = r->head.packets;

	for (uint32_t i = 0; i < PACKETS_MAX && i < ACL_TRACE__COUNT * count; i++) {
		const struct acl_packet *p = &all[i % ACL_TRACE__COUNT * count +
		    i / ACL_TRACE__COUNT];

		if (is_local(r, r->head.entries, be32(p->remote)))
			r->between++;
		else
			r->packets[n++] = *p;
	}
	r->head.packets = n;
}

/* Entries of one local IP overlap none of another in the same direction; those whose remotes hold
 * local IPs may overlap the other direction's anywhere. */
static void
entries_pick(struct rules *r)
{
	uint32_t *wide = calloc(r->head.entries, sizeof(*wide)), wides = 0, n = 0, table = 0;
	uint32_t low = r->entries[0].local, high = r->entries[r->head.entries - 1].local;

	CHECK(wide != NULL);
	for (uint32_t i = 0; i < r->head.entries; i++) {
		const struct acl_entry e = r->entries[i];
		bool is_wide = !apart(e.remote_lo, e.remote_hi, low, high), taken;

		taken = e.vlan_lo == 0 && e.vlan_hi == UINT16_MAX;
		table = n > 0 && r->entries[n - 1].local == e.local ? table : n;
		for (uint32_t k = table; k < n && taken && r->is_map; k++)
			taken = !entries_overlap(&e, &r->entries[k]);
		for (uint32_t k = 0; k < wides && taken && r->is_map && is_wide; k++)
			taken = !entries_overlap(&e, &r->entries[wide[k]]);
		if (taken && is_wide)
			wide[wides++] = n;
		if (taken)
			r->entries[n++] = e;
	}
	r->left_out = r->head.entries - n;
	r->head.entries = n;
	free(wide);
}

/* A list is so long that few packets have to do. */
static void
packets_bound(struct rules *r)
{
	uint32_t most = MAX(STEPS / r->head.entries, 64u);

	if (!r->is_map)
		r->head.packets = MIN(r->head.packets, most);
}

static void
rules_read(struct rules *r, const char *path, const char *way)
{
	FILE *f = fopen(path, "rb");
	struct acl_packet *all;

	*r = (struct rules){ .is_map = strcmp(way, "linear") != 0,
		.ports_first = strcmp(way, "ports") == 0 };
	if (f == NULL || fread(&r->head, sizeof(r->head), 1, f) != 1)
		die(path);
	r->entries = calloc(r->head.entries, sizeof(*r->entries));
	r->packets = calloc(PACKETS_MAX, sizeof(*r->packets));
	all = calloc(r->head.packets, ACL_TRACE__COUNT * sizeof(*all));
	CHECK(r->entries != NULL && r->packets != NULL && all != NULL);
	if (fread(r->entries, sizeof(*r->entries), r->head.entries, f) != r->head.entries ||
	    fread(all, ACL_TRACE__COUNT * sizeof(*all), r->head.packets, f) != r->head.packets)
		die(path);
	fclose(f);
	packets_pick(r, all);
	free(all);
	entries_pick(r);
	packets_bound(r);
	CHECK(r->head.entries > 0 && r->head.packets > 0);
}

/* --- the ruleset ------------------------------------------------------------------------------ */

/* A prefix where it is one: nft compares that faster than a range. */
static void
addr_print(uint32_t lo, uint32_t hi)
{
	uint32_t span = hi - lo;

	if (span != 0 && (span & (span + 1)) == 0 && (lo & span) == 0) {
		printf("%u.%u.%u.%u/%d", lo >> 24, lo >> 16 & 255, lo >> 8 & 255, lo & 255,
		    __builtin_clz(span));
		return;
	}
	for (int i = 0; i < (lo == hi ? 1 : 2); i++) {
		uint32_t a = i == 0 ? lo : hi;

		printf("%s%u.%u.%u.%u", i == 0 ? "" : "-", a >> 24, a >> 16 & 255, a >> 8 & 255,
		    a & 255);
	}
}

static void
range_print(uint32_t lo, uint32_t hi)
{
	if (lo == hi)
		printf("%u", lo);
	else
		printf("%u-%u", lo, hi);
}

static void
rule_print(const struct acl_entry *e)
{
	bool in = e->dir == WIRE_IN;

	printf("\t\tip %caddr ", in ? 'd' : 's');
	addr_print(e->local, e->local);
	if (e->remote_lo != 0 || e->remote_hi != UINT32_MAX) {
		printf(" ip %caddr ", in ? 's' : 'd');
		addr_print(e->remote_lo, e->remote_hi);
	}
	if (!e->proto_any)
		printf(" meta l4proto %u", e->proto);
	if (e->dport_lo != 0 || e->dport_hi != UINT16_MAX) {
		printf(" th dport ");
		range_print(e->dport_lo, e->dport_hi);
	}
	if (e->sport_lo != 0 || e->sport_hi != UINT16_MAX) {
		printf(" th sport ");
		range_print(e->sport_lo, e->sport_hi);
	}
	printf(" meta mark set %u accept\n", e->rule_id);
}

/* Fields of a key, the ports but one last. */
static const char *const types[2] = {
	"ipv4_addr . ipv4_addr . inet_proto . inet_service . inet_service",
	"inet_service . ipv4_addr . ipv4_addr . inet_proto . inet_service",
};
static const char *const fields[2] = {
	"ip saddr . ip daddr . meta l4proto . th dport . th sport",
	"th dport . ip saddr . ip daddr . meta l4proto . th sport",
};

static void
element_print(const struct acl_entry *e, bool ports_first)
{
	uint32_t ends[2][2] = { { e->local, e->local }, { e->remote_lo, e->remote_hi } };
	int src = e->dir == WIRE_IN;

	printf("\t\t\t");
	if (ports_first) {
		range_print(e->dport_lo, e->dport_hi);
		printf(" . ");
	}
	addr_print(ends[src][0], ends[src][1]);
	printf(" . ");
	addr_print(ends[!src][0], ends[!src][1]);
	printf(" . ");
	range_print(e->proto_any ? 0 : e->proto, e->proto_any ? UINT8_MAX : e->proto);
	printf(" . ");
	if (!ports_first) {
		range_print(e->dport_lo, e->dport_hi);
		printf(" . ");
	}
	range_print(e->sport_lo, e->sport_hi);
	printf(" : %u,\n", e->rule_id);
}

/* A base chain up to its rules. */
static void
chain_print(const char *name, bool netdev, int priority, const char *policy)
{
	printf("\tchain %s {\n\t\ttype filter hook %s ", name, netdev ? "ingress" : "prerouting");
	if (netdev)
		printf("device \"%s\" ", device);
	printf("priority %d; policy %s;\n", priority, policy);
}

static void
ruleset_print(const struct rules *r, const char *hook)
{
	bool netdev = strcmp(hook, "netdev") == 0;

	printf("table %s t {\n", netdev ? "netdev" : "ip");
	if (r != NULL)
		printf("\tset seen {\n\t\ttypeof ip id . meta mark\n\t\tsize 65535\n"
		    "\t\tflags dynamic\n\t}\n");
	if (r != NULL && r->is_map) {
		printf("\tmap m {\n\t\ttype %s : mark\n\t\tflags interval\n\t\telements = {\n",
		    types[r->ports_first]);
		for (uint32_t i = 0; i < r->head.entries; i++)
			element_print(&r->entries[i], r->ports_first);
		printf("\t\t}\n\t}\n");
	}
	chain_print("c", netdev, 0, "accept");
	if (r != NULL && r->is_map)
		printf("\t\tmeta mark set %s map @m\n", fields[r->ports_first]);
	for (uint32_t i = 0; r != NULL && !r->is_map && i < r->head.entries; i++)
		rule_print(&r->entries[i]);
	printf("\t}\n");
	chain_print("z", netdev, 1, "drop");
	printf("%s\t}\n}\n", r == NULL ? "" : "\t\tadd @seen { ip id . meta mark }\n");
}

/* --- packets ---------------------------------------------------------------------------------- */

/* What the program reads, and where it has come to. */
struct belt {
	uint64_t next, spare[3];
	uint8_t slots[PACKETS_MAX][SLOT_BYTES];
};

static int
bpf_call(int cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static int
belt_open(struct belt **belt)
{
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.key_size = sizeof(uint32_t);
	attr.value_size = sizeof(**belt);
	attr.max_entries = 1;
	attr.map_flags = BPF_F_MMAPABLE;
	fd = bpf_call(BPF_MAP_CREATE, &attr);
	if (fd < 0)
		die("BPF map");
	*belt = mmap(NULL, sizeof(**belt), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (*belt == MAP_FAILED)
		die("BPF map");
	return fd;
}

static uint16_t
checksum(const uint8_t *p)
{
	uint32_t sum = 0;

	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	sum = (sum & UINT16_MAX) + (sum >> 16);
	return (uint16_t)~((sum & UINT16_MAX) + (sum >> 16));
}

/* The IPv4 header and both ports. */
static void
slot_fill(uint8_t *s, const struct acl_packet *p, uint32_t id)
{
	bool in = p->dir[1] == WIRE_IN;
	uint16_t sum;

	memset(s, 0, SLOT_BYTES);
	s[0] = 0x45;
	s[3] = FRAME_BYTES - ETHER_BYTES;
	s[4] = (uint8_t)(id >> 8);
	s[5] = (uint8_t)id;
	s[8] = 64;
	s[9] = p->proto;
	memcpy(s + 12, in ? p->remote : p->local, 4);
	memcpy(s + 16, in ? p->local : p->remote, 4);
	sum = checksum(s);
	s[10] = (uint8_t)(sum >> 8);
	s[11] = (uint8_t)sum;
	memcpy(s + 20, p->sport, 2);
	memcpy(s + 22, p->dport, 2);
}

#define INSN(c, d, s, o, i) { .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) }
#define LOAD(size, d, s, o) INSN(BPF_LDX | BPF_MEM | (size), d, s, o, 0)
#define STORE(size, d, s, o) INSN(BPF_STX | BPF_MEM | (size), d, s, o, 0)
#define OP(op, d, i) INSN(BPF_ALU64 | (op) | BPF_K, d, 0, 0, i)
#define OP_REG(op, d, s) INSN(BPF_ALU64 | (op) | BPF_X, d, s, 0, 0)

/* The slot that is next, of count, into the frame; XDP_PASS. */
static int
prog_load(int belt, uint32_t count)
{
	const struct bpf_insn insns[] = {
		LOAD(BPF_W, 2, 1, offsetof(struct xdp_md, data)),
		LOAD(BPF_W, 3, 1, offsetof(struct xdp_md, data_end)),
		OP_REG(BPF_MOV, 4, 2),
		OP(BPF_ADD, 4, ETHER_BYTES + 24),
		INSN(BPF_JMP | BPF_JGT | BPF_X, 4, 3, 18, 0),
		INSN(BPF_LD | BPF_IMM | BPF_DW, 5, BPF_PSEUDO_MAP_VALUE, 0, belt),
		INSN(0, 0, 0, 0, 0),
		LOAD(BPF_DW, 6, 5, offsetof(struct belt, next)),
		OP(BPF_AND, 6, PACKETS_MAX - 1),
		OP_REG(BPF_MOV, 7, 6),
		OP(BPF_ADD, 7, 1),
		OP(BPF_MOD, 7, (int32_t)count),
		STORE(BPF_DW, 5, 7, offsetof(struct belt, next)),
		OP(BPF_MUL, 6, SLOT_BYTES),
		OP_REG(BPF_ADD, 5, 6),
		LOAD(BPF_DW, 7, 5, offsetof(struct belt, slots)),
		STORE(BPF_DW, 2, 7, ETHER_BYTES),
		LOAD(BPF_DW, 7, 5, offsetof(struct belt, slots) + 8),
		STORE(BPF_DW, 2, 7, ETHER_BYTES + 8),
		LOAD(BPF_DW, 7, 5, offsetof(struct belt, slots) + 16),
		STORE(BPF_DW, 2, 7, ETHER_BYTES + 16),
		OP(BPF_MOV, 0, XDP_PASS),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
		OP(BPF_MOV, 0, XDP_DROP),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_XDP;
	attr.insns = (uint64_t)(uintptr_t)insns;
	attr.insn_cnt = ARRAY_LEN(insns);
	attr.license = (uint64_t)(uintptr_t)"Apache-2.0";
	fd = bpf_call(BPF_PROG_LOAD, &attr);
	if (fd < 0)
		die("BPF program");
	return fd;
}

/* Sends packets of the belt to the device of the namespace ns; processor time of one, in ns. */
static double
packets_send(int prog, struct belt *belt, const char *ns, uint32_t packets)
{
	uint8_t frame[FRAME_BYTES] = { 0 };
	struct xdp_md ctx = { .data_end = sizeof(frame) };
	struct timespec from, to;
	union bpf_attr attr;
	int fd = open(ns, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET) != 0)
		die(ns);
	close(fd);
	ctx.ingress_ifindex = if_nametoindex(device);
	if (ctx.ingress_ifindex == 0)
		die(device);
	memcpy(frame, device_mac, sizeof(device_mac));
	frame[12] = 8;
	belt->next = 0;
	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = (uint32_t)prog;
	attr.test.repeat = packets;
	attr.test.data_in = (uint64_t)(uintptr_t)frame;
	attr.test.data_size_in = sizeof(frame);
	attr.test.ctx_in = (uint64_t)(uintptr_t)&ctx;
	attr.test.ctx_size_in = sizeof(ctx);
	attr.test.flags = LIVE_FRAMES;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
	if (bpf_call(BPF_PROG_TEST_RUN, &attr) != 0)
		die("BPF_PROG_TEST_RUN on live frames");
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
	return ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) /
	    packets;
}

static int
belt_load(const struct rules *r, struct belt **belt)
{
	int map = belt_open(belt);

	for (uint32_t i = 0; i < r->head.packets; i++)
		slot_fill((*belt)->slots[i], &r->packets[i], i);
	return prog_load(map, r->head.packets);
}

/* --- what is asked ---------------------------------------------------------------------------- */

/* "ID . MARK, ..." of every packet, once. Also wrong where no packet meets a rule. */
static int
compare(const struct rules *r)
{
	uint32_t seen = 0, wrong = 0, others = 0, met = 0, id, mark;
	uint8_t *got = calloc(r->head.packets, 1);
	int c = 0;

	CHECK(got != NULL);
	for (const char *want = "elements = {"; *want != '\0' && c != EOF;) {
		c = getchar();
		want = c == *want ? want + 1 : "elements = {";
	}
	while (scanf("%" SCNu32 " . %" SCNx32 " ,", &id, &mark) == 2) {
		if (id >= r->head.packets || got[id]++ != 0) {
			wrong++;
			continue;
		}
		seen++;
		wrong += mark != ref_acl_first(r->entries, r->head.entries, &r->packets[id]);
		others += mark != r->packets[id].rule_id;
		met += mark != 0;
	}
	free(got);
	wrong += r->head.packets - seen;
	printf("%" PRIu32 " of %" PRIu32 " answers differ (%" PRIu32 " met a rule", wrong,
	    r->head.packets, met);
	if (r->left_out > 0)
		printf("; %" PRIu32 " are not the whole list's", others);
	if (r->between > 0)
		printf("; %" PRIu32 " between local IPs not sent", r->between);
	printf(")\n");
	return wrong == 0 && met > 0 ? 0 : 1;
}

static void
send_once(const struct rules *r, const char *ns)
{
	struct belt *belt;
	int prog = belt_load(r, &belt);

	packets_send(prog, belt, ns, r->head.packets);
}

/* Both in turn. */
static void
time_both(const struct rules *r, const char *ns, const char *empty)
{
	uint32_t packets = r->head.packets;
	double floor = 0, best = 0, ours = 0;
	struct belt *belt;
	int prog = belt_load(r, &belt);

	for (int t = 0; t < ACL_TRACE__COUNT; t++)
		ours += r->head.single_ps[t] / 1000.0 / ACL_TRACE__COUNT;
	for (int run = 0; run < RUNS; run++) {
		double without = packets_send(prog, belt, empty, packets);
		double with = packets_send(prog, belt, ns, packets);

		floor = run == 0 || without < floor ? without : floor;
		best = run == 0 || with < best ? with : best;
	}
	printf("single %9.1f ns (%.1f of ours) above %.0f of an empty chain\n", best - floor,
	    (best - floor) / ours, floor);
}

static bool
way_known(const char *way)
{
	return strcmp(way, "linear") == 0 || strcmp(way, "addresses") == 0 ||
	    strcmp(way, "ports") == 0;
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *what;
		int argc;
	} uses[] = { { "empty", 3 }, { "rules", 5 }, { "check", 5 }, { "compare", 4 },
		{ "time", 6 } };
	struct rules r;
	size_t use = 0;

	while (use < ARRAY_LEN(uses) && (argc < 2 || strcmp(argv[1], uses[use].what) != 0))
		use++;
	if (use == ARRAY_LEN(uses) || argc != uses[use].argc ||
	    (use > 0 && !way_known(argv[argc - 1]))) {
		fprintf(stderr, "usage: acl_nft empty|rules|check|compare|time ...\n");
		return 2;
	}
	if (use == 0) {
		ruleset_print(NULL, argv[2]);
		return 0;
	}
	rules_read(&r, argv[argc - 2], argv[argc - 1]);
	switch (use) {
	case 1:
		ruleset_print(&r, argv[2]);
		fprintf(stderr, "%" PRIu32 " of %" PRIu32 " entries\n", r.head.entries,
		    r.head.entries + r.left_out);
		return 0;
	case 2:
		send_once(&r, argv[2]);
		return 0;
	case 3:
		return compare(&r);
	default:
		time_both(&r, argv[2], argv[3]);
		return 0;
	}
}
