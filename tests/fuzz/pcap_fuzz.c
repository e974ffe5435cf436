/* SPDX-License-Identifier: Apache-2.0 */
/* pcap_fuzz - any bytes as a capture file: frames inside them, or an error that stays. */
#include <string.h>

#include "pcap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pcap_reader *r;
	struct pcap_frame f;
	struct diag d = { 0 };
	uint64_t frames = 0;
	bool got = true;
	enum rc rc = pcap_open_bytes("fuzz", data, size, &r, &d);

	if (rc != RC_OK) {
		CHECK(r == NULL && d.text[0] != '\0');
		return 0;
	}
	while ((rc = pcap_next(r, &f, &got, &d)) == RC_OK && got) {
		CHECK(f.number == ++frames);
		CHECK(f.bytes >= data && f.len_bytes <= size - (size_t)(f.bytes - data));
		CHECK(f.offset < size && f.orig_bytes >= f.len_bytes);
	}
	CHECK(rc == RC_OK || strncmp(d.text, "byte ", 5) == 0);
	pcap_close(&r);
	return 0;
}
