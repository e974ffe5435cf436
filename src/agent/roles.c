/* SPDX-License-Identifier: Apache-2.0 */
/* roles - the two children of a compile. */
#include "roles.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "file.h"
#include "pol_example.h"
#include "pol_image.h"
#include "query.h"
#include "role_ctl.h"

enum {
	/* What the binary itself and the bytes in both directions need beside the job's own. */
	COMPILE_EXTRA_BYTES = 192 << 20,
	SOURCES_BYTES_MAX = POL_SOURCES_BYTES_MAX + (16 << 20),
	BUILD_ARENA_BYTES = 768 << 20,
	RULES_BYTES_MAX = 256 << 20
};

int
role_answer(uint8_t *p, size_t len)
{
	enum rc rc = fd_write_all(STDOUT_FILENO, p, len);

	return rc == RC_OK ? JOB_OK : JOB_INPUT;
}

int
role_begin(const struct job_role *role, size_t max, uint8_t **in, size_t *len)
{
	struct diag d = { 0 };
	enum rc rc = job_confine(role, &d);

	if (rc != RC_OK) {
		diag_print(&d, stderr);
		return JOB_LIMITS;
	}
	rc = job_input_read(max, in, len);
	return rc == RC_OK ? JOB_OK : rc == RC_NOMEM ? JOB_NOMEM : JOB_INPUT;
}

static int
compile_run(void)
{
	struct pol_sources sources;
	struct pol_rules rules;
	struct diags diags;
	struct arena a;
	uint8_t *in, *out;
	size_t len;
	int code = role_begin(&role_compile, SOURCES_BYTES_MAX, &in, &len);
	enum rc rc;

	if (code != JOB_OK)
		return code;
	arena_init(&a, POL_EVAL_BYTES_MAX);
	if (!diags_init(&diags))
		return JOB_NOMEM;
	memset(&rules, 0, sizeof(rules));
	rc = pol_sources_decode(in, len, &a, &sources);
	if (rc == RC_OK)
		rc = pol_eval(&sources, &a, &rules, &diags);
	else
		return rc == RC_NOMEM ? JOB_NOMEM : JOB_INPUT;
	if (rc != RC_OK && diags.errors == 0)
		return rc == RC_NOMEM ? JOB_NOMEM : JOB_INPUT;
	rc = pol_rules_encode(&rules, &diags, &a, &out, &len);
	if (rc != RC_OK)
		return JOB_NOMEM;
	return role_answer(out, len);
}

static struct built_time *
times_of(const struct pol_image *image, struct arena *a)
{
	uint32_t n = image->keys.body_count;
	struct built_time *t = arena_array(a, n, sizeof(*t));

	CHECK(n == image->proof.body_count);
	for (uint32_t i = 0; t != NULL && i < n; i++)
		t[i] = (struct built_time){ le64_put(image->keys.pack_ns[i]),
			le64_put(image->proof.prove_ns[i]) };
	return t;
}

/* From decoded rules to an image that is checked and proved. */
static enum rc
build(const struct pol_rules *rules, unsigned passes, const struct image_reuse *before,
    struct arena *a, struct built *b, struct diags *diags)
{
	static const uint8_t stages[] = { [POL_IMAGE_BUILD] = STAGE_BUILD,
		[POL_IMAGE_ENCODE] = STAGE_ENCODE, [POL_IMAGE_CHECK] = STAGE_ENCODE,
		[POL_IMAGE_PROVE] = STAGE_ENCODE, [POL_IMAGE_DONE] = STAGE_ENCODE };
	struct pol_image image;
	struct built_time *times = NULL;
	uint8_t *text, *example;
	enum rc rc = pol_image_make_over(rules, passes, before, a, &image, diags);

