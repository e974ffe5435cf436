/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_ruleset - how an image gets in.
 *
 *   NONE --BEGIN--> LOADING --VERIFY good--> VERIFIED --COMMIT--> NONE, enforced
 *                     ^  |                      |
 *                     |  +--VERIFY bad--> REFUSED
 *                     +---LOAD, COPY------------+      BEGIN and ABORT leave every state
 *
 * The bank that is written is never the one that judges. One job runs at a time: bytes of a LOAD
 * or COPY, the digest of a VERIFY, the board's store of a COMMIT; the board may reboot or lose its
 * host at any step, and the active image is as before.
 *
 * A commit may wait to be confirmed: the other bank then keeps the image before, so no upload is
 * opened, and the store keeps it too, so that a boot finds what was confirmed. CONFIRM stores and
 * ends the wait; at its end, or asked to, the firmware flips back as a commit flips.
 */
#include "fw_ruleset.h"

#include "fw_mem.h"
#include "wire_image.h"

#define FAIL(m, code, arg) fw_mbox_fail((m), (code), (arg), 0x20000u | __LINE__)

static uint8_t *
staged(struct fw *fw)
{
	return fw->cfg.bank[fw_bank_staged(fw)];
}

/* A job that waits for its slot; job_slot says whose. */
static bool
job_start(struct fw_mbox *m, enum fw_job job, bool answers)
{
	FW_CHECK(m->job == FW_JOB_NONE);
	m->job = job;
	m->job_done = 0;
	m->job_slot = answers ? m->request.slot : WIRE_MBOX_SLOTS;
	m->job_hdr[0] = m->request.hdr[0];
	m->job_hdr[1] = m->request.hdr[1];
	m->job_hdr_bytes = m->request.hdr_bytes;
	return false;
}

static void
job_end(struct fw_mbox *m)
{
	fw_mbox_answer_job(m);
	m->job = FW_JOB_NONE;
	m->job_slot = WIRE_MBOX_SLOTS;
}

/* A VERIFY that nobody waits for any more. Its slot, if one waits, is answered. */
static void
verify_cancel(struct fw_mbox *m)
{
	if (m->job != FW_JOB_VERIFY)
		return;
	(void)FAIL(m, WIRE_ERR_NOT_STAGED, 0);
	job_end(m);
}

/* A request that ends with the CRC32C of what is before it. */
static bool
crc_good(struct fw_mbox *m, uint32_t before, le32 crc)
{
	uint32_t got = fw_crc32c(0, m->request.payload, before);

	return got == le32_get(crc) || !FAIL(m, WIRE_ERR_EBADMSG, got);
}

static bool
serve_begin(struct fw *fw, struct fw_mbox *m)
{
	struct wire_begin b;
	struct wire_begin_reply r;

	memcpy(&b, m->request.payload, sizeof(b));
	if (!crc_good(m, offsetof(struct wire_begin, crc32c), b.crc32c))
		return true;
	if (m->job == FW_JOB_LOAD || m->job == FW_JOB_STORE)
		return FAIL(m, WIRE_ERR_EBUSY, 0);
	if (m->former.generation != 0)
		return FAIL(m, WIRE_ERR_UNCONFIRMED, fw->generation);
	if (le32_get(b.base_generation) != fw->generation)
		return FAIL(m, WIRE_ERR_ESTALE, fw->generation);
	if (le32_get(b.generation) <= m->highest)
		return FAIL(m, WIRE_ERR_GENERATION, m->highest);
	if (le32_get(b.tables) > WIRE_LOCALS_MAX)
		return FAIL(m, WIRE_ERR_ENOSPC, WIRE_LOCALS_MAX);
	if (le32_get(b.rules) > WIRE_RULES_MAX)
		return FAIL(m, WIRE_ERR_ENOSPC, WIRE_RULES_MAX);
	if (le32_get(b.counters) > fw->cfg.counter_count)
		return FAIL(m, WIRE_ERR_ENOSPC, fw->cfg.counter_count);
	if (le32_get(b.bytes) > fw->cfg.bank_bytes)
		return FAIL(m, WIRE_ERR_ENOSPC, fw->cfg.bank_bytes);
	if (le32_get(b.bytes) == 0)
		return FAIL(m, WIRE_ERR_EINVAL, 5);
	verify_cancel(m);
	m->begin = b;
	m->stage = FW_STAGE_LOADING;
	m->loaded = 0;
	m->handle = m->handle == UINT32_MAX ? 1 : m->handle + 1;
	m->status_old = true;
	r.handle = le32_put(m->handle);
	return fw_mbox_good(m, &r, sizeof(r));
}

