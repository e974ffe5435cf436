/* SPDX-License-Identifier: Apache-2.0 */
/* mbox_upload - an image's way in, its confirmation, and refusals in words. */
#include <string.h>

#include "clock.h"
#include "hash.h"
#include "mbox_delta.h"
#include "mbox_int.h"
#include "wire_shared.h"

#define TIMEOUT_NS (MBOX_TIMEOUT_MS * NS_PER_MS)

static const char *
op_name(uint32_t op)
{
	switch (op) {
	case WIRE_OP_VERSION:
		return "GET_VERSION";
	case WIRE_OP_RULESET_VERSION:
		return "RULESET_VERSION";
	case WIRE_OP_COUNTER_READ:
		return "COUNTER_READ";
	case WIRE_OP_CAPS:
		return "GET_CAPS";
	case WIRE_OP_BEGIN:
		return "RULESET_BEGIN";
	case WIRE_OP_LOAD:
		return "RULESET_LOAD";
	case WIRE_OP_COPY:
		return "RULESET_COPY";
	case WIRE_OP_VERIFY:
		return "RULESET_VERIFY";
	case WIRE_OP_COMMIT:
		return "RULESET_COMMIT";
	case WIRE_OP_ABORT:
		return "RULESET_ABORT";
	case WIRE_OP_CONFIRM:
		return "RULESET_CONFIRM";
	case WIRE_OP_FLOW_START:
		return "FLOW_STREAM_START";
	case WIRE_OP_FLOW_STOP:
		return "FLOW_STREAM_STOP";
	case WIRE_OP_FLOW_CREDIT:
		return "FLOW_STREAM_CREDIT";
	default:
		return "request";
	}
}

enum rc
mbox_error_tell(const struct mbox_error *err, uint32_t op, struct diag *diag)
{
	const char *name = op_name(op);

	switch (err->code) {
	case WIRE_ERR_ENOSPC:
		diag_set(diag, "nic-limit", "the NIC refused %s: more than its limit of %u", name,
		    err->arg);
		return RC_LIMIT;
	case WIRE_ERR_EIO:
		diag_set(diag, "nic-store", "the NIC could not store the image; %s",
		    op == WIRE_OP_CONFIRM ? "it waits to be confirmed still" :
		    "the former one is still enforced");
		return RC_IO;
	case WIRE_ERR_EBUSY:
		diag_set(diag, "nic-busy", "the NIC is busy with an earlier upload");
		return RC_AGAIN;
	case WIRE_ERR_GENERATION:
		diag_set(diag, "nic-generation", "the NIC refused the generation in %s; it holds "
		    "%u", name, err->arg);
		return RC_INVALID;
	case WIRE_ERR_ESTALE:
		diag_set(diag, "nic-generation", "the NIC's active generation became %u meanwhile",
		    err->arg);
		return RC_INVALID;
	case WIRE_ERR_BAD_DIGEST:
		diag_set(diag, "nic-digest", "the NIC refused the image: SHA-256 differs");
		return RC_INVALID;
	case WIRE_ERR_RULE_INVALID:
		diag_set(diag, "nic-image", "the NIC refused the image: wrong at byte %u",
		    err->arg);
		return RC_INVALID;
	case WIRE_ERR_UNCONFIRMED:
		diag_set(diag, "unconfirmed", "generation %u waits to be confirmed", err->arg);
		diag_hint(diag, "confirm it, or roll it back, first");
		return RC_CONFLICT;
	case WIRE_ERR_PROFILE:
		diag_set(diag, "nic-profile", "the NIC refused the image: a packet of table %u "
		    "costs more lines or loads than it grants", err->arg);
		return RC_LIMIT;
	default:
		diag_set(diag, "nic-refused", "the NIC refused %s: code 0x%x, argument 0x%x, "
		    "syndrome 0x%x", name, err->code, err->arg, err->syndrome);
		return RC_INVALID;
	}
}

/* Words for what mbox_call returned; RC_OK stays silent. */
static enum rc
rc_tell(enum rc rc, const struct mbox_error *err, uint32_t op, struct diag *diag)
{
	switch (rc) {
	case RC_OK:
		return rc;
	case RC_INVALID:
		return mbox_error_tell(err, op, diag);
	case RC_STALE:
		diag_set(diag, "nic-rebooted", "the NIC rebooted during %s", op_name(op));
		return rc;
	case RC_TIMEOUT:
		diag_set(diag, "nic-timeout", "the NIC did not answer %s within %d ms",
		    op_name(op), MBOX_TIMEOUT_MS);
		return rc;
	default:
		diag_set(diag, "nic-gone", "the NIC is gone, or does not speak mailbox version %d",
		    WIRE_MBOX_ABI_MAJOR);
		return rc;
	}
}

