/* SPDX-License-Identifier: Apache-2.0 */
/* flow_pick - parts read from text, and held against flows. */
#include "flow_pick.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "clock.h"
#include "service.h"
#include "str.h"
#include "verdict.h"

static const char *const names[FLOW_PICK__COUNT] = {
	[FLOW_PICK_LOCAL] = "local", [FLOW_PICK_REMOTE] = "remote", [FLOW_PICK_FROM] = "from",
	[FLOW_PICK_TO] = "to", [FLOW_PICK_VERDICT] = "verdict", [FLOW_PICK_PROTO] = "proto",
	[FLOW_PICK_PORT] = "port", [FLOW_PICK_SEGMENT] = "segment", [FLOW_PICK_RULE] = "rule",
	[FLOW_PICK_FILE] = "file", [FLOW_PICK_SINCE] = "since", [FLOW_PICK_STATE] = "state"
};

static const char *const takes[FLOW_PICK__COUNT] = {
	"an address or a prefix", "an address or a prefix", "an address or a prefix",
	"an address or a prefix", "pass, drop or would-drop",
	"tcp, udp, sctp, icmp, icmp6 or 0 to 255", "1 to 65535", "1 to 127 characters",
	"1 to 4294967295", "FILE or FILE:LINE", "a time as 2026-01-02T03:04:05Z, or an age as 5m",
	"live or ended"
};

/* Digits only, of lo..hi. */
static bool
number(const char *text, uint64_t lo, uint64_t hi, uint64_t *out)
{
	uint64_t v = 0;
	size_t n = 0;

	for (; text[n] >= '0' && text[n] <= '9' && n < 19; n++)
		v = v * 10 + (uint64_t)(text[n] - '0');
	*out = v;
	return n > 0 && text[n] == '\0' && v >= lo && v <= hi;
}

static bool
end_set(struct addr_range *out, const char *value)
{
	const char *slash = strchr(value, '/');
	size_t len = slash != NULL ? (size_t)(slash - value) : strlen(value);
	struct addr a;
	uint64_t bits;

	if (!addr_parse(value, len, &a))
		return false;
	bits = a.family == 4 ? 32 : 128;
	if (slash != NULL && !number(slash + 1, 0, bits, &bits))
		return false;
	*out = addr_prefix(&a, (unsigned)bits);
	return true;
}

static bool
proto_set(uint8_t *out, const char *value)
{
	static const uint8_t known[] = { PROTO_TCP, PROTO_UDP, PROTO_SCTP, PROTO_ICMP,
		PROTO_ICMP6 };
	char room[PROTO_TEXT_BYTES];
	uint64_t v;

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strcmp(value, proto_name(known[i], room)) == 0) {
			*out = known[i];
			return true;
		}
	if (!number(value, 0, 255, &v))
		return false;
	*out = (uint8_t)v;
	return true;
}

static bool
verdict_set(uint8_t *out, const char *value)
{
	for (uint8_t v = 0; v < WIRE_VERDICT__COUNT; v++)
		if (strcmp(value, verdict_name(v)) == 0) {
			*out = v;
			return true;
		}
	return false;
}

static bool
text_set(char out[FLOW_PICK_TEXT_BYTES], const char *value, size_t len)
{
	if (len == 0 || len >= FLOW_PICK_TEXT_BYTES)
		return false;
	memcpy(out, value, len);
	out[len] = '\0';
	return true;
}

static bool
file_set(struct flow_pick *p, const char *value)
{
	const char *colon = strrchr(value, ':');
	uint64_t line = 0;

	if (colon != NULL && number(colon + 1, 1, UINT32_MAX, &line)) {
		p->line = (uint32_t)line;
		return text_set(p->file, value, (size_t)(colon - value));
	}
	/* behind the name of a policy there is a line, or nothing */
	if (colon != NULL && colon - value >= 4 && strncmp(colon - 4, ".pol", 4) == 0)
		return false;
	p->line = 0;
	return text_set(p->file, value, strlen(value));
}

/* Two digits at p of lo..hi, or -1. */
static int
two(const char *p, int lo, int hi)
{
	int v = (p[0] - '0') * 10 + p[1] - '0';

	if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
		return -1;
	return v >= lo && v <= hi ? v : -1;
}

/* Days since 1970 of a date of the Gregorian calendar. */
static uint64_t
days_of(int year, int month, int day)
{
	static const int before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
	int past = year - 1;
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	int days = past * 365 + past / 4 - past / 100 + past / 400 + before[month - 1] + day - 1 +
	    (leap && month > 2);

	return (uint64_t)(days - 719162);
}

