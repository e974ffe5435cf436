/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys_crl - the revocation list of a key directory, written here since mbedTLS only reads them.
 * Shape:   RFC 5280 section 5: version 2, ECDSA with SHA-256, the CA's subject, two times, the
 *          entries (serial, time), the CRL number; written from its end to its start.
 */
#include "keys.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "file.h"
#include "hash.h"
#include "keys_ca.h"

#include "mbedtls/asn1write.h"
#include "mbedtls/oid.h"
#include "mbedtls/pem.h"
#include "mbedtls/x509_crl.h"

enum { CRL_BYTES_MAX = KEYS_FILE_BYTES_MAX, CRL_DAYS = 3650 };

/* GeneralizedTime, "20261124100000Z". */
static int
time_write(unsigned char **p, unsigned char *start, const char text[KEYS_TIME_BYTES])
{
	char z[KEYS_TIME_BYTES + 1];
	int n;

	n = snprintf(z, sizeof(z), "%sZ", text);
	/* RFC 5280: UTCTime up to 2049 */
	if (strncmp(text, "2050", 4) < 0)
		return mbedtls_asn1_write_tagged_string(p, start, MBEDTLS_ASN1_UTC_TIME, z + 2,
		    (size_t)n - 2);
	return mbedtls_asn1_write_tagged_string(p, start, MBEDTLS_ASN1_GENERALIZED_TIME, z,
	    (size_t)n);
}

static int
sequence_wrap(unsigned char **p, unsigned char *start, size_t len)
{
	int n = mbedtls_asn1_write_len(p, start, len), k;

	if (n < 0)
		return n;
	k = mbedtls_asn1_write_tag(p, start, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE);
	return k < 0 ? k : (int)len + n + k;
}

static int
entry_write(unsigned char **p, unsigned char *start, const mbedtls_x509_buf *serial,
    const char *when)
{
	int n = time_write(p, start, when), k;

	if (n < 0)
		return n;
	k = mbedtls_asn1_write_raw_buffer(p, start, serial->p, serial->len);
	if (k >= 0) {
		n += k;
		k = mbedtls_asn1_write_len(p, start, serial->len);
	}
	if (k >= 0) {
		n += k;
		k = mbedtls_asn1_write_tag(p, start, MBEDTLS_ASN1_INTEGER);
	}
	return k < 0 ? k : sequence_wrap(p, start, (size_t)(n + k));
}

/* The entries of the list so far, then the new one, as a SEQUENCE OF. */
static int
entries_write(unsigned char **p, unsigned char *start, const mbedtls_x509_crl *old,
    const mbedtls_x509_buf *serial, const char *now)
{
	size_t total = 0;
	int n = entry_write(p, start, serial, now);

	if (n < 0)
		return n;
	total += (size_t)n;
	for (const mbedtls_x509_crl_entry *e = old == NULL ? NULL : &old->entry;
	    e != NULL && e->serial.len > 0; e = e->next) {
		char when[KEYS_TIME_BYTES];

		if (e->serial.len == serial->len &&
		    memcmp(e->serial.p, serial->p, serial->len) == 0)
			continue;
		snprintf(when, sizeof(when), "%04u%02u%02u%02u%02u%02u",
		    (unsigned)e->revocation_date.year % 10000u,
		    (unsigned)e->revocation_date.mon % 100u,
		    (unsigned)e->revocation_date.day % 100u,
		    (unsigned)e->revocation_date.hour % 100u,
		    (unsigned)e->revocation_date.min % 100u,
		    (unsigned)e->revocation_date.sec % 100u);
		n = entry_write(p, start, &e->serial, when);
		if (n < 0)
			return n;
		total += (size_t)n;
	}
	return sequence_wrap(p, start, total);
}

#define CRL_TRY(expr) \
	do { \
		int got = (expr); \
		if (got < 0) \
			return got; \
		n += got; \
	} while (0)

/* TBSCertList, back to front. */
static int
list_write(unsigned char **p, unsigned char *start, const struct keys_ca *ca,
    const mbedtls_x509_crl *old, const mbedtls_x509_buf *serial)
{
	char now[KEYS_TIME_BYTES], next[KEYS_TIME_BYTES];
	uint64_t wall = clock_wall_ns();
	int n = 0;

	keys_time(wall, 0, now);
	keys_time(wall, CRL_DAYS, next);
	CRL_TRY(entries_write(p, start, old, serial, now));
	CRL_TRY(time_write(p, start, next));
	CRL_TRY(time_write(p, start, now));
	CRL_TRY(mbedtls_asn1_write_raw_buffer(p, start, ca->crt.subject_raw.p,
	    ca->crt.subject_raw.len));
	CRL_TRY(mbedtls_asn1_write_algorithm_identifier_ext(p, start, MBEDTLS_OID_ECDSA_SHA256,
	    MBEDTLS_OID_SIZE(MBEDTLS_OID_ECDSA_SHA256), 0, 0));
	CRL_TRY(mbedtls_asn1_write_int(p, start, 1));
	return sequence_wrap(p, start, (size_t)n);
}