/* A reply of exactly cap bytes. */
static enum rc
call_exact(struct mbox *m, uint32_t op, const void *req, uint32_t len, void *reply, uint32_t cap,
    struct mbox_error *err)
{
	uint32_t n;
	enum rc rc = mbox_call(m, op, req, len, reply, cap, &n, err);

	return rc == RC_OK && n != cap ? RC_PEER : rc;
}

enum rc
mbox_ask(struct mbox *m, uint32_t op, void *reply, uint32_t len, struct diag *diag)
{
	struct mbox_error err;
	enum rc rc = call_exact(m, op, NULL, 0, reply, len, &err);

	return rc_tell(rc, &err, op, diag);
}

enum rc
mbox_abi_check(uint32_t abi, struct diag *diag)
{
	if (abi >> 16 == WIRE_MBOX_ABI_MAJOR && (abi & 0xffff) >= WIRE_MBOX_ABI_MINOR_MIN)
		return RC_OK;
	diag_set(diag, "nic-abi", "the NIC speaks mailbox version %u.%u; this host needs %d.%d or "
	    "a later %d.x", abi >> 16, abi & 0xffff, WIRE_MBOX_ABI_MAJOR, WIRE_MBOX_ABI_MINOR_MIN,
	    WIRE_MBOX_ABI_MAJOR);
	diag_hint(diag, "update the firmware, or run the release it came with");
	return RC_PEER;
}

enum rc
mbox_caps(struct mbox *m, struct wire_caps *out, struct diag *diag)
{
	uint8_t reply[WIRE_MBOX_PAYLOAD_MAX];
	struct wire_version v;
	struct mbox_error err;
	uint32_t len;
	enum rc rc = mbox_ask(m, WIRE_OP_VERSION, &v, sizeof(v), diag);

	if (rc == RC_OK)
		rc = mbox_abi_check(le32_get(v.abi), diag);
	if (rc != RC_OK)
		return rc;
	rc = mbox_call(m, WIRE_OP_CAPS, NULL, 0, reply, sizeof(reply), &len, &err);
	if (rc == RC_OK && len < sizeof(*out))
		rc = RC_PEER;
	if (rc == RC_OK)
		memcpy(out, reply, sizeof(*out));
	return rc_tell(rc, &err, WIRE_OP_CAPS, diag);
}

/* Repeats a request while the NIC is busy and moves on; RC_TIMEOUT where it does not move. */
static enum rc
call_while_busy(struct mbox *m, uint32_t op, const void *req, uint32_t len, void *reply,
    uint32_t cap, struct mbox_error *err)
{
	uint64_t start_ns = m->io.now_ns(m->io.arg);
	uint32_t progress = 0;

	for (;;) {
		enum rc rc = call_exact(m, op, req, len, reply, cap, err);
		uint64_t now_ns = m->io.now_ns(m->io.arg);

		if (rc != RC_INVALID || err->code != WIRE_ERR_EBUSY)
			return rc;
		if (err->arg > progress) {
			progress = err->arg;
			start_ns = now_ns;
		}
		if (now_ns - start_ns >= TIMEOUT_NS)
			return RC_TIMEOUT;
		if (!m->io.wait(m->io.arg, mbox_pause_ns(now_ns - start_ns)))
			return RC_PEER;
	}
}

static enum rc
upload_begin(struct mbox *m, const struct mbox_upload *u, const uint8_t digest[SHA256_BYTES],
    uint32_t *handle, struct wire_ruleset_version *active, struct diag *diag)
{
	struct wire_begin b;
	struct wire_begin_reply r;
	struct mbox_error err;
	enum rc rc = mbox_ask(m, WIRE_OP_RULESET_VERSION, active, sizeof(*active), diag);

	if (rc != RC_OK)
		return rc;
	if (u->generation <= le32_get(active->highest)) {
		diag_set(diag, "nic-generation", "generation %u is not above %u, the NIC's "
		    "highest so far", u->generation, le32_get(active->highest));
		return RC_INVALID;
	}
	b.base_generation = active->generation;
	b.generation = le32_put(u->generation);
	b.tables = le32_put(u->tables);
	b.rules = le32_put(u->rules);
	b.counters = le32_put(u->counters);
	b.bytes = le32_put(u->len);
	memcpy(b.sha256, digest, sizeof(b.sha256));
	b.crc32c = le32_put(crc32c(0, &b, offsetof(struct wire_begin, crc32c)));
	rc = call_while_busy(m, WIRE_OP_BEGIN, &b, sizeof(b), &r, sizeof(r), &err);
	*handle = rc == RC_OK ? le32_get(r.handle) : 0;
	return rc_tell(rc, &err, WIRE_OP_BEGIN, diag);
}

