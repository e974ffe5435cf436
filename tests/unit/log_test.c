/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_test - whatever a value is, its event is one line, shows nothing but what it is, and parses
 * back to the same bytes; what is too long is cut where that still holds.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "log.h"

#include "t.h"

enum { LINE_MAX_BYTES = 8192, VALUE_MAX = 600 };

static int ends[2], stderr_was;

static void
catch_begin(void)
{
	CHECK(pipe2(ends, O_CLOEXEC) == 0);
	stderr_was = dup(STDERR_FILENO);
	CHECK(dup2(ends[1], STDERR_FILENO) == STDERR_FILENO);
}

static void
catch_end(void)
{
	CHECK(dup2(stderr_was, STDERR_FILENO) == STDERR_FILENO);
	close(stderr_was);
	close(ends[0]);
	close(ends[1]);
}

/* One line, without its end; "" where it was not one line of bytes that may be shown. */
static const char *
line(void)
{
	static char buf[LINE_MAX_BYTES];
	ssize_t n = read(ends[0], buf, sizeof(buf) - 1);

	CHECK(n > 0);
	buf[n] = '\0';
	if (!T_OK(buf[n - 1] == '\n') || !T_OK(strlen(buf) == (size_t)n))
		return "";
	buf[n - 1] = '\0';
	for (const char *c = buf; *c != '\0'; c++)
		if (!T_OK((unsigned char)*c >= 0x20 && *c != 0x7f))
			return "";
	return buf;
}

/* What a reader of logs does: the value of key, and the rest of the line; its length, or -1. */
static int
value(const char *at, const char *key, uint8_t *out, const char **rest)
{
	bool quoted;
	int n = 0;

	if (strncmp(at, key, strlen(key)) != 0 || at[strlen(key)] != '=')
		return -1;
	at += strlen(key) + 1;
	quoted = *at == '"';
	at += quoted;
	while (*at != '\0' && *at != (quoted ? '"' : ' ')) {
		unsigned hex;

		if (*at != '\\') {
			out[n++] = (uint8_t)*at++;
		} else if (at[1] == 'x' && sscanf(at + 2, "%2x", &hex) == 1) {
			out[n++] = (uint8_t)hex;
			at += 4;
		} else {
			out[n++] = (uint8_t)at[1];
			at += 2;
		}
	}
	if (quoted && *at++ != '"')
		return -1;
	*rest = at + (*at == ' ');
	return n;
}

/* There and back, quoted and not, with a field behind each. */
static bool
there_and_back(const uint8_t *text, size_t len)
{
	uint8_t back[LINE_MAX_BYTES];
	const char *at;
	char c[VALUE_MAX + 1];
	int n;

	memcpy(c, text, len);
	c[len] = '\0';
	log_warn("event", "text=\"%s\" plain=%s number=%d", c, c, -5);
	at = line();
	if (!T_OK(strncmp(at, "warn event ", 11) == 0))
		return false;
	n = value(at + 11, "text", back, &at);
	if (!T_IS_INT(n, len) || !T_OK(memcmp(back, text, len) == 0))
		return false;
	n = value(at, "plain", back, &at);
	return T_IS_INT(n, len) && T_OK(memcmp(back, text, len) == 0) &&
	    T_IS_STR(at, "number=-5");
}

