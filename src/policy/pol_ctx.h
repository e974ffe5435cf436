/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_ctx - one evaluation: what the running policy has said so far.
 * Does:    holds files, names, set and service expressions, segments and rules as drafts; the
 *          bindings write it, pol_resolve reads it once all files ran.
 * Shape:   sets and services are expressions in arrays, and Lua holds their index; a child's index
 *          is below its parent's. Names are resolved last, so order and file do not matter.
 *          Expression 0 of each array is "wrong": its error is told, nothing else is said of it.
 * Memory:  everything in the arena of the evaluation; arrays grow by doubling.
 * Context: one per process at a time is usual, but nothing is global.
 */
#ifndef POL_CTX_H
#define POL_CTX_H

#include <lua.h>

#include "pol.h"
#include "pol_lex.h"

#define POL_NO_FILE UINT32_MAX
#define POL_NO_NAME UINT32_MAX
#define POL_GUARD_FILE "<guard>"

/* A growing array in the arena. */
#define POL_VEC(type) struct { type *items; uint32_t count, cap; }

/* Where a word of the language was called. */
struct pol_site {
	uint32_t file;		/* index in files, POL_NO_FILE where unknown */
	uint32_t line, col;
	uint32_t tok;		/* the word, POL_NO_TOK where it was called by another name */
	uint32_t seq;		/* order of execution */
};

enum pol_word {
	POL_W_POLICY = 0, POL_W_WORKLOAD, POL_W_GROUP, POL_W_LABEL, POL_W_IP, POL_W_LIST, POL_W_APP,
	POL_W_TCP, POL_W_UDP, POL_W_SCTP, POL_W_ICMP, POL_W_ICMP6, POL_W_PROTO, POL_W_SEGMENT,
	POL_W_INBOUND, POL_W_OUTBOUND, POL_W_INCLUDE, POL_W_DEFAULTS, POL_W_TEST, POL_W_PROVE,
	POL_W_ANY, POL_W_ANY4, POL_W_ANY6, POL_W_CONTROL,
	POL_W__COUNT
};
extern const char *const pol_word_names[POL_W__COUNT];

struct pol_file {
	const char *name;
	const uint8_t *text;
	size_t len;
	struct pol_toks toks;
	bool lexed, ran, aborted, is_guard;
	uint8_t stage;
	struct pol_site policy;		/* its policy statement; line 0 = none */
	uint32_t last[POL_W__COUNT];	/* token of the last call of a word: the next is after it */
	uint32_t out;			/* index in pol_rules.files */
};

struct pol_label {
	const char *key, *value;
};

enum pol_set_op {
	POL_SET_WRONG = 0, POL_SET_RANGES, POL_SET_ANY, POL_SET_LABEL, POL_SET_REF, POL_SET_UNION,
	POL_SET_MINUS, POL_SET_AND
};

struct pol_set {
	uint8_t op;		/* enum pol_set_op */
	uint8_t family;		/* of POL_SET_ANY */
	bool done, busy, wrong;	/* evaluated: set holds; being evaluated; an error in it was told */
	bool listed;		/* a union written as a list: repeats are worth a warning */
	uint32_t a, b;		/* children; of POL_SET_REF a is the name */
	uint32_t stamp;		/* of the walk that last gathered it */
	uint32_t label_count;
	const struct pol_label *labels;	/* sorted by key */
	struct addr_set set;
	struct pol_site site;
};

enum pol_svc_op {
	POL_SVC_WRONG = 0, POL_SVC_ATOMS, POL_SVC_ANY, POL_SVC_CONTROL, POL_SVC_REF, POL_SVC_LIST
};

struct pol_svc {
	uint8_t op;		/* enum pol_svc_op */
	uint32_t name;		/* of POL_SVC_REF */
	const struct service *atoms;
	const uint32_t *kids;	/* of POL_SVC_LIST */
	uint32_t count;		/* of atoms or kids */
	struct pol_site site;
};

enum pol_kind { POL_KIND_WORKLOAD = 0, POL_KIND_GROUP, POL_KIND_LIST, POL_KIND_APP,
	POL_KIND_SEGMENT, POL_KIND__COUNT };
extern const char *const pol_kind_names[POL_KIND__COUNT];

struct pol_name {
	const char *text;
	uint8_t kind;			/* enum pol_kind */
	bool defined, referred, allow_empty, busy, done, wrong;
	uint8_t state;			/* of an app: enum wire_state, or POL_STATE_UNSAID */
	uint32_t set;			/* of a workload, group, list or segment */
	uint32_t svc;			/* of an app */
	const struct pol_label *labels;	/* of a workload, sorted by key */
	uint32_t label_count;
	struct pol_site site;		/* of the definition */
	struct pol_site first_ref;
	const struct pol_service *services;	/* of an app, once resolved */
	uint32_t service_count;
};
enum { POL_STATE_UNSAID = 0xff, POL_MODE_UNSAID = 0xff };

struct pol_draft_rule {
	struct pol_site site;
	uint8_t dir, mode;		/* mode may be POL_MODE_UNSAID */
	bool deny, count, log, used, wrong;
	uint32_t peer, svc;
	struct vlan_range *vlans;
	uint32_t vlan_count;
	const char *why;
};

