/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp_calls - which system calls each room may make, and with what.
 *
 * A room's table is made of groups; each group says why. What is in no table ends the process, so
 * io_uring, ptrace, bpf, userfaultfd, keyctl, process_vm_*, mount, kexec, perf events, modules and
 * open_by_handle_at need no line here. The lists are for the calls that musl makes: where an old
 * and a new form exist, the one it uses is there, and the old one on x86-64 only.
 */
#define _GNU_SOURCE
#include <asm/ioctls.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "rights_impl.h"
#include "seccomp.h"

#define CALL(name) { SYS_##name, #name, { { 0 } } }
#define CALL_IF(name, ...) { SYS_##name, #name, { __VA_ARGS__ } }
#define ONE_OF(n, how_many, ...) { SECCOMP_ONE_OF, n, false, how_many, { __VA_ARGS__ } }
#define WITHOUT(n, mask) { SECCOMP_WITHOUT, n, true, 1, { mask } }
#define WITH(n, mask) { SECCOMP_WITH, n, true, 1, { mask } }
#define SELF(n) { SECCOMP_SELF, n, false, 1, { 0 } }
#define EXEC_FD(n) { SECCOMP_EXEC_FD, n, false, 1, { 0 } }

/* All CLONE_NEW*; CLONE_NEWTIME is in clone's signal byte and means nothing there. */
#define CLONE_NEW_ANY \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
	    CLONE_NEWPID | CLONE_NEWNET)

/* Every room: memory of its own that never becomes code, its end, its signals, the time, and the
 * question of stdio whether it writes to a terminal. abort() signals the thread itself. */
#define GROUP_BASE \
	CALL(brk), CALL(munmap), CALL(mremap), CALL(madvise), \
	CALL_IF(mprotect, WITHOUT(2, PROT_EXEC)), \
	CALL(futex), CALL(rt_sigaction), CALL(rt_sigprocmask), CALL(rt_sigreturn), \
	CALL(restart_syscall), CALL(exit), CALL(exit_group), \
	CALL(getpid), CALL(gettid), CALL_IF(tkill, SELF(0)), \
	CALL(clock_gettime), CALL(gettimeofday), CALL(nanosleep), CALL(clock_nanosleep), \
	CALL(getrandom), CALL_IF(ioctl, ONE_OF(1, 1, TIOCGWINSZ))

/* Rooms without files: memory is anonymous. */
#define GROUP_MEMORY_PRIVATE \
	CALL_IF(mmap, WITHOUT(2, PROT_EXEC), WITH(3, MAP_ANONYMOUS))

/* Rooms that share memory by descriptors, sealed or not. */
#define GROUP_MEMORY_SHARED \
	CALL_IF(mmap, WITHOUT(2, PROT_EXEC)), CALL(msync), CALL(memfd_create), CALL(ftruncate)

/* Descriptors it was given: pipes and socket pairs, read, written, waited for. */
#ifdef SYS_poll
#define GROUP_POLL CALL(poll), CALL(ppoll)
#else
#define GROUP_POLL CALL(ppoll)
#endif
#define GROUP_STREAM \
	CALL(read), CALL(readv), CALL(write), CALL(writev), CALL(close), CALL(lseek), \
	CALL(fstat), GROUP_POLL, \
	CALL_IF(fcntl, ONE_OF(1, 8, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC, \
	    F_ADD_SEALS, F_GET_SEALS, F_DUPFD))

/* Messages on sockets that exist. */
#define GROUP_MESSAGE \
	CALL(recvfrom), CALL(recvmsg), CALL(sendto), CALL(sendmsg), CALL(shutdown)

/* A loop over many descriptors, with timers and signals in it. */
#ifdef SYS_epoll_wait
#define GROUP_EPOLL CALL(epoll_wait), CALL(epoll_pwait)
#else
#define GROUP_EPOLL CALL(epoll_pwait)
#endif
#define GROUP_LOOP \
	CALL(epoll_create1), CALL(epoll_ctl), GROUP_EPOLL, CALL(timerfd_create), \
	CALL(timerfd_settime), CALL(timerfd_gettime), CALL(eventfd2), CALL(signalfd4), \
	CALL(rt_sigtimedwait)

