/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nic_int - what a backend is.
 * Shape:   a backend's open fills struct nic's ops; every call of nic.h goes through them.
 * Context: src/nic only.
 */
#ifndef NIC_INT_H
#define NIC_INT_H

#include "nic.h"

struct nic_ops {
	void (*close)(struct nic *nic);
	int (*fd)(const struct nic *nic);
	enum rc (*caps_get)(struct nic *nic, struct nic_caps *out, struct diag *diag);
	enum rc (*version_get)(struct nic *nic, struct nic_version *out, struct diag *diag);
	enum rc (*status_get)(struct nic *nic, struct nic_status *out);
	enum rc (*load)(struct nic *nic, uint32_t generation, uint32_t confirm_s,
	    const uint8_t *image, size_t len, const struct nic_held *held,
	    struct nic_moved *moved, struct diag *diag);
	enum rc (*confirm)(struct nic *nic, uint32_t generation, bool undo, struct diag *diag);
	enum rc (*counters_get)(struct nic *nic, uint32_t first, uint32_t count,
	    struct nic_counter *out, struct diag *diag);
	enum rc (*alert_next)(struct nic *nic, struct nic_alert *out);
	enum rc (*flows_start)(struct nic *nic, struct diag *diag);
	enum rc (*flow_next)(struct nic *nic, struct nic_flow *out);
};

/* The first member of every backend's own struct. */
struct nic {
	const struct nic_ops *ops;
};

/* A software NIC, by its socket. */
MUST_CHECK enum rc nic_soft_open(const char *path, struct nic **out, struct diag *diag);

/* The attached session of one, by nic_soft_attach.c. */
struct nic_session {
	int socket_fd, doorbell_fd, event_fd;
	uint8_t *mem;			/* WIRE_MBOX_BYTES; NULL = none */
};

#define NIC_SESSION_EMPTY \
	((struct nic_session) { .socket_fd = -1, .doorbell_fd = -1, .event_fd = -1 })

MUST_CHECK enum rc nic_session_open(const char *path, struct nic_session *s, struct diag *diag);
void nic_session_close(struct nic_session *s);

#endif
