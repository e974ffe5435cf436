/* SPDX-License-Identifier: Apache-2.0 */
/*
 * opt - the command line: one table of options, one of verbs.
 * Does:    parses, explains (`--help`), finds the nearest name of what it does not know. The manual
 *          is checked against the same tables.
 * Shape:   ringfence VERB [--option[=VALUE] | --option VALUE | -o VALUE | ARGUMENT]...; "--" ends
 *          options. A global option may stand before the verb.
 * Limits:  OPT_ARGS_MAX arguments.
 * Memory:  borrows argv.
 * Errors:  RC_INVALID with a diag that names the word: exit code 2.
 */
#ifndef OPT_H
#define OPT_H

#include <stdio.h>

#include "base.h"
#include "diag.h"
#include "rc.h"

enum { OPT_ARGS_MAX = 8 };

/*   id       long         short value     what it does */
#define OPTIONS(X) \
	X(HELP,    "help",      'h', NULL,     "print this text") \
	X(VERSION, "version",   0,   NULL,     "print the version") \
	X(COLOR,   "color",     0,   "WHEN",   "colour the output: auto, always, never") \
	X(QUIET,   "quiet",     'q', NULL,     "no warnings, remarks or progress") \
	X(JSON,    "json",      0,   NULL,     "print JSON, one object a line") \
	X(OUTPUT,  "output",    'o', "FILE",   "write the image to FILE, its symbols to FILE.sym") \
	X(BILL,    "bill",      0,   NULL,     "print what each source line costs in the image") \
	X(COUNTEREXAMPLE, "counterexample", 0, "FILE", "where a packet goes if the proof fails") \
	X(PASSES,  "passes",    0,   "LIST",   "what makes tables smaller: all, none, or names") \
	X(POLICY,  "policy",    0,   "DIR",    "the policy directory") \
	X(NIC,     "nic",       0,   "PATH",   "the mailbox socket of the NIC") \
	X(STATE,   "state",     0,   "DIR",    "where the daemon keeps its state") \
	X(SOCKET,  "socket",    0,   "PATH",   "the socket to serve, or to ask") \
	X(WIRE,    "wire",      0,   "PORT",   "the port towards the network") \
	X(HOST,    "host",      0,   "PORT",   "the port towards the host") \
	X(STORE,   "store",     0,   "FILE",   "where the NIC keeps its committed image") \
	X(FLOWS,   "flows",     0,   "N",      "entries of the flow table") \
	X(PROFILE, "profile",   0,   "LINES,LOADS", "what a packet may cost in one table") \
	X(COUNT,   "count",     'n', "N",      "end after N verdicts") \
	X(CONFIRM, "confirm",   0,   "SECONDS", "undo the reload unless it is confirmed in time") \
	X(LISTEN,  "listen",    0,   "ADDR:PORT", "serve TLS there too") \
	X(KEYS,    "keys",      0,   "DIR",    "the key directory of the TLS channel") \
	X(GROUP,   "group",     0,   "NAME",   "a group that may use the socket") \
	X(REMOTE,  "remote",    0,   "HOST:PORT", "ask that daemon, over TLS") \
	X(CA,      "ca",        0,   "FILE",   "the CA that signed its certificate") \
	X(CERT,    "cert",      0,   "FILE",   "the certificate to show") \
	X(KEY,     "key",       0,   "FILE",   "its private key") \
	X(SAN,     "san",       0,   "NAME",   "one more name or address of the server") \
	X(ROLE,    "role",      0,   "ROLE",   "what a certificate may: view or operate") \
	X(PCAP,    "pcap",      0,   "FILE",   "packets to measure with, of a capture") \
	X(CONFIG,  "config",    0,   "FILE",   "the configuration file") \
	X(ORIGIN,  "origin",    0,   NULL,     "say where each value came from") \
	X(TAKEOVER, "takeover", 0,  NULL,     "take the place of the daemon that runs") \
	X(NO_SANDBOX, "no-sandbox", 0, NULL,   "give up no rights: unsupported, and unsafe") \
	X(DETAILED, "detailed", 0,  NULL,     "every example of what changes") \
	X(FOLLOW,  "follow",    'f', NULL,     "go on with flows as they are told") \
	X(FROM,    "from",      0,   "PREFIX", "flows whose first packet came from there") \
	X(TO,      "to",        0,   "PREFIX", "flows whose first packet went there") \
	X(VERDICT, "verdict",   0,   "pass|drop|would-drop", "flows with that verdict") \
	X(PROTO,   "proto",     0,   "tcp|udp|sctp|icmp|icmp6", "flows of a protocol") \
	X(PORT,    "port",      0,   "N",      "flows with that port at either end") \
	X(SEGMENT, "segment",   0,   "NAME",   "flows judged by that segment") \
	X(SINCE,   "since",     0,   "TIME",   "flows with a packet since: 5m, or RFC 3339") \
	X(LAST,    "last",      0,   "N",      "at most N flows, the newest") \
	X(VERBOSE, "verbose",   'v', NULL,     "log more")