/* Takes connections from listeners that exist, and asks who is there. */
#define GROUP_ACCEPT \
	CALL(accept), CALL(accept4), CALL(getsockname), CALL(getpeername), CALL(getsockopt), \
	CALL(setsockopt)

/* Who it is: for credentials in messages and log lines. */
#define GROUP_IDENTITY \
	CALL(getuid), CALL(geteuid), CALL(getgid), CALL(getegid), CALL(getppid)

/* Files below what Landlock leaves open: read, replaced by write, fsync and rename, locked. */
#ifdef SYS_open
#define GROUP_FILE_OLD \
	CALL(open), CALL(stat), CALL(lstat), CALL(access), CALL(readlink), CALL(rename), \
	CALL(unlink), CALL(mkdir), CALL(rmdir), CALL(chmod),
#else
#define GROUP_FILE_OLD
#endif
#define GROUP_FILE \
	GROUP_FILE_OLD CALL(openat), CALL(newfstatat), CALL(statx), CALL(faccessat), \
	CALL(readlinkat), CALL(renameat), CALL(renameat2), CALL(unlinkat), CALL(mkdirat), \
	CALL(fchmod), CALL(fchmodat), CALL(getdents64), CALL(pread64), CALL(pwrite64), \
	CALL(fsync), \
	CALL(fdatasync), CALL(ftruncate), CALL(flock), CALL(fallocate), CALL(statfs), \
	CALL(fstatfs), CALL(getcwd), CALL(umask), \
	CALL_IF(fcntl, ONE_OF(1, 6, F_GETLK, F_SETLK, F_SETLKW, F_OFD_GETLK, F_OFD_SETLK, \
	    F_OFD_SETLKW))

/* Keeps the former file under a second name. */
#ifdef SYS_link
#define GROUP_LINK CALL(link)
#else
#define GROUP_LINK CALL(linkat)
#endif

/* Compile: policy text in by pipe, plain rules out by pipe, nothing else. */
static const struct seccomp_call compile_calls[] = {
	GROUP_BASE, GROUP_MEMORY_PRIVATE, GROUP_STREAM,
	/* the message channel is a socket pair where it is not a pipe */
	GROUP_MESSAGE,
};

/* Build: rules in, image and proof out; the same doors, more memory. */
static const struct seccomp_call build_calls[] = {
	GROUP_BASE, GROUP_MEMORY_PRIVATE, GROUP_STREAM, GROUP_MESSAGE,
};

/* Signer: one socket pair; a key that is never swapped out. */
static const struct seccomp_call signer_calls[] = {
	GROUP_BASE, GROUP_MEMORY_PRIVATE, GROUP_STREAM, GROUP_MESSAGE,
	CALL(mlock), CALL(munlock),
};

/* Ctl: listeners, connections and channels that it is given; it makes no socket and opens no
 * file. Large bodies come as sealed memory. */
static const struct seccomp_call ctl_calls[] = {
	GROUP_BASE, GROUP_MEMORY_SHARED, GROUP_STREAM, GROUP_MESSAGE, GROUP_LOOP, GROUP_ACCEPT,
	GROUP_IDENTITY,
	/* asks how much waits in a socket; a body may come as a file to be read */
	CALL_IF(ioctl, ONE_OF(1, 1, FIONREAD)), CALL(pread64),
};

/* Store: the data directory. */
static const struct seccomp_call store_calls[] = {
	GROUP_BASE, GROUP_MEMORY_SHARED, GROUP_STREAM, GROUP_MESSAGE, GROUP_LOOP, GROUP_FILE,
	GROUP_IDENTITY,
};

/* Nic: packets of open devices, in bursts; the mailbox's clients, each with shared memory; the
 * file of the committed image. */
static const struct seccomp_call nic_calls[] = {
	GROUP_BASE, GROUP_MEMORY_SHARED, GROUP_STREAM, GROUP_MESSAGE, GROUP_LOOP, GROUP_ACCEPT,
	GROUP_FILE, GROUP_IDENTITY,
	CALL(recvmmsg), CALL(sendmmsg), CALL(sched_yield), CALL(mlock), GROUP_LINK,
	/* a pair without a name for each session; no socket that could be connected */
	CALL_IF(socketpair, ONE_OF(0, 1, AF_UNIX)),
	/* asks its devices whether they are still there */
	CALL_IF(ioctl, ONE_OF(1, 2, SIOCGIFNAME, TUNGETIFF)),
	/* a thread writes the image while packets go on: threads yes, processes no */
	CALL_IF(clone, WITH(0, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD),
	    WITHOUT(0, CLONE_NEW_ANY)),
	CALL(set_tid_address), CALL(set_robust_list),
};

