/* SPDX-License-Identifier: Apache-2.0 */
/* util_test - results, arenas, cursors, digests, text and files, each side of their limits. */
#include "t.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arena.h"
#include "bytes.h"
#include "clock.h"
#include "diag.h"
#include "file.h"
#include "hash.h"
#include "rc.h"
#include "str.h"

static void
test_rc(void)
{
	T_OK(strcmp(rc_name(RC_OK), "ok") == 0);
	T_OK(strcmp(rc_name(RC_STALE), "stale") == 0);
	T_OK(strcmp(rc_name((enum rc)(-RC__COUNT)), "unknown") == 0);
	T_OK(strcmp(rc_name((enum rc)1), "unknown") == 0);
	T_OK(rc_from_errno(0) == RC_OK);
	T_OK(rc_from_errno(ENOMEM) == RC_NOMEM);
	T_OK(rc_from_errno(EACCES) == RC_DENIED);
	T_OK(rc_from_errno(EIO) == RC_IO);
}

static void
test_arena(void)
{
	struct arena a;
	char *p, *q;
	bool zero = true;

	arena_init(&a, 200000);
	p = arena_alloc(&a, 100);
	q = arena_alloc(&a, 0);
	T_OK(p != NULL && q != NULL);
	T_OK(((uintptr_t)p & 15) == 0);
	for (int i = 0; i < 100; i++)
		zero = zero && p[i] == 0;
	T_OK(zero);
	T_OK(arena_alloc(&a, 120000) != NULL);
	T_OK(arena_alloc(&a, 120000) == NULL);
	T_OK(arena_failed(&a));
	T_OK(arena_array(&a, SIZE_MAX, 2) == NULL);
	arena_reset(&a);
	T_OK(!arena_failed(&a) && a.used_bytes == 0);
	p = arena_printf(&a, "%s:%d", "x.pol", 7);
	T_OK(p != NULL && strcmp(p, "x.pol:7") == 0);
	arena_fini(&a);
}

static void
test_bytes(void)
{
	uint8_t buf[16];
	struct wr w;
	struct rd r;

	wr_init(&w, buf, sizeof(buf));
	wr_u8(&w, 1);
	wr_le16(&w, 0x2345);
	wr_be32(&w, 0x6789abcd);
	wr_le64(&w, UINT64_C(0x1122334455667788));
	T_OK(!w.failed && w.pos == 15);
	wr_le16(&w, 1);
	T_OK(w.failed && w.pos == 15);
	wr_u8(&w, 1);
	T_OK(w.pos == 15);
	rd_init(&r, buf, 15);
	T_OK(rd_u8(&r) == 1 && rd_le16(&r) == 0x2345 && rd_be32(&r) == 0x6789abcd);
	T_OK(rd_le64(&r) == UINT64_C(0x1122334455667788) && rd_done(&r));
	T_OK(rd_u8(&r) == 0 && r.failed && !rd_done(&r));
	T_OK(rd_left(&r) == 0);
	mem_wipe(buf, sizeof(buf));
	T_OK(buf[0] == 0 && buf[14] == 0);
}

/* Of each length up to two long steps and more, one byte wrong at each place, and none past it. */
static void
test_bytes_equal(void)
{
	for (size_t n = 0; n <= 80; n++) {
		uint8_t *a = calloc(n + 2, 1), *b = calloc(n + 1, 1);

		CHECK(a != NULL && b != NULL);
		for (size_t i = 0; i < n; i++)
			a[1 + i] = b[i] = (uint8_t)(i * 7 + 1);
		b[n] = 1;
		T_OK(bytes_equal(a + 1, b, n));
		for (size_t i = 0; i < n; i++) {
			b[i] ^= (uint8_t)(1u << i % 8);
			T_OK(!bytes_equal(a + 1, b, n));
			b[i] ^= (uint8_t)(1u << i % 8);
		}
		free(a);
		free(b);
	}
}

