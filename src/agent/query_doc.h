/* SPDX-License-Identifier: Apache-2.0 */
/* query_doc - what the query child answers, as documents; for query_role.c. NULL: out of memory. */
#ifndef QUERY_DOC_H
#define QUERY_DOC_H

#include <yyjson.h>

#include "pol_explain.h"
#include "pol_plan.h"

/* query_unpack.c: a request's body as sources are encoded, in the arena. False with a message. */
MUST_CHECK bool query_unpack(const uint8_t *body, size_t len, struct arena *a, uint8_t **out,
    size_t *out_len, struct diag *d);

struct query_plan {
	const uint8_t *old_image, *new_image;
	size_t old_len, new_len;
	const struct image_symbols *old_symbols, *new_symbols;
	const struct pol_plan *plan;
};
yyjson_mut_doc *query_plan_doc(const struct query_plan *q);

yyjson_mut_doc *query_explain_doc(const struct pol_rules *r, const struct pol_packet *p,
    const struct pol_explained *e);

#endif
