/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol - a policy directory, from text to rules to tables.
 * Does:    reads the directory (pol_sources_*), runs the Lua in this process (pol_eval: call it
 *          only in the jailed compile child), carries plain rules over a pipe (pol_rules_*), and
 *          turns them into what the image encoder takes (pol_build).
 * Shape:   sources -> pol_eval -> struct pol_rules -> pol_build -> struct image_input + symbols.
 * Limits:  the POL_*_MAX below, policy-language section 6; beyond is RC_LIMIT with a diag.
 * Memory:  results live in the arena they are given.
 * Errors:  every message is in diags; rc is RC_OK where diags->errors is 0.
 */
#ifndef POL_H
#define POL_H

#include "addr.h"
#include "arena.h"
#include "diag.h"
#include "image.h"
#include "rc.h"
#include "service.h"
#include "wire_verdict.h"

enum {
	POL_FILES_MAX = 1024,
	POL_FILE_BYTES_MAX = 4 << 20,
	POL_LIST_BYTES_MAX = 16 << 20,	/* of a file that is no *.pol */
	POL_SOURCES_BYTES_MAX = 64 << 20,
	POL_NAME_BYTES_MAX = 64,
	POL_PATH_BYTES_MAX = 4096,
	POL_RULES_MAX = 100000,		/* rules as written */
	POL_BUILTIN_MAX = 16,		/* more rules, and segments: of the built-in guard */
	POL_GROUPS_MAX = 4096,		/* and as many lists */
	POL_LIST_ENTRIES_MAX = 200000,	/* of one list or group */
	POL_LISTED_MAX = 1000000,	/* of all lists and groups */
	POL_SEGMENTS_MAX = 4096,
	POL_LOCALS_MAX = WIRE_LOCALS_MAX,
	POL_EVAL_CPU_S = 2,
	POL_EVAL_BYTES_MAX = 256 << 20,
	POL_EVAL_INSTRUCTIONS_MAX = 100000000,
	POL_NESTING_MAX = 100
};

enum pol_stage { POL_GUARD = 0, POL_INFRA, POL_APP, POL_DEFAULT, POL_STAGE__COUNT };

/* A file of the directory: path relative to it, '/' between parts. */
struct pol_source {
	const char *path;
	const uint8_t *text;
	size_t len;
};

struct pol_sources {
	struct pol_source *items;	/* in byte order of path */
	uint32_t count;
};

/* Place in the text. file indexes pol_rules.files; seq is the order of execution. */
struct pol_pos {
	uint32_t file, line, col, seq;
};

struct pol_service {
	struct service atom;
	uint8_t state;			/* enum wire_state */
};

struct pol_segment {
	const char *name;
	struct pol_pos pos;
	uint8_t stage;			/* enum pol_stage, of its file */
	uint8_t mode;			/* enum wire_mode */
	bool members_all;		/* stage guard: every local IP */
	struct addr_set members;
};

struct pol_rule {
	struct pol_pos pos;
	uint32_t segment;		/* index of its segment */
	uint8_t dir;			/* enum wire_dir: inbound is WIRE_IN */
	bool deny;
	uint8_t mode;			/* of a deny; its own or its segment's */
	bool count, log;
	struct addr_set peer;
	struct pol_service *services;	/* sorted, none twice */
	uint32_t service_count;
	struct vlan_range *vlans;	/* sorted, disjoint; none = any VLAN or no tag */
	uint32_t vlan_count;
	const char *why;		/* NULL = not given */
};

struct pol_defaults {
	uint8_t unsegmented, non_ip;	/* WIRE_PASS or WIRE_DROP */
	bool fragments_drop, midstream_drop, live_flows_drain;
};

/* A named address or group, for people: whose address is this. */
struct pol_workload {
	const char *name;
	struct addr_set ips;
	struct pol_pos pos;
};

