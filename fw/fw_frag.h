/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_frag - datagrams in pieces: later fragments get the first one's verdict.
 * Shape:   a datagram is followed from its first fragment until it is whole, at most FW_FRAG_S
 *          seconds. Which bytes were seen is kept, so that none is seen twice.
 * Limits:  FW_FRAG_DATAGRAMS datagrams, FW_FRAG_RANGES separate runs of bytes in each; beyond is
 *          refused and counted. A datagram refused at its first fragment is not followed.
 * Context: part of struct fw. O(FW_FRAG_RANGES) and one chain of a keyed hash.
 * Source:  RFC 1858, 3128, 5722.
 */
#ifndef FW_FRAG_H
#define FW_FRAG_H

#include "fw_state.h"

enum { FW_FRAG_S = 30 };

void fw_frag_reset(struct fw_frags *all);

/* Takes in the fragment in fw->pkt. A first fragment: a new entry, whose hops the caller fills once
 * they are judged. A later one: the entry of its first. NULL: refused, reason fragment. */
struct fw_frag *fw_frag_take(struct fw *fw, uint64_t now_ns);
/* After the hops of this fragment are done: forgets a datagram that is whole. */
void fw_frag_done(struct fw *fw, struct fw_frag *d);
/* Forgets expired datagrams, at most max. */
void fw_frag_expire(struct fw *fw, uint64_t now_ns, uint32_t max);

#endif
