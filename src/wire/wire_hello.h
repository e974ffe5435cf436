/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire_hello - the one message on a software NIC's socket, from the NIC to who connects.
 * Shape:   with WIRE_HELLO_OK three descriptors come along (SCM_RIGHTS): the mailbox memory, the
 *          doorbell (a socket to send to: any byte), the event (a socket to read from: any byte).
 *          Nothing else is ever sent on the first socket; its end is the session's end.
 * Context: host, software NIC.
 */
#ifndef WIRE_HELLO_H
#define WIRE_HELLO_H

#include "wire_types.h"

#define WIRE_HELLO_MAGIC 0x48464e52u	/* "RNFH" */

enum { WIRE_HELLO_VERSION = 1, WIRE_HELLO_FDS = 3 };

enum wire_hello_status {
	WIRE_HELLO_OK = 0,
	WIRE_HELLO_BUSY = 1,		/* another daemon holds this NIC */
	WIRE_HELLO_FAILED = 2		/* no memory for a session; try again later */
};

/*
 *     0       4         6        8           12         16
 *    +-------+---------+--------+-----------+----------+
 *    | magic | version | status | mem_bytes | reserved |
 *    +-------+---------+--------+-----------+----------+
 */
struct wire_hello {
	le32 magic;
	le16 version, status;
	le32 mem_bytes;
	le32 reserved;			/* 0 */
};
_Static_assert(sizeof(struct wire_hello) == 16, "hello");

#endif
