/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire_event - what the firmware tells unasked: events of 8 bytes, alerts of 160.
 * Shape:   an event, one little-endian word:
 *            63     60 59    58     52 51    44 43    36 35  33 32   31       0
 *           +---------+-----+---------+--------+--------+------+----+----------+
 *           | EV_CODE |PHASE|    0    |  CODE  |  SRC   |LEVEL |CONT|   DATA   |
 *           +---------+-----+---------+--------+--------+------+----+----------+
 *          PHASE is 1 in the first lap of the ring, 0 in the second, and so on: an entry is new
 *          where its phase is the lap's. The host writes event_read, a count that wraps.
 *          An alert is 160 bytes, struct wire_alert. Records before alert_written, from
 *          alert_read, wait; both are counts that wrap, the place is count % WIRE_ALERTS.
 * Limits:  a full ring drops the new entry and counts it in the status page.
 * Context: host, firmware.
 * Source:  ringfence-mailbox(5); events as MCDI events, public headers of the sfc drivers.
 */
#ifndef WIRE_EVENT_H
#define WIRE_EVENT_H

#include "wire_mbox.h"

enum {
	WIRE_EVENTS = 256,
	WIRE_EVENT_BYTES = 8,
	WIRE_ALERTS = 1024,
	WIRE_ALERT_BYTES = 160,
	WIRE_ALERT_HEAD = 64		/* first bytes of the frame */
};

#define WIRE_EVENT_DATA UINT64_C(0x00000000ffffffff)
#define WIRE_EVENT_LEVEL_SHIFT 33
#define WIRE_EVENT_SRC_SHIFT 36
#define WIRE_EVENT_CODE_SHIFT 44
#define WIRE_EVENT_PHASE (UINT64_C(1) << 59)
#define WIRE_EVENT_EV_CODE (UINT64_C(0xc) << 60)

enum wire_event_level { WIRE_EVENT_INFO = 0, WIRE_EVENT_WARN = 1, WIRE_EVENT_ERR = 2,
	WIRE_EVENT_FATAL = 3 };

enum wire_event_code {
	WIRE_EVENT_CMDDONE = 0x03,	/* DATA: SEQ, bits 0..7; SRC: slot */
	WIRE_EVENT_REBOOT = 0x15,	/* DATA: boots, bits 0..15 */
	WIRE_EVENT_COMMITTED = 0x80,	/* DATA: the generation now enforced */
	WIRE_EVENT_CONFIRMED = 0x81,	/* DATA: the generation that waited */
	WIRE_EVENT_UNDONE = 0x82,	/* DATA: the generation again enforced; SRC: enum below */
	WIRE_EVENT_DAMAGED = 0x83	/* DATA: the generation whose image was, and is no more */
};

enum wire_event_undone { WIRE_UNDONE_TIME = 0, WIRE_UNDONE_ASKED = 1, WIRE_UNDONE_DAMAGED = 2 };

/*
 *     0        4            8                 16        20
 *    +--------+------------+-----------------+---------+------------+
 *    | number | generation |     wall_ns     | rule_id | suppressed |
 *    +--------+------------+-----------------+---------+------------+
 *     24..31: verdict reason dir family proto tcp_flags head_bytes 0
 *     32: local 16  48: src 16  64: dst 16  (network order, v4 in the first 4, rest 0)
 *     80: sport dport vlan 0  88: frame_bytes  92: crc32c  96: head 64
 */
struct wire_alert {
	le32 number;			/* the count of this record: alert_written before it */
	le32 generation;
	le64 wall_ns;
	le32 rule_id;			/* 0 = none */
	le32 suppressed;		/* alerts of this rule left out before this one */
	uint8_t verdict, reason, dir, family;
	uint8_t proto, tcp_flags, head_bytes, reserved;
	uint8_t local[16], src[16], dst[16];
	le16 sport, dport;		/* ICMP: 0 and type << 8 | code */
	le16 vlan;			/* WIRE_VLAN_NONE = untagged */
	le16 reserved2;
	le32 frame_bytes;
	le32 crc32c;			/* of the record with these 4 bytes 0 */
	uint8_t head[WIRE_ALERT_HEAD];
};

_Static_assert(sizeof(struct wire_alert) == WIRE_ALERT_BYTES, "alert record");
_Static_assert(offsetof(struct wire_alert, local) == 32, "alert addresses");
_Static_assert(offsetof(struct wire_alert, frame_bytes) == 88, "alert length");
_Static_assert(WIRE_MBOX_EVENTS_AT + WIRE_EVENTS * WIRE_EVENT_BYTES <= WIRE_MBOX_ALERTS_AT,
    "the event ring fits");
_Static_assert(WIRE_MBOX_ALERTS_AT + WIRE_ALERTS * WIRE_ALERT_BYTES <= WIRE_MBOX_WINDOWS_AT,
    "the alert ring fits");

#endif