	b->stage = stages[image.step];
	if (rc == RC_OK)
		rc = image_symbols_encode(&image.symbols, a, &text, &b->symbols_len);
	if (rc == RC_OK) {
		times = times_of(&image, a);
		rc = times == NULL ? RC_NOMEM : RC_OK;
	}
	if (rc == RC_CONFLICT && image.proof.key.remote.family != 0) {
		example = arena_alloc(a, POL_EXAMPLE_BYTES_MAX);
		b->example = example;
		if (example != NULL)
			b->example_len = pol_example_frame(&image.proof.local, &image.proof.key,
			    example);
	}
	if (rc != RC_OK) {
		pol_image_fini(&image);
		return rc;
	}
	b->image = image.bytes;
	b->image_len = image.len;
	b->symbols = text;
	b->keys = (const uint8_t *)image.keys.items;
	b->times = times;
	b->time_count = image.keys.body_count;
	b->reused = (uint16_t)image.keys.reused;
	b->keys_len = image.keys.count * sizeof(*image.keys.items);
	b->prove_us = (uint32_t)(image.prove_ns / 1000);
	b->stage = STAGE_DONE;
	return RC_OK;
}

/* Apart what the parent put together. */
static bool
build_input(const uint8_t *in, size_t len, size_t *rules, struct image_reuse *before,
    unsigned *passes)
{
	size_t keys;

	if (len < BUILD_HEAD_BYTES || get_le32(in) != BUILD_MAGIC)
		return false;
	*rules = get_le32(in + 4);
	keys = get_le32(in + 8);
	before->len = get_le32(in + 12);
	*passes = get_le32(in + 16);
	if (*rules + keys + before->len != len - BUILD_HEAD_BYTES ||
	    keys % sizeof(*before->keys) != 0 || (*passes & ~(unsigned)POL_PASS_ALL) != 0)
		return false;
	before->count = (uint32_t)(keys / sizeof(*before->keys));
	before->keys = (const struct image_key *)(in + BUILD_HEAD_BYTES + *rules);
	before->image = in + BUILD_HEAD_BYTES + *rules + keys;
	return true;
}

static int
build_run(void)
{
	struct built b = { .stage = STAGE_EVAL };
	struct pol_rules rules;
	struct diags diags;
	struct arena a;
	uint8_t *in, *out;
	struct image_reuse before;
	size_t len, rules_len;
	unsigned passes;
	int code = role_begin(&role_build, RULES_BYTES_MAX + BUILD_HEAD_BYTES +
	    BUILD_BEFORE_BYTES_MAX, &in, &len);
	enum rc rc;

	if (code != JOB_OK)
		return code;
	if (!build_input(in, len, &rules_len, &before, &passes))
		return JOB_INPUT;
	arena_init(&a, BUILD_ARENA_BYTES);
	if (!diags_init(&diags))
		return JOB_NOMEM;
	rc = pol_rules_decode(in + BUILD_HEAD_BYTES, rules_len, &a, &rules, &diags);
	if (rc == RC_NOMEM)
		return JOB_NOMEM;
	if (rc != RC_OK && diags.errors == 0)
		return JOB_INPUT;
	b.rc = diags.errors > 0 ? RC_INVALID : build(&rules, passes, &before, &a, &b,
	    &diags);
	if (b.rc == RC_NOMEM)
		return JOB_NOMEM;
	if (b.rc != RC_OK && diags.errors == 0)
		return JOB_INPUT;
	rc = built_encode(&b, &diags, &out, &len);
	return rc == RC_OK ? role_answer(out, len) : JOB_NOMEM;
}

const struct job_role role_compile = {
	.name = "compile", .what = "policy evaluation", .room = ROOM_COMPILE,
	.memory_mib = POL_EVAL_BYTES_MAX >> 20,
	.as_bytes = POL_EVAL_BYTES_MAX + COMPILE_EXTRA_BYTES, .cpu_s = POL_EVAL_CPU_S,
	.wall_s = 5, .result_bytes_max = RULES_BYTES_MAX, .run = compile_run
};

const struct job_role role_build = {
	.name = "build", .what = "building the tables", .room = ROOM_BUILD,
	.memory_mib = 1024, .as_bytes = (uint64_t)1 << 30, .cpu_s = 60, .wall_s = 70,
	.result_bytes_max = WIRE_IMAGE_BYTES_MAX + (64 << 20), .run = build_run
};

int
roles_run(const char *name)
{
	static const struct job_role *const roles[] = { &role_compile, &role_build, &role_query };

	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (strcmp(roles[i]->name, name) == 0)
			return roles[i]->run();
	if (strcmp(name, "ctl") == 0)
		return role_ctl_run();
	return strcmp(name, "signer") == 0 ? role_signer_run() : -1;
}
