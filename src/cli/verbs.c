/* SPDX-License-Identifier: Apache-2.0 */
/* verbs - the table of verbs: what each takes, and what runs it. */
#include "cli.h"

/* What may stand in the file of --config too. */
#define NIC_KEYS \
	(OPT_BIT(WIRE) | OPT_BIT(HOST) | OPT_BIT(SOCKET) | OPT_BIT(STORE) | OPT_BIT(FLOWS) | \
	    OPT_BIT(PROFILE) | OPT_BIT(NO_SANDBOX))
#define RUN_KEYS \
	(OPT_BIT(NIC) | OPT_BIT(POLICY) | OPT_BIT(STATE) | OPT_BIT(SOCKET) | OPT_BIT(GROUP) | \
	    OPT_BIT(LISTEN) | OPT_BIT(KEYS) | OPT_BIT(TAKEOVER) | OPT_BIT(NO_SANDBOX) | \
	    OPT_BIT(VERBOSE))

const struct verb cli_verbs[] = {
	{ .name = "check", .args = "DIR", .args_min = 1, .args_max = 1,
	    .options = OPT_ASK | OPT_BIT(COUNTEREXAMPLE) | OPT_BIT(JSON),
	    .summary = "Compile a policy directory without a NIC, and say what is wrong with it",
	    .detail = "Errors and warnings go to standard error; exit 0 where there is no error.\n"
		"With --socket or --remote a daemon compiles the text, and loads nothing.",
	    .run = cmd_check },
	{ .name = "compile", .args = "DIR", .args_min = 1, .args_max = 1,
	    .options = OPT_BIT(OUTPUT) | OPT_BIT(BILL) | OPT_BIT(PASSES) |
		OPT_BIT(PROFILE) | OPT_BIT(COUNTEREXAMPLE) | OPT_BIT(JSON),
	    .summary = "Compile a policy directory into an image",
	    .detail = "FILE.sym beside the image names the line of each rule. It needs --output, "
	    "--bill or --profile.\n"
		"With --profile a table that costs a packet more is refused, as such a NIC would.\n"
		"LIST is some of dedupe, shadow, merge, aggregate and fold, with commas between;\n"
		"verdicts and their lines are the same with any.",
	    .run = cmd_compile },
	{ .name = "image", .args = "FILE", .args_min = 1, .args_max = 1, .options = OPT_BIT(JSON),
	    .summary = "Print the tables and rules of an image, with their lines",
	    .detail = "The lines are those of FILE.sym; without it, rules are named by their ids.",
	    .run = cmd_image },
	{ .name = "judge", .args = "FILE", .args_min = 1, .args_max = 1,
	    .options = OPT_ASK | OPT_BIT(POLICY) | OPT_BIT(JSON) | OPT_BIT(FLOWS),
	    .summary = "Judge each frame of a capture with the firmware's code",
	    .detail = "FILE is pcap or pcapng of Ethernet frames; - is standard input.\n"
		"Without --policy by what the daemon enforces.",
	    .run = cmd_judge },
	{ .name = "bench", .args = "",
	    .options = OPT_BIT(POLICY) | OPT_BIT(PCAP) | OPT_BIT(JSON),
	    .required = OPT_BIT(POLICY),
	    .summary = "Measure what a policy costs per packet on this machine",
	    .detail = "Without --pcap the packets are made from the image: half of them at edges "
	    "of its rules.",
	    .run = cmd_bench },
	{ .name = "explain", .args = "PACKET", .args_min = 1, .args_max = 1,
	    .options = OPT_ASK | OPT_BIT(POLICY) | OPT_BIT(JSON),
	    .summary = "Judge one packet by the rules, and say why: line, and the nearest allow",
	    .detail = "PACKET is 'SRC > DST tcp/443 [sport=N] [syn|ack|...] [vlan=N]\n"
		"[frag=first|rest] [type=N code=N]'. With --policy by that directory, else by\n"
		"what the daemon enforces.",
	    .run = cmd_explain },
	{ .name = "show", .args = "guard|policy [GENERATION] [FILE]", .args_min = 1,
	    .args_max = 3, .options = OPT_ASK | OPT_BIT(JSON),
	    .summary = "Print the built-in guard policy, or the text of a kept generation",
	    .detail = "show guard: what is enforced without a word of yours.\n"
		"show policy [GENERATION] [FILE]: what a daemon enforces, or has enforced.",
	    .run = cmd_show },
	{ .name = "nic", .args = "",
	    .options = NIC_KEYS | OPT_BIT(CONFIG),
	    .required = OPT_BIT(WIRE) | OPT_BIT(HOST),
	    .summary = "Run the software NIC between two ports, in the foreground",
	    .detail = "PORT is dev:IFNAME, tap:IFNAME or pcap:FILE.\n"
		"Without --store the image is kept beside the socket, as PATH.image.",
	    .run = cmd_nic },
	{ .name = "run", .args = "",
	    .options = RUN_KEYS | OPT_BIT(CONFIG),
	    .summary = "Run the daemon, in the foreground",
	    .detail = "SIGHUP reloads, SIGTERM ends it and leaves the NIC enforcing.\n"
		"With --takeover a daemon that runs hands its sockets over, and ends.\n"
		"With --listen it serves TLS with the keys of --keys; ringfence keys init makes "
		"them.",
	    .run = cmd_run },
	{ .name = "config", .args = "show|check [nic|run|FILE]", .args_min = 1, .args_max = 2,
	    .options = NIC_KEYS | RUN_KEYS | OPT_BIT(CONFIG) | OPT_BIT(ORIGIN) | OPT_BIT(JSON),
	    .summary = "Print what the services' settings come to, or check their file",
	    .detail = "config show [nic|run] [OPTION]...: as a file again; --origin says where "
		"each came from.\nWith a service named, its options count as on its command line.\n"
		"config check [FILE]: exit 0 where nothing is wrong.",
	    .run = cmd_config },
	{ .name = "plan", .args = "",
	    .options = OPT_ASK | OPT_BIT(POLICY) | OPT_BIT(JSON) | OPT_BIT(DETAILED),
	    .summary = "Say what a reload would change: tables, lines, and packets",
	    .detail = "Exit 3 where something changes, 0 where nothing does.\n"
		"With --policy of that directory here, whose text the daemon is sent.",
	    .run = cmd_plan },
	{ .name = "reload", .args = "",
	    .options = OPT_ASK | OPT_BIT(POLICY) | OPT_BIT(JSON) | OPT_BIT(CONFIRM) |
		OPT_BIT(COUNTEREXAMPLE),
	    .summary = "Compile the daemon's policy anew and enforce it",
	    .detail = "A policy with errors is refused, and what was enforced stays.\n"
		"With --policy that directory here, whose text the daemon is sent.",
	    .run = cmd_reload },
	{ .name = "confirm", .args = "", .options = OPT_ASK | OPT_BIT(JSON),
	    .summary = "Keep a reload that waits to be confirmed", .detail = "",
	    .run = cmd_confirm },
	{ .name = "rollback", .args = "[GENERATION]", .args_max = 1,
	    .options = OPT_ASK | OPT_BIT(JSON),
	    .summary = "Enforce a kept generation again; the one before if none is named",
	    .detail = "It gets a new number. The policy directory stays as it is.",
	    .run = cmd_rollback },
	{ .name = "history", .args = "", .options = OPT_ASK | OPT_BIT(JSON),
	    .summary = "List the generations that are kept", .detail = "", .run = cmd_history },
	{ .name = "status", .args = "", .options = OPT_ASK | OPT_BIT(JSON),
	    .summary = "Print what is enforced, and how the NIC is", .detail = "",
	    .run = cmd_status },
	{ .name = "watch", .args = "", .options = OPT_ASK | OPT_BIT(JSON) | OPT_BIT(COUNT),
	    .summary = "Print drops and would-drops as they happen, with the line that made them",
	    .detail = "Verdicts of one rule are limited in rate; how many were left out is exact.",
	    .run = cmd_watch },
	{ .name = "flows", .args = "",
	    .options = OPT_ASK | OPT_BIT(JSON) | OPT_BIT(FOLLOW) | OPT_BIT(FROM) | OPT_BIT(TO) |
		OPT_BIT(VERDICT) | OPT_BIT(PROTO) | OPT_BIT(PORT) | OPT_BIT(SEGMENT) |
		OPT_BIT(SINCE) | OPT_BIT(LAST),
	    .summary = "Print flows: who talked to whom, packets, bytes, the line that decided",
	    .detail = "Live flows and those that ended last, the newest at the end; drops and\n"
		"rules without state too. Counts are those the NIC told last.",
	    .run = cmd_flows },
	{ .name = "counters", .args = "", .options = OPT_ASK | OPT_BIT(JSON),
	    .summary = "Print packets and bytes of each counted rule", .detail = "",
	    .run = cmd_counters },
	{ .name = "completion", .args = "SHELL", .args_min = 1, .args_max = 1,
	    .summary = "Print the completions of a shell: bash, zsh or fish",
	    .detail = "`./build.sh install` puts each where its shell looks for it.",
	    .run = cmd_completion },
	{ .name = "keys", .args = "init|client|revoke DIR [NAME|FILE]", .args_min = 2,
	    .args_max = 3, .options = OPT_BIT(SAN) | OPT_BIT(ROLE),
	    .summary = "Make the keys of the TLS channel, add a client, revoke one",
	    .detail = "keys init DIR [--san NAME,...]: a CA, a server's and a client's key\n"
		"keys client DIR NAME [--role view|operate]: one more client\n"
		"keys revoke DIR FILE: puts a certificate on the revocation list",
	    .run = cmd_keys },
	{ .name = "selftest", .args = "ROOM|all", .args_min = 1, .args_max = 1, .hidden = true,
	    .summary = "Try forbidden actions from within a room of the daemon or the NIC",
	    .detail = "ROOM is main, compile, build, ctl, signer, nic or store. Prints TAP.",
	    .run = cmd_selftest },
	{ .name = "help", .args = "[VERB]", .args_max = 1,
	    .summary = "Explain a verb, or list them", .detail = "", .run = cmd_help },
};

const size_t cli_verb_count = ARRAY_LEN(cli_verbs);

int
cmd_help(struct cli *cli)
{
	struct diag d = { 0 };

	if (cli->opts.arg_count == 0) {
		opt_help(cli_verbs, cli_verb_count, stdout);
		return EXIT_GOOD;
	}
	/* The word is parsed as a verb would be, so that an unknown one gets the nearest name. */
	char *const argv[] = { NULL, (char *)(uintptr_t)cli->opts.args[0] };
	struct opts o;
	enum rc rc = opt_parse(cli_verbs, cli_verb_count, 2, argv, &o, &d);

	if (o.verb == NULL) {
		CHECK(rc != RC_OK);
		(void)cli_fail(cli, RC_INVALID, &d);
		return EXIT_USAGE;
	}
	opt_help_verb(o.verb, stdout);
	return EXIT_GOOD;
}
