/* SPDX-License-Identifier: Apache-2.0 */
/* keys_ca - a CA's files read, its random numbers, its errors. */
#include "keys_ca.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bytes.h"
#include "clock.h"
#include "file.h"

#include "mbedtls/error.h"
#include "psa/crypto.h"

enum rc
keys_fail(struct diag *diag, const char *what, int err)
{
	char text[128];

	mbedtls_strerror(err, text, sizeof(text));
	diag_set(diag, "keys", "cannot %s: %s", what, text);
	return RC_INVALID;
}

enum rc
keys_rng_open(struct keys_rng *rng, struct diag *diag)
{
	int err;

	mbedtls_entropy_init(&rng->entropy);
	mbedtls_ctr_drbg_init(&rng->drbg);
	if (psa_crypto_init() != PSA_SUCCESS) {
		diag_set(diag, "keys", "cannot start the cryptographic library");
		return RC_IO;
	}
	err = mbedtls_ctr_drbg_seed(&rng->drbg, mbedtls_entropy_func, &rng->entropy, NULL, 0);
	return err == 0 ? RC_OK : keys_fail(diag, "gather random numbers", err);
}

void
keys_rng_close(struct keys_rng *rng)
{
	mbedtls_ctr_drbg_free(&rng->drbg);
	mbedtls_entropy_free(&rng->entropy);
}

void
keys_time(uint64_t wall_ns, int days, char out[KEYS_TIME_BYTES])
{
	time_t s = (time_t)(wall_ns / NS_PER_S) + (time_t)days * 86400;
	struct tm tm;

	CHECK(gmtime_r(&s, &tm) != NULL);
	CHECK(strftime(out, KEYS_TIME_BYTES, "%Y%m%d%H%M%S", &tm) == 14);
}

enum rc
keys_pem_read(const char *dir, const char *name, uint8_t **out, size_t *len, struct diag *diag)
{
	char path[PATH_MAX];
	enum rc rc;

	*out = NULL;
	if (snprintf(path, sizeof(path), "%s%s%s", dir, dir[0] == '\0' ? "" : "/", name) >=
	    (int)sizeof(path)) {
		diag_set(diag, "path-length", "path too long: %s/%s", dir, name);
		return RC_LIMIT;
	}
	rc = file_read(AT_FDCWD, path, KEYS_FILE_BYTES_MAX, out, len, diag);
	if (rc == RC_OK)
		*len += 1;	/* the NUL that file_read puts behind */
	return rc;
}

enum rc
keys_ca_open(struct keys_ca *ca, const char *dir, struct diag *diag)
{
	uint8_t *pem = NULL;
	size_t len = 0;
	enum rc rc;
	int err;

	memset(ca, 0, sizeof(*ca));
	mbedtls_x509_crt_init(&ca->crt);
	mbedtls_pk_init(&ca->key);
	rc = keys_rng_open(&ca->rng, diag);
	if (rc == RC_OK)
		rc = keys_pem_read(dir, "ca.crt", &pem, &len, diag);
	if (rc != RC_OK)
		return rc;
	err = mbedtls_x509_crt_parse(&ca->crt, pem, len);
	free(pem);
	if (err != 0)
		return keys_fail(diag, "read ca.crt", err);
	if (mbedtls_x509_dn_gets(ca->name, sizeof(ca->name), &ca->crt.subject) < 0)
		return keys_fail(diag, "read the subject of ca.crt",
		    MBEDTLS_ERR_X509_BUFFER_TOO_SMALL);
	rc = keys_pem_read(dir, "ca.key", &pem, &len, diag);
	if (rc != RC_OK)
		return rc;
	err = mbedtls_pk_parse_key(&ca->key, pem, len, NULL, 0, mbedtls_ctr_drbg_random,
	    &ca->rng.drbg);
	mem_wipe(pem, len);
	free(pem);
	if (err == 0)
		err = mbedtls_pk_check_pair(&ca->crt.pk, &ca->key, mbedtls_ctr_drbg_random,
		    &ca->rng.drbg);
	return err == 0 ? RC_OK : keys_fail(diag, "use ca.key with ca.crt", err);
}

void
keys_ca_close(struct keys_ca *ca)
{
	mbedtls_x509_crt_free(&ca->crt);
	mbedtls_pk_free(&ca->key);
	keys_rng_close(&ca->rng);
}
