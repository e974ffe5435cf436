/* SPDX-License-Identifier: Apache-2.0 */
/* keys - a small CA: keys and certificates by mbedTLS, files that appear whole. */
#include "keys.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"
#include "clock.h"
#include "file.h"
#include "hash.h"

#include "mbedtls/ecp.h"
#include "mbedtls/oid.h"
#include "mbedtls/pk.h"
#include "mbedtls/x509_crt.h"

#include "keys_ca.h"

enum { PEM_BYTES_MAX = 4096, SERIAL_BYTES = 16, KEY_ID_BYTES = 20 };

static const char *const role_names[KEYS_ROLE__COUNT] = { "view", "operate" };

const char *
keys_role_name(enum keys_role role)
{
	CHECK(role < KEYS_ROLE__COUNT);
	return role_names[role];
}

bool
keys_role_parse(const char *text, enum keys_role *out)
{
	for (int i = 0; i < KEYS_ROLE__COUNT; i++)
		if (strcmp(text, role_names[i]) == 0) {
			*out = (enum keys_role)i;
			return true;
		}
	return false;
}

static int
key_make(mbedtls_pk_context *key, struct keys_rng *rng)
{
	int err = mbedtls_pk_setup(key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));

	if (err == 0)
		err = mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(*key),
		    mbedtls_ctr_drbg_random, &rng->drbg);
	return err;
}

/* What a certificate is for. */
struct cert_spec {
	const char *subject, *issuer;
	mbedtls_pk_context *key, *issuer_key;
	int days;
	bool ca;
	const char *usage;		/* extended key usage, NULL = none */
	size_t usage_len;
	mbedtls_x509_san_list *sans;
};

/* Usage bits and extensions by what the certificate is for. */
static int
cert_extend(mbedtls_x509write_cert *w, const struct cert_spec *spec)
{
	mbedtls_asn1_sequence eku = { .buf = { .tag = MBEDTLS_ASN1_OID, .len = spec->usage_len,
	    .p = (unsigned char *)(uintptr_t)spec->usage }, .next = NULL };
	int err;

	err = mbedtls_x509write_crt_set_basic_constraints(w, spec->ca, spec->ca ? 0 : -1);
	if (err == 0)
		err = mbedtls_x509write_crt_set_key_usage(w, spec->ca ?
		    MBEDTLS_X509_KU_KEY_CERT_SIGN | MBEDTLS_X509_KU_CRL_SIGN :
		    MBEDTLS_X509_KU_DIGITAL_SIGNATURE);
	if (err == 0 && spec->usage != NULL)
		err = mbedtls_x509write_crt_set_ext_key_usage(w, &eku);
	if (err == 0 && spec->sans != NULL)
		err = mbedtls_x509write_crt_set_subject_alternative_name(w, spec->sans);
	return err;
}

/* Left 160 bits of the SHA-256 of a public key: RFC 7093 section 2, method 1. */
static int
key_id(mbedtls_pk_context *key, unsigned char id[KEY_ID_BYTES])
{
	unsigned char buf[256], *p = buf + sizeof(buf);
	uint8_t digest[SHA256_BYTES];
	int n = mbedtls_pk_write_pubkey(&p, buf, key);

	if (n < 0)
		return n;
	sha256(p, (size_t)n, digest);
	memcpy(id, digest, KEY_ID_BYTES);
	return 0;
}

