/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_wire_read - bytes to rules. The writer ran foreign text, so nothing it says is believed:
 * each count is held against a limit and the bytes left before memory is taken, each index against
 * its array, and the whole against pol_rules_check before anyone sees it.
 */
#include "pol.h"

#include <string.h>

#include "bytes.h"
#include "hash.h"
#include "pol_wire.h"
#include "str.h"

struct in {
	struct rd r;
	struct arena *arena;
	struct addr_set *sets;
	uint32_t set_count;
	enum rc rc;		/* the first thing wrong that is not in the bytes */
};

static bool
fail(struct in *in, enum rc rc)
{
	in->r.failed = true;
	if (in->rc == RC_OK)
		in->rc = rc;
	return false;
}

/* A count of things that take at least each bytes; 0 and failed where they cannot be there. */
static uint32_t
get_count(struct in *in, uint32_t max, size_t each)
{
	uint32_t n = rd_le32(&in->r);

	CHECK(each > 0);
	if (in->r.failed || n > max || n > rd_left(&in->r) / each) {
		(void)fail(in, n > max ? RC_LIMIT : RC_INVALID);
		return 0;
	}
	return n;
}

static void *
get_room(struct in *in, uint32_t count, size_t size)
{
	void *p = in->r.failed ? NULL : arena_array(in->arena, count, size);

	if (p == NULL && !in->r.failed)
		(void)fail(in, RC_NOMEM);
	return p;
}

/* 0 or 1; anything else is not ours. */
static bool
get_bool(struct in *in)
{
	uint8_t v = rd_u8(&in->r);

	return v == 1 || (v != 0 && fail(in, RC_INVALID));
}

/* A text of at most max bytes without a NUL; never NULL. */
static const char *
get_text(struct in *in, uint32_t max)
{
	uint32_t n = get_count(in, max, 1);
	const uint8_t *p = rd_bytes(&in->r, n);
	char *s;

	if (p == NULL || memchr(p, 0, n) != NULL) {
		(void)fail(in, RC_INVALID);
		return "";
	}
	s = get_room(in, n + 1, 1);
	if (s == NULL)
		return "";
	memcpy(s, p, n);
	return s;
}

/* Makes a text fit for a terminal: one line, valid UTF-8. Tabs of a source line stay. */
static void
text_tame(char *s, bool tabs)
{
	size_t len = strlen(s), bad;

	while ((bad = utf8_check(s, len)) < len)
		s[bad] = '?';
	for (; *s != '\0'; s++)
		if (((unsigned char)*s < 0x20 && !(tabs && *s == '\t')) || *s == 0x7f)
			*s = '?';
}

static void
get_fixed(struct in *in, char *out, size_t cap, bool tabs)
{
	const char *s = get_text(in, (uint32_t)cap - 1);

	memcpy(out, s, strlen(s) + 1);
	text_tame(out, tabs);
}

static struct pol_pos
get_pos(struct in *in)
{
	struct pol_pos p;

	p.file = rd_le32(&in->r);
	p.line = rd_le32(&in->r);
	p.col = rd_le32(&in->r);
	p.seq = rd_le32(&in->r);
	return p;
}

static struct addr_set
get_set_ref(struct in *in)
{
	uint32_t id = rd_le32(&in->r);

	if (id >= in->set_count) {
		(void)fail(in, RC_INVALID);
		return (struct addr_set){ .ranges = NULL };
	}
	return in->sets[id];
}

static void
get_messages(struct in *in, struct diags *ds)
{
	uint32_t errors = rd_le32(&in->r), warnings = rd_le32(&in->r);
	uint32_t n = get_count(in, DIAGS_MAX, 29), e = 0, w = 0;
	bool full = ds->count + n >= DIAGS_MAX;

	for (uint32_t i = 0; i < n && !in->r.failed; i++) {
		struct diag d = { .level = (enum diag_level)rd_u8(&in->r) };

		d.line = rd_le32(&in->r);
		d.col = rd_le32(&in->r);
		get_fixed(in, d.code, sizeof(d.code), false);
		get_fixed(in, d.file, sizeof(d.file), false);
		get_fixed(in, d.text, sizeof(d.text), false);
		get_fixed(in, d.hint, sizeof(d.hint), false);
		get_fixed(in, d.source, sizeof(d.source), true);
		if (d.level != DIAG_WARNING && d.level != DIAG_ERROR)
			(void)fail(in, RC_INVALID);
		if (in->r.failed)
			return;
		e += d.level == DIAG_ERROR;
		w += d.level == DIAG_WARNING;
		diags_add(ds, &d);
	}
	/* more than were kept only where the list was full */
	if (errors < e || warnings < w || (!full && (errors > e || warnings > w)) ||
	    errors > UINT32_MAX / 4 || warnings > UINT32_MAX / 4) {
		(void)fail(in, RC_INVALID);
		return;
	}
	ds->errors += errors - e;
	ds->warnings += warnings - w;
}

