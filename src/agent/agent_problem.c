/* SPDX-License-Identifier: Apache-2.0 */
/* agent_problem - errors as documents. */
#include "agent_problem.h"

#include <stdio.h>

#include "doc.h"
#include "http.h"

yyjson_mut_doc *
problem_doc(int status, const struct diag *d)
{
	yyjson_mut_val *o;
	yyjson_mut_doc *doc = doc_new(&o);
	char type[64];

	if (doc == NULL)
		return NULL;
	(void)snprintf(type, sizeof(type), "urn:ringfence:%s", d->code);
	doc_str(doc, o, "type", type);
	doc_str(doc, o, "title", http_status_text(status));
	doc_uint(doc, o, "status", (uint64_t)status);
	doc_str(doc, o, "detail", d->text);
	if (d->file[0] != '\0') {
		doc_str(doc, o, "file", d->file);
		if (d->line != 0) {
			doc_uint(doc, o, "line", d->line);
			doc_uint(doc, o, "col", d->col);
		}
	}
	if (d->hint[0] != '\0')
		doc_str(doc, o, "hint", d->hint);
	return doc;
}
