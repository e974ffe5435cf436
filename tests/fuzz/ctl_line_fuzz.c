/* SPDX-License-Identifier: Apache-2.0 */
/* ctl_line_fuzz - any bytes on the local socket, in pieces whose size the first byte says. */
#include <string.h>

#include "line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct line_buf b = { 0 };
	size_t piece = size > 0 ? (size_t)data[0] + 1 : 1;
	enum rc rc = RC_OK;

	for (size_t at = 0; at < size && rc == RC_OK; ) {
		struct diag d = { 0 };
		enum line_verb verb;
		char *to, *line;
		size_t room, len;

		rc = line_room(&b, &to, &room);
		if (rc != RC_OK)
			break;
		CHECK(room > 0);
		room = MIN(MIN(room, piece), size - at);
		memcpy(to, data + at, room);
		line_added(&b, room);
		at += room;
		while (line_next(&b, &line, &len)) {
			CHECK(len < LINE_BYTES_MAX && memchr(line, '\n', len) == NULL);
			if (line_parse(line, len, &verb, &d) == RC_OK)
				CHECK(line_verb_name(verb) != NULL);
			else
				CHECK(d.text[0] != '\0');
		}
	}
	line_fini(&b);
	return 0;
}
