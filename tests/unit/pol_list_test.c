/* SPDX-License-Identifier: Apache-2.0 */
/* pol_list - the words of list files, their lines and columns. */
#include <stdlib.h>
#include <string.h>

#include "pol_list.h"
#include "t.h"

struct list_row {
	const char *name;
	const char *text;
	const char *want;	/* LINE:COL:KIND WORD, one after another */
};

static const struct list_row list_rows[] = {
	{ "nothing", "", "" },
	{ "blank", " \t \n\n\r\n  ", "" },
	{ "comments only", "# a\n; b\n  # 10.0.0.1", "" },
	{ "one", "10.0.0.1", "1:1:E 10.0.0.1|" },
	{ "one and its end", "10.0.0.1\n", "1:1:E 10.0.0.1|" },
	{ "LF", "a\nb\n", "1:1:E a|2:1:E b|" },
	{ "CR LF", "a\r\nb\r\n", "1:1:E a|2:1:E b|" },
	{ "CR", "a\rb\r", "1:1:E a|2:1:E b|" },
	{ "LF CR is two ends", "a\n\rb", "1:1:E a|3:1:E b|" },
	{ "blanks around", "\t a \t\n b", "1:3:E a|2:2:E b|" },
	{ "a comment after", "10.0.0.0/8 ; SBL1\nfd00::/8 # x",
	    "1:1:E 10.0.0.0/8|2:1:E fd00::/8|" },
	{ "a comment at once", "a#b\nc;d", "1:1:E a|2:1:E c|" },
	{ "two on a line", "a b c\nd", "1:1:E a|1:3:S b|1:5:S c|2:1:E d|" },
	{ "a range with blanks is three words", "a - b", "1:1:E a|1:3:S -|1:5:S b|" },
	{ "odd bytes are words", "\001\377 x", "1:1:E \001\377|1:4:S x|" },
	{ "no end after a comment", "a\n#", "1:1:E a|" },
	{ "an end that is CR", "a\r", "1:1:E a|" },
};

static void
words(const struct list_row *row)
{
	struct pol_list_scan s;
	struct pol_list_word w;
	enum pol_list_kind kind;
	char got[256] = "";
	size_t at = 0;

	pol_list_scan_init(&s, (const uint8_t *)row->text, strlen(row->text));
	while ((kind = pol_list_next(&s, &w)) != POL_LIST_END)
		at += (size_t)snprintf(got + at, sizeof(got) - at, "%u:%u:%c %.*s|", w.line, w.col,
		    kind == POL_LIST_ENTRY ? 'E' : 'S', (int)w.len, w.text);
	T_IS_STR(got, row->want);
	T_IS_INT(pol_list_next(&s, &w), POL_LIST_END);
}

/* A NUL is a byte like others: the text has a length. */
static void
nul_byte(void)
{
	static const uint8_t text[] = "a\0b\nc";
	struct pol_list_scan s;
	struct pol_list_word w;

	pol_list_scan_init(&s, text, sizeof(text) - 1);
	T_IS_INT(pol_list_next(&s, &w), POL_LIST_ENTRY);
	T_IS_UINT(w.len, 3);
	T_IS_INT(pol_list_next(&s, &w), POL_LIST_ENTRY);
	T_IS_UINT(w.line, 2);
	T_IS_UINT(w.len, 1);
}

/* Nothing behind the end is read, wherever it is. */
static void
every_end(void)
{
	static const char text[] = " a b\r\n#c\r\n10.0.0.0/8;d\r";
	size_t all = sizeof(text) - 1;

	for (size_t len = 0; len <= all; len++) {
		uint8_t *copy = malloc(len + 1);
		struct pol_list_scan s;
		struct pol_list_word w;
		unsigned count = 0;

		if (!T_OK(copy != NULL))
			return;
		memcpy(copy, text, len);
		copy[len] = 'x';
		pol_list_scan_init(&s, copy, len);
		while (pol_list_next(&s, &w) != POL_LIST_END) {
			T_OK(w.text + w.len <= (const char *)copy + len);
			count++;
		}
		T_OK(count <= 3);
		free(copy);
	}
}

int
main(void)
{
	T_ROWS(list_rows, words);
	T_RUN(nul_byte);
	T_RUN(every_end);
	return t_done();
}
