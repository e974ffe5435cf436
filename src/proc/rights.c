/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rights - the table of rooms, and the order in which a process gives its rights up.
 *
 * The order: who it is first, for a new user namespace has no other uid to become; namespaces
 * before Landlock, for the kernel copies mounts; capabilities after both, for both may need them;
 * limits late, for the ruleset needs a descriptor; system calls last, for all else makes some.
 */
#define _GNU_SOURCE
#include "rights.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "log.h"
#include "rights_impl.h"
#include "seccomp.h"

#define MIB ((uint64_t)1 << 20)
#define CAP_BIT(cap) (UINT64_C(1) << (cap))
#define UNLIMITED UINT64_MAX

/* Layers that no kernel we run on lacks: without one, the process must not go on. */
#ifdef RF_SANITIZE
#define SECCOMP_ALWAYS 0	/* the sanitizers map and call what no list has */
#else
#define SECCOMP_ALWAYS RIGHTS_SECCOMP
#endif
#define ALWAYS \
	(RIGHTS_DUMP | RIGHTS_UID | RIGHTS_CAPS | RIGHTS_NNP | RIGHTS_RLIMITS | SECCOMP_ALWAYS)

struct room {
	const char *name;
	uint64_t as_bytes;	/* address space */
	uint64_t cpu_s;
	uint64_t nproc;		/* of the uid; the kernel does not hold root to it */
	uint64_t nofile;	/* highest new descriptor + 1; poll() takes no more entries */
	uint64_t fsize_bytes;	/* 0 also refuses a write to an inherited file; pipes are free */
	uint64_t caps_max;	/* what spec.keep_caps may name */
	bool namespaces;
};

static const struct room rooms[ROOM__COUNT] = {
	/* Spawns rooms under another uid and ends them: three capabilities at most. Its limits are
	 * its children's upper limits, so that they stay open. */
	[ROOM_MAIN] = { .name = "main", .as_bytes = UNLIMITED, .cpu_s = UNLIMITED,
	    .nproc = UNLIMITED, .nofile = UNLIMITED, .fsize_bytes = UNLIMITED,
	    .caps_max = CAP_BIT(CAP_SETUID) | CAP_BIT(CAP_SETGID) | CAP_BIT(CAP_KILL) },
	/* Policy text is code: it gets the time and memory that a large policy takes, twice. */
	[ROOM_COMPILE] = { .name = "compile", .as_bytes = 256 * MIB, .cpu_s = 2, .nofile = 3,
	    .namespaces = true },
	[ROOM_BUILD] = { .name = "build", .as_bytes = 1024 * MIB, .cpu_s = 60, .nofile = 3,
	    .namespaces = true },
	/* In a user namespace every peer of the local socket would look like nobody. */
	[ROOM_CTL] = { .name = "ctl", .as_bytes = 1024 * MIB, .cpu_s = UNLIMITED, .nofile = 16384,
	    .fsize_bytes = UNLIMITED },
	[ROOM_SIGNER] = { .name = "signer", .as_bytes = 64 * MIB, .cpu_s = UNLIMITED, .nofile = 3,
	    .fsize_bytes = UNLIMITED, .namespaces = true },
	/* Devices are open and belong to their namespace; flags size its rings and flows. It makes
	 * a thread to write its image, and the limit of processes counts threads. */
	[ROOM_NIC] = { .name = "nic", .as_bytes = UNLIMITED, .cpu_s = UNLIMITED,
	    .nproc = UNLIMITED, .nofile = 1024,
	    .fsize_bytes = UNLIMITED, .caps_max = CAP_BIT(CAP_NET_RAW) | CAP_BIT(CAP_NET_ADMIN) },
	[ROOM_STORE] = { .name = "store", .as_bytes = UNLIMITED, .cpu_s = UNLIMITED, .nofile = 1024,
	    .fsize_bytes = UNLIMITED },
};

static const char *const layer_names[] = { "dump", "uid", "namespaces", "landlock", "landlock-net",
	"landlock-scope", "caps", "bounding", "no-new-privs", "mdwe", "rlimits", "seccomp" };
_Static_assert(1 << ARRAY_LEN(layer_names) == RIGHTS_ALL + 1, "a name for each layer");

static struct rights_report report;

const char *
rights_room_name(enum proc_room room)
{
	return room < ROOM__COUNT ? rooms[room].name : "unknown";
}

