/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_vm - the jail: what a policy can call, and what stops it.
 * Does:    one Lua state per evaluation with its own library list, a byte cap, and an instruction
 *          budget that stays spent; errors become messages with a place.
 * Context: everything here runs inside lua_pcall. MAY_RAISE marks what may leave by longjmp:
 *          nothing outside the arena or Lua's own memory is owned across such a call.
 */
#ifndef POL_VM_H
#define POL_VM_H

#include <lauxlib.h>
#include <lua.h>

#include "pol_ctx.h"

#define MAY_RAISE(call) call

struct pol_ctx *pol_ctx_of(lua_State *L);

/* Raise; never return. */
NORETURN void pol_raise_told(struct pol_ctx *c);	/* the message is in diags already */
NORETURN void pol_raise_nomem(struct pol_ctx *c);	/* memory is out: ends the evaluation */
/* Takes n instructions off the budget, for work done in C; raises where it is spent. */
void pol_charge(struct pol_ctx *c, uint64_t n);

/* Libraries and words. [-0, +0, m]: leaves the table of all words in the registry. */
void pol_lib_open(lua_State *L);
/* [-0, +1, m] the environment of one file. */
void pol_lib_push_env(lua_State *L);
/* What tostring() says, without addresses; pushes it. [-0, +1, m] */
const char *pol_tostring(lua_State *L, int idx, size_t *len);

extern const luaL_Reg pol_lib_string[], pol_lib_table[];	/* pol_lib_text.c */
extern const char pol_lib_words_key;	/* address: registry key of the table of words */

/* Registration of the bindings: adds words to the table on the top of the stack. [-0, +0, m] */
void pol_bind_set_open(lua_State *L);
void pol_bind_service_open(lua_State *L);
void pol_bind_name_open(lua_State *L);
void pol_bind_segment_open(lua_State *L);
void pol_bind_file_open(lua_State *L);

#endif
