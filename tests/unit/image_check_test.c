/* SPDX-License-Identifier: Apache-2.0 */
/* image_check, image_dump - one field at a time made wrong; what is printed of a sound image. */
#include "image.h"

#include "gen_image.h"
#include "fw_state.h"
#include "t.h"
#include "wire_image.h"

static struct arena arena;
static struct image_input *in;
static uint8_t *image, *large;
static size_t image_len, large_len;

/* Where a field lies: in the header, the first half of the first body, its first action, the
 * first record, the first bucket that holds something; CUT is a half of the large image, whose
 * products are cut in segments. */
enum place { HDR, HALF, ACTION, RECORD, BUCKET, CUT };

struct row {
	const char *name;
	enum place place;
	size_t at, bytes;
	uint32_t value;
	const char *says;
};

#define F(place, type, field) place, offsetof(struct type, field), sizeof(((struct type *)0)->field)
#define H(field) F(HDR, wire_image_hdr, field)
#define S(field) F(HALF, wire_half, field)
#define C(field) F(CUT, wire_half, field)
#define A(field) F(ACTION, wire_action, field)

static const struct row rows[] = {
	{ "version", H(version), 4, "known version" },
	{ "magic", H(magic), 1, "known version" },
	{ "bytes", H(bytes), 64, "as long as it says" },
	{ "buckets no power of two", H(buckets), 3, "count of the header" },
	{ "no buckets", H(buckets), 0, "count of the header" },
	{ "seed", H(seed), 12345, "slot is not its table's" },
	{ "hash elsewhere", H(hash_at), 2, "hash is not where" },
	{ "tables elsewhere", H(tables_at), 2, "records are not where" },
	{ "too many tables", H(table_count), 5000, "count of the header" },
	{ "bodies elsewhere", H(bodies_at), 3, "directory is not where" },
	{ "no bodies", H(body_count), 0, "" },
	{ "slots elsewhere", H(slots_at), 2, "slots are not where" },
	{ "many slots", H(slot_count), 0xffffffff, "slots are not inside" },
	{ "no slots", H(slot_count), 0, "" },
	{ "guard's slots", H(guard_slots), 1, "guard table is no body" },
	{ "guard no body", H(guard_at), 1, "guard table is no body" },
	{ "lines", H(lines_max), 1, "costliest body" },
	{ "loads", H(loads_max), 1, "costliest body" },
	{ "counters", H(counter_count), 5000, "count of the header" },
	{ "fewer counters", H(counter_count), 1, "out of range" },
	{ "unsegmented", H(unsegmented), 1, "default is none" },
	{ "non-ip", H(non_ip), 3, "default is none" },
	{ "flags", H(flags), 8, "default is none" },
	{ "reserved", HDR, 100, 1, 1, "reserved byte" },
	{ "family", S(family), 5, "family or number of rules" },
	{ "no sub-table", S(subs), 0, "sub-tables are miscounted" },
	{ "five sub-tables", S(subs), 5, "sub-tables are miscounted" },
	{ "remote depth", S(remote_depth), 9, "depth is not that of its keys" },
	{ "port depth", S(dport_depth), 3, "depth is not that of its keys" },
	{ "low depth", S(low_depth), 1, "" },
	{ "b shift", S(b_shift), 11, "cut as their shift says" },
	{ "m shift", S(m_shift), 2, "cut as their shift says" },
	{ "half reserved", S(reserved2), 1, "reserved byte" },
	{ "groups without a table", S(group), 0x80, "groups do not fit" },
	{ "gmap without groups", S(gmap_at), 14, "groups where there are none" },
	{ "local classes", S(local_classes), 99, "groups where there are none" },
	{ "groups outside", H(groups_at), 0x1000000, "group table is not inside" },
	{ "rules", S(rules), 6000, "family or number of rules" },
	{ "fewer rules", S(rules), 1, "" },
	{ "actions outside", S(actions_at), 0xffffff, "" },
	{ "vlan classes", S(vlan_classes), 0, "" },
	{ "sport classes", S(sport_classes), 0, "" },
	{ "b row", S(b_row), 99, "cut as their shift says" },
	{ "m row", S(m_row), 0, "cut as their shift says" },
	{ "remote classes outside", S(remote_at), 0xffffffff, "not inside" },
	{ "protocols outside", S(proto_at), 0x100000, "not inside" },
	{ "pool outside", C(mp_at), 0x100000, "not inside" },
	{ "pool of what is not cut", S(mp_at), 20, "rows that are not cut" },
	{ "segments of what is not cut", S(b_segments), 1, "rows that are not cut" },
	{ "cut no more", C(m_shift), 0, "cut as their shift says" },
	{ "ranks for classes", C(dport_at), 0, "not as many as classes" },
	{ "remote keys", S(remote_keys), 0xffffffff, "depth is not that of its keys" },
	{ "no remote class", S(local_classes), 0, "out of range" },
	{ "no row", S(remote_classes), 0, "groups where there are none" },
	{ "no set", S(s_classes), 0, "" },
	{ "no segment", C(m_segments), 0, "out of range" },
	{ "many segments", C(b_segments), 0x10000, "cut as their shift says" },
	{ "body longer", S(body_bytes), 0x10000000, "not as long as it says" },
	{ "body shorter", S(body_bytes), 64, "not as long as it says" },
	{ "verdict", A(verdict), 1, "action is none" },
	{ "mode", A(mode), 3, "action is none" },
	{ "state", A(state), 3, "action is none" },
	{ "log", A(log), 2, "action is none" },
	{ "counter", A(counter), 500, "action is none" },
	{ "counters of the body", S(counters), 999, "sub-tables of one body differ" },
	{ "rule id", A(rule_id), 0, "action is none" },
	{ "action reserved", A(reserved2), 1, "reserved byte" },
	{ "record family", F(RECORD, wire_table, family), 6, "" },
	{ "record body", F(RECORD, wire_table, body), 1, "no body of its family" },
	{ "record slots", F(RECORD, wire_table, slots), 77, "no body of its family" },
	{ "record local", RECORD, 12, 4, 1, "reserved byte" },
	{ "slot tag", BUCKET, 0, 2, 77, "slot is not its table's" },
	{ "slot body", F(BUCKET, wire_bucket, body), 1, "slot is not its table's" },
	{ "slot table", F(BUCKET, wire_bucket, table), 0, "slot holds no table" },
	{ "bucket reserved", F(BUCKET, wire_bucket, reserved), 1, "reserved byte" },
};

