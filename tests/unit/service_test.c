/* SPDX-License-Identifier: Apache-2.0 */
/* service_test - what matches and what does not, one step each side; order; text; names. */
#include "t.h"

#include "service.h"
#include "verdict.h"

enum { ALL = 0xffff };

static const struct service any = { true, 0, 0, 0, ALL, 0, ALL };
static const struct service https = { false, PROTO_TCP, 0, 0, ALL, 443, 443 };
static const struct service tcp = { false, PROTO_TCP, 0, 0, ALL, 0, ALL };
static const struct service high = { false, PROTO_UDP, 0, 1024, ALL, 80, 90 };
static const struct service echo4 = { false, PROTO_ICMP, 4, 0, ALL, 0x0800, 0x08ff };
static const struct service echo6 = { false, PROTO_ICMP6, 6, 0, ALL, 0x8000, 0x80ff };
static const struct service ospf = { false, 89, 0, 0, ALL, 0, ALL };

struct match_row {
	const char *name;
	const struct service *s;
	uint8_t family, proto, frag;
	uint16_t sport, dport;
	bool matches;
};

static const struct match_row matches[] = {
	{ "port", &https, 4, 6, WIRE_FRAG_NONE, 50000, 443, true },
	{ "port v6", &https, 6, 6, WIRE_FRAG_NONE, 50000, 443, true },
	{ "first fragment", &https, 4, 6, WIRE_FRAG_FIRST, 50000, 443, true },
	{ "later fragment", &https, 4, 6, WIRE_FRAG_REST, 0, 0, false },
	{ "below", &https, 4, 6, WIRE_FRAG_NONE, 50000, 442, false },
	{ "above", &https, 4, 6, WIRE_FRAG_NONE, 50000, 444, false },
	{ "other protocol", &https, 4, 17, WIRE_FRAG_NONE, 50000, 443, false },
	{ "source is not destination", &https, 4, 6, WIRE_FRAG_NONE, 443, 50000, false },
	{ "all ports", &tcp, 4, 6, WIRE_FRAG_NONE, 0, ALL, true },
	{ "all ports, later fragment", &tcp, 4, 6, WIRE_FRAG_REST, 0, 0, true },
	{ "both low", &high, 4, 17, WIRE_FRAG_NONE, 1024, 80, true },
	{ "both high", &high, 4, 17, WIRE_FRAG_NONE, ALL, 90, true },
	{ "source below", &high, 4, 17, WIRE_FRAG_NONE, 1023, 80, false },
	{ "destination below", &high, 4, 17, WIRE_FRAG_NONE, 1024, 79, false },
	{ "destination above", &high, 4, 17, WIRE_FRAG_NONE, 1024, 91, false },
	{ "echo", &echo4, 4, 1, WIRE_FRAG_NONE, 0, 0x0800, true },
	{ "echo code", &echo4, 4, 1, WIRE_FRAG_NONE, 0, 0x08ff, true },
	{ "reply", &echo4, 4, 1, WIRE_FRAG_NONE, 0, 0, false },
	{ "echo in v6", &echo4, 6, 1, WIRE_FRAG_NONE, 0, 0x0800, false },
	{ "echo6", &echo6, 6, 58, WIRE_FRAG_NONE, 0, 0x8000, true },
	{ "echo6 in v4", &echo6, 4, 58, WIRE_FRAG_NONE, 0, 0x8000, false },
	{ "number", &ospf, 4, 89, WIRE_FRAG_NONE, 0, 0, true },
	{ "number, later fragment", &ospf, 6, 89, WIRE_FRAG_REST, 0, 0, true },
	{ "other number", &ospf, 4, 88, WIRE_FRAG_NONE, 0, 0, false },
	{ "any", &any, 6, 255, WIRE_FRAG_REST, 0, 0, true },
};

static void
match_case(const struct match_row *r)
{
	struct pkt_key k = { .remote = { .family = r->family }, .proto = r->proto, .frag = r->frag,
		.sport = r->sport, .dport = r->dport, .vlan = WIRE_VLAN_NONE };

	T_OK(service_matches(r->s, &k) == r->matches);
}

