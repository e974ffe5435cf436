/* SPDX-License-Identifier: Apache-2.0 */
/* base - the end of a failed CHECK(). */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>

NORETURN void
check_failed(const char *file, int line, const char *cond)
{
	fprintf(stderr, "ringfence: bug at %s:%d: %s\n", file, line, cond);
	abort();
}