/* Main: all that its rooms may, for they inherit its list; and what is its own work. */
static const struct seccomp_call main_calls[] = {
	GROUP_LOOP, GROUP_ACCEPT, GROUP_FILE, GROUP_IDENTITY,
	/* the NIC's socket, the notify socket, the local socket: no other family, no new TCP */
	CALL_IF(socket, ONE_OF(0, 1, AF_UNIX)), CALL_IF(socketpair, ONE_OF(0, 1, AF_UNIX)),
	CALL(connect), CALL(bind), CALL(listen),
	/* starts its rooms, as processes of the namespaces it is in, from its own binary */
#ifdef SYS_fork
	CALL(fork), CALL(vfork), CALL(dup2),
#endif
	CALL_IF(clone, WITHOUT(0, CLONE_NEW_ANY)),
	CALL_IF(execveat, EXEC_FD(0), WITH(4, AT_EMPTY_PATH)),
	CALL(pipe2), CALL(dup), CALL(dup3), CALL(close_range), CALL(setsid), CALL(setpgid),
	CALL(rt_sigsuspend),
	/* watches and ends them; Landlock keeps signals inside, where the kernel has that */
	CALL(wait4), CALL(waitid), CALL(kill), CALL(tkill), CALL(pidfd_open),
	CALL(pidfd_send_signal),
	/* a fresh image starts: thread pointer, thread id */
#ifdef SYS_arch_prctl
	CALL_IF(arch_prctl, ONE_OF(0, 1, 0x1002 /* ARCH_SET_FS */)),
#endif
	CALL(set_tid_address),
	/* what rights_drop() of a child calls: each can only take away, or lead into a world
	 * with nothing in it; uids change only with a capability that main may lack */
	CALL_IF(prctl, ONE_OF(0, 11, PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS, PR_CAPBSET_DROP,
	    PR_CAPBSET_READ, PR_SET_DUMPABLE, PR_GET_DUMPABLE, PR_SET_PDEATHSIG, PR_SET_NAME,
	    PR_CAP_AMBIENT, RIGHTS_PR_SET_MDWE, RIGHTS_PR_GET_MDWE)),
	CALL(capget), CALL(capset), CALL(setgroups), CALL(setresuid), CALL(setresgid),
	CALL_IF(prlimit64, ONE_OF(0, 1, 0)),
	CALL(landlock_create_ruleset), CALL(landlock_add_rule), CALL(landlock_restrict_self),
	CALL_IF(seccomp, ONE_OF(0, 1, SECCOMP_SET_MODE_FILTER)),
	CALL_IF(unshare, ONE_OF(0, 1, RIGHTS_NAMESPACE_FLAGS)),
};

#define LIST(table) { table, ARRAY_LEN(table) }

static const struct seccomp_list tables[ROOM__COUNT] = {
	[ROOM_MAIN] = LIST(main_calls),
	[ROOM_COMPILE] = LIST(compile_calls),
	[ROOM_BUILD] = LIST(build_calls),
	[ROOM_CTL] = LIST(ctl_calls),
	[ROOM_SIGNER] = LIST(signer_calls),
	[ROOM_NIC] = LIST(nic_calls),
	[ROOM_STORE] = LIST(store_calls),
};

size_t
seccomp_room_lists(enum proc_room room, struct seccomp_list out[ROOM__COUNT])
{
	static const enum proc_room children[] = { ROOM_COMPILE, ROOM_BUILD, ROOM_CTL, ROOM_SIGNER,
		ROOM_STORE };
	size_t n = 0;

	CHECK(room < ROOM__COUNT);
	out[n++] = tables[room];
	if (room == ROOM_MAIN)
		for (size_t i = 0; i < ARRAY_LEN(children); i++)
			out[n++] = tables[children[i]];
	return n;
}

const char *
seccomp_call_name(long nr)
{
	for (size_t t = 0; t < ROOM__COUNT; t++)
		for (size_t i = 0; i < tables[t].count; i++)
			if (tables[t].calls[i].nr == nr)
				return tables[t].calls[i].name;
	return NULL;
}