/* True where the request names the open upload; else it is answered. */
static bool
handle_good(struct fw_mbox *m)
{
	struct wire_abort h;

	memcpy(&h, m->request.payload, sizeof(h));
	if (m->stage != FW_STAGE_NONE && le32_get(h.handle) == m->handle)
		return true;
	return !FAIL(m, WIRE_ERR_ENOENT, m->stage == FW_STAGE_NONE ? 0 : m->handle);
}

/* Bytes of a LOAD or COPY are awaited; what they say was checked. */
static bool
fill_start(struct fw_mbox *m, uint32_t from, uint32_t at, uint32_t len, uint32_t crc, bool copies)
{
	if (at > m->loaded || len > le32_get(m->begin.bytes) - at)
		return FAIL(m, WIRE_ERR_ERANGE, m->loaded);
	m->job_copies = copies;
	m->job_from = from;
	m->job_at = at;
	m->job_len = len;
	m->job_want_crc = crc;
	m->job_crc = 0;
	m->stage = FW_STAGE_LOADING;
	return job_start(m, FW_JOB_LOAD, true);
}

static bool
serve_load(struct fw_mbox *m)
{
	uint32_t len, dma;
	struct wire_load l;

	memcpy(&l, m->request.payload, sizeof(l));
	len = le32_get(l.len);
	dma = le32_get(l.dma_offset);
	if (!handle_good(m))
		return true;
	if (m->job != FW_JOB_NONE)
		return FAIL(m, WIRE_ERR_EBUSY, m->job_done);
	if (len == 0 || len > WIRE_MBOX_WINDOW_BYTES)
		return FAIL(m, WIRE_ERR_EINVAL, 2);
	if (dma > WIRE_MBOX_WINDOWS * WIRE_MBOX_WINDOW_BYTES - len)
		return FAIL(m, WIRE_ERR_EINVAL, 4);
	return fill_start(m, dma, le32_get(l.offset), len, le32_get(l.crc32c), false);
}

/* Only from what is active: no COMMIT comes before the bytes are there, so it stays so. */
static bool
serve_copy(const struct fw *fw, struct fw_mbox *m)
{
	uint32_t from, at, len, held = fw_image(fw) == NULL ? 0 : fw->image_bytes;
	struct wire_copy c;

	memcpy(&c, m->request.payload, sizeof(c));
	from = le32_get(c.from);
	at = le32_get(c.offset);
	len = le32_get(c.len);
	if (!handle_good(m))
		return true;
	if (m->job != FW_JOB_NONE)
		return FAIL(m, WIRE_ERR_EBUSY, m->job_done);
	if (len == 0 || len > WIRE_MBOX_WINDOW_BYTES || len % WIRE_LINE != 0)
		return FAIL(m, WIRE_ERR_EINVAL, 3);
	if (from % WIRE_LINE != 0 || from > held || len > held - from)
		return FAIL(m, WIRE_ERR_EINVAL, 1);
	if (at % WIRE_LINE != 0)
		return FAIL(m, WIRE_ERR_EINVAL, 2);
	return fill_start(m, from, at, len, le32_get(c.crc32c), true);
}

