/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port_pcap - capture files as ports: the wire replays one, the host writes one.
 * A replay gives each frame once, as fast as it is taken; then the port stays, idle. What is sent
 * to a replay has nowhere to go and is counted as lost. The host file has the time of each frame.
 */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "pcap.h"
#include "port.h"

enum { ROOM_BYTES = PORT_BURST_MAX * 2048 };

struct cap {
	struct port port;
	struct pcap_reader *reader;
	struct pcap_writer *writer;
	uint8_t *room;		/* of one burst's frames, each copied: the reader keeps only one */
	size_t room_bytes;
	enum rc failed;		/* of the writer: every later frame is lost */
	struct diag why;	/* of the end of the replay, or of the writer */
	struct pcap_frame next;
	bool has_next;
};

/* A replay that ends badly has given every frame before; it ends, and says where. */
static void
cap_ended(struct cap *c, enum rc rc)
{
	c->port.ended = true;
	if (rc != RC_OK)
		log_err("replay-failed", "file=\"%s\" why=\"%s\"", c->why.file, c->why.text);
}

static bool
room_for(struct cap *c, size_t used, size_t len)
{
	uint8_t *p;

	if (c->room_bytes - used >= len)
		return true;
	if (used > 0)		/* the burst's frames point into it */
		return false;
	p = realloc(c->room, len);
	if (p == NULL)
		return false;
	c->room = p;
	c->room_bytes = len;
	return true;
}

static uint32_t
cap_recv(struct port *p, struct port_frame *out, uint32_t max)
{
	struct cap *c = (struct cap *)p;
	uint32_t count = 0;
	size_t used = 0;

	while (count < max && c->reader != NULL && !p->ended) {
		if (!c->has_next) {
			enum rc rc = pcap_next(c->reader, &c->next, &c->has_next, &c->why);

			if (!c->has_next) {
				cap_ended(c, rc);
				break;
			}
		}
		if (!room_for(c, used, c->next.len_bytes)) {
			if (used == 0) {	/* no memory for a single frame */
				p->counters.rx_lost++;
				c->has_next = false;
			}
			break;
		}
		if (c->next.len_bytes > 0)
			memcpy(c->room + used, c->next.bytes, c->next.len_bytes);
		out[count++] = (struct port_frame) { .bytes = c->room + used,
			.len_bytes = c->next.len_bytes, .orig_bytes = c->next.orig_bytes,
			.wall_ns = c->next.wall_ns };
		used += c->next.len_bytes;
		c->has_next = false;
	}
	return count;
}

/* Every burst is flushed, so that a reader of the file sees what has passed. A write that fails
 * loses what the buffer held and ends the file: half a record may be its last. */
static uint32_t
cap_send(struct port *p, struct port_frame *const *frames, uint32_t count)
{
	struct cap *c = (struct cap *)p;

	if (c->writer == NULL || c->failed != RC_OK)
		return count;
	for (uint32_t i = 0; i < count && c->failed == RC_OK; i++) {
		uint64_t ns = frames[i]->wall_ns != 0 ? frames[i]->wall_ns : clock_wall_ns();

		c->failed = pcap_writer_add(c->writer, ns, frames[i]->bytes, frames[i]->len_bytes,
		    frames[i]->orig_bytes, &c->why);
	}
	if (c->failed == RC_OK)
		c->failed = pcap_writer_flush(c->writer, &c->why);
	if (c->failed == RC_OK)
		return 0;
	log_err("port-write-failed", "why=\"%s\"", c->why.text);
	return count;
}

static enum rc
cap_check(struct port *p, struct diag *diag)
{
	UNUSED(p);
	UNUSED(diag);
	return RC_OK;
}

static void
cap_close(struct port *p)
{
	struct cap *c = (struct cap *)p;

	pcap_close(&c->reader);
	if (pcap_writer_close(&c->writer, &c->why) != RC_OK && c->failed == RC_OK)
		log_err("port-write-failed", "why=\"%s\"", c->why.text);
	free(c->room);
	free(c);
}

static const struct port_ops cap_ops = {
	.recv = cap_recv,
	.send = cap_send,
	.check = cap_check,
	.close = cap_close,
};

enum rc
port_pcap_open(const char *arg, enum port_side side, struct port **out, struct diag *diag)
{
	struct cap *c = calloc(1, sizeof(*c));
	enum rc rc;

	if (c == NULL)
		return RC_NOMEM;
	c->port = (struct port) { .ops = &cap_ops, .side = side, .fd = -1 };
	c->room_bytes = ROOM_BYTES;
	c->room = malloc(ROOM_BYTES);
	if (c->room == NULL)
		rc = RC_NOMEM;
	else if (side == PORT_WIRE)
		rc = pcap_open(arg, &c->reader, diag);
	else
		rc = pcap_writer_open(arg, &c->writer, diag);
	if (rc != RC_OK) {
		cap_close(&c->port);
		return rc;
	}
	*out = &c->port;
	return RC_OK;
}
