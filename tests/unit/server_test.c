/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_test - the control process as it runs, in a child; this test is main on one side of it and
 * its clients on the other, over the local socket and over TLS on loopback.
 */
#include "t.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bounds.h"
#include "clock.h"
#include "ctl_msg.h"
#include "file.h"
#include "keys.h"
#include "keys_ca.h"
#include "server.h"
#include "tls.h"
#include "tls_key.h"

enum { STALL_MS = 1000 };

static char root[] = "/tmp/server_test.XXXXXX", dir[40], sock_path[64];
static struct msg_chan *chan;
static pid_t server_pid, signer_pid;
static uint16_t tls_port;

static const char openapi[] = "{\"openapi\":\"3.1.0\"}";

static int
local_listen(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", sock_path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&un, sizeof(un)) != 0 || listen(fd, 64) != 0)
		abort();
	return fd;
}

static int
tcp_listen(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(in);

	if (fd < 0 || bind(fd, (struct sockaddr *)&in, sizeof(in)) != 0 || listen(fd, 64) != 0 ||
	    getsockname(fd, (struct sockaddr *)&in, &len) != 0)
		abort();
	tls_port = ntohs(in.sin_port);
	return fd;
}

static void
keys_send(void)
{
	struct ctl_keys k = { 0 };
	uint8_t *ca = NULL, *crt = NULL, *crl = NULL, buf[16384];
	size_t ca_len, crt_len, crl_len = 0, len;
	struct diag d = { 0 };
	struct msg m = { .type = CTL_KEYS, .body = buf };

	if (keys_pem_read(dir, "ca.crt", &ca, &ca_len, &d) != RC_OK ||
	    keys_pem_read(dir, "server.crt", &crt, &crt_len, &d) != RC_OK)
		abort();
	if (keys_pem_read(dir, "ca.crl", &crl, &crl_len, &d) != RC_OK)
		crl_len = 0;
	k = (struct ctl_keys){ .ca = ca, .ca_len = (uint32_t)ca_len, .crt = crt,
		.crt_len = (uint32_t)crt_len, .crl = crl, .crl_len = (uint32_t)crl_len };
	if (ctl_keys_encode(&k, buf, sizeof(buf), &len) != RC_OK)
		abort();
	m.len = (uint32_t)len;
	if (msg_send(chan, &m) != RC_OK)
		abort();
	free(ca);
	free(crt);
	free(crl);
}

static void
processes_start(void)
{
	int sign[2], pair[2], local = local_listen(), tcp = tcp_listen();
	struct diag d = { 0 };
	uint8_t *pem;
	size_t len;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sign) != 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		abort();
	signer_pid = fork();
	if (signer_pid == 0) {
		close(sign[0]);
		close(pair[0]);
		close(pair[1]);
		char path[64];
		snprintf(path, sizeof(path), "%s/server.key", dir);
		if (file_read(AT_FDCWD, path, SIGNER_KEY_BYTES_MAX, &pem, &len, &d) != RC_OK)
			_exit(2);
		_exit(signer_serve(sign[1], pem, len + 1, &d) == RC_OK ? 0 : 1);
	}
	close(sign[1]);
	server_pid = fork();
	if (server_pid == 0) {
		struct server_cfg cfg = { .main_fd = pair[1], .local_fd = local, .tls_fd = tcp,
			.signer_fds = { sign[0], -1 }, .group = UINT32_MAX, .openapi = openapi,
			.openapi_len = sizeof(openapi) - 1, .stall_ms = STALL_MS };
		struct server *s;

		close(pair[0]);
		if (server_create(&cfg, &s, &d) != RC_OK)
			_exit(2);
		_exit(server_run(s) == RC_PEER ? 0 : 1);
	}
	close(pair[1]);
	close(sign[0]);
	close(local);
	close(tcp);
	if (msg_chan_create(pair[0], MSG_BODY_MAX, &chan) != RC_OK)
		abort();
	keys_send();
}

/* --- main's side --- */