static bool
fill_bytes(const struct fw *fw, struct fw_mbox *m, uint8_t *to, uint32_t n)
{
	uint32_t from = m->job_from + m->job_done;

	if (!m->job_copies)
		return m->port.dma_read(m->port.arg, to, from, n);
	FW_CHECK(fw_image(fw) != NULL && n <= fw->image_bytes && from <= fw->image_bytes - n);
	memcpy(to, fw_image(fw) + from, n);
	return true;
}

/* O(FW_MBOX_STEP_BYTES). */
static void
step_load(struct fw *fw, struct fw_mbox *m)
{
	uint32_t at = m->job_at, len = m->job_len;
	uint32_t n = len - m->job_done;
	uint8_t *to = staged(fw) + at + m->job_done;
	struct wire_load_reply r;

	FW_CHECK(len <= fw->cfg.bank_bytes && at <= fw->cfg.bank_bytes - len);
	if (n > FW_MBOX_STEP_BYTES)
		n = FW_MBOX_STEP_BYTES;
	if (!fill_bytes(fw, m, to, n)) {
		m->loaded = at < m->loaded ? at : m->loaded;
		(void)FAIL(m, WIRE_ERR_EIO, 4);
		job_end(m);
		return;
	}
	m->job_crc = fw_crc32c(m->job_crc, to, n);
	m->job_done += n;
	if (m->job_done < len)
		return;
	if (m->job_crc != m->job_want_crc) {
		m->loaded = at < m->loaded ? at : m->loaded;
		(void)FAIL(m, WIRE_ERR_EBADMSG, m->job_crc);
	} else {
		m->loaded = at + len > m->loaded ? at + len : m->loaded;
		r.bytes_so_far = le32_put(m->loaded);
		(void)fw_mbox_good(m, &r, sizeof(r));
	}
	job_end(m);
}

static bool
verify_result(struct fw_mbox *m)
{
	struct wire_verify_reply r = { le32_put(m->loaded), le32_put(0) };

	FW_CHECK(m->stage == FW_STAGE_VERIFIED || m->stage == FW_STAGE_REFUSED);
	if (m->stage == FW_STAGE_REFUSED)
		return FAIL(m, m->refused_code, m->refused_arg);
	return fw_mbox_good(m, &r, sizeof(r));
}

static bool
serve_verify(struct fw_mbox *m)
{
	struct wire_verify v;
	bool background;

	memcpy(&v, m->request.payload, sizeof(v));
	if (!handle_good(m))
		return true;
	if ((le32_get(v.flags) & ~(uint32_t)WIRE_VERIFY_BACKGROUND) != 0)
		return FAIL(m, WIRE_ERR_EINVAL, 1);
	if (m->job != FW_JOB_NONE)
		return FAIL(m, WIRE_ERR_EBUSY, m->job_done);
	if (m->stage != FW_STAGE_LOADING)
		return verify_result(m);
	if (m->loaded != le32_get(m->begin.bytes))
		return FAIL(m, WIRE_ERR_NOT_STAGED, m->loaded);
	background = le32_get(v.flags) == WIRE_VERIFY_BACKGROUND;
	fw_sha256_init(&m->sha);
	(void)job_start(m, FW_JOB_VERIFY, !background);
	return background ? FAIL(m, WIRE_ERR_EBUSY, 0) : false;
}

/* What BEGIN announced is what came: 0, or the byte offset in the image that differs. */
static uint32_t
counts_differ(const struct fw_mbox *m, const uint8_t *image)
{
	const struct wire_image_hdr *h = (const struct wire_image_hdr *)image;

	if (le32_get(h->table_count) != le32_get(m->begin.tables))
		return offsetof(struct wire_image_hdr, table_count);
	if (le32_get(h->rule_count) != le32_get(m->begin.rules))
		return offsetof(struct wire_image_hdr, rule_count);
	if (le32_get(h->counter_count) != le32_get(m->begin.counters))
		return offsetof(struct wire_image_hdr, counter_count);
	return 0;
}

