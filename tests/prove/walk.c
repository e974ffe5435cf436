/* SPDX-License-Identifier: Apache-2.0 */
/*
 * walk - fw_match reads inside a body that fw_image_body_check let through, whatever its keys,
 * classes, cells, shifts and counts are, for every packet. The places of the arrays are given, one
 * or two lines each; one sub-table, one direction, no big group.
 * cbmc: --unwind 34 --unwindset axes.0:257,body_actions.0:6
 * cbmc: --unwind 34 --unwindset axes.0:257,body_actions.0:6 -DFAMILY=6
 * plant: fw_image_body.c s/c >= limit/c > limit/
 */
#include "prove.h"

/* cbmc has no body for the built-in; it is used for loads of one integer only. */
#define __builtin_memcpy(to, from, n) (*(to) = *(const __typeof__(*(to)) *)(from))

#define FW_MATCH_SCALAR
#include "fw_match.c"
#define bad body_bad
#define array body_array
#define actions body_actions
#include "fw_image_body.c"

#ifndef FAMILY
#define FAMILY 4
#endif
#ifndef CLASSES_MAX
#define CLASSES_MAX 2
#endif

enum { BODY_AT = 2, BODY_LINES = 2 * WIRE_HALF_LINES + 19,
	LEN = (BODY_AT + BODY_LINES) * WIRE_LINE };

/* Declared without a value: any content. */
struct any_image {
	struct wire_image_hdr hdr;
	struct wire_half first, second;
	uint8_t arrays[BODY_LINES - 2 * WIRE_HALF_LINES][WIRE_LINE];
};
_Static_assert(sizeof(struct any_image) == LEN, "as it lies in memory");

static le16
some(uint16_t max)
{
	uint16_t v = nondet_u16();

	__CPROVER_assume(v <= max);
	return le16_put(v);
}

/* Arrays one after the other: classes, protocols, products, actions; roots are in the half. */
static void
half_fill(struct wire_half *h)
{
	uint32_t at = 2 * WIRE_HALF_LINES;

	h->family = FAMILY;
	h->subs = 1;
	h->next = le32_put(0);
	h->remote_at = le32_put(at++);
	h->dport_at = le32_put(at++), at++;
	h->sport_at = le32_put(at++), at++;
	h->vlan_at = le32_put(at++), at++;
	h->proto_at = le32_put(at), at += 4;
	h->head_at = le32_put(at++);
	h->b_at = le32_put(at++);
	h->bp_at = le32_put(at++);
	h->m_at = le32_put(at++);
	h->mp_at = le32_put(at++);
	h->low_at = le32_put(at++);
	h->actions_at = le32_put(at++);
	__CPROVER_assert(at <= BODY_LINES, "the arrays are inside");
	h->remote_depth = h->dport_depth = h->sport_depth = h->vlan_depth = 1;
	h->low_depth = 0;
	h->group = 0;
	__CPROVER_assume(h->b_shift <= 1 && h->m_shift <= 1);
	h->rules = some(2);
	h->vlan_classes = some(CLASSES_MAX);
	h->sport_classes = some(CLASSES_MAX);
	h->dport_classes = some(CLASSES_MAX);
	h->remote_classes = h->local_classes = some(CLASSES_MAX);
	h->proto_classes = some(CLASSES_MAX);
	h->q_classes = some(CLASSES_MAX);
	h->s_classes = some(CLASSES_MAX);
	h->b_row = some(CLASSES_MAX);
	h->m_row = some(CLASSES_MAX);
	h->b_segments = le32_put(le16_get(some(CLASSES_MAX)));
	h->m_segments = le32_put(le16_get(some(CLASSES_MAX)));
	h->low_ranks = le32_put(le16_get(some(32)));
	h->body_bytes = le32_put(BODY_LINES * WIRE_LINE);
}

int
main(void)
{
	struct any_image any;
	const uint8_t *image = (const uint8_t *)&any;
	struct wire_half *first = &any.first;
	struct fw_view view = { .image = image, .len = LEN };
	struct part p = { .v = &view, .half = first, .body = BODY_AT * WIRE_LINE,
		.body_bytes = BODY_LINES * WIRE_LINE };
	struct fw_table table = { BODY_AT };
	struct fw_action action;
	struct fw_key k;
	bool is_default;
	uint32_t index, slots_at = nondet_u16();

	half_fill(first);
	__CPROVER_assume(body_actions(&p) && half_check(&p, first, first, FAMILY));
	/* what fw_image.c holds slots to */
	table.slots = nondet_u16();
	any.hdr.slots_at = le32_put(slots_at);
	__CPROVER_assume((uint64_t)slots_at * WIRE_LINE +
	    ((uint64_t)table.slots + le16_get(first->counters)) * sizeof(le16) <= LEN);
	k.family = FAMILY;
	k.dir = WIRE_OUT;
	index = fw_match(image, table, &k, &is_default);
	__CPROVER_assert(index <= le16_get(first->rules), "the action is one of the body's");
	fw_match_action(image, table, index, &action);
	return 0;
}
