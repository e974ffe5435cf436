/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rights_test - what a room takes, seen from inside and outside; kernels that lack a layer; the
 * rules of a spec. Every case that gives rights up does so in a child.
 */
#define _GNU_SOURCE
#include "t.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "rights.h"
#include "rights_impl.h"

/* --- kernels that lack something */

struct fault_row {
	const char *name;
	long nr;
	int64_t arg;		/* first argument; -1 = any */
	int err;
	enum rc rc;		/* without require */
	uint32_t missing;
};

static const struct fault_row fault_rows[] = {
	{ "no namespaces", SYS_unshare, -1, EPERM, RC_OK, RIGHTS_NAMESPACES },
	{ "no Landlock", SYS_landlock_create_ruleset, -1, ENOSYS, RC_OK,
	    RIGHTS_LANDLOCK | RIGHTS_LANDLOCK_NET | RIGHTS_LANDLOCK_SCOPE },
	{ "Landlock off", SYS_landlock_create_ruleset, -1, EOPNOTSUPP, RC_OK,
	    RIGHTS_LANDLOCK | RIGHTS_LANDLOCK_NET | RIGHTS_LANDLOCK_SCOPE },
	{ "no MDWE", SYS_prctl, RIGHTS_PR_SET_MDWE, EINVAL, RC_OK, RIGHTS_MDWE },
	{ "no bounding set", SYS_prctl, PR_CAPBSET_DROP, EPERM, RC_OK, RIGHTS_BOUNDING },
	{ "Landlock breaks", SYS_landlock_restrict_self, -1, E2BIG, RC_LIMIT, 0 },
	{ "no new group", SYS_setresgid, -1, EPERM, RC_DENIED, 0 },
	{ "no new user", SYS_setresuid, -1, EPERM, RC_DENIED, 0 },
	{ "no no_new_privs", SYS_prctl, PR_SET_NO_NEW_PRIVS, EINVAL, RC_INVALID, 0 },
	{ "no capset", SYS_capset, -1, EPERM, RC_DENIED, 0 },
	{ "no undumpable", SYS_prctl, PR_SET_DUMPABLE, EINVAL, RC_INVALID, 0 },
	{ "no limits", SYS_prlimit64, -1, EPERM, RC_DENIED, 0 },
#ifndef RF_SANITIZE
	{ "no seccomp", SYS_seccomp, -1, EINVAL, RC_INVALID, 0 },
#endif
};

/* The call fails with err from now on. */
static void
fault_set(const struct fault_row *f)
{
	struct sock_filter ops[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)f->nr, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)f->arg, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)f->err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = ARRAY_LEN(ops), .filter = ops };

	if (f->arg < 0)		/* whatever the argument is */
		ops[3] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_IMM, 0);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) != 0)
		_exit(4);
}

static struct rights_spec
fault_spec(void)
{
	struct rights_spec spec = rights_spec_default(ROOM_COMPILE);

	if (geteuid() == 0) {
		spec.uid = CHILD_NOBODY;
		spec.gid = CHILD_NOBODY;
	}
	return spec;
}

static void
fault_enter(const void *arg)
{
	struct rights_spec spec = fault_spec();

	fault_set(arg);
	child_enter(&spec);
}

static void
fault_enter_required(const void *arg)
{
	struct rights_spec spec = fault_spec();

	spec.require = RIGHTS_ALL;
	fault_set(arg);
	child_enter(&spec);
}

static void
test_fault(const struct fault_row *f)
{
	if (geteuid() != 0 && (f->nr == SYS_setresuid || f->nr == SYS_setresgid))
		T_SKIP("only root changes its user");
	T_IS_INT(child_of(fault_enter, f), f->rc == RC_OK ? 0 : 3);
	T_IS_INT(note->rc, f->rc);
	if (f->rc != RC_OK) {
		T_OK(note->text[0] != '\0');
		return;
	}
	T_IS_UINT(note->report.wanted & ~note->report.active & f->missing, f->missing);
	T_IS_INT(child_of(fault_enter_required, f), 3);
	T_IS_INT(note->rc, RC_DENIED);
	T_OK(strstr(note->text, "lacks") != NULL);
}

/* --- Landlock, as far as older kernels have it */

struct abi_row {
	const char *name;
	int abi;
	uint32_t layers;
};