void
rights_layer_names(uint32_t layers, char *out, size_t cap)
{
	size_t at = 0;

	CHECK(cap > 0);
	out[0] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(layer_names); i++) {
		int n;

		if (!(layers & (1u << i)))
			continue;
		n = snprintf(out + at, cap - at, "%s%s", at > 0 ? "," : "", layer_names[i]);
		CHECK(n > 0);
		at = MIN(at + (size_t)n, cap - 1);
	}
}

struct rights_report
rights_report(void)
{
	return report;
}

struct rights_spec
rights_spec_default(enum proc_room room)
{
	return (struct rights_spec){ .room = room, .uid = RIGHTS_KEEP, .gid = RIGHTS_KEEP,
		.exec_fd = -1 };
}

static enum rc
refused(struct diag *diag, const char *what)
{
	int err = errno;

	diag_set(diag, "rights", "cannot %s: %s", what, strerror(err));
	return rc_from_errno(err);
}

static enum rc
spec_check(const struct rights_spec *spec, struct diag *diag)
{
	const struct room *room = &rooms[spec->room];

	if (spec->path_count > RIGHTS_PATHS_MAX) {
		diag_set(diag, "rights", "%zu paths exceed %d", spec->path_count, RIGHTS_PATHS_MAX);
		return RC_LIMIT;
	}
	if ((spec->keep_caps & ~room->caps_max) != 0) {
		diag_set(diag, "rights", "%s may not keep capabilities %#llx", room->name,
		    (unsigned long long)(spec->keep_caps & ~room->caps_max));
		return RC_INVALID;
	}
	if (spec->exec_fd >= 0 && spec->room != ROOM_MAIN) {
		diag_set(diag, "rights", "%s may not execute", room->name);
		return RC_INVALID;
	}
	return RC_OK;
}

/* The raw calls: this is the only thread, and the libc's walk over threads is not on the lists. A
 * change of uid makes capabilities vanish unless they are asked to stay. */
static enum rc
uid_change(const struct rights_spec *spec, struct diag *diag)
{
	if (spec->keep_caps != 0 && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return refused(diag, "keep capabilities over the change of uid");
	if (spec->gid != RIGHTS_KEEP) {
		if (syscall(SYS_setgroups, 0, NULL) < 0)
			return refused(diag, "leave all groups");
		if (syscall(SYS_setresgid, spec->gid, spec->gid, spec->gid) < 0)
			return refused(diag, "change the group");
	}
	if (spec->uid != RIGHTS_KEEP &&
	    syscall(SYS_setresuid, spec->uid, spec->uid, spec->uid) < 0)
		return refused(diag, "change the user");
	return RC_OK;
}

/* True where nothing but keep is left in the bounding set. Where it cannot be cleared,
 * no_new_privs and an empty permitted set hold alone. */
static bool
bounding_drop(uint64_t keep)
{
	bool bounded = true;

	for (int cap = 0; cap < 64 && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (!(keep & CAP_BIT(cap)) && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1 &&
		    prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			bounded = false;
	return bounded;
}

static enum rc
caps_drop(uint64_t keep, uint32_t *active, struct diag *diag)
{
	struct __user_cap_header_struct hdr = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 } };
	bool bounded = bounding_drop(keep);
	uint64_t have;

	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capget, &hdr, data) < 0)
		return refused(diag, "read capabilities");
	have = data[0].permitted | (uint64_t)data[1].permitted << 32;
	if ((keep & ~have) != 0) {
		errno = EPERM;
		return refused(diag, "keep a capability that the process does not have");
	}
	for (int i = 0; i < 2; i++)
		data[i] = (struct __user_cap_data_struct){ .permitted = (uint32_t)(keep >> 32 * i),
			.effective = (uint32_t)(keep >> 32 * i) };
	if (syscall(SYS_capset, &hdr, data) < 0)
		return refused(diag, "give up capabilities");
	*active |= RIGHTS_CAPS | (bounded ? RIGHTS_BOUNDING : 0);
	return RC_OK;
}

/* Never above what it may have now. Of the time, the last second is for SIGXCPU to be seen. */
static bool
limit_set(int which, uint64_t value)
{
	uint64_t spare = which == RLIMIT_CPU && value != UNLIMITED ? 1 : 0;
	struct rlimit r;

	if (getrlimit(which, &r) < 0)
		return false;
	if (value != UNLIMITED && value + spare < r.rlim_max)
		r.rlim_max = value + spare;
	r.rlim_cur = MIN(r.rlim_max, value);
	return setrlimit(which, &r) == 0;
}

