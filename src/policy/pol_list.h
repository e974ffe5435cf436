/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_list - the text of a list file: one address, prefix or range a line.
 * Does:    cuts the text into entries, each with its line and column; the words of it that are no
 *          entry are named. What an entry says is pol_lex_addr's to read.
 * Shape:   line = [blank] [entry] [blank] [comment]; a comment begins with # or ;. Lines end in
 *          LF, CR LF or CR, as a policy's do.
 * Memory:  none; entries point into the text, which is borrowed.
 * Context: pure. Foreign text: one pass, linear in its length, whatever it is.
 */
#ifndef POL_LIST_H
#define POL_LIST_H

#include "base.h"

enum pol_list_kind {
	POL_LIST_END = 0,
	POL_LIST_ENTRY,
	POL_LIST_SECOND		/* a further word on the line of an entry */
};

struct pol_list_word {
	const char *text;
	size_t len;
	uint32_t line, col;	/* 1-based; col in bytes */
};

struct pol_list_scan {
	const uint8_t *cur, *lim, *begin;	/* begin: of the line */
	uint32_t line;
	bool had;				/* an entry stands on this line */
};

void pol_list_scan_init(struct pol_list_scan *s, const uint8_t *text, size_t len);
/* The next word; at the end POL_LIST_END, again and again. */
enum pol_list_kind pol_list_next(struct pol_list_scan *s, struct pol_list_word *out);

#endif
