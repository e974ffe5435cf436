/* SPDX-License-Identifier: Apache-2.0 */
/* pol_guard - the built-in guard file, policy/guard.pol. */
#include "embed.h"
#include "pol.h"

const char *
pol_guard_text(size_t *len)
{
	CHECK(len != NULL);
	*len = embed_guard_len;
	return (const char *)embed_guard;
}