static enum rc
limits_set(const struct rights_spec *spec, struct diag *diag)
{
	const struct room *room = &rooms[spec->room];
	uint64_t as_bytes = spec->as_bytes != 0 ? spec->as_bytes : room->as_bytes;

	/* a write past the limit fails, as to a full disk, instead of ending the process */
	if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
		return refused(diag, "ignore SIGXFSZ");
#ifdef RF_SANITIZE
	as_bytes = UNLIMITED;	/* the shadow alone takes terabytes */
#endif
	if (limit_set(RLIMIT_CORE, 0) && limit_set(RLIMIT_FSIZE, room->fsize_bytes) &&
	    limit_set(RLIMIT_CPU, room->cpu_s) && limit_set(RLIMIT_NPROC, room->nproc) &&
	    limit_set(RLIMIT_NOFILE, room->nofile) && limit_set(RLIMIT_AS, as_bytes))
		return RC_OK;
	return refused(diag, "set limits");
}

static enum rc
missing_check(const struct rights_spec *spec, struct diag *diag)
{
	uint32_t missing = report.wanted & ~report.active;
	char names[160];

	if (missing == 0)
		return RC_OK;
	rights_layer_names(missing, names, sizeof(names));
	if ((missing & (spec->require | ALWAYS)) != 0) {
		diag_set(diag, "rights", "%s lacks %s", rooms[spec->room].name, names);
		diag_hint(diag, "the kernel or its settings do not give this layer");
		return RC_DENIED;
	}
	log_warn("rights-missing", "room=%s layers=%s", rooms[spec->room].name, names);
	return RC_OK;
}

/* All layers but limits and seccomp. */
static enum rc
layers_drop(const struct rights_spec *spec, struct diag *diag)
{
	uint32_t active = 0, landlock = 0;
	enum rc rc;

	/* while the old uid may; again below, for a user namespace begins with all of them */
	(void)bounding_drop(spec->keep_caps);
	rc = uid_change(spec, diag);
	if (rc != RC_OK)
		return rc;
	active |= RIGHTS_UID;
	if ((report.wanted & RIGHTS_NAMESPACES) && unshare(RIGHTS_NAMESPACE_FLAGS) == 0)
		active |= RIGHTS_NAMESPACES;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return refused(diag, "set no_new_privs");
	active |= RIGHTS_NNP;
	rc = rights_landlock(spec, RIGHTS_ABI_NEWEST, &landlock, &report.landlock_abi, diag);
	if (rc != RC_OK)
		return rc;
	active |= landlock;
	rc = caps_drop(spec->keep_caps, &active, diag);
	if (rc != RC_OK)
		return rc;
	/* after the change of uid, which sets it anew */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return refused(diag, "become undumpable");
	active |= RIGHTS_DUMP;
	if (prctl(RIGHTS_PR_SET_MDWE, RIGHTS_PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) == 0)
		active |= RIGHTS_MDWE;
	report.active = active;
	return RC_OK;
}

enum rc
rights_drop(const struct rights_spec *spec, struct diag *diag)
{
	enum rc rc;

	CHECK(spec->room < ROOM__COUNT);
	CHECK(spec->paths != NULL || spec->path_count == 0);
	report = (struct rights_report){ .off = spec->off };
	if (spec->off) {
		log_warn("rights-off", "room=%s text=\"no sandbox: unsupported, and unsafe\"",
		    rooms[spec->room].name);
		return RC_OK;
	}
	rc = spec_check(spec, diag);
	if (rc != RC_OK)
		return rc;
	report.wanted = RIGHTS_ALL;
	if (!rooms[spec->room].namespaces || spec->namespaces_off)
		report.wanted &= ~(uint32_t)RIGHTS_NAMESPACES;
	rc = layers_drop(spec, diag);
	if (rc != RC_OK)
		return rc;
	/* said before they are: each holds, or this fails, and then a log may be out of reach */
	report.active |= RIGHTS_RLIMITS | SECCOMP_ALWAYS;
	rc = missing_check(spec, diag);
	if (rc == RC_OK)
		rc = limits_set(spec, diag);
	if (rc != RC_OK || SECCOMP_ALWAYS == 0)
		return rc;
	rc = seccomp_install(spec->room, spec->exec_fd);
	if (rc != RC_OK) {
		report.active &= ~(uint32_t)RIGHTS_SECCOMP;
		diag_set(diag, "rights", "cannot limit the system calls of %s: %s",
		    rooms[spec->room].name, rc_name(rc));
	}
	return rc;
}
