/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_judge - a capture through the firmware's code: a verdict a frame, with its line. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "clock.h"
#include "judge.h"
#include "judge_json.h"
#include "pcap.h"
#include "service.h"
#include "verdict.h"
#include "wire_types.h"

enum { GENERATION = 1, PROGRESS_FRAMES = 4096 };

struct run {
	struct cli *cli;
	const struct image_symbols *symbols;
	struct judge_json doc;
	struct str line;
	uint64_t counts[WIRE_VERDICT__COUNT];
};

static const struct image_symbol *
symbol(const struct run *r, uint32_t rule_id)
{
	return rule_id == 0 ? NULL : image_symbol_find(r->symbols, rule_id);
}

static void
local_text(const struct fw_hop *h, char out[ADDR_TEXT_BYTES])
{
	struct addr a = addr_from_bytes(h->family, h->local);

	addr_print(&a, out);
}

/* --- table --- */

static void
endpoint_text(const struct fw_tuple *t, bool src, char *out, size_t cap)
{
	struct addr a = addr_from_bytes(t->family, src ? t->src : t->dst);
	uint16_t port = src ? t->sport : t->dport;
	char text[ADDR_TEXT_BYTES];

	addr_print(&a, text);
	if (t->proto == PROTO_TCP || t->proto == PROTO_UDP || t->proto == PROTO_SCTP)
		snprintf(out, cap, t->family == 6 ? "[%s]:%u" : "%s:%u", text, port);
	else
		snprintf(out, cap, "%s", text);
}

static void
hop_print(const struct run *r, const char *dir, const char *local, uint8_t verdict,
    uint8_t reason, uint32_t rule_id)
{
	const struct image_symbol *s = symbol(r, rule_id);
	const char *name = verdict_name(verdict);

	printf("         %s%-3s %-15s%s %s%s%s %s", cli_ink(r->cli, DIM), dir, local,
	    cli_ink(r->cli, PLAIN), cli_ink(r->cli, cli_verdict_color(name)), name,
	    cli_ink(r->cli, PLAIN), reason_name(reason));
	if (s != NULL)
		printf("  %s%s:%" PRIu32 "%s  %s", cli_ink(r->cli, CYAN), s->file, s->line,
		    cli_ink(r->cli, PLAIN), s->segment);
	if (s != NULL && s->why[0] != '\0')
		printf("  (%s)", s->why);
	printf("\n");
}

static void
frame_print(const struct run *r, const struct pcap_frame *f, const struct fw_verdict *v)
{
	const char *name = verdict_name(v->verdict);
	char src[64] = "-", dst[64] = "-", proto[PROTO_TEXT_BYTES], time[CLOCK_RFC3339_BYTES];

	clock_rfc3339(f->wall_ns, time);
	printf("%7" PRIu64 "  %.15s  %s%-10s%s ", f->number, time + 11,
	    cli_ink(r->cli, cli_verdict_color(name)), name, cli_ink(r->cli, PLAIN));
	if (v->tuple.family != 0) {
		endpoint_text(&v->tuple, true, src, sizeof(src));
		endpoint_text(&v->tuple, false, dst, sizeof(dst));
		printf("%s > %s %s", src, dst, proto_name(v->tuple.proto, proto));
	} else {
		printf("%" PRIu32 " bytes", f->orig_bytes);
	}
	if (v->hop_count == 0)
		printf("  %s", reason_name(v->reason));
	printf("\n");
	if (v->hop_count == 0 && v->rule_id != 0)
		hop_print(r, "-", "no local IP", v->verdict, v->reason, v->rule_id);
	for (int i = 0; i < v->hop_count; i++) {
		const struct fw_hop *h = &v->hops[i];
		char local[ADDR_TEXT_BYTES];

		local_text(h, local);
		hop_print(r, dir_name(h->dir), local, h->verdict, h->reason, h->rule_id);
	}
}

