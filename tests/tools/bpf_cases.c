/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bpf_cases DIR - images and frames for e2e/bpf_verifier.sh, and what the host finds in each.
 * DIR/N.image; DIR/N.cases: per frame two 32-bit words in the machine's order, length and facts
 * (fw_facts.h), then the bytes. SEED as in t.h; prints it.
 */
#include "t.h"

#include "../../fw/bpf/fw_facts.h"
#include "frames.h"
#include "gen_rules.h"

enum { IMAGES = 3, FRAMES = 400 };

static void
file_write(const char *dir, unsigned n, const char *kind, const void *p, size_t len,
    const char *how)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%u.%s", dir, n, kind);
	FILE *f = fopen(path, how);

	CHECK(f != NULL && fwrite(p, 1, len, f) == len && fclose(f) == 0);
}

static uint32_t
frame_make(struct gen *g, const struct pol_rules *r, uint8_t *buf)
{
	struct addr local;
	struct pkt_key k;

	gen_key(g, r, &local, &k);
	if (local.family == 0)
		local = frame_addr(k.remote.family == 4 ? "192.0.2.7" : "2001:db8::7");
	struct frame_spec s = { .proto = k.proto, .sport = k.sport, .dport = k.dport,
		.src = k.dir == WIRE_OUT ? local : k.remote,
		.dst = k.dir == WIRE_OUT ? k.remote : local, .tcp_flags = FW_TCP_SYN,
		.payload = gen_below(g, 64), .fragment = gen_below(g, 6) == 0, .more = true,
		.frag_off = (uint16_t)gen_below(g, 3), .tags = { k.vlan, 5 } };

	if (k.vlan != WIRE_VLAN_NONE)
		s.tag_count = 1 + gen_below(g, 2);
	uint32_t len = frame_build(&s, buf);

	/* A third keeps its shape; the others are cut or have bytes changed. */
	for (uint32_t n = gen_below(g, 3); n > 0 && len > 60; n--)
		buf[12 + gen_below(g, 48)] = (uint8_t)gen_rand(g);
	if (gen_below(g, 8) == 0 && len > 15)
		len = 15 + gen_below(g, len - 15);
	return len;
}

int
main(int argc, char **argv)
{
	static uint8_t buf[FRAME_BYTES_MAX];
	struct arena arena;
	struct diags diags;

	if (argc != 2)
		return 2;
	arena_init(&arena, 64 << 20);
	CHECK(diags_init(&diags));
	struct gen gen = { .state = t_seed() };

	for (unsigned n = 0; n < IMAGES; n++) {
		struct pol_rules rules;
		struct image_input in;
		struct image_symbols symbols;
		struct diag diag;
		uint8_t *image;
		size_t len;

		gen_rules(&gen, &arena, 6, 60, &rules);
		CHECK(pol_build(&rules, POL_PASS_ALL, &arena, &in, &symbols, &diags) == RC_OK);
		CHECK(image_encode(&in, &image, &len, &diag) == RC_OK);
		file_write(argv[1], n, "image", image, len, "wb");
		for (unsigned i = 0; i < FRAMES; i++) {
			uint32_t head[2] = { frame_make(&gen, &rules, buf) };
			struct fw_pkt p;
			struct fw_key k;

			fw_parse(buf, head[0], &p);
			head[1] = fw_facts(image, &p, &k);
			file_write(argv[1], n, "cases", head, sizeof(head), i == 0 ? "wb" : "ab");
			file_write(argv[1], n, "cases", buf, head[0], "ab");
		}
		free(image);
	}
	diags_fini(&diags);
	arena_fini(&arena);
	return 0;
}
