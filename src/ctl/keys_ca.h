/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys_ca - the CA of a key directory, opened: its certificate, key and random numbers.
 * Does:    what keys.c and keys_crl.c share; private to them.
 */
#ifndef KEYS_CA_H
#define KEYS_CA_H

#include "diag.h"
#include "rc.h"

#include "mbedtls/ctr_drbg.h"
#include "mbedtls/entropy.h"
#include "mbedtls/pk.h"
#include "mbedtls/x509_crt.h"

enum { KEYS_TIME_BYTES = 16, KEYS_FILE_BYTES_MAX = 1024 * 1024 };

struct keys_rng {
	mbedtls_entropy_context entropy;
	mbedtls_ctr_drbg_context drbg;
};

struct keys_ca {
	struct keys_rng rng;
	mbedtls_x509_crt crt;
	mbedtls_pk_context key;
	char name[256];			/* its subject, as text */
};

MUST_CHECK enum rc keys_rng_open(struct keys_rng *rng, struct diag *diag);
void keys_rng_close(struct keys_rng *rng);

/* Reads dir/ca.crt and dir/ca.key. Close it also after an error. */
MUST_CHECK enum rc keys_ca_open(struct keys_ca *ca, const char *dir, struct diag *diag);
void keys_ca_close(struct keys_ca *ca);

/* Fills diag with the library's words; returns RC_INVALID. */
enum rc keys_fail(struct diag *diag, const char *what, int err);

/* "YYYYMMDDhhmmss" of wall_ns and some days more, UTC. */
void keys_time(uint64_t wall_ns, int days, char out[KEYS_TIME_BYTES]);

/* A PEM file with its NUL counted, as the parsers want it; the caller wipes and frees. */
MUST_CHECK enum rc keys_pem_read(const char *dir, const char *name, uint8_t **out, size_t *len,
    struct diag *diag);

#endif
