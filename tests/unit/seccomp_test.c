/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp_test - the assembled program against a plain reading of the tables: every call number,
 * arguments at and beside every value of the table, foreign architectures, limits.
 */
#define _GNU_SOURCE
#include "t.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "seccomp.h"

#if defined(__x86_64__)
#define ARCH_OURS AUDIT_ARCH_X86_64
#define ARCH_OTHER AUDIT_ARCH_I386
#else
#define ARCH_OURS AUDIT_ARCH_AARCH64
#define ARCH_OTHER AUDIT_ARCH_ARM
#endif

enum { SELF = 4711, OWN_FD = 9, NR_MAX = 600, DENY = (int)SECCOMP_RET_ERRNO | 77 };

static struct seccomp_program program;

struct room_row {
	const char *name;
	enum proc_room room;
};

static const struct room_row room_rows[] = { { "main", ROOM_MAIN }, { "compile", ROOM_COMPILE },
	{ "build", ROOM_BUILD }, { "ctl", ROOM_CTL }, { "signer", ROOM_SIGNER },
	{ "nic", ROOM_NIC }, { "store", ROOM_STORE } };

/* --- the plain reading */

static bool
check_holds(const struct seccomp_check *c, const uint64_t args[6], int exec_fd)
{
	uint32_t v = (uint32_t)args[c->arg];

	if (c->wide && args[c->arg] >> 32 != 0)
		return false;
	switch ((enum seccomp_op)c->op) {
	case SECCOMP_NONE:
		return true;
	case SECCOMP_ONE_OF:
		for (int i = 0; i < MAX(c->count, 1); i++)
			if (c->values[i] == v)
				return true;
		return false;
	case SECCOMP_WITHOUT:
		return (v & c->values[0]) == 0;
	case SECCOMP_WITH:
		return (v & c->values[0]) == c->values[0];
	case SECCOMP_SELF:
		return v == SELF;
	case SECCOMP_EXEC_FD:
		return exec_fd >= 0 && v == (uint32_t)exec_fd;
	}
	return false;
}

static bool
lists_permit(const struct seccomp_list *lists, size_t n, uint32_t nr, const uint64_t args[6],
    int exec_fd)
{
	for (size_t l = 0; l < n; l++)
		for (size_t i = 0; i < lists[l].count; i++) {
			const struct seccomp_call *call = &lists[l].calls[i];
			bool holds = call->nr == nr;

			for (int c = 0; c < SECCOMP_CHECKS_MAX && holds; c++)
				holds = check_holds(&call->checks[c], args, exec_fd);
			if (holds)
				return true;
		}
	return false;
}

static uint32_t
answer_of(uint32_t arch, uint32_t nr, const uint64_t args[6])
{
	uint32_t answer = 0;

	if (!seccomp_eval(&program, arch, nr, args, &answer))
		T_OK(!"the program leaves its bounds");
	return answer;
}

/* An argument near what the tables compare with. */
static uint64_t
arg_near(const struct seccomp_list *lists, size_t n)
{
	const struct seccomp_list *l = &lists[t_rand_below(n)];
	const struct seccomp_call *call = &l->calls[t_rand_below(l->count)];
	uint64_t v = call->checks[t_rand_below(SECCOMP_CHECKS_MAX)].values[t_rand_below(4)];

	switch (t_rand_below(8)) {
	case 0:
		return v | t_rand() << 32;
	case 1:
		return v + 1;
	case 2:
		return ~v;
	case 3:
		return t_rand_below(2) ? SELF : OWN_FD;
	case 4:
		return v | t_rand_below(1 << 13);
	default:
		return v;
	}
}

