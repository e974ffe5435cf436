/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire_mbox - the mailbox: what daemon and firmware share, and what they say in it.
 * Does:    memory layout, header fields, opcodes, error codes, requests and replies.
 * Shape:   offsets in the shared memory, all little-endian:
 *            0x00000  status, 64 B | statistics, 192 B      firmware writes, under one seqlock
 *            0x00400  doorbell                              host sets bits, firmware takes them
 *            0x00440  alert_read, event_read                host writes
 *            0x00480  alert_written, flow_written           firmware writes
 *            0x01000  8 slots x 2 KiB                       request, overwritten by the reply
 *            0x05000  event ring, 256 x 8 B                 wire_event.h
 *            0x06000  alert ring, 1024 x 160 B              wire_event.h
 *            0x30000  2 windows x 128 KiB                   image bytes on their way down
 *            0x70000  flow ring, 8192 x 128 B               wire_flow.h
 * Limits:  payload WIRE_MBOX_PAYLOAD_MAX; LOAD WIRE_MBOX_WINDOW_BYTES.
 * Context: host, firmware; neither trusts a word the other can write.
 * Source:  ringfence-mailbox(5); framing as MCDI version 2, public headers of the sfc drivers.
 */
#ifndef WIRE_MBOX_H
#define WIRE_MBOX_H

#include "wire_types.h"

enum {
	WIRE_MBOX_STATUS_AT = 0x0,
	WIRE_MBOX_STATS_AT = 0x40,
	WIRE_MBOX_DOORBELL_AT = 0x400,
	WIRE_MBOX_ALERT_READ_AT = 0x440,
	WIRE_MBOX_EVENT_READ_AT = 0x444,
	WIRE_MBOX_ALERT_WRITTEN_AT = 0x480,
	WIRE_MBOX_FLOW_WRITTEN_AT = 0x484,
	WIRE_MBOX_SLOTS_AT = 0x1000,
	WIRE_MBOX_EVENTS_AT = 0x5000,
	WIRE_MBOX_ALERTS_AT = 0x6000,
	WIRE_MBOX_WINDOWS_AT = 0x30000,
	WIRE_MBOX_FLOWS_AT = 0x70000,
	WIRE_MBOX_BYTES = 0x170000
};

enum {
	WIRE_MBOX_SLOTS = 8,		/* slot n is bit n of the doorbell */
	WIRE_MBOX_SLOT_BYTES = 2048,
	WIRE_MBOX_HDR_BYTES = 8,
	WIRE_MBOX_PAYLOAD_MAX = 1020,	/* ACTUAL_LEN holds 1023; replies end on dwords */
	WIRE_MBOX_PAYLOAD_MAX_V1 = 252,
	WIRE_MBOX_WINDOWS = 2,
	WIRE_MBOX_WINDOW_BYTES = 128 * 1024,
	WIRE_MBOX_HEARTBEAT_MS = 10,
	WIRE_MBOX_ABI_MAJOR = 1,	/* another major is another language */
	WIRE_MBOX_ABI_MINOR = 2,	/* a later one only adds: opcodes, ends of replies */
	WIRE_MBOX_ABI_MINOR_MIN = 2	/* before: COMMIT, GET_CAPS of another length */
};

#define WIRE_MBOX_MAGIC 0x424d4652u	/* "RFMB" */
#define WIRE_MBOX_BOOT 0xb0070000u	/* upper half of status.boot once the firmware runs */
#define WIRE_MBOX_CANCEL 0x80000000u	/* doorbell: drop all that the former owner left */

/*
 * First header word:
 *   31    24 23   22  21     20   19  16 15     8  7      6     0
 *  +--------+---+---+-------+----+------+---------+------+-------+
 *  | XFLAGS |RSP|ERR|!EPOCH |  0 | SEQ  | DATALEN |RESYNC| CODE  |
 *  +--------+---+---+-------+----+------+---------+------+-------+
 * Second, where CODE is WIRE_MBOX_V2 (DATALEN is then 0):
 *   31  28 27 26 25        16  15 14           0
 *  +------+-----+------------+---+--------------+
 *  | TYPE |  0  | ACTUAL_LEN | 0 | EXTENDED_CMD |
 *  +------+-----+------------+---+--------------+
 */