/* O(image): the structure check. */
static void
verify_end(struct fw *fw, struct fw_mbox *m)
{
	uint32_t bad = 0;
	uint8_t digest[FW_SHA256_BYTES];

	fw_sha256_final(&m->sha, digest);
	m->stage = FW_STAGE_REFUSED;
	m->refused_code = WIRE_ERR_RULE_INVALID;
	if (memcmp(digest, m->begin.sha256, sizeof(digest)) != 0) {
		m->refused_code = WIRE_ERR_BAD_DIGEST;
	} else if (fw_image_check(staged(fw), m->loaded, &bad)) {
		bad = counts_differ(m, staged(fw));
		if (bad == 0) {
			bool fits = fw_image_fits(&fw->cfg, staged(fw), &bad);

			m->refused_code = WIRE_ERR_PROFILE;
			m->stage = fits ? FW_STAGE_VERIFIED : FW_STAGE_REFUSED;
		}
	}
	m->refused_arg = bad;
	(void)verify_result(m);
	job_end(m);
}

/* O(FW_MBOX_STEP_BYTES). */
static void
step_verify(struct fw *fw, struct fw_mbox *m)
{
	uint32_t n = m->loaded - m->job_done;

	FW_CHECK(m->loaded == le32_get(m->begin.bytes));
	if (n > FW_MBOX_STEP_BYTES)
		n = FW_MBOX_STEP_BYTES;
	fw_sha256_update(&m->sha, staged(fw) + m->job_done, n);
	m->job_done += n;
	if (m->job_done == m->loaded)
		verify_end(fw, m);
}

static bool
serve_commit(struct fw *fw, struct fw_mbox *m)
{
	const uint32_t known = WIRE_COMMIT_PERSIST | WIRE_COMMIT_KEEP_COUNTERS;
	struct wire_commit c;

	memcpy(&c, m->request.payload, sizeof(c));
	if (!crc_good(m, offsetof(struct wire_commit, crc32c), c.crc32c) || !handle_good(m))
		return true;
	if ((le32_get(c.flags) & ~known) != 0)
		return FAIL(m, WIRE_ERR_EINVAL, 2);
	/* Without an image before there is nothing to go back to. */
	if (le32_get(c.confirm_s) > (fw->generation != 0 ? WIRE_CONFIRM_S_MAX : 0))
		return FAIL(m, WIRE_ERR_EINVAL, 3);
	if (m->job != FW_JOB_NONE)
		return FAIL(m, WIRE_ERR_EBUSY, m->job_done);
	if (m->stage != FW_STAGE_VERIFIED)
		return FAIL(m, WIRE_ERR_NOT_STAGED, m->loaded);
	if (le32_get(c.generation) != le32_get(m->begin.generation))
		return FAIL(m, WIRE_ERR_GENERATION, le32_get(m->begin.generation));
	FW_CHECK(le32_get(c.generation) > m->highest && m->former.generation == 0);
	m->next.generation = le32_get(c.generation);
	m->next.len = m->loaded;
	m->next.wall_ns = m->port.wall_ns(m->port.arg);
	memcpy(m->next.sha256, m->begin.sha256, sizeof(m->next.sha256));
	m->job_flags = le32_get(c.flags);
	m->job_confirm_s = le32_get(c.confirm_s);
	m->job_confirms = false;
	return job_start(m, FW_JOB_STORE, true);
}

static bool
active_tell(struct fw_mbox *m)
{
	struct wire_commit_reply r = { .generation = le32_put(m->active.generation) };

	memcpy(r.sha256, m->active.sha256, sizeof(r.sha256));
	return fw_mbox_good(m, &r, sizeof(r));
}