static void
test_room(const struct room_row *row)
{
	struct seccomp_list lists[ROOM__COUNT];
	size_t n = seccomp_room_lists(row->room, lists);
	struct seccomp_values values = { SELF, row->room == ROOM_MAIN ? OWN_FD : -1 };
	unsigned long tries = t_tries(200), permitted = 0, differ = 0;

	T_IS_INT(seccomp_assemble(lists, n, &values, (uint32_t)DENY, &program), RC_OK);
	for (uint32_t nr = 0; nr < NR_MAX; nr++)
		for (unsigned long i = 0; i < tries; i++) {
			uint64_t args[6] = { 0 };
			bool want;

			for (int a = 0; a < 6 && i > 0; a++)
				args[a] = arg_near(lists, n);
			want = lists_permit(lists, n, nr, args, values.exec_fd);
			permitted += want;
			differ += answer_of(ARCH_OURS, nr, args) !=
			    (want ? SECCOMP_RET_ALLOW : (uint32_t)DENY);
			if (i < 4) {
				differ += answer_of(ARCH_OTHER, nr, args) !=
				    SECCOMP_RET_KILL_PROCESS;
				differ += answer_of(ARCH_OURS, nr | 0x40000000, args) !=
				    (uint32_t)DENY;
			}
		}
	printf("# %s: %zu instructions, %lu of %lu permitted\n", row->name, program.count,
	    permitted, tries * NR_MAX);
	T_IS_UINT(differ, 0);
	T_OK(permitted > 20 * tries);
}

/* --- what no room may, whatever the arguments */

struct never_row {
	const char *name;
	long nr;
};

static const struct never_row never_rows[] = {
	{ "io_uring_setup", SYS_io_uring_setup }, { "io_uring_enter", SYS_io_uring_enter },
	{ "io_uring_register", SYS_io_uring_register }, { "ptrace", SYS_ptrace },
	{ "bpf", SYS_bpf }, { "userfaultfd", SYS_userfaultfd }, { "keyctl", SYS_keyctl },
	{ "add_key", SYS_add_key }, { "request_key", SYS_request_key },
	{ "process_vm_readv", SYS_process_vm_readv },
	{ "process_vm_writev", SYS_process_vm_writev }, { "mount", SYS_mount },
	{ "umount2", SYS_umount2 }, { "pivot_root", SYS_pivot_root }, { "chroot", SYS_chroot },
	{ "move_mount", SYS_move_mount }, { "open_tree", SYS_open_tree },
	{ "fsopen", SYS_fsopen }, { "setns", SYS_setns }, { "kexec_load", SYS_kexec_load },
	{ "reboot", SYS_reboot }, { "init_module", SYS_init_module },
	{ "finit_module", SYS_finit_module }, { "delete_module", SYS_delete_module },
	{ "perf_event_open", SYS_perf_event_open }, { "pidfd_getfd", SYS_pidfd_getfd },
	{ "open_by_handle_at", SYS_open_by_handle_at }, { "quotactl", SYS_quotactl },
	{ "swapon", SYS_swapon }, { "execve", SYS_execve }, { "clone3", SYS_clone3 },
	{ "personality", SYS_personality }, { "settimeofday", SYS_settimeofday },
	{ "clock_settime", SYS_clock_settime }, { "adjtimex", SYS_adjtimex },
	{ "setuid", SYS_setuid }, { "setfsuid", SYS_setfsuid }, { "mknodat", SYS_mknodat },
#ifdef SYS_link
	{ "linkat", SYS_linkat },	/* the NIC has link */
#endif
	{ "symlinkat", SYS_symlinkat }, { "fanotify", SYS_fanotify_init },
	{ "syslog", SYS_syslog }, { "acct", SYS_acct }, { "vhangup", SYS_vhangup },
	{ "process_madvise", SYS_process_madvise }, { "shmget", SYS_shmget },
	{ "pkey_mprotect", SYS_pkey_mprotect }, { "remap_file_pages", SYS_remap_file_pages },
#ifdef SYS_modify_ldt
	{ "modify_ldt", SYS_modify_ldt },
#endif
#ifdef SYS_iopl
	{ "iopl", SYS_iopl }, { "ioperm", SYS_ioperm },
#endif
};

static void
test_never(const struct never_row *row)
{
	for (size_t r = 0; r < ROOM__COUNT; r++) {
		struct seccomp_list lists[ROOM__COUNT];
		size_t n = seccomp_room_lists((enum proc_room)r, lists);

		for (size_t l = 0; l < n; l++)
			for (size_t i = 0; i < lists[l].count; i++)
				T_OK(lists[l].calls[i].nr != row->nr);
	}
}

