/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_keys - the key directory, and the signer that holds its key.
 *
 * Main reads the files and looks into none. Fresh ones go to a fresh signer, which says whether
 * they serve together; only then is it told to begin and ctl is given the certificates. Until
 * then, and where they do not serve, the old signer goes on with the old key. There are two pairs
 * of sockets between ctl and signers, so that the old one answers what was asked of it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent_impl.h"
#include "bytes.h"
#include "clock.h"
#include "file.h"
#include "log.h"
#include "role_ctl.h"
#include "tls_key.h"

enum {
	CRT_BYTES_MAX = 64 * 1024,
	TRIAL_MS = 10000,		/* a fresh signer has so long to look */
	RETIRE_MS = 2000,		/* an old one answers so long what was asked before */
	SOON_S = 30 * 86400
};

static enum rc
key_file_read(const char *dir, const char *name, size_t max, bool needed, struct key_file *out,
    struct diag *diag)
{
	struct diag d = { 0 };
	char path[4096];
	enum rc rc;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	rc = file_read(AT_FDCWD, path, max, &out->p, &out->len, &d);
	if (rc != RC_OK && !needed && access(path, F_OK) != 0 && errno == ENOENT)
		return RC_OK;
	if (rc == RC_OK && out->len == 0) {
		diag_set(&d, "keys", "%s is empty", path);
		rc = RC_INVALID;
	}
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
	enum rc rc = key_file_read(dir, "ca.crt", CRT_BYTES_MAX, true, &k->ca, diag);

	if (rc == RC_OK)
		rc = key_file_read(dir, "server.crt", CRT_BYTES_MAX, true, &k->crt, diag);
	if (rc == RC_OK)
		rc = key_file_read(dir, "server.key", SIGNER_KEY_BYTES_MAX - 1, true, &k->key,
		    diag);
	if (rc == RC_OK)
		rc = key_file_read(dir, "ca.crl", CRT_BYTES_MAX, false, &k->crl, diag);
	return rc;
}

static bool
key_file_same(const struct key_file *x, const struct key_file *y)
{
	return x->len == y->len && (x->len == 0 || memcmp(x->p, y->p, x->len) == 0);
}

static bool
key_files_same(const struct key_files *x, const struct key_files *y)
{
	return key_file_same(&x->ca, &y->ca) && key_file_same(&x->crt, &y->crt) &&
	    key_file_same(&x->crl, &y->crl) && key_file_same(&x->key, &y->key);
}

/* All but the key, as a message; the caller frees. */
static uint8_t *
certs_encode(const struct key_files *k, size_t *len)
{
	const struct ctl_keys m = { .ca = k->ca.p, .crt = k->crt.p, .crl = k->crl.p,
		.ca_len = (uint32_t)k->ca.len + 1, .crt_len = (uint32_t)k->crt.len + 1,
		.crl_len = k->crl.p == NULL ? 0 : (uint32_t)k->crl.len + 1 };
	size_t cap = k->ca.len + k->crt.len + k->crl.len + 64;
	uint8_t *buf = malloc(cap);

	if (buf != NULL && ctl_keys_encode(&m, buf, cap, len) == RC_OK)
		return buf;
	free(buf);
	return NULL;
}

static void
none_send(struct agent *a)
{
	const struct ctl_keys none = { 0 };
	uint8_t buf[64];
	size_t len;

	if (ctl_keys_encode(&none, buf, sizeof(buf), &len) == RC_OK)
		agent_ctl_send(a, &(struct msg){ .type = CTL_KEYS, .body = buf,
		    .len = (uint32_t)len });
}

void
agent_keys_send(struct agent *a)
{
	size_t len = 0;
	uint8_t *buf;

	if (a->chan == NULL || (!a->keys.serving && a->keys.refused[0] == '\0'))
		return;
	if (!a->keys.serving) {		/* whoever connects is to hear that there are none */
		none_send(a);
		return;
	}
	buf = certs_encode(&a->keys.files, &len);
	if (buf != NULL)
		agent_ctl_send(a, &(struct msg){ .type = CTL_KEYS, .arg = a->keys.pair,
		    .body = buf, .len = (uint32_t)len });
	free(buf);
}

static void
refused(struct agent *a, const char *why)
{
	(void)snprintf(a->keys.refused, sizeof(a->keys.refused), "%.290s", why);
	log_err("keys-refused", "text=\"%s\" kept=%s", why, a->keys.serving ? "old" : "none");
	if (!a->keys.serving)
		agent_keys_send(a);
}

/* --- the signer that serves --- */

static void
signer_ended(void *arg, uint32_t events)
{
	struct agent *a = arg;

	UNUSED(events);
	agent_child_ended(a, &a->signer, "signer");
}

