/* SPDX-License-Identifier: Apache-2.0 */
/* tls_config - certificates and settings that connections share, counted. */
#include "tls_impl.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "file.h"
#include "tls_key.h"

static const int suites[] = { MBEDTLS_TLS1_3_AES_128_GCM_SHA256, MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
	MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256, 0 };
static const uint16_t groups[] = { MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
	MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1, MBEDTLS_SSL_IANA_TLS_GROUP_NONE };
static const uint16_t signatures[] = { MBEDTLS_TLS1_3_SIG_ECDSA_SECP256R1_SHA256,
	MBEDTLS_TLS1_3_SIG_ECDSA_SECP384R1_SHA384, MBEDTLS_TLS1_3_SIG_NONE };

void
tls_config_put(struct tls_config **cfg)
{
	struct tls_config *c = *cfg;

	*cfg = NULL;
	if (c == NULL)
		return;
	CHECK(c->holds > 0);
	if (--c->holds > 0)
		return;
	mbedtls_ssl_config_free(&c->conf);
	mbedtls_x509_crt_free(&c->ca);
	mbedtls_x509_crt_free(&c->own);
	mbedtls_x509_crl_free(&c->crl);
	mbedtls_pk_free(&c->key);
	mbedtls_ssl_ticket_free(&c->ticket_keys);
	tls_tickets_free(c);
	keys_rng_close(&c->rng);
	free(c);
}

/* An empty config with its random numbers; close it by tls_config_put also after an error. */
static enum rc
config_new(struct tls_config **out, bool server, struct diag *diag)
{
	struct tls_config *c = calloc(1, sizeof(*c));

	*out = c;
	if (c == NULL)
		return RC_NOMEM;
	c->holds = 1;
	c->server = server;
	mbedtls_ssl_config_init(&c->conf);
	mbedtls_x509_crt_init(&c->ca);
	mbedtls_x509_crt_init(&c->own);
	mbedtls_x509_crl_init(&c->crl);
	mbedtls_pk_init(&c->key);
	mbedtls_ssl_ticket_init(&c->ticket_keys);
	return keys_rng_open(&c->rng, diag);
}

static enum rc
config_settle(struct tls_config *c, const struct tls_pems *pems, struct diag *diag)
{
	int err = mbedtls_ssl_config_defaults(&c->conf, c->server ? MBEDTLS_SSL_IS_SERVER :
	    MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);

	if (err != 0)
		return keys_fail(diag, "set up TLS", err);
	mbedtls_ssl_conf_min_tls_version(&c->conf, MBEDTLS_SSL_VERSION_TLS1_3);
	mbedtls_ssl_conf_max_tls_version(&c->conf, MBEDTLS_SSL_VERSION_TLS1_3);
	mbedtls_ssl_conf_ciphersuites(&c->conf, suites);
	mbedtls_ssl_conf_groups(&c->conf, groups);
	mbedtls_ssl_conf_sig_algs(&c->conf, signatures);
	mbedtls_ssl_conf_rng(&c->conf, mbedtls_ctr_drbg_random, &c->rng.drbg);
	mbedtls_ssl_conf_authmode(&c->conf, MBEDTLS_SSL_VERIFY_REQUIRED);
	mbedtls_ssl_conf_ca_chain(&c->conf, &c->ca, c->has_crl ? &c->crl : NULL);
	mbedtls_ssl_conf_verify(&c->conf, tls_peer_check, c);
	err = mbedtls_ssl_conf_own_cert(&c->conf, &c->own, &c->key);
	if (err == 0 && c->server) {
		uint8_t digests[2 * SHA256_BYTES], bind[SHA256_BYTES];

		sha256(pems->ca, pems->ca_len, digests);
		sha256(pems->crt, pems->crt_len, digests + SHA256_BYTES);
		sha256(digests, sizeof(digests), bind);
		err = tls_tickets_open(c, pems->vault, bind);
	}
	return err == 0 ? RC_OK : keys_fail(diag, "set up TLS", err);
}