/* --- single calls, with the arguments that decide */

struct call_row {
	const char *name;
	long nr;
	uint64_t args[6];
	bool permitted;
	enum proc_room room;
};

static const struct call_row call_rows[] = {
	{ "socket AF_UNIX", SYS_socket, { AF_UNIX, SOCK_STREAM }, true, ROOM_MAIN },
	{ "socket AF_UNIX, high half set", SYS_socket, { AF_UNIX | 1ull << 40 }, true, ROOM_MAIN },
	{ "socket AF_INET", SYS_socket, { AF_INET, SOCK_STREAM }, false, ROOM_MAIN },
	{ "mmap anonymous", SYS_mmap, { 0, 1, PROT_WRITE, MAP_PRIVATE }, true, ROOM_MAIN },
	{ "mmap executable", SYS_mmap, { 0, 4096, PROT_EXEC, MAP_PRIVATE }, false, ROOM_MAIN },
	{ "mmap, high half of prot", SYS_mmap, { 0, 1, 1ull << 32, 2 }, false, ROOM_MAIN },
	{ "mprotect read", SYS_mprotect, { 0, 4096, PROT_READ }, true, ROOM_MAIN },
	{ "mprotect executable", SYS_mprotect, { 0, 1, PROT_EXEC }, false, ROOM_MAIN },
	{ "clone as fork", SYS_clone, { 17 }, true, ROOM_MAIN },
	{ "clone into a network", SYS_clone, { 17 | CLONE_NEWNET }, false, ROOM_MAIN },
	{ "clone into a user namespace", SYS_clone, { 17 | CLONE_NEWUSER }, false, ROOM_MAIN },
	{ "unshare into the void", SYS_unshare, { CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS |
	    CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS }, true, ROOM_MAIN },
	{ "unshare user", SYS_unshare, { CLONE_NEWUSER }, false, ROOM_MAIN },
	{ "unshare files", SYS_unshare, { CLONE_FILES }, false, ROOM_MAIN },
	{ "execveat own", SYS_execveat, { OWN_FD, 0, 0, 0, 0x1000 }, true, ROOM_MAIN },
	{ "execveat other", SYS_execveat, { OWN_FD + 1, 0, 0, 0, 0x1000 }, false, ROOM_MAIN },
	{ "execveat by path", SYS_execveat, { OWN_FD, 0, 0, 0, 0 }, false, ROOM_MAIN },
	{ "prctl no_new_privs", SYS_prctl, { PR_SET_NO_NEW_PRIVS }, true, ROOM_MAIN },
	{ "prctl mm", SYS_prctl, { PR_SET_MM }, false, ROOM_MAIN },
	{ "prctl securebits", SYS_prctl, { PR_SET_SECUREBITS }, false, ROOM_MAIN },
	{ "prlimit self", SYS_prlimit64, { 0 }, true, ROOM_MAIN },
	{ "prlimit other", SYS_prlimit64, { 1 }, false, ROOM_MAIN },
	{ "seccomp filter", SYS_seccomp, { 1 }, true, ROOM_MAIN },
	{ "seccomp notification sizes", SYS_seccomp, { 3 }, false, ROOM_MAIN },
	{ "fcntl get flags", SYS_fcntl, { 3, 3 }, true, ROOM_MAIN },
	{ "fcntl lock", SYS_fcntl, { 3, 6 }, true, ROOM_MAIN },
	{ "fcntl owner", SYS_fcntl, { 3, 8 }, false, ROOM_MAIN },
	{ "ioctl window size", SYS_ioctl, { 1, 0x5413 }, true, ROOM_MAIN },
	{ "ioctl terminal input", SYS_ioctl, { 1, 0x5412 }, false, ROOM_MAIN },
	{ "ioctl bytes waiting", SYS_ioctl, { 1, 0x541b }, true, ROOM_MAIN },
	{ "tkill self", SYS_tkill, { SELF, 6 }, true, ROOM_COMPILE },
	{ "tkill other", SYS_tkill, { SELF + 1, 6 }, false, ROOM_COMPILE },
	{ "tkill other", SYS_tkill, { SELF + 1, 6 }, true, ROOM_MAIN },
	{ "mmap anonymous", SYS_mmap, { 0, 1, PROT_READ, MAP_ANONYMOUS }, true, ROOM_COMPILE },
	{ "mmap a file", SYS_mmap, { 0, 1, PROT_READ, MAP_PRIVATE }, false, ROOM_COMPILE },
	{ "mmap a file", SYS_mmap, { 0, 1, PROT_READ, MAP_SHARED }, true, ROOM_CTL },
	{ "ioctl bytes waiting", SYS_ioctl, { 1, 0x541b }, false, ROOM_SIGNER },
	{ "ioctl interface name", SYS_ioctl, { 3, 0x8910 }, true, ROOM_NIC },
	{ "ioctl interface flags", SYS_ioctl, { 3, 0x8914 }, false, ROOM_NIC },
	{ "socketpair AF_UNIX", SYS_socketpair, { AF_UNIX }, true, ROOM_NIC },
	{ "socketpair AF_INET", SYS_socketpair, { AF_INET }, false, ROOM_NIC },
	{ "socket AF_UNIX", SYS_socket, { AF_UNIX }, false, ROOM_NIC },
};

