/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostport - "HOST:PORT", "[V6]:PORT", or without the port: as people and the field Host have it.
 * Limits:  HOSTPORT_HOST_BYTES of a host; a name of letters, digits, ".", "-" and "_"; what stands
 *          in brackets has a colon, the rest is for the caller to judge; a port of 0 to 65535, five
 *          digits at most.
 * Context: pure.
 */
#ifndef HOSTPORT_H
#define HOSTPORT_H

#include "base.h"

enum { HOSTPORT_HOST_BYTES = 256 };

struct hostport {
	char host[HOSTPORT_HOST_BYTES];	/* without brackets */
	char port[6];			/* "" = there is none */
	bool bracketed;
};

MUST_CHECK bool hostport_parse(const char *text, size_t len, struct hostport *out);

#endif
