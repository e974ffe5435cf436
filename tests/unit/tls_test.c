/* SPDX-License-Identifier: Apache-2.0 */
/* tls_test - mutual TLS 1.3 over a socket pair, with the key in a process of its own. */
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file.h"
#include "keys.h"
#include "tls.h"
#include "tls_impl.h"
#include "tls_key.h"

#include "t.h"

static char dir[40], root[] = "/tmp/tls_test.XXXXXX";
static int signer_fd;
static pid_t signer_pid;

static time_t later_s;			/* the age of tickets is told by this clock */

/* In the place of the C library's, so that an hour passes at once. */
int
clock_gettime(clockid_t id, struct timespec *ts)
{
	int r = (int)syscall(SYS_clock_gettime, id, ts);

	if (id == CLOCK_BOOTTIME)
		ts->tv_sec += later_s;
	return r;
}

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

/* --- tickets --- */

static mbedtls_ssl_session session;

/* A whole handshake with the server of p, and the ticket of it in session. */
static bool
ticket_earn(struct pair *p)
{
	struct diag ds = { 0 }, dc = { 0 };
	enum rc rs, rc;
	unsigned char buf[16];
	int err = MBEDTLS_ERR_SSL_WANT_READ;

	if (!pair_open(p, dir, "client", "localhost"))
		return false;
	mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(&p->cc->conf,
	    MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
	shake(p->s, p->c, &rs, &rc, &ds, &dc);
	mbedtls_ssl_session_free(&session);
	mbedtls_ssl_session_init(&session);
	if (rs != RC_OK || rc != RC_OK)
		return false;
	for (int i = 0; i < 10 && err == MBEDTLS_ERR_SSL_WANT_READ; i++)
		err = mbedtls_ssl_read(&p->c->ssl, buf, sizeof(buf));
	return !tls_peer(p->s)->resumed && err == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET &&
	    mbedtls_ssl_get_session(&p->c->ssl, &session) == 0;
}

/* Whether a first flight has the extension pre_shared_key, which is the last one. */
static bool
ticket_offered(int fd)
{
	static const uint8_t psk[] = { 0x00, 0x29 };
	uint8_t hello[2048];
	ssize_t n = recv(fd, hello, sizeof(hello), MSG_PEEK);

	return n > 0 && memmem(hello, (size_t)n, psk, sizeof(psk)) != NULL;
}

enum told { RESUMED, WHOLE, FAILED };

/* Another connection to the server of sc, which is offered the ticket; on_way_s: the hello takes so
 * long. */
static enum told
ticket_show(struct tls_config *sc, struct tls_config *cc, time_t on_way_s)
{
	struct diag ds = { 0 }, dc = { 0 };
	enum rc rs = RC_IO, rc = RC_IO;
	enum told told = FAILED;
	struct tls_conn *s = NULL, *c = NULL;
	char buf[8];
	size_t n;
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv) != 0)
		return FAILED;
	if (tls_conn_open(sc, sv[0], NULL, 0, NULL, &s, &ds) == RC_OK &&
	    tls_conn_open(cc, sv[1], NULL, 0, "localhost", &c, &dc) == RC_OK &&
	    mbedtls_ssl_set_session(&c->ssl, &session) == 0 &&
	    tls_handshake(c, &dc) == RC_AGAIN && T_OK(ticket_offered(sv[0]))) {
		later_s += on_way_s;
		shake(s, c, &rs, &rc, &ds, &dc);
	}
	if (rs == RC_OK && rc == RC_OK) {
		told = tls_peer(s)->resumed ? RESUMED : WHOLE;
		/* who it is, is known either way; and bytes go through */
		T_OK(strstr(tls_peer(s)->name, "CN=client") != NULL);
		T_IS_INT(tls_peer(s)->role, KEYS_OPERATE);
		T_IS_INT(tls_write(c, "hello", 5, &n), RC_OK);
		T_IS_INT(tls_read(s, buf, sizeof(buf), &n), RC_OK);
		T_IS_MEM(buf, "hello", 5);
	} else {
		printf("# server %s, client %s\n", ds.text, dc.text);
	}
	tls_conn_close(&s);
	tls_conn_close(&c);
	close(sv[0]);
	close(sv[1]);
	return told;
}

/* Its hour ends: before that it resumes, a second behind it the handshake is whole. A client
 * that knows of the hour offers no older one, so it ends on the way. */
static void
test_ticket_expired(void)
{
	struct pair p;

	if (T_OK(ticket_earn(&p))) {
		T_IS_INT(ticket_show(p.sc, p.cc, 0), RESUMED);
		later_s = TLS_TICKET_S - 8;
		T_IS_INT(ticket_show(p.sc, p.cc, 4), RESUMED);
		later_s = TLS_TICKET_S - 3;
		T_IS_INT(ticket_show(p.sc, p.cc, 4), WHOLE);
		later_s = 0;
		T_IS_INT(ticket_show(p.sc, p.cc, 0), RESUMED);
	}
	pair_close(&p);
}

/* Another server of the same certificate and the same CA, which never gave it. */
static void
test_ticket_foreign(void)
{
	struct tls_config *other = NULL;
	struct diag d = { 0 };
	struct pair p;

	if (T_OK(ticket_earn(&p)) &&
	    T_IS_INT(tls_config_server(dir, signer_fd, &other, &d), RC_OK)) {
		T_IS_INT(ticket_show(other, p.cc, 0), WHOLE);
		T_IS_INT(ticket_show(p.sc, p.cc, 0), RESUMED);
	}
	tls_config_put(&other);
	pair_close(&p);
}

/* One bit of it is wrong, wherever that is. */
static void
test_ticket_damaged(void)
{
	struct pair p;

	if (T_OK(ticket_earn(&p))) {
		size_t len = session.MBEDTLS_PRIVATE(ticket_len), at[] = { 0, 4, len / 2, len - 1 };

		for (size_t i = 0; i < ARRAY_LEN(at); i++) {
			session.MBEDTLS_PRIVATE(ticket)[at[i]] ^= 1;
			T_IS_INT(ticket_show(p.sc, p.cc, 0), WHOLE);
			session.MBEDTLS_PRIVATE(ticket)[at[i]] ^= 1;
		}
		T_IS_INT(ticket_show(p.sc, p.cc, 0), RESUMED);
	}
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
	T_RUN(test_ticket_expired);
	T_RUN(test_ticket_foreign);
	T_RUN(test_ticket_damaged);
	mbedtls_ssl_session_free(&session);
	T_RUN(test_signer_gone);
	close(signer_fd);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", root);
	if (system(cmd) != 0)
		return 1;
	return t_done();
}