static uint8_t *
place_of(uint8_t *p, enum place place)
{
	const struct wire_image_hdr *h = (const struct wire_image_hdr *)p;
	const struct wire_body *dir = (const struct wire_body *)(p +
	    (size_t)le32_get(h->bodies_at) * WIRE_LINE);
	uint8_t *body = p + (size_t)le32_get(dir[0].line) * WIRE_LINE;
	uint8_t *bucket = p + (size_t)le32_get(h->hash_at) * WIRE_LINE;

	switch (place) {
	case HALF:
	case CUT:
		return body;
	case ACTION:
		return body + (size_t)le32_get(((struct wire_half *)body)->actions_at) * WIRE_LINE;
	case RECORD:
		return p + (size_t)le32_get(h->tables_at) * WIRE_LINE;
	case BUCKET:
		while (le32_get(((struct wire_bucket *)bucket)->body[0]) == 0)
			bucket += WIRE_LINE;
		return bucket;
	default:
		return p;
	}
}

static void
a_wrong_field_is_named(const struct row *r)
{
	size_t len = r->place == CUT ? large_len : image_len;
	uint8_t *copy = malloc(len), *to;
	struct diag d = { 0 };

	CHECK(copy != NULL);
	memcpy(copy, r->place == CUT ? large : image, len);
	to = place_of(copy, r->place) + r->at;
	for (size_t i = 0; i < r->bytes; i++)
		to[i] = (uint8_t)(i < 4 ? r->value >> 8 * i : 0);
	T_IS_INT(image_check(copy, len, &d), RC_INVALID);
	T_IS_STR(d.code, "bad-image");
	if (!T_OK(strstr(d.text, r->says) != NULL))
		printf("# %s\n", d.text);
	free(copy);
}

static void
the_sound_one_passes(void)
{
	struct diag d = { 0 };
	uint32_t bad_at;

	T_IS_INT(image_check(image, image_len, &d), RC_OK);
	T_OK(fw_image_check(image, (uint32_t)image_len, &bad_at));
	T_IS_INT(image_check(image, 100, &d), RC_TRUNC);
	T_IS_INT(image_check(image, 0, &d), RC_TRUNC);
}

/* A profile one line or load below what the image says refuses a table by its index. */
static void
the_profile_holds(void)
{
	const struct wire_image_hdr *h = (const struct wire_image_hdr *)image;
	struct fw_cfg cfg = { .lines_max = le16_get(h->lines_max),
		.loads_max = le16_get(h->loads_max) };
	uint32_t table = 99;

	T_OK(fw_image_fits(&cfg, image, &table));
	cfg.lines_max--;
	T_OK(!fw_image_fits(&cfg, image, &table));
	T_OK(table < le32_get(h->table_count));
	cfg.lines_max = 0;
	T_OK(fw_image_fits(&cfg, image, &table));
	cfg.loads_max--;
	T_OK(!fw_image_fits(&cfg, image, &table));
	T_OK(table < le32_get(h->table_count));
	cfg.loads_max = 1;
	T_OK(!fw_image_fits(&cfg, image, &table));
	T_IS_UINT(table, 0);
}