/* "YYYY-MM-DDTHH:MM:SS[.digits]Z" from 1970 on. */
static bool
time_set(uint64_t *out, const char *t)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:dd";
	int century, year, month, day, hour, minute, second;
	uint64_t ns = 0, unit = NS_PER_S;

	if (strlen(t) < sizeof(shape))
		return false;
	for (size_t i = 0; i < sizeof(shape) - 1; i++)
		if (shape[i] != 'd' && shape[i] != t[i])
			return false;
	century = two(t, 19, 21);
	year = two(t + 2, 0, 99);
	month = two(t + 5, 1, 12);
	day = two(t + 8, 1, 31);
	hour = two(t + 11, 0, 23);
	minute = two(t + 14, 0, 59);
	second = two(t + 17, 0, 59);
	if (century < 0 || year < 0 || month < 0 || day < 0 || hour < 0 || minute < 0 || second < 0)
		return false;
	year += century * 100;
	t += sizeof(shape) - 1;
	if (*t == '.') {
		for (t++; *t >= '0' && *t <= '9'; t++) {
			unit /= 10;
			ns += (uint64_t)(*t - '0') * unit;
		}
		if (unit == NS_PER_S)
			return false;
	}
	if (year < 1970 || strcmp(t, "Z") != 0)
		return false;
	*out = (((days_of(year, month, day) * 24 + (uint64_t)hour) * 60 + (uint64_t)minute) * 60 +
	    (uint64_t)second) * NS_PER_S + ns;
	return true;
}

