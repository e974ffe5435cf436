/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rights_test - rooms from within: forbidden actions, own work, kernels that lack a layer.
 * Every case that gives rights up does so in a child; the child's notes come by shared memory.
 */
#define _GNU_SOURCE
#include "t.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file.h"
#include "keys.h"
#include "pol.h"
#include "rights.h"
#include "rights_impl.h"
#include "selftest.h"
#include "tls_key.h"

#ifdef RF_SANITIZE
#define SKIP_SANITIZE T_SKIP("sanitizer builds limit neither system calls nor address space")
#else
#define SKIP_SANITIZE
#endif

enum { NOBODY = 65534 };

struct room_row {
	const char *name;
	enum proc_room room;
};

static const struct room_row room_rows[] = { { "main", ROOM_MAIN }, { "compile", ROOM_COMPILE },
	{ "build", ROOM_BUILD }, { "ctl", ROOM_CTL }, { "signer", ROOM_SIGNER },
	{ "nic", ROOM_NIC }, { "store", ROOM_STORE } };
_Static_assert(ARRAY_LEN(room_rows) == ROOM__COUNT, "every room is tested");

static struct note {
	enum rc rc;
	int got;
	struct rights_report report;
	char text[256];
} *note;

/* Below the one place that any user may reach. */
static char dir[] = "/tmp/rf-rights.XXXXXX";

/* What child_of() runs; in the child. */
typedef void child_fn(const void *arg);

/* Exit code, or 256 + the signal that ended it. */
static int
child_of(child_fn *fn, const void *arg)
{
	int status = 0;
	pid_t pid;

	memset(note, 0, sizeof(*note));
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		alarm(10);
		fn(arg);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFSIGNALED(status) ? 256 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Enters a room or leaves, with a note. */
static void
enter(const struct rights_spec *spec)
{
	struct diag d = { 0 };

	note->rc = rights_drop(spec, &d);
	note->report = rights_report();
	memcpy(note->text, d.text, sizeof(note->text));
	if (note->rc != RC_OK)
		_exit(3);
}

/* --- forbidden actions */

#ifndef RF_SANITIZE
/* True where each action of the room is as it must be; says which are not. */
static bool
actions_hold(enum proc_room room)
{
	unsigned refused = 0, done = 0, wrong = 0;
	uint32_t wanted = 0, active = 0;
	char names[160];

	for (size_t i = 0; i < selftest_count(); i++) {
		bool may = room == ROOM_MAIN && selftest_main_may(i), good;
		struct selftest_result r;

		if (room != ROOM_MAIN && selftest_is_duty(i))
			continue;
		selftest_try(room, false, i, room == ROOM_MAIN ? dir : NULL, &r);
		good = may ? r.verdict == SELFTEST_REACHED && r.signal == 0 && r.err == 0
			   : r.verdict == SELFTEST_REFUSED;
		wanted |= r.report.wanted;
		active |= r.report.active;
		if (!good && r.verdict == SELFTEST_NO_LAYER) {
			printf("# %s: the kernel has no layer against it\n", selftest_name(i));
			continue;
		}
		refused += !may && good;
		done += may && good;
		wrong += !good;
		if (!good)
			printf("# %s: %s: verdict %d signal %d errno %d %s\n",
			    rights_room_name(room), selftest_name(i), (int)r.verdict, r.signal,
			    r.err, r.why);
	}
	rights_layer_names(wanted & ~active, names, sizeof(names));
	printf("# %s: %u refused, %u duties done, %u wrong; missing layers: %s\n",
	    rights_room_name(room), refused, done, wrong, names[0] ? names : "none");
	return wrong == 0 && refused >= 30 && (room == ROOM_MAIN) == (done > 0);
}

static void
nobody_actions(const void *arg)
{
	bool good = true;

	UNUSED(arg);
	if (syscall(SYS_setgroups, 0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
	    setresuid(NOBODY, NOBODY, NOBODY) < 0 || prctl(PR_SET_DUMPABLE, 1) < 0)
		_exit(4);
	alarm(40);
	for (size_t i = 0; i < ARRAY_LEN(room_rows); i++)
		good = actions_hold(room_rows[i].room) && good;
	fflush(stdout);
	_exit(good ? 0 : 1);
}
#endif

static void
test_actions(const struct room_row *row)
{
	SKIP_SANITIZE;
#ifndef RF_SANITIZE
	T_OK(actions_hold(row->room));
#else
	UNUSED(row);
#endif
}

static void
test_actions_nobody(void)
{
	SKIP_SANITIZE;
#ifndef RF_SANITIZE
	if (geteuid() != 0)
		T_SKIP("the other cases run without root already");
	T_IS_INT(chown(dir, NOBODY, NOBODY), 0);
	T_IS_INT(child_of(nobody_actions, NULL), 0);
	T_IS_INT(chown(dir, 0, 0), 0);
#endif
}

/* Without a room the same actions reach the kernel, or refusal would say nothing. */
static void
test_control(void)
{
	unsigned reached = 0, common = 0, rest = 0;

	for (size_t i = 0; i < selftest_count(); i++) {
		struct selftest_result r;

		if (selftest_is_duty(i))
			continue;
		selftest_try(ROOM_CTL, true, i, NULL, &r);
		T_OK(r.verdict != SELFTEST_BROKEN);
		T_OK(r.signal == 0);
		rest += r.verdict != SELFTEST_REACHED;
		reached += r.verdict == SELFTEST_REACHED;
		common += selftest_is_common(i);
		if (r.verdict != SELFTEST_REACHED)
			printf("# out of reach even without a room: %s: %s\n", selftest_name(i),
			    strerror(r.err));
		if (selftest_is_common(i))
			T_IS_INT(r.verdict, SELFTEST_REACHED);
	}
	printf("# %u reached, %u of them by anybody; %u are out of this user's reach\n", reached,
	    common, rest);
	T_OK(reached >= common && common >= 16);
}

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
		spec.uid = NOBODY;
		spec.gid = NOBODY;
	}
	return spec;
}

