/* SPDX-License-Identifier: Apache-2.0 */
/* gen - one generation in memory and as bytes. */
#include "gen.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "clock.h"
#include "roles.h"

enum { SYMBOLS_ARENA_BYTES = 256 << 20, SIZES_AT = 16, SHA_AT = 36, BUILD_AT = 68, CRC_AT = 88 };

/* What stands behind the head, in its order. */
enum part { PART_IMAGE, PART_SYMBOLS, PART_SOURCES, PART_KEYS, PART_MESSAGES, PART__COUNT };

static const uint8_t magic[3] = { 'R', 'F', 'H' };	/* and '1' to '4' */

/* Without memory there are none: the next start compiles. */
static void
messages_keep(struct gen *g, const struct diags *diags)
{
	size_t cap = messages_room(diags);
	struct wr w;

	g->messages = malloc(cap);
	if (g->messages == NULL)
		return;
	wr_init(&w, g->messages, cap);
	messages_put(&w, diags);
	CHECK(!w.failed);
	g->messages_len = w.pos;
}

struct gen *
gen_from_result(struct compile_result *r, const struct diags *diags)
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
	(void)build_id(g->build);
	messages_keep(g, diags);
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
	free(g->messages);
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

static void
head_put(struct wr *w, const struct gen *g, const size_t len[PART__COUNT])
{
	wr_bytes(w, magic, sizeof(magic));
	wr_u8(w, (uint8_t)('1' + g->posted + 2 * g->unconfirmed));
	wr_le32(w, g->number);
	wr_le64(w, g->written_wall_ns);
	for (int i = 0; i < PART__COUNT; i++)
		wr_le32(w, (uint32_t)len[i]);
	wr_bytes(w, g->sha256, sizeof(g->sha256));
	wr_bytes(w, g->build, sizeof(g->build));
	CHECK(w->pos == CRC_AT);
	wr_le32(w, 0);
}