static void
json_print(struct run *r, const struct pcap_frame *f, const struct fw_verdict *v)
{
	r->line.len = 0;
	judge_json_add(&r->doc, f, v, &r->line);
	fwrite(str_text(&r->line), 1, r->line.len, stdout);
}

static void
totals_print(const struct run *r)
{
	uint64_t frames = r->counts[WIRE_PASS] + r->counts[WIRE_DROP] + r->counts[WIRE_WOULD_DROP];

	if (!r->cli->quiet)
		fprintf(stderr, "%" PRIu64 " frames: %" PRIu64 " passed, %" PRIu64 " dropped, %"
		    PRIu64 " would-drop\n", frames, r->counts[WIRE_PASS], r->counts[WIRE_DROP],
		    r->counts[WIRE_WOULD_DROP]);
}

static enum rc
capture_judge(struct run *r, struct judge *j, struct pcap_reader *p, struct diag *diag)
{
	struct pcap_frame f;
	struct fw_verdict v;
	bool got = true;

	for (;;) {
		enum rc rc = pcap_next(p, &f, &got, diag);

		if (rc != RC_OK || !got)
			return rc;
		judge_frame(j, f.bytes, f.len_bytes, f.orig_bytes, f.wall_ns, &v, NULL);
		r->counts[v.verdict]++;
		if (r->cli->json)
			json_print(r, &f, &v);
		else
			frame_print(r, &f, &v);
		if (f.number % PROGRESS_FRAMES == 0)
			cli_progress(r->cli, "judging");
		if (ferror(stdout))
			return RC_OK;	/* cli_end says why */
	}
}

int
cmd_judge(struct cli *cli)
{
	struct pcap_reader *pcap = NULL;
	struct judge *judge = NULL;
	struct compile_result c;
	struct diag d = { 0 };
	struct run *r = calloc(1, sizeof(*r));
	uint32_t flows = 0;
	int code;
	enum rc rc;

	if (!opt_has(&cli->opts, OPT_POLICY)) {
		free(r);
		return cmd_judge_asked(cli);
	}
	if (r == NULL)
		return cli_fail(cli, RC_NOMEM, &d);
	if (opt_has(&cli->opts, OPT_SOCKET) || opt_has(&cli->opts, OPT_REMOTE)) {
		free(r);
		diag_set(&d, "usage", "--policy is a directory, --socket and --remote a daemon: "
		    "one of them");
		(void)cli_fail(cli, RC_INVALID, &d);
		return EXIT_USAGE;
	}
	r->cli = cli;
	memset(&c, 0, sizeof(c));
	if (opt_has(&cli->opts, OPT_FLOWS) &&
	    opt_number(&cli->opts, OPT_FLOWS, 16, 1 << 22, &flows, &d) != RC_OK) {
		(void)cli_fail(cli, RC_INVALID, &d);
		code = EXIT_USAGE;
		goto out;
	}
	/* The capture first: what is no capture needs no compile. */
	rc = pcap_open(cli->opts.args[0], &pcap, &d);
	if (rc != RC_OK) {
		code = cli_fail(cli, rc, &d);
		goto out;
	}
	cli->json = false;	/* messages of the compile are talk here */
	rc = cli_compile(cli, opt_value(&cli->opts, OPT_POLICY, NULL), &c, &code);
	cli->json = opt_has(&cli->opts, OPT_JSON);
	if (rc != RC_OK)
		goto out;
	r->symbols = r->doc.symbols = &c.symbols;
	rc = judge_open(c.image, c.image_len, GENERATION, flows, &judge, &d);
	if (rc == RC_OK)
		rc = capture_judge(r, judge, pcap, &d);
	fflush(stdout);
	if (rc != RC_OK)
		code = cli_fail(cli, rc, &d);
	totals_print(r);
out:
	judge_close(&judge);
	pcap_close(&pcap);
	compile_result_fini(&c);
	str_fini(&r->line);
	free(r);
	return code;
}