static bool
since_set(uint64_t *out, const char *value, uint64_t now_ns)
{
	static const struct {
		char unit;
		uint64_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	size_t len = strlen(value);
	char digits[12];
	uint64_t n;

	if (len < 2 || len >= sizeof(digits))
		return time_set(out, value);
	memcpy(digits, value, len - 1);
	digits[len - 1] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (value[len - 1] == units[i].unit && number(digits, 0, 1000000000, &n)) {
			n *= units[i].seconds * NS_PER_S;
			*out = n < now_ns ? now_ns - n : 0;
			return true;
		}
	return false;
}

static bool
part_set(struct flow_pick *p, int part, const char *value, uint64_t now_ns)
{
	uint64_t v = 0;

	switch (part) {
	case FLOW_PICK_VERDICT:
		return verdict_set(&p->verdict, value);
	case FLOW_PICK_PROTO:
		return proto_set(&p->proto, value);
	case FLOW_PICK_PORT:
		if (!number(value, 1, 65535, &v))
			return false;
		p->port = (uint16_t)v;
		return true;
	case FLOW_PICK_SEGMENT:
		return text_set(p->segment, value, strlen(value));
	case FLOW_PICK_RULE:
		if (!number(value, 1, UINT32_MAX, &v))
			return false;
		p->rule = (uint32_t)v;
		return true;
	case FLOW_PICK_FILE:
		return file_set(p, value);
	case FLOW_PICK_SINCE:
		return since_set(&p->since_ns, value, now_ns);
	case FLOW_PICK_STATE:
		p->live = strcmp(value, "live") == 0;
		return p->live || strcmp(value, "ended") == 0;
	default:
		return end_set(&p->ends[part], value);
	}
}

enum rc
flow_pick_set(struct flow_pick *p, const char *name, const char *value, uint64_t now_wall_ns,
    struct diag *diag)
{
	const char *near;

	for (int part = 0; part < FLOW_PICK__COUNT; part++) {
		if (strcmp(name, names[part]) != 0)
			continue;
		if ((p->has & 1u << part) != 0) {
			diag_set(diag, "flow-filter", "%s is given twice", name);
			return RC_INVALID;
		}
		if (!part_set(p, part, value, now_wall_ns)) {
			diag_set(diag, "flow-filter", "%s takes %s, not \"%.64s\"", name,
			    takes[part], value);
			return RC_INVALID;
		}
		p->has |= 1u << part;
		return RC_OK;
	}
	near = str_nearest(name, names, FLOW_PICK__COUNT);
	diag_set(diag, "flow-filter", "flows have no part %.64s", name);
	if (near != NULL)
		diag_hint(diag, "did you mean %s?", near);
	return RC_INVALID;
}

static bool
end_is(const struct addr_range *want, const struct addr *a)
{
	return a->family == want->lo.family && addr_cmp(&want->lo, a) <= 0 &&
	    addr_cmp(a, &want->hi) <= 0;
}

static bool
port_is(uint16_t want, const struct flow_facts *f)
{
	return (f->proto == PROTO_TCP || f->proto == PROTO_UDP || f->proto == PROTO_SCTP) &&
	    (f->ports[0] == want || f->ports[1] == want);
}

static bool
part_is(const struct flow_pick *p, int part, const struct flow_facts *f)
{
	switch (part) {
	case FLOW_PICK_VERDICT:
		return p->verdict == f->verdict;
	case FLOW_PICK_PROTO:
		return p->proto == f->proto;
	case FLOW_PICK_PORT:
		return port_is(p->port, f);
	case FLOW_PICK_SEGMENT:
		return strcmp(p->segment, f->segment) == 0;
	case FLOW_PICK_RULE:
		return p->rule == f->rule;
	case FLOW_PICK_FILE:
		return strcmp(p->file, f->file) == 0 && (p->line == 0 || p->line == f->line);
	case FLOW_PICK_SINCE:
		return f->last_ns >= p->since_ns;
	case FLOW_PICK_STATE:
		return p->live == f->live;
	default:
		return end_is(&p->ends[part], &f->ends[part]);
	}
}

bool
flow_pick_takes(const struct flow_pick *p, const struct flow_facts *f)
{
	for (int part = 0; part < FLOW_PICK__COUNT; part++)
		if ((p->has & 1u << part) != 0 && !part_is(p, part, f))
			return false;
	return true;
}

/* --- between processes --- */

static void
addr_put(struct wr *w, const struct addr *a)
{
	wr_u8(w, a->family);
	wr_le64(w, a->hi);
	wr_le64(w, a->lo);
}

static bool
addr_get(struct rd *r, struct addr *a)
{
	a->family = rd_u8(r);
	a->hi = rd_le64(r);
	a->lo = rd_le64(r);
	return a->family == 0 || a->family == 6 ||
	    (a->family == 4 && a->hi == 0 && a->lo <= UINT32_MAX);
}

static bool
text_get(struct rd *r, char out[FLOW_PICK_TEXT_BYTES])
{
	const uint8_t *p = rd_bytes(r, FLOW_PICK_TEXT_BYTES);

	if (p == NULL || memchr(p, '\0', FLOW_PICK_TEXT_BYTES) == NULL)
		return false;
	memcpy(out, p, FLOW_PICK_TEXT_BYTES);
	return true;
}

size_t
flow_pick_encode(const struct flow_pick *p, uint8_t out[FLOW_PICK_WIRE_BYTES])
{
	struct wr w;

	wr_init(&w, out, FLOW_PICK_WIRE_BYTES);
	wr_le32(&w, p->has);
	for (int i = 0; i < 4; i++) {
		addr_put(&w, &p->ends[i].lo);
		addr_put(&w, &p->ends[i].hi);
	}
	wr_u8(&w, p->verdict);
	wr_u8(&w, p->proto);
	wr_u8(&w, p->live);
	wr_le16(&w, p->port);
	wr_le32(&w, p->rule);
	wr_le32(&w, p->line);
	wr_le64(&w, p->since_ns);
	wr_bytes(&w, p->segment, sizeof(p->segment));
	wr_bytes(&w, p->file, sizeof(p->file));
	CHECK(!w.failed);
	return w.pos;
}

enum rc
flow_pick_decode(const uint8_t *p, size_t len, struct flow_pick *out)
{
	struct rd r;
	bool good = true;
	uint8_t live;

	memset(out, 0, sizeof(*out));
	rd_init(&r, p, len);
	out->has = rd_le32(&r);
	for (int i = 0; i < 4; i++)
		good = addr_get(&r, &out->ends[i].lo) && addr_get(&r, &out->ends[i].hi) && good;
	out->verdict = rd_u8(&r);
	out->proto = rd_u8(&r);
	live = rd_u8(&r);
	out->live = live == 1;
	out->port = rd_le16(&r);
	out->rule = rd_le32(&r);
	out->line = rd_le32(&r);
	out->since_ns = rd_le64(&r);
	good = good && text_get(&r, out->segment) && text_get(&r, out->file);
	return good && rd_done(&r) && live <= 1 && out->has < 1u << FLOW_PICK__COUNT &&
	    out->verdict < WIRE_VERDICT__COUNT ? RC_OK : RC_INVALID;
}
