/* SPDX-License-Identifier: Apache-2.0 */
/*
 * softnic_mbox - the software NIC's socket: hands the mailbox memory to one daemon at a time.
 * Does:    listens, refuses a second daemon, notices when the first is gone; then the mailbox
 *          moves to fresh memory, so that a former owner holds nothing that still counts. Alerts
 *          gather in that memory until the next daemon comes.
 * Shape:   over a SOCK_SEQPACKET socket the server sends one struct wire_hello, with three
 *          descriptors where it says yes: memory, doorbell, event. After that the socket only
 *          lives: its end is the end of the session.
 * Memory:  a memfd sealed against shrinking, so that no access of the firmware can fault.
 * Errors:  RC_CONFLICT: another software NIC listens on path; diag says so.
 * Context: the software NIC's one thread; nothing blocks.
 */
#ifndef SOFTNIC_MBOX_H
#define SOFTNIC_MBOX_H

#include "base.h"
#include "diag.h"
#include "fw_mbox.h"
#include "rc.h"

struct softnic_mbox;

/* Takes path (and path with ".lock"); a socket nobody listens on is replaced. */
MUST_CHECK enum rc softnic_mbox_open(const char *path, struct softnic_mbox **out,
    struct diag *diag);
/* Unlinks the socket. */
void softnic_mbox_close(struct softnic_mbox **m);

/* Memory for fw_mbox_start; changes only inside softnic_mbox_work. */
uint8_t *softnic_mbox_mem(struct softnic_mbox *m);

/* Readable when softnic_mbox_work has something to do, a doorbell included. */
int softnic_mbox_fd(const struct softnic_mbox *m);

/* Accepts, refuses, ends sessions, empties the doorbell. fw_poll comes after it. */
void softnic_mbox_work(struct softnic_mbox *m, struct fw *fw, uint64_t now_ns);

bool softnic_mbox_has_host(const struct softnic_mbox *m);

/* fw_port calls; arg is the struct softnic_mbox. */
bool softnic_mbox_dma_read(void *arg, uint8_t *to, uint32_t dma_offset, uint32_t len);
void softnic_mbox_kick(void *arg);

#endif
