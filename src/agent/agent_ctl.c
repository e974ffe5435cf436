/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_ctl - the control process and the signer: started, watched, started anew; the channel.
 *
 * Main reads the files of the key directory and looks into none: they go to the children as bytes.
 * The pair of sockets between ctl and signer is main's too, so that either may die alone.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent_impl.h"
#include "bytes.h"
#include "clock.h"
#include "ctl_msg.h"
#include "file.h"
#include "log.h"
#include "role_ctl.h"

enum {
	STOP_CHECK_MS = 500,
	BACKOFF_FIRST_MS = 20, BACKOFF_MAX_MS = 2000,
	KEY_FILE_BYTES_MAX = 64 * 1024
};

static void ctl_start(void *arg);
static void signer_start(void *arg);

static void
again_in(struct agent *a, struct child *c)
{
	enum rc rc = loop_timer_set(a->loop, &c->again, clock_mono_ns() +
	    c->backoff_ms * NS_PER_MS);

	CHECK(rc == RC_OK);
	c->backoff_ms = MIN(c->backoff_ms * 2, (uint32_t)BACKOFF_MAX_MS);
	c->restarts++;
}

/* Its end is seen; it comes back after a pause that grows while it keeps dying. */
static void
child_ended(struct agent *a, struct child *c, const char *name)
{
	char why[32];

	loop_io_del(a->loop, &c->io);
	worker_reap(&c->worker, why, sizeof(why));
	log_err("child-ended", "name=%s how=\"%s\" restart_ms=%u", name, why, c->backoff_ms);
	if (clock_mono_ns() - c->since_ns > 10 * NS_PER_S)
		c->backoff_ms = BACKOFF_FIRST_MS;
	again_in(a, c);
}

static enum rc
child_watch(struct agent *a, struct child *c, void (*ended)(void *arg, uint32_t events))
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

/* --- keys --- */

static enum rc
key_file_read(const char *dir, const char *name, bool needed, struct key_file *out,
    struct diag *diag)
{
	struct diag d = { 0 };
	char path[4096];
	enum rc rc;

	free(out->p);
	memset(out, 0, sizeof(*out));
	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	rc = file_read(AT_FDCWD, path, KEY_FILE_BYTES_MAX, &out->p, &out->len, &d);
	if (rc != RC_OK && !needed && access(path, F_OK) != 0)
		return RC_OK;
	if (rc != RC_OK)
		*diag = d;
	return rc;
}

static void
key_files_fini(struct key_files *k)
{
	if (k->key.p != NULL)
		mem_wipe(k->key.p, k->key.len);
	free(k->ca.p);
	free(k->crt.p);
	free(k->crl.p);
	free(k->key.p);
	memset(k, 0, sizeof(*k));
}

static enum rc
key_files_read(const char *dir, struct key_files *k, struct diag *diag)
{
	enum rc rc = key_file_read(dir, "ca.crt", true, &k->ca, diag);

	if (rc == RC_OK)
		rc = key_file_read(dir, "server.crt", true, &k->crt, diag);
	if (rc == RC_OK)
		rc = key_file_read(dir, "server.key", true, &k->key, diag);
	return rc == RC_OK ? key_file_read(dir, "ca.crl", false, &k->crl, diag) : rc;
}

static bool
key_file_same(const struct key_file *x, const struct key_file *y)
{
	return x->len == y->len && (x->len == 0 || memcmp(x->p, y->p, x->len) == 0);
}

static void
keys_send(struct agent *a)
{
	const struct key_files *k = &a->keys;
	const struct ctl_keys m = { .ca = k->ca.p, .crt = k->crt.p, .crl = k->crl.p,
		.ca_len = (uint32_t)k->ca.len + 1, .crt_len = (uint32_t)k->crt.len + 1,
		.crl_len = k->crl.p == NULL ? 0 : (uint32_t)k->crl.len + 1 };
	size_t cap = k->ca.len + k->crt.len + k->crl.len + 64, len;
	uint8_t *buf;

	if (a->cfg->listen == NULL || a->chan == NULL)
		return;
	buf = malloc(cap);
	if (buf != NULL && ctl_keys_encode(&m, buf, cap, &len) == RC_OK)
		agent_ctl_send(a, &(struct msg){ .type = CTL_KEYS, .body = buf,
		    .len = (uint32_t)len });
	free(buf);
}

