/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compile - a policy directory to a checked image, by the two children.
 * Does:    reads the files, runs compile and build, distrusts what comes back: the image is checked
 *          and named by its SHA-256 afresh.
 * Shape:   compile_start, then compile_step whenever compile_fd is readable; or compile_wait.
 * Limits:  those of the roles; the files' of policy-language section 6.
 * Memory:  the result is the caller's, by compile_result_fini.
 * Errors:  every message is in result.diags; what does not fit is RC_LIMIT with no_fit.
 */
#ifndef COMPILE_H
#define COMPILE_H

#include "hash.h"
#include "image.h"
#include "pol.h"
#include "pol_example.h"

struct compile;
struct built_time;

struct compile_result {
	enum rc rc;			/* RC_OK: there is an image */
	bool no_fit;			/* the policy is right, a table is too small for it */
	struct diags diags;
	uint8_t *image;
	size_t image_len;
	uint8_t sha256[SHA256_BYTES];
	struct image_info info;
	struct arena arena;		/* of symbols */
	struct image_symbols symbols;	/* generation 0 */
	uint8_t *sources;		/* as pol_sources_encode writes them */
	size_t sources_len;
	bool posted;			/* from a body, not from a directory */
	struct image_key *keys;		/* malloc'ed; what the image's bodies came from */
	uint32_t key_count;
	uint32_t reused;		/* bodies of the build before */
	uint64_t eval_ns, build_ns;	/* build: tables, check and proof */
	uint64_t prove_ns;		/* of build_ns, what the proof took */
	struct built_time *times;	/* malloc'ed: of them, each body of the image by number */
	/* where the proof failed: a frame that the tables judge in another way than the policy */
	uint8_t example[POL_EXAMPLE_BYTES_MAX];
	size_t example_len;		/* 0 = there is none */
};

/* The files of a directory as bytes, malloc'ed. On error diags has messages, or rc is RC_NOMEM. */
MUST_CHECK enum rc compile_sources_read(const char *dir, struct diags *diags, uint8_t **out,
    size_t *len);

/* Reads the directory. A policy that cannot be read is a result, not an error of this call. */
MUST_CHECK enum rc compile_start(const char *dir, struct compile **out);
/* The same of the text in a request's body, which a child decodes. */
MUST_CHECK enum rc compile_start_body(const uint8_t *body, size_t len, struct compile **out);
/* Before the first step. The same bytes, sooner: tables that did not change come from before,
 * which is copied. */
void compile_reuse(struct compile *c, const struct image_reuse *before);
/* Before the first step: which passes of the build are on, enum pol_pass; all are if not asked. */
void compile_passes(struct compile *c, unsigned passes);
void compile_destroy(struct compile **c);
int compile_fd(const struct compile *c);
/* RC_AGAIN while it runs; RC_OK: *out is filled, once. */
MUST_CHECK enum rc compile_step(struct compile *c, struct compile_result *out);
/* To the end. tick (may be NULL) is called every 100 ms with what is going on. */
MUST_CHECK enum rc compile_wait(struct compile *c, void (*tick)(void *arg, const char *what),
    void *arg, struct compile_result *out);
void compile_result_fini(struct compile_result *r);

#endif
