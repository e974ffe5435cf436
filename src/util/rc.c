/* SPDX-License-Identifier: Apache-2.0 */
/* rc - names of results, and errno mapped to them. */
#include "rc.h"

#include <errno.h>
#include <stddef.h>

static const char *const names[RC__COUNT] = { "ok", "nomem", "limit", "invalid", "trunc", "again",
	"timeout", "io", "peer", "denied", "conflict", "stale" };

const char *
rc_name(enum rc rc)
{
	int i = -(int)rc;

	return i >= 0 && i < RC__COUNT ? names[i] : "unknown";
}

/* A flat switch: one line an errno. */
enum rc
rc_from_errno(int err)
{
	switch (err) {
	case 0:
		return RC_OK;
	case ENOMEM:
		return RC_NOMEM;
	case EMFILE:
	case ENFILE:
	case E2BIG:
	case ENAMETOOLONG:
	case EFBIG:
		return RC_LIMIT;
	case EINVAL:
	case ELOOP:
	case ENOTDIR:
	case EISDIR:
		return RC_INVALID;
	case EAGAIN:
	case EINTR:
		return RC_AGAIN;
	case ETIMEDOUT:
		return RC_TIMEOUT;
	case EPIPE:
	case ECONNRESET:
	case ECONNREFUSED:
	case ENOTCONN:
		return RC_PEER;
	case EACCES:
	case EPERM:
		return RC_DENIED;
	case EEXIST:
	case EBUSY:
	case EADDRINUSE:
		return RC_CONFLICT;
	case ESTALE:
		return RC_STALE;
	default:
		return RC_IO;
	}
}
