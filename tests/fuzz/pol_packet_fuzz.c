/* SPDX-License-Identifier: Apache-2.0 */
/* pol_packet_fuzz - any bytes as a packet's text: refused with a message, or text of a packet
 * whose text is the same packet. */
#include <string.h>

#include "pol_packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char text[POL_PACKET_TEXT_BYTES], again[POL_PACKET_TEXT_BYTES];
	struct diag d = { 0 };
	struct pol_packet p, q;

	if (!pol_packet_parse((const char *)data, len, &p, &d)) {
		CHECK(d.level == DIAG_ERROR && d.text[0] != '\0');
		return 0;
	}
	pol_packet_text(&p, text);
	CHECK(pol_packet_parse(text, strlen(text), &q, &d));
	pol_packet_text(&q, again);
	CHECK(strcmp(text, again) == 0);
	CHECK(p.sport == q.sport && p.dport == q.dport && p.tcp_flags == q.tcp_flags);
	return 0;
}
