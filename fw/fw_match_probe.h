/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_match_probe - a packet as the walk of fw_match.c looks for it.
 * Shape:   with vectors struct fw_probe, where all is turned once to what nodes hold; else, and for
 *          boards with a small stack, the key itself, turned where it is used.
 * Context: after fw_match_node.h, which says whether there are vectors.
 */
#ifndef FW_MATCH_PROBE_H
#define FW_MATCH_PROBE_H

#include "fw_match.h"

FW_INLINE uint64_t
fw_be64(const uint8_t *b)
{
	return (uint64_t)((uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 |
	    b[3]) << 32 | ((uint32_t)b[4] << 24 | (uint32_t)b[5] << 16 | (uint32_t)b[6] << 8 |
	    b[7]);
}

#if defined(FW_MATCH_SCALAR)
#define FW_PROBE struct fw_key
#define fw_lane_probe(lane) (&(lane)->key)

FW_INLINE const FW_PROBE *
fw_probe_of(const struct fw_key *k, FW_PROBE *space)
{
	(void)space;
	return k;
}

FW_INLINE uint64_t
fw_remote_hi(const FW_PROBE *p)
{
	return fw_be64(p->remote);
}

FW_INLINE uint64_t
fw_remote_lo(const FW_PROBE *p)
{
	return fw_be64(p->remote + 8);
}

FW_INLINE uint32_t
fw_remote_v4(const FW_PROBE *p)
{
	return (uint32_t)(fw_be64(p->remote) >> 32);
}
#else
#define FW_PROBE struct fw_probe
#define fw_lane_probe(lane) (&(lane)->probe)

FW_INLINE const FW_PROBE *
fw_probe_of(const struct fw_key *k, FW_PROBE *space)
{
	space->hi = fw_be64(k->remote);
	space->lo = fw_be64(k->remote + 8);
	space->family = k->family;
	space->dir = k->dir;
	space->proto = k->proto;
	space->frag = k->frag;
	space->sport = k->sport ^ 0x8000;
	space->dport = k->dport ^ 0x8000;
	space->vlan = k->vlan ^ 0x8000;
	return space;
}

FW_INLINE uint64_t
fw_remote_hi(const FW_PROBE *p)
{
	return p->hi;
}

FW_INLINE uint64_t
fw_remote_lo(const FW_PROBE *p)
{
	return p->lo;
}

FW_INLINE uint32_t
fw_remote_v4(const FW_PROBE *p)
{
	return (uint32_t)(p->hi >> 32);
}
#endif

#endif
