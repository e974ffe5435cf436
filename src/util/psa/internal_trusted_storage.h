/* SPDX-License-Identifier: Apache-2.0 */
/*
 * internal_trusted_storage - the four calls by which PSA cryptography keeps its list of keys.
 * Does:    declares what src/ctl/tls_key.c provides: a few items in memory, for the process's life.
 * Source:  Arm IHI 0087, PSA Secure Storage API 1.0, section 5.
 */
#ifndef INTERNAL_TRUSTED_STORAGE_H
#define INTERNAL_TRUSTED_STORAGE_H

#include <stddef.h>
#include <stdint.h>

#include "psa/error.h"

typedef uint32_t psa_storage_create_flags_t;
typedef uint64_t psa_storage_uid_t;

struct psa_storage_info_t {
	uint32_t size;
	psa_storage_create_flags_t flags;
};

psa_status_t psa_its_set(psa_storage_uid_t uid, uint32_t len, const void *p,
    psa_storage_create_flags_t flags);
psa_status_t psa_its_get(psa_storage_uid_t uid, uint32_t offset, uint32_t len, void *p,
    size_t *got);
psa_status_t psa_its_get_info(psa_storage_uid_t uid, struct psa_storage_info_t *info);
psa_status_t psa_its_remove(psa_storage_uid_t uid);

#endif
