/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nic_tool - a software NIC and its daemon's part without a daemon, for scripts.
 *   nic_tool run SOCKET WIRE HOST [STORE]     the NIC, until SIGTERM
 *   nic_tool load SOCKET GENERATION RULE...   an image of these rules; the rest is denied
 *   nic_tool status SOCKET                    key=value lines
 *   nic_tool alerts SOCKET                    those that wait, one line each
 *   nic_tool hold SOCKET                      attaches, says so, and waits for its end
 * RULE is LOCAL,PROTO,PORT[,VLAN[,PEERS]]: inbound to LOCAL, in any VLAN where that is -, from
 * anywhere, or from 10.9.0.1 and PEERS other single addresses.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image.h"
#include "nic.h"
#include "softnic.h"
#include "verdict.h"

enum { RULES_MAX = 16, PEERS_MAX = 65536 };

/* Everything one image is made of. */
struct make {
	struct arena arena;
	struct image_list lists[RULES_MAX];
	struct image_table tables[RULES_MAX];
	struct image_rule rules[RULES_MAX];
	const struct image_rule *order[RULES_MAX];
	struct service services[RULES_MAX];
	struct vlan_range vlans[RULES_MAX];
};

static const struct image_action deny = { .verdict = WIRE_DROP, .mode = WIRE_ENFORCE,
	.counter = WIRE_COUNTER_NONE };

/* 10.9.0.1 and every second address from 172.16.0.1 on: they do not merge. */
static bool
peers_make(struct make *m, uint32_t count, struct addr_set *out)
{
	struct addr_range *ranges = arena_array(&m->arena, (size_t)count + 1, sizeof(*ranges));

	if (ranges == NULL || count > PEERS_MAX)
		return false;
	for (uint32_t i = 0; i <= count; i++) {
		struct addr a = { .lo = i == count ? 0x0a090001 : 0xac100001 + 2 * i,
			.family = 4 };

		ranges[i] = (struct addr_range) { a, a };
	}
	return addr_set_from(&m->arena, ranges, (size_t)count + 1, out) == RC_OK;
}

/* One table, with one rule. */
static bool
rule_parse(struct make *m, uint32_t i, char *text)
{
	char *local = strtok(text, ","), *proto = strtok(NULL, ","), *port = strtok(NULL, ","),
	    *vlan = strtok(NULL, ","), *peers = strtok(NULL, ",");
	struct image_rule *r = &m->rules[i];

	if (port == NULL || !addr_parse(local, strlen(local), &m->tables[i].local))
		return false;
	m->services[i] = (struct service) { .proto = (uint8_t)atoi(proto), .sport_hi = 65535,
		.dport_lo = (uint16_t)atoi(port), .dport_hi = (uint16_t)atoi(port) };
	*r = (struct image_rule) { .dir = WIRE_IN, .services = &m->services[i],
		.service_count = 1 };
	if (vlan != NULL && vlan[0] != '-') {
		m->vlans[i] = (struct vlan_range) { (uint16_t)atoi(vlan), (uint16_t)atoi(vlan) };
		r->vlans = &m->vlans[i];
		r->vlan_count = 1;
	}
	r->action = (struct image_action) { .verdict = WIRE_PASS, .state = WIRE_STATE_FLOW,
		.mode = WIRE_ENFORCE, .counter = (uint16_t)i, .rule_id = 100 + i };
	m->order[i] = r;
	m->tables[i].list = i;
	m->lists[i] = (struct image_list) { &m->order[i], 1, deny };
	m->lists[i].deflt.rule_id = 200 + i;
	if (peers != NULL)
		return peers_make(m, (uint32_t)atoi(peers), &r->peer);
	return addr_set_any(&m->arena, m->tables[i].local.family, &r->peer) == RC_OK;
}

static enum rc
load(struct nic *nic, uint32_t generation, int count, char **rules, struct diag *d)
{
	static struct make m;
	struct image_input in = { .lists = m.lists, .tables = m.tables, .unsegmented = WIRE_DROP,
		.non_ip = WIRE_DROP, .list_count = (uint32_t)count, .table_count = (uint32_t)count,
		.counter_count = (uint32_t)count };
	uint8_t *image = NULL;
	size_t len;
	enum rc rc;

	arena_init(&m.arena, 64 << 20);
	for (int i = 0; i < count; i++) {
		if (i == RULES_MAX || !rule_parse(&m, (uint32_t)i, rules[i])) {
			diag_set(d, "rule", "rule %d is wrong", i);
			return RC_INVALID;
		}
	}
	rc = image_encode(&in, &image, &len, d);
	if (rc == RC_OK)
		rc = nic_load(nic, generation, image, len, d);
	free(image);
	arena_fini(&m.arena);
	return rc;
}

static enum rc
status(struct nic *nic)
{
	struct nic_status s;
	enum rc rc = nic_status_get(nic, &s);

	if (rc == RC_OK)
		printf("generation=%u\nboots=%u\nheartbeat=%" PRIu64 "\npackets=%" PRIu64
		    "\npassed=%" PRIu64 "\ndropped=%" PRIu64 "\nflows=%" PRIu64 "\nalerts=%" PRIu64
		    "\ntx_lost=%" PRIu64 "\nrx_lost=%" PRIu64 "\n", s.generation,
		    s.boot_count, s.heartbeat, s.packets, s.passed, s.dropped, s.flows_live,
		    s.alerts, s.tx_lost, s.rx_lost);
	return rc;
}

static enum rc
alerts(struct nic *nic)
{
	struct nic_alert a;
	enum rc rc;

	while ((rc = nic_alert_next(nic, &a)) == RC_OK)
		printf("%s %s rule=%u vlan=%u proto=%u dport=%u time=%" PRIu64 "\n",
		    verdict_name(a.verdict), reason_name(a.reason), a.rule_id, a.vlan, a.proto,
		    a.dport, a.wall_ns);
	return rc == RC_AGAIN ? RC_OK : rc;
}

static enum rc
client(int argc, char **argv, struct diag *d)
{
	struct nic *nic = NULL;
	enum rc rc = nic_open(argv[2], &nic, d);

	if (rc != RC_OK)
		return rc;
	if (strcmp(argv[1], "load") == 0 && argc > 3)
		rc = load(nic, (uint32_t)atoi(argv[3]), argc - 4, argv + 4, d);
	else if (strcmp(argv[1], "status") == 0)
		rc = status(nic);
	else if (strcmp(argv[1], "alerts") == 0)
		rc = alerts(nic);
	else if (strcmp(argv[1], "hold") == 0) {
		printf("attached\n");
		fflush(stdout);
		while (getchar() != EOF)
			;
	} else
		rc = RC_INVALID;
	nic_close(&nic);
	return rc;
}

int
main(int argc, char **argv)
{
	struct diag d = { 0 };
	enum rc rc = RC_INVALID;

	if (argc >= 5 && strcmp(argv[1], "run") == 0) {
		const struct softnic_cfg cfg = { .socket = argv[2], .wire = argv[3],
			.host = argv[4], .store = argc > 5 ? argv[5] : NULL };

		rc = softnic_run(&cfg, &d);
	} else if (argc >= 3) {
		rc = client(argc, argv, &d);
	}
	if (rc != RC_OK) {
		fprintf(stderr, "nic_tool: %s\n", rc_name(rc));
		diag_print(&d, stderr);
	}
	return -rc;
}