static void
retire(void *arg)
{
	struct agent *a = arg;

	loop_timer_clear(a->loop, &a->keys.retire_timer);
	worker_stop(&a->keys.retired);
}

/* --- the one on trial --- */

static void
trial_end(struct agent *a)
{
	struct agent_keys *k = &a->keys;

	loop_io_del(a->loop, &k->trial_io);
	loop_timer_clear(a->loop, &k->trial_timer);
	worker_stop(&k->trial);
	if (k->trial_fd >= 0)
		(void)close(k->trial_fd);
	k->trial_fd = -1;
	key_files_fini(&k->trial_files);
}

static void
trial_failed(struct agent *a, const char *why)
{
	bool fresh = a->keys.trial_fresh;

	trial_end(a);
	if (fresh)
		refused(a, why);
	else
		agent_child_again(a, &a->signer);
}

/* It serves from now on; the one before, if its key was another, for a moment more. */
static void
trial_passed(struct agent *a, const struct ctl_said *said)
{
	struct agent_keys *k = &a->keys;

	if (k->trial_fresh && a->signer.worker.pid > 0) {
		loop_io_del(a->loop, &a->signer.io);
		k->retired = a->signer.worker;
		CHECK(loop_timer_set(a->loop, &k->retire_timer, clock_mono_ns() +
		    RETIRE_MS * NS_PER_MS) == RC_OK);
	}
	loop_timer_clear(a->loop, &a->signer.again);
	a->signer.worker = k->trial;
	k->trial = (struct worker){ .fd = -1 };
	if (agent_child_watch(a, &a->signer, signer_ended) != RC_OK) {
		worker_stop(&a->signer.worker);
		agent_child_again(a, &a->signer);
	}
	if (k->trial_fresh) {
		key_files_fini(&k->files);
		k->files = k->trial_files;
		memset(&k->trial_files, 0, sizeof(k->trial_files));
		k->pair = k->trial_pair;
		k->serving = true;
		k->until_s = said->until_s;
		k->crl_until_s = said->crl_until_s;
		k->refused[0] = '\0';
		agent_keys_send(a);
	}
	trial_end(a);
}

static void
trial_ready(void *arg, uint32_t events)
{
	struct agent *a = arg;
	struct ctl_said said;
	uint8_t buf[CTL_SAID_BYTES];
	ssize_t n = recv(a->keys.trial_fd, buf, sizeof(buf), MSG_DONTWAIT);

	UNUSED(events);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || ctl_said_decode(buf, (size_t)n, &said) != RC_OK)
		trial_failed(a, "the signer came to an end while it looked at them");
	else if (!said.ok)
		trial_failed(a, said.why);
	else if (send(a->keys.trial_fd, "", 1, MSG_NOSIGNAL) != 1)
		trial_failed(a, "the signer came to an end");
	else
		trial_passed(a, &said);
}

static void
trial_late(void *arg)
{
	trial_failed(arg, "the signer does not answer");
}

/* The key goes through a pipe that holds it whole: nobody waits, and it is in no file. */
static int
key_pipe(const struct key_file *key)
{
	int p[2];

	CHECK(key->len < SIGNER_KEY_BYTES_MAX);
	if (pipe2(p, O_CLOEXEC) != 0)
		return -1;
	if (fd_write_all(p[1], key->p, key->len) != RC_OK) {
		(void)close(p[0]);
		p[0] = -1;
	}
	(void)close(p[1]);
	return p[0];
}

static int
certs_file(const struct key_files *k)
{
	size_t len = 0;
	uint8_t *buf = certs_encode(k, &len);
	int fd = buf == NULL ? -1 : memfd_create("certificates", MFD_CLOEXEC);

	if (fd >= 0 && (fd_write_all(fd, buf, len) != RC_OK || lseek(fd, 0, SEEK_SET) != 0)) {
		(void)close(fd);
		fd = -1;
	}
	free(buf);
	return fd;
}

static enum rc
trial_start(struct agent *a, const struct key_files *files, struct diag *diag)
{
	struct agent_keys *k = &a->keys;
	int fds[SIGNER_FDS], say[2];
	enum rc rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, say) != 0)
		return rc_from_errno(errno);
	k->trial_fd = say[0];
	fds[SIGNER_FD_ASK] = k->pairs[k->trial_pair][1];
	fds[SIGNER_FD_KEY] = key_pipe(&files->key);
	fds[SIGNER_FD_CERTS] = certs_file(files);
	fds[SIGNER_FD_SAY] = say[1];
	rc = fds[SIGNER_FD_KEY] < 0 || fds[SIGNER_FD_CERTS] < 0 ? RC_LIMIT :
	    worker_start("signer", fds, SIGNER_FDS, &k->trial, diag);
	for (size_t i = SIGNER_FD_KEY; i < SIGNER_FDS; i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
	if (rc != RC_OK)
		return rc;
	k->trial_io = (struct loop_io){ .fd = k->trial_fd, .events = EPOLLIN, .fn = trial_ready,
		.arg = a };
	k->trial_timer = (struct loop_timer){ .fn = trial_late, .arg = a };
	rc = loop_io_add(a->loop, &k->trial_io);
	return rc != RC_OK ? rc : loop_timer_set(a->loop, &k->trial_timer, clock_mono_ns() +
	    TRIAL_MS * NS_PER_MS);
}

