/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_impl - the daemon's state, shared by its files.
 * Shape:   agent.c start and signals; agent_nic.c the NIC: back-off, adopting, loading, alerts;
 *          agent_policy.c compiles and their outcome; agent_sock.c clients; agent_json.c answers;
 *          agent_notify.c the service manager.
 *          The local socket is a thin layer: it asks for an answer and gets a document.
 */
#ifndef AGENT_IMPL_H
#define AGENT_IMPL_H

#include <yyjson.h>

#include "agent.h"
#include "compile.h"
#include "line.h"
#include "loop.h"
#include "nic.h"
#include "notify.h"
#include "state.h"
#include "str.h"

enum {
	NIC_BACKOFF_FIRST_MS = 50,
	NIC_BACKOFF_MAX_MS = 2000,
	NIC_CHECK_MS = 250,		/* is it there, what does it count */
	NIC_ALERTS_MAX = 256,		/* a turn */
	NIC_CONFLICT_MS = 1000,		/* the session of a killed daemon ends in this */
	CLIENTS_MAX = 1000,
	CLIENT_QUEUE_BYTES = 256 << 10,	/* what waits for one watcher; beyond it loses lines */
	CLIENT_ANSWER_BYTES = 4 << 20,	/* an answer, whoever waits for it */
	CLIENT_STALL_S = 30		/* a reader that takes nothing is cut */
};

struct client {
	struct client *next;
	struct agent *agent;
	struct loop_io io;
	struct line_buf in;
	struct str out;
	size_t out_at;
	uint64_t stalled_ns;	/* since when it takes nothing; 0 = it does */
	uint64_t lost;		/* lines since the last told loss */
	uint32_t waits_for;	/* round of compile; 0 = none */
	bool watches, closing;
};

/* What became of a policy. */
struct outcome {
	enum rc rc;
	bool no_fit, changed, known;
	uint32_t generation;
	struct diag why;	/* where it was not the policy: the NIC */
	struct diags diags;	/* of the compile */
	uint64_t eval_ns, build_ns, load_ns;
	uint64_t wall_ns;
};

struct agent {
	const struct agent_cfg *cfg;
	struct loop *loop;
	struct loop_io signal_io;
	struct state *state;
	uint64_t started_ns;

	struct nic *nic;		/* NULL = not there */
	struct loop_io nic_io;
	struct loop_timer nic_timer;
	uint32_t nic_backoff_ms;
	struct nic_caps caps;
	struct nic_version active;	/* as it said last */
	uint32_t committed;		/* what it should enforce; 0 = not known yet */
	struct nic_status nic_status;
	bool nic_known;			/* active and status were read once */
	struct diag nic_error;
	uint64_t nic_since_wall_ns;	/* of the state it is in */
	uint64_t nic_ups, nic_boot_count;

	struct compile *compile;	/* running */
	struct loop_io compile_io;
	uint32_t round;			/* of the last compile begun */
	bool again;			/* another is asked for */
	struct gen *wanted;		/* compiled, not yet with the NIC */
	bool wanted_adopts;		/* from the start: equal bytes need no new generation */
	struct outcome last;

	int listen_fd, socket_lock_fd;
	struct loop_io listen_io;
	struct client *clients;
	uint32_t client_count;
	uint64_t clients_refused, clients_cut, watch_lost;

	struct notify notify;
	struct loop_timer notify_timer;	/* the next heartbeat */
	bool notify_ready;		/* was told */
};

/* agent_nic.c */
/* The first try, where RC_CONFLICT ends the daemon. */
MUST_CHECK enum rc agent_nic_first(struct agent *a, struct diag *diag);
void agent_nic_stop(struct agent *a);
/* Brings g to the NIC, and takes it; says how in o. Without a NIC it is kept as wanted. */
void agent_nic_enforce(struct agent *a, struct gen *g, bool adopts, struct outcome *o);
/* The generation that is enforced, where its lines are known. */
const struct gen *agent_active(struct agent *a);

/* agent_policy.c */
/* Returns the round whose outcome is the answer. */
uint32_t agent_reload(struct agent *a);
void agent_policy_stop(struct agent *a);

/* agent_sock.c */
MUST_CHECK enum rc agent_sock_open(struct agent *a, struct diag *diag);
void agent_sock_close(struct agent *a);
/* The round is over: who waits for it gets the outcome. */
void agent_sock_round(struct agent *a, uint32_t round);
void agent_sock_alert(struct agent *a, const struct nic_alert *alert);

/* agent_notify.c */
void agent_notify_open(struct agent *a);
void agent_notify_close(struct agent *a);
void agent_notify_reloading(struct agent *a);
void agent_notify_round(struct agent *a);	/* its outcome is in last */
void agent_notify_nic(struct agent *a);		/* it came or went */

/* agent_json.c; NULL where memory is out. */
yyjson_mut_doc *agent_status_doc(struct agent *a);
yyjson_mut_doc *agent_counters_doc(struct agent *a);
yyjson_mut_doc *agent_outcome_doc(struct agent *a);
yyjson_mut_doc *agent_alert_doc(struct agent *a, const struct nic_alert *alert);
yyjson_mut_doc *agent_error_doc(enum rc rc, const struct diag *d);
yyjson_mut_doc *agent_watching_doc(struct agent *a);
yyjson_mut_doc *agent_lost_doc(uint64_t lost);
void agent_dump(struct agent *a);

#endif
