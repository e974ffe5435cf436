/* SPDX-License-Identifier: Apache-2.0 */
/* agent - start, signals, end. */
#define _GNU_SOURCE
#include "agent.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent_impl.h"
#include "clock.h"
#include "job.h"
#include "log.h"

/* ctl inherits the limit: its connections, and a few. */
enum { DESCRIPTORS = LIMIT_CONNS + LIMIT_CONNS_LOCAL + LIMIT_PENDING + 256 };

static void
signal_take(void *arg, uint32_t events)
{
	struct agent *a = arg;
	struct signalfd_siginfo s;

	UNUSED(events);
	while (read(a->signal_io.fd, &s, sizeof(s)) == (ssize_t)sizeof(s)) {
		switch (s.ssi_signo) {
		case SIGHUP:
			log_info("reload-asked", "by=signal");
			(void)agent_reload(a, true);
			break;
		case SIGUSR1:
			agent_dump(a);
			break;
		default:
			log_info("agent-end", "signal=%u", s.ssi_signo);
			agent_drain(a);
		}
	}
}

static enum rc
signals_open(struct agent *a, struct diag *diag)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	a->signal_io = (struct loop_io) { .fd = -1, .events = EPOLLIN, .fn = signal_take,
		.arg = a };
	if (sigprocmask(SIG_BLOCK, &set, NULL) == 0)
		a->signal_io.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (a->signal_io.fd < 0) {
		diag_set(diag, "signals", "signals cannot be waited for: %s", strerror(errno));
		return rc_from_errno(errno);
	}
	return loop_io_add(a->loop, &a->signal_io);
}

static void
agent_fini(struct agent *a)
{
	agent_notify_close(a);
	agent_policy_stop(a);
	agent_queries_stop(a);
	agent_jobs_stop(a);
	agent_once_stop(a);
	agent_ctl_close(a);
	agent_nic_stop(a);
	agent_flows_close(a);
	state_close(&a->state);
	agent_takeover_close(a);
	loop_destroy(&a->loop);
	if (a->signal_io.fd >= 0)
		(void)close(a->signal_io.fd);
	if (a->taking_fd >= 0)
		(void)close(a->taking_fd);
	diags_fini(&a->last.diags);
}

/* Room for every client beside what a compile and the NIC need. */
static void
descriptors_raise(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur >= DESCRIPTORS)
		return;
	r.rlim_cur = MIN(r.rlim_max, (rlim_t)DESCRIPTORS);
	if (setrlimit(RLIMIT_NOFILE, &r) != 0)
		log_warn("descriptors", "limit=%ju", (uintmax_t)r.rlim_cur);
}

/* State, sockets, the room: new, or of the daemon that runs and that ends then. */
static enum rc
place_take(struct agent *a, struct diag *diag)
{
	enum rc rc = a->cfg->takeover ? agent_takeover_ask(a, diag) : RC_OK;
	bool taking = a->taking_fd >= 0;

	if (rc == RC_OK && !taking)
		rc = state_open(a->cfg->state, -1, &a->state, diag);
	if (rc == RC_OK && !taking)
		rc = agent_given_take(a, diag);
	if (rc == RC_OK)
		rc = taking ? agent_listen_adopt(a, diag) : agent_listen_open(a, diag);
	if (rc == RC_OK)
		rc = agent_takeover_open(a, diag);
	if (rc == RC_OK)
		agent_vault_open(a);
	if (rc == RC_OK)
		rc = agent_room_enter(a, diag);
	if (rc == RC_OK)
		rc = agent_keys_open(a, diag);
	if (rc != RC_OK || !taking)
		return rc;
	rc = agent_takeover_go(a, diag);
	if (rc == RC_OK)
		rc = state_open(a->cfg->state, a->state_lock_fd, &a->state, diag);
	a->state_lock_fd = -1;	/* the state's, or closed by it */
	return rc;
}

enum rc
agent_run(const struct agent_cfg *cfg, struct diag *diag)
{
	struct agent a = { .cfg = cfg, .local_fd = -1, .tls_fd = -1, .socket_lock_fd = -1,
		.keys.pairs = { { -1, -1 }, { -1, -1 } }, .keys.trial_fd = -1,
		.keys.trial.fd = -1, .keys.retired.fd = -1, .ctl.worker.fd = -1,
		.signer.worker.fd = -1,
		.signal_io.fd = -1, .notify.fd = -1, .takeover_fd = -1, .takeover_io.fd = -1,
		.taking_fd = -1, .vault_fd = -1, .state_lock_fd = -1,
		.started_ns = clock_mono_ns() };
	enum rc rc = loop_create(&a.loop);

	descriptors_raise();
	job_rights_log();
	if (rc == RC_OK)
		rc = signals_open(&a, diag);
	if (rc == RC_OK)
		agent_notify_open(&a);
	if (rc == RC_OK)
		rc = place_take(&a, diag);
	if (rc == RC_OK) {
		agent_given_keep(&a);
		agent_ctl_open(&a);
	}
	if (rc == RC_OK)
		rc = agent_flows_open(&a);
	if (rc == RC_OK)
		rc = agent_nic_first(&a, diag);
	if (rc == RC_OK) {
		log_info("agent-start", "version=%s nic=%s policy=%s state=%s socket=%s "
		    "config=%s", cfg->version, cfg->nic, cfg->policy, cfg->state, cfg->socket,
		    cfg->config[0] != '\0' ? cfg->config : "-");
		(void)agent_reload(&a, true);
		rc = loop_run(a.loop);
	}
	agent_fini(&a);
	return rc;
}