static enum rc
crt_parse(mbedtls_x509_crt *crt, const uint8_t *pem, size_t len, const char *what,
    struct diag *diag)
{
	int err = mbedtls_x509_crt_parse(crt, pem, len);

	return err == 0 ? RC_OK :
	    keys_fail(diag, what, err < 0 ? err : MBEDTLS_ERR_X509_BAD_INPUT_DATA);
}

enum rc
tls_config_server_pems(const struct tls_pems *pems, int signer_fd, struct tls_config **out,
    struct diag *diag)
{
	struct tls_config *c = NULL;
	enum rc rc = config_new(&c, true, diag);
	int err;

	*out = NULL;
	if (rc == RC_OK)
		rc = crt_parse(&c->ca, pems->ca, pems->ca_len, "read ca.crt", diag);
	if (rc == RC_OK)
		rc = crt_parse(&c->own, pems->crt, pems->crt_len, "read server.crt", diag);
	if (rc == RC_OK && pems->crl != NULL) {
		err = mbedtls_x509_crl_parse(&c->crl, pems->crl, pems->crl_len);
		c->has_crl = err == 0;
		rc = err == 0 ? RC_OK : keys_fail(diag, "read ca.crl", err);
	}
	if (rc == RC_OK)
		rc = tls_key_open(signer_fd, &c->own.pk, &c->key, diag);
	if (rc == RC_OK)
		rc = config_settle(c, pems, diag);
	if (rc == RC_OK)
		*out = c;
	else
		tls_config_put(&c);
	return rc;
}

enum rc
tls_config_server(const char *dir, int signer_fd, struct tls_config **out, struct diag *diag)
{
	uint8_t *ca = NULL, *crt = NULL, *crl = NULL;
	struct tls_pems pems = { 0 };
	char path[4096];
	enum rc rc;

	*out = NULL;
	rc = keys_pem_read(dir, "ca.crt", &ca, &pems.ca_len, diag);
	if (rc == RC_OK)
		rc = keys_pem_read(dir, "server.crt", &crt, &pems.crt_len, diag);
	if (rc == RC_OK && snprintf(path, sizeof(path), "%s/ca.crl", dir) < (int)sizeof(path) &&
	    access(path, F_OK) == 0)
		rc = keys_pem_read(dir, "ca.crl", &crl, &pems.crl_len, diag);
	pems.ca = ca;
	pems.crt = crt;
	pems.crl = crl;
	if (rc == RC_OK)
		rc = tls_config_server_pems(&pems, signer_fd, out, diag);
	free(ca);
	free(crt);
	free(crl);
	return rc;
}

enum rc
tls_config_client(const char *ca, const char *crt, const char *key, struct tls_config **out,
    struct diag *diag)
{
	struct tls_config *c = NULL;
	enum rc rc = config_new(&c, false, diag);
	uint8_t *pem = NULL;
	size_t len = 0;
	int err;

	*out = NULL;
	if (rc == RC_OK)
		rc = keys_pem_read("", ca, &pem, &len, diag);
	if (rc == RC_OK)
		rc = crt_parse(&c->ca, pem, len, "read the CA certificate", diag);
	free(pem);
	pem = NULL;
	if (rc == RC_OK)
		rc = keys_pem_read("", crt, &pem, &len, diag);
	if (rc == RC_OK)
		rc = crt_parse(&c->own, pem, len, "read the client certificate", diag);
	free(pem);
	pem = NULL;
	if (rc == RC_OK)
		rc = keys_pem_read("", key, &pem, &len, diag);
	if (rc == RC_OK) {
		err = mbedtls_pk_parse_key(&c->key, pem, len, NULL, 0, mbedtls_ctr_drbg_random,
		    &c->rng.drbg);
		mem_wipe(pem, len);
		rc = err == 0 ? config_settle(c, NULL, diag) :
		    keys_fail(diag, "read the client key", err);
	}
	free(pem);
	if (rc == RC_OK)
		*out = c;
	else
		tls_config_put(&c);
	return rc;
}
