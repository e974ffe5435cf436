/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doc - a JSON object in the making: shorthand for what every answer is built of.
 * Memory:  text is copied into the document. A document that ran out of memory is seen when it is
 *          written; the calls here do not fail.
 */
#ifndef DOC_H
#define DOC_H

#include <yyjson.h>

#include "diag.h"

/* A document whose root is an object; NULL where memory is out. */
yyjson_mut_doc *doc_new(yyjson_mut_val **root);
void doc_str(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, const char *text);
void doc_uint(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, uint64_t n);
void doc_bool(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, bool v);
enum { DOC_HEX_BYTES_MAX = 128 };
/* Bytes as hexadecimal text; nothing where there are none. */
void doc_hex(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, const uint8_t *p, size_t len);
/* RFC 3339, nine digits. */
void doc_time(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, uint64_t wall_ns);
/* "errors", "warnings", and the first max of "messages". */
void doc_messages(yyjson_mut_doc *d, yyjson_mut_val *o, const struct diags *ds, uint32_t max);

#endif
