/* SPDX-License-Identifier: Apache-2.0 */
/* pol_example - headers, byte by byte. */
#include "pol_example.h"

#include <string.h>

#include "hash.h"

enum {
	ETH_VLAN = 0x8100, ETH_IP4 = 0x0800, ETH_IP6 = 0x86dd, PROTO_FRAGMENT6 = 44, TTL = 64,
	TCP_BYTES = 20, SHORT_BYTES = 8, TAIL_BYTES = 8, REST_UNITS = 8,
	TCP_SYN = 0x02, IP4_BYTES = 20, IP6_BYTES = 40, FRAG_ID = 1
};

struct out {
	uint8_t *p;
	uint32_t len;
};

static void
put(struct out *o, uint32_t value, uint32_t bytes)
{
	CHECK(o->len + bytes <= POL_EXAMPLE_BYTES_MAX && bytes <= 4);
	for (uint32_t i = bytes; i-- > 0;)
		o->p[o->len++] = (uint8_t)(value >> 8 * i);
}

static void
put_addr(struct out *o, const struct addr *a)
{
	uint8_t b[16];
	uint32_t n = a->family == 4 ? 4 : 16;

	addr_to_wire(a, b);
	for (uint32_t i = 0; i < n; i++)
		put(o, b[i], 1);
}

static uint32_t
sum_add(uint32_t sum, const uint8_t *p, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
	return sum;
}

static uint16_t
sum_end(uint32_t sum)
{
	while (sum > UINT16_MAX)
		sum = (sum & UINT16_MAX) + (sum >> 16);
	return (uint16_t)~sum;
}

static bool
is_icmp(const struct pkt_key *k)
{
	return k->proto == (k->remote.family == 4 ? PROTO_ICMP : PROTO_ICMP6);
}

/* Bytes of a datagram's payload that a checksum is of; it lies at *at, 0 = there is none. */
static void
transport(struct out *o, const struct pkt_key *k, uint32_t *at)
{
	uint32_t first = o->len;

	*at = 0;
	if (k->frag != WIRE_FRAG_REST && k->proto == PROTO_TCP) {
		put(o, k->sport, 2);
		put(o, k->dport, 2);
		put(o, 1, 4);
		put(o, 0, 4);
		put(o, TCP_BYTES / 4 << 12 | TCP_SYN, 2);
		put(o, UINT16_MAX, 2);
		put(o, 0, 4);
		*at = first + 16;
	} else if (k->frag != WIRE_FRAG_REST && k->proto == PROTO_UDP) {
		put(o, k->sport, 2);
		put(o, k->dport, 2);
		put(o, SHORT_BYTES + TAIL_BYTES, 2);
		put(o, 0, 2);
		*at = first + 6;
	} else if (k->frag != WIRE_FRAG_REST && k->proto == PROTO_SCTP) {
		put(o, k->sport, 2);
		put(o, k->dport, 2);
		put(o, 1, 4);
		put(o, 0, 4);
		put(o, 0x0e000004, 4);	/* one chunk: SHUTDOWN COMPLETE */
		*at = first + 8;
	} else if (k->frag != WIRE_FRAG_REST && is_icmp(k)) {
		put(o, k->dport, 2);
		put(o, 0, 2);
		put(o, 1, 4);
		*at = first + 2;
	}
	while (o->len - first < SHORT_BYTES + TAIL_BYTES || (o->len - first) % 8 != 0)
		put(o, 0, 1);
	CHECK(k->proto != PROTO_TCP || k->frag == WIRE_FRAG_REST || o->len - first == 24);
}

/* Over pseudo header and payload; SCTP has a CRC32C of its own. */
static void
transport_sum(const struct out *o, const struct pkt_key *k, uint32_t ends_at, uint32_t first,
    uint32_t at)
{
	uint32_t len = o->len - first, ends = k->remote.family == 4 ? 8 : 32, sum;
	uint16_t check;

	if (k->proto == PROTO_SCTP) {
		uint32_t crc = crc32c(0, o->p + first, len);

		for (int i = 0; i < 4; i++)
			o->p[at + (uint32_t)i] = (uint8_t)(crc >> 8 * i);
		return;
	}
	sum = k->proto == PROTO_ICMP ? 0
	    : sum_add(len + k->proto, o->p + ends_at, ends);
	check = sum_end(sum_add(sum, o->p + first, len));
	if (check == 0 && k->proto == PROTO_UDP)
		check = UINT16_MAX;
	o->p[at] = (uint8_t)(check >> 8);
	o->p[at + 1] = (uint8_t)check;
}