static bool
main_take(struct msg *m, struct ctl_request *r)
{
	struct pollfd p = { .fd = msg_chan_fd(chan), .events = POLLIN };
	enum rc rc;

	while ((rc = msg_recv(chan, m)) == RC_AGAIN)
		if (poll(&p, 1, 5000) != 1)
			return false;
	return rc == RC_OK && m->type == CTL_REQUEST &&
	    ctl_request_decode(m->body, m->len, r) == RC_OK;
}

static void
main_answer(uint32_t id, int status, const char *etag, const char *body)
{
	struct ctl_answer a = { .body = (const uint8_t *)body, .body_len = (uint32_t)strlen(body) };
	uint8_t buf[4096];
	struct msg m = { .type = CTL_ANSWER, .id = id, .status = (uint16_t)status, .body = buf };
	size_t len;

	snprintf(a.etag, sizeof(a.etag), "%s", etag);
	snprintf(a.type, sizeof(a.type), "application/json");
	T_IS_INT(ctl_answer_encode(&a, buf, sizeof(buf), &len), RC_OK);
	m.len = (uint32_t)len;
	T_IS_INT(msg_send(chan, &m), RC_OK);
}

static void
main_event(uint64_t number)
{
	char json[64];
	struct msg m = { .type = CTL_EVENT, .arg = number, .body = (const uint8_t *)json };

	m.len = (uint32_t)snprintf(json, sizeof(json), "{\"n\":%llu}", (unsigned long long)number);
	T_IS_INT(msg_send(chan, &m), RC_OK);
}

/* --- a client's side --- */

static int
local_connect(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", sock_path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&un, sizeof(un)) != 0)
		abort();
	return fd;
}

