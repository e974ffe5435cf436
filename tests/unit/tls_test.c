/* SPDX-License-Identifier: Apache-2.0 */
/* tls_test - mutual TLS 1.3 over a socket pair, with the key in a process of its own. */
#include "t.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file.h"
#include "keys.h"
#include "tls.h"
#include "tls_key.h"

static char dir[40], root[] = "/tmp/tls_test.XXXXXX";
static int signer_fd;
static pid_t signer_pid;

static const char *
path(const char *base, const char *name)
{
	static char out[4][128];
	static int turn;

	turn = (turn + 1) % 4;
	snprintf(out[turn], sizeof(out[turn]), "%s/%s", base, name);
	return out[turn];
}

static void
signer_start(void)
{
	struct diag d = { 0 };
	uint8_t *pem;
	size_t len;
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) != 0)
		abort();
	signer_pid = fork();
	if (signer_pid == 0) {
		close(sv[0]);
		if (file_read(AT_FDCWD, path(dir, "server.key"), SIGNER_KEY_BYTES_MAX, &pem, &len,
		    &d) != RC_OK)
			_exit(2);
		_exit(signer_serve(sv[1], pem, len + 1, &d) == RC_OK ? 0 : 1);
	}
	close(sv[1]);
	signer_fd = sv[0];
}

/* Steps both ends until both are done or one fails. */
static void
shake(struct tls_conn *s, struct tls_conn *c, enum rc *rs, enum rc *rc, struct diag *ds,
    struct diag *dc)
{
	*rs = *rc = RC_AGAIN;
	for (int i = 0; i < 100 && (*rs == RC_AGAIN || *rc == RC_AGAIN); i++) {
		if (*rc == RC_AGAIN)
			*rc = tls_handshake(c, dc);
		if (*rs == RC_AGAIN)
			*rs = tls_handshake(s, ds);
		if (*rs != RC_AGAIN && *rs != RC_OK)
			break;
	}
}

struct pair {
	struct tls_config *sc, *cc;
	struct tls_conn *s, *c;
	int sv[2];
};

static bool
pair_open(struct pair *p, const char *client_dir, const char *name, const char *host)
{
	struct diag d = { 0 };
	char crt[32], key[32];

	memset(p, 0, sizeof(*p));
	snprintf(crt, sizeof(crt), "%s.crt", name);
	snprintf(key, sizeof(key), "%s.key", name);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p->sv) != 0)
		return false;
	if (tls_config_server(dir, signer_fd, &p->sc, &d) == RC_OK &&
	    tls_config_client(path(dir, "ca.crt"), path(client_dir, crt),
	    path(client_dir, key), &p->cc, &d) == RC_OK &&
	    tls_conn_open(p->sc, p->sv[0], NULL, 0, NULL, &p->s, &d) == RC_OK &&
	    tls_conn_open(p->cc, p->sv[1], NULL, 0, host, &p->c, &d) == RC_OK)
		return true;
	printf("# %s\n", d.text);
	return false;
}

static void
pair_close(struct pair *p)
{
	tls_conn_close(&p->s);
	tls_conn_close(&p->c);
	tls_config_put(&p->sc);
	tls_config_put(&p->cc);
	close(p->sv[0]);
	close(p->sv[1]);
}

static void
test_mutual(void)
{
	struct diag ds = { 0 }, dc = { 0 };
	enum rc rs, rc;
	struct pair p;
	char buf[64];
	size_t n;

	if (!T_OK(pair_open(&p, dir, "client", "localhost")))
		return;
	shake(p.s, p.c, &rs, &rc, &ds, &dc);
	T_IS_INT(rs, RC_OK);
	T_IS_INT(rc, RC_OK);
	T_IS_STR(ds.text, "");
	T_IS_INT(tls_peer(p.s)->role, KEYS_OPERATE);
	T_OK(strstr(tls_peer(p.s)->name, "CN=client") != NULL);
	T_IS_INT(tls_write(p.c, "hello", 5, &n), RC_OK);
	T_IS_INT(tls_read(p.s, buf, sizeof(buf), &n), RC_OK);
	T_IS_UINT(n, 5);
	T_IS_INT(tls_read(p.s, buf, sizeof(buf), &n), RC_AGAIN);
	/* the config may be replaced while a connection holds it */
	tls_config_put(&p.sc);
	T_IS_INT(tls_write(p.s, "world", 5, &n), RC_OK);
	T_IS_INT(tls_read(p.c, buf, sizeof(buf), &n), RC_OK);
	T_IS_MEM(buf, "world", 5);
	tls_conn_close(&p.c);
	T_IS_INT(tls_read(p.s, buf, sizeof(buf), &n), RC_OK);
	T_IS_UINT(n, 0);
	pair_close(&p);
}

static void
test_role(void)
{
	struct diag ds = { 0 }, dc = { 0 };
	enum rc rs, rc;
	struct pair p;

	T_IS_INT(keys_client(dir, "eye", KEYS_VIEW, &dc), RC_OK);
	if (!T_OK(pair_open(&p, dir, "eye", "127.0.0.1")))
		return;
	shake(p.s, p.c, &rs, &rc, &ds, &dc);
	T_IS_INT(rs, RC_OK);
	T_IS_INT(tls_peer(p.s)->role, KEYS_VIEW);
	pair_close(&p);
}

