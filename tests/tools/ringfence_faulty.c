/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ringfence_faulty - the whole program with a fault in its compiler: a rule of destination port
 * 6666 is packed as one of 6667. Policies without it are as ever; where it stands, the proof fails.
 * The fault lies between the passes and the encoder, in this program alone.
 */
#include "image.h"

static enum rc faulty_encode_over(const struct image_input *in, const struct image_reuse *before,
    uint8_t **out, size_t *len, struct image_keys *keys, struct image_heavy *heavy,
    struct diag *diag);

#define image_encode_over faulty_encode_over
#include "pol_image.c"
#undef image_encode_over
#include "main.c"

enum { PORT = 6666, ARENA_BYTES = 64 << 20 };

/* The rule as it is, or a copy with the fault. */
static const struct image_rule *
rule_spoil(const struct image_rule *r, struct arena *a)
{
	struct image_rule *copy = NULL;
	struct service *services = NULL;

	for (uint32_t i = 0; i < r->service_count; i++) {
		if (r->services[i].dport_lo != PORT || r->services[i].dport_hi != PORT)
			continue;
		if (copy == NULL) {
			copy = arena_memdup(a, r, sizeof(*r));
			services = arena_memdup(a, r->services, r->service_count *
			    sizeof(*services));
			CHECK(copy != NULL && services != NULL);
			copy->services = services;
		}
		services[i].dport_lo = services[i].dport_hi = PORT + 1;
	}
	return copy != NULL ? copy : r;
}

static enum rc
faulty_encode_over(const struct image_input *in, const struct image_reuse *before, uint8_t **out,
    size_t *len, struct image_keys *keys, struct image_heavy *heavy, struct diag *diag)
{
	struct image_input spoilt = *in;
	struct arena a;
	enum rc rc;

	arena_init(&a, ARENA_BYTES);
	spoilt.lists = arena_memdup(&a, in->lists, in->list_count * sizeof(*in->lists));
	CHECK(spoilt.lists != NULL);
	for (uint32_t i = 0; i < in->list_count; i++) {
		struct image_list *l = &spoilt.lists[i];

		l->rules = arena_memdup(&a, l->rules, l->count * sizeof(const struct image_rule *));
		CHECK(l->rules != NULL);
		for (uint32_t k = 0; k < l->count; k++)
			l->rules[k] = rule_spoil(l->rules[k], &a);
	}
	rc = image_encode_over(&spoilt, before, out, len, keys, heavy, diag);
	arena_fini(&a);
	return rc;
}