static void
say(int fd, const char *text)
{
	T_IS_INT(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* What comes until it holds want, or the end; the text is kept for the caller. */
static const char *
hear(int fd, const char *want)
{
	static char buf[65536];
	size_t n = 0;

	buf[0] = '\0';
	while (n < sizeof(buf) - 1 && strstr(buf, want) == NULL) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t got;

		if (poll(&p, 1, 5000) != 1)
			break;
		got = recv(fd, buf + n, sizeof(buf) - 1 - n, 0);
		if (got <= 0)
			break;
		n += (size_t)got;
		buf[n] = '\0';
	}
	return buf;
}

static bool
starts(const char *text, const char *with)
{
	bool good = strncmp(text, with, strlen(with)) == 0;

	if (!good)
		printf("# got: %.200s\n", text);
	return good;
}

static void
test_ask(void)
{
	struct ctl_request r;
	int fd = local_connect();
	struct msg m;
	const char *got;

	say(fd, "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n");
	T_OK(main_take(&m, &r));
	T_OK(r.verb == CTL_STATUS && r.local && r.role == KEYS_OPERATE);
	main_answer(m.id, 200, "abc", "{\"a\":1}");
	got = hear(fd, "{\"a\":1}");
	T_OK(starts(got, "HTTP/1.1 200 OK\r\n"));
	T_OK(strstr(got, "ETag: \"abc\"\r\n") != NULL);
	T_OK(strstr(got, "Content-Length: 7\r\n") != NULL);
	say(fd, "GET /v1/status HTTP/1.1\r\nHost: x\r\nIf-None-Match: \"abc\"\r\n\r\n");
	T_OK(main_take(&m, &r));
	main_answer(m.id, 200, "abc", "{\"a\":1}");
	T_OK(starts(hear(fd, "\r\n\r\n"), "HTTP/1.1 304 "));
	say(fd, "HEAD /v1/status HTTP/1.1\r\nHost: x\r\n\r\n");
	T_OK(main_take(&m, &r));
	main_answer(m.id, 200, "abc", "{\"a\":1}");
	got = hear(fd, "\r\n\r\n");
	T_OK(starts(got, "HTTP/1.1 200 ") && strstr(got, "{\"a\"") == NULL);
	close(fd);
}

static void
test_pipeline(void)
{
	struct ctl_request r;
	int fd = local_connect();
	struct msg m;

	say(fd, "GET /v1/counters HTTP/1.1\r\nHost: x\r\n\r\nGET /v1/jobs/77?wait=3 HTTP/1.1\r\n"
	    "Host: x\r\nConnection: close\r\n\r\n");
	T_OK(main_take(&m, &r) && r.verb == CTL_COUNTERS);
	main_answer(m.id, 200, "", "first");
	T_OK(strstr(hear(fd, "first"), "first") != NULL);
	T_OK(main_take(&m, &r) && r.verb == CTL_JOB && r.number == 77 && r.seconds == 3);
	main_answer(m.id, 200, "", "second");
	T_OK(strstr(hear(fd, "never"), "Connection: close") != NULL);
	close(fd);
}

static void
test_body(void)
{
	struct ctl_request r;
	int fd = local_connect();
	struct msg m;

	say(fd, "POST /v1/policy/reload?confirm=60 HTTP/1.1\r\nHost: x\r\nIf-Match: \"g7\"\r\n"
	    "Idempotency-Key: k1\r\nContent-Length: 5\r\n\r\nhel");
	say(fd, "lo");
	T_OK(main_take(&m, &r));
	T_OK(r.verb == CTL_RELOAD && r.seconds == 60 && r.has_body && r.body_len == 5);
	T_IS_MEM(r.body, "hello", 5);
	T_IS_STR(r.tag, "g7");
	T_IS_STR(r.key, "k1");
	main_answer(m.id, 202, "", "{}");
	T_OK(starts(hear(fd, "{}"), "HTTP/1.1 202 "));
	say(fd, "POST /v1/policy/check HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
	T_OK(main_take(&m, &r));
	T_OK(r.verb == CTL_CHECK && r.body_len == 5);
	T_IS_MEM(r.body, "abcde", 5);
	main_answer(m.id, 422, "", "{}");
	T_OK(starts(hear(fd, "{}"), "HTTP/1.1 422 "));
	close(fd);
}

static void
test_refused(void)
{
	static const struct {
		const char *name, *head;
		int status;
	} rows[] = {
		{ "no path", "GET /v1/none HTTP/1.1\r\nHost: x\r\n\r\n", 404 },
		{ "method", "DELETE /v1/status HTTP/1.1\r\nHost: x\r\n\r\n", 405 },
		{ "no If-Match", "POST /v1/policy/confirm HTTP/1.1\r\nHost: x\r\n\r\n", 428 },
		{ "weak tag", "POST /v1/policy/confirm HTTP/1.1\r\nHost: x\r\n"
		    "If-Match: W/\"a\"\r\n\r\n", 400 },
		{ "star in quotes", "POST /v1/policy/confirm HTTP/1.1\r\nHost: x\r\n"
		    "If-Match: \"*\"\r\n\r\n", 400 },
		{ "two tags", "POST /v1/policy/confirm HTTP/1.1\r\nHost: x\r\n"
		    "If-Match: *\r\nIf-Match: \"1-a\"\r\n\r\n", 400 },
		{ "two keys", "POST /v1/policy/confirm HTTP/1.1\r\nHost: x\r\nIf-Match: *\r\n"
		    "Idempotency-Key: a\r\nidempotency-key: a\r\n\r\n", 400 },
		{ "two types", "POST /v1/policy/check HTTP/1.1\r\nHost: x\r\n"
		    "Content-Type: application/json\r\nContent-Type: text/html\r\n"
		    "Content-Length: 0\r\n\r\n", 400 },
		{ "query", "GET /v1/status?x=1 HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
		{ "number", "GET /v1/generations/99999999999 HTTP/1.1\r\nHost: x\r\n\r\n", 404 },
		{ "large number", "GET /v1/generations/4294967296 HTTP/1.1\r\nHost: x\r\n\r\n",
		    404 },
		{ "body", "GET /v1/status HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", 400 },
		{ "bare LF", "GET /v1/status HTTP/1.1\nHost: x\n\n", 400 },
		{ "too large", "POST /v1/policy/check HTTP/1.1\r\nHost: x\r\n"
		    "Content-Length: 8388609\r\n\r\n", 413 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd = local_connect();
		char want[32];
		const char *got;

		say(fd, rows[i].head);
		got = hear(fd, "}\n");
		snprintf(want, sizeof(want), "HTTP/1.1 %d ", rows[i].status);
		if (!T_OK(starts(got, want)))
			printf("# row %s\n", rows[i].name);
		T_OK(strstr(got, "application/problem+json") != NULL);
		close(fd);
	}
}

static void
test_stream(void)
{
	int fd = local_connect();
	const char *got;

	main_event(1);
	main_event(2);
	say(fd, "GET /v1/alerts HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 1\r\n\r\n");
	got = hear(fd, "{\"n\":2}");
	T_OK(strstr(got, "text/event-stream") != NULL);
	T_OK(strstr(got, "id: 2\nevent: alert\ndata: {\"n\":2}\n\n") != NULL);
	T_OK(strstr(got, "{\"n\":1}") == NULL);
	main_event(5);
	got = hear(fd, "{\"n\":5}");
	T_OK(strstr(got, "event: lost\ndata: {\"lost_events\":2}\n\n") != NULL);
	close(fd);
	fd = local_connect();
	say(fd, "GET /v1/alerts HTTP/1.1\r\nHost: x\r\nAccept: application/x-ndjson\r\n\r\n");
	hear(fd, "\r\n\r\n");
	main_event(6);
	T_OK(strstr(hear(fd, "{\"n\":6}"), "\n{\"n\":6}\n") != NULL);
	close(fd);
}

/* --- who does not read --- */

#ifdef RF_SANITIZE	/* by default 256 MiB of what was freed stay resident */
const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
	return "quarantine_size_mb=1";
}
#endif

/* Resident memory of the server, in KiB. */
static size_t
server_kib(void)
{
	char path[64];
	unsigned long size, resident = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)server_pid);
	f = fopen(path, "r");
	if (f == NULL || fscanf(f, "%lu %lu", &size, &resident) != 2)
		abort();
	fclose(f);
	return resident * (size_t)sysconf(_SC_PAGESIZE) / 1024;
}

/* The server ends the connection though nothing was read from it. */
static bool
cut_after(int fd, uint64_t since_ns)
{
	struct pollfd p = { .fd = fd };
	bool cut = poll(&p, 1, 20 * STALL_MS) == 1 && (p.revents & POLLHUP) != 0;
	uint64_t ms = (clock_mono_ns() - since_ns) / NS_PER_MS;

	printf("# cut after %llu ms\n", (unsigned long long)ms);
	return cut && ms >= STALL_MS - 50;
}

static void
test_stall_answer(void)
{
	static const char ask[] = "GET /v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n";
	int fd = local_connect();
	uint64_t start = clock_mono_ns();
	size_t before = server_kib(), sent = 0;

	/* requests until neither side takes more: answers are not made in advance */
	while (send(fd, ask, sizeof(ask) - 1, MSG_NOSIGNAL | MSG_DONTWAIT) > 0) {
		start = clock_mono_ns();
		sent++;
	}
	T_OK(sent > 100);
	T_OK(server_kib() < before + 512);
	T_OK(cut_after(fd, start));
	close(fd);
}

/* Events of 200 bytes, numbered on from where they were. */
static void
events_send(uint32_t count)
{
	static uint64_t number = 100;
	struct pollfd p = { .fd = msg_chan_fd(chan), .events = POLLOUT };
	char json[256];
	struct msg m = { .type = CTL_EVENT, .body = (const uint8_t *)json };
	uint32_t failed = 0;

	for (uint32_t i = 0; i < count; i++) {
		m.arg = ++number;
		m.len = (uint32_t)snprintf(json, sizeof(json), "{\"n\":%llu,\"pad\":\"%0180d\"}",
		    (unsigned long long)number, 0);
		failed += msg_send(chan, &m) != RC_OK;
		while (msg_wants_write(chan) && poll(&p, 1, 5000) == 1)
			if (msg_flush(chan) != RC_AGAIN)
				break;
	}
	T_IS_INT(failed, 0);
}

static int
reader_open(void)
{
	int fd = local_connect();

	say(fd, "GET /v1/alerts HTTP/1.1\r\nHost: x\r\nAccept: application/x-ndjson\r\n\r\n");
	hear(fd, "\r\n\r\n");
	return fd;
}

/* Counts the lines of events, and what lines of losses say. */
static void
lines_count(int fd, uint64_t want, uint64_t *seen, uint64_t *lost)
{
	static char buf[1 << 16];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t n = 0;
	ssize_t got;

	while (*seen + *lost < want && poll(&p, 1, 3000) == 1 &&
	    (got = recv(fd, buf + n, sizeof(buf) - 1 - n, 0)) > 0) {
		char *at = buf, *lf;

		n += (size_t)got;
		buf[n] = '\0';
		while ((lf = strchr(at, '\n')) != NULL) {
			unsigned long long v;

			*lf = '\0';
			if (sscanf(at, "{\"lost_events\":%llu}", &v) == 1)
				*lost += v;
			else
				*seen += strncmp(at, "{\"n\":", 5) == 0;
			at = lf + 1;
		}
		n -= (size_t)(at - buf);
		memmove(buf, at, n + 1);
	}
}

/* Who reads late hears how many it lost, and all else. */
static void
test_late_reader(void)
{
	enum { EVENTS = 3 * LIMIT_EVENTS };
	uint64_t seen = 0, lost = 0;
	int fd;

	events_send(1);
	fd = reader_open();
	events_send(EVENTS);
	lines_count(fd, EVENTS, &seen, &lost);
	printf("# %llu seen, %llu lost\n", (unsigned long long)seen, (unsigned long long)lost);
	T_OK(lost > 0 && seen > LIMIT_EVENTS);
	T_IS_INT(seen + lost, EVENTS);
	close(fd);
}

/* Who never reads holds its queue and no more, and is cut. */
static void
test_stall_stream(void)
{
	enum { READERS = 16 };
	uint64_t start = clock_mono_ns();
	size_t before = server_kib();
	int fds[READERS];

	for (int i = 0; i < READERS; i++)
		fds[i] = reader_open();
	events_send(2 * LIMIT_EVENTS);
	printf("# %zu KiB for %d readers\n", server_kib() - before, READERS);
	T_OK(server_kib() < before + 2048 + READERS * (2 * LIMIT_STREAM_QUEUE / 1024 + 64));
	for (int i = 0; i < READERS; i++) {
		T_OK(cut_after(fds[i], start));
		close(fds[i]);
	}
}

/* --- TLS --- */

static int
tls_connect(const char *name, struct tls_config **cfg, struct tls_conn **c, enum rc *rc)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(tls_port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	char ca[64], crt[64], key[64];
	struct diag d = { 0 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	snprintf(ca, sizeof(ca), "%s/ca.crt", dir);
	snprintf(crt, sizeof(crt), "%s/%s.crt", dir, name);
	snprintf(key, sizeof(key), "%s/%s.key", dir, name);
	if (fd < 0 || connect(fd, (struct sockaddr *)&in, sizeof(in)) != 0 ||
	    tls_config_client(ca, crt, key, cfg, &d) != RC_OK ||
	    tls_conn_open(*cfg, fd, NULL, 0, "127.0.0.1", c, &d) != RC_OK)
		abort();
	while ((*rc = tls_handshake(*c, &d)) == RC_AGAIN) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (poll(&p, 1, 5000) != 1)
			break;
	}
	return fd;
}

/* One request; under TLS 1.3 a refused certificate shows only here. */
static const char *
tls_ask(int fd, struct tls_conn *c, const char *head, struct msg *m, struct ctl_request *r,
    bool to_main)
{
	static char buf[8192];
	size_t n = 0, got;
	enum rc rc;

	buf[0] = '\0';
	if (tls_write(c, head, strlen(head), &got) != RC_OK)
		return buf;
	if (to_main && main_take(m, r))
		main_answer(m->id, 200, "", "{\"tls\":1}\n");
	while (strstr(buf, "}\n") == NULL) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		rc = tls_read(c, buf + n, sizeof(buf) - 1 - n, &got);
		if (rc == RC_AGAIN && poll(&p, 1, 5000) == 1)
			continue;
		if (rc != RC_OK || got == 0)
			break;
		n += got;
		buf[n] = '\0';
	}
	return buf;
}

