/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_bind - what the bindings share: table arguments with a fixed set of keys, sets, services.
 * Does:    checks keys and types of a table argument and reports each fault at its word; a wrong
 *          value becomes the expression "wrong" and the policy goes on, so that one run shows all.
 * Context: inside lua_pcall; every function here may raise when memory is out.
 */
#ifndef POL_BIND_H
#define POL_BIND_H

#include "pol_vm.h"

#define POL_META_SET "ringfence.set"
#define POL_META_SERVICE "ringfence.service"
#define POL_META_RULE "ringfence.rule"
#define POL_META_STATEMENT "ringfence.statement"

/* The table argument at stack index idx of the call at site. */
struct pol_args {
	lua_State *L;
	struct pol_ctx *c;
	int idx;
	struct pol_site site;
	const char *what;	/* for people: `inbound`, `segment "web"` */
	bool wrong;		/* something was reported */
};

/* What a value is, for people, in the arena: `"abc"`, `42`, `a table`. */
const char *pol_describe(lua_State *L, int idx);

/* Checks that there is a table with these keys only, and a list only where allowed. */
MUST_CHECK bool pol_args_begin(struct pol_args *g, const char *const *keys, size_t key_count,
    bool list_allowed);
/* [-0, +1 where true] the value of key. */
MUST_CHECK bool pol_args_get(struct pol_args *g, const char *key);
/* Reports d at key, or at its value, and marks g wrong. A NULL key is the call. */
void pol_args_fault(struct pol_args *g, struct diag *d, const char *key);
void pol_args_value_fault(struct pol_args *g, struct diag *d, const char *key);
/* "KEY must be WANT, not ...", of the value on the top of the stack. */
void pol_args_type_fault(struct pol_args *g, const char *key, const char *want);
/* An error at the call: what is missing. */
void pol_args_missing(struct pol_args *g, const char *key, const char *hint);
bool pol_args_bool(struct pol_args *g, const char *key);
/* NULL where absent or wrong; in the arena. */
const char *pol_args_text(struct pol_args *g, const char *key, size_t max_bytes);
/* Index of the text in names; otherwise where absent or wrong. */
int pol_args_choice(struct pol_args *g, const char *key, const char *const *names, size_t count,
    int otherwise);
/* Reports that key, where it is present, is not there yet. */
void pol_args_unsupported(struct pol_args *g, const char *const *keys, size_t count);
/* Number of list elements. */
uint32_t pol_args_list(const struct pol_args *g);

/* Labels of the table on the top of the stack, sorted by key. */
MUST_CHECK bool pol_labels_check(struct pol_args *g, const char *key, const struct pol_label **out,
    uint32_t *count);

/* Memory of the evaluation; raises where it is out. */
void *pol_alloc(struct pol_ctx *c, size_t count, size_t size);
const char *pol_strdup(struct pol_ctx *c, const char *s);

/* Sets. */
uint32_t pol_set_new(struct pol_ctx *c, enum pol_set_op op, const struct pol_site *site);
void pol_set_push(lua_State *L, uint32_t set);
/* True and the index where the value is a set. */
bool pol_set_test(lua_State *L, int idx, uint32_t *set);
/* Value to set: a set, an address literal, or a list of these. Faults are reported at key (NULL:
 * the call) and give 0. */
uint32_t pol_set_check(struct pol_args *g, int idx, const char *key);

/* Services. */
uint32_t pol_service_new(struct pol_ctx *c, enum pol_svc_op op, const struct pol_site *site);
void pol_service_push(lua_State *L, uint32_t svc);
bool pol_service_test(lua_State *L, int idx, uint32_t *svc);
uint32_t pol_service_check(struct pol_args *g, int idx, const char *key);
/* "N", "N-M", a number, or a list: ranges in the arena; faults at key. */
struct pol_num_range *pol_ranges_check(struct pol_args *g, int idx, const char *key,
    const char *what, uint32_t max, uint32_t *count);

/* The table given to group "x", workload "x", app "x", segment "x". [-0, +1] */
int pol_name_define(lua_State *L, uint32_t name, const struct pol_site *site);
int pol_segment_define(lua_State *L, uint32_t name, const struct pol_site *site);
/* The table given to list "x". */
void pol_list_define(struct pol_args *g, uint32_t name);
/* The file of the directory whose path is the string at idx; false and d where there is none. */
MUST_CHECK bool pol_file_find(struct pol_args *g, int idx, uint32_t *file, struct diag *d);
/* A reference was made: remembered for "not defined". */
void pol_name_refer(struct pol_ctx *c, uint32_t name, const struct pol_site *site);

#endif
