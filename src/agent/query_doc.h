/* SPDX-License-Identifier: Apache-2.0 */
/* query_doc - what the query child answers, as documents; for query_role.c. NULL: out of memory. */
#ifndef QUERY_DOC_H
#define QUERY_DOC_H

#include <yyjson.h>

#include "pol_explain.h"

yyjson_mut_doc *query_explain_doc(const struct pol_rules *r, const struct pol_packet *p,
    const struct pol_explained *e);

#endif
