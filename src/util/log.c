/* SPDX-License-Identifier: Apache-2.0 */
/* log - lines on standard error, each written by one call. */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

enum { LINE_BYTES = 1024 };

static bool verbose;

void
log_verbose(bool on)
{
	verbose = on;
}

PRINTF_LIKE(3, 0) static void
line_write(const char *level, const char *event, const char *fmt, va_list ap)
{
	char text[LINE_BYTES / 2], line[LINE_BYTES];
	int n;

	vsnprintf(text, sizeof(text), fmt, ap);
	for (char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	n = snprintf(line, sizeof(line), "%s %s %s\n", level, event, text);
	if (n < 0)
		return;
	if ((size_t)n >= sizeof(line))
		n = (int)sizeof(line) - 1;
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return;		/* nowhere left to say it */
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
