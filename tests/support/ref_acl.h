/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ref_acl - the plain ways to classify a packet by the entries of an acl_file.
 * Does:    one entry after the other; and an interval map: per local IP and direction, per field
 *          its values cut where a range begins or ends, a bit an entry for each piece, and the
 *          first bit that the five pieces of a packet share.
 * Limits:  the map is not made beyond the bytes the caller allows.
 * Memory:  the map has its own; entries are borrowed for the call.
 * Source:  bit vectors as in Lakshman and Stiliadis, SIGCOMM 1998.
 */
#ifndef REF_ACL_H
#define REF_ACL_H

#include "acl_file.h"
#include "base.h"

struct ref_acl_map;

/* The rule id of the first entry that holds p, 0 where none does. */
uint32_t ref_acl_first(const struct acl_entry *entries, uint32_t count, const struct acl_packet *p);

/* NULL where it takes more than bytes_max. */
struct ref_acl_map *ref_acl_map_create(const struct acl_entry *entries, uint32_t count,
    size_t bytes_max);
void ref_acl_map_destroy(struct ref_acl_map **m);
size_t ref_acl_map_bytes(const struct ref_acl_map *m);
uint32_t ref_acl_map_find(const struct ref_acl_map *m, const struct acl_packet *p);

#endif
