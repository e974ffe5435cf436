/* SPDX-License-Identifier: Apache-2.0 */
/* selftest_impl - the table of actions, between the file that has it and the one that tries it. */
#ifndef SELFTEST_IMPL_H
#define SELFTEST_IMPL_H

#include <sys/types.h>

#include "base.h"

enum selftest_main {
	MAIN_MUST_NOT,
	MAIN_MAY,		/* main's work includes it */
	MAIN_DUTY		/* tried in main only */
};

/* What is made before the rights are given up, as descriptors are in the daemon. */
struct selftest_scene {
	pid_t parent;
	int tcp_fd;		/* a TCP socket */
	int memfd;		/* holds no program */
	int pidfd;		/* of parent */
	int handle_fd;		/* of the root directory */
	int own_fd;		/* main's exec_fd */
	int other_fd;		/* another program */
	const char *dir;	/* main's own; NULL = none */
};

struct selftest_action {
	const char *name;
	int (*run)(const struct selftest_scene *scene);	/* 0 or errno */
	enum selftest_main in_main;
	bool common;		/* needs no privilege outside of a room */
	uint32_t layer;		/* enum rights_layer that refuses it where the call is listed */
};

extern const struct selftest_action selftest_actions[];
extern const size_t selftest_action_count;

#endif
