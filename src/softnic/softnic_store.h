/* SPDX-License-Identifier: Apache-2.0 */
/*
 * softnic_store - the committed image as a file, for the next start of the software NIC.
 * Does:    writes image and record beside each other in one file, in a thread of its own; reads
 *          them back, from the file before where the newest is damaged.
 * Shape:   header of 64 bytes (magic "RFIM", version, generation, length, commit time, SHA-256 of
 *          the image, CRC32C of the header) | image. path is the newest, path.prev the one before.
 * Limits:  one store at a time; images of WIRE_IMAGE_BYTES_MAX.
 * Errors:  a failed write leaves what was there.
 * Context: the software NIC's one thread, which never waits for the disk.
 */
#ifndef SOFTNIC_STORE_H
#define SOFTNIC_STORE_H

#include "base.h"
#include "diag.h"
#include "fw_port.h"
#include "rc.h"

struct softnic_store;

/* path is kept as a copy. Nothing is read or written yet. */
MUST_CHECK enum rc softnic_store_open(const char *path, struct softnic_store **out,
    struct diag *diag);
/* Waits for a store under way. */
void softnic_store_close(struct softnic_store **s);

/* Reads into bank[0..bank_bytes). RC_OK: *record is filled. RC_AGAIN: nothing was ever stored.
 * Others: damaged, and no former one either. *used_prev: the newest was damaged, diag says how,
 * the former one is in the bank. */
MUST_CHECK enum rc softnic_store_read(struct softnic_store *s, uint8_t *bank, size_t bank_bytes,
    struct fw_record *record, bool *used_prev, struct diag *diag);

/* fw_port.store; arg is the struct softnic_store. */
enum fw_store softnic_store_write(void *arg, const struct fw_record *record,
    const uint8_t *image);

/* Readable once a store has ended; fw_poll then takes its result. */
int softnic_store_fd(const struct softnic_store *s);

/* Of the last store that failed. */
const struct diag *softnic_store_diag(const struct softnic_store *s);

#endif
