/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pcap_make - a capture of frames from words: pcap_make FILE FRAME...
 * FRAME is NS,SRC,SPORT,DST,DPORT,PROTO,TCPFLAGS,PAYLOAD[,CAPTURED]: the time since 2026-01-01, and
 * how many bytes of the frame are captured.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "frames.h"
#include "pcap.h"

#define BEGIN_NS (UINT64_C(1767225600) * NS_PER_S)

static bool
frame_add(struct pcap_writer *w, char *text, struct diag *d)
{
	enum { WORDS = 9 };
	uint8_t buf[FRAME_BYTES_MAX];
	char *word[WORDS] = { 0 };
	struct frame_spec s = { 0 };
	uint32_t len, captured;

	word[0] = strtok(text, ",");
	for (int i = 1; i < WORDS && word[i - 1] != NULL; i++)
		word[i] = strtok(NULL, ",");
	if (word[WORDS - 2] == NULL)
		return false;
	s.src = frame_addr(word[1]);
	s.sport = (uint16_t)atoi(word[2]);
	s.dst = frame_addr(word[3]);
	s.dport = (uint16_t)atoi(word[4]);
	s.proto = (uint8_t)atoi(word[5]);
	s.tcp_flags = (uint8_t)atoi(word[6]);
	s.payload = (uint32_t)atoi(word[7]);
	len = frame_build(&s, buf);
	captured = word[8] != NULL ? (uint32_t)atoi(word[8]) : len;
	return pcap_writer_add(w, BEGIN_NS + strtoull(word[0], NULL, 10), buf, MIN(captured, len),
	    len, d) == RC_OK;
}

int
main(int argc, char **argv)
{
	struct pcap_writer *w;
	struct diag d = { 0 };
	bool good;

	if (argc < 2 || pcap_writer_open(argv[1], &w, &d) != RC_OK)
		return 2;
	good = true;
	for (int i = 2; i < argc && good; i++)
		good = frame_add(w, argv[i], &d);
	return pcap_writer_close(&w, &d) == RC_OK && good ? 0 : 1;
}