#define WIRE_MBOX_CODE 0x0000007fu
#define WIRE_MBOX_V2 0x7fu
#define WIRE_MBOX_RESYNC 0x00000080u
#define WIRE_MBOX_DATALEN 0x0000ff00u
#define WIRE_MBOX_DATALEN_SHIFT 8
#define WIRE_MBOX_SEQ 0x000f0000u
#define WIRE_MBOX_SEQ_SHIFT 16
#define WIRE_MBOX_RSVD 0x00100000u
#define WIRE_MBOX_NOT_EPOCH 0x00200000u
#define WIRE_MBOX_ERROR 0x00400000u
#define WIRE_MBOX_RESPONSE 0x00800000u
#define WIRE_MBOX_XFLAGS 0xff000000u
#define WIRE_MBOX_EVREQ 0x01000000u	/* XFLAGS: tell the end by an event */
#define WIRE_MBOX_CMD 0x00007fffu	/* second word */
#define WIRE_MBOX_UNUSED 0x0c008000u
#define WIRE_MBOX_LEN 0x03ff0000u
#define WIRE_MBOX_LEN_SHIFT 16
#define WIRE_MBOX_TYPE 0xf0000000u	/* 0 = to the firmware itself; no other is spoken */

/* The bit is that of the opcode in wire_version.opcodes. */
enum wire_mbox_op {
	WIRE_OP_VERSION = 0x008,		/* bit 0 */
	WIRE_OP_RULESET_VERSION = 0x111,	/* bit 1 */
	WIRE_OP_COUNTER_READ = 0x130,		/* bit 2 */
	WIRE_OP_CAPS = 0x400,			/* bit 3 */
	WIRE_OP_BEGIN = 0x410,			/* bit 4 */
	WIRE_OP_LOAD = 0x411,			/* bit 5 */
	WIRE_OP_VERIFY = 0x412,			/* bit 6 */
	WIRE_OP_COMMIT = 0x413,			/* bit 7 */
	WIRE_OP_ABORT = 0x414,			/* bit 8 */
	WIRE_OP_COPY = 0x415,			/* bit 9 */
	WIRE_OP_CONFIRM = 0x416,			/* bit 10 */
	WIRE_OP_FLOW_START = 0x151,		/* bit 11 */
	WIRE_OP_FLOW_STOP = 0x152,		/* bit 12 */
	WIRE_OP_FLOW_CREDIT = 0x153		/* bit 13 */
};

enum { WIRE_OPCODES = 0x3fff };			/* bits of all of them */

/* POSIX meanings keep Linux numbers; 0x1100 and up are ours. */
enum wire_mbox_err {
	WIRE_ERR_ENOENT = 0x02,			/* no such handle or stream; no commit waits */
	WIRE_ERR_EIO = 0x05,			/* the board's store failed */
	WIRE_ERR_EBUSY = 0x10,			/* VERIFY still runs, or a store does */
	WIRE_ERR_EINVAL = 0x16,			/* arg: index of the field; header: 0xff00 + word */
	WIRE_ERR_ENOSPC = 0x1c,			/* arg: the limit */
	WIRE_ERR_ERANGE = 0x22,			/* arg: bytes so far, number of counters, credits */
	WIRE_ERR_ENOSYS = 0x26,			/* unknown opcode; arg: it */
	WIRE_ERR_EBADMSG = 0x4a,		/* CRC32C differs; arg: that of what arrived */
	WIRE_ERR_EALREADY = 0x72,		/* a stream runs; arg: its number */
	WIRE_ERR_ESTALE = 0x74,			/* base is not active; arg: the active generation */
	WIRE_ERR_BAD_DIGEST = 0x1103,
	WIRE_ERR_GENERATION = 0x1104,		/* arg: BEGIN: the highest so far, COMMIT: that of
						 * BEGIN, CONFIRM: the active one */
	WIRE_ERR_RULE_INVALID = 0x1105,		/* structure; arg: first wrong byte offset */
	WIRE_ERR_NOT_STAGED = 0x1106,		/* not complete, not verified; arg: bytes so far */
	WIRE_ERR_PROFILE = 0x1107,		/* a table costs too much; arg: its index */
	WIRE_ERR_UNCONFIRMED = 0x1108		/* a commit waits; arg: its generation */
};

enum { WIRE_ERR_ARG_HDR = 0xff00 };

/* Payload of a reply with ERROR. ERROR with length 0: rebooted, or a request of an old epoch. */
struct wire_mbox_error {
	le32 code, arg;
	le32 syndrome;				/* place in the firmware, for its makers */
};
_Static_assert(sizeof(struct wire_mbox_error) == 12, "error reply");

