/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port_tap - a TAP interface: what the NIC passes arrives there, what the server sends comes out.
 * One read is one frame, behind its vnet header; tags are in the bytes. The interface ends with
 * the NIC unless it was made before with `ip tuntap add`.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "port.h"

enum {
	VNET_BYTES = sizeof(struct virtio_net_hdr),
	FRAME_ROOM = 65536 + 256,
	ETHERNET_BYTES = 14
};

struct tap {
	struct port port;
	char ifname[IF_NAMESIZE];
	uint8_t *room;		/* PORT_BURST_MAX x FRAME_ROOM */
};

static uint32_t
tap_recv(struct port *p, struct port_frame *out, uint32_t max)
{
	struct tap *t = (struct tap *)p;
	uint32_t count = 0;

	for (uint32_t tries = 0; count < max && tries < PORT_BURST_MAX; tries++) {
		struct port_frame *f = &out[count];
		struct iovec iov[2];
		ssize_t n;

		*f = (struct port_frame) { .bytes = t->room + (size_t)count * FRAME_ROOM };
		iov[0] = (struct iovec) { &f->vnet, VNET_BYTES };
		iov[1] = (struct iovec) { f->bytes, FRAME_ROOM };
		n = readv(p->fd, iov, 2);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		if (n < VNET_BYTES + ETHERNET_BYTES || n > VNET_BYTES + PORT_FRAME_BYTES_MAX) {
			p->counters.rx_lost++;
			continue;
		}
		f->len_bytes = (uint32_t)n - VNET_BYTES;
		f->orig_bytes = f->len_bytes;
		count++;
	}
	return count;
}

static uint32_t
tap_send(struct port *p, struct port_frame *const *frames, uint32_t count)
{
	uint32_t lost = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct iovec iov[2] = { { &frames[i]->vnet, VNET_BYTES },
			{ frames[i]->bytes, frames[i]->len_bytes } };
		ssize_t n;

		do {
			n = writev(p->fd, iov, 2);
		} while (n < 0 && errno == EINTR);
		lost += n < 0;
	}
	return lost;
}

static enum rc
tap_check(struct port *p, struct diag *diag)
{
	struct tap *t = (struct tap *)p;
	struct ifreq r;

	memset(&r, 0, sizeof(r));
	if (ioctl(p->fd, (int)TUNGETIFF, &r) == 0)
		return RC_OK;
	diag_set(diag, "port-gone", "interface %s is gone", t->ifname);
	return RC_IO;
}

static void
tap_close(struct port *p)
{
	struct tap *t = (struct tap *)p;

	if (p->fd >= 0)
		close(p->fd);
	free(t->room);
	free(t);
}

static const struct port_ops tap_ops = {
	.recv = tap_recv,
	.send = tap_send,
	.check = tap_check,
	.close = tap_close,
};

static enum rc
tap_fail(const struct tap *t, const char *what, struct diag *diag)
{
	int err = errno;

	diag_set(diag, err == EBUSY ? "port-busy" : "port", "tap %s: %s: %s", t->ifname, what,
	    strerror(err));
	if (err == EPERM || err == EACCES)
		diag_hint(diag, "a tap port needs root, or CAP_NET_ADMIN and /dev/net/tun");
	return err == EBUSY ? RC_CONFLICT : rc_from_errno(err);
}

static enum rc
tap_up(struct tap *t, struct diag *diag)
{
	struct ifreq r;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	enum rc rc = RC_OK;

	memset(&r, 0, sizeof(r));
	memcpy(r.ifr_name, t->ifname, sizeof(r.ifr_name));
	if (fd < 0)
		return tap_fail(t, "socket", diag);
	if (ioctl(fd, SIOCGIFFLAGS, &r) != 0) {
		rc = tap_fail(t, "flags", diag);
		goto out;
	}
	r.ifr_flags = (short)(r.ifr_flags | IFF_UP);
	if (ioctl(fd, SIOCSIFFLAGS, &r) != 0) {
		rc = tap_fail(t, "up", diag);
		goto out;
	}
	if (ioctl(fd, SIOCGIFMTU, &r) == 0)
		t->port.mtu = (uint32_t)r.ifr_mtu;
out:
	close(fd);
	return rc;
}

static enum rc
tap_setup(struct tap *t, struct diag *diag)
{
	struct ifreq r;
	int bytes = VNET_BYTES;

	t->port.fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (t->port.fd < 0)
		return tap_fail(t, "/dev/net/tun", diag);
	memset(&r, 0, sizeof(r));
	memcpy(r.ifr_name, t->ifname, sizeof(r.ifr_name));
	r.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	if (ioctl(t->port.fd, TUNSETIFF, &r) != 0)
		return tap_fail(t, "attach", diag);
	if (ioctl(t->port.fd, TUNSETVNETHDRSZ, &bytes) != 0)
		return tap_fail(t, "vnet headers", diag);
	if (ioctl(t->port.fd, TUNSETOFFLOAD, (unsigned long)(TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 |
	    TUN_F_TSO_ECN)) != 0)
		return tap_fail(t, "offloads", diag);
	return tap_up(t, diag);
}

enum rc
port_tap_open(const char *arg, enum port_side side, struct port **out, struct diag *diag)
{
	struct tap *t;
	enum rc rc;

	if (side != PORT_HOST) {
		diag_set(diag, "port", "tap:%s: a tap is a host port, the server's own interface",
		    arg);
		return RC_INVALID;
	}
	if (strlen(arg) >= IF_NAMESIZE || strchr(arg, '%') != NULL || strchr(arg, '/') != NULL) {
		diag_set(diag, "port", "'%s' is no interface name", arg);
		return RC_INVALID;
	}
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return RC_NOMEM;
	t->port = (struct port) { .ops = &tap_ops, .side = side, .fd = -1 };
	snprintf(t->ifname, sizeof(t->ifname), "%s", arg);
	t->room = malloc((size_t)PORT_BURST_MAX * FRAME_ROOM);
	rc = t->room == NULL ? RC_NOMEM : tap_setup(t, diag);
	if (rc != RC_OK) {
		tap_close(&t->port);
		return rc;
	}
	*out = &t->port;
	return RC_OK;
}