struct pol_rules {
	const char **files;		/* names, byte order; the built-in guard is "<guard>" */
	uint32_t file_count;
	struct pol_segment *segments;
	uint32_t segment_count;
	struct pol_rule *rules;		/* by (file, line, seq): the order of citation */
	uint32_t rule_count;
	struct pol_workload *workloads;
	uint32_t workload_count;
	struct pol_defaults defaults;
};

/* Reads every regular file at or below dir; a link or a special file is an error. Nothing else is
 * in the arena: it is emptied where the directory has changed meanwhile and is read anew. */
MUST_CHECK enum rc pol_sources_read(const char *dir, struct arena *a, struct pol_sources *out,
    struct diags *diags);
/* Files that are no directory's: sorts them, and holds them to what pol_sources_read would. Paths
 * are plain: no empty part, none that begins with a dot. */
MUST_CHECK bool pol_sources_check(struct pol_sources *s, struct diag *d);
/* One byte string and back, for the pipe to the compile child. Decode distrusts. */
MUST_CHECK enum rc pol_sources_encode(const struct pol_sources *s, struct arena *a, uint8_t **out,
    size_t *len);
MUST_CHECK enum rc pol_sources_decode(const uint8_t *p, size_t len, struct arena *a,
    struct pol_sources *out);

/* Gives each message that has a place the line of text there; pol_eval's have theirs. */
void pol_sources_quote(const struct pol_sources *s, struct diags *diags);

/* Runs the policies. Only in a process that may die: budgets end it by error or by signal. */
MUST_CHECK enum rc pol_eval(const struct pol_sources *s, struct arena *a, struct pol_rules *out,
    struct diags *diags);

/* The text of the built-in guard file. */
const char *pol_guard_text(size_t *len);

/* Rules and diags as one byte string and back. Decode checks every index, count and order. */
MUST_CHECK enum rc pol_rules_encode(const struct pol_rules *r, const struct diags *diags,
    struct arena *a, uint8_t **out, size_t *len);
MUST_CHECK enum rc pol_rules_decode(const uint8_t *p, size_t len, struct arena *a,
    struct pol_rules *out, struct diags *diags);

/* Every invariant of the shapes above; for checks between passes. False names the broken one. */
MUST_CHECK bool pol_rules_check(const struct pol_rules *r, const char **broken);

/* Passes, each of which may be switched off; each keeps every verdict and every cited line. */
enum pol_pass {
	POL_PASS_DEDUPE = 1 << 0,	/* equal rules: the earliest stays */
	POL_PASS_SHADOW = 1 << 1,	/* rules another one covers whole */
	POL_PASS_MERGE = 1 << 2,	/* rules of one place that differ in one field are one */
	POL_PASS_AGGREGATE = 1 << 3,	/* IMAGE_JOIN_RANGES */
	POL_PASS_FOLD = 1 << 4,		/* IMAGE_JOIN_PORTS */
	POL_PASS_COUNT = 5,
	POL_PASS_ALL = (1 << POL_PASS_COUNT) - 1
};

/* By bit. */
extern const char *const pol_pass_names[POL_PASS_COUNT];

/* Orders rules so that the first match is the verdict, for each local IP; fills what the image
 * encoder takes and the symbols beside it. Warnings (shadowed, never matches, ...) go to diags. */
MUST_CHECK enum rc pol_build(const struct pol_rules *r, unsigned passes, struct arena *a,
    struct image_input *out, struct image_symbols *symbols, struct diags *diags);

/* What the rules say of one direction of one local IP: linear, over unoptimised rules. */
struct pol_outcome {
	bool matched;			/* else the default deny */
	bool deny;
	uint8_t mode;			/* of the deny or the default */
	uint8_t state;			/* of the allow */
	uint32_t rule;			/* index in pol_rules.rules; of the default: UINT32_MAX */
	uint32_t segment;		/* the rule's, or the default's; UINT32_MAX = none */
};

/* local is the key's other end. False where local is no local IP. local->family 0 asks the guard
 * rules that judge packets without any local IP. */
MUST_CHECK bool pol_ref_match(const struct pol_rules *r, const struct addr *local,
    const struct pkt_key *k, struct pol_outcome *out);

#endif
