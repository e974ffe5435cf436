/* SPDX-License-Identifier: Apache-2.0 */
/* pol_wire_write - rules to bytes: into a buffer that grows until all of it fits. */
#include "pol.h"

#include <string.h>

#include "bytes.h"
#include "hash.h"
#include "pol_intern.h"
#include "pol_wire.h"

struct out {
	struct wr w;
	struct pol_sets sets;
};

static void
put_pos(struct wr *w, const struct pol_pos *p)
{
	wr_le32(w, p->file);
	wr_le32(w, p->line);
	wr_le32(w, p->col);
	wr_le32(w, p->seq);
}

static void
put_set(struct wr *w, const struct addr_set *s)
{
	uint8_t b[16];

	wr_le32(w, s->count);
	for (uint32_t i = 0; i < s->count; i++) {
		const struct addr_range *r = &s->ranges[i];
		size_t n = r->lo.family == 4 ? 4 : 16;

		wr_u8(w, r->lo.family);
		addr_to_bytes(&r->lo, b);
		wr_bytes(w, b, n);
		addr_to_bytes(&r->hi, b);
		wr_bytes(w, b, n);
	}
}

static void
put_messages(struct wr *w, const struct diags *ds)
{
	wr_le32(w, ds->errors);
	wr_le32(w, ds->warnings);
	wr_le32(w, ds->count);
	for (uint32_t i = 0; i < ds->count; i++) {
		const struct diag *d = &ds->items[i];

		wr_u8(w, (uint8_t)d->level);
		wr_le32(w, d->line);
		wr_le32(w, d->col);
		wr_text(w, d->code);
		wr_text(w, d->file);
		wr_text(w, d->text);
		wr_text(w, d->hint);
		wr_text(w, d->source);
	}
}

/* Numbers every set; ids holds those of segments, rules, workloads, in this order. */
static enum rc
sets_find(struct out *o, const struct pol_rules *r, struct arena *a, uint32_t **out)
{
	static const struct addr_set empty = { .ranges = NULL };
	uint32_t n = r->segment_count + r->rule_count + r->workload_count, at = 0;
	uint32_t *ids = arena_array(a, n, sizeof(*ids));

	if (ids == NULL || pol_sets_init(&o->sets, a, n + 1) != RC_OK)
		return RC_NOMEM;
	CHECK(pol_sets_add(&o->sets, &empty) == 0);
	for (uint32_t i = 0; i < r->segment_count; i++)
		ids[at++] = pol_sets_add(&o->sets, &r->segments[i].members);
	for (uint32_t i = 0; i < r->rule_count; i++)
		ids[at++] = pol_sets_add(&o->sets, &r->rules[i].peer);
	for (uint32_t i = 0; i < r->workload_count; i++)
		ids[at++] = pol_sets_add(&o->sets, &r->workloads[i].ips);
	CHECK(at == n);
	*out = ids;
	return RC_OK;
}

/* Bytes of all sets: they may be most of what is sent. */
static size_t
sets_bytes(const struct out *o)
{
	size_t n = 0;

	for (uint32_t i = 0; i < o->sets.count; i++) {
		const struct addr_set *s = &o->sets.items[i];
		uint32_t first, v4;

		addr_set_family(s, 4, &first, &v4);
		n += 4 + (size_t)v4 * 9 + (size_t)(s->count - v4) * 33;
	}
	return n;
}

static void
put_rule(struct wr *w, const struct pol_rule *r, uint32_t peer)
{
	put_pos(w, &r->pos);
	wr_le32(w, r->segment);
	wr_u8(w, r->dir);
	wr_u8(w, (uint8_t)((r->deny ? POL_WIRE_DENY : 0) | (r->count ? POL_WIRE_COUNT : 0) |
	    (r->log ? POL_WIRE_LOG : 0) | (r->why != NULL ? POL_WIRE_WHY : 0)));
	wr_u8(w, r->mode);
	wr_le32(w, peer);
	wr_le32(w, r->service_count);
	for (uint32_t i = 0; i < r->service_count; i++) {
		const struct service *s = &r->services[i].atom;

		wr_u8(w, s->proto_any);
		wr_u8(w, s->proto);
		wr_u8(w, s->family);
		wr_u8(w, r->services[i].state);
		wr_le16(w, s->sport_lo);
		wr_le16(w, s->sport_hi);
		wr_le16(w, s->dport_lo);
		wr_le16(w, s->dport_hi);
	}
	wr_le32(w, r->vlan_count);
	for (uint32_t i = 0; i < r->vlan_count; i++) {
		wr_le16(w, r->vlans[i].lo);
		wr_le16(w, r->vlans[i].hi);
	}
	wr_text(w, r->why != NULL ? r->why : "");
}

