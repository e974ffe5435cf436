/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_example - a packet of the proof as a frame that can be captured and judged.
 * Does:    Ethernet, a tag where the packet has a VLAN, IPv4 or IPv6, and a whole transport header:
 *          TCP is a bare SYN. A first fragment has all that rules ask for; a later one has no
 *          first before it, so that a NIC drops it for that.
 * Units:   as on the wire; checksums are right, but for those of fragments, which nobody can know.
 * Context: pure.
 */
#ifndef POL_EXAMPLE_H
#define POL_EXAMPLE_H

#include "addr.h"
#include "service.h"

enum { POL_EXAMPLE_BYTES_MAX = 128 };

/* k is seen from local; of family 0, of no local IP, the other end is 198.18.0.1 or 2001:2::1.
 * Returns the length. */
uint32_t pol_example_frame(const struct addr *local, const struct pkt_key *k,
    uint8_t out[POL_EXAMPLE_BYTES_MAX]);

#endif
