/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port_dev - an interface by a packet socket: TPACKET_V2 ring, vnet headers, tags put back.
 *
 * A slot of the ring, as the kernel fills it (each slot holds the largest segment whole):
 *
 *     0                      32                        tp_mac - 10   tp_mac
 *     | struct tpacket2_hdr  | struct sockaddr_ll | ... | vnet header | frame, outer tag cut out
 *
 * The tag is in tp_vlan_tci and tp_vlan_tpid. It goes back in place: the two addresses move 4
 * bytes down, over the vnet header, which was copied out before; its checksum place moves along.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bytes.h"
#include "guard.h"
#include "port.h"

enum {
	SLOT_BYTES = 65536 + 1024 + 64,	/* not a multiple of 4096: slots spread over the caches */
	BLOCK_BYTES = 1 << 20,
	BLOCK_SLOTS = BLOCK_BYTES / SLOT_BYTES,
	BLOCKS = 34,
	SLOTS = BLOCKS * BLOCK_SLOTS,	/* 510 */
	SEND_BUFFER_BYTES = 8 << 20,
	VNET_BYTES = sizeof(struct virtio_net_hdr),
	TAG_BYTES = 4,
	ADDRS_BYTES = 12,
	FROM_AT = 32,
	MTU_MAX = 65535 - 256
};
_Static_assert(SLOT_BYTES % TPACKET_ALIGNMENT == 0, "slots are aligned");
_Static_assert(SLOT_BYTES >= PORT_FRAME_BYTES_MAX + 256, "a slot holds the largest frame");
_Static_assert(sizeof(struct tpacket2_hdr) == FROM_AT, "the address follows the header");
_Static_assert(VNET_BYTES >= TAG_BYTES, "a tag put back overwrites no frame");

struct dev {
	struct port port;
	struct guard guard;
	uint8_t *ring;
	uint32_t at;		/* next slot to read */
	uint32_t held;		/* slots before it that the last burst uses */
	int lock_fd;
	uint32_t ifindex;
	char ifname[IF_NAMESIZE];
};

static struct dev *
dev_of(struct port *p)
{
	return (struct dev *)p;
}

static uint8_t *
slot_of(struct dev *d, uint32_t idx)
{
	CHECK(idx < SLOTS);
	return d->ring + (size_t)(idx / BLOCK_SLOTS) * BLOCK_BYTES +
	    (size_t)(idx % BLOCK_SLOTS) * SLOT_BYTES;
}

static uint32_t
status_get(uint8_t *slot)
{
	return __atomic_load_n(&((struct tpacket2_hdr *)(void *)slot)->tp_status, __ATOMIC_ACQUIRE);
}

static void
status_put(uint8_t *slot, uint32_t status)
{
	__atomic_store_n(&((struct tpacket2_hdr *)(void *)slot)->tp_status, status,
	    __ATOMIC_RELEASE);
}

