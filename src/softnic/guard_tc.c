/* SPDX-License-Identifier: Apache-2.0 */
/* guard_tc - the guard's programs as filters of a clsact queue, by routing netlink. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/netlink.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "guard.h"

enum {
	MSG_BYTES = 512,
	FILTER_HANDLE = 0x5246,
	FILTER_PRIORITY = 1
};

/* One request being written, and room for its answer. */
struct msg {
	_Alignas(8) uint8_t b[MSG_BYTES];
	size_t len;
};

static void
msg_add(struct msg *m, const void *p, size_t len)
{
	size_t padded = NLMSG_ALIGN(len);

	CHECK(m->len + padded <= sizeof(m->b));
	memcpy(m->b + m->len, p, len);
	memset(m->b + m->len + len, 0, padded - len);
	m->len += padded;
}

static void
msg_attr(struct msg *m, uint16_t type, const void *p, size_t len)
{
	struct rtattr a = { .rta_type = type, .rta_len = (uint16_t)(sizeof(a) + len) };

	msg_add(m, &a, sizeof(a));
	msg_add(m, p, len);
}

static void
msg_begin(struct msg *m, uint16_t type, uint16_t flags, uint32_t ifindex, uint32_t handle,
    uint32_t parent, uint32_t info)
{
	struct nlmsghdr h = { .nlmsg_type = type,
		.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags), .nlmsg_seq = 1 };
	struct tcmsg t = { .tcm_family = AF_UNSPEC, .tcm_ifindex = (int)ifindex,
		.tcm_handle = handle, .tcm_parent = parent, .tcm_info = info };

	m->len = 0;
	msg_add(m, &h, sizeof(h));
	msg_add(m, &t, sizeof(t));
}

/* Sends and waits for the answer; returns 0 or an errno. */
static int
msg_ask(int fd, struct msg *m)
{
	struct nlmsghdr h;
	struct nlmsgerr e;
	ssize_t n;

	memcpy(&h, m->b, sizeof(h));
	h.nlmsg_len = (uint32_t)m->len;
	memcpy(m->b, &h, sizeof(h));
	if (send(fd, m->b, m->len, 0) != (ssize_t)m->len)
		return errno;
	do {
		n = recv(fd, m->b, sizeof(m->b), 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno;
	if ((size_t)n < sizeof(h) + sizeof(e))
		return EPROTO;
	memcpy(&h, m->b, sizeof(h));
	memcpy(&e, m->b + NLMSG_HDRLEN, sizeof(e));
	return h.nlmsg_type == NLMSG_ERROR ? -e.error : EPROTO;
}

static int
netlink_open(void)
{
	struct timeval limit = { .tv_sec = 2 };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd >= 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return fd;
}

static uint32_t
place(bool out)
{
	return TC_H_MAKE(TC_H_CLSACT, out ? TC_H_MIN_EGRESS : TC_H_MIN_INGRESS);
}

static uint32_t
filter_info(void)
{
	return TC_H_MAKE((uint32_t)FILTER_PRIORITY << 16, (uint32_t)htons(ETH_P_ALL));
}

static int
filter_add(int fd, uint32_t ifindex, int prog, bool out)
{
	struct msg m;
	uint32_t prog_fd = (uint32_t)prog, flags = TCA_BPF_FLAG_ACT_DIRECT;
	struct rtattr options = { .rta_type = TCA_OPTIONS };
	size_t at;

	msg_begin(&m, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_REPLACE, ifindex, FILTER_HANDLE,
	    place(out), filter_info());
	msg_attr(&m, TCA_KIND, "bpf", sizeof("bpf"));
	at = m.len;
	msg_add(&m, &options, sizeof(options));
	msg_attr(&m, TCA_BPF_FD, &prog_fd, sizeof(prog_fd));
	msg_attr(&m, TCA_BPF_NAME, "ringfence", sizeof("ringfence"));
	msg_attr(&m, TCA_BPF_FLAGS, &flags, sizeof(flags));
	options.rta_len = (uint16_t)(m.len - at);
	memcpy(m.b + at, &options, sizeof(options));
	return msg_ask(fd, &m);
}

static int
filter_del(int fd, uint32_t ifindex, bool out)
{
	struct msg m;

	msg_begin(&m, RTM_DELTFILTER, 0, ifindex, FILTER_HANDLE, place(out), filter_info());
	msg_attr(&m, TCA_KIND, "bpf", sizeof("bpf"));
	return msg_ask(fd, &m);
}

static int
qdisc_change(int fd, uint32_t ifindex, bool add)
{
	struct msg m;

	msg_begin(&m, add ? RTM_NEWQDISC : RTM_DELQDISC, add ? NLM_F_CREATE | NLM_F_EXCL : 0,
	    ifindex, TC_H_MAKE(TC_H_CLSACT, 0), TC_H_CLSACT, 0);
	msg_attr(&m, TCA_KIND, "clsact", sizeof("clsact"));
	return msg_ask(fd, &m);
}

enum rc
guard_tc_add(uint32_t ifindex, int prog_in, int prog_out, bool *qdisc_made, int *netlink)
{
	int fd = netlink_open();
	int err;

	*qdisc_made = false;
	*netlink = -1;
	if (fd < 0)
		return rc_from_errno(errno);
	err = qdisc_change(fd, ifindex, true);
	*qdisc_made = err == 0;
	if (err == EEXIST)
		err = 0;
	if (err == 0)
		err = filter_add(fd, ifindex, prog_in, false);
	if (err == 0) {
		err = filter_add(fd, ifindex, prog_out, true);
		if (err != 0)
			(void)filter_del(fd, ifindex, false);
	}
	if (err != 0 && *qdisc_made)
		(void)qdisc_change(fd, ifindex, false);
	if (err == 0)
		*netlink = fd;
	else
		close(fd);
	errno = err;
	return rc_from_errno(err);
}

void
guard_tc_del(uint32_t ifindex, bool qdisc_made, int netlink)
{
	CHECK(netlink >= 0);
	(void)filter_del(netlink, ifindex, false);
	(void)filter_del(netlink, ifindex, true);
	if (qdisc_made)
		(void)qdisc_change(netlink, ifindex, false);
	close(netlink);
}
