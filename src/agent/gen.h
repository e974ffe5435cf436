/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gen - a generation: the image, the lines of its rules, the text it came from; and its file.
 * Shape:   a file "gen-N" of the state directory, all little-endian:
 *          "RFH" | '1' + 1 where its text was posted + 2 where it was not confirmed yet
 *          | generation u32 | written_wall_ns u64 | image u32 | symbols u32 | sources u32
 *          | keys u32 | messages u32 | sha256 of the image 32 B | build id 20 B
 *          | CRC32C u32 of all bytes but these four | the five, one after the other, and nothing
 *          behind them. Keys and messages are for the build that wrote them; another leaves them.
 * Memory:  owns everything it points to, until gen_destroy.
 * Errors:  RC_INVALID, RC_TRUNC for a file that no writer of ours left.
 */
#ifndef GEN_H
#define GEN_H

#include "build_id.h"
#include "compile.h"

enum { GEN_HEAD_BYTES = 92 };

struct gen {
	uint32_t number;
	bool posted;			/* its text came in a request, not from the directory */
	bool unconfirmed;		/* loaded so, and not known to be confirmed */
	uint32_t confirm_s;		/* to be loaded so; not in the file */
	bool saved;			/* its file is on the disk, whole */
	uint64_t written_wall_ns;
	uint8_t sha256[SHA256_BYTES];
	uint8_t *image;
	size_t image_len;
	uint8_t build[BUILD_ID_BYTES];	/* of the binary that compiled it; 0 = not known */
	struct image_key *keys;		/* of image, where this build made them; else NULL */
	uint32_t key_count;
	uint8_t *messages;		/* warnings of the compile, as messages_put writes them */
	size_t messages_len;
	uint8_t *sources;		/* as pol_sources_encode writes them */
	size_t sources_len;
	struct image_info info;
	struct arena arena;
	struct image_symbols symbols;	/* of number */
};

/* Takes image, sources and symbols out of a good result, whose messages are diags. NULL where
 * memory is out. */
struct gen *gen_from_result(struct compile_result *r, const struct diags *diags);
void gen_destroy(struct gen **g);

MUST_CHECK enum rc gen_encode(struct gen *g, uint8_t **out, size_t *len);
MUST_CHECK enum rc gen_decode(const uint8_t *p, size_t len, struct gen **out, struct diag *diag);

/* This build made it out of these bytes: compiling them again would make it again. */
bool gen_is_of(const struct gen *g, const uint8_t *sources, size_t len);
/* kept gets what g knows of the same image and number, and g ends; where the file says something
 * else now, kept is no longer saved. */
void gen_renew(struct gen *kept, struct gen **g);

/* The same lines, texts and words for the same rules. */
bool gen_same_symbols(const struct gen *a, const struct gen *b);

#endif