/* The whole signed list into buf's end; its length, or the library's error. */
static int
crl_write(struct keys_ca *ca, const mbedtls_x509_crl *old, const mbedtls_x509_buf *serial,
    unsigned char *buf, size_t cap)
{
	unsigned char sig[MBEDTLS_PK_SIGNATURE_MAX_SIZE], digest[SHA256_BYTES];
	unsigned char *scratch = malloc(cap), *p;
	size_t sig_len = 0;
	int n = 0, tbs, err;

	if (scratch == NULL)
		return MBEDTLS_ERR_X509_ALLOC_FAILED;
	p = scratch + cap;
	tbs = list_write(&p, scratch, ca, old, serial);
	if (tbs < 0) {
		free(scratch);
		return tbs;
	}
	sha256(p, (size_t)tbs, digest);
	err = mbedtls_pk_sign(&ca->key, MBEDTLS_MD_SHA256, digest, sizeof(digest), sig, sizeof(sig),
	    &sig_len, mbedtls_ctr_drbg_random, &ca->rng.drbg);
	if (err == 0) {
		unsigned char *q = buf + cap;

		n = mbedtls_asn1_write_bitstring(&q, buf, sig, sig_len * 8);
		err = n;
		if (err >= 0)
			err = mbedtls_asn1_write_algorithm_identifier_ext(&q, buf,
			    MBEDTLS_OID_ECDSA_SHA256, MBEDTLS_OID_SIZE(MBEDTLS_OID_ECDSA_SHA256), 0,
			    0);
		if (err >= 0) {
			n += err;
			err = mbedtls_asn1_write_raw_buffer(&q, buf, p, (size_t)tbs);
		}
		if (err >= 0)
			err = sequence_wrap(&q, buf, (size_t)(n + err));
	}
	free(scratch);
	return err;
}

/* The list as it is; an absent file is an empty one. */
static enum rc
crl_read(const char *dir, mbedtls_x509_crl *crl, bool *present, struct diag *diag)
{
	uint8_t *pem = NULL;
	char path[PATH_MAX];
	size_t len = 0;
	enum rc rc;
	int err;

	*present = false;
	if (snprintf(path, sizeof(path), "%s/ca.crl", dir) < (int)sizeof(path) &&
	    access(path, F_OK) != 0)
		return RC_OK;
	rc = keys_pem_read(dir, "ca.crl", &pem, &len, diag);
	if (rc != RC_OK)
		return rc;
	err = mbedtls_x509_crl_parse(crl, pem, len);
	free(pem);
	*present = err == 0;
	return err == 0 ? RC_OK : keys_fail(diag, "read ca.crl", err);
}

static enum rc
crl_save(const char *dir, const unsigned char *der, size_t len, struct diag *diag)
{
	size_t cap = len * 2 + 256, out = 0;
	unsigned char *pem = malloc(cap);
	char path[PATH_MAX];
	enum rc rc;
	int err;

	if (pem == NULL)
		return RC_NOMEM;
	err = mbedtls_pem_write_buffer("-----BEGIN X509 CRL-----\n", "-----END X509 CRL-----\n",
	    der, len, pem, cap, &out);
	snprintf(path, sizeof(path), "%s/ca.crl", dir);
	rc = err == 0 ? file_replace(path, pem, out - 1, 0600, diag) :
	    keys_fail(diag, "write ca.crl", err);
	free(pem);
	return rc;
}

enum rc
keys_revoke(const char *dir, const char *crt_path, struct diag *diag)
{
	unsigned char *der = NULL;
	uint8_t *pem = NULL;
	mbedtls_x509_crl old;
	mbedtls_x509_crt crt;
	struct keys_ca ca;
	bool present = false;
	size_t len = 0;
	enum rc rc;
	int n;

	mbedtls_x509_crl_init(&old);
	mbedtls_x509_crt_init(&crt);
	rc = keys_ca_open(&ca, dir, diag);
	if (rc == RC_OK)
		rc = keys_pem_read("", crt_path, &pem, &len, diag);
	if (rc != RC_OK)
		goto out;
	n = mbedtls_x509_crt_parse(&crt, pem, len);
	if (n != 0) {
		rc = keys_fail(diag, "read the certificate", n);
		goto out;
	}
	rc = crl_read(dir, &old, &present, diag);
	if (rc != RC_OK)
		goto out;
	der = malloc(CRL_BYTES_MAX);
	if (der == NULL) {
		rc = RC_NOMEM;
		goto out;
	}
	n = crl_write(&ca, present ? &old : NULL, &crt.serial, der, CRL_BYTES_MAX);
	rc = n > 0 ? crl_save(dir, der + CRL_BYTES_MAX - n, (size_t)n, diag) :
	    keys_fail(diag, "sign ca.crl", n);
out:
	free(der);
	free(pem);
	mbedtls_x509_crl_free(&old);
	mbedtls_x509_crt_free(&crt);
	keys_ca_close(&ca);
	return rc;
}