/* The host tells of every profile what the firmware does, and the same table. */
static void
the_host_agrees(void)
{
	const struct wire_image_hdr *h = (const struct wire_image_hdr *)image;
	uint32_t lines_max = le16_get(h->lines_max), loads_max = le16_get(h->loads_max), fits = 0;

	for (uint32_t lines = 0; lines <= lines_max + 1; lines++)
		for (uint32_t loads = 0; loads <= loads_max + 1; loads++) {
			struct fw_cfg cfg = { .lines_max = (uint16_t)lines,
				.loads_max = (uint16_t)loads };
			struct image_profile profile = { lines, loads };
			uint32_t theirs = 0, ours = 0;
			bool fw = fw_image_fits(&cfg, image, &theirs);

			if (image_profile_fits(image, &profile, &ours) != fw ||
			    (!fw && MIN(ours, le32_get(h->table_count)) != theirs))
				T_OK(!"host and firmware agree");
			fits += fw;
		}
	T_OK(fits >= 9);	/* the greatest of both, one above, and no bound */
}

/* --- dump ------------------------------------------------------------------------------------- */

static char *
dump(bool json, const struct image_symbols *symbols)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	CHECK(f != NULL);
	T_IS_INT(image_dump(image, image_len, symbols, json, f, NULL), RC_OK);
	fclose(f);
	return text;
}

static unsigned
count(const char *text, const char *what)
{
	unsigned n = 0;

	while ((text = strstr(text, what)) != NULL) {
		text += strlen(what);
		n++;
	}
	return n;
}

static void
dump_names_tables_and_lines(void)
{
	struct image_symbol items[] = { { .rule_id = 1, .file = "web.pol", .line = 41, .col = 3,
		.segment = "web", .why = "" } };
	struct image_symbols symbols = { .items = items, .count = 1 };
	char *text = dump(false, &symbols);

	T_IS_UINT(count(text, "\ntable ") + (strncmp(text, "table ", 6) == 0), 8);
	T_IS_UINT(count(text, "rule 1  web.pol:41:3  segment web\n"), 1);
	T_IS_UINT(count(text, "dependent loads; at L2 3.5 ns"), 8);
	T_IS_UINT(count(text, "\n  default  drop mode enforce  rule "), 8);
	T_OK(strstr(text, "table 192.168.0.0 (v4)  20 rules") != NULL);
	T_OK(strstr(text, "nic: 8 tables of 8 lists, 160 rules, 16 counters") != NULL);
	T_OK(strstr(text, "defaults: unsegmented pass") != NULL);
	free(text);
}

static void
dump_json_is_one_object_a_line(void)
{
	struct image_symbol items[] = { { .rule_id = 1, .file = "a\"b\\.pol", .line = 41, .col = 3,
		.segment = "w\n", .why = "" } };
	struct image_symbols symbols = { .items = items, .count = 1 };
	char *text = dump(true, &symbols);

	T_IS_UINT(count(text, "{\"scope\":\"table\""), 8);
	T_IS_UINT(count(text, "{\"scope\":\"rule\""), 168);
	T_IS_UINT(count(text, "{\"scope\":\"nic\""), 1);
	T_IS_UINT(count(text, "\n"), 177);
	T_IS_UINT(count(text, "\"file\":\"a\\\"b\\\\.pol\",\"line\":41,\"col\":3,"
	    "\"segment\":\"w\\u000a\"}\n"), 1);
	free(text);
}

int
main(void)
{
	static const uint32_t counts[] = { 20, 20, 20, 20, 20, 20, 20, 20 }, many = 2000;
	struct gen_image g = { .state = 1, .arena = &arena };

	arena_init(&arena, (size_t)64 << 20);
	in = gen_image_plain(&g, counts, 8);
	CHECK(image_encode(in, &image, &image_len, NULL) == RC_OK);
	CHECK(image_encode(gen_image_plain(&g, &many, 1), &large, &large_len, NULL) == RC_OK);
	T_RUN(the_sound_one_passes);
	T_RUN(the_profile_holds);
	T_RUN(the_host_agrees);
	T_ROWS(rows, a_wrong_field_is_named);
	T_RUN(dump_names_tables_and_lines);
	T_RUN(dump_json_is_one_object_a_line);
	free(image);
	free(large);
	arena_fini(&arena);
	return t_done();
}
