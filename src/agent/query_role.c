/* SPDX-License-Identifier: Apache-2.0 */
/* query_role - the query child: decodes what it is given, answers, and ends. */
#include <stdlib.h>
#include <string.h>

#include "agent_problem.h"
#include "doc.h"
#include "judge.h"
#include "judge_json.h"
#include "pol_image.h"
#include "query.h"
#include "query_doc.h"
#include "roles.h"

enum { QUERY_INPUT_BYTES_MAX = 520 << 20, ARENA_BYTES = 512 << 20 };

struct reply {
	int status;
	char *text;		/* malloc'ed; NULL: memory is out */
	size_t len;
};

static void
reply_doc(struct reply *out, int status, yyjson_mut_doc *doc)
{
	out->status = status;
	out->text = doc == NULL ? NULL : yyjson_mut_write(doc,
	    YYJSON_WRITE_ALLOW_INVALID_UNICODE | YYJSON_WRITE_NEWLINE_AT_END, &out->len);
	yyjson_mut_doc_free(doc);
}

static void
reply_problem(struct reply *out, int status, const struct diag *d)
{
	reply_doc(out, status, problem_doc(status, d));
}

/* A policy that does not compile: the first error, and that there are more. */
static void
reply_errors(struct reply *out, const struct diags *ds)
{
	struct diag d = { 0 };

	for (uint32_t i = ds->count; i-- > 0;)
		if (ds->items[i].level == DIAG_ERROR)
			d = ds->items[i];
	if (d.level == DIAG_NONE)
		diag_set(&d, "policy", "the policy has errors");
	reply_problem(out, 422, &d);
}

static void
explain(const struct query_input *in, struct arena *a, struct diags *ds, struct reply *out)
{
	struct pol_explained e;
	struct pol_packet p;
	struct pol_rules r;
	struct diag d = { 0 };
	enum rc rc;

	if (!pol_packet_parse((const char *)in->arg.p, in->arg.len, &p, &d)) {
		reply_problem(out, 400, &d);
		return;
	}
	rc = pol_rules_decode(in->blobs[0].p, in->blobs[0].len, a, &r, ds);
	if (rc != RC_OK || ds->errors > 0) {
		reply_errors(out, ds);
		return;
	}
	pol_explain(&r, &p, &e);
	reply_doc(out, 200, query_explain_doc(&r, &p, &e));
}

/* --- judge --- */

/* Lines until the capture ends, or are more than an answer holds. */
static enum rc
frames_judge(struct judge_json *doc, struct judge *j, struct pcap_reader *p, struct str *out,
    struct diag *d)
{
	struct pcap_frame f;
	struct fw_verdict v;
	bool got = true;

	for (;;) {
		enum rc rc = pcap_next(p, &f, &got, d);

		if (rc != RC_OK || !got)
			return rc;
		judge_frame(j, f.bytes, f.len_bytes, f.orig_bytes, f.wall_ns, &v, NULL);
		judge_json_add(doc, &f, &v, out);
		if (out->failed || out->len > QUERY_TEXT_BYTES_MAX) {
			diag_set(d, "too-long", "the verdicts of %ju frames exceed the %d bytes "
			    "of an answer", (uintmax_t)f.number, QUERY_TEXT_BYTES_MAX);
			return RC_LIMIT;
		}
	}
}

/* The capture's fault is 400; an image or symbols that are none is ours. */
static void
judge(const struct query_input *in, struct arena *a, struct reply *out)
{
	static struct judge_json doc;
	struct image_symbols symbols;
	struct pcap_reader *pcap = NULL;
	struct judge *j = NULL;
	struct str text = { 0 };
	struct diag d = { 0 };
	enum rc rc = image_symbols_decode(in->blobs[1].p, in->blobs[1].len, a, &symbols, &d);

	if (rc == RC_OK)
		rc = judge_open(in->blobs[0].p, in->blobs[0].len, symbols.generation, 0, &j, &d);
	if (rc != RC_OK) {
		reply_problem(out, 422, &d);
		return;
	}
	doc.symbols = &symbols;
	rc = pcap_open_bytes("the capture", in->arg.p, in->arg.len, &pcap, &d);
	if (rc == RC_OK)
		rc = frames_judge(&doc, j, pcap, &text, &d);
	if (rc != RC_OK) {
		reply_problem(out, rc == RC_LIMIT ? 413 : 400, &d);
	} else {
		out->status = 200;
		out->text = text.p != NULL ? text.p : calloc(1, 1);
		out->len = text.len;
	}
	pcap_close(&pcap);
	judge_close(&j);
}

/* --- plan --- */

