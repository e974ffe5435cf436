/* SPDX-License-Identifier: Apache-2.0 */
/* http_test - heads taken and refused, every prefix, every byte replaced; bodies in chunks. */
#include "t.h"

#include <stdlib.h>
#include <string.h>

#include "http.h"

static const char good[] = "POST /v1/policy/check?full=1&x=%41 HTTP/1.1\r\nHost: nic-7:8443\r\n"
    "Content-Length: 12\r\nX-Empty:\r\nAccept:  text/plain \t\r\n\r\n";

static const struct {
	const char *head;
	int status;
} refused[] = {
	{ "GET / HTTP/1.1\nHost: a\n\n", 400 },			/* bare LF */
	{ "GET / HTTP/1.1\r\nHost: a\r\n b: c\r\n\r\n", 400 },	/* obs-fold */
	{ "GET / HTTP/1.1\r\n\r\n", 400 },			/* no Host */
	{ "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", 400 },	/* blank before the colon */
	{ "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET / HTTP/1.0\r\nHost: a\r\n\r\n", 505 },
	{ "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505 },
	{ "BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501 },
	{ "get / HTTP/1.1\r\nHost: a\r\n\r\n", 501 },
	{ "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\t\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\tchunked\r\n\r\n", 400 },
	{ "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET /%4 HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
	  "Transfer-Encoding: chunked\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
	  "Content-Length: 1\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8388609\r\n\r\n", 413 },
	{ "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501 },
	{ "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
	  "Transfer-Encoding: chunked\r\n\r\n",
	    400 },
	{ "GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\nHost: a\r\nX: \x80\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400 },
	{ "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
};

/* Every form that is taken, and the nearest that is none. */
static const struct {
	const char *host;
	bool good;
} hosts[] = {
	{ "a", true }, { "nic-7.example_net:1", true }, { "127.0.0.1:65535", true },
	{ "[::1]", true }, { "[fd00::7]:8443", true }, { "[::ffff:10.0.0.1]", true },
	{ "", false }, { ":1", false }, { "a:", false }, { "a:65536", false },
	{ "a:000001", false }, { "a:1a", false }, { "a:1:2", false }, { "::1", false },
	{ "[::1", false }, { "::1]", false }, { "[]", false }, { "[:]", false },
	{ "[::::]", false },
	{ "[10.0.0.1]", false }, { "[g::]", false },
	{ "[::1]a", false }, { "a b", false }, { "a,b", false }, { "a/b", false }, { "u@a", false },
	{ "a?b", false }, { "a#b", false },
	{ "%61", false }, { "\"a\"", false }, { "a;b", false },
	{ "[fe80::1%25eth0]", false }, { "a\\b", false }
};

static void
test_hosts(void)
{
	char head[128];
	struct http_head h;
	size_t used;
	int status;

	for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
		int n = snprintf(head, sizeof(head), "GET / HTTP/1.1\r\nHost: %s \r\n\r\n",
		    hosts[i].host);
		enum rc rc = http_head_parse(head, (size_t)n, &h, &used, &status);

		if (!T_OK(rc == (hosts[i].good ? RC_OK : RC_INVALID)))
			printf("# Host: %s\n", hosts[i].host);
		T_IS_INT(status, hosts[i].good ? 0 : 400);
		T_OK(!hosts[i].good || http_slice_is(&h.host, hosts[i].host));
	}
}

static void
test_good(void)
{
	struct http_head h;
	struct http_slice v;
	char text[16];
	size_t used;
	int status;

	T_OK(http_head_parse(good, strlen(good), &h, &used, &status) == RC_OK);
	T_OK(used == strlen(good) && h.method == HTTP_POST);
	T_OK(http_slice_is(&h.path, "/v1/policy/check"));
	T_OK(http_slice_is(&h.host, "nic-7:8443") && h.content_length == 12);
	T_OK(http_field_get(&h, "ACCEPT", &v) && http_slice_is(&v, "text/plain"));
	T_OK(http_field_get(&h, "x-empty", &v) && v.len == 0);
	T_OK(!http_field_get(&h, "x-none", &v));
	T_OK(http_query_get(&h.query, "x", text, sizeof(text)) && strcmp(text, "A") == 0);
	T_OK(!http_query_get(&h.query, "ful", text, sizeof(text)));
	T_OK(!http_query_get(&h.query, "x", text, 1));
}

static void
test_refused(void)
{
	struct http_head h;
	size_t used;
	int status;

	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		enum rc rc = http_head_parse(refused[i].head, strlen(refused[i].head), &h, &used,
		    &status);

		T_OK(rc == RC_INVALID && status == refused[i].status);
	}
}

/* Every prefix wants more; every byte replaced by every other never reads past the end. */
static void
test_every(void)
{
	size_t n = strlen(good), used, taken = 0, wrong = 0;
	struct http_head h;
	int status;

	for (size_t i = 0; i < n; i++) {
		char *p = malloc(i == 0 ? 1 : i);

		memcpy(p, good, i);
		wrong += http_head_parse(p, i, &h, &used, &status) != RC_AGAIN;
		free(p);
	}
	T_OK(wrong == 0);
	for (size_t i = 0; i < n; i++) {
		for (int c = 0; c < 256; c++) {
			char *p = malloc(n);

			memcpy(p, good, n);
			p[i] = (char)c;
			if (http_head_parse(p, n, &h, &used, &status) == RC_OK) {
				taken++;
				wrong += used != n || c < 0x09 || c >= 0x7f;
			}
			free(p);
		}
	}
	T_OK(wrong == 0 && taken > n);
}

static void
test_limits(void)
{
	size_t used, n = HTTP_HEAD_BYTES_MAX + 100;
	char *p = malloc(n);
	struct http_head h;
	int status, k;

	memset(p, 'a', n);
	memcpy(p, "GET / HTTP/1.1\r\nHost: a\r\nX: ", 28);
	T_OK(http_head_parse(p, HTTP_HEAD_BYTES_MAX - 1, &h, &used, &status) == RC_AGAIN);
	T_OK(http_head_parse(p, HTTP_HEAD_BYTES_MAX, &h, &used, &status) == RC_INVALID);
	T_IS_INT(status, 431);
	k = sprintf(p, "GET / HTTP/1.1\r\nHost: a\r\n");
	for (int i = 0; i < HTTP_FIELDS_MAX; i++)
		k += sprintf(p + k, "A%d: b\r\n", i);
	k += sprintf(p + k, "\r\n");
	T_OK(http_head_parse(p, (size_t)k, &h, &used, &status) == RC_INVALID && status == 431);
	k = sprintf(p, "GET /");
	memset(p + k, 'a', HTTP_TARGET_BYTES_MAX);
	k += HTTP_TARGET_BYTES_MAX;
	k += sprintf(p + k, " HTTP/1.1\r\nHost: a\r\n\r\n");
	T_OK(http_head_parse(p, (size_t)k, &h, &used, &status) == RC_INVALID && status == 414);
	free(p);
}

static enum rc
feed_all(const char *in, size_t step, char *out, size_t *out_len, int *status)
{
	struct http_chunked c = { 0 };
	size_t n = strlen(in), i = 0;
	enum rc rc = RC_AGAIN;

	*out_len = 0;
	while (i < n && rc == RC_AGAIN) {
		size_t used, got;

		rc = http_chunked_feed(&c, in + i, MIN(step, n - i), &used, out + *out_len, &got,
		    status);
		if (rc == RC_INVALID)
			break;
		i += used;
		*out_len += got;
	}
	return rc;
}

static void
test_chunks(void)
{
	static const char body[] = "5\r\nhello\r\n00A\r\n, world 12\r\n0\r\n\r\n";
	static const char *const bad[] = { "5;x=y\r\nhello\r\n0\r\n\r\n", "\r\n", "5\nhello",
		"g\r\n", "5\r\nhelloX\r\n", "0\r\nTrailer: x\r\n\r\n", "000000000\r\n",
		"800001\r\n", " 5\r\n",
		"5\r\nhello\n0\r\n\r\n", "-1\r\n" };
	char out[64];
	size_t n, wrong = 0;
	int status;

	for (size_t step = 1; step <= sizeof(body); step++)
		wrong += feed_all(body, step, out, &n, &status) != RC_OK || n != 15 ||
		    memcmp(out, "hello, world 12", 15) != 0;
	T_OK(wrong == 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		T_OK(feed_all(bad[i], 100, out, &n, &status) == RC_INVALID);
	T_OK(feed_all("800001\r\n", 100, out, &n, &status) == RC_INVALID && status == 413);
}

int
main(void)
{
	T_RUN(test_good);
	T_RUN(test_hosts);
	T_RUN(test_refused);
	T_RUN(test_every);
	T_RUN(test_limits);
	T_RUN(test_chunks);
	return t_done();
}
