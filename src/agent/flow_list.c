/* SPDX-License-Identifier: Apache-2.0 */
/* flow_list - known flows from the daemon to the query child. */
#include "flow_list.h"

#include <stdlib.h>
#include <string.h>

#include "wire_flow.h"
#include "wire_verdict.h"

static const uint8_t magic[4] = { 'R', 'F', 'F', '1' };

static void
record_write(struct wr *w, const struct flow_row *r, bool live)
{
	const struct nic_flow *f = &r->f;

	wr_le64(w, r->number);
	wr_le64(w, f->first_wall_ns);
	wr_le64(w, f->last_wall_ns);
	wr_le64(w, f->packets[0] + f->packets[1]);
	wr_le64(w, f->bytes[0] + f->bytes[1]);
	wr_le32(w, f->rule_id);
	wr_le32(w, f->generation);
	wr_le16(w, f->local_port);
	wr_le16(w, f->remote_port);
	wr_le16(w, f->vlan);
	wr_u8(w, f->family);
	wr_u8(w, f->proto);
	wr_u8(w, f->dir);
	wr_u8(w, f->tcp_flags);
	wr_u8(w, f->flags);
	wr_u8(w, f->verdict);
	wr_u8(w, f->reason);
	wr_u8(w, live);
	wr_zero(w, 2);
	wr_bytes(w, f->local, 16);
	wr_bytes(w, f->remote, 16);
}

enum rc
flow_list_encode(const struct flow_table *t, bool told, uint64_t lost, uint64_t now_ns,
    uint8_t **out, size_t *len)
{
	uint32_t count = flow_table_count(t);
	size_t cap = FLOW_LIST_HEAD_BYTES + (size_t)count * FLOW_LIST_RECORD_BYTES;
	struct wr w;

	CHECK(count <= FLOW_ROWS);
	*out = malloc(cap);
	if (*out == NULL)
		return RC_NOMEM;
	wr_init(&w, *out, cap);
	wr_bytes(&w, magic, sizeof(magic));
	wr_u8(&w, told);
	wr_zero(&w, 3);
	wr_le32(&w, count);
	wr_zero(&w, 4);
	wr_le64(&w, lost + flow_table_forgotten(t));
	for (const struct flow_row *r = flow_table_newest(t); r != NULL;
	    r = flow_table_older(t, r))
		record_write(&w, r, flow_row_end(r, now_ns)[0] == '\0');
	CHECK(!w.failed && w.pos == cap);
	*len = cap;
	return RC_OK;
}

enum rc
flow_list_open(struct flow_list *l, const uint8_t *p, size_t len)
{
	const uint8_t *word;
	uint8_t told;

	memset(l, 0, sizeof(*l));
	rd_init(&l->rd, p, len);
	word = rd_bytes(&l->rd, sizeof(magic));
	if (word == NULL || memcmp(word, magic, sizeof(magic)) != 0)
		return RC_INVALID;
	told = rd_u8(&l->rd);
	l->told = told == 1;
	if (told > 1 || rd_u8(&l->rd) != 0 || rd_le16(&l->rd) != 0)
		return RC_INVALID;
	l->count = rd_le32(&l->rd);
	if (l->count > FLOW_ROWS || rd_le32(&l->rd) != 0)
		return RC_INVALID;
	l->lost = rd_le64(&l->rd);
	if (l->rd.failed || rd_left(&l->rd) != (size_t)l->count * FLOW_LIST_RECORD_BYTES)
		return RC_INVALID;
	return RC_OK;
}

/* Values that index something, or that a key cannot have. */
static bool
record_ok(const struct nic_flow *f)
{
	static const uint8_t zero[12];

	if (f->family != 4 && f->family != 6)
		return false;
	if (f->family == 4 && (memcmp(f->local + 4, zero, 12) != 0 ||
	    memcmp(f->remote + 4, zero, 12) != 0))
		return false;
	return f->dir <= WIRE_IN && f->vlan <= WIRE_VLAN_NONE &&
	    (f->flags & ~WIRE_FLOW_FLAGS) == 0 && f->verdict < WIRE_VERDICT__COUNT &&
	    f->reason < WIRE_REASON__COUNT;
}

enum rc
flow_list_next(struct flow_list *l, struct flow_known *out)
{
	struct nic_flow *f = &out->f;
	struct rd *r = &l->rd;
	const uint8_t *ends;
	uint8_t live;
	uint16_t zero;

	if (rd_left(r) == 0)
		return RC_AGAIN;
	memset(out, 0, sizeof(*out));
	out->number = rd_le64(r);
	f->first_wall_ns = rd_le64(r);
	f->last_wall_ns = rd_le64(r);
	f->packets[0] = rd_le64(r);
	f->bytes[0] = rd_le64(r);
	f->rule_id = rd_le32(r);
	f->generation = rd_le32(r);
	f->local_port = rd_le16(r);
	f->remote_port = rd_le16(r);
	f->vlan = rd_le16(r);
	f->family = rd_u8(r);
	f->proto = rd_u8(r);
	f->dir = rd_u8(r);
	f->tcp_flags = rd_u8(r);
	f->flags = rd_u8(r);
	f->verdict = rd_u8(r);
	f->reason = rd_u8(r);
	live = rd_u8(r);
	zero = rd_le16(r);
	ends = rd_bytes(r, 32);
	if (ends == NULL || live > 1 || zero != 0)
		return RC_INVALID;
	out->live = live == 1;
	memcpy(f->local, ends, 16);
	memcpy(f->remote, ends + 16, 16);
	return record_ok(f) ? RC_OK : RC_INVALID;
}