static void
fault_enter(const void *arg)
{
	struct rights_spec spec = fault_spec();

	fault_set(arg);
	enter(&spec);
}

static void
fault_enter_required(const void *arg)
{
	struct rights_spec spec = fault_spec();

	spec.require = RIGHTS_ALL;
	fault_set(arg);
	enter(&spec);
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
	struct rights_path path = { dir, RIGHTS_READ | RIGHTS_WRITE | RIGHTS_MAKE };
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
	snprintf(file, sizeof(file), "%s/abi", dir);
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
	enter(&spec);
	snprintf(file, sizeof(file), "%s/kept", dir);
	if (open(file, O_RDONLY) >= 0)
		note->got |= RIGHTS_READ;
	if (open(file, O_WRONLY) >= 0)
		note->got |= RIGHTS_WRITE;
	if (open(dir, O_RDONLY | O_DIRECTORY) >= 0)
		note->got |= RIGHTS_LIST;
	snprintf(file, sizeof(file), "%s/made", dir);
	if (mkdir(file, 0700) == 0 && rmdir(file) == 0)
		note->got |= RIGHTS_MAKE;
}

/* Every combination opens exactly itself; a path that is not there is an error unless optional. */
static void
test_access(void)
{
	struct rights_path paths[2] = { { dir, 0 },
		{ "/nonexistent/path", RIGHTS_READ | RIGHTS_OPTIONAL } };
	char file[160];
	int fd;

	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 1)
		T_SKIP("this kernel has no Landlock");
	snprintf(file, sizeof(file), "%s/kept", dir);
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
	enter(arg);
}

