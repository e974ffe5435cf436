/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port - one side of the software NIC: frames in, frames out, whatever carries them.
 * Does:    dev:IFNAME  an interface of this network namespace, by a packet socket and its ring;
 *          tap:IFNAME  a TAP interface, made here, which the server uses as its own;
 *          pcap:FILE   as wire: the file's frames, once; as host: a file with what passed.
 * Shape:   recv gives a burst that lives until recv_done; send takes a burst whole: what cannot
 *          be sent is counted. A frame is Ethernet header first, its tags in place, also those
 *          the kernel keeps beside it. What offload is still to do goes along in vnet.
 * Limits:  PORT_BURST_MAX frames a burst, PORT_FRAME_BYTES_MAX each; a larger frame (of a device
 *          with BIG TCP) is counted as rx_lost.
 * Errors:  a port that is gone for good says so by port_check; nothing else ends it.
 * Context: one thread. dev: and tap: need CAP_NET_ADMIN and CAP_NET_RAW.
 * Source:  packet(7), Documentation/networking/{packet_mmap,tuntap}.
 */
#ifndef PORT_H
#define PORT_H

#include <linux/virtio_net.h>

#include "base.h"
#include "diag.h"
#include "rc.h"

enum {
	PORT_BURST_MAX = 64,
	PORT_FRAME_BYTES_MAX = 65536 + 64	/* the largest segment of 64 KiB, and its headers */
};

enum port_side { PORT_WIRE = 0, PORT_HOST = 1 };

struct port_frame {
	uint8_t *bytes;
	uint32_t len_bytes;
	uint32_t orig_bytes;		/* above len_bytes where a capture cut the frame */
	uint64_t wall_ns;		/* capture time; 0 = now */
	struct virtio_net_hdr vnet;	/* all 0 = nothing left to do */
};

/* rx_frames counts what recv gave, tx_frames what send took: of those tx_lost were not sent. */
struct port_counters {
	uint64_t rx_frames, rx_bytes, rx_lost;
	uint64_t tx_frames, tx_bytes, tx_lost;
};

struct port;

struct port_ops {
	/* Up to max frames, 0 where none waits. */
	uint32_t (*recv)(struct port *p, struct port_frame *out, uint32_t max);
	/* Gives back the frames of the last recv; may be NULL. */
	void (*recv_done)(struct port *p);
	/* Returns how many of count were not sent. */
	uint32_t (*send)(struct port *p, struct port_frame *const *frames, uint32_t count);
	/* After the descriptor showed an error, and now and then: RC_OK unless it is gone. */
	enum rc (*check)(struct port *p, struct diag *diag);
	void (*close)(struct port *p);
};

struct port {
	const struct port_ops *ops;
	struct port_counters counters;
	enum port_side side;
	int fd;			/* readable when a frame waits; -1 = a replay: ask at any time */
	uint32_t mtu;		/* 0 = none */
	bool needs_admin;	/* at its close: CAP_NET_ADMIN */
	bool ended;		/* a replay that has given its last frame */
	char name[96];		/* as given: "dev:eth0" */
};

/* Opens what spec names. An interface port is guarded before its first frame is taken. */
MUST_CHECK enum rc port_open(const char *spec, enum port_side side, struct port **out,
    struct diag *diag);
uint32_t port_recv(struct port *p, struct port_frame *out, uint32_t max);
void port_recv_done(struct port *p);
void port_send(struct port *p, struct port_frame *const *frames, uint32_t count);
MUST_CHECK enum rc port_check(struct port *p, struct diag *diag);
void port_close(struct port **p);

/* The kinds; each fills a port of its own size. arg is what follows the colon. */
MUST_CHECK enum rc port_dev_open(const char *arg, enum port_side side, struct port **out,
    struct diag *diag);
MUST_CHECK enum rc port_tap_open(const char *arg, enum port_side side, struct port **out,
    struct diag *diag);
MUST_CHECK enum rc port_pcap_open(const char *arg, enum port_side side, struct port **out,
    struct diag *diag);

#endif