static void
test_tls(void)
{
	static const char status[] = "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n";
	static const char confirm[] = "POST /v1/policy/confirm HTTP/1.1\r\nHost: x\r\n"
	    "If-Match: *\r\n\r\n";
	struct tls_config *cfg;
	struct tls_conn *c;
	struct ctl_request r = { 0 };
	struct diag d = { 0 };
	struct msg m;
	enum rc rc;
	int fd;

	fd = tls_connect("client", &cfg, &c, &rc);
	T_IS_INT(rc, RC_OK);
	T_OK(starts(tls_ask(fd, c, status, &m, &r, true), "HTTP/1.1 200 "));
	T_OK(!r.local && r.role == KEYS_OPERATE);
	tls_conn_close(&c);
	tls_config_put(&cfg);
	close(fd);

	T_IS_INT(keys_client(dir, "eye", KEYS_VIEW, &d), RC_OK);
	fd = tls_connect("eye", &cfg, &c, &rc);
	T_OK(starts(tls_ask(fd, c, status, &m, &r, true), "HTTP/1.1 200 "));
	T_IS_INT(r.role, KEYS_VIEW);
	T_OK(starts(tls_ask(fd, c, confirm, &m, &r, false), "HTTP/1.1 403 "));

	/* a live session of a revoked certificate ends when the list is read */
	char crt[64];
	snprintf(crt, sizeof(crt), "%s/eye.crt", dir);
	T_IS_INT(keys_revoke(dir, crt, &d), RC_OK);
	keys_send();
	T_IS_STR(tls_ask(fd, c, confirm, &m, &r, false), "");
	tls_conn_close(&c);
	tls_config_put(&cfg);
	close(fd);
	fd = tls_connect("eye", &cfg, &c, &rc);
	T_IS_STR(tls_ask(fd, c, status, &m, &r, false), "");
	tls_conn_close(&c);
	tls_config_put(&cfg);
	close(fd);
	fd = tls_connect("server", &cfg, &c, &rc);
	T_IS_STR(tls_ask(fd, c, status, &m, &r, false), "");
	tls_conn_close(&c);
	tls_config_put(&cfg);
	close(fd);
}

