/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entropy - where mbedTLS gets its random seed: the kernel, by a system call. Its own way opens
 * /dev/urandom wherever the libc is not glibc, which a process without files cannot do.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>
#include <sys/random.h>

/* Declared by no public header of mbedTLS; MBEDTLS_ENTROPY_HARDWARE_ALT makes it call this. */
int mbedtls_hardware_poll(void *data, unsigned char *output, size_t len, size_t *olen);

enum { ENTROPY_FAILED = -0x003c };	/* MBEDTLS_ERR_ENTROPY_SOURCE_FAILED */

int
mbedtls_hardware_poll(void *data, unsigned char *output, size_t len, size_t *olen)
{
	(void)data;
	*olen = 0;
	while (*olen < len) {
		ssize_t n = getrandom(output + *olen, len - *olen, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return ENTROPY_FAILED;
		*olen += (size_t)n;
	}
	return 0;
}