static void
test_hash(void)
{
	uint8_t d[SHA256_BYTES];
	char hex[SHA256_HEX];

	/* FIPS 180-4 example, "abc" */
	sha256("abc", 3, d);
	hex_encode(d, sizeof(d), hex);
	T_OK(strcmp(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad") == 0);
	/* RFC 3720 B.4: 32 bytes of zeros, then of ones; "123456789" is the usual check value */
	T_OK(crc32c(0, "123456789", 9) == 0xe3069283);
	T_OK(crc32c(crc32c(0, "1234", 4), "56789", 5) == 0xe3069283);
	T_OK(fnv1a64(FNV1A64_INIT, "", 0) == FNV1A64_INIT);
	T_OK(fnv1a64(FNV1A64_INIT, "a", 1) == UINT64_C(0xaf63dc4c8601ec8c));
}

static void
test_str(void)
{
	static const char *const names[] = { "inbound", "outbound", "members", "mode" };
	struct str s = { 0 };

	str_add(&s, "a");
	str_addf(&s, "%d", 42);
	T_OK(strcmp(str_text(&s), "a42") == 0 && s.len == 3);
	str_fini(&s);
	T_OK(strcmp(str_text(&s), "") == 0);
	T_OK(str_nearest("inbuond", names, 4) == names[0]);
	T_OK(str_nearest("membrs", names, 4) == names[2]);
	T_OK(str_nearest("zzzzzz", names, 4) == NULL);
	T_OK(utf8_check("gr\xc3\xbc\xc3\x9f", 6) == 6);
	T_OK(utf8_check("a\xc0\x80", 3) == 1);
	T_OK(utf8_check("\xed\xa0\x80", 3) == 0);
	T_OK(utf8_check("a\xe2\x82", 3) == 1);
	T_OK(utf8_check("\xf4\x90\x80\x80", 4) == 0);
}

static void
test_clock(void)
{
	char text[CLOCK_RFC3339_BYTES];

	clock_rfc3339(UINT64_C(1796000000123456789), text);
	T_OK(strcmp(text, "2026-11-30T00:53:20.123456789Z") == 0);
	T_OK(clock_mono_ns() <= clock_mono_ns());
}

static void
test_diag(void)
{
	struct diags ds;
	struct diag d;
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	diag_set(&d, "unknown-key", "unknown key \"form\"");
	diag_place(&d, "web.pol", 3, 9);
	diag_hint(&d, "did you mean \"from\"?");
	snprintf(d.source, sizeof(d.source), "\tinbound { form = web }");
	diag_print(&d, f);
	fclose(f);
	T_OK(strcmp(text, "web.pol:3:9: error unknown-key: unknown key \"form\"\n"
	    "    \tinbound { form = web }\n    \t       ^\n"
	    "    hint: did you mean \"from\"?\n") == 0);
	free(text);
	T_OK(diags_init(&ds));
	for (int i = 0; i < DIAGS_MAX + 5; i++)
		diags_add(&ds, &d);
	T_OK(ds.count == DIAGS_MAX && ds.errors == DIAGS_MAX + 5);
	diags_fini(&ds);
	diags_fini(&ds);
	T_OK(ds.items == NULL);
}

static void
test_file(void)
{
	char dir[] = "/tmp/util_test.XXXXXX", path[64], link[64];
	uint8_t *p = NULL;
	size_t len = 1;
	struct diag d = { 0 };

	T_OK(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/a", dir);
	snprintf(link, sizeof(link), "%s/l", dir);
	T_OK(file_replace(path, "hello", 5, 0600, &d) == RC_OK);
	T_OK(file_replace(path, "world!", 6, 0600, &d) == RC_OK);
	T_OK(file_read(AT_FDCWD, path, 6, &p, &len, &d) == RC_OK);
	T_OK(len == 6 && memcmp(p, "world!", 7) == 0);
	free(p);
	T_OK(file_read(AT_FDCWD, path, 5, &p, &len, &d) == RC_LIMIT && p == NULL);
	T_OK(strstr(d.text, "6 bytes") != NULL && strstr(d.text, "limit is 5") != NULL);
	T_OK(symlink(path, link) == 0 && file_read(AT_FDCWD, link, 6, &p, &len, &d) == RC_INVALID);
	T_OK(file_read(AT_FDCWD, dir, 6, &p, &len, &d) == RC_INVALID);
	T_OK(file_replace(link, "x", 1, 0600, &d) == RC_INVALID && unlink(link) == 0);
	T_OK(file_replace(dir, "x", 1, 0600, &d) == RC_INVALID);
	unlink(path);
	T_OK(file_replace("/proc/nothing/x", "x", 1, 0600, &d) != RC_OK);
	rmdir(dir);
}

static void
test_hex(void)
{
	static const char *const bad[] = { "0", "0g", "g0", "00A0", "000", "0 ", "0000000" };
	const uint8_t bytes[] = { 0, 0x1f, 0xf0, 0xff };
	char text[2 * sizeof(bytes) + 1];
	uint8_t back[sizeof(bytes)];
	size_t n;

	hex_encode(bytes, sizeof(bytes), text);
	T_IS_STR(text, "001ff0ff");
	T_OK(hex_decode(text, back, sizeof(back), &n) && n == sizeof(bytes));
	T_IS_MEM(back, bytes, sizeof(bytes));
	T_OK(!hex_decode(text, back, sizeof(back) - 1, &n));
	T_OK(hex_decode("", back, 0, &n) && n == 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		T_OK(!hex_decode(bad[i], back, sizeof(back), &n));
}

int
main(void)
{
	T_RUN(test_hex);
	T_RUN(test_rc);
	T_RUN(test_arena);
	T_RUN(test_bytes);
	T_RUN(test_bytes_equal);
	T_RUN(test_hash);
	T_RUN(test_str);
	T_RUN(test_clock);
	T_RUN(test_diag);
	T_RUN(test_file);
	return t_done();
}