static void
test_spec(void)
{
	struct rights_path paths[RIGHTS_PATHS_MAX + 1];
	struct rights_spec spec = rights_spec_default(ROOM_STORE);

	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		paths[i] = (struct rights_path){ dir, RIGHTS_READ };
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

	enter(arg);
	if (syscall(SYS_capget, &hdr, data) < 0)
		_exit(5);
	note->got = (int)data[0].effective;
	if (data[0].permitted != data[0].effective || data[0].inheritable != 0 ||
	    data[1].permitted != 0)
		_exit(6);
	if (prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN) != 0 || prctl(PR_CAPBSET_READ, CAP_KILL) != 1)
		_exit(7);
	if (syscall(SYS_setresuid, NOBODY, NOBODY, NOBODY) < 0)
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

static void
off_enter(const void *arg)
{
	UNUSED(arg);
	enter(&(struct rights_spec){ .room = ROOM_SIGNER, .off = true });
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

/* --- the rooms' own work */

#ifndef RF_SANITIZE
static void
limits_enter(const void *arg)
{
	struct rights_spec spec = rights_spec_default(ROOM_COMPILE);
	void *p;

	UNUSED(arg);
	enter(&spec);
	p = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		_exit(5);
	p = mmap(NULL, 256 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p != MAP_FAILED || errno != ENOMEM)
		_exit(6);
	if (fcntl(0, F_DUPFD, 0) >= 0)
		_exit(7);
}

static void
abort_enter(const void *arg)
{
	struct rights_spec spec = rights_spec_default(*(const enum proc_room *)arg);

	enter(&spec);
	CHECK(arg == NULL);
}

/* The libc's heap, stdio and sorting make no call that a room lacks. */
static void
libc_enter(const void *arg)
{
	struct rights_spec spec = rights_spec_default(*(const enum proc_room *)arg);
	char *p, *big;
	FILE *f;

	f = fdopen(dup(1), "w");
	enter(&spec);
	for (size_t n = 1; n < (size_t)16 << 20; n *= 3) {
		p = malloc(n);
		big = realloc(p, 2 * n);
		if (big == NULL)
			_exit(5);
		memset(big, 1, 2 * n);
		free(big);
	}
	fprintf(f, "# %s: %g %p\n", rights_room_name(spec.room), 1.5, (void *)&spec);
	fclose(f);
	printf("# %s: on standard output\n", rights_room_name(spec.room));
	fflush(NULL);
	exit(0);
}
#endif

static void
test_limits(void)
{
	SKIP_SANITIZE;
#ifndef RF_SANITIZE
	T_IS_INT(child_of(limits_enter, NULL), 0);
#endif
}

static void
test_libc(const struct room_row *row)
{
	SKIP_SANITIZE;
#ifndef RF_SANITIZE
	T_IS_INT(child_of(libc_enter, &row->room), 0);
	T_IS_INT(child_of(abort_enter, &row->room), 256 + SIGABRT);
#else
	UNUSED(row);
#endif
}

#ifndef RF_SANITIZE
static void
compile_enter(const void *arg)
{
	static struct pol_source source = { .path = "a.pol", .text = NULL };
	const char *text = "policy 'a' { stage = 'app', owner = 'o' }\n"
	    "segment 'web' { members = ip '10.0.0.1', mode = 'enforce',\n"
	    "  inbound { allow = tcp(80), from = ip '10.0.0.0/24' } }\n";
	struct rights_spec spec = rights_spec_default(ROOM_COMPILE);
	struct pol_sources sources = { &source, 1 };
	struct pol_rules rules;
	struct diags diags;
	struct arena a;
	uint8_t *out;
	size_t len;

	UNUSED(arg);
	source.text = (const void *)text;
	source.len = strlen(text);
	enter(&spec);
	arena_init(&a, 64 << 20);
	if (!diags_init(&diags))
		_exit(5);
	note->rc = pol_eval(&sources, &a, &rules, &diags);
	note->got = (int)diags.errors;
	if (note->rc == RC_OK && pol_rules_encode(&rules, &diags, &a, &out, &len) != RC_OK)
		_exit(6);
	diags_print(&diags, stdout);
	fflush(stdout);
}

static void *
thread_work(void *arg)
{
	char file[64];
	int fd;

	snprintf(file, sizeof(file), "%s/image", dir);
	fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0 && write(fd, "x", 1) == 1 && fsync(fd) == 0 && unlink(file) == 0)
		*(int *)arg = 1;
	return NULL;
}

