/* SPDX-License-Identifier: Apache-2.0 */
/* compile - the parent's side: read, child, child, check. */
#define _GNU_SOURCE
#include "compile.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bytes.h"
#include "clock.h"
#include "job.h"
#include "query.h"
#include "roles.h"

enum { SOURCES_ARENA_BYTES = 192 << 20, SYMBOLS_ARENA_BYTES = 256 << 20, TICK_MS = 100 };

struct compile {
	struct compile_result r;
	struct query *unpack;		/* of a body; NULL = sources are there */
	uint8_t *body;
	struct job *eval, *build;
	uint8_t *before;		/* keys, then image, of the build before */
	uint32_t keys_len, before_len;
	unsigned passes;
	uint8_t *build_in;		/* borrowed by build */
	int epoll_fd;
	int ready_fd;			/* readable from the start where nothing is to be run */
	uint64_t since_ns;
};

static enum rc
watch(struct compile *c, int fd)
{
	struct epoll_event e = { .events = EPOLLIN };

	return epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, fd, &e) == 0 ? RC_OK : rc_from_errno(errno);
}

enum rc
compile_sources_read(const char *dir, struct diags *diags, uint8_t **out, size_t *len)
{
	struct pol_sources sources;
	struct arena a;
	uint8_t *p;
	enum rc rc;

	*out = NULL;
	arena_init(&a, SOURCES_ARENA_BYTES);
	rc = pol_sources_read(dir, &a, &sources, diags);
	if (rc == RC_OK)
		rc = pol_sources_encode(&sources, &a, &p, len);
	if (rc == RC_OK) {
		*out = malloc(*len + 1);
		if (*out == NULL)
			rc = RC_NOMEM;
	}
	if (rc == RC_OK)
		memcpy(*out, p, *len);
	arena_fini(&a);
	return rc;
}

/* The compile has failed in this process: a message is sure to be there. */
static void
fail(struct compile *c, enum rc rc, const struct diag *d)
{
	struct diag none = { 0 };

	CHECK(rc != RC_OK);
	c->r.rc = rc;
	if (d != NULL && d->level != DIAG_NONE) {
		diags_add(&c->r.diags, d);
	} else if (c->r.diags.errors == 0) {
		diag_set(&none, rc == RC_NOMEM ? "memory" : "compile",
		    "the policy cannot be compiled: %s", rc_name(rc));
		diags_add(&c->r.diags, &none);
	}
}

static enum rc
compile_make(struct compile **out)
{
	struct compile *c = calloc(1, sizeof(*c));
	enum rc rc;

	*out = NULL;
	if (c == NULL)
		return RC_NOMEM;
	c->ready_fd = -1;
	c->passes = POL_PASS_ALL;
	c->r.rc = RC_AGAIN;
	c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	arena_init(&c->r.arena, SYMBOLS_ARENA_BYTES);
	rc = c->epoll_fd < 0 ? rc_from_errno(errno) : RC_OK;
	if (rc == RC_OK && !diags_init(&c->r.diags))
		rc = RC_NOMEM;
	if (rc != RC_OK)
		compile_destroy(&c);
	*out = c;
	return rc;
}

enum rc
compile_start(const char *dir, struct compile **out)
{
	struct compile *c;
	struct diag d = { 0 };
	enum rc rc = compile_make(&c);

	*out = NULL;
	if (rc != RC_OK)
		return rc;
	rc = compile_sources_read(dir, &c->r.diags, &c->r.sources, &c->r.sources_len);
	c->since_ns = clock_mono_ns();
	if (rc == RC_OK)
		rc = job_start(&role_compile, c->r.sources, c->r.sources_len, &c->eval, &d);
	if (rc != RC_OK) {
		fail(c, rc, &d);
		c->ready_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
		rc = c->ready_fd < 0 ? rc_from_errno(errno) : watch(c, c->ready_fd);
	} else {
		rc = watch(c, job_fd(c->eval));
	}
	if (rc != RC_OK)
		compile_destroy(&c);
	*out = c;
	return rc;
}

enum rc
compile_start_body(const uint8_t *body, size_t len, struct compile **out)
{
	struct query_ask ask = { .kind = QUERY_UNPACK };
	struct diag d = { 0 };
	struct compile *c;
	enum rc rc = compile_make(&c);

	*out = NULL;
	if (rc != RC_OK)
		return rc;
	c->r.posted = true;
	c->since_ns = clock_mono_ns();
	c->body = malloc(len + 1);
	if (c->body == NULL)
		rc = RC_NOMEM;
	if (rc == RC_OK) {
		memcpy(c->body, body, len);
		ask.arg = (struct query_blob){ .p = c->body, .len = len };
		rc = query_start(&ask, &c->unpack, &d);
	}
	if (rc == RC_OK)
		rc = watch(c, query_fd(c->unpack));
	if (rc != RC_OK)
		compile_destroy(&c);
	*out = c;
	return rc;
}

