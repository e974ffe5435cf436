/* SPDX-License-Identifier: Apache-2.0 */
/*
 * judge_json - a verdict of the firmware as a line of JSON, for `judge` and POST /v1/judge.
 * Memory:  a document lives in the pool of struct judge_json; the line goes to the caller's text.
 */
#ifndef JUDGE_JSON_H
#define JUDGE_JSON_H

#include "fw_state.h"
#include "image.h"
#include "pcap.h"
#include "str.h"

enum { JUDGE_JSON_POOL_BYTES = 16384 };

struct judge_json {
	const struct image_symbols *symbols;
	char pool[JUDGE_JSON_POOL_BYTES];
};

/* Appends one object and a line's end. */
void judge_json_add(struct judge_json *j, const struct pcap_frame *f, const struct fw_verdict *v,
    struct str *out);

#endif