enum opt_id {
#define X(id, name, letter, value, help) OPT_##id,
	OPTIONS(X)
#undef X
	OPT__COUNT
};

#define OPT_BIT(id) (UINT64_C(1) << OPT_##id)
#define OPT_GLOBAL (OPT_BIT(HELP) | OPT_BIT(COLOR) | OPT_BIT(QUIET))
/* Of every verb that asks the daemon. */
#define OPT_ASK (OPT_BIT(SOCKET) | OPT_BIT(REMOTE) | OPT_BIT(CA) | OPT_BIT(CERT) | OPT_BIT(KEY))

struct cli;

struct verb {
	const char *name;
	const char *args;	/* for people; "" = none */
	uint8_t args_min, args_max;
	uint64_t options;	/* OPT_BITs beside OPT_GLOBAL */
	uint64_t required;
	const char *summary;	/* one line, no full stop */
	const char *detail;	/* lines for --help */
	bool hidden;			/* not in lists of verbs */
	int (*run)(struct cli *cli);	/* exit code */
};

struct opts {
	const struct verb *verb;	/* NULL: only --help or --version */
	uint64_t set;			/* OPT_BITs */
	const char *value[OPT__COUNT];
	const char *args[OPT_ARGS_MAX];
	uint32_t arg_count;
};

MUST_CHECK enum rc opt_parse(const struct verb *verbs, size_t verb_count, int argc,
    char *const argv[], struct opts *out, struct diag *diag);
/* What a service needs by its options: asked once its file is read. */
MUST_CHECK enum rc opt_required(const struct verb *v, const struct opts *o, struct diag *diag);
const char *opt_name(enum opt_id id);
/* "DIR", "N"; NULL where the option takes no value. */
const char *opt_value_name(enum opt_id id);
bool opt_has(const struct opts *o, enum opt_id id);
/* The option's value, or dflt where it was not given. */
const char *opt_value(const struct opts *o, enum opt_id id, const char *dflt);
/* A number of lo..hi. */
MUST_CHECK enum rc opt_number(const struct opts *o, enum opt_id id, uint32_t lo, uint32_t hi,
    uint32_t *out, struct diag *diag);
/* Likewise seconds, from 1 on; also as 90s, 5m or 1h. */
MUST_CHECK enum rc opt_seconds(const struct opts *o, enum opt_id id, uint32_t hi, uint32_t *out,
    struct diag *diag);

/* "N,N", each of 0..hi. */
MUST_CHECK bool opt_pair(const char *text, uint32_t hi, uint32_t *first, uint32_t *second);

void opt_help(const struct verb *verbs, size_t verb_count, FILE *out);
void opt_help_verb(const struct verb *v, FILE *out);

#endif
