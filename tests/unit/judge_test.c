/* SPDX-License-Identifier: Apache-2.0 */
/* judge_test - images and frames through the in-process firmware; frames a capture cut. */
#include <stdlib.h>

#include "clock.h"
#include "cut.h"
#include "frames.h"
#include "image.h"
#include "judge.h"
#include "t.h"

enum { RULE_ID = 77, DEFAULT_ID = 78 };

/* Inbound TCP to port 443 of 10.0.0.2, the rest is denied. */
static uint8_t *
image_make(size_t *len)
{
	static struct arena a;
	static struct service https = { .proto = PROTO_TCP, .sport_hi = 65535, .dport_lo = 443,
		.dport_hi = 443 };
	static struct image_rule rule = { .dir = WIRE_IN, .services = &https, .service_count = 1,
		.action = { .verdict = WIRE_PASS, .mode = WIRE_ENFORCE, .state = WIRE_STATE_FLOW,
		.counter = WIRE_COUNTER_NONE, .rule_id = RULE_ID } };
	static const struct image_rule *order[] = { &rule };
	struct image_list list = { order, 1, { .verdict = WIRE_DROP, .mode = WIRE_ENFORCE,
		.counter = WIRE_COUNTER_NONE, .rule_id = DEFAULT_ID } };
	struct image_table table = { .local = frame_addr("10.0.0.2") };
	struct image_input in = { .lists = &list, .list_count = 1, .tables = &table,
		.table_count = 1, .unsegmented = WIRE_DROP, .non_ip = WIRE_DROP };
	struct diag d = { 0 };
	uint8_t *image = NULL;

	arena_init(&a, 1 << 20);
	T_OK(addr_set_any(&a, 4, &rule.peer) == RC_OK);
	T_IS_INT(image_encode(&in, &image, len, &d), RC_OK);
	arena_fini(&a);
	return image;
}

static struct frame_spec
tcp(uint16_t sport, uint16_t dport, uint8_t flags, uint32_t payload)
{
	return (struct frame_spec) { .src = frame_addr("10.0.0.1"), .dst = frame_addr("10.0.0.2"),
		.proto = PROTO_TCP, .sport = sport, .dport = dport, .tcp_flags = flags,
		.payload = payload };
}

static void
expect(struct judge *j, const struct frame_spec *s, uint64_t ns, uint8_t verdict, uint8_t reason,
    uint32_t rule_id)
{
	uint8_t frame[FRAME_BYTES_MAX];
	uint32_t len = frame_build(s, frame), judged = 0;
	struct fw_verdict v;

	judge_frame(j, frame, len, len, ns, &v, &judged);
	T_IS_UINT(judged, len);
	T_IS_UINT(v.verdict, verdict);
	T_IS_UINT(v.reason, reason);
	T_IS_UINT(v.hop_count > 0 ? v.hops[0].rule_id : 0, rule_id);
}

static void
test_verdicts(void)
{
	struct judge *j = NULL;
	struct diag d = { 0 };
	size_t len = 0;
	uint8_t *image = image_make(&len);
	struct frame_spec syn = tcp(1000, 443, FW_TCP_SYN, 0), ack = tcp(1000, 443, FW_TCP_ACK, 9);
	struct frame_spec other = tcp(1000, 80, FW_TCP_SYN, 0);

	T_IS_INT(judge_open(NULL, 0, 0, 64, &j, &d), RC_OK);
	expect(j, &syn, 1, WIRE_DROP, WIRE_REASON_NO_IMAGE, 0);
	T_IS_INT(judge_commit(j, image, len, 5, &d), RC_OK);
	T_IS_UINT(judge_fw(j)->generation, 5);
	expect(j, &syn, 2, WIRE_PASS, WIRE_REASON_RULE, RULE_ID);
	expect(j, &ack, 1, WIRE_PASS, WIRE_REASON_STATE, RULE_ID);	/* time does not go back */
	expect(j, &other, 3, WIRE_DROP, WIRE_REASON_DEFAULT, DEFAULT_ID);
	T_IS_UINT(judge_fw(j)->stats.frames, 4);
	judge_close(&j);
	T_OK(j == NULL);
	judge_close(&j);
	free(image);
}

/* A refused image changes nothing: each byte of it wrong, one after the other. */
static void
test_refused(void)
{
	struct judge *j = NULL;
	struct diag d = { 0 };
	size_t len = 0, refused = 0;
	uint8_t *image = image_make(&len);
	struct frame_spec other = tcp(1000, 80, FW_TCP_SYN, 0);

	T_IS_INT(judge_open(image, len, 1, 0, &j, &d), RC_OK);
	for (size_t i = 0; i < len; i++) {
		image[i] ^= 0x55;
		if (judge_commit(j, image, len, 2, &d) != RC_OK) {
			refused++;
			T_IS_UINT(judge_fw(j)->generation, 1);
		} else {
			image[i] ^= 0x55;
			T_IS_INT(judge_commit(j, image, len, 1, &d), RC_OK);
			continue;
		}
		image[i] ^= 0x55;
	}
	T_OK(refused > 0);
	expect(j, &other, 1, WIRE_DROP, WIRE_REASON_DEFAULT, DEFAULT_ID);
	for (size_t cut = 0; cut < len; cut++)
		T_OK(judge_commit(j, image, cut, 2, &d) != RC_OK);
	T_OK(strstr(d.text, "firmware refuses") != NULL);
	judge_close(&j);
	T_IS_INT(judge_open(image, len / 2, 1, 0, &j, &d), RC_INVALID);
	T_OK(j == NULL);
	free(image);
}

/* Cut after all headers: judged as if whole. Cut inside them: malformed. Never anything else. */
static void
test_cut_frames(void)
{
	struct judge *j = NULL;
	struct diag d = { 0 };
	size_t image_len = 0;
	uint8_t *image = image_make(&image_len), frame[FRAME_BYTES_MAX];
	struct frame_spec syn = tcp(2000, 443, FW_TCP_SYN, 1000);
	uint32_t len = frame_build(&syn, frame);
	uint32_t headers = len - 1000, judged;
	struct fw_verdict v;

	T_IS_INT(judge_open(image, image_len, 1, 0, &j, &d), RC_OK);
	for (uint32_t n = 0; n <= len; n++) {
		judge_frame(j, frame, n, len, n, &v, &judged);
		if (n >= headers) {
			T_IS_UINT(v.verdict, WIRE_PASS);
			T_IS_UINT(judged, len);
		} else if (n < headers - 20 + 14) {	/* ports, lengths or flags are missing */
			T_IS_UINT(v.verdict, WIRE_DROP);
		}
	}
	judge_close(&j);
	free(image);
}

static void
test_cut_limits(void)
{
	struct cut c = { 0 };
	uint8_t frame[60] = { 0 };
	uint32_t judged = 0;

	T_OK(cut_fill(&c, frame, 60, 60, &judged) == frame && judged == 60);
	T_OK(c.buf == NULL);
	T_OK(cut_fill(&c, frame, 0, 60, &judged) == frame && judged == 0);
	T_OK(cut_fill(&c, frame, 60, CUT_BYTES_MAX + 1, &judged) == frame && judged == 60);
	T_OK(cut_fill(&c, frame, 60, CUT_BYTES_MAX, &judged) != NULL);
	cut_fini(&c);
	T_OK(c.buf == NULL);
}

int
main(void)
{
	T_RUN(test_verdicts);
	T_RUN(test_refused);
	T_RUN(test_cut_frames);
	T_RUN(test_cut_limits);
	return t_done();
}
