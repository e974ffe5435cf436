/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_impl - the daemon's state, shared by its files.
 * Shape:   agent.c start and signals; agent_nic.c the NIC: back-off, adopting, loading, alerts;
 *          agent_policy.c compiles and their outcome; agent_confirm.c what waits to be confirmed;
 *          agent_listen.c the sockets; agent_room.c what main gives up; agent_ctl.c the process
 *          that serves the sockets; agent_keys.c the keys and their signer; agent_api.c,
 *          agent_jobs.c, agent_query.c what they ask; agent_takeover.c, agent_given.c,
 *          agent_drain.c one daemon after another; agent_json.c, agent_doc.c, metrics.c the
 *          answers; agent_notify.c the service manager.
 */
#ifndef AGENT_IMPL_H
#define AGENT_IMPL_H

#include <yyjson.h>

#include "agent.h"
#include "agent_problem.h"
#include "bounds.h"
#include "compile.h"
#include "flow_table.h"
#include "ctl_msg.h"
#include "loop.h"
#include "nic.h"
#include "notify.h"
#include "query.h"
#include "state.h"
#include "str.h"
#include "worker.h"

#define TAKEOVER_SUFFIX ".takeover"

enum {
	DRAIN_MS = 5000,		/* for what was asked before the end */
	NIC_BACKOFF_FIRST_MS = 50,
	NIC_BACKOFF_MAX_MS = 2000,
	NIC_CHECK_MS = 250,		/* is it there, what does it count */
	NIC_ALERTS_MAX = 256,		/* a turn */
	NIC_CONFLICT_MS = 1000,		/* the session of a killed daemon ends in this */
};

/* A child that stays. */
struct child {
	struct worker worker;
	struct loop_io io;		/* its end */
	struct loop_timer again;
	uint32_t backoff_ms;
	uint64_t since_ns, restarts;
};

struct key_file {
	uint8_t *p;			/* NUL behind len */
	size_t len;
};

struct key_files {
	struct key_file ca, crt, crl, key;
};

/* The keys of the control channel, and who signs with them. */
struct agent_keys {
	struct key_files files;		/* those that serve */
	bool serving;
	int pairs[2][2];		/* ctl asks on 0, a signer answers on 1 */
	uint32_t pair;			/* which of them serves */
	uint64_t until_s;		/* first end of a certificate, since 1970 */
	uint64_t crl_until_s;		/* next update of the list; 0 = none */
	char refused[CTL_WHY_BYTES + 100];	/* what came since and cannot serve; "" = nothing */

	struct worker trial;		/* looks at fresh files */
	struct key_files trial_files;
	uint32_t trial_pair;
	bool trial_fresh;		/* else it is to follow a signer that died */
	int trial_fd;
	struct loop_io trial_io;
	struct loop_timer trial_timer;

	struct worker retired;		/* answers what was asked before the change */
	struct loop_timer retire_timer;
};

/* A reload or a check that was asked for. */
struct agent_job {
	struct agent *agent;
	uint32_t id;			/* 0 = free */
	uint8_t verb;			/* CTL_RELOAD, CTL_CHECK */
	bool done, cancelled;
	uint8_t digest[SHA256_BYTES];	/* of the body: the same key is the same request */
	uint32_t round;			/* reload: the compile that answers it */
	uint32_t confirm_s;		/* reload: undone unless confirmed by then */
	char key[CTL_TAG_BYTES];
	char *outcome;			/* JSON, once done */
	uint32_t waiter;		/* request that waits for the end; 0 = none */
	struct loop_timer timer;	/* of the waiter */
	struct compile *check;
	struct loop_io check_io;
};

/* A change that was made and answered, by its key. */
struct agent_once {
	char *text;			/* the answer's body; NULL = free */
	size_t len;
	uint8_t verb;			/* CTL_CONFIRM, CTL_ROLLBACK */
	uint32_t number;
	char key[CTL_TAG_BYTES], etag[CTL_TAG_BYTES];
};

/* A question that is being answered. */
struct agent_query {
	struct agent *agent;
	struct query *query;		/* NULL = free */
	struct loop_io io;
	uint32_t id;			/* of the request; 0 = nobody waits any more */
	const char *type;		/* of a good answer */
	uint8_t *held[5];
	bool unpacks;			/* a body first: its text is what next asks about */
	struct query_ask next;
};

/* The NIC's generation, and when it goes back to the former one; 0 = nothing waits. */
struct agent_wait {
	uint32_t generation, former;
	uint64_t end_ns;
};

