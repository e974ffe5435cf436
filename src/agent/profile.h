/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profile - whether a NIC's profile holds an image, told in lines of the policy.
 * Does:    finds the first table that costs a packet more, as the firmware does at VERIFY.
 * Memory:  an arena of its own for the bill of that table, freed before it returns.
 * Errors:  RC_LIMIT: diag names the table, what it costs, what is granted, and its heaviest lines.
 */
#ifndef PROFILE_H
#define PROFILE_H

#include "image.h"

/* Borrows a checked image and its symbols. */
MUST_CHECK enum rc profile_fits(const uint8_t *image, const struct image_symbols *symbols,
    const struct image_profile *profile, struct diag *diag);

#endif
