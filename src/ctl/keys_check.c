/* SPDX-License-Identifier: Apache-2.0 */
/* keys_check - one file after the other; the first that is wrong is named. */
#include "keys_check.h"

#include <stdio.h>
#include <string.h>

#include "keys_ca.h"

#include "mbedtls/md.h"
#include "mbedtls/oid.h"
#include "mbedtls/x509_crl.h"

struct set {
	struct keys_rng rng;
	mbedtls_x509_crt ca, crt;
	mbedtls_x509_crl crl;
	mbedtls_pk_context key;
};

static enum rc
wrong(struct diag *diag, const char *file, const char *why)
{
	diag_set(diag, "keys", "%s: %s", file, why);
	return RC_INVALID;
}

/* Blocks that begin: the library passes over one whose end is not there. */
static uint32_t
blocks(const uint8_t *pem, size_t len)
{
	static const char begin[] = "-----BEGIN ";
	uint32_t n = 0;

	for (size_t i = 0; i + sizeof(begin) <= len; i++)
		n += memcmp(pem + i, begin, sizeof(begin) - 1) == 0;
	return n;
}

/* RFC 5280 times have no leap seconds and no zone. */
static uint64_t
seconds(const mbedtls_x509_time *t)
{
	int64_t y = t->year - (t->mon <= 2), era = y / 400, yoe = y % 400;
	int64_t doy = (153 * (t->mon + (t->mon > 2 ? -3 : 9)) + 2) / 5 + t->day - 1;
	int64_t days = era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
	int64_t s = days * 86400 + t->hour * 3600 + t->min * 60 + t->sec;

	return s < 0 ? 0 : (uint64_t)s;
}

static enum rc
crts_read(mbedtls_x509_crt *out, const uint8_t *pem, size_t len, const char *file,
    uint64_t *until_s, struct diag *diag)
{
	int err = mbedtls_x509_crt_parse(out, pem, len);
	uint32_t n = 0;
	char what[32];

	if (err < 0) {
		(void)snprintf(what, sizeof(what), "read %s", file);
		return keys_fail(diag, what, err);
	}
	for (const mbedtls_x509_crt *c = out; c != NULL && c->version != 0; c = c->next, n++)
		*until_s = MIN(*until_s, seconds(&c->valid_to));
	if (err > 0 || n == 0 || n != blocks(pem, len))
		return wrong(diag, file, "a certificate in it is not whole");
	return RC_OK;
}

static enum rc
cas_check(const struct set *s, struct diag *diag)
{
	for (const mbedtls_x509_crt *c = &s->ca; c != NULL; c = c->next)
		if (!c->MBEDTLS_PRIVATE(ca_istrue))
			return wrong(diag, "ca.crt", "a certificate in it is not that of a CA");
	return RC_OK;
}

static enum rc
key_check(struct set *s, const uint8_t *pem, size_t len, struct diag *diag)
{
	int err = mbedtls_pk_parse_key(&s->key, pem, len, NULL, 0, mbedtls_ctr_drbg_random,
	    &s->rng.drbg);

	if (err != 0)
		return keys_fail(diag, "read server.key", err);
	if (mbedtls_pk_get_type(&s->key) != MBEDTLS_PK_ECKEY ||
	    mbedtls_pk_get_bitlen(&s->key) != 256)
		return wrong(diag, "server.key", "it is not an ECDSA P-256 key");
	if (mbedtls_pk_check_pair(&s->crt.pk, &s->key, mbedtls_ctr_drbg_random,
	    &s->rng.drbg) != 0)
		return wrong(diag, "server.key", "it is not the key of server.crt");
	if (mbedtls_x509_crt_check_extended_key_usage(&s->crt, MBEDTLS_OID_SERVER_AUTH,
	    MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH)) != 0)
		return wrong(diag, "server.crt", "its usage is not that of a server");
	return RC_OK;
}

static bool
crl_signed(const mbedtls_x509_crl *l, const mbedtls_x509_crt *ca)
{
	const mbedtls_md_info_t *md = mbedtls_md_info_from_type(l->MBEDTLS_PRIVATE(sig_md));
	unsigned char hash[MBEDTLS_MD_MAX_SIZE];

	return md != NULL && l->issuer_raw.len == ca->subject_raw.len &&
	    memcmp(l->issuer_raw.p, ca->subject_raw.p, l->issuer_raw.len) == 0 &&
	    mbedtls_md(md, l->tbs.p, l->tbs.len, hash) == 0 &&
	    mbedtls_pk_verify_ext(l->MBEDTLS_PRIVATE(sig_pk), l->MBEDTLS_PRIVATE(sig_opts),
	    (mbedtls_pk_context *)(uintptr_t)&ca->pk, l->MBEDTLS_PRIVATE(sig_md), hash,
	    mbedtls_md_get_size(md), l->MBEDTLS_PRIVATE(sig).p, l->MBEDTLS_PRIVATE(sig).len) == 0;
}

static enum rc
crls_check(struct set *s, const uint8_t *pem, size_t len, uint64_t *until_s, struct diag *diag)
{
	int err = mbedtls_x509_crl_parse(&s->crl, pem, len);
	uint64_t first = UINT64_MAX;
	uint32_t n = 0;

	if (err != 0)
		return keys_fail(diag, "read ca.crl", err);
	for (const mbedtls_x509_crl *l = &s->crl; l != NULL; l = l->next, n++) {
		const mbedtls_x509_crt *ca = &s->ca;

		while (ca != NULL && !crl_signed(l, ca))
			ca = ca->next;
		if (ca == NULL)
			return wrong(diag, "ca.crl", "no CA of ca.crt has signed it");
		if (l->next_update.year != 0)
			first = MIN(first, seconds(&l->next_update));
	}
	if (n != blocks(pem, len))
		return wrong(diag, "ca.crl", "a list in it is not whole");
	*until_s = first == UINT64_MAX ? 0 : first;
	return RC_OK;
}

enum rc
keys_check(const struct ctl_keys *files, const uint8_t *key, size_t key_len, uint64_t *until_s,
    uint64_t *crl_until_s, struct diag *diag)
{
	struct set s;
	enum rc rc;

	*until_s = UINT64_MAX;
	*crl_until_s = 0;
	mbedtls_x509_crt_init(&s.ca);
	mbedtls_x509_crt_init(&s.crt);
	mbedtls_x509_crl_init(&s.crl);
	mbedtls_pk_init(&s.key);
	rc = keys_rng_open(&s.rng, diag);
	if (rc == RC_OK)
		rc = crts_read(&s.ca, files->ca, files->ca_len, "ca.crt", until_s, diag);
	if (rc == RC_OK)
		rc = cas_check(&s, diag);
	if (rc == RC_OK)
		rc = crts_read(&s.crt, files->crt, files->crt_len, "server.crt", until_s, diag);
	if (rc == RC_OK)
		rc = key_check(&s, key, key_len, diag);
	if (rc == RC_OK && files->crl_len > 0)
		rc = crls_check(&s, files->crl, files->crl_len, crl_until_s, diag);
	mbedtls_pk_free(&s.key);
	mbedtls_x509_crl_free(&s.crl);
	mbedtls_x509_crt_free(&s.crt);
	mbedtls_x509_crt_free(&s.ca);
	keys_rng_close(&s.rng);
	return rc;
}
