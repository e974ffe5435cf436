/* SPDX-License-Identifier: Apache-2.0 */
/* admit - buckets in sets of eight, found by a seeded hash of the source. */
#include "admit.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "clock.h"
#include "hash.h"
#include "bounds.h"

enum { WAYS = 8, SETS = LIMIT_SOURCES / WAYS };

struct source {
	struct addr addr;
	uint64_t filled_ns;	/* when tokens were last counted */
	uint32_t tokens_milli;
	uint16_t pending;
	bool used, known;
};

struct admit {
	uint8_t seed[16];
	uint64_t stranger_free_ns;	/* before this time no stranger's handshake is stepped */
	struct source sources[SETS][WAYS];
};

struct admit *
admit_create(const uint8_t seed[16])
{
	struct admit *a = calloc(1, sizeof(*a));

	if (a != NULL)
		memcpy(a->seed, seed, sizeof(a->seed));
	return a;
}

void
admit_destroy(struct admit **a)
{
	free(*a);
	*a = NULL;
}

/* Of IPv6 the /64 is the source: a host has that many addresses to itself. */
static struct addr
source_of(const struct addr *a)
{
	struct addr s = *a;

	if (s.family == 6)
		s.lo = 0;
	return s;
}

static struct source *
set_of(const struct admit *a, const struct addr *s)
{
	uint8_t key[40], digest[SHA256_BYTES];

	memcpy(key, a->seed, 16);
	put_le64(key + 16, s->hi);
	put_le64(key + 24, s->lo);
	put_le64(key + 32, s->family);
	sha256(key, sizeof(key), digest);
	return (struct source *)(uintptr_t)a->sources[get_le32(digest) % SETS];
}

static struct source *
source_find(const struct admit *a, const struct addr *addr)
{
	struct addr s = source_of(addr);
	struct source *set = set_of(a, &s);

	for (int i = 0; i < WAYS; i++)
		if (set[i].used && addr_cmp(&set[i].addr, &s) == 0)
			return &set[i];
	return NULL;
}

/* A place for a new source: a free one, else the stalest stranger with nothing pending. */
static struct source *
source_make(struct admit *a, const struct addr *addr, uint64_t now_ns)
{
	struct addr s = source_of(addr);
	struct source *set = set_of(a, &s), *best = NULL;

	for (int i = 0; i < WAYS; i++) {
		if (!set[i].used) {
			best = &set[i];
			break;
		}
		if (set[i].pending == 0 && (best == NULL ||
		    (set[i].known != best->known ? !set[i].known :
		    set[i].filled_ns < best->filled_ns)))
			best = &set[i];
	}
	if (best != NULL)
		*best = (struct source){ .addr = s, .filled_ns = now_ns, .used = true,
			.tokens_milli = LIMIT_SOURCE_BURST * 1000 };
	return best;
}

bool
admit_begin(struct admit *a, const struct addr *addr, uint64_t now_ns)
{
	struct source *s = source_find(a, addr);
	uint64_t gained;

	if (s == NULL)
		s = source_make(a, addr, now_ns);
	if (s == NULL)
		return false;
	gained = (now_ns - s->filled_ns) / (NS_PER_S / 1000 / LIMIT_SOURCE_RATE);
	if (gained > 0) {
		s->tokens_milli = (uint32_t)MIN(s->tokens_milli + gained,
		    (uint64_t)LIMIT_SOURCE_BURST * 1000);
		s->filled_ns = now_ns;
	}
	if (s->tokens_milli < 1000 || s->pending >= LIMIT_SOURCE_PENDING)
		return false;
	s->tokens_milli -= 1000;
	s->pending++;
	return true;
}

void
admit_end(struct admit *a, const struct addr *addr, bool known)
{
	struct source *s = source_find(a, addr);

	CHECK(s != NULL && s->pending > 0);
	s->pending--;
	s->known |= known;
}

bool
admit_is_known(const struct admit *a, const struct addr *addr)
{
	const struct source *s = source_find(a, addr);

	return s != NULL && s->known;
}

bool
admit_stranger_may(const struct admit *a, uint64_t now_ns)
{
	return now_ns >= a->stranger_free_ns;
}

void
admit_stranger_spent(struct admit *a, uint64_t now_ns, uint64_t spent_ns)
{
	spent_ns = MIN(spent_ns, LIMIT_HANDSHAKE_STEP_MS * NS_PER_MS);
	a->stranger_free_ns = now_ns + spent_ns * (LIMIT_HANDSHAKE_SHARE - 1);
}
