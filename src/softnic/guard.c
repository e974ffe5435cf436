/* SPDX-License-Identifier: Apache-2.0 */
/* guard - two BPF programs of a few instructions, and their places on an interface. */
#define _GNU_SOURCE
#include "guard.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of kernel 6.6; older headers do not have them. */
enum {
	ATTACH_TCX_INGRESS = 46,
	ATTACH_TCX_EGRESS = 47,
	ATTACH_BEFORE = 1 << 3		/* ahead of every other program there */
};

/* return TC_ACT_SHOT */
static const struct bpf_insn drop_all[] = {
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = TC_ACT_SHOT },
	{ .code = BPF_JMP | BPF_EXIT },
};

/* if (skb->mark != GUARD_MARK) return TC_ACT_SHOT; skb->mark = 0; return TC_ACT_UNSPEC */
static const struct bpf_insn pass_marked[] = {
	{ .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = 2, .src_reg = 1,
	    .off = offsetof(struct __sk_buff, mark) },
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = TC_ACT_SHOT },
	{ .code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = 2, .off = 3, .imm = GUARD_MARK },
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = 0 },
	{ .code = BPF_STX | BPF_MEM | BPF_W, .dst_reg = 1, .src_reg = 3,
	    .off = offsetof(struct __sk_buff, mark) },
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = TC_ACT_UNSPEC },
	{ .code = BPF_JMP | BPF_EXIT },
};
_Static_assert(TC_ACT_SHOT == 2 && TC_ACT_UNSPEC == -1, "the same numbers as tcx has");

static int
bpf_call(int cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static int
prog_load(const struct bpf_insn *insns, size_t count)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_SCHED_CLS;
	attr.insns = (uint64_t)(uintptr_t)insns;
	attr.insn_cnt = (uint32_t)count;
	attr.license = (uint64_t)(uintptr_t)"Apache-2.0";
	memcpy(attr.prog_name, "ringfence", sizeof("ringfence"));
	return bpf_call(BPF_PROG_LOAD, &attr);
}

static int
link_create(int prog, uint32_t ifindex, uint32_t place)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.link_create.prog_fd = (uint32_t)prog;
	attr.link_create.target_ifindex = ifindex;
	attr.link_create.attach_type = place;
	attr.link_create.flags = ATTACH_BEFORE;
	return bpf_call(BPF_LINK_CREATE, &attr);
}

static enum rc
tcx_add(struct guard *g, uint32_t ifindex, const int progs[2])
{
	g->links[0] = link_create(progs[0], ifindex, ATTACH_TCX_INGRESS);
	if (g->links[0] >= 0)
		g->links[1] = link_create(progs[1], ifindex, ATTACH_TCX_EGRESS);
	if (g->links[1] >= 0)
		return RC_OK;
	return rc_from_errno(errno);
}

static void
fds_close(int fds[2])
{
	for (int i = 0; i < 2; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

enum rc
guard_open(struct guard *g, const char *ifname, uint32_t ifindex, enum guard_way way,
    struct diag *diag)
{
	int progs[2];
	enum rc rc = RC_IO;

	CHECK(ifindex != 0);
	*g = GUARD_EMPTY;
	progs[0] = prog_load(drop_all, ARRAY_LEN(drop_all));
	progs[1] = prog_load(pass_marked, ARRAY_LEN(pass_marked));
	if (progs[0] < 0 || progs[1] < 0) {
		rc = rc_from_errno(errno);
		goto out;
	}
	if (way != GUARD_CLSACT) {
		rc = tcx_add(g, ifindex, progs);
		if (rc != RC_OK)
			fds_close(g->links);
	}
	if (rc != RC_OK && way != GUARD_TCX) {
		rc = guard_tc_add(ifindex, progs[0], progs[1], &g->qdisc_made, &g->netlink);
		if (rc == RC_OK)
			g->ifindex = ifindex;
	}
out:
	if (rc != RC_OK) {
		diag_set(diag, "port-guard", "cannot keep the local stack off %s: %s", ifname,
		    strerror(errno));
		diag_hint(diag, "the drop at tc ingress needs CAP_NET_ADMIN and CAP_BPF, and tcx "
		    "(kernel 6.6) or clsact with cls_bpf; without it the host would see what the "
		    "NIC drops");
	}
	fds_close(progs);
	return rc;
}

void
guard_close(struct guard *g)
{
	fds_close(g->links);
	if (g->ifindex != 0)
		guard_tc_del(g->ifindex, g->qdisc_made, g->netlink);
	*g = GUARD_EMPTY;
}
