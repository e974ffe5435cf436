/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp - a list of permitted system calls as a classic BPF program.
 * Does:    sorts a table of calls, assembles a search tree over it, checks arguments at its
 *          leaves, hands it to the kernel. What is not in the table ends the process.
 * Shape:   a call that is in the table more than once is permitted if one of its rows fits; a row
 *          fits if all its checks do. A row without checks fits always.
 * Limits:  SECCOMP_CALLS_MAX rows, SECCOMP_OPS_MAX instructions.
 * Context: before any thread. Pure but for seccomp_install().
 * Source:  seccomp(2), linux/filter.h.
 */
#ifndef SECCOMP_H
#define SECCOMP_H

#include <linux/filter.h>

#include "base.h"
#include "rc.h"
#include "rights.h"

enum {
	SECCOMP_CALLS_MAX = 512,
	SECCOMP_OPS_MAX = 4000,
	SECCOMP_CHECKS_MAX = 3,		/* of a row */
	SECCOMP_VALUES_MAX = 12		/* of a check */
};

enum seccomp_op {
	SECCOMP_NONE,		/* ends the checks of a row */
	SECCOMP_ONE_OF,		/* the argument is one of values[] */
	SECCOMP_WITHOUT,	/* no bit of values[0] */
	SECCOMP_WITH,		/* all bits of values[0] */
	SECCOMP_SELF,		/* the thread itself */
	SECCOMP_EXEC_FD		/* the descriptor of the own binary */
};

/* Arguments are 64 bits. What the kernel takes as int is compared by its low half; wide ones (the
 * kernel reads an unsigned long) must also have an empty high half. */
struct seccomp_check {
	uint8_t op;		/* enum seccomp_op */
	uint8_t arg;		/* 0..5 */
	bool wide;
	uint8_t count;		/* of values; 0 counts as 1 */
	uint32_t values[SECCOMP_VALUES_MAX];
};

struct seccomp_call {
	uint16_t nr;
	const char *name;
	struct seccomp_check checks[SECCOMP_CHECKS_MAX];
};

struct seccomp_list {
	const struct seccomp_call *calls;
	size_t count;
};

struct seccomp_values {
	uint32_t self;		/* of SECCOMP_SELF */
	int exec_fd;		/* of SECCOMP_EXEC_FD; -1 = such rows never fit */
};

struct seccomp_program {
	struct sock_filter ops[SECCOMP_OPS_MAX];
	size_t count;
};

/* The tables that make up the room's list; more than one for main. Gives how many. */
size_t seccomp_room_lists(enum proc_room room, struct seccomp_list out[ROOM__COUNT]);

/* The name of a call that any room's table has, NULL for others. */
const char *seccomp_call_name(long nr);

/* Assembles lists; deny is the SECCOMP_RET_ value of all else. RC_LIMIT where it does not fit. */
MUST_CHECK enum rc seccomp_assemble(const struct seccomp_list *lists, size_t list_count,
    const struct seccomp_values *values, uint32_t deny, struct seccomp_program *out);

/* What the program answers: for tests. False where it leaves its bounds. */
MUST_CHECK bool seccomp_eval(const struct seccomp_program *p, uint32_t arch, uint32_t nr,
    const uint64_t args[6], uint32_t *answer);

/* Puts the room's list in force for this process; the last thing of rights_drop(). With
 * RINGFENCE_SECCOMP_LOG=1 the end of the process is preceded by a line that names the call. */
MUST_CHECK enum rc seccomp_install(enum proc_room room, int exec_fd);

#endif