static void
test_vlan(void)
{
	static const struct vlan_range v[] = { { 0, 0 }, { 10, 20 }, { 4095, 4095 } };
	static const struct { uint16_t vlan; bool is; } rows[] = {
		{ 0, true }, { 1, false }, { 9, false }, { 10, true }, { 20, true }, { 21, false },
		{ 4094, false }, { 4095, true }, { WIRE_VLAN_NONE, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		T_OK(vlan_matches(v, ARRAY_LEN(v), rows[i].vlan) == rows[i].is);
		T_OK(vlan_matches(NULL, 0, rows[i].vlan));
	}
}

static void
test_order(void)
{
	static const struct service *const sorted[] = { &any, &echo4, &tcp, &https, &high, &echo6,
		&ospf };

	for (size_t i = 0; i < ARRAY_LEN(sorted); i++)
		for (size_t j = 0; j < ARRAY_LEN(sorted); j++) {
			int c = service_cmp(sorted[i], sorted[j]);

			T_OK(i == j ? c == 0 : i < j ? c < 0 : c > 0);
		}
}

static void
test_fields_count(void)
{
	struct service s = high, one;

	T_OK(service_cmp(&s, &high) == 0);
	one = s, one.sport_lo++;
	T_OK(service_cmp(&s, &one) < 0);
	one = s, one.sport_hi--;
	T_OK(service_cmp(&s, &one) > 0);
	one = s, one.dport_lo++;
	T_OK(service_cmp(&s, &one) < 0);
	one = s, one.dport_hi--;
	T_OK(service_cmp(&s, &one) > 0);
	one = s, one.family = 4;
	T_OK(service_cmp(&s, &one) < 0);
	T_OK(service_names_ports(&high) && service_names_ports(&https));
	T_OK(!service_names_ports(&any) && !service_names_ports(&tcp));
	one = tcp, one.sport_hi--;
	T_OK(service_names_ports(&one));
	one = tcp, one.dport_lo++;
	T_OK(service_names_ports(&one));
}

static void
test_reversed(void)
{
	struct pkt_key k = { .remote = { 1, 2, 6 }, .dir = WIRE_IN, .proto = PROTO_TCP,
		.frag = WIRE_FRAG_FIRST, .sport = 1, .dport = 2, .vlan = 7 };
	struct pkt_key r = pkt_key_reversed(&k), back = pkt_key_reversed(&r);

	T_OK(r.dir == WIRE_OUT && r.sport == 2 && r.dport == 1 && r.vlan == 7);
	T_OK(r.proto == PROTO_TCP && r.frag == WIRE_FRAG_FIRST && r.remote.lo == 2);
	T_OK(back.dir == WIRE_IN && back.sport == 1 && back.dport == 2);
	k.proto = PROTO_ICMP;
	r = pkt_key_reversed(&k);
	T_OK(r.sport == 1 && r.dport == 2 && r.dir == WIRE_OUT);
}

struct text_row {
	const char *name;	/* the text */
	struct service s;
};

static const struct text_row texts[] = {
	{ "any", { true, 0, 0, 0, ALL, 0, ALL } },
	{ "any v4", { true, 0, 4, 0, ALL, 0, ALL } },
	{ "tcp", { false, PROTO_TCP, 0, 0, ALL, 0, ALL } },
	{ "tcp/443", { false, PROTO_TCP, 0, 0, ALL, 443, 443 } },
	{ "udp/0-79", { false, PROTO_UDP, 0, 0, ALL, 0, 79 } },
	{ "tcp/1024-65535>443", { false, PROTO_TCP, 0, 1024, ALL, 443, 443 } },
	{ "sctp/5>any", { false, PROTO_SCTP, 0, 5, 5, 0, ALL } },
	{ "tcp/1024-65534>2048-65535 v6", { false, PROTO_TCP, 6, 1024, 65534, 2048, ALL } },
	{ "icmp", { false, PROTO_ICMP, 4, 0, ALL, 0, ALL } },
	{ "proto/1", { false, PROTO_ICMP, 0, 0, ALL, 0, ALL } },
	{ "proto/58", { false, PROTO_ICMP6, 0, 0, ALL, 0, ALL } },
	{ "icmp/8", { false, PROTO_ICMP, 4, 0, ALL, 0x0800, 0x08ff } },
	{ "icmp/3/4", { false, PROTO_ICMP, 4, 0, ALL, 0x0304, 0x0304 } },
	{ "icmp6/1-4", { false, PROTO_ICMP6, 6, 0, ALL, 0x0100, 0x04ff } },
	{ "icmp6/1/2-4/254", { false, PROTO_ICMP6, 6, 0, ALL, 0x0102, 0x04fe } },
	{ "proto/89", { false, 89, 0, 0, ALL, 0, ALL } },
	{ "proto/0", { false, 0, 0, 0, ALL, 0, ALL } },
};

static void
text_case(const struct text_row *r)
{
	char out[SERVICE_TEXT_BYTES];

	service_print(&r->s, out);
	T_IS_STR(out, r->name);
}

static void
test_names(void)
{
	T_IS_STR(verdict_name(WIRE_DROP), "drop");
	T_IS_STR(verdict_name(WIRE_WOULD_DROP), "would-drop");
	T_IS_STR(verdict_name(WIRE_PASS), "pass");
	T_IS_STR(reason_name(WIRE_REASON_FLOW_FULL), "flow-full");
	T_IS_STR(reason_name(WIRE_REASON_NON_IP), "non-ip");
	T_IS_STR(reason_name(WIRE_REASON_NO_IMAGE), "no-image");
	T_IS_STR(dir_name(WIRE_OUT), "out");
	T_IS_STR(dir_name(WIRE_IN), "in");
	T_IS_STR(mode_name(WIRE_LEARN), "learn");
	T_IS_STR(mode_name(WIRE_ENFORCE), "enforce");
	T_IS_STR(state_name(WIRE_STATE_FLAGS), "flags");
	T_IS_STR(verdict_name(WIRE_VERDICT__COUNT), "unknown");
	T_IS_STR(reason_name(WIRE_REASON__COUNT), "unknown");
	T_IS_STR(dir_name(2), "unknown");
	T_IS_STR(mode_name(WIRE_MODE__COUNT), "unknown");
	T_IS_STR(state_name(255), "unknown");
}

int
main(void)
{
	T_ROWS(matches, match_case);
	T_RUN(test_vlan);
	T_RUN(test_order);
	T_RUN(test_fields_count);
	T_RUN(test_reversed);
	T_ROWS(texts, text_case);
	T_RUN(test_names);
	return t_done();
}
