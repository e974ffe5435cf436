/* SPDX-License-Identifier: Apache-2.0 */
/* pol_packet_test - the packet grammar: what each text is, and what is refused with which words. */
#include "t.h"

#include "pol_packet.h"

struct good_row {
	const char *name, *is;
};

static const struct good_row goods[] = {
	{ "10.1.2.3 > 10.20.3.7 tcp/443", "10.1.2.3 > 10.20.3.7 tcp/443 sport=49152" },
	{ "10.1.2.3>10.20.3.7\ttcp/443 syn", "10.1.2.3 > 10.20.3.7 tcp/443 sport=49152" },
	{ "10.1.2.3 > 10.20.3.7 tcp/0 sport=65535 ack|syn",
	    "10.1.2.3 > 10.20.3.7 tcp/0 sport=65535 syn|ack" },
	{ "10.1.2.3 > 10.20.3.7 tcp/1 fin ack, rst",
	    "10.1.2.3 > 10.20.3.7 tcp/1 sport=49152 fin|rst|ack" },
	{ "fd00::a > fd00::fa udp/53 vlan=4095 frag=first",
	    "fd00::a > fd00::fa udp/53 sport=49152 vlan=4095 frag=first" },
	{ "10.1.2.3 > 10.20.3.7 icmp", "10.1.2.3 > 10.20.3.7 icmp type=8 code=0" },
	{ "10.1.2.3 > 10.20.3.7 icmp code=4 type=3", "10.1.2.3 > 10.20.3.7 icmp type=3 code=4" },
	{ "fd00::1 > fd00::2 icmp6", "fd00::1 > fd00::2 icmp6 type=128 code=0" },
	{ "10.1.2.3 > any proto/47", "10.1.2.3 > any proto/47" },
	{ "any > 10.1.2.3 tcp frag=rest", "any > 10.1.2.3 proto/6 frag=rest" },
};

static void
good(const struct good_row *row)
{
	char text[POL_PACKET_TEXT_BYTES];
	struct diag d = { 0 };
	struct pol_packet p;

	if (!T_OK(pol_packet_parse(row->name, strlen(row->name), &p, &d))) {
		printf("# %s\n", d.text);
		return;
	}
	pol_packet_text(&p, text);
	T_IS_STR(text, row->is);
}

struct bad_row {
	const char *name, *says;
};

static const struct bad_row bads[] = {
	{ "", "the packet ends where an address should be" },
	{ "10.1.2.3", "the packet ends where \">\" should be" },
	{ "10.1.2.3 > web tcp/1", "an address, not \"web\"" },
	{ "10.1.2.3 > fd00::1 tcp/1", "two addresses of one family, not \"fd00::1\"" },
	{ "any > any tcp/1", "one address at least, not \"any\"" },
	{ "10.1.2.3 > 10.1.2.4 tcp", "a destination port behind the protocol" },
	{ "10.1.2.3 > 10.1.2.4 tcp/65536", "a port of at most 65535, not \"tcp/65536\"" },
	{ "10.1.2.3 > 10.1.2.4 tcp/443x", "not \"tcp/443x\"" },
	{ "10.1.2.3 > 10.1.2.4 proto/256", "a protocol of at most 255, not \"proto/256\"" },
	{ "10.1.2.3 > 10.1.2.4 proto/99999999999", "a protocol of at most 255" },
	{ "10.1.2.3 > 10.1.2.4 icmp6", "icmp6 with IPv6 addresses" },
	{ "10.1.2.3 > 10.1.2.4 tcp/1 vlan=4096", "a number of at most 4095, not \"vlan=4096\"" },
	{ "10.1.2.3 > 10.1.2.4 tcp/1 vlan=1 vlan=1", "each option once, not \"vlan=1\"" },
	{ "10.1.2.3 > 10.1.2.4 udp/1 syn", "flags with tcp" },
	{ "10.1.2.3 > 10.1.2.4 tcp/1 type=1", "type= and code= with icmp or icmp6" },
	{ "10.1.2.3 > 10.1.2.4 tcp/1 frag=rest", "no ports, flags or type with frag=rest" },
	{ "10.1.2.3 > 10.1.2.4 tcp/1 |", "an option of the packet, not \"|\"" },
	{ "10.1.2.3 > 10.1.2.4 proto/47 sport=1", "sport= with tcp, udp or sctp" },
};

static void
bad(const struct bad_row *row)
{
	struct diag d = { 0 };
	struct pol_packet p;

	T_OK(!pol_packet_parse(row->name, strlen(row->name), &p, &d));
	if (!T_OK(strstr(d.text, row->says) != NULL))
		printf("# %s\n", d.text);
	T_OK(d.hint[0] != '\0');
}

/* NUL is no end, and a text too long is refused before it is read. */
static void
bytes(void)
{
	static const char nul[] = "10.1.2.3 > 10.1.2.4 tcp/1\0";
	char full[POL_PACKET_BYTES_MAX + 2];
	struct diag d = { 0 };
	struct pol_packet p;

	T_OK(!pol_packet_parse(nul, sizeof(nul) - 1, &p, &d));
	memset(full, ' ', sizeof(full));
	memcpy(full, nul, strlen(nul));
	T_OK(pol_packet_parse(full, POL_PACKET_BYTES_MAX, &p, &d));
	T_OK(!pol_packet_parse(full, POL_PACKET_BYTES_MAX + 1, &p, &d));
}

int
main(void)
{
	T_ROWS(goods, good);
	T_ROWS(bads, bad);
	T_RUN(bytes);
	return t_done();
}
