/* SPDX-License-Identifier: Apache-2.0 */
/* keys_test - a set of keys made, extended, revoked; what exists is never overwritten. */
#include "t.h"

#include <sys/stat.h>
#include <unistd.h>

#include "keys.h"
#include "keys_ca.h"

#include "mbedtls/x509_crl.h"
#include "mbedtls/x509_crt.h"

static char dir[40], root[] = "/tmp/keys_test.XXXXXX";

static const char *
path(const char *name)
{
	static char out[128];

	snprintf(out, sizeof(out), "%s/%s", dir, name);
	return out;
}

static int
crt_load(mbedtls_x509_crt *crt, const char *name)
{
	struct diag d = { 0 };
	uint8_t *pem;
	size_t len;
	int err;

	mbedtls_x509_crt_init(crt);
	if (keys_pem_read(dir, name, &pem, &len, &d) != RC_OK)
		return -1;
	err = mbedtls_x509_crt_parse(crt, pem, len);
	free(pem);
	return err;
}

static int
crl_load(mbedtls_x509_crl *crl)
{
	struct diag d = { 0 };
	uint8_t *pem;
	size_t len;
	int err;

	mbedtls_x509_crl_init(crl);
	if (keys_pem_read(dir, "ca.crl", &pem, &len, &d) != RC_OK)
		return -1;
	err = mbedtls_x509_crl_parse(crl, pem, len);
	free(pem);
	return err;
}

static void
test_init(void)
{
	static const char *const sans[] = { "nic-7.example", "192.0.2.7", "fd00::7" };
	static const char *const names[] = { "ca.crt", "ca.key", "server.crt", "server.key",
		"client.crt", "client.key" };
	struct diag d = { 0 };
	struct stat st;

	T_IS_INT(keys_init(dir, sans, 3, &d), RC_OK);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		T_IS_INT(stat(path(names[i]), &st), 0);
		T_IS_INT(st.st_mode & 07777, 0600);
	}
	T_IS_INT(keys_init(dir, sans, 3, &d), RC_CONFLICT);
	T_IS_STR(d.code, "keys-exist");
	T_IS_INT(keys_init(path("none/below"), sans, 0, &d), RC_IO);
}

static void
test_verify(void)
{
	static const char *const leafs[] = { "server.crt", "client.crt", "eye.crt" };
	struct diag d = { 0 };
	mbedtls_x509_crt ca;
	uint32_t flags;

	T_IS_INT(keys_client(dir, "eye", KEYS_VIEW, &d), RC_OK);
	T_IS_INT(crt_load(&ca, "ca.crt"), 0);
	for (size_t i = 0; i < ARRAY_LEN(leafs); i++) {
		mbedtls_x509_crt leaf;

		T_IS_INT(crt_load(&leaf, leafs[i]), 0);
		T_IS_INT(mbedtls_x509_crt_verify(&leaf, &ca, NULL, NULL, &flags, NULL, NULL), 0);
		mbedtls_x509_crt_free(&leaf);
	}
	mbedtls_x509_crt_free(&ca);
	T_IS_INT(keys_client(dir, "eye", KEYS_VIEW, &d), RC_CONFLICT);
	T_IS_INT(keys_client(dir, "../eye", KEYS_VIEW, &d), RC_INVALID);
	T_IS_INT(keys_client(dir, "", KEYS_VIEW, &d), RC_INVALID);
}

static void
test_revoke(void)
{
	struct diag d = { 0 };
	char crt[128];
	mbedtls_x509_crl crl;
	mbedtls_x509_crt ca, leaf;
	uint32_t flags = 0;
	int count = 0;

	snprintf(crt, sizeof(crt), "%s", path("eye.crt"));
	T_IS_INT(keys_revoke(dir, crt, &d), RC_OK);
	T_IS_INT(keys_revoke(dir, crt, &d), RC_OK);
	snprintf(crt, sizeof(crt), "%s", path("client.crt"));
	T_IS_INT(keys_revoke(dir, crt, &d), RC_OK);
	T_IS_INT(crl_load(&crl), 0);
	for (const mbedtls_x509_crl_entry *e = &crl.entry; e != NULL && e->serial.len > 0;
	    e = e->next)
		count++;
	T_IS_INT(count, 2);
	T_IS_INT(crt_load(&ca, "ca.crt"), 0);
	T_IS_INT(crt_load(&leaf, "client.crt"), 0);
	T_OK(mbedtls_x509_crt_verify(&leaf, &ca, &crl, NULL, &flags, NULL, NULL) != 0);
	T_IS_UINT(flags, MBEDTLS_X509_BADCERT_REVOKED);
	mbedtls_x509_crt_free(&leaf);
	T_IS_INT(crt_load(&leaf, "server.crt"), 0);
	T_IS_INT(mbedtls_x509_crt_verify(&leaf, &ca, &crl, NULL, &flags, NULL, NULL), 0);
	mbedtls_x509_crt_free(&leaf);
	mbedtls_x509_crt_free(&ca);
	mbedtls_x509_crl_free(&crl);
	T_IS_INT(keys_revoke(dir, "/nonexistent", &d), RC_IO);
}

static void
test_openssl(void)
{
	char cmd[600];

	if (access("/usr/bin/openssl", X_OK) != 0)
		T_SKIP("openssl is not installed");
	snprintf(cmd, sizeof(cmd), "openssl verify -purpose sslserver -CAfile %s/ca.crt "
	    "%s/server.crt "
	    ">/dev/null && openssl x509 -in %s/server.crt -noout -ext subjectAltName | "
	    "grep -q '192.0.2.7, DNS:nic-7.example' && openssl crl -in %s/ca.crl -CAfile %s/ca.crt "
	    "-noout 2>&1 | grep -q 'verify OK'", dir, dir, dir, dir, dir);
	T_IS_INT(system(cmd), 0);
}

int
main(void)
{
	char cmd[128];

	if (mkdtemp(root) == NULL)
		return 1;
	snprintf(dir, sizeof(dir), "%s/keys", root);
	T_RUN(test_init);
	T_RUN(test_verify);
	T_RUN(test_revoke);
	T_RUN(test_openssl);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", root);
	if (system(cmd) != 0)
		return 1;
	return t_done();
}