/* At 0. magic and boot may be read alone; the rest only under seq (odd while it is written). */
struct wire_status {
	le32 magic;
	le32 seq;
	le16 abi_major, abi_minor;
	le32 boot;				/* WIRE_MBOX_BOOT | boots, 16 bits */
	le64 heartbeat;				/* +1 every WIRE_MBOX_HEARTBEAT_MS */
	le32 syndrome;				/* of the last error reply */
	le32 flags;				/* WIRE_STATUS_* */
	le32 generation;			/* 0 = nothing committed */
	le32 cancels;				/* doorbell bit 31 served, this boot */
	uint8_t digest[8];			/* first bytes of the active image's SHA-256 */
	le64 alerts_lost;			/* alert ring full */
	le64 events_lost;			/* event ring full */
};
_Static_assert(sizeof(struct wire_status) == 64, "status page");

enum {
	WIRE_STATUS_NO_IMAGE = 1,		/* all but ARP is dropped */
	WIRE_STATUS_STAGED = 2,			/* an upload is under way */
	WIRE_STATUS_STORE_FAILED = 4,		/* the last commit could not be stored */
	WIRE_STATUS_UNCONFIRMED = 8,		/* the active image waits to be confirmed */
	WIRE_STATUS_STORE_DAMAGED = 16,		/* this boot found it so */
	WIRE_STATUS_IMAGE_DAMAGED = 32,		/* an active image was, since this boot */
	WIRE_STATUS_FLOWS = 64			/* a flow stream runs */
};

/* At 0x40, under the seq of the status page. */
struct wire_stats {
	le64 packets, bytes;
	le64 passed, dropped, would_dropped;	/* packets is their sum */
	le64 flows_live, flows_full;		/* full: new flows refused */
	le64 frags_refused;
	le64 alerts, alerts_suppressed;
	le64 tx_lost;				/* passed, but the port could not send */
	le64 bad_requests;			/* answered with an error */
	le64 stale_requests;			/* of an old epoch, or not requests at all */
	le64 rx_lost;				/* came, but the port had no room: never judged */
	/* opened and ended of both kinds = flow_told - flow_updates + flow_lost + flow_untold */
	le64 flows_opened, flows_ended;		/* of the flow table */
	le64 seen_opened, seen_ended;		/* of flows without an entry there */
	le64 seen_full;				/* their packets that no place was left for */
	le64 flow_told, flow_updates;		/* records; updates among them */
	le64 flow_lost;				/* no credit was left */
	le64 flow_untold;			/* no stream ran, or it did not ask for such */
	uint8_t reserved[8];
};
_Static_assert(sizeof(struct wire_stats) == 192, "statistics page");

/* 0x008: no request. A request in the old one-word framing is answered as well. */
struct wire_version {
	le32 firmware;				/* build */
	le32 abi;				/* major << 16 | minor */
	uint8_t opcodes[16];			/* bitmap, WIRE_OPCODES */
	le16 version[4];
};
_Static_assert(sizeof(struct wire_version) == 32, "GET_VERSION reply");

/* 0x400: no request. The profile is what a packet of one table may cost: cache lines touched, and
 * the longest chain of loads that wait for each other. */
struct wire_caps {
	le32 tables_max, rules_max, counters_max, image_bytes_max, flows_max;
	le32 slots, windows, window_bytes;
	le32 lines_max, loads_max;		/* of the profile; 0 = no bound */
};
_Static_assert(sizeof(struct wire_caps) == 40, "GET_CAPS reply");

/* 0x410: opens an upload into the bank that is not active; ends one that was open. */
struct wire_begin {
	le32 base_generation;			/* the active one as the host knows it; 0 = none */
	le32 generation;			/* of the image, above base_generation */
	le32 tables, rules, counters;		/* what the image needs, as its header says */
	le32 bytes;
	uint8_t sha256[32];
	le32 crc32c;				/* of the 56 bytes before */
};
_Static_assert(sizeof(struct wire_begin) == 60, "BEGIN request");

struct wire_begin_reply {
	le32 handle;				/* never 0; of LOAD, VERIFY, COMMIT, ABORT */
};
_Static_assert(sizeof(struct wire_begin_reply) == 4, "BEGIN reply");

/* 0x411: bytes of a window into the bank, without a hole; may be repeated. */
struct wire_load {
	le32 handle;
	le32 offset;				/* in the image, <= bytes so far */
	le32 len;				/* 1..WIRE_MBOX_WINDOW_BYTES */
	le32 crc32c;
	le32 dma_offset;			/* from WIRE_MBOX_WINDOWS_AT */
};
_Static_assert(sizeof(struct wire_load) == 20, "LOAD request");

struct wire_load_reply {
	le32 bytes_so_far;
};
_Static_assert(sizeof(struct wire_load_reply) == 4, "LOAD reply");

/* 0x412: SHA-256 and structure of the whole bank. */
struct wire_verify {
	le32 handle;
	le32 flags;				/* WIRE_VERIFY_* */
};
_Static_assert(sizeof(struct wire_verify) == 8, "VERIFY request");