static const struct abi_row abi_rows[] = {
	{ "1", 1, RIGHTS_LANDLOCK },
	{ "2", 2, RIGHTS_LANDLOCK },
	{ "3", 3, RIGHTS_LANDLOCK },
	{ "4", 4, RIGHTS_LANDLOCK | RIGHTS_LANDLOCK_NET },
	{ "5", 5, RIGHTS_LANDLOCK | RIGHTS_LANDLOCK_NET },
	{ "6", 6, RIGHTS_LANDLOCK | RIGHTS_LANDLOCK_NET | RIGHTS_LANDLOCK_SCOPE },
};

static int
try_bind(int fd)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	return bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0 ? 0 : errno;
}

static void
abi_enter(const void *arg)
{
	const struct abi_row *row = arg;
	struct rights_path path = { child_dir, RIGHTS_READ | RIGHTS_WRITE | RIGHTS_MAKE };
	struct rights_spec spec = rights_spec_default(ROOM_MAIN);
	int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char file[160];
	int fd;

	spec.paths = &path;
	spec.path_count = 1;
	if (tcp < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		_exit(4);
	note->rc = rights_landlock(&spec, row->abi, &note->report.active,
	    &note->report.landlock_abi, NULL);
	if (open("/etc/passwd", O_RDONLY) >= 0 || errno != EACCES)
		note->got |= 1;
	if ((try_bind(tcp) == EACCES) != ((row->layers & RIGHTS_LANDLOCK_NET) != 0))
		note->got |= 2;
	if ((kill(getppid(), 0) < 0) != ((row->layers & RIGHTS_LANDLOCK_SCOPE) != 0))
		note->got |= 4;
	snprintf(file, sizeof(file), "%s/abi", child_dir);
	fd = open(file, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || ftruncate(fd, 10) < 0 || unlink(file) < 0)
		note->got |= 8;
}

static void
test_abi(const struct abi_row *row)
{
	long have = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);

	if (have < row->abi)
		T_SKIP("this kernel's Landlock is older");
	T_IS_INT(child_of(abi_enter, row), 0);
	T_IS_INT(note->rc, RC_OK);
	T_IS_UINT(note->report.active, row->layers);
	T_IS_INT(note->report.landlock_abi, have);
	T_IS_INT(note->got, 0);
}

static void
access_enter(const void *arg)
{
	const struct rights_path *paths = arg;
	struct rights_spec spec = rights_spec_default(ROOM_MAIN);
	char file[160];

	spec.paths = paths;
	spec.path_count = 2;
	child_enter(&spec);
	snprintf(file, sizeof(file), "%s/kept", child_dir);
	if (open(file, O_RDONLY) >= 0)
		note->got |= RIGHTS_READ;
	if (open(file, O_WRONLY) >= 0)
		note->got |= RIGHTS_WRITE;
	if (open(child_dir, O_RDONLY | O_DIRECTORY) >= 0)
		note->got |= RIGHTS_LIST;
	snprintf(file, sizeof(file), "%s/made", child_dir);
	if (mkdir(file, 0700) == 0 && rmdir(file) == 0)
		note->got |= RIGHTS_MAKE;
}

/* Every combination opens exactly itself; a path that is not there is an error unless optional. */
static void
test_access(void)
{
	struct rights_path paths[2] = { { child_dir, 0 },
		{ "/nonexistent/path", RIGHTS_READ | RIGHTS_OPTIONAL } };
	char file[160];
	int fd;

	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 1)
		T_SKIP("this kernel has no Landlock");
	snprintf(file, sizeof(file), "%s/kept", child_dir);
	fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	T_OK(fd >= 0 && close(fd) == 0);
	for (unsigned access = 0; access < 16; access++) {
		paths[0].access = access;
		T_IS_INT(child_of(access_enter, paths), 0);
		T_IS_INT(note->got, access);
	}
	paths[1].access = RIGHTS_READ;
	T_IS_INT(child_of(access_enter, paths), 3);
	T_OK(note->rc == RC_IO && strstr(note->text, "/nonexistent/path") != NULL);
	T_IS_INT(unlink(file), 0);
}

/* --- what the spec may ask */

static void
spec_enter(const void *arg)
{
	child_enter(arg);
}

static void
test_spec(void)
{
	struct rights_path paths[RIGHTS_PATHS_MAX + 1];
	struct rights_spec spec = rights_spec_default(ROOM_STORE);

	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		paths[i] = (struct rights_path){ child_dir, RIGHTS_READ };
	spec.paths = paths;
	spec.path_count = RIGHTS_PATHS_MAX;
	T_IS_INT(child_of(spec_enter, &spec), 0);
	spec.path_count++;
	T_IS_INT(child_of(spec_enter, &spec), 3);
	T_IS_INT(note->rc, RC_LIMIT);
	spec = rights_spec_default(ROOM_CTL);
	spec.keep_caps = UINT64_C(1) << CAP_NET_ADMIN;
	T_IS_INT(child_of(spec_enter, &spec), 3);
	T_IS_INT(note->rc, RC_INVALID);
	spec = rights_spec_default(ROOM_CTL);
	spec.exec_fd = 0;
	T_IS_INT(child_of(spec_enter, &spec), 3);
	T_IS_INT(note->rc, RC_INVALID);
}

