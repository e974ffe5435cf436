/* SPDX-License-Identifier: Apache-2.0 */
/*
 * selftest_test - rooms from within: forbidden actions in each, a control without a room, and the
 * rooms' own work, which must not meet a call that their list lacks.
 */
#define _GNU_SOURCE
#include "t.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "child.h"
#include "file.h"
#include "keys.h"
#include "pol.h"
#include "rights.h"
#include "selftest.h"
#include "tls_key.h"

#ifdef RF_SANITIZE
#define SKIP_SANITIZE T_SKIP("sanitizer builds limit neither system calls nor address space")
#else
#define SKIP_SANITIZE
#endif

struct room_row {
	const char *name;
	enum proc_room room;
};

static const struct room_row room_rows[] = { { "main", ROOM_MAIN }, { "compile", ROOM_COMPILE },
	{ "build", ROOM_BUILD }, { "ctl", ROOM_CTL }, { "signer", ROOM_SIGNER },
	{ "nic", ROOM_NIC }, { "store", ROOM_STORE } };
_Static_assert(ARRAY_LEN(room_rows) == ROOM__COUNT, "every room is tested");

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
		selftest_try(room, false, i, room == ROOM_MAIN ? child_dir : NULL, &r);
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
	const unsigned nobody = CHILD_NOBODY;
	bool good = true;

	UNUSED(arg);
	if (setgroups(0, NULL) < 0 || setresgid(nobody, nobody, nobody) < 0 ||
	    setresuid(nobody, nobody, nobody) < 0 || prctl(PR_SET_DUMPABLE, 1) < 0)
		_exit(4);
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
	T_IS_INT(chown(child_dir, CHILD_NOBODY, CHILD_NOBODY), 0);
	T_IS_INT(child_of(nobody_actions, NULL), 0);
	T_IS_INT(chown(child_dir, 0, 0), 0);
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

/* --- the rooms' own work */

#ifndef RF_SANITIZE
static void
limits_enter(const void *arg)
{
	struct rights_spec spec = rights_spec_default(ROOM_COMPILE);
	void *p;

	UNUSED(arg);
	child_enter(&spec);
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

	child_enter(&spec);
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
	child_enter(&spec);
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
	child_enter(&spec);
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

	snprintf(file, sizeof(file), "%s/image", child_dir);
	fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0 && write(fd, "x", 1) == 1 && fsync(fd) == 0 && unlink(file) == 0)
		*(int *)arg = 1;
	return NULL;
}

static void
nic_enter(const void *arg)
{
	struct rights_path path = { child_dir, RIGHTS_READ | RIGHTS_WRITE | RIGHTS_MAKE };
	struct rights_spec spec = rights_spec_default(ROOM_NIC);
	pthread_t thread;

	UNUSED(arg);
	spec.paths = &path;
	spec.path_count = 1;
	child_enter(&spec);
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

	snprintf(path, sizeof(path), "%s/keys/server.key", child_dir);
	if (file_read(AT_FDCWD, path, SIGNER_KEY_BYTES_MAX, &pem, &len, &d) != RC_OK)
		_exit(4);
	child_enter(&spec);
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

	snprintf(path, sizeof(path), "%s/keys", child_dir);
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
	if (!child_init())
		return 1;
	T_ROWS(room_rows, test_actions);
	T_RUN(test_actions_nobody);
	T_RUN(test_control);
	T_RUN(test_limits);
	T_ROWS(room_rows, test_libc);
	T_RUN(test_compile);
	T_RUN(test_nic);
	T_RUN(test_signer);
	child_fini();
	return t_done();
}
