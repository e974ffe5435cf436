/* SPDX-License-Identifier: Apache-2.0 */
/* pcap_list - one line a frame: number, seconds.nanoseconds, captured and original bytes. */
#include <inttypes.h>
#include <stdio.h>

#include "clock.h"
#include "pcap.h"

int
main(int argc, char **argv)
{
	struct pcap_reader *r;
	struct pcap_frame f;
	struct diag d = { 0 };
	bool got = false;
	enum rc rc;

	if (argc != 2)
		return 2;
	rc = pcap_open(argv[1], &r, &d);
	while (rc == RC_OK && (rc = pcap_next(r, &f, &got, &d)) == RC_OK && got)
		printf("%" PRIu64 " %" PRIu64 ".%09" PRIu64 " %u %u\n", f.number,
		    f.wall_ns / NS_PER_S, f.wall_ns % NS_PER_S, f.len_bytes, f.orig_bytes);
	if (rc != RC_OK)
		diag_print(&d, stderr);
	pcap_close(&r);
	return rc == RC_OK ? 0 : 1;
}