static void
test_tls_junk(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(tls_port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	T_IS_INT(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	say(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	T_IS_STR(hear(fd, "never"), "");
	close(fd);
}

static void
test_main_gone(void)
{
	int status;

	msg_chan_destroy(&chan);
	T_IS_INT(waitpid(server_pid, &status, 0), server_pid);
	T_OK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	T_IS_INT(waitpid(signer_pid, &status, 0), signer_pid);
	T_OK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int
main(void)
{
	struct diag d = { 0 };
	char cmd[128];

	if (mkdtemp(root) == NULL)
		return 1;
	snprintf(dir, sizeof(dir), "%s/keys", root);
	snprintf(sock_path, sizeof(sock_path), "%s/sock", root);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", root);
	if (keys_init(dir, NULL, 0, &d) != RC_OK)
		return 1;
	processes_start();
	T_RUN(test_ask);
	T_RUN(test_pipeline);
	T_RUN(test_body);
	T_RUN(test_refused);
	T_RUN(test_stream);
	T_RUN(test_stall_answer);
	T_RUN(test_late_reader);
	T_RUN(test_stall_stream);
	T_RUN(test_tls);
	T_RUN(test_tls_junk);
	T_RUN(test_main_gone);
	if (system(cmd) != 0)
		return 1;
	return t_done();
}
