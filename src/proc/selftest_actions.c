/* SPDX-License-Identifier: Apache-2.0 */
/*
 * selftest_actions - what a broken-into process would try next.
 *
 * Each gives 0 where the kernel did it, else errno. Where success would do harm, the arguments are
 * wrong in a way that the kernel finds only after the question of rights: a null pointer, a file
 * that is not there, a magic number.
 */
#define _GNU_SOURCE
#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rights.h"
#include "selftest_impl.h"

#define ACTION(name) static int name(const struct selftest_scene *s)
/* The result of a system call as 0 or errno, evaluated once. */
#define ERRNO_OF(call) ((call) < 0 ? errno : 0)
/* An action that is one raw call. */
#define RAW(name, ...) \
	ACTION(name) \
	{ \
		UNUSED(s); \
		return ERRNO_OF(syscall(__VA_ARGS__)); \
	}

/* --- files */
RAW(open_passwd, SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY)
RAW(make_file, SYS_openat, AT_FDCWD, "/tmp", O_TMPFILE | O_RDWR, 0600)
RAW(list_root, SYS_openat, AT_FDCWD, "/", O_RDONLY | O_DIRECTORY)
RAW(open_own_mem, SYS_openat, AT_FDCWD, "/proc/self/mem", O_RDWR)
RAW(make_node, SYS_mknodat, AT_FDCWD, "/tmp/.", S_IFCHR | 0600, 0x103)
RAW(change_root, SYS_chroot, "/")
RAW(mount_proc, SYS_mount, "none", "/", "no-such-type", 0, NULL)
RAW(swap_on, SYS_swapon, "/nonexistent", 0)
RAW(quota, SYS_quotactl, 0x800003 << 8, "/nonexistent", 0, NULL)

ACTION(open_handle)
{
	struct {
		uint32_t bytes;
		int32_t type;
		uint8_t handle[8];
	} h = { 8, 0x7f, { 0 } };	/* of no known type: ESTALE once the right is there */

	return ERRNO_OF(syscall(SYS_open_by_handle_at, s->handle_fd, &h, O_RDONLY));
}

/* --- network */
RAW(socket_inet, SYS_socket, AF_INET, SOCK_STREAM, 0)
RAW(socket_packet, SYS_socket, AF_PACKET, SOCK_RAW, 0)
RAW(socket_raw, SYS_socket, AF_INET, SOCK_RAW, IPPROTO_ICMP)
RAW(socket_netlink, SYS_socket, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE)

/* The discard port of this machine: ECONNREFUSED where the kernel tried. */
ACTION(connect_tcp)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	return ERRNO_OF(syscall(SYS_connect, s->tcp_fd, &to, sizeof(to)));
}

ACTION(bind_tcp)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	return ERRNO_OF(syscall(SYS_bind, s->tcp_fd, &at, sizeof(at)));
}

/* --- code */
ACTION(exec_path)
{
	char *const argv[] = { (char[]){ "true" }, NULL };

	UNUSED(s);
	return ERRNO_OF(syscall(SYS_execve, "/bin/true", argv, argv + 1));
}

static int
exec_fd(int fd)
{
	char *const argv[] = { (char[]){ "ringfence" }, (char[]){ "--selftest-exec" }, NULL };

	return ERRNO_OF(syscall(SYS_execveat, fd, "", argv, argv + 2, AT_EMPTY_PATH));
}

ACTION(exec_memfd)
{
	return exec_fd(s->memfd);
}

ACTION(exec_other)
{
	return exec_fd(s->other_fd);
}

ACTION(mprotect_exec)
{
	long page = syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	UNUSED(s);
	return ERRNO_OF(syscall(SYS_mprotect, page, 4096, PROT_READ | PROT_EXEC));
}