/* Where the two addresses begin. */
static uint32_t
head4(struct out *o, const struct pkt_key *k, const struct addr *src, const struct addr *dst,
    uint32_t *payload_bytes_at)
{
	uint32_t first = o->len;

	put(o, 0x4500, 2);
	*payload_bytes_at = o->len;
	put(o, 0, 2);
	put(o, FRAG_ID, 2);
	put(o, k->frag == WIRE_FRAG_FIRST ? 0x2000 : k->frag == WIRE_FRAG_REST ? REST_UNITS : 0, 2);
	put(o, TTL, 1);
	put(o, k->proto, 1);
	put(o, 0, 2);
	put_addr(o, src);
	put_addr(o, dst);
	CHECK(o->len - first == IP4_BYTES);
	return o->len - 8;
}

static uint32_t
head6(struct out *o, const struct pkt_key *k, const struct addr *src, const struct addr *dst,
    uint32_t *payload_bytes_at)
{
	uint32_t ends;

	put(o, 0x60000000, 4);
	*payload_bytes_at = o->len;
	put(o, 0, 2);
	put(o, k->frag != WIRE_FRAG_NONE ? PROTO_FRAGMENT6 : k->proto, 1);
	put(o, TTL, 1);
	ends = o->len;
	put_addr(o, src);
	put_addr(o, dst);
	if (k->frag == WIRE_FRAG_NONE)
		return ends;
	put(o, k->proto, 1);
	put(o, 0, 1);
	put(o, k->frag == WIRE_FRAG_FIRST ? 1 : REST_UNITS << 3, 2);
	put(o, FRAG_ID, 4);
	return ends;
}

uint32_t
pol_example_frame(const struct addr *local, const struct pkt_key *k,
    uint8_t out[POL_EXAMPLE_BYTES_MAX])
{
	static const struct addr nobody4 = { 0, 0xc6120001, 4 };
	static const struct addr nobody6 = { UINT64_C(0x2001000200000000), 1, 6 };
	bool v4 = k->remote.family == 4;
	const struct addr *here = local->family != 0 ? local : v4 ? &nobody4 : &nobody6;
	const struct addr *src = k->dir == WIRE_OUT ? here : &k->remote;
	const struct addr *dst = k->dir == WIRE_OUT ? &k->remote : here;
	struct out o = { .p = out };
	uint32_t ip, ends, len_at, first, sum_at, bytes;

	CHECK(here->family == k->remote.family);
	put(&o, 0x02000000, 4);
	put(&o, 0x0002, 2);
	put(&o, 0x02000000, 4);
	put(&o, 0x0001, 2);
	if (k->vlan != WIRE_VLAN_NONE)
		put(&o, (uint32_t)ETH_VLAN << 16 | k->vlan, 4);
	put(&o, v4 ? ETH_IP4 : ETH_IP6, 2);
	ip = o.len;
	ends = v4 ? head4(&o, k, src, dst, &len_at) : head6(&o, k, src, dst, &len_at);
	first = o.len;
	transport(&o, k, &sum_at);
	if (sum_at != 0)
		transport_sum(&o, k, ends, first, sum_at);
	bytes = v4 ? o.len - ip : o.len - ip - IP6_BYTES;
	out[len_at] = (uint8_t)(bytes >> 8);
	out[len_at + 1] = (uint8_t)bytes;
	if (v4) {
		uint16_t check = sum_end(sum_add(0, out + ip, IP4_BYTES));

		out[ip + 10] = (uint8_t)(check >> 8);
		out[ip + 11] = (uint8_t)check;
	}
	return o.len;
}
