/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port_bump - two ports and nothing between: forwards every frame, until standard input ends.
 * With -v one line a frame: side, bytes, first 22 of them. Its speed is that of the ports alone.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "port.h"

static bool verbose;

static uint32_t
pump(struct port *from, struct port *to)
{
	struct port_frame frames[PORT_BURST_MAX], *pass[PORT_BURST_MAX];
	uint32_t count = port_recv(from, frames, PORT_BURST_MAX);

	for (uint32_t i = 0; i < count; i++) {
		pass[i] = &frames[i];
		if (!verbose)
			continue;
		printf("%s %u ", from->side == PORT_WIRE ? "wire" : "host", frames[i].len_bytes);
		for (uint32_t k = 0; k < 22 && k < frames[i].len_bytes; k++)
			printf("%02x", frames[i].bytes[k]);
		printf("\n");
	}
	port_send(to, pass, count);
	port_recv_done(from);
	if (verbose && count > 0)
		fflush(stdout);
	return count;
}

int
main(int argc, char **argv)
{
	struct port *wire = NULL, *host = NULL;
	struct diag d = { 0 };
	int at = 1, bad = 1;

	if (argc > 1 && strcmp(argv[1], "-v") == 0) {
		verbose = true;
		at = 2;
	}
	if (argc != at + 2)
		return 2;
	if (port_open(argv[at], PORT_WIRE, &wire, &d) != RC_OK ||
	    port_open(argv[at + 1], PORT_HOST, &host, &d) != RC_OK)
		goto out;
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		struct pollfd fds[3] = { { .fd = STDIN_FILENO, .events = POLLIN },
			{ .fd = wire->fd, .events = POLLIN },
			{ .fd = host->fd, .events = POLLIN } };
		uint32_t count = pump(wire, host) + pump(host, wire);

		if (poll(fds, 3, count > 0 ? 0 : 100) > 0 && fds[0].revents != 0)
			break;
		if (port_check(wire, &d) != RC_OK || port_check(host, &d) != RC_OK)
			goto out;
	}
	bad = 0;
out:
	for (int i = 0; i < 2 && wire != NULL && host != NULL; i++) {
		const struct port *p = i == 0 ? wire : host;

		printf("%s in %ju lost %ju out %ju lost %ju\n", p->name,
		    (uintmax_t)p->counters.rx_frames, (uintmax_t)p->counters.rx_lost,
		    (uintmax_t)(p->counters.tx_frames - p->counters.tx_lost),
		    (uintmax_t)p->counters.tx_lost);
	}
	if (bad)
		diag_print(&d, stderr);
	port_close(&wire);
	port_close(&host);
	return bad;
}