static void
test_refused(void)
{
	const char *other = path(root, "other");
	struct diag ds = { 0 }, dc = { 0 };
	enum rc rs, rc;
	struct pair p;

	T_IS_INT(keys_init(other, NULL, 0, &dc), RC_OK);
	if (!T_OK(pair_open(&p, other, "client", "localhost")))
		return;
	shake(p.s, p.c, &rs, &rc, &ds, &dc);
	T_IS_INT(rs, RC_DENIED);
	T_IS_STR(ds.code, "tls-peer");
	pair_close(&p);
	/* a server's certificate is none of a client's */
	if (!T_OK(pair_open(&p, dir, "server", "localhost")))
		return;
	shake(p.s, p.c, &rs, &rc, &ds, &dc);
	T_IS_INT(rs, RC_DENIED);
	pair_close(&p);
	if (!T_OK(pair_open(&p, dir, "client", "elsewhere")))
		return;
	shake(p.s, p.c, &rs, &rc, &ds, &dc);
	T_OK(rc != RC_OK && rc != RC_AGAIN);
	pair_close(&p);
}

static void
test_revoked(void)
{
	struct diag ds = { 0 }, dc = { 0 };
	enum rc rs, rc;
	struct pair p;
	char crt[128];

	snprintf(crt, sizeof(crt), "%s", path(dir, "eye.crt"));
	T_IS_INT(keys_revoke(dir, crt, &dc), RC_OK);
	if (!T_OK(pair_open(&p, dir, "eye", "localhost")))
		return;
	shake(p.s, p.c, &rs, &rc, &ds, &dc);
	T_IS_INT(rs, RC_DENIED);
	T_OK(strstr(ds.text, "revoked") != NULL);
	pair_close(&p);
	if (!T_OK(pair_open(&p, dir, "client", "localhost")))
		return;
	shake(p.s, p.c, &rs, &rc, &ds, &dc);
	T_IS_INT(rs, RC_OK);
	T_OK(!tls_peer_revoked(p.sc, tls_peer(p.s)));
	pair_close(&p);
}

static void
test_signer_gone(void)
{
	struct diag ds = { 0 }, dc = { 0 };
	enum rc rs, rc;
	struct pair p;
	int status;

	T_IS_INT(kill(signer_pid, SIGKILL), 0);
	T_IS_INT(waitpid(signer_pid, &status, 0), signer_pid);
	if (!T_OK(pair_open(&p, dir, "client", "localhost")))
		return;
	shake(p.s, p.c, &rs, &rc, &ds, &dc);
	T_IS_INT(rs, RC_PEER);
	pair_close(&p);
	close(signer_fd);
	signer_start();
	if (!T_OK(pair_open(&p, dir, "client", "localhost")))
		return;
	shake(p.s, p.c, &rs, &rc, &ds, &dc);
	T_IS_INT(rs, RC_OK);
	pair_close(&p);
}

static void
test_hello(void)
{
	/* no session, one suite, one compression, extensions 0 of 3 bytes and 1 of 2 */
	uint8_t h[128] = { 0x16, 3, 1, 0, 60, 1, 0, 0, 56, [45] = 2, [48] = 1, [51] = 13,
		[55] = 3, [60] = 1, [62] = 2 };

	for (size_t i = 0; i < 65; i++)
		T_IS_INT(tls_hello_check(h, i), RC_AGAIN);
	T_IS_INT(tls_hello_check(h, 65), RC_OK);
	h[60] = 0;	/* an extension twice */
	T_IS_INT(tls_hello_check(h, 65), RC_INVALID);
	h[60] = 1;
	static const uint8_t lengths[] = { 43, 44, 48, 50, 51, 54, 55, 61, 62 };
	for (size_t i = 0; i < sizeof(lengths); i++) {
		h[lengths[i]]++;
		T_IS_INT(tls_hello_check(h, 65), RC_INVALID);
		h[lengths[i]]--;
	}
	h[5] = 2;
	T_IS_INT(tls_hello_check(h, 65), RC_INVALID);
	h[5] = 1;
	h[8] = 57;
	T_IS_INT(tls_hello_check(h, 65), RC_INVALID);
	T_IS_INT(tls_hello_check((const uint8_t *)"GET / ", 6), RC_INVALID);
	h[3] = 0xff;
	T_IS_INT(tls_hello_check(h, 9), RC_INVALID);
}

int
main(void)
{
	struct diag d = { 0 };
	char cmd[128];

	if (mkdtemp(root) == NULL)
		return 1;
	snprintf(dir, sizeof(dir), "%s/keys", root);
	if (keys_init(dir, NULL, 0, &d) != RC_OK)
		return 1;
	signer_start();
	T_RUN(test_hello);
	T_RUN(test_mutual);
	T_RUN(test_role);
	T_RUN(test_refused);
	T_RUN(test_revoked);
	T_RUN(test_signer_gone);
	close(signer_fd);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", root);
	if (system(cmd) != 0)
		return 1;
	return t_done();
}
