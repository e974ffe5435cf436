/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_ctl - the children that stay: watched and started anew; the control process, its channel.
 * The sockets between ctl and signer are main's too, so that either may die alone.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent_impl.h"
#include "bytes.h"
#include "clock.h"
#include "ctl_msg.h"
#include "file.h"
#include "log.h"
#include "role_ctl.h"
#include "tls.h"

enum {
	STOP_CHECK_MS = 500,
	BACKOFF_FIRST_MS = 20, BACKOFF_MAX_MS = 2000
};

static void ctl_start(void *arg);

void
agent_child_again(struct agent *a, struct child *c)
{
	enum rc rc;

	c->backoff_ms = MAX(c->backoff_ms, (uint32_t)BACKOFF_FIRST_MS);
	rc = loop_timer_set(a->loop, &c->again, clock_mono_ns() + c->backoff_ms * NS_PER_MS);
	CHECK(rc == RC_OK);
	c->backoff_ms = MIN(c->backoff_ms * 2, (uint32_t)BACKOFF_MAX_MS);
	c->restarts++;
}

/* Its end is seen; it comes back after a pause that grows while it keeps dying. */
void
agent_child_ended(struct agent *a, struct child *c, const char *name)
{
	char why[32];

	loop_io_del(a->loop, &c->io);
	worker_reap(&c->worker, why, sizeof(why));
	log_err("child-ended", "name=%s how=\"%s\" restart_ms=%u", name, why, c->backoff_ms);
	if (clock_mono_ns() - c->since_ns > 10 * NS_PER_S)
		c->backoff_ms = BACKOFF_FIRST_MS;
	agent_child_again(a, c);
}

enum rc
agent_child_watch(struct agent *a, struct child *c, void (*ended)(void *arg, uint32_t events))
{
	c->since_ns = clock_mono_ns();
	c->io = (struct loop_io){ .fd = c->worker.fd, .events = EPOLLIN, .fn = ended, .arg = a };
	return loop_io_add(a->loop, &c->io);
}

/* Who stands still serves nobody: it is ended, and comes back. */
static void
stop_check(void *arg)
{
	struct agent *a = arg;
	struct child *const children[] = { &a->ctl, &a->signer };
	enum rc rc;

	for (size_t i = 0; i < ARRAY_LEN(children); i++)
		if (worker_stopped(&children[i]->worker)) {
			log_err("child-stopped", "pid=%d", (int)children[i]->worker.pid);
			(void)kill(children[i]->worker.pid, SIGKILL);
		}
	rc = loop_timer_set(a->loop, &a->stop_timer, clock_mono_ns() + STOP_CHECK_MS * NS_PER_MS);
	CHECK(rc == RC_OK);
}

/* --- the vault: what ctl leaves for the ctl after it --- */