RAW(mmap_exec, SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
RAW(load_module, SYS_init_module, NULL, 0, "")
RAW(load_kernel, SYS_kexec_load, 0, 0, NULL, 0xffff)
RAW(load_bpf, SYS_bpf, 5 /* BPF_PROG_LOAD */, NULL, 0)
RAW(personality_set, SYS_personality, 0xffffffff)

/* --- other processes */
ACTION(fork_child)
{
	long pid = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
	int status;

	UNUSED(s);
	if (pid == 0)
		syscall(SYS_exit_group, 0);
	if (pid < 0)
		return errno;
	return ERRNO_OF(syscall(SYS_wait4, pid, &status, 0, NULL));
}

/* Seizing does not stop it, and ends with this process. */
ACTION(ptrace_parent)
{
	return ERRNO_OF(syscall(SYS_ptrace, PTRACE_SEIZE, s->parent, NULL, NULL));
}

ACTION(kill_parent)
{
	return ERRNO_OF(syscall(SYS_kill, s->parent, 0));
}

ACTION(read_parent)
{
	char here;
	struct iovec local = { &here, 1 }, remote = { (void *)(uintptr_t)s, 1 };

	return ERRNO_OF(syscall(SYS_process_vm_readv, s->parent, &local, 1, &remote, 1, 0));
}

ACTION(take_fd)
{
	return ERRNO_OF(syscall(SYS_pidfd_getfd, s->pidfd, 0, 0));
}

ACTION(limit_parent)
{
	return ERRNO_OF(syscall(SYS_prlimit64, s->parent, RLIMIT_CORE, NULL, NULL));
}

/* --- the system */
RAW(unshare_user, SYS_unshare, CLONE_NEWUSER)
RAW(enter_namespace, SYS_setns, -1, CLONE_NEWNET)
RAW(become_root, SYS_setuid, 0)
RAW(io_uring, SYS_io_uring_setup, 1, NULL)
RAW(fault_fd, SYS_userfaultfd, 0)
RAW(key_ring, SYS_keyctl, 0 /* KEYCTL_GET_KEYRING_ID */, -3, 0)
RAW(reboot_now, SYS_reboot, 0, 0, 0, NULL)
RAW(perf_event, SYS_perf_event_open, NULL, 0, -1, -1, 0)
RAW(kernel_log, SYS_syslog, 10 /* size of the buffer */, NULL, 0)
RAW(type_to_terminal, SYS_ioctl, 0, TIOCSTI, "x")
#ifdef SYS_ioperm
RAW(port_access, SYS_ioperm, 0x80, 1, 1)
#endif

ACTION(set_clock)
{
	struct timeval never = { .tv_usec = 2000000 };

	UNUSED(s);
	return ERRNO_OF(syscall(SYS_settimeofday, &never, NULL));
}

ACTION(clone_user)
{
	long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);

	UNUSED(s);
	if (pid == 0)
		syscall(SYS_exit_group, 0);
	return pid < 0 ? errno : 0;
}

/* --- main's duties */

/* A child that runs f; 0 where it ended well. */
static int
in_child(int (*f)(const struct selftest_scene *s), const struct selftest_scene *s)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(f(s));
	if (pid < 0)
		return errno;
	if (waitpid(pid, &status, 0) != pid)
		return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

/* The pipe's writing end closes by the exec, without a byte; where that fails, one comes. */
ACTION(exec_own)
{
	char byte;
	int end[2];
	ssize_t n;
	pid_t pid;

	if (pipe2(end, O_CLOEXEC) < 0)
		return errno;
	pid = fork();
	if (pid == 0) {
		byte = (char)exec_fd(s->own_fd);
		_exit(write(end[1], &byte, 1) == 1 ? 0 : 1);
	}
	close(end[1]);
	n = read(end[0], &byte, 1);
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		return errno;
	return n == 0 ? 0 : n == 1 ? byte : EIO;
}

static int
enter_room(const struct selftest_scene *s, enum proc_room room)
{
	struct rights_spec spec = rights_spec_default(room);
	struct diag diag = { 0 };

	UNUSED(s);
	if (rights_drop(&spec, &diag) == RC_OK)
		return 0;
	diag_print(&diag, stderr);
	return EPERM;
}

ACTION(enter_compile)
{
	return enter_room(s, ROOM_COMPILE);
}

ACTION(enter_build)
{
	return enter_room(s, ROOM_BUILD);
}

ACTION(enter_ctl)
{
	return enter_room(s, ROOM_CTL);
}

ACTION(enter_signer)
{
	return enter_room(s, ROOM_SIGNER);
}

ACTION(enter_store)
{
	return enter_room(s, ROOM_STORE);
}

ACTION(spawn_rooms)
{
	static int (*const enter[])(const struct selftest_scene *) = { enter_compile, enter_build,
		enter_ctl, enter_signer, enter_store };
	int err = 0;

	for (size_t i = 0; i < ARRAY_LEN(enter) && err == 0; i++)
		err = in_child(enter[i], s);
	return err;
}

ACTION(end_child)
{
	pid_t pid = fork();
	int status;

	UNUSED(s);
	if (pid == 0)
		for (;;)
			poll(NULL, 0, -1);
	if (pid < 0 || kill(pid, SIGKILL) < 0)
		return errno;
	if (waitpid(pid, &status, 0) != pid)
		return errno;
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? 0 : EINTR;
}