void
agent_keys_reload(struct agent *a)
{
	struct key_files fresh = { 0 };
	struct diag d = { 0 };

	if (a->cfg->listen == NULL)
		return;
	if (key_files_read(a->cfg->keys, &fresh, &d) != RC_OK) {
		log_err("keys-refused", "text=\"%s\" kept=old", d.text);
		key_files_fini(&fresh);
		return;
	}
	if (key_file_same(&fresh.ca, &a->keys.ca) && key_file_same(&fresh.crt, &a->keys.crt) &&
	    key_file_same(&fresh.crl, &a->keys.crl) && key_file_same(&fresh.key, &a->keys.key)) {
		key_files_fini(&fresh);		/* so that tickets stay good */
		return;
	}
	if (!key_file_same(&fresh.key, &a->keys.key) && a->signer.worker.pid > 0) {
		loop_io_del(a->loop, &a->signer.io);
		worker_stop(&a->signer.worker);
		key_files_fini(&a->keys);
		a->keys = fresh;
		signer_start(a);
	} else {
		key_files_fini(&a->keys);
		a->keys = fresh;
	}
	keys_send(a);
}

/* --- the signer --- */

static void
signer_ended(void *arg, uint32_t events)
{
	struct agent *a = arg;

	UNUSED(events);
	child_ended(a, &a->signer, "signer");
}

/* The key goes through a pipe that holds it whole: nobody waits. */
static int
key_pipe(const struct key_file *key)
{
	int p[2];

	if (key->len > 8191 || pipe2(p, O_CLOEXEC) != 0)
		return -1;
	if (fd_write_all(p[1], key->p, key->len) != RC_OK) {
		(void)close(p[0]);
		p[0] = -1;
	}
	(void)close(p[1]);
	return p[0];
}

static void
signer_start(void *arg)
{
	struct agent *a = arg;
	struct diag d = { 0 };
	int fds[SIGNER_FDS];
	enum rc rc;

	fds[SIGNER_FD_ASK] = a->sign_pair[1];
	fds[SIGNER_FD_KEY] = key_pipe(&a->keys.key);
	rc = fds[SIGNER_FD_KEY] < 0 ? RC_LIMIT :
	    worker_start("signer", fds, SIGNER_FDS, &a->signer.worker, &d);
	if (fds[SIGNER_FD_KEY] >= 0)
		(void)close(fds[SIGNER_FD_KEY]);
	if (rc == RC_OK)
		rc = child_watch(a, &a->signer, signer_ended);
	if (rc != RC_OK) {
		log_err("child-failed", "name=signer text=\"%s\"", d.text);
		worker_stop(&a->signer.worker);
		again_in(a, &a->signer);
	}
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
	child_ended(a, &a->ctl, "ctl");
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
	fds[CTL_FD_SIGNER] = a->sign_pair[0];
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
	return rc == RC_OK ? child_watch(a, &a->ctl, ctl_ended) : rc;
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
		again_in(a, &a->ctl);
		return;
	}
	agent_ctl_send(a, &(struct msg){ .type = CTL_GROUP, .arg = a->group });
	keys_send(a);
}

enum rc
agent_ctl_open(struct agent *a, struct diag *diag)
{
	enum rc rc = RC_OK;

	a->ctl.backoff_ms = a->signer.backoff_ms = BACKOFF_FIRST_MS;
	a->ctl.again = (struct loop_timer){ .fn = ctl_start, .arg = a };
	a->signer.again = (struct loop_timer){ .fn = signer_start, .arg = a };
	if (a->cfg->listen != NULL) {
		rc = key_files_read(a->cfg->keys, &a->keys, diag);
		if (rc == RC_OK && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
		    a->sign_pair) != 0)
			rc = rc_from_errno(errno);
		if (rc == RC_OK)
			signer_start(a);
	}
	if (rc == RC_OK) {
		a->stop_timer = (struct loop_timer){ .fn = stop_check, .arg = a };
		ctl_start(a);
		stop_check(a);
	}
	return rc;
}

void
agent_ctl_close(struct agent *a)
{
	chan_close(a);
	if (a->loop != NULL) {
		loop_io_del(a->loop, &a->ctl.io);
		loop_io_del(a->loop, &a->signer.io);
		loop_timer_clear(a->loop, &a->stop_timer);
		loop_timer_clear(a->loop, &a->ctl.again);
		loop_timer_clear(a->loop, &a->signer.again);
	}
	worker_stop(&a->ctl.worker);
	worker_stop(&a->signer.worker);
	for (int i = 0; i < 2; i++)
		if (a->sign_pair[i] >= 0)
			(void)close(a->sign_pair[i]);
	key_files_fini(&a->keys);
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
