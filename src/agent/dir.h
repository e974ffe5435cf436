/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dir - directories of ours, and locks in them.
 * Context: start-up of a service.
 */
#ifndef DIR_H
#define DIR_H

#include "base.h"
#include "diag.h"
#include "rc.h"

/* Makes the directory, and those above it, where they are not there. */
MUST_CHECK enum rc dir_make(const char *path, unsigned mode, struct diag *diag);
/* The directory that path stands in, mode 0755. */
MUST_CHECK enum rc dir_make_for(const char *path, struct diag *diag);

/* Holds path as a lock file for as long as *fd stays open. RC_CONFLICT: somebody else has it,
 * and had it for half a second. */
MUST_CHECK enum rc lock_take(const char *path, const char *what, int *fd, struct diag *diag);

#endif