static void
commit_end(struct fw *fw, struct fw_mbox *m)
{
	fw_image_activate(fw, fw_bank_staged(fw), m->next.len, m->next.generation,
	    (m->job_flags & WIRE_COMMIT_KEEP_COUNTERS) != 0);
	if (m->job_confirm_s > 0) {
		FW_CHECK(m->active.generation != 0 && m->former.generation == 0);
		m->former = m->active;
		m->former_flags = m->job_flags;
		m->undo_ns = m->now_ns + m->job_confirm_s * FW_NS_PER_S;
	}
	m->active = m->next;
	m->highest = m->active.generation;
	m->stage = FW_STAGE_NONE;
	fw_mbox_event(m, WIRE_EVENT_COMMITTED, 0, WIRE_EVENT_INFO, m->active.generation);
}

/* What was enforced before is again, between two packets as by any commit. */
static void
commit_undo(struct fw *fw, struct fw_mbox *m, enum wire_event_undone why)
{
	FW_CHECK(m->former.generation != 0 && m->former.generation < fw->generation);
	FW_CHECK(m->stage == FW_STAGE_NONE && m->job == FW_JOB_NONE);
	fw_image_activate(fw, fw_bank_staged(fw), m->former.len, m->former.generation, true);
	m->active = m->former;
	m->former.generation = 0;
	m->status_old = true;
	fw_mbox_event(m, WIRE_EVENT_UNDONE, why, WIRE_EVENT_WARN, m->active.generation);
	m->port.kick(m->port.arg);
}

void
fw_ruleset_damaged(struct fw *fw, struct fw_mbox *m)
{
	FW_CHECK(m->job != FW_JOB_STORE);
	if (m->job != FW_JOB_NONE) {
		(void)FAIL(m, WIRE_ERR_NOT_STAGED, 0);
		job_end(m);
	}
	m->stage = FW_STAGE_NONE;
	if (m->former.generation != 0) {
		commit_undo(fw, m, WIRE_UNDONE_DAMAGED);
		return;
	}
	fw_image_drop(fw);
	memset(&m->active, 0, sizeof(m->active));
}

static void
confirm_end(struct fw_mbox *m)
{
	FW_CHECK(m->former.generation != 0 && m->next.generation == m->active.generation);
	m->former.generation = 0;
	fw_mbox_event(m, WIRE_EVENT_CONFIRMED, 0, WIRE_EVENT_INFO, m->active.generation);
}

/* It came in time where the commit still waits, however long the store then takes. */
static bool
serve_confirm(struct fw *fw, struct fw_mbox *m)
{
	struct wire_confirm c;

	memcpy(&c, m->request.payload, sizeof(c));
	if (!crc_good(m, offsetof(struct wire_confirm, crc32c), c.crc32c))
		return true;
	if ((le32_get(c.flags) & ~(uint32_t)WIRE_CONFIRM_UNDO) != 0)
		return FAIL(m, WIRE_ERR_EINVAL, 1);
	if (m->former.generation == 0)
		return FAIL(m, WIRE_ERR_ENOENT, fw->generation);
	if (le32_get(c.generation) != fw->generation)
		return FAIL(m, WIRE_ERR_GENERATION, fw->generation);
	if (m->job != FW_JOB_NONE)
		return FAIL(m, WIRE_ERR_EBUSY, 0);
	if (le32_get(c.flags) == WIRE_CONFIRM_UNDO) {
		commit_undo(fw, m, WIRE_UNDONE_ASKED);
		return active_tell(m);
	}
	m->next = m->active;
	m->job_flags = m->former_flags;
	m->job_confirm_s = 0;
	m->job_confirms = true;
	return job_start(m, FW_JOB_STORE, true);
}

/* O(1) but for the board's own store, which must not block. */
static void
step_store(struct fw *fw, struct fw_mbox *m)
{
	const uint8_t *image = m->job_confirms ? fw_image(fw) : staged(fw);
	enum fw_store done = FW_STORE_DONE;

	if ((m->job_flags & WIRE_COMMIT_PERSIST) != 0 && m->job_confirm_s == 0 &&
	    m->port.store != NULL)
		done = m->port.store(m->port.arg, &m->next, image);
	if (done == FW_STORE_PENDING)
		return;
	m->status_flags &= ~(uint32_t)WIRE_STATUS_STORE_FAILED;
	m->status_old = true;
	if (done == FW_STORE_FAILED) {
		m->status_flags |= WIRE_STATUS_STORE_FAILED;
		(void)FAIL(m, WIRE_ERR_EIO, 0);
	} else {
		if (m->job_confirms)
			confirm_end(m);
		else
			commit_end(fw, m);
		(void)active_tell(m);
	}
	job_end(m);
}

