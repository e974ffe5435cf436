/* SPDX-License-Identifier: Apache-2.0 */
/* line_test - lines in pieces, lines too long, requests right and wrong. */
#include "t.h"

#include "line.h"

static void
add(struct line_buf *b, const char *text, size_t n)
{
	while (n > 0) {
		char *to;
		size_t room;

		if (!T_OK(line_room(b, &to, &room) == RC_OK))
			return;
		if (room > n)
			room = n;
		memcpy(to, text, room);
		line_added(b, room);
		text += room;
		n -= room;
	}
}

static void
test_pieces(void)
{
	static const char text[] = "one\ntwo\n\nthree\nhalf";
	static const char *const want[] = { "one", "two", "", "three" };

	for (size_t piece = 1; piece <= sizeof(text) - 1; piece++) {
		struct line_buf b = { 0 };
		size_t seen = 0, len;
		char *line;

		for (size_t at = 0; at < sizeof(text) - 1; at += piece) {
			size_t n = sizeof(text) - 1 - at;

			add(&b, text + at, n < piece ? n : piece);
			while (line_next(&b, &line, &len)) {
				if (!T_OK(seen < 4))
					break;
				T_IS_UINT(len, strlen(want[seen]));
				T_IS_MEM(line, want[seen], len);
				seen++;
			}
		}
		T_IS_UINT(seen, 4);
		line_fini(&b);
	}
}

static void
test_longest(void)
{
	struct line_buf b = { 0 };
	char *text = calloc(1, LINE_BYTES_MAX), *to, *line;
	size_t room, len;

	memset(text, 'a', LINE_BYTES_MAX - 1);
	text[LINE_BYTES_MAX - 1] = '\n';
	add(&b, text, LINE_BYTES_MAX);
	T_OK(line_next(&b, &line, &len));
	T_IS_UINT(len, LINE_BYTES_MAX - 1);
	text[LINE_BYTES_MAX - 1] = 'a';
	add(&b, text, LINE_BYTES_MAX);
	T_OK(!line_next(&b, &line, &len));
	T_IS_INT(line_room(&b, &to, &room), RC_LIMIT);
	line_fini(&b);
	free(text);
}

struct row {
	const char *name;
	enum rc rc;
	enum line_verb verb;
};

static const struct row rows[] = {
	{ "{\"verb\":\"status\"}", RC_OK, LINE_STATUS },
	{ " { \"verb\" : \"watch\" } ", RC_OK, LINE_WATCH },
	{ "{\"verb\":\"reload\"}\r", RC_OK, LINE_RELOAD },
	{ "{\"verb\":\"counters\"}", RC_OK, LINE_COUNTERS },
	{ "", RC_INVALID, 0 },
	{ "status", RC_INVALID, 0 },
	{ "{}", RC_INVALID, 0 },
	{ "[]", RC_INVALID, 0 },
	{ "null", RC_INVALID, 0 },
	{ "\"status\"", RC_INVALID, 0 },
	{ "{\"verb\":1}", RC_INVALID, 0 },
	{ "{\"verb\":\"stat\"}", RC_INVALID, 0 },
	{ "{\"verb\":\"status\\u0000\"}", RC_INVALID, 0 },
	{ "{\"verb\":\"status\",\"x\":1}", RC_INVALID, 0 },
	{ "{\"verb\":\"status\",\"verb\":\"status\"}", RC_INVALID, 0 },
	{ "{\"verb\":\"status\"", RC_INVALID, 0 },
	{ "{\"verb\":\"status\"} x", RC_INVALID, 0 },
	{ "{\"verb\":\"\xff\"}", RC_INVALID, 0 },
};

static void
test_parse(const struct row *r)
{
	char text[128];
	enum line_verb verb = LINE_VERB__COUNT;
	struct diag d = { 0 };

	snprintf(text, sizeof(text), "%s", r->name);
	T_IS_INT(line_parse(text, strlen(text), &verb, &d), r->rc);
	if (r->rc == RC_OK)
		T_IS_INT(verb, r->verb);
	else
		T_IS_STR(d.code, "request");
}

static void
test_nul(void)
{
	char text[] = "{\"verb\":\"status\"}\0";
	struct diag d = { 0 };
	enum line_verb verb;

	T_IS_INT(line_parse(text, sizeof(text) - 1, &verb, &d), RC_INVALID);
	T_IS_STR(d.text, "a NUL byte in a request");
}

/* Objects in objects without end are refused, not followed. */
static void
test_deep(void)
{
	char *text = calloc(1, 60001);
	struct diag d = { 0 };
	enum line_verb verb;

	memset(text, '[', 60000);
	T_IS_INT(line_parse(text, 60000, &verb, &d), RC_INVALID);
	free(text);
}

int
main(void)
{
	T_RUN(test_pieces);
	T_RUN(test_longest);
	T_ROWS(rows, test_parse);
	T_RUN(test_nul);
	T_RUN(test_deep);
	return t_done();
}
