/* SPDX-License-Identifier: Apache-2.0 */
/* flow_table - rows in one block: a hash of chains to find them, a list by the time of their last
 * telling. */
#include "flow_table.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "wire_flow.h"
#include "wire_verdict.h"

enum { HEADS = 2 * FLOW_ROWS, NAME_SLOTS = 2 * FLOW_NAMES };

struct flow_table {
	struct flow_row rows[FLOW_ROWS];
	uint32_t heads[HEADS];		/* index + 1 */
	uint32_t count, newest, oldest;
	uint64_t forgotten;
	char *names[NAME_SLOTS];
	uint32_t name_count;
};

struct flow_table *
flow_table_create(void)
{
	return calloc(1, sizeof(struct flow_table));
}

void
flow_table_destroy(struct flow_table **t)
{
	for (size_t i = 0; *t != NULL && i < NAME_SLOTS; i++)
		free((*t)->names[i]);
	free(*t);
	*t = NULL;
}

static uint32_t *
head_of(struct flow_table *t, uint32_t boot, uint64_t id)
{
	uint64_t h = (id ^ (uint64_t)boot << 48) * UINT64_C(0x9e3779b97f4a7c15);

	_Static_assert((HEADS & (HEADS - 1)) == 0, "a power of two");
	return &t->heads[(h >> 32) & (HEADS - 1)];
}

static void
list_remove(struct flow_table *t, struct flow_row *r)
{
	if (r->newer != 0)
		t->rows[r->newer - 1].older = r->older;
	else
		t->newest = r->older;
	if (r->older != 0)
		t->rows[r->older - 1].newer = r->newer;
	else
		t->oldest = r->newer;
}

static void
list_add(struct flow_table *t, struct flow_row *r)
{
	uint32_t at = (uint32_t)(r - t->rows) + 1;

	r->newer = 0;
	r->older = t->newest;
	if (t->newest != 0)
		t->rows[t->newest - 1].newer = at;
	else
		t->oldest = at;
	t->newest = at;
}

static struct flow_row *
find(struct flow_table *t, uint32_t boot, uint64_t id)
{
	for (uint32_t at = *head_of(t, boot, id); at != 0; at = t->rows[at - 1].chain)
		if (t->rows[at - 1].f.id == id && t->rows[at - 1].boot == boot)
			return &t->rows[at - 1];
	return NULL;
}

/* A free row, out of every list. */
static struct flow_row *
row_take(struct flow_table *t)
{
	struct flow_row *r;
	uint32_t *at;

	if (t->count < FLOW_ROWS)
		return &t->rows[t->count++];
	CHECK(t->oldest != 0);
	r = &t->rows[t->oldest - 1];
	list_remove(t, r);
	at = head_of(t, r->boot, r->f.id);
	while (*at != (uint32_t)(r - t->rows) + 1) {
		CHECK(*at != 0);
		at = &t->rows[*at - 1].chain;
	}
	*at = r->chain;
	t->forgotten++;
	return r;
}

struct flow_row *
flow_table_put(struct flow_table *t, uint32_t boot, const struct nic_flow *f, uint64_t number,
    uint64_t now_ns)
{
	struct flow_row *r = find(t, boot, f->id);
	bool same = r != NULL && r->f.rule_id == f->rule_id && r->f.generation == f->generation;

	if (r == NULL) {
		uint32_t *head = head_of(t, boot, f->id);

		r = row_take(t);
		memset(r, 0, sizeof(*r));
		r->boot = boot;
		r->chain = *head;
		*head = (uint32_t)(r - t->rows) + 1;
	} else {
		list_remove(t, r);
	}
	r->f = *f;
	r->number = number;
	r->told_ns = now_ns;
	if (!same) {
		r->file = r->segment = "";
		r->line = 0;
	}
	list_add(t, r);
	return r;
}

const char *
flow_table_name(struct flow_table *t, const char *name)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	uint32_t at;

	for (const char *p = name; *p != '\0'; p++)
		h = (h ^ (uint8_t)*p) * UINT64_C(0x100000001b3);
	for (at = (uint32_t)h % NAME_SLOTS; t->names[at] != NULL; at = (at + 1) % NAME_SLOTS)
		if (strcmp(t->names[at], name) == 0)
			return t->names[at];
	if (t->name_count == FLOW_NAMES || (t->names[at] = strdup(name)) == NULL)
		return "";
	t->name_count++;
	return t->names[at];
}

void
flow_table_boot(struct flow_table *t, uint32_t boot)
{
	for (uint32_t i = 0; i < t->count; i++)
		if (t->rows[i].boot != boot && t->rows[i].f.kind != WIRE_FLOW_ENDED)
			t->rows[i].gone = true;
}

const struct flow_row *
flow_table_newest(const struct flow_table *t)
{
	return t->newest != 0 ? &t->rows[t->newest - 1] : NULL;
}

const struct flow_row *
flow_table_older(const struct flow_table *t, const struct flow_row *row)
{
	return row->older != 0 ? &t->rows[row->older - 1] : NULL;
}

uint64_t
flow_table_forgotten(const struct flow_table *t)
{
	return t->forgotten;
}

uint32_t
flow_table_count(const struct flow_table *t)
{
	return t->count;
}

const char *
flow_row_end(const struct flow_row *row, uint64_t now_ns)
{
	static const char *const names[WIRE_FLOW_END__COUNT] = { "", "idle", "fin", "rst", "cut",
		"evicted" };

	CHECK(row->f.end < WIRE_FLOW_END__COUNT);
	if (row->f.kind == WIRE_FLOW_ENDED)
		return names[row->f.end];
	if (row->gone)
		return "nic-reset";
	return now_ns - row->told_ns >= FLOW_SILENT_S * NS_PER_S ? "untold" : "";
}

struct addr
flow_end_addr(const struct nic_flow *f, int which)
{
	return addr_from_bytes(f->family, (f->dir == WIRE_OUT) == (which == 0) ? f->local :
	    f->remote);
}

uint16_t
flow_end_port(const struct nic_flow *f, int which)
{
	return (f->dir == WIRE_OUT) == (which == 0) ? f->local_port : f->remote_port;
}

bool
flow_row_picked(const struct flow_row *row, const struct flow_pick *p, uint64_t now_ns)
{
	const struct nic_flow *f = &row->f;
	struct flow_facts facts = { .verdict = f->verdict, .proto = f->proto,
		.live = flow_row_end(row, now_ns)[0] == '\0',
		.ports = { f->local_port, f->remote_port }, .rule = f->rule_id,
		.line = row->line, .last_ns = f->last_wall_ns, .segment = row->segment,
		.file = row->file };

	facts.ends[FLOW_PICK_FROM] = flow_end_addr(f, 0);
	facts.ends[FLOW_PICK_TO] = flow_end_addr(f, 1);
	if ((f->flags & WIRE_FLOW_BOUND) != 0) {
		facts.ends[FLOW_PICK_LOCAL] = addr_from_bytes(f->family, f->local);
		facts.ends[FLOW_PICK_REMOTE] = addr_from_bytes(f->family, f->remote);
	}
	return flow_pick_takes(p, &facts);
}