static void
chosen(void)
{
	static const char *const texts[] = { "", "plain", "two words", "\"", "\\", "\\\"",
		"a\"b=\"c", "\" level=err", "\r\ninfo event text=\"forged\"",
		"\x1b[2J\x1b]0;t\a", "\x7f", "\xe2\x80\xa8line\xe2\x80\xa9",
		"\xe2\x80\xae" "txt.exe", "\xd8\x9c", "\xef\xbb\xbf",
		"\xc2\x9b" "31m", "\xf3\xa0\x80\x81", "\xe2\x80\x8b", "gr\xc3\xbc\xc3\x9f",
		"\xe6\x97\xa5\xe6\x9c\xac", "\xf0\x9f\x99\x82", "\xff\xfe", "\xc3", "\xe2\x80",
		"\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x01\x02\x1f", "%s%n", "\\x41" };

	catch_begin();
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		T_OK(there_and_back((const uint8_t *)texts[i], strlen(texts[i])));
	/* What is harmless stays as it is; what is not is never there as it was. */
	log_info("e", "text=\"%s\"", "gr\xc3\xbc\xc3\x9f \xe6\x97\xa5");
	T_IS_STR(line(), "info e text=\"gr\xc3\xbc\xc3\x9f \xe6\x97\xa5\"");
	log_info("e", "text=\"%s\"", "a\xe2\x80\xae" "b\"c\\d\n");
	T_IS_STR(line(), "info e text=\"a\\xe2\\x80\\xae" "b\\\"c\\\\d\\x0a\"");
	log_err("e", "path=%s part=%.*s", "/a b", 3, "abcdef");
	T_IS_STR(line(), "err e path=/a\\x20b part=abc");
	log_info("e", "u=%u x=%x ju=%ju zu=%zu ld=%ld llu=%llu pri=%" PRIu64 " %%", 4294967295u,
	    255u, UINTMAX_MAX, (size_t)7, -1L, 9ull, UINT64_C(1) << 63);
	T_IS_STR(line(), "info e u=4294967295 x=ff ju=18446744073709551615 zu=7 ld=-1 llu=9 "
	    "pri=9223372036854775808 %");
	catch_end();
}

/* Bytes at random, from sets that meet every kind of escape. */
static void
random_texts(void)
{
	static const char odd[] = "\"\\ \n\r\x1b\x7f=\xe2\x80\xa8\xc2\x9b\xf3\xff\xae";
	uint8_t text[VALUE_MAX];

	(void)t_seed();
	catch_begin();
	for (int i = 0; i < 20000; i++) {
		size_t len = t_rand_below(i % 10 == 0 ? 200 : 12);

		for (size_t j = 0; j < len; j++) {
			text[j] = (uint8_t)t_rand();
			if (t_rand_below(2) == 0)
				text[j] = (uint8_t)odd[t_rand_below(sizeof(odd) - 1)];
			text[j] = text[j] == 0 ? ' ' : text[j];
		}
		if (!there_and_back(text, len))
			break;
	}
	catch_end();
}

/* A value of a megabyte: cut, marked, the quote closed; a prefix of what it was. */
static void
too_long(void)
{
	static const char *const fills[] = { "a", "\"", "\n", "\xe2\x80\xa8", "\xc3\xbc" };
	static char text[(1 << 20) + 1];
	uint8_t back[LINE_MAX_BYTES];
	const char *at;

	catch_begin();
	for (size_t i = 0; i < sizeof(fills) / sizeof(fills[0]); i++) {
		size_t step = strlen(fills[i]);
		int n;

		for (size_t j = 0; j + step < sizeof(text); j += step)
			memcpy(text + j, fills[i], step);
		log_err("event", "text=\"%s\" more=%d", text, 1);
		at = line();
		T_OK(strlen(at) > 2000 && strlen(at) < 2048);
		n = value(at + 10, "text", back, &at);
		if (T_OK(n > 3)) {
			T_IS_MEM(back + n - 3, "...", 3);
			T_IS_MEM(back, text, (size_t)(n - 3));
		}
		T_IS_STR(at, "");
	}
	catch_end();
}

/* A reader that stands still is not waited for, one that is gone ends nobody; losses are told. */
static void
no_reader(void)
{
	static char text[1 << 17];
	size_t lines = 0, written = 0;
	ssize_t n;
	char *at;

	catch_begin();
	for (int i = 0; i < 3000; i++)
		log_info("event", "number=%d text=\"%s\"", i, "some words to fill a pipe with");
	n = read(ends[0], text, sizeof(text) - 1);
	T_OK(n > 0 && text[n - 1] == '\n');
	text[n > 0 ? n : 0] = '\0';
	for (at = text; (at = strchr(at, '\n')) != NULL; at++)
		written++;
	T_OK(written > 0 && written < 3000);
	log_info("event", "more=1");
	n = read(ends[0], text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	T_OK(sscanf(text, "warn log-lost lines=%zu", &lines) == 1);
	T_OK(strstr(text, "\ninfo event more=1\n") != NULL);
	T_IS_UINT(lines + written, 3000);
	close(ends[0]);
	log_info("event", "to=nobody");
	catch_end();
}

int
main(void)
{
	(void)signal(SIGPIPE, SIG_IGN);		/* as main() does */
	T_RUN(chosen);
	T_RUN(random_texts);
	T_RUN(too_long);
	T_RUN(no_reader);
	return t_done();
}