void
compile_destroy(struct compile **cp)
{
	struct compile *c = *cp;

	if (c == NULL)
		return;
	job_destroy(&c->build);
	job_destroy(&c->eval);
	query_destroy(&c->unpack);
	free(c->body);
	free(c->before);
	free(c->build_in);
	if (c->epoll_fd >= 0)
		(void)close(c->epoll_fd);
	if (c->ready_fd >= 0)
		(void)close(c->ready_fd);
	compile_result_fini(&c->r);
	free(c);
	*cp = NULL;
}

/* Only ever a short cut: without memory for it, or too big, it is left out. */
void
compile_reuse(struct compile *c, const struct image_reuse *before)
{
	size_t keys = before->count * sizeof(*before->keys);

	CHECK(c->before == NULL && c->build == NULL);
	if (before->count == 0 || before->len > BUILD_BEFORE_BYTES_MAX ||
	    keys > BUILD_BEFORE_BYTES_MAX - before->len)
		return;
	c->before = malloc(keys + before->len);
	if (c->before == NULL)
		return;
	memcpy(c->before, before->keys, keys);
	memcpy(c->before + keys, before->image, before->len);
	c->keys_len = (uint32_t)keys;
	c->before_len = (uint32_t)(keys + before->len);
}

void
compile_passes(struct compile *c, unsigned passes)
{
	CHECK(c->build == NULL && (passes & ~(unsigned)POL_PASS_ALL) == 0);
	c->passes = passes;
}

int
compile_fd(const struct compile *c)
{
	return c->epoll_fd;
}