struct pol_draft_segment {
	uint32_t name;
	struct pol_site site;
	uint8_t stage, mode;
	bool members_all;
	uint32_t members;
	uint32_t *rules;		/* indices of draft rules */
	uint32_t rule_count;
};

struct pol_limits {
	size_t bytes_max;		/* of Lua memory */
	int64_t instructions_max;
	uint64_t fail_alloc;		/* tests: the n-th allocation fails; 0 = none */
	bool close;			/* free the Lua state at the end: the process goes on */
};

struct pol_memo;		/* pol_set_eval.c: a large set and what it was made of; */
struct pol_walk;		/* and where its work stands */
enum { POL_MEMO_CHAINS = 512 };

struct pol_ctx {
	lua_State *L;
	struct arena *a;
	struct diags *diags;
	struct pol_limits limits;
	size_t used_bytes;		/* of Lua memory */
	uint64_t allocs;
	int64_t left;			/* instructions */
	bool over_budget, no_memory, raised;
	bool test_told;			/* a test or prove was refused: its words are no news */
	struct pol_site last;		/* where the running file was last seen */
	uint32_t seq, depth;		/* depth of include */
	struct pol_file *files;
	uint32_t file_count;
	POL_VEC(struct pol_set) sets;
	POL_VEC(struct pol_svc) svcs;
	POL_VEC(struct pol_name) names;
	POL_VEC(struct pol_draft_rule) rules;
	POL_VEC(struct pol_draft_segment) segments;
	uint32_t *name_table;		/* open addressing: name index + 1 */
	uint32_t name_cap;
	struct pol_defaults defaults;
	struct pol_site defaults_site;	/* line 0 = none */
	uint32_t control;		/* service expression, POL_NO_NAME = none */
	uint32_t stamp;
	struct pol_walk *walk;
	struct pol_memo *memos[POL_MEMO_CHAINS];
	struct pol_num_range *scratch;	/* POL_SCRATCH of them: while a list of numbers is read */
};
enum { POL_SCRATCH = 1024 };

/* Room for one more in a vector: false where memory is out. */
MUST_CHECK bool pol_vec_room(struct arena *a, void *items_ptr, uint32_t count, uint32_t *cap,
    size_t size);
#define POL_VEC_ROOM(ctx, v) \
	pol_vec_room((ctx)->a, &(v).items, (v).count, &(v).cap, sizeof(*(v).items))

/* pol_place.c: messages with a place. */
struct pol_file *pol_file_lexed(struct pol_ctx *c, uint32_t file);
/* Reports d (level error unless it is set to a warning) at site; text is made printable. */
void pol_report(struct pol_ctx *c, struct diag *d, const struct pol_site *site);
/* The same at a key of the call at site, or (value) at what is given to it; or at the string or
 * number of this text. */
void pol_report_key(struct pol_ctx *c, struct diag *d, const struct pol_site *site,
    const char *key, bool value);
void pol_report_value(struct pol_ctx *c, struct diag *d, const struct pol_site *site,
    const char *value, size_t len);
/* The site at which word was called from the running policy. */
struct pol_site pol_site_here(struct pol_ctx *c, enum pol_word word);
/* The running line only. */
struct pol_site pol_site_line(struct pol_ctx *c);
/* Moves s to the first token on its line that reads text, where there is one. */
void pol_site_find(struct pol_ctx *c, struct pol_site *s, const char *text);
/* "payments.pol:28", in the arena; never NULL. */
const char *pol_site_text(struct pol_ctx *c, const struct pol_site *site);
/* Sorts messages by file, line, column; equal places keep their order. */
void pol_diags_sort(struct diags *ds);

/* pol_name.c: what is named. */
/* Finds or makes the entry; POL_NO_NAME where memory is out. */
uint32_t pol_name_get(struct pol_ctx *c, enum pol_kind kind, const char *text);
/* False and a message where text cannot be a name. */
MUST_CHECK bool pol_name_check(struct pol_ctx *c, const struct pol_site *site, const char *what,
    const char *text, size_t len);

/* pol_sources.c: what the path of a file may be, and whether it is that of a policy. */
bool pol_path_is_plain(const char *path, size_t len);
bool pol_path_is_policy(const char *path);
/* Sources by byte order of path, for qsort. */
int pol_source_cmp(const void *a, const void *b);
/* False, and d without a line where it has none, for what is no policy text. */
MUST_CHECK bool pol_text_check(const struct pol_source *s, struct diag *d);

/* pol_vm.c */
MUST_CHECK enum rc pol_eval_limited(const struct pol_sources *s, const struct pol_limits *limits,
    struct arena *a, struct pol_rules *out, struct diags *diags);
/* Runs file once; its errors are reported. False where the evaluation must stop. */
MUST_CHECK bool pol_vm_run(struct pol_ctx *c, uint32_t file);

/* pol_set_eval.c, pol_resolve.c: after all files ran. */
MUST_CHECK enum rc pol_set_eval(struct pol_ctx *c, uint32_t set);
MUST_CHECK enum rc pol_resolve(struct pol_ctx *c, struct pol_rules *out);

#endif
