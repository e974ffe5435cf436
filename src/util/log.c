/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log - lines on standard error, each written by one call.
 *
 * The format's own text is ours; what stands for %s is anybody's. So conversions are taken here,
 * one by one, and each string is escaped for the place it stands in: between quotes or without.
 */
#include "log.h"

#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* END_BYTES: room for what ends a line in the midst of a value. */
enum { LINE_BYTES = 2048, END_BYTES = 8 };

static bool verbose;
static uint64_t lost;		/* lines, since the last that was written */

struct line {
	char text[LINE_BYTES + 1];
	size_t len;
	bool quoted, full;
};

void
log_verbose(bool on)
{
	verbose = on;
}

/* All of it or none, and then the line is full: nothing follows. */
static void
put(struct line *l, const char *p, size_t n)
{
	l->full = l->full || n > LINE_BYTES - END_BYTES - l->len;
	if (l->full)
		return;
	memcpy(l->text + l->len, p, n);
	l->len += n;
}

/* What hides, moves or breaks what a person sees: U+0080 to 9F (C1), 200B to 200F and 2028 to 202E
 * (zero width, marks, line ends, bidirectional), 2060 to 206F, 061C, FEFF, and the tags. */
static bool
is_hidden(uint32_t c)
{
	return (c >= 0x80 && c <= 0x9f) || c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
	    (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
	    (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe0fff);
}

/* Bytes of the character at p, 0 where it is none of UTF-8 that may be shown. */
static size_t
shown(const uint8_t *p, size_t left)
{
	size_t n = p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
	uint32_t c;

	if (n == 0 || n > left)
		return 0;
	c = p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3fu);
	}
	if (c < (n == 2 ? 0x80u : n == 3 ? 0x800u : 0x10000u) || c > 0x10ffff ||
	    (c >= 0xd800 && c <= 0xdfff) || is_hidden(c))
		return 0;
	return n;
}

static void
put_value(struct line *l, const char *value, size_t max)
{
	const uint8_t *p = (const uint8_t *)value;
	size_t len = strnlen(value, max), n;
	char hex[5];

	for (size_t i = 0; i < len && !l->full; i += n) {
		bool plain = p[i] > 0x20 && p[i] < 0x7f && p[i] != '"' && p[i] != '\\';

		if (plain || (l->quoted && p[i] == ' '))
			n = 1;
		else
			n = p[i] < 0x80 ? 0 : shown(p + i, len - i);
		if (n > 0) {
			put(l, value + i, n);
			continue;
		}
		n = 1;
		if (p[i] == '"' || p[i] == '\\')
			(void)snprintf(hex, sizeof(hex), "\\%c", p[i]);
		else
			(void)snprintf(hex, sizeof(hex), "\\x%02x", p[i]);
		put(l, hex, strlen(hex));
	}
}

/* %s and %.*s; d, u, x after nothing, l, ll, j or z; %%. Another one is a bug of the caller. */
static const char *
put_conversion(struct line *l, const char *f, va_list *ap)
{
	int max = -1, n = 0;
	char number[32];
	size_t length;
	int64_t i;
	uint64_t u;

	if (strncmp(f, ".*", 2) == 0) {
		max = va_arg(*ap, int);
		f += 2;
	}
	if (*f == 's') {
		put_value(l, va_arg(*ap, const char *), max < 0 ? SIZE_MAX : (size_t)max);
		return f + 1;
	}
	CHECK(max < 0);
	length = strspn(f, "ljz");
	_Static_assert(sizeof(long) == 8 && sizeof(size_t) == 8 && sizeof(intmax_t) == 8, "LP64");
	switch (f[length]) {
	case 'd':
		i = length > 0 ? va_arg(*ap, int64_t) : va_arg(*ap, int);
		n = snprintf(number, sizeof(number), "%" PRId64, i);
		break;
	case 'u':
	case 'x':
		u = length > 0 ? va_arg(*ap, uint64_t) : va_arg(*ap, unsigned);
		n = f[length] == 'x' ? snprintf(number, sizeof(number), "%" PRIx64, u) :
		    snprintf(number, sizeof(number), "%" PRIu64, u);
		break;
	default:
		CHECK(length == 0 && f[length] == '%');
		number[n++] = '%';
	}
	put(l, number, (size_t)n);
	return f + length + 1;
}

static void
put_format(struct line *l, const char *fmt, va_list *ap)
{
	while (*fmt != '\0' && !l->full) {
		size_t n = strcspn(fmt, "%\"");

		put(l, fmt, n);
		fmt += n;
		if (*fmt == '%') {
			fmt = put_conversion(l, fmt + 1, ap);
		} else if (*fmt == '"') {
			put(l, fmt++, 1);
			l->quoted = l->quoted != !l->full;
		}
	}
}

/* Whoever reads the log may be gone or stand still: what has no room is not waited for. A pipe or
 * a socket that says it can be written takes a line whole. */
static bool
bytes_write(const char *p, size_t len)
{
	struct pollfd fd = { .fd = STDERR_FILENO, .events = POLLOUT };

	return poll(&fd, 1, 0) == 1 && (fd.revents & POLLOUT) != 0 &&
	    write(STDERR_FILENO, p, len) == (ssize_t)len;
}

static void
line_write(const char *level, const char *event, const char *fmt, va_list ap)
{
	struct line l = { .len = 0 };
	va_list args;

	put(&l, level, strlen(level));
	put(&l, " ", 1);
	put(&l, event, strlen(event));
	put(&l, " ", 1);
	va_copy(args, ap);
	put_format(&l, fmt, &args);
	va_end(args);
	if (l.full)
		l.len += (size_t)snprintf(l.text + l.len, END_BYTES, "...%s", l.quoted ? "\"" : "");
	l.text[l.len++] = '\n';
	if (lost > 0) {
		char told[64];
		int n = snprintf(told, sizeof(told), "warn log-lost lines=%" PRIu64 "\n", lost);

		if (!bytes_write(told, (size_t)n)) {
			lost++;
			return;
		}
		lost = 0;
	}
	if (!bytes_write(l.text, l.len))
		lost++;
}

void
log_err(const char *event, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line_write("err", event, fmt, ap);
	va_end(ap);
}

void
log_warn(const char *event, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line_write("warn", event, fmt, ap);
	va_end(ap);
}

void
log_info(const char *event, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line_write("info", event, fmt, ap);
	va_end(ap);
}

void
log_debug(const char *event, const char *fmt, ...)
{
	va_list ap;

	if (!verbose)
		return;
	va_start(ap, fmt);
	line_write("debug", event, fmt, ap);
	va_end(ap);
}
