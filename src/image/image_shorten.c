/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_shorten - fewer loads for a few bytes.
 *
 * The smallest form of a half joins equal columns and cuts rows, and every packet pays a load for
 * each: rank to class, segment to cell. In a small matrix that saves next to nothing. Here columns
 * are numbered by rank again, and rows left whole, as far as a half of that many units may grow.
 */
#include "image_build.h"

enum {
	SLACK_MIN = 1024, HEAD_SLACK_UNIT = 8, B_SLACK_UNIT = 48, M_SLACK_UNIT = 64,
	B_SLACK_MAX = 24 << 10		/* what is read more seldom is better small */
};

static void
axis_number(struct image_axis *x)
{
	for (uint32_t i = 0; i < x->count; i++)
		x->cls[i] = (uint16_t)i;
	x->classes = x->count;
}

/* A column for each rank of x instead of each class; groups of x->classes columns where there are
 * more. False where that takes more than bytes_max; *rc tells a lack of memory. */
static bool
cols_by_rank(struct image_matrix *m, struct arena *a, struct image_axis *x, uint32_t inner,
    size_t bytes_max, enum rc *rc)
{
	uint32_t outer = m->cols / x->classes / inner;
	uint64_t cols = (uint64_t)outer * x->count * inner;
	uint16_t *cells, *to;

	if (x->count > IMAGE_CLASSES_MAX || cols > UINT16_MAX || 2 * cols * m->rows > bytes_max)
		return false;
	to = cells = arena_array(a, (size_t)(m->rows * cols), sizeof(*cells));
	if (cells == NULL) {
		*rc = RC_NOMEM;
		return false;
	}
	for (uint32_t group = 0; group < m->rows * outer; group++) {
		const uint16_t *from = m->cells + (size_t)group * x->classes * inner;

		for (uint32_t rank = 0; rank < x->count; rank++)
			for (uint32_t i = 0; i < inner; i++)
				*to++ = from[(size_t)x->cls[rank] * inner + i];
	}
	m->cells = cells;
	m->cols = (uint32_t)cols;
	axis_number(x);
	return true;
}

/* The first product: rows by protocol and VLAN, columns by source port. */
static enum rc
head_shorten(struct image_half *h, struct arena *a, size_t bytes_max)
{
	struct image_axis *vlan = &h->axis[AXIS_VLAN];
	enum rc rc = RC_OK;

	(void)cols_by_rank(&h->head, a, &h->axis[AXIS_SPORT], 1, bytes_max, &rc);
	if (rc == RC_OK && (uint64_t)h->protos * 2 * vlan->count <= WIRE_HEAD_ROWS_MAX) {
		/* a row of all VLANs: one for each protocol and place in the datagram */
		struct image_matrix wide = { h->head.cells, h->protos * 2,
			vlan->classes * h->head.cols };

		if (cols_by_rank(&wide, a, vlan, h->head.cols, bytes_max, &rc)) {
			h->head.cells = wide.cells;
			h->head.rows = h->protos * 2 * vlan->classes;
		}
	}
	return rc;
}

enum rc
image_half_shorten(struct image_half *h, struct arena *a, uint32_t unit_count)
{
	size_t units = unit_count, room = MIN(SLACK_MIN + B_SLACK_UNIT * units,
	    (size_t)B_SLACK_MAX);
	enum rc rc = head_shorten(h, a, SLACK_MIN + HEAD_SLACK_UNIT * units);

	if (rc != RC_OK)
		return rc;
	(void)cols_by_rank(&h->b, a, &h->axis[AXIS_DPORT], 1, h->b_seg.bytes + room, &rc);
	if (rc != RC_OK)
		return rc;
	(void)image_segments_plain(&h->b_seg, &h->b, room);
	(void)image_segments_plain(&h->m_seg, &h->m, SLACK_MIN + M_SLACK_UNIT * units);
	return RC_OK;
}