enum rc
gen_encode(struct gen *g, uint8_t **out, size_t *len)
{
	size_t part_len[PART__COUNT] = { g->image_len, 0, g->sources_len,
		g->key_count * sizeof(*g->keys), g->messages_len };
	const void *part[PART__COUNT] = { g->image, NULL, g->sources, g->keys, g->messages };
	size_t total = GEN_HEAD_BYTES;
	struct arena a;
	uint8_t *text;
	struct wr w;
	enum rc rc;

	*out = NULL;
	arena_init(&a, SYMBOLS_ARENA_BYTES);
	g->symbols.generation = g->number;
	rc = image_symbols_encode(&g->symbols, &a, &text, &part_len[PART_SYMBOLS]);
	if (rc != RC_OK)
		goto out;
	part[PART_SYMBOLS] = text;
	for (int i = 0; i < PART__COUNT; i++)
		total += part_len[i];
	*out = malloc(total);
	if (*out == NULL) {
		rc = RC_NOMEM;
		goto out;
	}
	g->written_wall_ns = clock_wall_ns();
	wr_init(&w, *out, total);
	head_put(&w, g, part_len);
	for (int i = 0; i < PART__COUNT; i++)
		if (part_len[i] > 0)
			wr_bytes(&w, part[i], part_len[i]);
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

/* Of this build; those of another are left, and so is what goes with them. */
static enum rc
own_take(struct gen *g, const uint8_t *keys, size_t keys_len, const uint8_t *messages,
    size_t messages_len)
{
	uint8_t own[BUILD_ID_BYTES];

	if (keys_len % sizeof(*g->keys) != 0)
		return RC_INVALID;
	if (!build_id(own) || memcmp(own, g->build, sizeof(own)) != 0) {
		memset(g->build, 0, sizeof(g->build));
		return RC_OK;
	}
	g->keys = keys_len == 0 ? NULL : (struct image_key *)copy(keys, keys_len);
	g->key_count = (uint32_t)(keys_len / sizeof(*g->keys));
	g->messages = copy(messages, messages_len);
	g->messages_len = messages_len;
	return g->messages == NULL || (g->keys == NULL && keys_len > 0) ? RC_NOMEM : RC_OK;
}

static enum rc
parts_take(struct gen *g, const uint8_t *part[PART__COUNT], const size_t len[PART__COUNT],
    struct diag *diag)
{
	uint8_t sha[SHA256_BYTES];
	enum rc rc;

	sha256(part[PART_IMAGE], len[PART_IMAGE], sha);
	if (memcmp(sha, g->sha256, sizeof(sha)) != 0)
		return RC_INVALID;
	rc = image_check(part[PART_IMAGE], len[PART_IMAGE], diag);
	if (rc == RC_OK)
		rc = image_symbols_decode(part[PART_SYMBOLS], len[PART_SYMBOLS], &g->arena,
		    &g->symbols, diag);
	if (rc != RC_OK)
		return rc;
	if (g->symbols.generation != g->number)
		return RC_INVALID;
	g->image = copy(part[PART_IMAGE], len[PART_IMAGE]);
	g->image_len = len[PART_IMAGE];
	g->sources = copy(part[PART_SOURCES], len[PART_SOURCES]);
	g->sources_len = len[PART_SOURCES];
	if (g->image == NULL || g->sources == NULL)
		return RC_NOMEM;
	image_info_get(g->image, g->image_len, &g->info);
	return own_take(g, part[PART_KEYS], len[PART_KEYS], part[PART_MESSAGES],
	    len[PART_MESSAGES]);
}

enum rc
gen_decode(const uint8_t *p, size_t len, struct gen **out, struct diag *diag)
{
	size_t part_len[PART__COUNT], at = GEN_HEAD_BYTES;
	const uint8_t *part[PART__COUNT];
	struct gen *g;
	enum rc rc;

	*out = NULL;
	if (len < GEN_HEAD_BYTES)
		return RC_TRUNC;
	for (int i = 0; i < PART__COUNT; i++) {
		part_len[i] = get_le32(p + SIZES_AT + 4 * i);
		if (part_len[i] > len - at)
			return RC_INVALID;
		part[i] = p + at;
		at += part_len[i];
	}
	if (memcmp(p, magic, sizeof(magic)) != 0 || p[3] < '1' || p[3] > '4' || at != len ||
	    get_le32(p + CRC_AT) != crc_of(p, len) || get_le32(p + 4) == 0)
		return RC_INVALID;
	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return RC_NOMEM;
	arena_init(&g->arena, SYMBOLS_ARENA_BYTES);
	g->posted = ((p[3] - '1') & 1) != 0;
	g->unconfirmed = ((p[3] - '1') & 2) != 0;
	g->number = get_le32(p + 4);
	g->written_wall_ns = get_le64(p + 8);
	memcpy(g->sha256, p + SHA_AT, sizeof(g->sha256));
	memcpy(g->build, p + BUILD_AT, sizeof(g->build));
	rc = parts_take(g, part, part_len, diag);
	if (rc != RC_OK) {
		gen_destroy(&g);
		return rc;
	}
	*out = g;
	return RC_OK;
}

bool
gen_is_of(const struct gen *g, const uint8_t *sources, size_t len)
{
	uint8_t own[BUILD_ID_BYTES];

	return build_id(own) && memcmp(own, g->build, sizeof(own)) == 0 && g->messages != NULL &&
	    g->sources_len == len && memcmp(g->sources, sources, len) == 0;
}

void
gen_renew(struct gen *kept, struct gen **gp)
{
	struct gen *g = *gp, former = *kept;
	bool same = former.posted == g->posted && former.unconfirmed == g->unconfirmed &&
	    former.key_count == g->key_count && former.messages_len == g->messages_len &&
	    memcmp(former.build, g->build, sizeof(former.build)) == 0 &&
	    former.sources_len == g->sources_len &&
	    memcmp(former.sources, g->sources, g->sources_len) == 0;

	CHECK(former.number == g->number);
	*kept = *g;
	*g = former;
	kept->saved = former.saved && same;
	kept->written_wall_ns = former.written_wall_ns;
	kept->symbols.generation = kept->number;
	gen_destroy(gp);
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