enum {
	WIRE_VERIFY_BACKGROUND = 1		/* start, or ask: EBUSY while it runs, arg: bytes */
};

struct wire_verify_reply {
	le32 bytes;				/* verified */
	le32 notes;				/* 0 */
};
_Static_assert(sizeof(struct wire_verify_reply) == 8, "VERIFY reply");

/* 0x413: stores if asked, then flips between two packets, then answers. With confirm_s nothing is
 * stored yet, and unless a CONFIRM comes in time the firmware flips back by itself. */
struct wire_commit {
	le32 handle;
	le32 generation;			/* that of BEGIN */
	le32 flags;				/* WIRE_COMMIT_* */
	le32 confirm_s;				/* 0 = at once; <= WIRE_CONFIRM_S_MAX */
	le32 crc32c;				/* of the 16 bytes before */
};
_Static_assert(sizeof(struct wire_commit) == 20, "COMMIT request");

enum {
	WIRE_COMMIT_PERSIST = 1,		/* enforced after a reboot too */
	WIRE_COMMIT_KEEP_COUNTERS = 2,		/* of rules whose id stays */
	WIRE_CONFIRM_S_MAX = 3600
};

struct wire_commit_reply {
	le32 generation;
	uint8_t sha256[32];
};
_Static_assert(sizeof(struct wire_commit_reply) == 36, "COMMIT reply");

/* 0x414: empty reply. */
struct wire_abort {
	le32 handle;
};
_Static_assert(sizeof(struct wire_abort) == 4, "ABORT request");

/* 0x415: bytes of the active image into the bank, without a hole; may be repeated. What is copied
 * is verified as what is loaded. */
struct wire_copy {
	le32 handle;
	le32 from;				/* in the active image, a multiple of 64 */
	le32 offset;				/* in the image, like from; <= bytes so far */
	le32 len;				/* 64..WIRE_MBOX_WINDOW_BYTES, a multiple of 64 */
	le32 crc32c;
};
_Static_assert(sizeof(struct wire_copy) == 20, "COPY request");

struct wire_copy_reply {
	le32 bytes_so_far;
};
_Static_assert(sizeof(struct wire_copy_reply) == 4, "COPY reply");

/* 0x416: ends the wait of a commit, for good or by the way back. Replies as COMMIT does. */
struct wire_confirm {
	le32 generation;			/* the one that waits */
	le32 flags;				/* WIRE_CONFIRM_* */
	le32 crc32c;				/* of the 8 bytes before */
};
_Static_assert(sizeof(struct wire_confirm) == 12, "CONFIRM request");

enum {
	WIRE_CONFIRM_UNDO = 1			/* go back now; else: stay, store as COMMIT said */
};

/* 0x111: no request. */
struct wire_ruleset_version {
	le32 generation;			/* 0 = none; the rest is then 0 */
	uint8_t sha256[32];
	le64 committed_wall_ns;
	le32 highest;				/* generation that was active since the boot */
	le32 former;				/* to go back to; 0 = nothing waits */
	le32 confirm_ms;			/* until then, rounded up */
};
_Static_assert(sizeof(struct wire_ruleset_version) == 56, "RULESET_VERSION reply");

/* 0x130 */
struct wire_counter_read {
	le32 first, count;			/* count 1..WIRE_COUNTER_READ_MAX */
};
_Static_assert(sizeof(struct wire_counter_read) == 8, "COUNTER_READ request");

struct wire_counter {
	le64 packets, bytes;
};
_Static_assert(sizeof(struct wire_counter) == 16, "counter");

struct wire_counter_reply {
	le32 generation, count;			/* count counters follow */
};
_Static_assert(sizeof(struct wire_counter_reply) == 8, "COUNTER_READ reply");

enum {
	WIRE_COUNTER_READ_MAX = (WIRE_MBOX_PAYLOAD_MAX - 8) / 16
};

_Static_assert(WIRE_MBOX_SLOTS_AT + WIRE_MBOX_SLOTS * WIRE_MBOX_SLOT_BYTES == WIRE_MBOX_EVENTS_AT,
    "events follow the slots");
_Static_assert(WIRE_MBOX_WINDOWS_AT + WIRE_MBOX_WINDOWS * WIRE_MBOX_WINDOW_BYTES ==
    WIRE_MBOX_FLOWS_AT, "the flow ring follows the windows");
_Static_assert(WIRE_MBOX_HDR_BYTES + WIRE_MBOX_PAYLOAD_MAX <= WIRE_MBOX_SLOT_BYTES,
    "the largest message fits its slot");

#endif
