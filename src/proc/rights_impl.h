/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rights_impl - what the files of rights share.
 * Source:  linux/prctl.h and linux/sched.h of Linux 6.3, where the libc's headers are older.
 */
#ifndef RIGHTS_IMPL_H
#define RIGHTS_IMPL_H

#include <sched.h>

#include "rights.h"

enum { RIGHTS_PR_SET_MDWE = 65, RIGHTS_PR_GET_MDWE = 66, RIGHTS_PR_MDWE_REFUSE_EXEC_GAIN = 1 };

/* Exactly these, so that main's list of calls can permit this one unshare() and no other. */
#define RIGHTS_NAMESPACE_FLAGS \
	(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS)

enum { RIGHTS_ABI_NEWEST = 6 };	/* of Landlock; what later ones add is not used */

/* Landlock: closes files, TCP, signals and abstract sockets but for the spec's paths. Uses no more
 * than abi_max of what the kernel has (tests ask for less). *active gets the layers in force, *abi
 * what the kernel has (0 = none, which is RC_OK with no layer). */
MUST_CHECK enum rc rights_landlock(const struct rights_spec *spec, int abi_max, uint32_t *active,
    int *abi, struct diag *diag);

#endif