/* Puts the outer tag back in front of f; there is room for it below. */
static void
tag_restore(const struct tpacket2_hdr *h, uint32_t status, struct port_frame *f)
{
	uint16_t tpid = status & TP_STATUS_VLAN_TPID_VALID ? h->tp_vlan_tpid : ETH_P_8021Q;

	CHECK(f->len_bytes >= ADDRS_BYTES);
	memmove(f->bytes - TAG_BYTES, f->bytes, ADDRS_BYTES);
	f->bytes -= TAG_BYTES;
	put_be16(f->bytes + ADDRS_BYTES, tpid);
	put_be16(f->bytes + ADDRS_BYTES + 2, h->tp_vlan_tci);
	f->len_bytes += TAG_BYTES;
	if (f->vnet.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		f->vnet.csum_start = (uint16_t)(f->vnet.csum_start + TAG_BYTES);
	if (f->vnet.hdr_len != 0)
		f->vnet.hdr_len = (uint16_t)(f->vnet.hdr_len + TAG_BYTES);
}

/* One filled slot to a frame; false where it is not one to judge. */
static bool
slot_take(struct dev *d, uint8_t *slot, uint32_t status, struct port_frame *f)
{
	const struct tpacket2_hdr *h = (const void *)slot;
	const struct sockaddr_ll *from = (const void *)(slot + FROM_AT);

	if (from->sll_pkttype == PACKET_OUTGOING)	/* ours, on kernels that show it */
		return false;
	if (h->tp_snaplen < h->tp_len || h->tp_snaplen > PORT_FRAME_BYTES_MAX ||
	    h->tp_snaplen < ETH_HLEN) {
		d->port.counters.rx_lost++;
		return false;
	}
	CHECK(h->tp_mac >= VNET_BYTES && h->tp_mac + (size_t)h->tp_snaplen <= SLOT_BYTES);
	*f = (struct port_frame) { .bytes = slot + h->tp_mac, .len_bytes = h->tp_snaplen };
	memcpy(&f->vnet, f->bytes - VNET_BYTES, VNET_BYTES);
	if (status & TP_STATUS_VLAN_VALID)
		tag_restore(h, status, f);
	f->orig_bytes = f->len_bytes;
	return true;
}

static uint32_t
dev_recv(struct port *p, struct port_frame *out, uint32_t max)
{
	struct dev *d = dev_of(p);
	uint32_t count = 0;

	CHECK(d->held == 0);
	while (count < max && d->held < PORT_BURST_MAX) {
		uint8_t *slot = slot_of(d, d->at);
		uint32_t status = status_get(slot);

		if (!(status & TP_STATUS_USER))
			break;
		if (slot_take(d, slot, status, &out[count]))
			count++;
		d->held++;
		d->at = d->at + 1 == SLOTS ? 0 : d->at + 1;
	}
	if (count == 0)		/* only frames that were none: give them back at once */
		port_recv_done(p);
	return count;
}

static void
dev_recv_done(struct port *p)
{
	struct dev *d = dev_of(p);

	while (d->held > 0) {
		status_put(slot_of(d, (d->at + SLOTS - d->held) % SLOTS), TP_STATUS_KERNEL);
		d->held--;
	}
}

static uint32_t
dev_send(struct port *p, struct port_frame *const *frames, uint32_t count)
{
	struct mmsghdr msgs[PORT_BURST_MAX];
	struct iovec iov[PORT_BURST_MAX][2];
	uint32_t done = 0, lost = 0;

	CHECK(count <= PORT_BURST_MAX);
	for (uint32_t i = 0; i < count; i++) {
		iov[i][0] = (struct iovec) { &frames[i]->vnet, VNET_BYTES };
		iov[i][1] = (struct iovec) { frames[i]->bytes, frames[i]->len_bytes };
		msgs[i] = (struct mmsghdr) { .msg_hdr = { .msg_iov = iov[i], .msg_iovlen = 2 } };
	}
	while (done < count) {
		int n = sendmmsg(p->fd, msgs + done, count - done, MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {		/* this one cannot be sent; the next may */
			lost++;
			n = 1;
		}
		done += (uint32_t)n;
	}
	CHECK(done == count);
	return lost;
}

static enum rc
dev_check(struct port *p, struct diag *diag)
{
	struct dev *d = dev_of(p);
	struct tpacket_stats stats = { 0 };
	struct ifreq r = { .ifr_ifindex = (int)d->ifindex };
	socklen_t len = sizeof(stats);
	int err = 0;

	if (getsockopt(p->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) == 0)
		p->counters.rx_lost += stats.tp_drops;
	len = sizeof(err);
	(void)getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &err, &len);	/* clears it: down, up */
	if (ioctl(p->fd, SIOCGIFNAME, &r) != 0) {
		diag_set(diag, "port-gone", "interface %s is gone", d->ifname);
		return RC_IO;
	}
	return RC_OK;
}

static void
dev_close(struct port *p)
{
	struct dev *d = dev_of(p);

	if (d->ring != NULL)
		munmap(d->ring, (size_t)BLOCKS * BLOCK_BYTES);
	if (p->fd >= 0)
		close(p->fd);
	guard_close(&d->guard);
	if (d->lock_fd >= 0)
		close(d->lock_fd);
	free(d);
}

static const struct port_ops dev_ops = {
	.recv = dev_recv,
	.recv_done = dev_recv_done,
	.send = dev_send,
	.check = dev_check,
	.close = dev_close,
};

static enum rc
dev_fail(const struct dev *d, const char *what, struct diag *diag)
{
	int err = errno;

	diag_set(diag, "port", "%s: %s: %s", d->ifname, what, strerror(err));
	if (err == EPERM || err == EACCES)
		diag_hint(diag, "interface ports need root, or CAP_NET_ADMIN, CAP_NET_RAW and "
		    "CAP_BPF");
	return rc_from_errno(err);
}

/* An abstract socket is named per network namespace, as interfaces are, and ends with us. */
static enum rc
dev_lock(struct dev *d, struct diag *diag)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int n = snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "ringfence/dev/%u", d->ifindex);

	d->lock_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (d->lock_fd < 0)
		return dev_fail(d, "lock", diag);
	if (bind(d->lock_fd, (struct sockaddr *)&a,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) == 0)
		return RC_OK;
	if (errno != EADDRINUSE)
		return dev_fail(d, "lock", diag);
	diag_set(diag, "port-busy", "%s is a port of another software NIC", d->ifname);
	return RC_CONFLICT;
}

