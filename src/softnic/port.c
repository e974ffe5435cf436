/* SPDX-License-Identifier: Apache-2.0 */
/* port - finds the kind of a port, and counts for all kinds alike. */
#include "port.h"

#include <stdio.h>
#include <string.h>

enum rc
port_open(const char *spec, enum port_side side, struct port **out, struct diag *diag)
{
	static const struct {
		const char *prefix;
		enum rc (*open)(const char *arg, enum port_side side, struct port **out,
		    struct diag *diag);
	} kinds[] = {
		{ "dev:", port_dev_open },
		{ "tap:", port_tap_open },
		{ "pcap:", port_pcap_open },
	};

	*out = NULL;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		size_t len = strlen(kinds[i].prefix);
		enum rc rc;

		if (strncmp(spec, kinds[i].prefix, len) != 0)
			continue;
		if (spec[len] == '\0')
			break;
		rc = kinds[i].open(spec + len, side, out, diag);
		if (rc == RC_OK) {
			CHECK((*out)->ops != NULL && (*out)->side == side);
			snprintf((*out)->name, sizeof((*out)->name), "%s", spec);
		}
		return rc;
	}
	diag_set(diag, "usage", "'%s' is not a port", spec);
	diag_hint(diag, "a port is dev:IFNAME, tap:IFNAME or pcap:FILE");
	return RC_INVALID;
}

uint32_t
port_recv(struct port *p, struct port_frame *out, uint32_t max)
{
	uint32_t count = p->ops->recv(p, out, MIN(max, PORT_BURST_MAX));

	CHECK(count <= max);
	for (uint32_t i = 0; i < count; i++) {
		CHECK(out[i].orig_bytes >= out[i].len_bytes);
		p->counters.rx_bytes += out[i].len_bytes;
	}
	p->counters.rx_frames += count;
	return count;
}

void
port_recv_done(struct port *p)
{
	if (p->ops->recv_done != NULL)
		p->ops->recv_done(p);
}

void
port_send(struct port *p, struct port_frame *const *frames, uint32_t count)
{
	uint32_t lost;

	CHECK(count <= PORT_BURST_MAX);
	if (count == 0)
		return;
	for (uint32_t i = 0; i < count; i++)
		p->counters.tx_bytes += frames[i]->len_bytes;
	lost = p->ops->send(p, frames, count);
	CHECK(lost <= count);
	p->counters.tx_frames += count;
	p->counters.tx_lost += lost;
}

enum rc
port_check(struct port *p, struct diag *diag)
{
	return p->ops->check(p, diag);
}

void
port_close(struct port **p)
{
	if (*p == NULL)
		return;
	(*p)->ops->close(*p);
	*p = NULL;
}