/* One window. The NIC's CRC32C is over what it read: a mismatch means the bytes go again. */
static enum rc
window_load(struct mbox *m, const struct mbox_upload *u, uint32_t handle, uint32_t at, uint32_t n,
    struct diag *diag)
{
	uint32_t dma = at / WIRE_MBOX_WINDOW_BYTES % WIRE_MBOX_WINDOWS * WIRE_MBOX_WINDOW_BYTES;
	struct mbox_error err;
	enum rc rc = RC_OK;

	for (int i = 0; i < MBOX_LOAD_TRIES; i++) {
		struct wire_load l = { .handle = le32_put(handle), .offset = le32_put(at),
			.len = le32_put(n), .crc32c = le32_put(crc32c(0, u->image + at, n)),
			.dma_offset = le32_put(dma) };
		struct wire_load_reply r;

		wire_copy_in(m->mem + WIRE_MBOX_WINDOWS_AT + dma, u->image + at, n);
		rc = call_exact(m, WIRE_OP_LOAD, &l, sizeof(l), &r, sizeof(r), &err);
		if (rc == RC_OK && le32_get(r.bytes_so_far) != at + n)
			rc = RC_PEER;
		if (rc != RC_INVALID || err.code != WIRE_ERR_EBADMSG)
			break;
	}
	m->counts.loaded_bytes += rc == RC_OK ? n : 0;
	return rc_tell(rc, &err, WIRE_OP_LOAD, diag);
}

/* RC_INVALID: the NIC cannot, or holds other bytes. */
static enum rc
window_copy(struct mbox *m, const struct mbox_upload *u, uint32_t handle, uint32_t at, uint32_t n,
    uint32_t from, struct diag *diag)
{
	struct wire_copy c = { le32_put(handle), le32_put(from), le32_put(at), le32_put(n),
		le32_put(crc32c(0, u->image + at, n)) };
	struct wire_copy_reply r;
	struct mbox_error err;
	enum rc rc = call_exact(m, WIRE_OP_COPY, &c, sizeof(c), &r, sizeof(r), &err);

	if (rc == RC_OK && le32_get(r.bytes_so_far) != at + n)
		rc = RC_PEER;
	m->counts.copied_bytes += rc == RC_OK ? n : 0;
	return rc == RC_INVALID ? rc : rc_tell(rc, &err, WIRE_OP_COPY, diag);
}

/* Every byte, in order. After one refusal nothing is copied any more. */
static enum rc
pieces_send(struct mbox *m, const struct mbox_upload *u, const struct mbox_plan *p,
    uint32_t handle, struct diag *diag)
{
	bool copies = true;
	enum rc rc = RC_OK;

	for (uint32_t i = 0; i < p->count; i++) {
		const struct mbox_piece *x = &p->items[i];

		for (uint32_t done = 0, n; done < x->len && rc == RC_OK; done += n) {
			n = MIN(x->len - done, (uint32_t)WIRE_MBOX_WINDOW_BYTES);
			rc = RC_INVALID;
			if (x->copy && copies)
				rc = window_copy(m, u, handle, x->at + done, n, x->from + done,
				    diag);
			copies = copies && (!x->copy || rc == RC_OK);
			if (rc == RC_INVALID)
				rc = window_load(m, u, handle, x->at + done, n, diag);
		}
	}
	return rc;
}

static enum rc
upload_verify(struct mbox *m, const struct mbox_upload *u, uint32_t handle, struct diag *diag)
{
	struct wire_verify v = { le32_put(handle), le32_put(WIRE_VERIFY_BACKGROUND) };
	struct wire_verify_reply r;
	struct mbox_error err;
	enum rc rc = call_while_busy(m, WIRE_OP_VERIFY, &v, sizeof(v), &r, sizeof(r), &err);

	if (rc == RC_OK && le32_get(r.bytes) != u->len)
		rc = RC_PEER;
	return rc_tell(rc, &err, WIRE_OP_VERIFY, diag);
}

/* A COMMIT whose reply went astray is repeated, and the second finds nothing to commit. */
static enum rc
commit_came_through(struct mbox *m, const struct mbox_upload *u,
    const uint8_t digest[SHA256_BYTES], enum rc rc)
{
	struct wire_ruleset_version v;
	struct diag ignored;

	if ((rc != RC_INVALID && rc != RC_PEER) ||
	    mbox_ask(m, WIRE_OP_RULESET_VERSION, &v, sizeof(v), &ignored) != RC_OK)
		return rc;
	return le32_get(v.generation) == u->generation &&
	    memcmp(v.sha256, digest, SHA256_BYTES) == 0 ? RC_OK : rc;
}

