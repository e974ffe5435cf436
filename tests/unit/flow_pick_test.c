/* SPDX-License-Identifier: Apache-2.0 */
/* flow_pick_test - parts of a question about flows: text in, what they take, the way between. */
#include "flow_pick.h"
#include "clock.h"
#include "flow_ask.h"
#include "verdict.h"

#include "t.h"

#define NOW (UINT64_C(1700000000) * NS_PER_S)

static struct addr
at(const char *text)
{
	struct addr a;
	bool ok = addr_parse(text, strlen(text), &a);

	CHECK(ok);
	return a;
}

/* One flow: 10.0.0.5:40000 > 10.1.0.7:443 tcp, dropped by a.pol:7 of segment web. */
static struct flow_facts
one(void)
{
	struct flow_facts f = { .verdict = WIRE_DROP, .proto = 6, .live = true,
		.ports = { 40000, 443 }, .rule = 77, .line = 7, .last_ns = NOW - 60 * NS_PER_S,
		.segment = "web", .file = "a.pol" };

	f.ends[FLOW_PICK_FROM] = f.ends[FLOW_PICK_REMOTE] = at("10.0.0.5");
	f.ends[FLOW_PICK_TO] = f.ends[FLOW_PICK_LOCAL] = at("10.1.0.7");
	return f;
}

static const struct {
	const char *part, *value;
	int takes;			/* the flow above; -1: not a value */
} rows[] = {
	{ "from", "10.0.0.5", 1 }, { "from", "10.0.0.0/24", 1 }, { "from", "10.1.0.0/16", 0 },
	{ "from", "fd00::/8", 0 }, { "from", "0.0.0.0/0", 1 }, { "to", "10.1.0.7/32", 1 },
	{ "local", "10.1.0.7", 1 }, { "remote", "10.1.0.7", 0 },
	{ "from", "10.0.0.0/33", -1 }, { "from", "10.0.0", -1 }, { "from", "10.0.0.0/", -1 },
	{ "from", "fd00::/129", -1 }, { "from", "", -1 }, { "from", "10.0.0.0/8x", -1 },
	{ "verdict", "drop", 1 }, { "verdict", "pass", 0 }, { "verdict", "would-drop", 0 },
	{ "verdict", "Drop", -1 }, { "proto", "tcp", 1 }, { "proto", "udp", 0 },
	{ "proto", "6", 1 }, { "proto", "255", 0 }, { "proto", "256", -1 },
	{ "proto", "ipx", -1 }, { "port", "443", 1 }, { "port", "40000", 1 },
	{ "port", "22", 0 }, { "port", "0", -1 }, { "port", "65536", -1 },
	{ "port", "-1", -1 }, { "segment", "web", 1 }, { "segment", "we", 0 },
	{ "segment", "", -1 }, { "rule", "77", 1 }, { "rule", "78", 0 }, { "rule", "0", -1 },
	{ "rule", "4294967296", -1 }, { "file", "a.pol", 1 }, { "file", "a.pol:7", 1 },
	{ "file", "a.pol:x", -1 }, { "file", "a.pol:", -1 }, { "file", "a.pol:0", -1 },
	{ "file", "a.pol:7x", -1 }, { "file", "a:b.pol", 0 }, { "file", "a:b.pol:7", 0 },
	{ "file", "a.pol:8", 0 }, { "file", "b.pol:7", 0 }, { "file", "", -1 },
	{ "since", "2m", 1 }, { "since", "59s", 0 }, { "since", "1h", 1 }, { "since", "1d", 1 },
	{ "since", "60s", 1 }, { "since", "1w", -1 }, { "since", "s", -1 },
	{ "since", "2023-11-14T22:12:20Z", 1 }, { "since", "2023-11-14T22:12:20.5Z", 0 },
	{ "since", "2023-11-14T22:12:21Z", 0 }, { "since", "2023-13-14T22:12:21Z", -1 },
	{ "since", "2023-11-14T22:12:21", -1 }, { "since", "2023-11-14T22:12:21.Z", -1 },
	{ "since", "2023-11-14 22:12:21Z", -1 }, { "since", "2023-11-14T24:12:21Z", -1 },
	{ "state", "live", 1 }, { "state", "ended", 0 }, { "state", "dead", -1 },
	{ "fro", "10.0.0.5", -1 },
};

