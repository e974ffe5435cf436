/* SPDX-License-Identifier: Apache-2.0 */
/* msg_test - frames whole, cut, broken and too large. */
#include "t.h"

#include <sys/socket.h>
#include <unistd.h>

#include "msg.h"

static struct msg_chan *a, *b;

static void
chans_open(uint32_t body_max)
{
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv) != 0 ||
	    msg_chan_create(sv[0], body_max, &a) != RC_OK ||
	    msg_chan_create(sv[1], body_max, &b) != RC_OK)
		abort();
}

static void
chans_close(void)
{
	msg_chan_destroy(&a);
	msg_chan_destroy(&b);
}

static void
test_round(void)
{
	struct msg m = { .type = 7, .status = 202, .id = 0xdeadbeef, .arg = UINT64_MAX,
		.body = (const uint8_t *)"hello", .len = 5 }, got;

	chans_open(100);
	T_IS_INT(msg_recv(b, &got), RC_AGAIN);
	for (int i = 0; i < 3; i++)
		T_IS_INT(msg_send(a, &m), RC_OK);
	for (int i = 0; i < 3; i++) {
		T_IS_INT(msg_recv(b, &got), RC_OK);
		T_OK(got.type == 7 && got.status == 202 && got.id == 0xdeadbeef);
		T_OK(got.arg == UINT64_MAX && got.len == 5);
		T_IS_MEM(got.body, "hello", 5);
	}
	T_IS_INT(msg_recv(b, &got), RC_AGAIN);
	msg_chan_destroy(&a);
	T_IS_INT(msg_recv(b, &got), RC_PEER);
	chans_close();
}

static void
test_large(void)
{
	uint32_t len = 3 * 1024 * 1024;
	uint8_t *p = malloc(len);
	struct msg m = { .type = 1, .body = p, .len = len }, got;
	enum rc rc = RC_AGAIN;

	for (uint32_t i = 0; i < len; i++)
		p[i] = (uint8_t)(i * 7);
	chans_open(len);
	T_IS_INT(msg_send(a, &m), RC_OK);
	T_OK(msg_wants_write(a));
	for (int i = 0; i < 100000 && rc == RC_AGAIN; i++) {
		rc = msg_flush(a);
		T_OK(rc == RC_OK || rc == RC_AGAIN);
		rc = msg_recv(b, &got);
	}
	T_IS_INT(rc, RC_OK);
	T_IS_UINT(got.len, len);
	T_IS_MEM(got.body, p, len);
	T_OK(!msg_wants_write(a));
	chans_close();
	free(p);
}

static void
test_broken(void)
{
	uint8_t hdr[MSG_HDR_BYTES];
	struct msg m = { .type = 1, .len = 100 }, got;

	msg_hdr_encode(&m, hdr);
	T_IS_INT(msg_hdr_decode(hdr, 100, &got), RC_OK);
	T_IS_INT(msg_hdr_decode(hdr, 99, &got), RC_INVALID);
	for (int i = 0; i < 4; i++) {
		hdr[i] ^= 1;
		T_IS_INT(msg_hdr_decode(hdr, 100, &got), RC_INVALID);
		hdr[i] ^= 1;
	}
	hdr[5] = 1;	/* type 257 */
	T_IS_INT(msg_hdr_decode(hdr, 100, &got), RC_INVALID);
	hdr[5] = 0;
	chans_open(99);
	T_IS_INT(write(msg_chan_fd(a), hdr, sizeof(hdr)), sizeof(hdr));
	T_IS_INT(msg_recv(b, &got), RC_INVALID);
	chans_close();
}

static void
test_cut(void)
{
	struct msg m = { .type = 3, .id = 1, .len = 2, .body = (const uint8_t *)"ab" }, got;
	uint8_t frame[MSG_HDR_BYTES + 2];

	msg_hdr_encode(&m, frame);
	memcpy(frame + MSG_HDR_BYTES, "ab", 2);
	chans_open(2);
	for (size_t i = 0; i < sizeof(frame); i++) {
		T_IS_INT(msg_recv(b, &got), RC_AGAIN);
		T_IS_INT(write(msg_chan_fd(a), frame + i, 1), 1);
	}
	T_IS_INT(msg_recv(b, &got), RC_OK);
	T_IS_MEM(got.body, "ab", 2);
	chans_close();
}

int
main(void)
{
	T_RUN(test_round);
	T_RUN(test_large);
	T_RUN(test_broken);
	T_RUN(test_cut);
	return t_done();
}