/* What became of a policy. */
struct outcome {
	enum rc rc;
	bool no_fit, changed, known;
	bool spared;		/* the compile: what is enforced was made of this text */
	uint32_t generation;
	struct diag why;	/* where it was not the policy: the NIC */
	struct diags diags;	/* of the compile */
	uint64_t eval_ns, build_ns, load_ns;
	uint32_t reused;	/* bodies of the build before */
	struct nic_moved moved;	/* bytes of the image, to and within the NIC */
	uint8_t example[POL_EXAMPLE_BYTES_MAX];	/* a frame, where the proof failed */
	size_t example_len;
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
	uint32_t committed;		/* what it should enforce, confirmed; 0 = not known yet */
	struct agent_wait wait;
	struct diag undone;		/* by the NIC, since the last load */
	struct nic_status nic_status;
	bool nic_known;			/* active and status were read once */
	struct diag nic_error;
	const char *nic_alarm;		/* as it was logged last; NULL = none was */
	uint64_t nic_since_wall_ns;	/* of the state it is in */
	uint64_t nic_ups, nic_boot_count;

	struct compile *compile;	/* running */
	struct loop_io compile_io;
	uint32_t round;			/* of the last compile begun */
	bool again;			/* another is asked for, */
	bool again_signal, round_signal;	/* by a signal: so is, was the running one */
	struct gen *wanted;		/* compiled, not yet with the NIC */
	bool wanted_adopts;		/* from the start: equal bytes need no new generation */
	struct outcome last;

