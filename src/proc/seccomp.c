/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp - assembles the search tree, evaluates it for tests, installs it.
 *
 * The program, with the calls sorted by number:
 *
 *     load arch; not ours: kill            another ABI numbers its calls differently
 *     load nr
 *     node: nr >= middle? right : left     jumps of any length go by JA, whose operand is 32 bits
 *     leaf: nr == it? rows : deny          each row: its checks, then allow; a check that fails
 *                                          goes on to the next row, after the last to deny
 *
 * Calls of x32 have a high bit set, so that they are in no table.
 */
#define _GNU_SOURCE
#include "seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "log.h"

#if defined(__x86_64__)
#define ARCH_OURS AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH_OURS AUDIT_ARCH_AARCH64
#else
#error "the lists of system calls are for x86-64 and aarch64"
#endif

enum { TREE_DEPTH_MAX = 16, EVAL_STEPS_MAX = SECCOMP_OPS_MAX };
_Static_assert((1 << (TREE_DEPTH_MAX - 3)) > SECCOMP_CALLS_MAX, "the tree fits its stack");

static enum proc_room installed_room;

/* A part of the sorted calls, and the jump that leads to it. */
struct span {
	size_t lo, hi;
	size_t from;		/* index of the JA to patch; 0 = it follows directly */
};

static void
emit(struct seccomp_program *p, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
	if (p->count < SECCOMP_OPS_MAX)
		p->ops[p->count] = (struct sock_filter){ .code = code, .jt = jt, .jf = jf, .k = k };
	p->count++;		/* past the end: seen by the caller */
}

static void
emit_load(struct seccomp_program *p, size_t offset)
{
	emit(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void
patch(struct seccomp_program *p, size_t from)
{
	CHECK(p->count > from);
	if (from < SECCOMP_OPS_MAX)
		p->ops[from].k = (uint32_t)(p->count - from - 1);
}

/* The instructions of one check; where it does not hold, control comes to a JA whose index goes
 * into fails[]. */
static void
emit_check(struct seccomp_program *p, const struct seccomp_check *c,
    const struct seccomp_values *values, size_t *fails, size_t *fail_count)
{
	size_t at = offsetof(struct seccomp_data, args) + 8 * (size_t)c->arg;
	uint8_t n = c->count == 0 ? 1 : c->count;
	uint32_t v = c->values[0];

	CHECK(c->arg < 6 && n <= SECCOMP_VALUES_MAX);
	if (c->op == SECCOMP_SELF)
		v = values->self;
	if (c->op == SECCOMP_EXEC_FD)
		v = (uint32_t)values->exec_fd;
	if (c->wide) {
		emit_load(p, at + 4);
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
		fails[(*fail_count)++] = p->count;
		emit(p, BPF_JMP | BPF_JA, 0, 0, 0);
	}
	emit_load(p, at);
	switch ((enum seccomp_op)c->op) {
	case SECCOMP_ONE_OF:
		for (uint8_t i = 0; i < n; i++)
			emit(p, BPF_JMP | BPF_JEQ | BPF_K, c->values[i], (uint8_t)(n - i), 0);
		break;
	case SECCOMP_SELF:
	case SECCOMP_EXEC_FD:
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, v, 1, 0);
		break;
	case SECCOMP_WITHOUT:
		emit(p, BPF_JMP | BPF_JSET | BPF_K, v, 0, 1);
		break;
	case SECCOMP_WITH:
		emit(p, BPF_ALU | BPF_AND | BPF_K, v, 0, 0);
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, v, 1, 0);
		break;
	case SECCOMP_NONE:
		CHECK(false);
	}
	fails[(*fail_count)++] = p->count;
	emit(p, BPF_JMP | BPF_JA, 0, 0, 0);
}

static void
emit_row(struct seccomp_program *p, const struct seccomp_call *call,
    const struct seccomp_values *values)
{
	size_t fails[2 * SECCOMP_CHECKS_MAX], fail_count = 0;

	for (size_t i = 0; i < SECCOMP_CHECKS_MAX && call->checks[i].op != SECCOMP_NONE; i++) {
		if (call->checks[i].op == SECCOMP_EXEC_FD && values->exec_fd < 0)
			return;		/* patched JAs fall through to the next row */
		emit_check(p, &call->checks[i], values, fails, &fail_count);
	}
	emit(p, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
	for (size_t i = 0; i < fail_count; i++)
		patch(p, fails[i]);
}

/* By number, then rows without checks first, equal rows together. */
static int
call_compare(const void *a, const void *b)
{
	const struct seccomp_call *x = *(const struct seccomp_call *const *)a;
	const struct seccomp_call *y = *(const struct seccomp_call *const *)b;

	if (x->nr != y->nr)
		return x->nr < y->nr ? -1 : 1;
	return memcmp(x->checks, y->checks, sizeof(x->checks));
}

/* The rows of sorted[lo..hi) all have the same number. */
static void
emit_leaf(struct seccomp_program *p, const struct seccomp_call *const *sorted, size_t lo, size_t hi,
    const struct seccomp_values *values, uint32_t deny)
{
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, sorted[lo]->nr, 1, 0);
	emit(p, BPF_RET | BPF_K, deny, 0, 0);
	for (size_t i = lo; i < hi; i++) {
		if (i > lo && call_compare(&sorted[i - 1], &sorted[i]) == 0)
			continue;
		emit_row(p, sorted[i], values);
		if (sorted[i]->checks[0].op == SECCOMP_NONE)
			return;
	}
	emit(p, BPF_RET | BPF_K, deny, 0, 0);
}