/* Is it an Ethernet interface that is up? */
static enum rc
dev_inspect(struct dev *d, struct diag *diag)
{
	struct ifreq r;

	memset(&r, 0, sizeof(r));
	memcpy(r.ifr_name, d->ifname, sizeof(r.ifr_name));
	if (ioctl(d->port.fd, SIOCGIFHWADDR, &r) != 0)
		return dev_fail(d, "address", diag);
	if (r.ifr_hwaddr.sa_family != ARPHRD_ETHER) {
		diag_set(diag, "port", "%s is not an Ethernet interface (type %u)", d->ifname,
		    r.ifr_hwaddr.sa_family);
		return RC_INVALID;
	}
	if (ioctl(d->port.fd, SIOCGIFMTU, &r) != 0)
		return dev_fail(d, "MTU", diag);
	d->port.mtu = (uint32_t)r.ifr_mtu;
	if (r.ifr_mtu > MTU_MAX) {
		diag_set(diag, "port", "%s has MTU %d; the limit is %d", d->ifname, r.ifr_mtu,
		    MTU_MAX);
		return RC_LIMIT;
	}
	if (ioctl(d->port.fd, SIOCGIFFLAGS, &r) != 0)
		return dev_fail(d, "flags", diag);
	if (!(r.ifr_flags & IFF_UP)) {
		diag_set(diag, "port-down", "%s is down", d->ifname);
		diag_hint(diag, "ip link set %s up", d->ifname);
		return RC_INVALID;
	}
	return RC_OK;
}

static enum rc
dev_option(struct dev *d, int option, int value, const char *what, struct diag *diag)
{
	if (setsockopt(d->port.fd, SOL_PACKET, option, &value, sizeof(value)) == 0)
		return RC_OK;
	return dev_fail(d, what, diag);
}

static enum rc
dev_ring(struct dev *d, struct diag *diag)
{
	struct tpacket_req req = {
		.tp_block_size = BLOCK_BYTES, .tp_block_nr = BLOCKS,
		.tp_frame_size = SLOT_BYTES, .tp_frame_nr = SLOTS,
	};
	void *p;

	if (setsockopt(d->port.fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)) != 0)
		return dev_fail(d, "receive ring", diag);
	p = mmap(NULL, (size_t)BLOCKS * BLOCK_BYTES, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_POPULATE, d->port.fd, 0);
	if (p == MAP_FAILED)
		return dev_fail(d, "map the receive ring", diag);
	d->ring = p;
	return RC_OK;
}

/* The socket hears nothing before bind: ring and guard are in place by then. */
static enum rc
dev_setup(struct dev *d, struct diag *diag)
{
	struct sockaddr_ll a = { .sll_family = AF_PACKET, .sll_ifindex = (int)d->ifindex,
		.sll_protocol = htons(ETH_P_ALL) };
	struct packet_mreq promisc = { .mr_ifindex = (int)d->ifindex,
		.mr_type = PACKET_MR_PROMISC };
	int fd = d->port.fd, mark = GUARD_MARK, buffer = SEND_BUFFER_BYTES;
	enum rc rc;

	(void)dev_option(d, PACKET_IGNORE_OUTGOING, 1, "outgoing", NULL);	/* kernel 4.20 */
	rc = dev_option(d, PACKET_VERSION, TPACKET_V2, "TPACKET_V2", diag);
	if (rc == RC_OK)
		rc = dev_option(d, PACKET_VNET_HDR, 1, "vnet headers", diag);
	if (rc == RC_OK)
		rc = dev_ring(d, diag);
	if (rc != RC_OK)
		return rc;
	if (setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) != 0)
		return dev_fail(d, "mark", diag);
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof(buffer)) != 0)
		return dev_fail(d, "send buffer", diag);
	rc = guard_open(&d->guard, d->ifname, d->ifindex, GUARD_ANY, diag);
	if (rc != RC_OK)
		return rc;
	d->port.needs_admin = d->guard.ifindex != 0;
	if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promisc, sizeof(promisc)) != 0)
		return dev_fail(d, "promiscuous mode", diag);
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		return dev_fail(d, "bind", diag);
	return RC_OK;
}

enum rc
port_dev_open(const char *arg, enum port_side side, struct port **out, struct diag *diag)
{
	struct dev *d;
	enum rc rc;

	if (strlen(arg) >= IF_NAMESIZE) {
		diag_set(diag, "port", "'%s' is no interface name: it is longer than %d bytes", arg,
		    IF_NAMESIZE - 1);
		return RC_INVALID;
	}
	d = calloc(1, sizeof(*d));
	if (d == NULL)
		return RC_NOMEM;
	d->port = (struct port) { .ops = &dev_ops, .side = side, .fd = -1 };
	d->guard = GUARD_EMPTY;
	d->lock_fd = -1;
	snprintf(d->ifname, sizeof(d->ifname), "%s", arg);
	d->ifindex = if_nametoindex(arg);
	if (d->ifindex == 0) {
		rc = dev_fail(d, "no such interface", diag);
		goto out;
	}
	d->port.fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (d->port.fd < 0) {
		rc = dev_fail(d, "packet socket", diag);
		goto out;
	}
	rc = dev_inspect(d, diag);
	if (rc == RC_OK)
		rc = dev_lock(d, diag);
	if (rc == RC_OK)
		rc = dev_setup(d, diag);
	if (rc == RC_OK) {
		*out = &d->port;
		return RC_OK;
	}
out:
	dev_close(&d->port);
	return rc;
}
