/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diag_json - messages as JSON objects, and back from them.
 * Shape:   {"level":"error","code":...,"file":...,"line":...,"col":...,"text":...,"hint":...,
 *          "source":...}; what is empty is left out.
 */
#ifndef DIAG_JSON_H
#define DIAG_JSON_H

#include <yyjson.h>

#include "diag.h"

/* NULL where memory is out. */
yyjson_mut_val *diag_json(yyjson_mut_doc *doc, const struct diag *d);
/* False where the object is no message. */
MUST_CHECK bool diag_from_json(yyjson_val *v, struct diag *out);

#endif
