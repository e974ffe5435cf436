/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_image - rules to an image that is proved to say what they say: build, encode, check, prove.
 * Does:    the four steps in one call, so that no image leaves without the last two. Where tables
 *          do not fit, the message names the lines that multiply.
 * Memory:  bytes are malloc'ed, pol_image_fini frees them; all else lives in the arena.
 * Errors:  every message is in diags. RC_LIMIT: the policy is right, the tables are too small for
 *          it. RC_CONFLICT: a fault of the compiler; proof holds the counterexample.
 * Context: pure; in the build child.
 */
#ifndef POL_IMAGE_H
#define POL_IMAGE_H

#include "pol_prove.h"

enum pol_image_step { POL_IMAGE_BUILD, POL_IMAGE_ENCODE, POL_IMAGE_CHECK, POL_IMAGE_PROVE,
	POL_IMAGE_DONE };

struct pol_image {
	enum pol_image_step step;	/* the one that failed, or DONE */
	unsigned passes;
	struct image_input input;
	struct image_symbols symbols;
	struct pol_names names;
	uint8_t *bytes;			/* NULL unless DONE, or PROVE with RC_CONFLICT */
	size_t len;
	struct pol_proof proof;
	uint64_t prove_ns;
	struct image_keys keys;		/* of bytes */
};

MUST_CHECK enum rc pol_image_make(const struct pol_rules *r, unsigned passes, struct arena *a,
    struct pol_image *out, struct diags *diags);
/* The same bytes; tables that did not change come from before (may be NULL). Where what it holds
 * does not check or prove, all is built anew. */
MUST_CHECK enum rc pol_image_make_over(const struct pol_rules *r, unsigned passes,
    const struct image_reuse *before, struct arena *a, struct pol_image *out,
    struct diags *diags);
/* Steps, for those who time them: build and encode and check; then the proof. */
MUST_CHECK enum rc pol_image_pack(const struct pol_rules *r, unsigned passes, struct arena *a,
    struct pol_image *out, struct diags *diags);
MUST_CHECK enum rc pol_image_prove(const struct pol_rules *r, struct arena *a,
    struct pol_image *p, struct diags *diags);
void pol_image_fini(struct pol_image *p);

#endif
