/* SPDX-License-Identifier: Apache-2.0 */
/* gen - one generation in memory and as bytes. */
#include "gen.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "clock.h"

enum { SYMBOLS_ARENA_BYTES = 256 << 20, CRC_AT = 60 };

static const uint8_t magic[3] = { 'R', 'F', 'G' };	/* and '1' to '4' */

struct gen *
gen_from_result(struct compile_result *r)
{
	struct gen *g = calloc(1, sizeof(*g));

	CHECK(r->rc == RC_OK && r->image != NULL && r->sources != NULL);
	if (g == NULL)
		return NULL;
	memcpy(g->sha256, r->sha256, sizeof(g->sha256));
	g->image = r->image;
	g->image_len = r->image_len;
	g->keys = r->keys;
	g->key_count = r->key_count;
	r->keys = NULL;
	g->sources = r->sources;
	g->sources_len = r->sources_len;
	g->posted = r->posted;
	g->info = r->info;
	g->arena = r->arena;
	g->symbols = r->symbols;
	r->image = r->sources = NULL;
	arena_init(&r->arena, 0);
	memset(&r->symbols, 0, sizeof(r->symbols));
	return g;
}

void
gen_destroy(struct gen **gp)
{
	struct gen *g = *gp;

	if (g == NULL)
		return;
	free(g->image);
	free(g->keys);
	free(g->sources);
	arena_fini(&g->arena);
	free(g);
	*gp = NULL;
}

static uint32_t
crc_of(const uint8_t *p, size_t len)
{
	uint32_t crc = crc32c(0, p, CRC_AT);

	return crc32c(crc, p + GEN_HEAD_BYTES, len - GEN_HEAD_BYTES);
}

enum rc
gen_encode(struct gen *g, uint8_t **out, size_t *len)
{
	struct arena a;
	uint8_t *text;
	size_t text_len, total;
	struct wr w;
	enum rc rc;

	*out = NULL;
	arena_init(&a, SYMBOLS_ARENA_BYTES);
	g->symbols.generation = g->number;
	rc = image_symbols_encode(&g->symbols, &a, &text, &text_len);
	if (rc != RC_OK)
		goto out;
	total = GEN_HEAD_BYTES + g->image_len + text_len + g->sources_len;
	*out = malloc(total);
	if (*out == NULL) {
		rc = RC_NOMEM;
		goto out;
	}
	g->written_wall_ns = clock_wall_ns();
	wr_init(&w, *out, total);
	wr_bytes(&w, magic, sizeof(magic));
	wr_u8(&w, (uint8_t)('1' + g->posted + 2 * g->unconfirmed));
	wr_le32(&w, g->number);
	wr_le64(&w, g->written_wall_ns);
	wr_le32(&w, (uint32_t)g->image_len);
	wr_le32(&w, (uint32_t)text_len);
	wr_le32(&w, (uint32_t)g->sources_len);
	wr_bytes(&w, g->sha256, sizeof(g->sha256));
	CHECK(w.pos == CRC_AT);
	wr_le32(&w, 0);
	wr_bytes(&w, g->image, g->image_len);
	wr_bytes(&w, text, text_len);
	wr_bytes(&w, g->sources, g->sources_len);
	CHECK(!w.failed && w.pos == total);
	put_le32(*out + CRC_AT, crc_of(*out, total));
	*len = total;
out:
	arena_fini(&a);
	return rc;
}

static uint8_t *
copy(const uint8_t *p, size_t len)
{
	uint8_t *c = malloc(len + 1);

	if (c != NULL)
		memcpy(c, p, len);
	return c;
}

static enum rc
parts_take(struct gen *g, const uint8_t *p, size_t image, size_t text, size_t sources,
    struct diag *diag)
{
	uint8_t sha[SHA256_BYTES];
	enum rc rc;

	sha256(p, image, sha);
	if (memcmp(sha, g->sha256, sizeof(sha)) != 0)
		return RC_INVALID;
	rc = image_check(p, image, diag);
	if (rc == RC_OK)
		rc = image_symbols_decode(p + image, text, &g->arena, &g->symbols, diag);
	if (rc != RC_OK)
		return rc;
	if (g->symbols.generation != g->number)
		return RC_INVALID;
	g->image = copy(p, image);
	g->image_len = image;
	g->sources = copy(p + image + text, sources);
	g->sources_len = sources;
	if (g->image == NULL || g->sources == NULL)
		return RC_NOMEM;
	image_info_get(g->image, g->image_len, &g->info);
	return RC_OK;
}

enum rc
gen_decode(const uint8_t *p, size_t len, struct gen **out, struct diag *diag)
{
	size_t image, text, sources;
	struct gen *g;
	enum rc rc;

	*out = NULL;
	if (len < GEN_HEAD_BYTES)
		return RC_TRUNC;
	image = get_le32(p + 16);
	text = get_le32(p + 20);
	sources = get_le32(p + 24);
	if (memcmp(p, magic, sizeof(magic)) != 0 || p[3] < '1' || p[3] > '4' ||
	    get_le32(p + CRC_AT) != crc_of(p, len) ||
	    image + text + sources != len - GEN_HEAD_BYTES || get_le32(p + 4) == 0)
		return RC_INVALID;
	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return RC_NOMEM;
	arena_init(&g->arena, SYMBOLS_ARENA_BYTES);
	g->posted = ((p[3] - '1') & 1) != 0;
	g->unconfirmed = ((p[3] - '1') & 2) != 0;
	g->number = get_le32(p + 4);
	g->written_wall_ns = get_le64(p + 8);
	memcpy(g->sha256, p + 28, sizeof(g->sha256));
	rc = parts_take(g, p + GEN_HEAD_BYTES, image, text, sources, diag);
	if (rc != RC_OK) {
		gen_destroy(&g);
		return rc;
	}
	*out = g;
	return RC_OK;
}

bool
gen_same_symbols(const struct gen *a, const struct gen *b)
{
	if (a->symbols.count != b->symbols.count)
		return false;
	for (uint32_t i = 0; i < a->symbols.count; i++) {
		const struct image_symbol *x = &a->symbols.items[i], *y = &b->symbols.items[i];

		if (x->rule_id != y->rule_id || x->line != y->line || x->col != y->col ||
		    x->counter != y->counter || x->is_default != y->is_default ||
		    strcmp(x->file, y->file) != 0 || strcmp(x->segment, y->segment) != 0 ||
		    strcmp(x->why, y->why) != 0)
			return false;
	}
	return true;
}