/* Subject and authority key identifiers: OCTET STRING, and SEQUENCE { [0] id }. */
static int
key_identify(mbedtls_x509write_cert *w, const struct cert_spec *spec)
{
	unsigned char ski[2 + KEY_ID_BYTES] = { MBEDTLS_ASN1_OCTET_STRING, KEY_ID_BYTES };
	unsigned char aki[4 + KEY_ID_BYTES] = {
		MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE, 2 + KEY_ID_BYTES,
		MBEDTLS_ASN1_CONTEXT_SPECIFIC, KEY_ID_BYTES };
	int err = key_id(spec->key, ski + 2);

	if (err == 0)
		err = key_id(spec->issuer_key, aki + 4);
	if (err == 0)
		err = mbedtls_x509write_crt_set_extension(w, MBEDTLS_OID_SUBJECT_KEY_IDENTIFIER,
		    MBEDTLS_OID_SIZE(MBEDTLS_OID_SUBJECT_KEY_IDENTIFIER), 0, ski, sizeof(ski));
	if (err == 0)
		err = mbedtls_x509write_crt_set_extension(w, MBEDTLS_OID_AUTHORITY_KEY_IDENTIFIER,
		    MBEDTLS_OID_SIZE(MBEDTLS_OID_AUTHORITY_KEY_IDENTIFIER), 0, aki, sizeof(aki));
	return err;
}

static int
cert_make(const struct cert_spec *spec, struct keys_rng *rng, char pem[PEM_BYTES_MAX])
{
	char from[KEYS_TIME_BYTES], to[KEYS_TIME_BYTES];
	uint64_t now = clock_wall_ns();
	unsigned char serial[SERIAL_BYTES];
	mbedtls_x509write_cert w;
	int err;

	mbedtls_x509write_crt_init(&w);
	/* an hour back: clocks differ */
	keys_time(now - 3600 * NS_PER_S, 0, from);
	keys_time(now, spec->days, to);
	mbedtls_x509write_crt_set_version(&w, MBEDTLS_X509_CRT_VERSION_3);
	mbedtls_x509write_crt_set_md_alg(&w, MBEDTLS_MD_SHA256);
	mbedtls_x509write_crt_set_subject_key(&w, spec->key);
	mbedtls_x509write_crt_set_issuer_key(&w, spec->issuer_key);
	err = mbedtls_ctr_drbg_random(&rng->drbg, serial, sizeof(serial));
	serial[0] = (unsigned char)((serial[0] & 0x7f) | 1);	/* positive, never zero */
	if (err == 0)
		err = mbedtls_x509write_crt_set_serial_raw(&w, serial, sizeof(serial));
	if (err == 0)
		err = mbedtls_x509write_crt_set_validity(&w, from, to);
	if (err == 0)
		err = mbedtls_x509write_crt_set_subject_name(&w, spec->subject);
	if (err == 0)
		err = mbedtls_x509write_crt_set_issuer_name(&w, spec->issuer);
	if (err == 0)
		err = cert_extend(&w, spec);
	if (err == 0)
		err = key_identify(&w, spec);
	if (err == 0)
		err = mbedtls_x509write_crt_pem(&w, (unsigned char *)pem, PEM_BYTES_MAX,
		    mbedtls_ctr_drbg_random, &rng->drbg);
	mbedtls_x509write_crt_free(&w);
	return err;
}

static enum rc
pem_save(const char *dir, const char *name, const char *suffix, const char *pem, struct diag *diag)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%s%s", dir, name, suffix) >= (int)sizeof(path)) {
		diag_set(diag, "path-length", "path too long: %s/%s%s", dir, name, suffix);
		return RC_LIMIT;
	}
	return file_replace(path, pem, strlen(pem), 0600, diag);
}

/* Makes the certificate of a fresh or given key and saves both under dir/NAME. */
static enum rc
cert_save(const char *dir, const char *name, const struct cert_spec *spec, struct keys_rng *rng,
    struct diag *diag)
{
	char pem[PEM_BYTES_MAX];
	enum rc rc;
	int err = cert_make(spec, rng, pem);

	if (err != 0)
		return keys_fail(diag, "make a certificate", err);
	rc = pem_save(dir, name, ".crt", pem, diag);
	if (rc != RC_OK)
		return rc;
	err = mbedtls_pk_write_key_pem(spec->key, (unsigned char *)pem, sizeof(pem));
	rc = err == 0 ? pem_save(dir, name, ".key", pem, diag)
		      : keys_fail(diag, "write a key", err);
	mem_wipe(pem, sizeof(pem));
	return rc;
}

