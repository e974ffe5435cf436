/* SPDX-License-Identifier: Apache-2.0 */
/* msg_fuzz - any bytes from the other process. */
#include <sys/socket.h>
#include <unistd.h>

#include "msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct msg_chan *c;
	struct msg m;
	int sv[2];

	if (size > 60000)
		return 0;
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == 0);
	CHECK(msg_chan_create(sv[1], 4096, &c) == RC_OK);
	CHECK(size == 0 || write(sv[0], data, size) == (ssize_t)size);
	close(sv[0]);
	while (msg_recv(c, &m) == RC_OK) {
		CHECK(m.type < MSG_TYPE_MAX && m.len <= 4096);
		if (m.len > 0)
			CHECK(m.body[m.len - 1] <= 255);
	}
	msg_chan_destroy(&c);
	return 0;
}