static void
caps_enter(const void *arg)
{
	struct __user_cap_header_struct hdr = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	child_enter(arg);
	if (syscall(SYS_capget, &hdr, data) < 0)
		_exit(5);
	note->got = (int)data[0].effective;
	if (data[0].permitted != data[0].effective || data[0].inheritable != 0 ||
	    data[1].permitted != 0)
		_exit(6);
	if (prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN) != 0 || prctl(PR_CAPBSET_READ, CAP_KILL) != 1)
		_exit(7);
	if (syscall(SYS_setresuid, CHILD_NOBODY, CHILD_NOBODY, CHILD_NOBODY) < 0)
		_exit(8);
}

/* Main keeps what it is given, over a change of uid too, and nothing else. */
static void
test_caps_kept(void)
{
	struct rights_spec spec = rights_spec_default(ROOM_MAIN);

	if (geteuid() != 0)
		T_SKIP("only root has capabilities to keep");
	spec.keep_caps = UINT64_C(1) << CAP_SETUID | UINT64_C(1) << CAP_KILL;
	T_IS_INT(child_of(caps_enter, &spec), 0);
	T_IS_UINT(note->got, spec.keep_caps);
	spec.uid = 1;
	spec.gid = 1;
	T_IS_INT(child_of(caps_enter, &spec), 0);
	T_IS_UINT(note->got, spec.keep_caps);
}

/* --- a room seen from outside */

static int gate[2];

static void
seen_enter(const void *arg)
{
	char byte = 1;

	child_enter(arg);
	if (write(gate[1], &byte, 1) != 1 || read(gate[1], &byte, 1) != 1)
		_exit(5);
}

/* The line of /proc/PID/FILE that begins with key, without it, blanks made one; "" = none. */
static void
proc_line(pid_t pid, const char *file, const char *key, char *out, size_t cap)
{
	char path[64], line[256];
	FILE *f;

	out[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	f = fopen(path, "r");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		size_t n = 0;

		if (strncmp(line, key, strlen(key)) != 0)
			continue;
		for (char *c = strtok(line + strlen(key), " \t\n"); c != NULL && n < cap;
		    c = strtok(NULL, " \t\n"))
			n += (size_t)snprintf(out + n, cap - n, "%s%s", n > 0 ? " " : "", c);
	}
	if (f != NULL)
		fclose(f);
}

static void
namespaces_check(pid_t pid)
{
	static const char *const names[] = { "user", "net", "mnt", "ipc", "uts" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char path[64], theirs[64] = "", ours[64] = "";

		snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, names[i]);
		T_OK(readlink(path, theirs, sizeof(theirs) - 1) > 0);
		snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
		T_OK(readlink(path, ours, sizeof(ours) - 1) > 0);
		T_OK(strcmp(ours, theirs) != 0);
	}
}

struct seen_row {
	const char *file, *key, *want;
};

static const struct seen_row seen_rows[] = {
	{ "status", "Uid:", "65534 65534 65534 65534" },
	{ "status", "Gid:", "65534 65534 65534 65534" },
	{ "status", "Groups:", "" },
	{ "status", "CapInh:", "0000000000000000" },
	{ "status", "CapPrm:", "0000000000000000" },
	{ "status", "CapEff:", "0000000000000000" },
	{ "status", "CapBnd:", "0000000000000000" },
	{ "status", "CapAmb:", "0000000000000000" },
	{ "status", "NoNewPrivs:", "1" },
	{ "limits", "Max core file size", "0 0 bytes" },
	{ "limits", "Max file size", "0 0 bytes" },
	{ "limits", "Max cpu time", "2 3 seconds" },
	{ "limits", "Max processes", "0 0 processes" },
	{ "limits", "Max open files", "3 3 files" },
#ifndef RF_SANITIZE
	{ "limits", "Max address space", "268435456 268435456 bytes" },
	{ "status", "Seccomp:", "2" },
#endif
};

