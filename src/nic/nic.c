/* SPDX-License-Identifier: Apache-2.0 */
/* nic - picks the backend, hands calls to it. */
#include "nic.h"

#include <string.h>

#include "nic_int.h"

/* A path "NAME:REST" names its backend; without a known name it is the last one's. */
static const struct {
	const char *name;
	enum rc (*open)(const char *path, struct nic **out, struct diag *diag);
} backends[] = {
	{ "soft:", nic_soft_open },
	{ "", nic_soft_open }
};

enum rc
nic_open(const char *path, struct nic **out, struct diag *diag)
{
	size_t i = 0, n;

	CHECK(path != NULL && out != NULL);
	*out = NULL;
	while (strncmp(path, backends[i].name, n = strlen(backends[i].name)) != 0)
		i++;
	CHECK(i < ARRAY_LEN(backends));
	return backends[i].open(path + n, out, diag);
}

void
nic_close(struct nic **nic)
{
	if (*nic != NULL)
		(*nic)->ops->close(*nic);
	*nic = NULL;
}

int
nic_fd(const struct nic *nic)
{
	return nic->ops->fd(nic);
}

enum rc
nic_caps_get(struct nic *nic, struct nic_caps *out, struct diag *diag)
{
	return nic->ops->caps_get(nic, out, diag);
}

enum rc
nic_version_get(struct nic *nic, struct nic_version *out, struct diag *diag)
{
	return nic->ops->version_get(nic, out, diag);
}

enum rc
nic_status_get(struct nic *nic, struct nic_status *out)
{
	return nic->ops->status_get(nic, out);
}

enum rc
nic_load(struct nic *nic, uint32_t generation, const uint8_t *image, size_t len,
    struct diag *diag)
{
	return nic_load_over(nic, generation, 0, image, len, NULL, NULL, diag);
}

enum rc
nic_load_over(struct nic *nic, uint32_t generation, uint32_t confirm_s, const uint8_t *image,
    size_t len, const struct nic_held *held, struct nic_moved *moved, struct diag *diag)
{
	static const struct nic_held none;
	struct nic_moved ignored;

	CHECK(image != NULL || len == 0);
	if (moved == NULL)
		moved = &ignored;
	memset(moved, 0, sizeof(*moved));
	return nic->ops->load(nic, generation, confirm_s, image, len, held != NULL ? held : &none,
	    moved, diag);
}

enum rc
nic_confirm(struct nic *nic, uint32_t generation, bool undo, struct diag *diag)
{
	CHECK(generation != 0);
	return nic->ops->confirm(nic, generation, undo, diag);
}

enum rc
nic_counters_get(struct nic *nic, uint32_t first, uint32_t count, struct nic_counter *out,
    struct diag *diag)
{
	return nic->ops->counters_get(nic, first, count, out, diag);
}

enum rc
nic_alert_next(struct nic *nic, struct nic_alert *out)
{
	return nic->ops->alert_next(nic, out);
}

enum rc
nic_flows_start(struct nic *nic, struct diag *diag)
{
	return nic->ops->flows_start(nic, diag);
}

enum rc
nic_flow_next(struct nic *nic, struct nic_flow *out)
{
	return nic->ops->flow_next(nic, out);
}