/* Memory that no one can make smaller under its reader, and that main itself never maps. */
void
agent_vault_open(struct agent *a)
{
	if (a->vault_fd >= 0 || a->cfg->listen == NULL)
		return;
	a->vault_fd = memfd_create("tickets", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (a->vault_fd >= 0 && (ftruncate(a->vault_fd, TLS_VAULT_BYTES) != 0 ||
	    fcntl(a->vault_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)) {
		(void)close(a->vault_fd);
		a->vault_fd = -1;
	}
}

/* Wiped, unless another daemon has it now. */
static void
vault_close(struct agent *a)
{
	static const uint8_t zeros[4096];
	off_t at = 0;

	if (a->vault_fd < 0)
		return;
	while (!a->handed_over && at < TLS_VAULT_BYTES) {
		ssize_t n = pwrite(a->vault_fd, zeros,
		    MIN(sizeof(zeros), (size_t)(TLS_VAULT_BYTES - at)), at);

		if (n <= 0)
			break;
		at += n;
	}
	(void)close(a->vault_fd);
	a->vault_fd = -1;
}

/* --- ctl --- */

static void
chan_close(struct agent *a)
{
	if (a->chan == NULL)
		return;
	loop_io_del(a->loop, &a->chan_io);
	msg_chan_destroy(&a->chan);
	agent_queries_forget(a);
	agent_jobs_forget(a);	/* whom the answers were for is gone */
}

static void
ctl_ended(void *arg, uint32_t events)
{
	struct agent *a = arg;

	UNUSED(events);
	chan_close(a);
	if (a->draining) {
		char why[32];

		loop_io_del(a->loop, &a->ctl.io);
		worker_reap(&a->ctl.worker, why, sizeof(why));
		agent_drain_check(a);
		return;
	}
	agent_child_ended(a, &a->ctl, "ctl");
}

static void
chan_want(struct agent *a)
{
	loop_io_want(a->loop, &a->chan_io, EPOLLIN | (msg_wants_write(a->chan) ?
	    (uint32_t)EPOLLOUT : 0));
}

void
agent_ctl_send(struct agent *a, const struct msg *m)
{
	enum rc rc = a->chan == NULL ? RC_PEER : msg_send(a->chan, m);

	if (rc == RC_OK) {
		chan_want(a);
	} else if (m->type == CTL_EVENT) {
		a->events_lost++;	/* its number is missing: readers are told */
	} else if (m->type == CTL_FLOW) {
		a->flow_events_lost++;
	} else if (a->chan != NULL) {
		log_err("ctl-channel", "rc=%s", rc_name(rc));
		chan_close(a);
	}
}

static void
chan_ready(void *arg, uint32_t events)
{
	struct agent *a = arg;
	struct ctl_request r;
	struct msg m;
	enum rc rc = events & EPOLLOUT ? msg_flush(a->chan) : RC_OK;

	if (rc == RC_AGAIN)
		rc = RC_OK;
	while (rc == RC_OK && a->chan != NULL) {
		rc = msg_recv(a->chan, &m);
		if (rc != RC_OK)
			break;
		if (m.type != CTL_REQUEST || m.id == 0 ||
		    ctl_request_decode(m.body, m.len, &r) != RC_OK)
			rc = RC_INVALID;
		else
			agent_api_request(a, m.id, &r);
	}
	if (a->chan == NULL)
		return;
	if (rc == RC_AGAIN) {
		chan_want(a);
		return;
	}
	if (rc == RC_INVALID) {
		log_err("ctl-channel", "text=\"ctl broke the protocol; it is ended\"");
		(void)kill(a->ctl.worker.pid, SIGKILL);
	}
	chan_close(a);
}

static enum rc
ctl_try(struct agent *a, struct diag *diag)
{
	int pair[2], fds[CTL_FDS];
	enum rc rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
		diag_set(diag, "ctl", "socketpair: %s", strerror(errno));
		return rc_from_errno(errno);
	}
	fds[CTL_FD_MAIN] = pair[1];
	fds[CTL_FD_LOCAL] = a->local_fd;
	fds[CTL_FD_TLS] = a->tls_fd;
	fds[CTL_FD_SIGNER] = a->keys.pairs[0][0];
	fds[CTL_FD_SIGNER_NEXT] = a->keys.pairs[1][0];
	fds[CTL_FD_VAULT] = a->vault_fd;
	rc = worker_start("ctl", fds, CTL_FDS, &a->ctl.worker, diag);
	(void)close(pair[1]);
	if (rc == RC_OK)
		rc = msg_chan_create(pair[0], HTTP_BODY_BYTES_MAX + 4096, &a->chan);
	if (rc != RC_OK) {
		(void)close(pair[0]);
		return rc;
	}
	a->chan_io = (struct loop_io){ .fd = msg_chan_fd(a->chan), .events = EPOLLIN,
		.fn = chan_ready, .arg = a };
	rc = loop_io_add(a->loop, &a->chan_io);
	return rc == RC_OK ? agent_child_watch(a, &a->ctl, ctl_ended) : rc;
}

static void
ctl_start(void *arg)
{
	struct agent *a = arg;
	struct diag d = { 0 };

	if (ctl_try(a, &d) != RC_OK) {
		log_err("child-failed", "name=ctl text=\"%s\"", d.text);
		chan_close(a);
		worker_stop(&a->ctl.worker);
		agent_child_again(a, &a->ctl);
		return;
	}
	agent_ctl_send(a, &(struct msg){ .type = CTL_GROUP, .arg = a->group });
	agent_keys_send(a);
}

void
agent_ctl_open(struct agent *a)
{
	a->ctl.again = (struct loop_timer){ .fn = ctl_start, .arg = a };
	a->stop_timer = (struct loop_timer){ .fn = stop_check, .arg = a };
	ctl_start(a);
	stop_check(a);
}

void
agent_ctl_close(struct agent *a)
{
	chan_close(a);
	if (a->loop != NULL) {
		loop_timer_clear(a->loop, &a->drain_timer);
		loop_io_del(a->loop, &a->ctl.io);
		loop_timer_clear(a->loop, &a->stop_timer);
		loop_timer_clear(a->loop, &a->ctl.again);
	}
	worker_stop(&a->ctl.worker);
	vault_close(a);
	agent_keys_close(a);
	agent_listen_close(a);
}

/* An alert, as one line of JSON, to whoever watches. */
void
agent_ctl_alert(struct agent *a, const struct nic_alert *alert)
{
	yyjson_mut_doc *doc = agent_alert_doc(a, alert);
	size_t len = 0;
	char *text = doc == NULL ? NULL : yyjson_mut_write(doc,
	    YYJSON_WRITE_ALLOW_INVALID_UNICODE, &len);

	a->event_number++;
	if (text != NULL)
		agent_ctl_send(a, &(struct msg){ .type = CTL_EVENT, .arg = a->event_number,
		    .body = (const uint8_t *)text, .len = (uint32_t)len });
	free(text);
	yyjson_mut_doc_free(doc);
}