/* As a state file is written: new file, fsync, rename, read back. */
ACTION(write_state)
{
	char from[256], to[256], back;
	int fd, err = 0;

	if (s->dir == NULL)
		return ENOENT;
	snprintf(from, sizeof(from), "%s/new", s->dir);
	snprintf(to, sizeof(to), "%s/state", s->dir);
	fd = open(from, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno;
	if (write(fd, "x", 1) != 1 || fsync(fd) < 0 || rename(from, to) < 0)
		err = errno;
	close(fd);
	fd = err == 0 ? open(to, O_RDONLY | O_CLOEXEC) : -1;
	if (err == 0 && (fd < 0 || read(fd, &back, 1) != 1))
		err = errno;
	if (fd >= 0)
		close(fd);
	if (err == 0 && unlink(to) < 0)
		err = errno;
	return err;
}

RAW(socket_unix, SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)

const struct selftest_action selftest_actions[] = {
	{ "open /etc/passwd", open_passwd, MAIN_MUST_NOT, true, RIGHTS_LANDLOCK },
	{ "make a file in /tmp", make_file, MAIN_MUST_NOT, true, RIGHTS_LANDLOCK },
	{ "list the root directory", list_root, MAIN_MUST_NOT, true, RIGHTS_LANDLOCK },
	{ "open /proc/self/mem", open_own_mem, MAIN_MUST_NOT, true, RIGHTS_LANDLOCK },
	{ "make a device node", make_node, MAIN_MUST_NOT, false, 0 },
	{ "open a file by handle", open_handle, MAIN_MUST_NOT, false, 0 },
	{ "chroot", change_root, MAIN_MUST_NOT, false, 0 },
	{ "mount", mount_proc, MAIN_MUST_NOT, false, 0 },
	{ "swapon", swap_on, MAIN_MUST_NOT, false, 0 },
	{ "quotactl", quota, MAIN_MUST_NOT, false, 0 },
	{ "connect by TCP to this machine", connect_tcp, MAIN_MUST_NOT, true, RIGHTS_LANDLOCK_NET },
	{ "bind a TCP port", bind_tcp, MAIN_MUST_NOT, true, RIGHTS_LANDLOCK_NET },
	{ "make an IP socket", socket_inet, MAIN_MUST_NOT, true, 0 },
	{ "make a packet socket", socket_packet, MAIN_MUST_NOT, false, 0 },
	{ "make a raw socket", socket_raw, MAIN_MUST_NOT, false, 0 },
	{ "make a netlink socket", socket_netlink, MAIN_MUST_NOT, true, 0 },
	{ "execute /bin/true", exec_path, MAIN_MUST_NOT, true, 0 },
	{ "execute memory", exec_memfd, MAIN_MUST_NOT, true, 0 },
	{ "execute a descriptor", exec_other, MAIN_MUST_NOT, true, 0 },
	{ "mprotect to executable", mprotect_exec, MAIN_MUST_NOT, true, 0 },
	{ "mmap executable and writable", mmap_exec, MAIN_MUST_NOT, true, 0 },
	{ "load a module", load_module, MAIN_MUST_NOT, false, 0 },
	{ "load a kernel", load_kernel, MAIN_MUST_NOT, false, 0 },
	{ "load a BPF program", load_bpf, MAIN_MUST_NOT, false, 0 },
	{ "change the personality", personality_set, MAIN_MUST_NOT, true, 0 },
	{ "fork", fork_child, MAIN_MAY, true, 0 },
	{ "trace the parent", ptrace_parent, MAIN_MUST_NOT, false, 0 },
	{ "signal the parent", kill_parent, MAIN_MUST_NOT, true, RIGHTS_LANDLOCK_SCOPE },
	{ "read the parent's memory", read_parent, MAIN_MUST_NOT, false, 0 },
	{ "take a descriptor of the parent", take_fd, MAIN_MUST_NOT, false, 0 },
	{ "look at the parent's limits", limit_parent, MAIN_MUST_NOT, true, 0 },
	{ "unshare a user namespace", unshare_user, MAIN_MUST_NOT, false, 0 },
	{ "clone into a user namespace", clone_user, MAIN_MUST_NOT, false, 0 },
	{ "enter a namespace", enter_namespace, MAIN_MUST_NOT, true, 0 },
	{ "setuid 0", become_root, MAIN_MUST_NOT, false, 0 },
	{ "io_uring", io_uring, MAIN_MUST_NOT, false, 0 },
	{ "userfaultfd", fault_fd, MAIN_MUST_NOT, false, 0 },
	{ "keyctl", key_ring, MAIN_MUST_NOT, false, 0 },
	{ "reboot", reboot_now, MAIN_MUST_NOT, false, 0 },
	{ "set the clock", set_clock, MAIN_MUST_NOT, true, 0 },
	{ "open a perf event", perf_event, MAIN_MUST_NOT, false, 0 },
	{ "read the kernel's log", kernel_log, MAIN_MUST_NOT, false, 0 },
	{ "type into a terminal", type_to_terminal, MAIN_MUST_NOT, true, 0 },
#ifdef SYS_ioperm
	{ "reach I/O ports", port_access, MAIN_MUST_NOT, false, 0 },
#endif
	{ "execute the own binary", exec_own, MAIN_DUTY, true, 0 },
	{ "let children enter their rooms", spawn_rooms, MAIN_DUTY, true, 0 },
	{ "end a child", end_child, MAIN_DUTY, true, 0 },
	{ "write its state", write_state, MAIN_DUTY, true, 0 },
	{ "make a local socket", socket_unix, MAIN_DUTY, true, 0 },
};

const size_t selftest_action_count = ARRAY_LEN(selftest_actions);
