/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli - what the verbs share: exit codes, output, colour, progress.
 * Does:    data on standard output, talk on standard error.
 * Context: the client's process; one verb a run.
 */
#ifndef CLI_H
#define CLI_H

#include <yyjson.h>

#include "compile.h"
#include "opt.h"

#define RINGFENCE_VERSION "0.1.0"

/* ringfence(1), EXIT STATUS. */
enum cli_exit {
	EXIT_GOOD = 0,
	EXIT_FAILED = 1,	/* the policy, or a check of it */
	EXIT_USAGE = 2,
	EXIT_CHANGES = 3,	/* a plan that has some */
	EXIT_DENIED = 4,
	EXIT_UNREACHABLE = 5,
	EXIT_CONFLICT = 6,
	EXIT_NO_FIT = 7
};

#define DEFAULT_NIC "/run/ringfence/nic.sock"
#define DEFAULT_SOCKET "/run/ringfence/ringfence.sock"
#define DEFAULT_STATE "/var/lib/ringfence"
#define DEFAULT_POLICY "/etc/ringfence/policy"
#define DEFAULT_KEYS "/etc/ringfence/keys"

/* Of both numbers of --profile; 0 = any. */
enum { PROFILE_MAX = 65535 };
#define PROFILE_WANT "two numbers of 0 to 65535 with a comma between"

/* Entries of the flow table. */
enum { NIC_FLOWS_MIN = 16, NIC_FLOWS_MAX = 1 << 22 };

struct cli {
	struct opts opts;
	bool json, quiet;
	bool color;		/* of standard output */
	bool talk_color;	/* of standard error */
	bool told;		/* progress has written a line */
	uint64_t since_ns;
};

extern const struct verb cli_verbs[];
extern const size_t cli_verb_count;

/* RC_OK: colours, quiet and json are set. */
MUST_CHECK enum rc cli_begin(struct cli *cli, struct diag *diag);

/* "ringfence: error CODE: TEXT" and the hint on standard error; returns the exit code of rc. */
int cli_fail(const struct cli *cli, enum rc rc, const struct diag *d);
int cli_exit(enum rc rc);
/* Everything printed has reached standard output: else an error. */
int cli_end(const struct cli *cli, int code);

enum cli_color { PLAIN, BOLD, DIM, RED, GREEN, YELLOW, CYAN };
/* The escape that begins a colour (PLAIN ends it); "" where there is no colour. */
const char *cli_ink(const struct cli *cli, enum cli_color c);
enum cli_color cli_verdict_color(const char *verdict);

/* A line on standard error where a verb takes more than 1 s, then every 10 s. */
void cli_progress(void *cli, const char *what);

/* One line on standard output; frees doc. */
void cli_json(yyjson_mut_doc *doc);

/* Messages on standard error, or as objects on standard output with --json. */
void cli_diags(const struct cli *cli, const struct diags *ds);
/* Writes the frame where --counterexample says; nothing without one. */
void cli_example(const struct cli *cli, const uint8_t *frame, size_t len);
/* Of --profile; without it no bound. RC_INVALID: it is no such value. */
MUST_CHECK enum rc cli_profile(const struct cli *cli, struct image_profile *out,
    struct diag *diag);
/* Compiles dir, asks --profile, and prints the messages. The caller ends result in any case. */
MUST_CHECK enum rc cli_compile(struct cli *cli, const char *dir, struct compile_result *out,
    int *exit_code);

struct config;
/* The file of a service, read, and its values put into the options; RC_INVALID: all that is wrong
 * was printed. */
MUST_CHECK enum rc cli_config(struct cli *cli, struct config *c, struct diag *diag);

int cmd_check(struct cli *cli);
int cmd_check_asked(struct cli *cli);
int cmd_judge_asked(struct cli *cli);
int cmd_compile(struct cli *cli);
int cmd_image(struct cli *cli);
int cmd_judge(struct cli *cli);
int cmd_bench(struct cli *cli);
int cmd_config(struct cli *cli);
int cmd_plan(struct cli *cli);
int cmd_explain(struct cli *cli);
int cmd_show(struct cli *cli);
int cmd_nic(struct cli *cli);
int cmd_run(struct cli *cli);
int cmd_reload(struct cli *cli);
int cmd_confirm(struct cli *cli);
int cmd_rollback(struct cli *cli);
int cmd_history(struct cli *cli);
int cmd_keys(struct cli *cli);
int cmd_selftest(struct cli *cli);
int cmd_status(struct cli *cli);
int cmd_watch(struct cli *cli);
int cmd_flows(struct cli *cli);
int cmd_counters(struct cli *cli);
int cmd_completion(struct cli *cli);
int cmd_help(struct cli *cli);

#endif