static void
get_sets(struct in *in)
{
	uint32_t n = get_count(in, POL_WIRE_SETS_MAX, 4);

	in->sets = get_room(in, n, sizeof(*in->sets));
	for (uint32_t i = 0; i < n && !in->r.failed; i++) {
		struct addr_set *s = &in->sets[i];

		s->count = get_count(in, ADDR_SET_RANGES_MAX, 9);
		s->ranges = get_room(in, s->count, sizeof(*s->ranges));
		for (uint32_t k = 0; k < s->count && !in->r.failed; k++) {
			uint8_t family = rd_u8(&in->r);
			size_t len = family == 4 ? 4 : 16;
			const uint8_t *b = rd_bytes(&in->r, 2 * len);

			if (b == NULL || (family != 4 && family != 6)) {
				(void)fail(in, RC_INVALID);
				break;
			}
			s->ranges[k].lo = addr_from_bytes(family, b);
			s->ranges[k].hi = addr_from_bytes(family, b + len);
		}
	}
	in->set_count = in->r.failed ? 0 : n;
	if (n == 0 || in->r.failed || in->sets[0].count != 0)
		(void)fail(in, RC_INVALID);
}

static void
get_segments(struct in *in, struct pol_rules *out)
{
	uint32_t n = get_count(in, POL_SEGMENTS_MAX + POL_BUILTIN_MAX, 27);

	out->segments = get_room(in, n, sizeof(*out->segments));
	for (uint32_t i = 0; i < n && !in->r.failed; i++) {
		struct pol_segment *s = &out->segments[i];

		s->name = get_text(in, POL_NAME_BYTES_MAX);
		s->pos = get_pos(in);
		s->stage = rd_u8(&in->r);
		s->mode = rd_u8(&in->r);
		s->members_all = get_bool(in);
		s->members = get_set_ref(in);
	}
	out->segment_count = n;
}

static void
get_services(struct in *in, struct pol_rule *r)
{
	r->service_count = get_count(in, POL_WIRE_SERVICES_MAX, POL_WIRE_SERVICE_BYTES);
	r->services = get_room(in, r->service_count, sizeof(*r->services));
	for (uint32_t i = 0; i < r->service_count && !in->r.failed; i++) {
		struct service *s = &r->services[i].atom;

		s->proto_any = get_bool(in);
		s->proto = rd_u8(&in->r);
		s->family = rd_u8(&in->r);
		r->services[i].state = rd_u8(&in->r);
		s->sport_lo = rd_le16(&in->r);
		s->sport_hi = rd_le16(&in->r);
		s->dport_lo = rd_le16(&in->r);
		s->dport_hi = rd_le16(&in->r);
	}
}

static void
get_vlans(struct in *in, struct pol_rule *r)
{
	r->vlan_count = get_count(in, POL_WIRE_VLANS_MAX, POL_WIRE_VLAN_BYTES);
	r->vlans = get_room(in, r->vlan_count, sizeof(*r->vlans));
	for (uint32_t i = 0; i < r->vlan_count && !in->r.failed; i++) {
		r->vlans[i].lo = rd_le16(&in->r);
		r->vlans[i].hi = rd_le16(&in->r);
	}
}