static void
test_call(const struct call_row *row)
{
	struct seccomp_list lists[ROOM__COUNT];
	size_t n = seccomp_room_lists(row->room, lists);

	T_IS_INT(seccomp_assemble(lists, n, &(struct seccomp_values){ SELF, OWN_FD },
	    (uint32_t)DENY, &program), RC_OK);
	T_IS_UINT(answer_of(ARCH_OURS, (uint32_t)row->nr, row->args),
	    row->permitted ? SECCOMP_RET_ALLOW : (uint32_t)DENY);
}

/* The software NIC starts threads, and only threads. */
static void
test_threads(void)
{
	uint64_t args[6] = { CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD };
	struct seccomp_list lists[ROOM__COUNT];
	size_t n = seccomp_room_lists(ROOM_NIC, lists);

	T_IS_INT(seccomp_assemble(lists, n, &(struct seccomp_values){ SELF, -1 }, (uint32_t)DENY,
	    &program), RC_OK);
	T_IS_UINT(answer_of(ARCH_OURS, SYS_clone, args), SECCOMP_RET_ALLOW);
	args[0] |= CLONE_NEWUSER;
	T_IS_UINT(answer_of(ARCH_OURS, SYS_clone, args), (uint32_t)DENY);
	args[0] = CLONE_VM | CLONE_SIGHAND;
	T_IS_UINT(answer_of(ARCH_OURS, SYS_clone, args), (uint32_t)DENY);
}

/* Without a binary of its own, no descriptor fits, not even -1. */
static void
test_no_binary(void)
{
	uint64_t args[6] = { UINT64_MAX, 0, 0, 0, 0x1000, 0 };
	struct seccomp_list lists[ROOM__COUNT];
	size_t n = seccomp_room_lists(ROOM_MAIN, lists);

	T_IS_INT(seccomp_assemble(lists, n, &(struct seccomp_values){ SELF, -1 }, (uint32_t)DENY,
	    &program), RC_OK);
	T_IS_UINT(answer_of(ARCH_OURS, SYS_execveat, args), (uint32_t)DENY);
	args[0] = OWN_FD;
	T_IS_UINT(answer_of(ARCH_OURS, SYS_execveat, args), (uint32_t)DENY);
}

