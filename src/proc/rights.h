/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rights - what a process of the daemon gives up before it reads an untrusted byte.
 * Does:    one table of rooms; rights_drop() takes away, in this order: uid, namespaces, file
 *          and network access (Landlock), capabilities, dumps, limits, and last the system calls
 *          (seccomp). Nothing of it can be had back, by the process or its children.
 * Shape:   a room is what the process is for; the spec adds what is known at run time only: paths,
 *          uid, the descriptor of the own binary.
 * Layers:  dump, uid, capabilities, no_new_privs, limits and seccomp are always needed: without
 *          one, rights_drop() fails. Namespaces, Landlock, bounding set and MDWE depend on the
 *          kernel; where one is missing rights_report() shows it, and spec.require makes it fatal.
 * Limits:  RIGHTS_PATHS_MAX paths.
 * Errors:  RC_DENIED: a layer is missing or refused; RC_INVALID: the spec; diag names it. After an
 *          error the process has lost an unknown part of its rights: it must end.
 * Context: one thread, before any second one is made. Opened descriptors stay usable, so all that
 *          the room may not open is opened before. Children of main inherit its limits: main's
 *          list of calls holds all that its rooms use and what their own rights_drop() needs.
 * Source:  landlock(7), seccomp(2), capabilities(7), user_namespaces(7); ringfence(8) SECURITY.
 */
#ifndef RIGHTS_H
#define RIGHTS_H

#include "base.h"
#include "diag.h"
#include "rc.h"

enum proc_room {
	ROOM_MAIN,		/* spawns, loads the NIC; parses nothing untrusted */
	ROOM_COMPILE,		/* Lua over policy text, pipes only */
	ROOM_BUILD,		/* rules to image and proof, pipes only */
	ROOM_CTL,		/* TLS, HTTP and the local socket, on descriptors it is given */
	ROOM_SIGNER,		/* the private key and one socket pair */
	ROOM_NIC,		/* the software NIC: packets and mailbox */
	ROOM_STORE,		/* the manager's data directory */
	ROOM__COUNT
};

enum { RIGHTS_PATHS_MAX = 32, RIGHTS_KEEP = -1 };

enum rights_access {
	RIGHTS_READ = 1,	/* files, at or below the path */
	RIGHTS_LIST = 2,	/* directories */
	RIGHTS_WRITE = 4,	/* files that exist */
	RIGHTS_MAKE = 8,	/* make, rename, remove files, directories and sockets */
	RIGHTS_OPTIONAL = 16	/* a path that is not there is no error */
};

struct rights_path {
	const char *path;
	unsigned access;	/* enum rights_access */
};

enum rights_layer {
	RIGHTS_DUMP = 1 << 0,		/* not dumpable, so not traceable by its own uid */
	RIGHTS_UID = 1 << 1,
	RIGHTS_NAMESPACES = 1 << 2,	/* user, net, mount, pid, ipc, uts */
	RIGHTS_LANDLOCK = 1 << 3,	/* files */
	RIGHTS_LANDLOCK_NET = 1 << 4,	/* no TCP bind or connect; ABI 4 */
	RIGHTS_LANDLOCK_SCOPE = 1 << 5,	/* no signal, no abstract socket to the outside; ABI 6 */
	RIGHTS_CAPS = 1 << 6,
	RIGHTS_BOUNDING = 1 << 7,	/* needs CAP_SETPCAP or a user namespace */
	RIGHTS_NNP = 1 << 8,
	RIGHTS_MDWE = 1 << 9,		/* no memory gains execution; Linux 6.3 */
	RIGHTS_RLIMITS = 1 << 10,
	RIGHTS_SECCOMP = 1 << 11,
	RIGHTS_ALL = (1 << 12) - 1
};

struct rights_spec {
	enum proc_room room;
	bool off;		/* --no-sandbox: nothing is taken; said in the log */
	bool namespaces_off;	/* do not try */
	uint32_t require;	/* layers whose lack is an error, besides those always needed */
	int32_t uid, gid;	/* RIGHTS_KEEP, or what to become */
	int exec_fd;		/* main: the own binary, the only one it may execve; -1 = none */
	uint64_t keep_caps;	/* bits by capability; what the room may not have is RC_INVALID */
	uint64_t as_bytes;	/* address space; 0 = the room's */
	const struct rights_path *paths;	/* all others are closed */
	size_t path_count;
};

struct rights_report {
	uint32_t wanted;	/* layers the room has */
	uint32_t active;	/* of them, those in force */
	int landlock_abi;	/* 0 = the kernel has none */
	bool off;
};

/* A spec that keeps uid and gid, opens no path and executes nothing. */
struct rights_spec rights_spec_default(enum proc_room room);

/* Borrows spec. Logs rights-off and rights-missing. */
MUST_CHECK enum rc rights_drop(const struct rights_spec *spec, struct diag *diag);

/* Of the last rights_drop() of this process; zero before. */
struct rights_report rights_report(void);

/* "main", "compile", ...; never NULL. */
const char *rights_room_name(enum proc_room room);

/* The names of the layers in a mask, separated by commas, cut at cap; "" for none. */
void rights_layer_names(uint32_t layers, char *out, size_t cap);

#endif
