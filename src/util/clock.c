/* SPDX-License-Identifier: Apache-2.0 */
/* clock - the two clocks and their text. */
#include "clock.h"

#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static uint64_t
ns_of(const struct timespec *ts)
{
	return (uint64_t)ts->tv_sec * NS_PER_S + (uint64_t)ts->tv_nsec;
}

uint64_t
clock_mono_ns(void)
{
	struct timespec ts;

	CHECK(clock_gettime(CLOCK_MONOTONIC, &ts) == 0);
	return ns_of(&ts);
}

uint64_t
clock_wall_ns(void)
{
	struct timespec ts;

	CHECK(syscall(SYS_clock_gettime, CLOCK_REALTIME, &ts) == 0);
	return ns_of(&ts);
}

void
clock_rfc3339(uint64_t wall_ns, char out[CLOCK_RFC3339_BYTES])
{
	time_t s = (time_t)(wall_ns / NS_PER_S);
	struct tm tm;
	size_t n;

	CHECK(gmtime_r(&s, &tm) != NULL);
	n = strftime(out, CLOCK_RFC3339_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, CLOCK_RFC3339_BYTES - n, ".%09uZ", (unsigned)(wall_ns % NS_PER_S));
}