/* Main's children inherit its list: what any of them may, main may. */
static void
test_inherit(void)
{
	static const enum proc_room children[] = { ROOM_COMPILE, ROOM_BUILD, ROOM_CTL, ROOM_SIGNER,
		ROOM_STORE };
	struct seccomp_list of_main[ROOM__COUNT], lists[ROOM__COUNT];
	size_t n = seccomp_room_lists(ROOM_MAIN, of_main);
	unsigned seen = 0;

	for (size_t c = 0; c < ARRAY_LEN(children); c++) {
		T_IS_INT(seccomp_room_lists(children[c], lists), 1);
		for (size_t i = 0; i < lists[0].count; i++) {
			bool found = false;

			for (size_t l = 0; l < n; l++)
				for (size_t k = 0; k < of_main[l].count && !found; k++)
					found = &of_main[l].calls[k] == &lists[0].calls[i];
			seen += found;
			if (!found)
				T_IS_STR(lists[0].calls[i].name, "in main's list");
		}
	}
	T_OK(seen > 100);
}

static void
test_limits(void)
{
	static struct seccomp_call many[SECCOMP_CALLS_MAX + 1];
	struct seccomp_values values = { SELF, -1 };
	struct seccomp_list list = { many, 1 };
	uint64_t args[6] = { 0 };

	many[0] = (struct seccomp_call){ .nr = 7, .name = "one" };
	T_IS_INT(seccomp_assemble(&list, 1, &values, (uint32_t)DENY, &program), RC_OK);
	T_IS_UINT(answer_of(ARCH_OURS, 7, args), SECCOMP_RET_ALLOW);
	T_IS_UINT(answer_of(ARCH_OURS, 6, args), (uint32_t)DENY);
	T_IS_UINT(answer_of(ARCH_OURS, 8, args), (uint32_t)DENY);
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		many[i] = (struct seccomp_call){ .nr = (uint16_t)(2 * i), .name = "even" };
	list.count = SECCOMP_CALLS_MAX;
	T_IS_INT(seccomp_assemble(&list, 1, &values, (uint32_t)DENY, &program), RC_OK);
	for (uint32_t nr = 0; nr < 2 * SECCOMP_CALLS_MAX; nr++)
		T_IS_UINT(answer_of(ARCH_OURS, nr, args),
		    nr % 2 == 0 ? SECCOMP_RET_ALLOW : (uint32_t)DENY);
	list.count++;
	T_IS_INT(seccomp_assemble(&list, 1, &values, (uint32_t)DENY, &program), RC_LIMIT);
	/* as many rows as fit, each with so many checks that the instructions do not */
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		for (size_t c = 0; c < SECCOMP_CHECKS_MAX; c++)
			many[i].checks[c] = (struct seccomp_check){ SECCOMP_ONE_OF, (uint8_t)c,
				true, SECCOMP_VALUES_MAX, { (uint32_t)i } };
	list.count = SECCOMP_CALLS_MAX;
	T_IS_INT(seccomp_assemble(&list, 1, &values, (uint32_t)DENY, &program), RC_LIMIT);
	/* all rows of one number: no tree, one leaf */
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		many[i] = (struct seccomp_call){ .nr = 5, .name = "same",
			.checks = { { SECCOMP_ONE_OF, 0, false, 1, { (uint32_t)i } } } };
	list.count = 100;
	T_IS_INT(seccomp_assemble(&list, 1, &values, (uint32_t)DENY, &program), RC_OK);
	args[0] = 99;
	T_IS_UINT(answer_of(ARCH_OURS, 5, args), SECCOMP_RET_ALLOW);
	args[0] = 100;
	T_IS_UINT(answer_of(ARCH_OURS, 5, args), (uint32_t)DENY);
}

static void
test_names(void)
{
	T_IS_STR(seccomp_call_name(SYS_read), "read");
	T_IS_STR(seccomp_call_name(SYS_execveat), "execveat");
	T_IS_STR(seccomp_call_name(SYS_mount), NULL);
	T_IS_STR(seccomp_call_name(-1), NULL);
}

int
main(void)
{
	t_seed();
	T_ROWS(room_rows, test_room);
	T_ROWS(never_rows, test_never);
	T_ROWS(call_rows, test_call);
	T_RUN(test_threads);
	T_RUN(test_no_binary);
	T_RUN(test_inherit);
	T_RUN(test_limits);
	T_RUN(test_names);
	return t_done();
}
