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
	ok(strcmp(rc_name(RC_OK), "ok") == 0, "RC_OK has its name");
	ok(strcmp(rc_name(RC_STALE), "stale") == 0, "RC_STALE has its name");
	ok(strcmp(rc_name((enum rc)(-RC__COUNT)), "unknown") == 0, "past the end is unknown");
	ok(strcmp(rc_name((enum rc)1), "unknown") == 0, "positive is unknown");
	ok(rc_from_errno(0) == RC_OK, "errno 0 is OK");
	ok(rc_from_errno(ENOMEM) == RC_NOMEM, "ENOMEM maps");
	ok(rc_from_errno(EACCES) == RC_DENIED, "EACCES maps");
	ok(rc_from_errno(EIO) == RC_IO, "EIO maps");
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
	ok(p != NULL && q != NULL, "small pieces come");
	ok(((uintptr_t)p & 15) == 0, "pieces are aligned");
	for (int i = 0; i < 100; i++)
		zero = zero && p[i] == 0;
	ok(zero, "pieces are zeroed");
	ok(arena_alloc(&a, 120000) != NULL, "a big piece comes");
	ok(arena_alloc(&a, 120000) == NULL, "past the cap is NULL");
	ok(arena_failed(&a), "and latched");
	ok(arena_array(&a, SIZE_MAX, 2) == NULL, "a product that wraps is NULL");
	arena_reset(&a);
	ok(!arena_failed(&a) && a.used_bytes == 0, "reset gives all back");
	p = arena_printf(&a, "%s:%d", "x.pol", 7);
	ok(p != NULL && strcmp(p, "x.pol:7") == 0, "printf into the arena");
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
	ok(!w.failed && w.pos == 15, "15 bytes written");
	wr_le16(&w, 1);
	ok(w.failed && w.pos == 15, "a write past the end fails whole");
	wr_u8(&w, 1);
	ok(w.pos == 15, "failure is latched");
	rd_init(&r, buf, 15);
	ok(rd_u8(&r) == 1 && rd_le16(&r) == 0x2345 && rd_be32(&r) == 0x6789abcd, "read back");
	ok(rd_le64(&r) == UINT64_C(0x1122334455667788) && rd_done(&r), "to the end");
	ok(rd_u8(&r) == 0 && r.failed && !rd_done(&r), "a read past the end is zero and fails");
	ok(rd_left(&r) == 0, "nothing is left after failure");
	mem_wipe(buf, sizeof(buf));
	ok(buf[0] == 0 && buf[14] == 0, "wiped");
}

static void
test_hash(void)
{
	uint8_t d[SHA256_BYTES];
	char hex[SHA256_HEX];

	/* FIPS 180-4 example, "abc" */
	sha256("abc", 3, d);
	hex_encode(d, sizeof(d), hex);
	ok(strcmp(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad") == 0,
	    "SHA-256 of abc");
	/* RFC 3720 B.4: 32 bytes of zeros, then of ones; "123456789" is the usual check value */
	ok(crc32c(0, "123456789", 9) == 0xe3069283, "CRC32C check value");
	ok(crc32c(crc32c(0, "1234", 4), "56789", 5) == 0xe3069283, "CRC32C goes on");
	ok(fnv1a64(FNV1A64_INIT, "", 0) == FNV1A64_INIT, "FNV of nothing");
	ok(fnv1a64(FNV1A64_INIT, "a", 1) == UINT64_C(0xaf63dc4c8601ec8c), "FNV of a");
}

static void
test_str(void)
{
	static const char *const names[] = { "inbound", "outbound", "members", "mode" };
	struct str s = { 0 };

	str_add(&s, "a");
	str_addf(&s, "%d", 42);
	ok(strcmp(str_text(&s), "a42") == 0 && s.len == 3, "text grows");
	str_fini(&s);
	ok(strcmp(str_text(&s), "") == 0, "empty again");
	ok(str_nearest("inbuond", names, 4) == names[0], "a swap is near");
	ok(str_nearest("membrs", names, 4) == names[2], "a missing letter is near");
	ok(str_nearest("zzzzzz", names, 4) == NULL, "nothing is near");
	ok(utf8_check("gr\xc3\xbc\xc3\x9f", 6) == 6, "valid UTF-8");
	ok(utf8_check("a\xc0\x80", 3) == 1, "an overlong NUL is refused");
	ok(utf8_check("\xed\xa0\x80", 3) == 0, "a surrogate is refused");
	ok(utf8_check("a\xe2\x82", 3) == 1, "a cut sequence is refused");
	ok(utf8_check("\xf4\x90\x80\x80", 4) == 0, "beyond U+10FFFF is refused");
}

static void
test_clock(void)
{
	char text[CLOCK_RFC3339_BYTES];

	clock_rfc3339(UINT64_C(1796000000123456789), text);
	ok(strcmp(text, "2026-11-30T01:33:20.123456789Z") == 0, "nanoseconds in RFC 3339: %s", text);
	ok(clock_mono_ns() <= clock_mono_ns(), "monotonic time does not fall");
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
	ok(strcmp(text, "web.pol:3:9: error unknown-key: unknown key \"form\"\n"
	    "    \tinbound { form = web }\n    \t       ^\n"
	    "    hint: did you mean \"from\"?\n") == 0, "place, line, caret, hint");
	free(text);
	ok(diags_init(&ds), "a list");
	for (int i = 0; i < DIAGS_MAX + 5; i++)
		diags_add(&ds, &d);
	ok(ds.count == DIAGS_MAX && ds.errors == DIAGS_MAX + 5, "kept to the bound, counted past it");
	diags_fini(&ds);
	diags_fini(&ds);
	ok(ds.items == NULL, "closing twice is harmless");
}

static void
test_file(void)
{
	char dir[] = "/tmp/util_test.XXXXXX", path[64], link[64];
	uint8_t *p = NULL;
	size_t len = 1;
	struct diag d = { 0 };

	ok(mkdtemp(dir) != NULL, "a directory");
	snprintf(path, sizeof(path), "%s/a", dir);
	snprintf(link, sizeof(link), "%s/l", dir);
	ok(file_replace(path, "hello", 5, 0600, &d) == RC_OK, "written");
	ok(file_replace(path, "world!", 6, 0600, &d) == RC_OK, "replaced");
	ok(file_read(AT_FDCWD, path, 6, &p, &len, &d) == RC_OK && len == 6 &&
	    memcmp(p, "world!", 7) == 0, "read whole, with a NUL behind");
	free(p);
	ok(file_read(AT_FDCWD, path, 5, &p, &len, &d) == RC_LIMIT && p == NULL,
	    "one byte past the limit is refused");
	ok(strstr(d.text, "6 bytes") != NULL && strstr(d.text, "limit is 5") != NULL,
	    "value and bound are named");
	ok(symlink(path, link) == 0 && file_read(AT_FDCWD, link, 6, &p, &len, &d) == RC_INVALID,
	    "a link is refused");
	ok(file_read(AT_FDCWD, dir, 6, &p, &len, &d) == RC_INVALID, "a directory is refused");
	unlink(path);
	unlink(link);
	ok(file_replace("/proc/nothing/x", "x", 1, 0600, &d) != RC_OK, "no place to write is said");
	rmdir(dir);
}

int
main(void)
{
	test_rc();
	test_arena();
	test_bytes();
	test_hash();
	test_str();
	test_clock();
	test_diag();
	test_file();
	return t_done();
}