static void
parts(void)
{
	struct flow_facts f = one();

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct flow_pick p = { .has = 0 }, q;
		struct diag d = { 0 };
		uint8_t bytes[FLOW_PICK_WIRE_BYTES];
		enum rc rc = flow_pick_set(&p, rows[i].part, rows[i].value, NOW, &d);
		int takes = rc != RC_OK ? -1 : flow_pick_takes(&p, &f);

		if (!T_IS_INT(takes, rows[i].takes))
			printf("#   %s=%s %s\n", rows[i].part, rows[i].value, d.text);
		if (rc != RC_OK) {
			T_OK(strstr(d.text, rows[i].part) != NULL);
			continue;
		}
		T_IS_INT(flow_pick_set(&p, rows[i].part, rows[i].value, NOW, &d), RC_INVALID);
		T_IS_INT(flow_pick_decode(bytes, flow_pick_encode(&p, bytes), &q), RC_OK);
		T_IS_INT(flow_pick_takes(&q, &f), takes);
		T_IS_UINT(q.has, p.has);
	}
}

/* Times of all kinds come back as they were printed. */
static void
times(void)
{
	(void)t_seed();
	for (int i = 0; i < 20000; i++) {
		uint64_t ns = t_rand() % (UINT64_C(4102444800) * NS_PER_S);
		struct flow_pick p = { .has = 0 };
		char text[CLOCK_RFC3339_BYTES];
		struct diag d = { 0 };

		clock_rfc3339(ns, text);
		T_IS_INT(flow_pick_set(&p, "since", text, NOW, &d), RC_OK);
		if (!T_IS_UINT(p.since_ns, ns)) {
			printf("#   %s\n", text);
			return;
		}
	}
}

static const struct {
	const char *query;
	int limit;			/* -1: refused */
	const char *says;
} queries[] = {
	{ "", 100, "" },
	{ "limit=5", 5, "" },
	{ "limit=1000&from=10.0.0.0%2F8", 1000, "" },
	{ "limit=1001", -1, "1 to 1000" },
	{ "limit=0", -1, "1 to 1000" },
	{ "before=0", -1, "before" },
	{ "before=9223372036854775807", 100, "" },
	{ "from", -1, "\"from\" is no part" },
	{ "from=1.2.3.4&", -1, "no part" },
	{ "=", -1, "no part " },
	{ "from=%4", -1, "no part" },
	{ "from=%00", -1, "no part" },
	{ "from=1.2.3.4&from=1.2.3.4", -1, "twice" },
	{ "verdct=drop", -1, "verdct" },
	{ "a_very_long_name_of_a_part=1", -1, "no part" },
};

static void
query(void)
{
	for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
		struct http_slice s = { .p = queries[i].query, .len = strlen(queries[i].query) };
		uint8_t bytes[FLOW_ASK_BYTES];
		struct flow_ask a, b;
		struct diag d = { 0 };
		enum rc rc = flow_ask_read(&s, NOW, &a, &d);
		size_t len;

		if (!T_IS_INT(rc == RC_OK ? (int)a.limit : -1, queries[i].limit) ||
		    !T_OK(strstr(d.text, queries[i].says) != NULL))
			printf("#   %s: %s\n", queries[i].query, d.text);
		if (rc != RC_OK)
			continue;
		len = flow_ask_encode(&a, bytes);
		T_IS_INT(flow_ask_decode(bytes, len, &b), RC_OK);
		T_IS_UINT(b.limit, a.limit);
		T_IS_UINT(b.before, a.before);
		for (size_t cut = 0; cut < len; cut++)
			T_OK(flow_ask_decode(bytes, cut, &b) != RC_OK);
	}
}

int
main(void)
{
	T_RUN(parts);
	T_RUN(times);
	T_RUN(query);
	return t_done();
}