static void
put_rules(struct out *o, const struct pol_rules *r, const uint32_t *ids)
{
	const struct pol_defaults *d = &r->defaults;
	struct wr *w = &o->w;

	wr_le32(w, r->file_count);
	for (uint32_t i = 0; i < r->file_count; i++)
		wr_text(w, r->files[i]);
	wr_le32(w, o->sets.count);
	for (uint32_t i = 0; i < o->sets.count; i++)
		put_set(w, &o->sets.items[i]);
	wr_le32(w, r->segment_count);
	for (uint32_t i = 0; i < r->segment_count; i++) {
		const struct pol_segment *s = &r->segments[i];

		wr_text(w, s->name);
		put_pos(w, &s->pos);
		wr_u8(w, s->stage);
		wr_u8(w, s->mode);
		wr_u8(w, s->members_all);
		wr_le32(w, *ids++);
	}
	wr_le32(w, r->rule_count);
	for (uint32_t i = 0; i < r->rule_count; i++)
		put_rule(w, &r->rules[i], *ids++);
	wr_le32(w, r->workload_count);
	for (uint32_t i = 0; i < r->workload_count; i++) {
		wr_text(w, r->workloads[i].name);
		put_pos(w, &r->workloads[i].pos);
		wr_le32(w, *ids++);
	}
	wr_u8(w, d->unsegmented);
	wr_u8(w, d->non_ip);
	wr_u8(w, (uint8_t)((d->fragments_drop ? POL_WIRE_FRAGMENTS_DROP : 0) |
	    (d->midstream_drop ? POL_WIRE_MIDSTREAM_DROP : 0) |
	    (d->live_flows_drain ? POL_WIRE_LIVE_DRAIN : 0)));
}

static void
put_all(struct out *o, const struct pol_rules *r, const struct diags *diags, const uint32_t *ids)
{
	wr_zero(&o->w, POL_WIRE_HEAD_BYTES);
	put_messages(&o->w, diags);
	wr_u8(&o->w, r != NULL);
	if (r != NULL)
		put_rules(o, r, ids);
}

enum rc
pol_rules_encode(const struct pol_rules *r, const struct diags *diags, struct arena *a,
    uint8_t **out, size_t *len)
{
	struct out o = { .sets = { .count = 0 } };
	uint32_t *ids = NULL;
	uint8_t *p;
	enum rc rc;

	*out = NULL;
	*len = 0;
	if (diags->errors > 0)		/* what an error left behind is nobody's */
		r = NULL;
	if (r != NULL) {
		rc = sets_find(&o, r, a, &ids);
		if (rc != RC_OK)
			return rc;
	}
	for (size_t cap = (1 << 16) + sets_bytes(&o); cap <= POL_WIRE_BYTES_MAX; cap *= 2) {
		p = arena_alloc(a, cap);
		if (p == NULL)
			return RC_NOMEM;
		wr_init(&o.w, p, cap);
		put_all(&o, r, diags, ids);
		if (o.w.failed)
			continue;
		put_le32(p, POL_WIRE_MAGIC);
		put_le32(p + 4, POL_WIRE_VERSION);
		put_le32(p + 8, (uint32_t)o.w.pos);
		put_le32(p + 12, crc32c(0, p + POL_WIRE_HEAD_BYTES,
		    o.w.pos - POL_WIRE_HEAD_BYTES));
		*out = p;
		*len = o.w.pos;
		return RC_OK;
	}
	return RC_LIMIT;
}