static void
test_seen(void)
{
	struct rights_spec spec = rights_spec_default(ROOM_COMPILE);
	gid_t groups[2] = { 4, 5 };
	char line[128], byte;
	int status;
	pid_t pid;

	if (geteuid() != 0)
		T_SKIP("only root sees into a process that is not dumpable");
	spec.uid = CHILD_NOBODY;
	spec.gid = CHILD_NOBODY;
	memset(note, 0, sizeof(*note));
	T_IS_INT(setgroups(2, groups), 0);
	T_IS_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, gate), 0);
	pid = fork();
	if (pid == 0) {
		alarm(10);
		seen_enter(&spec);
		_exit(0);
	}
	close(gate[1]);
	T_IS_INT(read(gate[0], &byte, 1), 1);
	for (size_t i = 0; i < ARRAY_LEN(seen_rows); i++) {
		proc_line(pid, seen_rows[i].file, seen_rows[i].key, line, sizeof(line));
		if (!T_IS_STR(line, seen_rows[i].want))
			printf("# of %s\n", seen_rows[i].key);
	}
	if (note->report.active & RIGHTS_NAMESPACES)
		namespaces_check(pid);
	T_IS_INT(write(gate[0], &byte, 1), 1);
	T_IS_INT(waitpid(pid, &status, 0), pid);
	T_IS_INT(status, 0);
	close(gate[0]);
	T_IS_INT(setgroups(0, NULL), 0);
}

static void
unshare_try(const void *arg)
{
	UNUSED(arg);
	if (geteuid() == 0 && setresuid(CHILD_NOBODY, CHILD_NOBODY, CHILD_NOBODY) < 0)
		_exit(4);
	note->got = unshare(RIGHTS_NAMESPACE_FLAGS) == 0;
}

/* What this kernel can give is given. */
static void
test_namespaces(void)
{
	struct rights_spec spec = fault_spec();
	bool can;

	T_IS_INT(child_of(unshare_try, NULL), 0);
	can = note->got == 1;
	T_IS_INT(child_of(spec_enter, &spec), 0);
	T_IS_INT((note->report.active & RIGHTS_NAMESPACES) != 0, can);
	spec.namespaces_off = true;
	T_IS_INT(child_of(spec_enter, &spec), 0);
	T_OK(((note->report.active | note->report.wanted) & RIGHTS_NAMESPACES) == 0);
}

/* Standard error may be a file: a write to it fails, and does not end the process. */
static void
write_enter(const void *arg)
{
	struct rights_spec spec = rights_spec_default(ROOM_COMPILE);

	child_enter(&spec);
	note->got = write(*(const int *)arg, "x", 1) < 0 ? errno : 0;
}

static void
test_write(void)
{
	int fd = open("/tmp", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600), end[2];

	T_OK(fd >= 0 && pipe(end) == 0);
	T_IS_INT(child_of(write_enter, &fd), 0);
	T_IS_INT(note->got, EFBIG);
	T_IS_INT(child_of(write_enter, &end[1]), 0);
	T_IS_INT(note->got, 0);
	close(fd);
	close(end[0]);
	close(end[1]);
}

static void
off_enter(const void *arg)
{
	UNUSED(arg);
	child_enter(&(struct rights_spec){ .room = ROOM_SIGNER, .off = true });
	if (open("/etc/passwd", O_RDONLY) < 0)
		_exit(5);
}

static void
test_off(void)
{
	T_IS_INT(child_of(off_enter, NULL), 0);
	T_OK(note->report.off && note->report.active == 0 && note->report.wanted == 0);
}

static void
test_names(void)
{
	char text[160], small[8];

	rights_layer_names(0, text, sizeof(text));
	T_IS_STR(text, "");
	rights_layer_names(RIGHTS_UID | RIGHTS_SECCOMP, text, sizeof(text));
	T_IS_STR(text, "uid,seccomp");
	rights_layer_names(RIGHTS_ALL, text, sizeof(text));
	T_OK(strlen(text) > 80 && strlen(text) < sizeof(text) - 1);
	rights_layer_names(RIGHTS_ALL, small, sizeof(small));
	T_IS_STR(small, "dump,ui");
	T_IS_STR(rights_room_name(ROOM_SIGNER), "signer");
	T_IS_STR(rights_room_name(ROOM__COUNT), "unknown");
}

int
main(void)
{
	if (!child_init())
		return 1;
	T_ROWS(fault_rows, test_fault);
	T_ROWS(abi_rows, test_abi);
	T_RUN(test_access);
	T_RUN(test_spec);
	T_RUN(test_caps_kept);
	T_RUN(test_seen);
	T_RUN(test_namespaces);
	T_RUN(test_write);
	T_RUN(test_off);
	T_RUN(test_names);
	child_fini();
	return t_done();
}