/* A copy where the firmware's walk may read it. */
static const uint8_t *
aligned_copy(const struct query_blob *b)
{
	uint8_t *p = aligned_alloc(64, (b->len + 63) / 64 * 64);

	if (p != NULL)
		memcpy(p, b->p, b->len);
	return p;
}

static enum rc
plan_flows(const struct query_input *in, const struct pol_image *image, struct arena *a,
    struct query_flows *out)
{
	const uint8_t *was = aligned_copy(&in->blobs[1]);
	const uint8_t *is = aligned_copy(&(struct query_blob){ image->bytes, image->len });

	return was == NULL || is == NULL ? RC_NOMEM : query_flows_judge(in->blobs[2].p,
	    in->blobs[2].len, was, is, a, out);
}

static void
plan(const struct query_input *in, struct arena *a, struct diags *ds, struct reply *out)
{
	static struct pol_plan plan;
	struct query_flows flows;
	struct image_symbols old;
	struct pol_image image;
	struct pol_rules r;
	struct diag d = { 0 };
	enum rc rc = image_check(in->blobs[1].p, in->blobs[1].len, &d);

	if (rc == RC_OK)
		rc = image_symbols_decode(in->arg.p, in->arg.len, a, &old, &d);
	if (rc != RC_OK) {
		reply_problem(out, 422, &d);
		return;
	}
	rc = pol_rules_decode(in->blobs[0].p, in->blobs[0].len, a, &r, ds);
	if (rc == RC_OK && ds->errors == 0)
		rc = pol_image_make(&r, POL_PASS_ALL, a, &image, ds);
	if (rc != RC_OK || ds->errors > 0) {
		reply_errors(out, ds);
		return;
	}
	rc = pol_plan_make(&r, &image.names, in->blobs[1].p, a, &plan);
	if (rc == RC_OK)
		rc = plan_flows(in, &image, a, &flows);
	if (rc == RC_OK)
		reply_doc(out, 200, query_plan_doc(&(struct query_plan){
		    .old_image = in->blobs[1].p, .old_len = in->blobs[1].len,
		    .new_image = image.bytes, .new_len = image.len, .old_symbols = &old,
		    .new_symbols = &image.symbols, .plan = &plan, .flows = &flows }));
	pol_image_fini(&image);
}

/* --- unpack --- */

/* The words of a refusal are plain: main shows them and reads them not. */
static void
unpack(const struct query_input *in, struct arena *a, struct reply *out)
{
	struct diag d = { 0 };
	uint8_t *p;
	bool ok = query_unpack(in->arg.p, in->arg.len, a, &p, &out->len, &d);
	char words[sizeof(d.file) + sizeof(d.text) + 16];

	if (!ok) {
		(void)snprintf(words, sizeof(words), "%s%s%s", d.file, d.file[0] ? ": " : "",
		    d.text);
		p = (uint8_t *)words;
		out->len = strlen(words);
	}
	out->status = ok ? 200 : 400;
	out->text = malloc(out->len + 1);
	if (out->text != NULL)
		memcpy(out->text, p, out->len);
}

static int
query_run(void)
{
	struct reply reply = { 0 };
	struct query_input in;
	struct diags diags;
	struct arena a;
	uint8_t *bytes, *out;
	size_t len;
	int code = role_begin(&role_query, QUERY_INPUT_BYTES_MAX, &bytes, &len);

	if (code != JOB_OK)
		return code;
	arena_init(&a, ARENA_BYTES);
	if (!diags_init(&diags))
		return JOB_NOMEM;
	if (query_input_decode(bytes, len, &in) != RC_OK)
		return JOB_INPUT;
	switch (in.kind) {
	case QUERY_EXPLAIN:
		explain(&in, &a, &diags, &reply);
		break;
	case QUERY_JUDGE:
		judge(&in, &a, &reply);
		break;
	case QUERY_PLAN:
		plan(&in, &a, &diags, &reply);
		break;
	case QUERY_UNPACK:
		unpack(&in, &a, &reply);
		break;
	default:
		return JOB_INPUT;
	}
	if (reply.text == NULL || query_answer_encode(&(struct query_answer){
	    .status = reply.status, .text = (const uint8_t *)reply.text, .len = reply.len },
	    &out, &len) != RC_OK)
		return JOB_NOMEM;
	return role_answer(out, len);
}

const struct job_role role_query = {
	.name = "query", .what = "answering the question", .room = ROOM_BUILD,
	.memory_mib = 1024, .as_bytes = (uint64_t)1 << 30, .cpu_s = 60, .wall_s = 70,
	.result_bytes_max = QUERY_TEXT_BYTES_MAX + 12, .run = query_run
};