/* Splits near the middle, between two numbers; hi where all are one. */
static size_t
split_at(const struct seccomp_call *const *sorted, size_t lo, size_t hi)
{
	size_t mid = lo + (hi - lo) / 2;

	while (mid < hi && sorted[mid]->nr == sorted[mid - 1]->nr)
		mid++;
	if (mid < hi)
		return mid;
	mid = lo + (hi - lo) / 2;
	while (mid > lo + 1 && sorted[mid]->nr == sorted[mid - 1]->nr)
		mid--;
	return mid > lo && sorted[mid]->nr != sorted[mid - 1]->nr ? mid : hi;
}

static void
emit_tree(struct seccomp_program *p, const struct seccomp_call *const *sorted, size_t n,
    const struct seccomp_values *values, uint32_t deny)
{
	struct span stack[TREE_DEPTH_MAX] = { { 0, n, 0 } };
	size_t depth = 1;

	while (depth > 0 && p->count < SECCOMP_OPS_MAX) {
		struct span s = stack[--depth];
		size_t mid = s.hi - s.lo < 2 ? s.hi : split_at(sorted, s.lo, s.hi);

		if (s.from != 0)
			patch(p, s.from);
		if (mid == s.hi) {
			emit_leaf(p, sorted, s.lo, s.hi, values, deny);
			continue;
		}
		CHECK(depth + 2 <= TREE_DEPTH_MAX);
		emit(p, BPF_JMP | BPF_JGE | BPF_K, sorted[mid]->nr, 0, 1);
		stack[depth++] = (struct span){ mid, s.hi, p->count };
		emit(p, BPF_JMP | BPF_JA, 0, 0, 0);
		stack[depth++] = (struct span){ s.lo, mid, 0 };
	}
}

enum rc
seccomp_assemble(const struct seccomp_list *lists, size_t list_count,
    const struct seccomp_values *values, uint32_t deny, struct seccomp_program *out)
{
	const struct seccomp_call *sorted[SECCOMP_CALLS_MAX];
	size_t n = 0;

	out->count = 0;
	for (size_t l = 0; l < list_count; l++)
		for (size_t i = 0; i < lists[l].count; i++) {
			if (n == SECCOMP_CALLS_MAX)
				return RC_LIMIT;
			sorted[n++] = &lists[l].calls[i];
		}
	CHECK(n > 0);
	qsort(sorted, n, sizeof(sorted[0]), call_compare);
	emit_load(out, offsetof(struct seccomp_data, arch));
	emit(out, BPF_JMP | BPF_JEQ | BPF_K, ARCH_OURS, 1, 0);
	emit(out, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
	emit_load(out, offsetof(struct seccomp_data, nr));
	emit_tree(out, sorted, n, values, deny);
	return out->count < SECCOMP_OPS_MAX ? RC_OK : RC_LIMIT;
}

static uint32_t
data_word(const struct seccomp_data *d, uint32_t offset)
{
	uint32_t v = 0;

	if (offset <= sizeof(*d) - sizeof(v))
		memcpy(&v, (const uint8_t *)d + offset, sizeof(v));
	return v;
}

bool
seccomp_eval(const struct seccomp_program *p, uint32_t arch, uint32_t nr, const uint64_t args[6],
    uint32_t *answer)
{
	struct seccomp_data d = { .nr = (int)nr, .arch = arch };
	uint32_t a = 0;
	size_t pc = 0;

	memcpy(d.args, args, sizeof(d.args));
	for (int steps = 0; steps < EVAL_STEPS_MAX && pc < p->count; steps++) {
		const struct sock_filter *op = &p->ops[pc++];
		bool yes = false;

		switch (op->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			a = data_word(&d, op->k);
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= op->k;
			continue;
		case BPF_JMP | BPF_JA:
			pc += op->k;
			continue;
		case BPF_RET | BPF_K:
			*answer = op->k;
			return true;
		case BPF_JMP | BPF_JEQ | BPF_K:
			yes = a == op->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			yes = a >= op->k;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			yes = (a & op->k) != 0;
			break;
		default:
			return false;
		}
		pc += yes ? op->jt : op->jf;
	}
	return false;
}

/* The kernel stopped a call; it was not made. Says which, then ends as it would have. */
static void
denied_report(int sig, siginfo_t *info, void *context)
{
	const char *name = seccomp_call_name(info->si_syscall);

	UNUSED(sig);
	UNUSED(context);
	log_err("seccomp-denied", "room=%s call=%d name=%s", rights_room_name(installed_room),
	    info->si_syscall, name != NULL ? name : "unlisted");
	_exit(128 + SIGSYS);
}

enum rc
seccomp_install(enum proc_room room, int exec_fd)
{
	static struct seccomp_program program;
	struct seccomp_list lists[ROOM__COUNT];
	struct seccomp_values values = { .self = (uint32_t)syscall(SYS_gettid),
		.exec_fd = exec_fd };
	const char *text = getenv("RINGFENCE_SECCOMP_LOG");
	bool say = text != NULL && strcmp(text, "1") == 0;
	struct sigaction sa = { .sa_sigaction = denied_report, .sa_flags = SA_SIGINFO };
	struct sock_fprog prog;
	enum rc rc;

	rc = seccomp_assemble(lists, seccomp_room_lists(room, lists), &values,
	    say ? SECCOMP_RET_TRAP : SECCOMP_RET_KILL_PROCESS, &program);
	if (rc != RC_OK)
		return rc;
	installed_room = room;
	if (say && sigaction(SIGSYS, &sa, NULL) < 0)
		return rc_from_errno(errno);
	CHECK(program.count <= BPF_MAXINSNS);
	prog = (struct sock_fprog){ .len = (unsigned short)program.count, .filter = program.ops };
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &prog) != 0)
		return rc_from_errno(errno);
	return RC_OK;
}