/* files: taken where they are fresh, else those that serve. */
static void
trial_begin(struct agent *a, struct key_files *files, bool fresh)
{
	struct agent_keys *k = &a->keys;
	struct diag d = { 0 };
	enum rc rc;

	trial_end(a);
	if (fresh) {
		k->trial_files = *files;
		retire(a);
	}
	k->trial_fresh = fresh;
	k->trial_pair = fresh && k->serving ? 1 - k->pair : k->pair;
	rc = trial_start(a, fresh ? &k->trial_files : &k->files, &d);
	if (rc == RC_OK)
		return;
	log_err("child-failed", "name=signer rc=%s text=\"%s\"", rc_name(rc), d.text);
	trial_failed(a, "no signer could be started to look at them");
}

/* After its death. While another key is on trial it may be that no one needs it. */
static void
signer_again(void *arg)
{
	struct agent *a = arg;

	if (a->keys.trial.pid > 0)
		agent_child_again(a, &a->signer);
	else
		trial_begin(a, NULL, false);
}

void
agent_keys_reload(struct agent *a)
{
	struct key_files fresh = { 0 };
	struct diag d = { 0 };

	if (a->cfg->listen == NULL)
		return;
	if (key_files_read(a->cfg->keys, &fresh, &d) != RC_OK) {
		key_files_fini(&fresh);
		refused(a, d.text);
		return;
	}
	if (a->keys.serving && key_files_same(&fresh, &a->keys.files)) {
		key_files_fini(&fresh);		/* so that tickets stay good */
		if (a->keys.trial_fresh)
			trial_end(a);
		a->keys.refused[0] = '\0';
		return;
	}
	trial_begin(a, &fresh, true);
}

enum rc
agent_keys_open(struct agent *a, struct diag *diag)
{
	struct key_files files = { 0 };
	enum rc rc;

	if (a->cfg->listen == NULL)
		return RC_OK;
	a->signer.again = (struct loop_timer){ .fn = signer_again, .arg = a };
	a->keys.retire_timer = (struct loop_timer){ .fn = retire, .arg = a };
	rc = key_files_read(a->cfg->keys, &files, diag);
	for (int i = 0; i < 2 && rc == RC_OK; i++)
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, a->keys.pairs[i]) != 0)
			rc = rc_from_errno(errno);
	if (rc == RC_OK)
		trial_begin(a, &files, true);
	else
		key_files_fini(&files);
	return rc;
}

void
agent_keys_close(struct agent *a)
{
	struct agent_keys *k = &a->keys;

	if (a->loop != NULL) {
		trial_end(a);
		loop_io_del(a->loop, &a->signer.io);
		loop_timer_clear(a->loop, &a->signer.again);
		loop_timer_clear(a->loop, &k->retire_timer);
	}
	worker_stop(&a->signer.worker);
	worker_stop(&k->retired);
	for (int i = 0; i < 4; i++)
		if (k->pairs[i / 2][i % 2] >= 0)
			(void)close(k->pairs[i / 2][i % 2]);
	key_files_fini(&k->files);
}

void
agent_keys_alarm(const struct agent *a, char *text, size_t cap)
{
	const struct agent_keys *k = &a->keys;
	uint64_t now_s = clock_wall_ns() / NS_PER_S;

	text[0] = '\0';
	if (k->refused[0] != '\0')
		(void)snprintf(text, cap, "%s; %s", k->refused, k->serving ?
		    "the keys before serve on" : "nobody is served over TLS");
	else if (k->serving && k->until_s < now_s)
		(void)snprintf(text, cap, "server.crt or a certificate of ca.crt is over");
	else if (k->serving && k->until_s < now_s + SOON_S)
		(void)snprintf(text, cap, "server.crt or a certificate of ca.crt ends within 30 "
		    "days");
	else if (k->serving && k->crl_until_s != 0 && k->crl_until_s < now_s)
		(void)snprintf(text, cap, "ca.crl is past its next update; it still revokes whom "
		    "it names");
}