static void
get_rule(struct in *in, struct pol_rule *r)
{
	const unsigned known = POL_WIRE_DENY | POL_WIRE_COUNT | POL_WIRE_LOG | POL_WIRE_WHY;
	unsigned flags;
	char *why;

	r->pos = get_pos(in);
	r->segment = rd_le32(&in->r);
	r->dir = rd_u8(&in->r);
	flags = rd_u8(&in->r);
	r->mode = rd_u8(&in->r);
	r->deny = (flags & POL_WIRE_DENY) != 0;
	r->count = (flags & POL_WIRE_COUNT) != 0;
	r->log = (flags & POL_WIRE_LOG) != 0;
	r->peer = get_set_ref(in);
	get_services(in, r);
	get_vlans(in, r);
	why = (char *)(uintptr_t)get_text(in, POL_WIRE_WHY_BYTES_MAX);
	if ((flags & ~known) != 0 || ((flags & POL_WIRE_WHY) == 0 && why[0] != '\0'))
		(void)fail(in, RC_INVALID);
	if (in->r.failed || (flags & POL_WIRE_WHY) == 0)
		return;
	text_tame(why, false);
	r->why = why;
}

static void
get_workloads(struct in *in, struct pol_rules *out)
{
	uint32_t n = get_count(in, POL_WIRE_WORKLOADS_MAX, 24);

	out->workloads = get_room(in, n, sizeof(*out->workloads));
	for (uint32_t i = 0; i < n && !in->r.failed; i++) {
		out->workloads[i].name = get_text(in, POL_NAME_BYTES_MAX);
		out->workloads[i].pos = get_pos(in);
		out->workloads[i].ips = get_set_ref(in);
	}
	out->workload_count = n;
}

static void
get_rules(struct in *in, struct pol_rules *out)
{
	const unsigned known = POL_WIRE_FRAGMENTS_DROP | POL_WIRE_MIDSTREAM_DROP |
	    POL_WIRE_LIVE_DRAIN;
	unsigned flags;

	out->file_count = get_count(in, POL_FILES_MAX + 1, 4);
	out->files = get_room(in, out->file_count, sizeof(*out->files));
	for (uint32_t i = 0; i < out->file_count && !in->r.failed; i++)
		out->files[i] = get_text(in, POL_PATH_BYTES_MAX);
	get_sets(in);
	get_segments(in, out);
	out->rule_count = get_count(in, POL_RULES_MAX + POL_BUILTIN_MAX, 39);
	out->rules = get_room(in, out->rule_count, sizeof(*out->rules));
	for (uint32_t i = 0; i < out->rule_count && !in->r.failed; i++)
		get_rule(in, &out->rules[i]);
	get_workloads(in, out);
	out->defaults.unsegmented = rd_u8(&in->r);
	out->defaults.non_ip = rd_u8(&in->r);
	flags = rd_u8(&in->r);
	out->defaults.fragments_drop = (flags & POL_WIRE_FRAGMENTS_DROP) != 0;
	out->defaults.midstream_drop = (flags & POL_WIRE_MIDSTREAM_DROP) != 0;
	out->defaults.live_flows_drain = (flags & POL_WIRE_LIVE_DRAIN) != 0;
	if ((flags & ~known) != 0)
		(void)fail(in, RC_INVALID);
}

static bool
head_ok(struct rd *r, const uint8_t *p, size_t len)
{
	uint32_t magic = rd_le32(r), version = rd_le32(r), total = rd_le32(r), crc = rd_le32(r);

	return !r->failed && magic == POL_WIRE_MAGIC && version == POL_WIRE_VERSION &&
	    total == len && crc == crc32c(0, p + POL_WIRE_HEAD_BYTES, len - POL_WIRE_HEAD_BYTES);
}

enum rc
pol_rules_decode(const uint8_t *p, size_t len, struct arena *a, struct pol_rules *out,
    struct diags *diags)
{
	struct in in = { .arena = a };
	uint32_t errors = diags->errors;
	const char *broken;
	bool present;

	memset(out, 0, sizeof(*out));
	if (len > POL_WIRE_BYTES_MAX)
		return RC_LIMIT;
	rd_init(&in.r, p, len);
	if (!head_ok(&in.r, p, len))
		return len < POL_WIRE_HEAD_BYTES ? RC_TRUNC : RC_INVALID;
	get_messages(&in, diags);
	present = get_bool(&in);
	if (!in.r.failed && present)
		get_rules(&in, out);
	if (rd_done(&in.r) && present == (diags->errors == errors) &&
	    (!present || pol_rules_check(out, &broken)))
		return RC_OK;
	memset(out, 0, sizeof(*out));
	return in.rc != RC_OK ? in.rc : RC_INVALID;
}