	int local_fd, tls_fd, socket_lock_fd;
	int vault_fd;			/* memory where ctl leaves its tickets to the next; -1 */
	bool kept;			/* they are: by the service manager */
	bool handed_over;		/* the sockets' paths are another daemon's */
	bool draining;
	struct loop_timer drain_timer;
	int takeover_fd;		/* listens for who comes to take over */
	struct loop_io takeover_listen_io;
	struct loop_io takeover_io;	/* who came; its fd -1 = nobody */
	int taking_fd;			/* to the daemon before this one; -1 = none */
	int state_lock_fd;		/* of it, until the state is open */
	uint32_t group;			/* gid that may use the local socket; UINT32_MAX = none */
	struct child ctl, signer;
	struct loop_timer stop_timer;	/* do they stand still */
	struct agent_keys keys;
	struct msg_chan *chan;		/* to ctl; NULL = it is not there */
	struct loop_io chan_io;
	uint64_t event_number, events_lost;
	struct flow_table *flows;
	struct loop_timer flow_timer;	/* the next turn at flows that wait */
	uint64_t flow_number, flow_events_lost;
	uint32_t flow_boot;		/* of the NIC, when it was asked */
	bool flows_refused;		/* this NIC tells none */
	struct agent_job jobs[LIMIT_JOBS];
	uint32_t job_number;
	struct agent_once once[LIMIT_JOBS];
	uint32_t once_count;
	struct agent_query queries[LIMIT_QUERIES];

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
/* What the NIC says is wrong with it; "" = nothing. */
const char *agent_nic_alarm(const struct agent *a);
/* What is enforced is what its file says, and what is wanted. */
void agent_nic_keep(struct agent *a);
/* The generation that is enforced, where its lines are known. */
const struct gen *agent_active(struct agent *a);

/* agent_policy.c */
/* Returns the round whose outcome is the answer. by_signal: no job stands for it. */
uint32_t agent_reload(struct agent *a, bool by_signal);
/* Nobody wants the outcome of that round any more, but for a signal that may have asked as well. */
void agent_reload_cancel(struct agent *a, uint32_t round);
/* By the text of a request's body. Only while no compile runs. */
void agent_reload_posted(struct agent *a, const uint8_t *body, size_t len);
void agent_policy_stop(struct agent *a);

/* Puts a kept generation back, under a new number. */
void agent_nic_restore(struct agent *a, struct gen *kept, struct outcome *o);

/* agent_confirm.c */
/* What the NIC enforces now, and what became of what waited. */
MUST_CHECK enum rc agent_version_read(struct agent *a, struct diag *diag);
/* These bytes were enforced once and not confirmed, nor loaded again since. */
bool agent_was_undone(struct agent *a, const struct gen *g);
/* Keeps what waits. RC_INVALID: nothing does. */
MUST_CHECK enum rc agent_confirm(struct agent *a, struct diag *diag);
/* Back at once. */
void agent_undo(struct agent *a, struct outcome *o);

/* agent_listen.c */
MUST_CHECK enum rc agent_listen_open(struct agent *a, struct diag *diag);
void agent_listen_close(struct agent *a);

/* What another daemon gave, made what the options say. */
MUST_CHECK enum rc agent_listen_adopt(struct agent *a, struct diag *diag);

/* agent_given.c */
/* The sockets that the service manager gives, if any. */
MUST_CHECK enum rc agent_given_take(struct agent *a, struct diag *diag);
/* Has it keep those that listen now. */
void agent_given_keep(struct agent *a);

/* agent_takeover.c */
/* Serves who comes to take over; after it was asked, on what it gave. */
MUST_CHECK enum rc agent_takeover_open(struct agent *a, struct diag *diag);
void agent_takeover_close(struct agent *a);
/* Asks the daemon that runs for its locks and sockets; taking_fd is -1 where there is none. */
MUST_CHECK enum rc agent_takeover_ask(struct agent *a, struct diag *diag);
/* Tells it to end, and waits until it has. */
MUST_CHECK enum rc agent_takeover_go(struct agent *a, struct diag *diag);

/* agent_drain.c */
/* Nothing new is accepted, what was asked is answered, then the loop stops. Again: at once. */
void agent_drain(struct agent *a);
/* A request or ctl came to its end. */
void agent_drain_check(struct agent *a);

/* agent_room.c */
/* Gives up what main needs no longer. Sockets are bound, the state is open, nothing is started. */
MUST_CHECK enum rc agent_room_enter(struct agent *a, struct diag *diag);

/* agent_ctl.c */
void agent_vault_open(struct agent *a);
void agent_ctl_open(struct agent *a);
void agent_ctl_close(struct agent *a);
void agent_ctl_send(struct agent *a, const struct msg *m);
void agent_ctl_alert(struct agent *a, const struct nic_alert *alert);
void agent_child_again(struct agent *a, struct child *c);
void agent_child_ended(struct agent *a, struct child *c, const char *name);
MUST_CHECK enum rc agent_child_watch(struct agent *a, struct child *c,
    void (*ended)(void *arg, uint32_t events));

/* agent_keys.c */
MUST_CHECK enum rc agent_keys_open(struct agent *a, struct diag *diag);
void agent_keys_close(struct agent *a);
/* Reads the key directory anew; what cannot be used is logged, and the old keys stay. */
void agent_keys_reload(struct agent *a);
/* To ctl, where there are any that serve. */
void agent_keys_send(struct agent *a);
/* What a person should see to; "" = nothing. */
void agent_keys_alarm(const struct agent *a, char *text, size_t cap);

/* agent_api.c */
void agent_api_request(struct agent *a, uint32_t id, const struct ctl_request *r);

/* agent_jobs.c */
/* The round is over: who waits for it gets the outcome. */
void agent_jobs_round(struct agent *a, uint32_t round);
/* Nobody is there to get an answer any more. */
void agent_jobs_forget(struct agent *a);
void agent_jobs_stop(struct agent *a);
/* The least that a reload of this round asked for; 0 = none must be confirmed. */
uint32_t agent_jobs_confirm_s(const struct agent *a, uint32_t round);

/* agent_once.c */
void agent_once_stop(struct agent *a);

/* agent_query.c */
void agent_queries_forget(struct agent *a);
void agent_queries_stop(struct agent *a);

/* agent_flow.c */
MUST_CHECK enum rc agent_flows_open(struct agent *a);
void agent_flows_close(struct agent *a);
/* The NIC is there, or booted: asks it for flows. */
void agent_flows_begin(struct agent *a);
/* One turn at what waits; RC_AGAIN: nothing more now. */
MUST_CHECK enum rc agent_flows_take(struct agent *a);
/* Totals of all flows, as key of o. */
void agent_flows_status(struct agent *a, yyjson_mut_doc *d, yyjson_mut_val *o, const char *key);

/* agent_notify.c */
void agent_notify_open(struct agent *a);
void agent_notify_close(struct agent *a);
void agent_notify_reloading(struct agent *a);
void agent_notify_round(struct agent *a);	/* its outcome is in last */
void agent_notify_nic(struct agent *a);		/* it came or went */

/* agent_json.c; NULL where memory is out. */
yyjson_mut_doc *agent_status_doc(struct agent *a);
/* NULL with diag: the NIC does not say. */
yyjson_mut_doc *agent_counters_doc(struct agent *a, struct diag *why);
yyjson_mut_doc *agent_outcome_doc(struct agent *a);
yyjson_mut_doc *agent_alert_doc(struct agent *a, const struct nic_alert *alert);
yyjson_mut_doc *agent_generation_doc(struct agent *a, const struct gen *g);
yyjson_mut_doc *agent_generations_doc(struct agent *a);
yyjson_mut_doc *agent_sources_doc(const struct gen *g);
yyjson_mut_doc *agent_rollback_doc(const struct outcome *o);
yyjson_mut_doc *agent_check_doc(const struct compile_result *r);
yyjson_mut_doc *agent_job_doc(const struct agent_job *j, yyjson_val *outcome);
void agent_dump(struct agent *a);

#endif
