/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roles - what the binary does when it is a child: the table, and the two bodies.
 * Does:    compile: policy text to rules; build: rules to image, symbols and messages. Each reads
 *          standard input, writes standard output, and keeps nothing.
 * Shape:   what build writes, all little-endian:
 *          "RFB4" | stage u8 | rc u8 (0 - enum rc) | reused u16 | image u32 | symbols u32
 *          | messages u32 | prove_us u32 | keys u32 | example u32 | times u32 | CRC32C u32, begun
 *          with prove_us, of bytes 4 to 7 and of what follows: image, symbols, keys, times,
 *          example, messages.
 * Limits:  policy-language section 6.
 * Context: roles_run only in a child of job_start. decode: any process; it distrusts.
 */
#ifndef ROLES_H
#define ROLES_H

#include "arena.h"
#include "bytes.h"
#include "job.h"
#include "wire_image.h"

extern const struct job_role role_compile, role_build;

/* Runs the role of that name; -1 where there is none. */
int roles_run(const char *name);

/* For the bodies of roles: confined, all input read; the answer written. 0 or an enum job_exit. */
int role_begin(const struct job_role *role, size_t max, uint8_t **in, size_t *len);
int role_answer(uint8_t *p, size_t len);

/* How far a compile came. */
enum compile_stage { STAGE_READ = 0, STAGE_EVAL, STAGE_BUILD, STAGE_ENCODE, STAGE_DONE };

enum { BUILT_EXAMPLE_BYTES_MAX = 128 };

/* What one body took. Bytes as they stand: nothing in it is aligned. */
struct built_time {
	le64 pack_ns, prove_ns;
};
_Static_assert(sizeof(struct built_time) == 16, "times are sent as they are");

struct built {
	uint8_t stage;			/* enum compile_stage; DONE = there is an image */
	enum rc rc;			/* of the stage */
	const uint8_t *image;
	size_t image_len;
	const uint8_t *symbols;		/* as image_symbols_encode writes them, generation 0 */
	size_t symbols_len;
	const uint8_t *keys;		/* struct image_key, for the next build */
	size_t keys_len;
	const struct built_time *times;	/* by number of the body */
	uint32_t time_count;
	const uint8_t *example;		/* a frame, where a proof failed */
	size_t example_len;
	uint16_t reused;		/* bodies of the build before */
	uint32_t prove_us;		/* of the whole time, what the proof took */
};

/* What build reads, little-endian: "RFJ2" | rules u32 | keys u32 | image u32 | passes u32 (enum
 * pol_pass) | the bytes of the three: rules as pol_rules_encode writes them; keys and image of the
 * build before, or nothing. */
enum { BUILD_HEAD_BYTES = 20, BUILD_BEFORE_BYTES_MAX = 32 << 20 };
#define BUILD_MAGIC 0x324a4652u

/* Messages as bytes: at most messages_room(); take appends, and refuses what no put writes. */
size_t messages_room(const struct diags *diags);
void messages_put(struct wr *w, const struct diags *diags);
MUST_CHECK bool messages_take(const uint8_t *p, size_t len, struct diags *diags);

/* Bytes are malloc'ed. */
MUST_CHECK enum rc built_encode(const struct built *b, const struct diags *diags, uint8_t **out,
    size_t *len);
/* Points into p; appends to diags. RC_INVALID for what no encoder writes. */
MUST_CHECK enum rc built_decode(const uint8_t *p, size_t len, struct built *out,
    struct diags *diags);
/* One time for each body, and none that the parts of a build of within_ns cannot have taken. */
MUST_CHECK bool built_times_hold(const struct built *b, uint32_t bodies, uint64_t within_ns);

#endif