/* The child's words, of a body that is none. */
static void
body_refuse(struct compile *c, const struct query_answer *got)
{
	struct diag d = { 0 };

	diag_set(&d, "body", "%.*s", (int)MIN(got->len, sizeof(d.text) - 1),
	    (const char *)got->text);
	for (char *p = d.text; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	fail(c, RC_INVALID, &d);
}

/* What the child made of the body, on to the next. */
static enum rc
unpack_step(struct compile *c)
{
	struct query_answer got;
	struct diag d = { 0 };
	enum rc rc = query_step(c->unpack, &got, &d);

	if (rc == RC_AGAIN)
		return rc;
	if (rc == RC_OK && got.status != 200) {
		body_refuse(c, &got);
		return RC_OK;
	}
	if (rc == RC_OK) {
		c->r.sources = malloc(got.len + 1);
		rc = c->r.sources == NULL ? RC_NOMEM : RC_OK;
	}
	if (rc == RC_OK) {
		memcpy(c->r.sources, got.text, got.len);
		c->r.sources_len = got.len;
		rc = job_start(&role_compile, c->r.sources, c->r.sources_len, &c->eval, &d);
	}
	if (rc == RC_OK)
		rc = watch(c, job_fd(c->eval));
	query_destroy(&c->unpack);
	if (rc != RC_OK) {
		fail(c, rc, &d);
		return RC_OK;
	}
	return RC_AGAIN;
}

static enum rc
build_start(struct compile *c, const uint8_t *rules, size_t len, struct diag *d)
{
	size_t total = BUILD_HEAD_BYTES + len + c->before_len;

	if (len > UINT32_MAX)
		return RC_LIMIT;
	c->build_in = malloc(total);
	if (c->build_in == NULL)
		return RC_NOMEM;
	put_le32(c->build_in, BUILD_MAGIC);
	put_le32(c->build_in + 4, (uint32_t)len);
	put_le32(c->build_in + 8, c->keys_len);
	put_le32(c->build_in + 12, c->before_len - c->keys_len);
	put_le32(c->build_in + 16, c->passes);
	memcpy(c->build_in + BUILD_HEAD_BYTES, rules, len);
	if (c->before_len > 0)
		memcpy(c->build_in + BUILD_HEAD_BYTES + len, c->before, c->before_len);
	free(c->before);
	c->before = NULL;
	return job_start(&role_build, c->build_in, total, &c->build, d);
}

static enum rc
eval_step(struct compile *c)
{
	struct diag d = { 0 };
	const uint8_t *rules;
	size_t len;
	enum rc rc = job_step(c->eval, &d);

	if (rc == RC_AGAIN)
		return rc;
	c->r.eval_ns = clock_mono_ns() - c->since_ns;
	c->since_ns += c->r.eval_ns;
	if (rc == RC_OK) {
		rules = job_result(c->eval, &len);
		rc = build_start(c, rules, len, &d);
	}
	if (rc == RC_OK)
		rc = watch(c, job_fd(c->build));
	if (rc != RC_OK) {
		fail(c, rc, &d);
		return RC_OK;
	}
	return RC_AGAIN;
}

/* The child that builds knows places only; the text is here. */
static void
quote(struct compile *c)
{
	struct pol_sources sources;
	struct arena a;

	if (c->r.diags.count == 0)
		return;
	arena_init(&a, SOURCES_ARENA_BYTES);
	if (pol_sources_decode(c->r.sources, c->r.sources_len, &a, &sources) == RC_OK)
		pol_sources_quote(&sources, &c->r.diags);
	arena_fini(&a);
}

static enum rc
times_take(struct compile_result *r, const struct built *b, struct diag *d)
{
	const struct wire_image_hdr *h = (const struct wire_image_hdr *)b->image;

	if (!built_times_hold(b, le32_get(h->body_count), r->build_ns)) {
		diag_set(d, "child", "building the tables says of its tables that they took "
		    "longer than it did, or not of all");
		return RC_INVALID;
	}
	r->prove_ns = (uint64_t)b->prove_us * 1000;
	r->times = calloc((size_t)b->time_count + 1, sizeof(*r->times));
	if (r->times == NULL)
		return RC_NOMEM;
	memcpy(r->times, b->times, b->time_count * sizeof(*r->times));
	return RC_OK;
}

/* Nothing of what the child says is believed. */
static enum rc
image_take(struct compile *c, const struct built *b, struct diag *d)
{
	struct compile_result *r = &c->r;
	enum rc rc = image_check(b->image, b->image_len, d);

	if (rc == RC_OK)
		rc = times_take(r, b, d);
	if (rc == RC_OK)
		rc = image_symbols_decode(b->symbols, b->symbols_len, &r->arena, &r->symbols, d);
	if (rc != RC_OK)
		return rc;
	r->image = malloc(b->image_len);
	if (r->image == NULL)
		return RC_NOMEM;
	memcpy(r->image, b->image, b->image_len);
	r->reused = b->reused;
	r->keys = malloc(b->keys_len + 1);	/* not there: the next build takes nothing over */
	if (r->keys != NULL) {
		memcpy(r->keys, b->keys, b->keys_len);
		r->key_count = (uint32_t)(b->keys_len / sizeof(*r->keys));
	}
	r->image_len = b->image_len;
	sha256(r->image, r->image_len, r->sha256);
	memcpy(r->symbols.image_sha256, r->sha256, SHA256_BYTES);
	image_info_get(r->image, r->image_len, &r->info);
	return RC_OK;
}

static enum rc
build_step(struct compile *c)
{
	struct diag d = { 0 };
	struct built b;
	size_t len;
	const uint8_t *p;
	enum rc rc = job_step(c->build, &d);

	if (rc == RC_AGAIN)
		return rc;
	c->r.build_ns = clock_mono_ns() - c->since_ns;
	if (rc == RC_OK) {
		p = job_result(c->build, &len);
		rc = built_decode(p, len, &b, &c->r.diags);
		if (rc != RC_OK)
			diag_set(&d, "child", "building the tables gave %zu bytes that are no "
			    "answer", len);
	}
	if (rc == RC_OK && b.example_len > 0) {
		memcpy(c->r.example, b.example, b.example_len);
		c->r.example_len = b.example_len;
	}
	quote(c);
	if (rc == RC_OK && b.stage != STAGE_DONE) {
		c->r.no_fit = b.rc == RC_LIMIT && b.stage >= STAGE_BUILD;
		rc = b.rc;
	} else if (rc == RC_OK) {
		rc = image_take(c, &b, &d);
	}
	if (rc != RC_OK)
		fail(c, rc, &d);
	else
		c->r.rc = c->r.diags.errors == 0 ? RC_OK : RC_INVALID;
	return RC_OK;
}

enum rc
compile_step(struct compile *c, struct compile_result *out)
{
	enum rc rc = RC_OK;

	CHECK(out != NULL);
	if (c->r.rc == RC_AGAIN)
		rc = c->build != NULL ? build_step(c) : c->unpack != NULL ? unpack_step(c) :
		    eval_step(c);
	if (rc != RC_OK)
		return rc;
	CHECK(c->r.rc != RC_AGAIN);
	CHECK((c->r.rc == RC_OK) == (c->r.diags.errors == 0));
	*out = c->r;
	memset(&c->r, 0, sizeof(c->r));
	return RC_OK;
}

enum rc
compile_wait(struct compile *c, void (*tick)(void *arg, const char *what), void *arg,
    struct compile_result *out)
{
	struct pollfd p = { .fd = c->epoll_fd, .events = POLLIN };
	enum rc rc;

	while ((rc = compile_step(c, out)) == RC_AGAIN) {
		int n = poll(&p, 1, TICK_MS);

		if (n < 0 && errno != EINTR)
			return rc_from_errno(errno);
		if (n == 0 && tick != NULL)
			tick(arg, c->build != NULL ? role_build.what : role_compile.what);
	}
	return rc;
}

void
compile_result_fini(struct compile_result *r)
{
	diags_fini(&r->diags);
	arena_fini(&r->arena);
	free(r->image);
	free(r->keys);
	free(r->times);
	free(r->sources);
	memset(r, 0, sizeof(*r));
}