struct san_room {
	mbedtls_x509_san_list nodes[KEYS_SANS_MAX + 3];
	unsigned char bytes[KEYS_SANS_MAX + 3][16];
	uint32_t count;
};

static bool
san_add(struct san_room *room, const char *text)
{
	mbedtls_x509_san_list *node = &room->nodes[room->count];
	size_t n = mbedtls_x509_crt_parse_cn_inet_pton(text, room->bytes[room->count]);

	if (room->count == ARRAY_LEN(room->nodes) || text[0] == '\0' || strlen(text) > 253)
		return false;
	node->node.type = n != 0 ? MBEDTLS_X509_SAN_IP_ADDRESS : MBEDTLS_X509_SAN_DNS_NAME;
	node->node.san.unstructured_name.p = n != 0 ? room->bytes[room->count] :
	    (unsigned char *)(uintptr_t)text;
	node->node.san.unstructured_name.len = n != 0 ? n : strlen(text);
	node->next = NULL;
	if (room->count > 0)
		room->nodes[room->count - 1].next = node;
	room->count++;
	return true;
}

static enum rc
sans_fill(struct san_room *room, const char *const *sans, uint32_t san_count, struct diag *diag)
{
	static const char *const always[] = { "localhost", "127.0.0.1", "::1" };

	memset(room, 0, sizeof(*room));
	if (san_count > KEYS_SANS_MAX) {
		diag_set(diag, "sans", "%u names; the limit is %d", san_count, KEYS_SANS_MAX);
		return RC_LIMIT;
	}
	for (size_t i = 0; i < ARRAY_LEN(always); i++)
		CHECK(san_add(room, always[i]));
	for (uint32_t i = 0; i < san_count; i++)
		if (!san_add(room, sans[i])) {
			diag_set(diag, "sans", "\"%s\" is no name and no address", sans[i]);
			return RC_INVALID;
		}
	return RC_OK;
}

/* The whole set into an existing directory that nobody else looks at yet. */
static enum rc
set_make(const char *dir, struct san_room *room, struct diag *diag)
{
	static const char ca_name[] = "CN=ringfence CA,O=ringfence";
	mbedtls_pk_context ca, server, client;
	struct keys_rng rng;
	enum rc rc = keys_rng_open(&rng, diag);
	int err = 0;

	mbedtls_pk_init(&ca);
	mbedtls_pk_init(&server);
	mbedtls_pk_init(&client);
	if (rc != RC_OK)
		goto out;
	err = key_make(&ca, &rng);
	if (err == 0)
		err = key_make(&server, &rng);
	if (err == 0)
		err = key_make(&client, &rng);
	if (err != 0) {
		rc = keys_fail(diag, "make a key", err);
		goto out;
	}
	rc = cert_save(dir, "ca", &(struct cert_spec){ .subject = ca_name, .issuer = ca_name,
	    .key = &ca, .issuer_key = &ca, .days = KEYS_CA_DAYS, .ca = true }, &rng, diag);
	if (rc == RC_OK)
		rc = cert_save(dir, "server", &(struct cert_spec){
		    .subject = "CN=ringfence server,O=ringfence", .issuer = ca_name, .key = &server,
		    .issuer_key = &ca, .days = KEYS_DAYS, .usage = MBEDTLS_OID_SERVER_AUTH,
		    .usage_len = MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH), .sans = room->nodes },
		    &rng, diag);
	if (rc == RC_OK)
		rc = cert_save(dir, "client", &(struct cert_spec){
		    .subject = "CN=client,OU=operate,O=ringfence", .issuer = ca_name,
		    .key = &client, .issuer_key = &ca, .days = KEYS_DAYS,
		    .usage = MBEDTLS_OID_CLIENT_AUTH,
		    .usage_len = MBEDTLS_OID_SIZE(MBEDTLS_OID_CLIENT_AUTH) }, &rng, diag);
