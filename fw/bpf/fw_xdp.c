/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The firmware's parser and walker as an XDP program, whole, for the kernel's verifier: it proves
 * that neither reads outside its memory nor runs on, whatever the frame and whatever the image.
 * The program returns what it found (fw_facts.h); a test run compares that with the host's.
 *
 * The image is the one value of an array map, which user space writes or maps. Offsets into it and
 * into the frame are masked, so the verifier needs to know nothing about either.
 */
#include <linux/bpf.h>

#define FW_BPF 1
#define FW_MATCH_API static inline __attribute__((always_inline, unused))
#define FW_PARSE_API static __attribute__((noinline))

#include "fw_parse.c"

#include "fw_match.c"

#include "fw_facts.h"

#define SEC(name) __attribute__((section(name), used))
#define MAP_UINT(name, value) int(*name)[value]
#define MAP_TYPE(name, type) type *name

static void *(*const map_lookup)(void *map, const void *key) = (void *)BPF_FUNC_map_lookup_elem;
static long (*const xdp_load_bytes)(struct xdp_md *ctx, uint32_t off, void *to, uint32_t len) =
    (void *)BPF_FUNC_xdp_load_bytes;

struct image_value {
	uint8_t b[FW_IMAGE_MASK + 1 + FW_IMAGE_PAD];
};

struct scratch {
	uint8_t frame[FW_HEADERS_BYTES_MAX + FW_HEADERS_PAD];
	struct fw_pkt pkt;
	struct fw_key key;
};

struct {
	MAP_UINT(type, BPF_MAP_TYPE_ARRAY);
	MAP_UINT(max_entries, 1);
	MAP_UINT(map_flags, BPF_F_MMAPABLE);
	MAP_TYPE(key, uint32_t);
	MAP_TYPE(value, struct image_value);
} fw_image_map SEC(".maps");

struct {
	MAP_UINT(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	MAP_UINT(max_entries, 1);
	MAP_TYPE(key, uint32_t);
	MAP_TYPE(value, struct scratch);
} fw_scratch_map SEC(".maps");

SEC("xdp") int
fw_xdp(struct xdp_md *ctx)
{
	const uint8_t *begin = (const uint8_t *)(uintptr_t)ctx->data;
	const uint8_t *end = (const uint8_t *)(uintptr_t)ctx->data_end;
	uint64_t bytes = (uint64_t)(end - begin);
	uint32_t zero = 0, len, copied;

	/* Packet pointers are whole registers only: keep the compiler from halving them. */
	__asm__ volatile("" : "+r"(bytes));
	len = (uint32_t)bytes;

	struct image_value *image = map_lookup(&fw_image_map, &zero);
	struct scratch *s = map_lookup(&fw_scratch_map, &zero);

	if (image == NULL || s == NULL)
		return 0;
	copied = len < FW_HEADERS_BYTES_MAX ? len : FW_HEADERS_BYTES_MAX;
	__asm__ volatile("" : "+r"(copied));
	if (copied == 0 || copied > FW_HEADERS_BYTES_MAX ||
	    xdp_load_bytes(ctx, 0, s->frame, copied) != 0)
		return 0;
	fw_parse(s->frame, len, &s->pkt);
	return (int)fw_facts(image->b, &s->pkt, &s->key);
}

char fw_license[] SEC("license") = "Apache-2.0";