static bool
serve_abort(struct fw_mbox *m)
{
	if (!handle_good(m))
		return true;
	if (m->job == FW_JOB_LOAD || m->job == FW_JOB_STORE)
		return FAIL(m, WIRE_ERR_EBUSY, m->job_done);
	verify_cancel(m);
	m->stage = FW_STAGE_NONE;
	m->status_old = true;
	return fw_mbox_good(m, NULL, 0);
}

bool
fw_ruleset_serve(struct fw *fw, struct fw_mbox *m)
{
	switch (m->request.op) {
	case WIRE_OP_BEGIN:
		return serve_begin(fw, m);
	case WIRE_OP_LOAD:
		return serve_load(m);
	case WIRE_OP_VERIFY:
		return serve_verify(m);
	case WIRE_OP_COMMIT:
		return serve_commit(fw, m);
	case WIRE_OP_ABORT:
		return serve_abort(m);
	case WIRE_OP_COPY:
		return serve_copy(fw, m);
	case WIRE_OP_CONFIRM:
		return serve_confirm(fw, m);
	default:
		return FAIL(m, WIRE_ERR_ENOSYS, m->request.op);
	}
}

void
fw_ruleset_step(struct fw *fw, struct fw_mbox *m)
{
	switch (m->job) {
	case FW_JOB_LOAD:
		step_load(fw, m);
		break;
	case FW_JOB_VERIFY:
		step_verify(fw, m);
		break;
	case FW_JOB_STORE:
		step_store(fw, m);
		break;
	case FW_JOB_NONE:
		break;
	}
	if (m->former.generation != 0 && m->now_ns >= m->undo_ns && m->job == FW_JOB_NONE)
		commit_undo(fw, m, WIRE_UNDONE_TIME);
}

void
fw_ruleset_drop(struct fw_mbox *m)
{
	m->job_slot = WIRE_MBOX_SLOTS;
	if (m->job == FW_JOB_STORE)
		return;
	m->job = FW_JOB_NONE;
	m->stage = FW_STAGE_NONE;
	m->status_old = true;
}

/* O(len). */
bool
fw_boot_image(struct fw *fw, const struct fw_record *record)
{
	struct fw_mbox *m = fw->cfg.mbox;
	uint8_t digest[FW_SHA256_BYTES];
	uint32_t bad;

	FW_CHECK(m != NULL && fw->active == FW_BANK_NONE);
	m->status_flags |= WIRE_STATUS_STORE_DAMAGED;	/* unless the end is reached */
	m->status_old = true;
	if (record->generation == 0 || record->len == 0 || record->len > fw->cfg.bank_bytes)
		return false;
	fw_sha256_init(&m->sha);
	fw_sha256_update(&m->sha, fw->cfg.bank[0], record->len);
	fw_sha256_final(&m->sha, digest);
	if (memcmp(digest, record->sha256, sizeof(digest)) != 0 ||
	    !fw_image_check(fw->cfg.bank[0], record->len, &bad) ||
	    !fw_image_fits(&fw->cfg, fw->cfg.bank[0], &bad))
		return false;
	m->status_flags &= ~(uint32_t)WIRE_STATUS_STORE_DAMAGED;
	fw_image_activate(fw, 0, record->len, record->generation, false);
	m->active = *record;
	m->highest = record->generation;
	return true;
}

void
fw_boot_damaged(struct fw *fw)
{
	struct fw_mbox *m = fw->cfg.mbox;

	FW_CHECK(m != NULL);
	m->status_flags |= WIRE_STATUS_STORE_DAMAGED;
	m->status_old = true;
}