out:
	mbedtls_pk_free(&ca);
	mbedtls_pk_free(&server);
	mbedtls_pk_free(&client);
	keys_rng_close(&rng);
	return rc;
}

static void
dir_remove(const char *dir)
{
	static const char *const names[] = { "ca.crt", "ca.key", "server.crt", "server.key",
		"client.crt", "client.key" };
	char path[PATH_MAX];

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (snprintf(path, sizeof(path), "%s/%s", dir, names[i]) < (int)sizeof(path))
			unlink(path);
	rmdir(dir);
}

enum rc
keys_init(const char *dir, const char *const *sans, uint32_t san_count, struct diag *diag)
{
	struct san_room room;
	char tmp[PATH_MAX];
	enum rc rc;
	size_t n = strlen(dir);

	while (n > 1 && dir[n - 1] == '/')
		n--;
	rc = sans_fill(&room, sans, san_count, diag);
	if (rc != RC_OK)
		return rc;
	if (n + sizeof(".new") > sizeof(tmp)) {
		diag_set(diag, "path-length", "path too long: %s", dir);
		return RC_LIMIT;
	}
	snprintf(tmp, sizeof(tmp), "%.*s.new", (int)n, dir);
	dir_remove(tmp);
	if (mkdir(tmp, 0700) != 0) {
		rc = rc_from_errno(errno);
		diag_set(diag, "io", "cannot make %s: %s", tmp, strerror(errno));
		return rc;
	}
	rc = set_make(tmp, &room, diag);
	/* rename() takes an empty directory's place, and refuses one with anything in it */
	if (rc == RC_OK && rename(tmp, dir) != 0) {
		rc = errno == ENOTEMPTY || errno == EEXIST ? RC_CONFLICT : rc_from_errno(errno);
		diag_set(diag, "keys-exist", "cannot make %s: %s", dir, strerror(errno));
		diag_hint(diag, "keys are never overwritten; name a new directory");
	}
	if (rc != RC_OK)
		dir_remove(tmp);
	return rc;
}

static bool
name_valid(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n > KEYS_NAME_BYTES_MAX || name[0] == '.')
		return false;
	for (size_t i = 0; i < n; i++)
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_",
		    name[i]) == NULL)
			return false;
	return true;
}

enum rc
keys_client(const char *dir, const char *name, enum keys_role role, struct diag *diag)
{
	char subject[256], path[PATH_MAX];
	mbedtls_pk_context key;
	struct keys_ca ca;
	enum rc rc;
	int err;

	if (!name_valid(name)) {
		diag_set(diag, "name", "\"%.80s\" is no name for a certificate", name);
		diag_hint(diag, "letters, digits, '.', '-' and '_', at most %d",
		    KEYS_NAME_BYTES_MAX);
		return RC_INVALID;
	}
	snprintf(path, sizeof(path), "%s/%s.crt", dir, name);
	if (access(path, F_OK) == 0) {
		diag_set(diag, "keys-exist", "%s exists", path);
		return RC_CONFLICT;
	}
	mbedtls_pk_init(&key);
	rc = keys_ca_open(&ca, dir, diag);
	if (rc != RC_OK)
		goto out;
	err = key_make(&key, &ca.rng);
	if (err != 0) {
		rc = keys_fail(diag, "make a key", err);
		goto out;
	}
	snprintf(subject, sizeof(subject), "CN=%s,OU=%s,O=ringfence", name, role_names[role]);
	rc = cert_save(dir, name, &(struct cert_spec){ .subject = subject, .issuer = ca.name,
	    .key = &key, .issuer_key = &ca.key, .days = KEYS_DAYS, .usage = MBEDTLS_OID_CLIENT_AUTH,
	    .usage_len = MBEDTLS_OID_SIZE(MBEDTLS_OID_CLIENT_AUTH) }, &ca.rng, diag);
out:
	mbedtls_pk_free(&key);
	keys_ca_close(&ca);
	return rc;
}
