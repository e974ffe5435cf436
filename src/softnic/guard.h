/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard - keeps the local network stack off an interface that the software NIC serves.
 * Does:    at tc ingress every frame is dropped, after packet sockets have their copy: so the
 *          stack never sees what the firmware drops, whatever addresses the interface has. At tc
 *          egress only frames marked GUARD_MARK leave (the mark is taken off): so the stack
 *          sends nothing past the firmware either.
 * Shape:   tcx links (kernel 6.6 and later): they end with this process. Before that clsact and
 *          a bpf filter: guard_close takes them away, by a socket made at the
 *          start, and needs CAP_NET_ADMIN for that; after a kill they stay, the interface is
 *          then deaf until the next start: closed, not open.
 * Errors:  RC_DENIED without CAP_NET_ADMIN or CAP_BPF; RC_IO where the kernel has neither way.
 *          There is no way to go on without a guard.
 * Source:  Documentation/bpf, tc-bpf(8). Never XDP: it runs before packet sockets.
 */
#ifndef GUARD_H
#define GUARD_H

#include "base.h"
#include "diag.h"
#include "rc.h"

enum { GUARD_MARK = 0x52464e43 };	/* "RFNC" */

enum guard_way { GUARD_ANY, GUARD_TCX, GUARD_CLSACT };

struct guard {
	int links[2];		/* tcx: ingress, egress; -1 = none */
	uint32_t ifindex;	/* clsact; 0 = none */
	bool qdisc_made;	/* clsact: not there before */
	int netlink;		/* clsact: to take it away, when no socket can be made any more */
};

#define GUARD_EMPTY ((struct guard) { .links = { -1, -1 }, .netlink = -1 })

/* On error *g is empty and the interface as it was. */
MUST_CHECK enum rc guard_open(struct guard *g, const char *ifname, uint32_t ifindex,
    enum guard_way way, struct diag *diag);
void guard_close(struct guard *g);

/* The clsact way: guard_tc.c. add also replaces what an earlier process left. */
MUST_CHECK enum rc guard_tc_add(uint32_t ifindex, int prog_in, int prog_out, bool *qdisc_made,
    int *netlink);
/* Takes netlink. */
void guard_tc_del(uint32_t ifindex, bool qdisc_made, int netlink);

#endif