static void
nic_enter(const void *arg)
{
	struct rights_path path = { dir, RIGHTS_READ | RIGHTS_WRITE | RIGHTS_MAKE };
	struct rights_spec spec = rights_spec_default(ROOM_NIC);
	pthread_t thread;

	UNUSED(arg);
	spec.paths = &path;
	spec.path_count = 1;
	enter(&spec);
	for (int i = 0; i < 3; i++)
		if (pthread_create(&thread, NULL, thread_work, &note->got) != 0 ||
		    pthread_join(thread, NULL) != 0)
			_exit(5);
}

static void
signer_enter(const void *arg)
{
	struct rights_spec spec = rights_spec_default(ROOM_SIGNER);
	struct diag d = { 0 };
	char path[160];
	uint8_t *pem;
	size_t len;

	snprintf(path, sizeof(path), "%s/keys/server.key", dir);
	if (file_read(AT_FDCWD, path, SIGNER_KEY_BYTES_MAX, &pem, &len, &d) != RC_OK)
		_exit(4);
	enter(&spec);
	_exit(signer_serve(*(const int *)arg, pem, len + 1, &d) == RC_OK ? 0 : 1);
}
#endif

static void
test_compile(void)
{
	SKIP_SANITIZE;
#ifndef RF_SANITIZE
	T_IS_INT(child_of(compile_enter, NULL), 0);
	T_IS_INT(note->rc, RC_OK);
#endif
}

static void
test_nic(void)
{
	SKIP_SANITIZE;
#ifndef RF_SANITIZE
	T_IS_INT(child_of(nic_enter, NULL), 0);
	T_IS_INT(note->got, 1);
#endif
}

static void
test_signer(void)
{
	SKIP_SANITIZE;
#ifndef RF_SANITIZE
	uint8_t ask[SIGNER_REQUEST_BYTES] = { 1, 32 }, answer[SIGNER_ANSWER_BYTES] = { 0, 1 };
	struct diag d = { 0 };
	char path[160], cmd[200];
	int sv[2], status;

	snprintf(path, sizeof(path), "%s/keys", dir);
	T_IS_INT(keys_init(path, NULL, 0, &d), RC_OK);
	T_IS_INT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
	/* the request and the end of the stream wait for it */
	T_IS_INT(send(sv[0], ask, sizeof(ask), 0), sizeof(ask));
	T_IS_INT(shutdown(sv[0], SHUT_WR), 0);
	T_IS_INT(status = child_of(signer_enter, &sv[1]), 0);
	T_IS_INT(recv(sv[0], answer, sizeof(answer), MSG_DONTWAIT), sizeof(answer));
	T_IS_INT(answer[1], 0);
	close(sv[0]);
	close(sv[1]);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", path);
	T_IS_INT(system(cmd), 0);
#endif
}

int
main(int argc, char **argv)
{
	UNUSED(argv);
	if (argc > 1)		/* executed by an action */
		return 0;
	note = mmap(NULL, sizeof(*note), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (mkdtemp(dir) == NULL || note == MAP_FAILED)
		return 1;
	T_ROWS(room_rows, test_actions);
	T_RUN(test_actions_nobody);
	T_RUN(test_control);
	T_ROWS(fault_rows, test_fault);
	T_ROWS(abi_rows, test_abi);
	T_RUN(test_access);
	T_RUN(test_spec);
	T_RUN(test_caps_kept);
	T_RUN(test_off);
	T_RUN(test_names);
	T_RUN(test_limits);
	T_ROWS(room_rows, test_libc);
	T_RUN(test_compile);
	T_RUN(test_nic);
	T_RUN(test_signer);
	if (rmdir(dir) < 0)
		printf("# %s: %s\n", dir, strerror(errno));
	return t_done();
}