static enum rc
upload_commit(struct mbox *m, const struct mbox_upload *u, const uint8_t digest[SHA256_BYTES],
    uint32_t handle, struct diag *diag)
{
	struct wire_commit c = { .handle = le32_put(handle), .generation = le32_put(u->generation),
		.flags = le32_put(WIRE_COMMIT_PERSIST | WIRE_COMMIT_KEEP_COUNTERS),
		.confirm_s = le32_put(u->confirm_s) };
	struct wire_commit_reply r;
	struct mbox_error err;
	enum rc rc;

	c.crc32c = le32_put(crc32c(0, &c, offsetof(struct wire_commit, crc32c)));
	rc = call_exact(m, WIRE_OP_COMMIT, &c, sizeof(c), &r, sizeof(r), &err);
	if (rc == RC_OK && (le32_get(r.generation) != u->generation ||
	    memcmp(r.sha256, digest, SHA256_BYTES) != 0))
		rc = RC_PEER;
	rc = commit_came_through(m, u, digest, rc);
	return rc_tell(rc, &err, WIRE_OP_COMMIT, diag);
}

enum rc
mbox_upload(struct mbox *m, const struct mbox_upload *u, struct diag *diag)
{
	uint8_t digest[SHA256_BYTES];
	struct wire_abort a;
	struct mbox_error err;
	struct wire_ruleset_version active;
	struct mbox_plan plan;
	uint32_t handle = 0;
	enum rc rc;

	CHECK(u->image != NULL && u->len > 0 && u->generation > 0);
	sha256(u->image, u->len, digest);
	rc = upload_begin(m, u, digest, &handle, &active, diag);
	if (rc == RC_OK) {
		mbox_plan_make(&plan, u, active.sha256);
		rc = pieces_send(m, u, &plan, handle, diag);
		mbox_plan_fini(&plan);
	}
	if (rc == RC_OK)
		rc = upload_verify(m, u, handle, diag);
	if (rc == RC_OK)
		rc = upload_commit(m, u, digest, handle, diag);
	if (rc != RC_OK && handle != 0 && !m->fresh) {
		/* What it answers changes nothing: the next BEGIN ends the upload as well. */
		a.handle = le32_put(handle);
		(void)!call_exact(m, WIRE_OP_ABORT, &a, sizeof(a), NULL, 0, &err);
	}
	return rc;
}

static bool
waits(const struct wire_ruleset_version *v, uint32_t generation)
{
	return le32_get(v->former) != 0 && le32_get(v->generation) == generation;
}

/* Its reply went astray: what became of the wait says what the NIC did. */
static enum rc
confirm_came_through(struct mbox *m, uint32_t want, enum rc rc)
{
	struct wire_ruleset_version v;
	struct diag ignored;

	if ((rc != RC_INVALID && rc != RC_PEER) ||
	    mbox_ask(m, WIRE_OP_RULESET_VERSION, &v, sizeof(v), &ignored) != RC_OK)
		return rc;
	return le32_get(v.former) == 0 && le32_get(v.generation) == want ? RC_OK : rc;
}

enum rc
mbox_confirm(struct mbox *m, uint32_t generation, bool undo, struct diag *diag)
{
	struct wire_confirm c = { .generation = le32_put(generation),
		.flags = le32_put(undo ? WIRE_CONFIRM_UNDO : 0) };
	struct wire_ruleset_version v;
	struct wire_commit_reply r;
	struct mbox_error err = { 0 };
	enum rc rc = mbox_ask(m, WIRE_OP_RULESET_VERSION, &v, sizeof(v), diag);

	if (rc != RC_OK)
		return rc;
	if (!waits(&v, generation)) {
		diag_set(diag, "nothing-to-confirm", "no reload waits to be confirmed");
		return RC_INVALID;
	}
	c.crc32c = le32_put(crc32c(0, &c, offsetof(struct wire_confirm, crc32c)));
	rc = call_exact(m, WIRE_OP_CONFIRM, &c, sizeof(c), &r, sizeof(r), &err);
	rc = confirm_came_through(m, undo ? le32_get(v.former) : generation, rc);
	if (rc == RC_INVALID && (err.code == WIRE_ERR_ENOENT || err.code == WIRE_ERR_GENERATION)) {
		diag_set(diag, "nothing-to-confirm", "its time was over: the reload is undone");
		return rc;
	}
	return rc_tell(rc, &err, WIRE_OP_CONFIRM, diag);
}
