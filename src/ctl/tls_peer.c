/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_peer - the certificate of a peer: what the library lets pass and this channel does not, and
 * what is kept of it. The library judges dates, signatures, usage and the revocation list.
 */
#include "tls_impl.h"

#include <string.h>

#include "bytes.h"

enum { EXTENSIONS_MAX = 32, ENTRY_HEAD_BYTES = 3, LIST_HEAD_BYTES = 4 + 1 + 3 };

static const char *const chain_long = "its chain is too long";

/* What a DER value says of its own length; 0 where it is none within len bytes. */
static size_t
der_bytes(const uint8_t *p, size_t len)
{
	unsigned char *at = (unsigned char *)(uintptr_t)p;
	size_t n = 0;

	if (mbedtls_asn1_get_tag(&at, p + len, &n, MBEDTLS_ASN1_CONSTRUCTED |
	    MBEDTLS_ASN1_SEQUENCE) != 0)
		return 0;
	return (size_t)(at - p) + n;
}

/* Each certificate of the message fills its entry: the library reads the first value and passes
 * over what follows it. NULL where that is so. */
static const char *
entries_wrong(const struct tls_conn *c)
{
	static const char *const malformed = "bytes follow a certificate";
	const uint8_t *msg = c->ssl.MBEDTLS_PRIVATE(in_msg);
	size_t len = c->ssl.MBEDTLS_PRIVATE(in_hslen);
	struct rd r;

	rd_init(&r, msg, len);
	if (len < LIST_HEAD_BYTES || rd_u8(&r) != MBEDTLS_SSL_HS_CERTIFICATE ||
	    rd_bytes(&r, LIST_HEAD_BYTES - 1) == NULL || msg[4] != 0)
		return malformed;
	for (int count = 0; rd_left(&r) > 0; count++) {
		const uint8_t *head = rd_bytes(&r, ENTRY_HEAD_BYTES), *der;
		size_t n = head == NULL ? 0 : (size_t)head[0] << 16 | (size_t)head[1] << 8 |
		    head[2];

		if (count == TLS_CHAIN_MAX)
			return chain_long;
		der = rd_bytes(&r, n);
		if (der == NULL || n == 0 || der_bytes(der, n) != n ||
		    (rd_bytes(&r, rd_be16(&r)) == NULL && !rd_done(&r)))
			return malformed;
	}
	return rd_done(&r) ? NULL : malformed;
}

/* The object identifier of the extension at *p, which moves behind it. */
static bool
extension_next(const unsigned char **p, const unsigned char *end, struct mbedtls_asn1_buf *oid)
{
	size_t n = der_bytes(*p, (size_t)(end - *p));
	unsigned char *at = (unsigned char *)(uintptr_t)*p;
	size_t len;

	if (n == 0 || n > (size_t)(end - *p) || mbedtls_asn1_get_tag(&at, *p + n, &len,
	    MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE) != 0 ||
	    mbedtls_asn1_get_tag(&at, *p + n, &oid->len, MBEDTLS_ASN1_OID) != 0)
		return false;
	oid->p = at;
	*p += n;
	return true;
}

/* RFC 5280 4.2: each extension once. The library sees to those that it knows. */
static bool
extensions_once(const mbedtls_x509_crt *crt)
{
	struct mbedtls_asn1_buf seen[EXTENSIONS_MAX];
	const unsigned char *end = crt->v3_ext.p + crt->v3_ext.len, *p = crt->v3_ext.p;
	unsigned char *at = crt->v3_ext.p;
	uint32_t count = 0;
	size_t len;

	if (crt->v3_ext.len == 0)
		return true;
	if (mbedtls_asn1_get_tag(&at, end, &len, MBEDTLS_ASN1_CONSTRUCTED |
	    MBEDTLS_ASN1_SEQUENCE) != 0)
		return false;
	for (p = at; p < end; count++) {
		if (count == EXTENSIONS_MAX || !extension_next(&p, end, &seen[count]))
			return false;
		for (uint32_t i = 0; i < count; i++)
			if (seen[i].len == seen[count].len &&
			    memcmp(seen[i].p, seen[count].p, seen[i].len) == 0)
				return false;
	}
	return true;
}

/* A subject has one name, and at most one unit, which is a role: NULL where that is so. */
static const char *
subject_wrong(const mbedtls_x509_crt *crt, enum keys_role *role)
{
	uint32_t names = 0, units = 0;

	*role = KEYS_VIEW;
	for (const mbedtls_x509_name *n = &crt->subject; n != NULL; n = n->next) {
		char text[16] = "";

		if (MBEDTLS_OID_CMP(MBEDTLS_OID_AT_CN, &n->oid) == 0)
			names += n->val.len > 0 ? 1 : 2;
		if (MBEDTLS_OID_CMP(MBEDTLS_OID_AT_ORG_UNIT, &n->oid) != 0)
			continue;
		units++;
		if (n->val.len < sizeof(text) && memchr(n->val.p, 0, n->val.len) == NULL)
			memcpy(text, n->val.p, n->val.len);
		if (!keys_role_parse(text, role))
			return "the unit (OU) of its subject is neither view nor operate";
	}
	if (units > 1)
		return "its subject has more than one unit (OU)";
	return names == 1 ? NULL : "its subject has not one name (CN)";
}

static const char *
leaf_wrong(const struct tls_conn *c, const mbedtls_x509_crt *crt)
{
	const char *why = entries_wrong(c);
	enum keys_role role;

	if (why != NULL)
		return why;
	if (crt->MBEDTLS_PRIVATE(ca_istrue))	/* such a one is nobody's peer */
		return "it may sign certificates";
	if (!c->cfg->server)
		return NULL;
	if (!mbedtls_x509_crt_has_ext_type(crt, MBEDTLS_X509_EXT_EXTENDED_KEY_USAGE))
		return "it names no usage; clientAuth is wanted";
	return subject_wrong(crt, &role);
}

int
tls_peer_check(void *ctx, mbedtls_x509_crt *crt, int depth, uint32_t *flags)
{
	struct tls_config *cfg = ctx;
	struct tls_conn *c = cfg->turn;
	const char *why = NULL;

	CHECK(c != NULL && depth >= 0);
	/* RFC 5280 6.1: a list that is past its next update still revokes whom it names; since it
	 * is a file of this machine, its age alone shuts nobody out. status tells of it. */
	*flags &= ~(uint32_t)(MBEDTLS_X509_BADCRL_EXPIRED | MBEDTLS_X509_BADCRL_FUTURE);
	if (depth > 1)
		c->chained = true;
	if (depth >= TLS_CHAIN_MAX)
		why = chain_long;
	else if (!extensions_once(crt))
		why = "an extension stands twice, or there are too many";
	else if (depth == 0)
		why = leaf_wrong(c, crt);
	if (why != NULL) {
		*flags |= MBEDTLS_X509_BADCERT_OTHER;
		c->why = why;
	}
	return 0;
}

void
tls_peer_read(struct tls_conn *c)
{
	const mbedtls_x509_crt *crt = mbedtls_ssl_get_peer_cert(&c->ssl);

	if (crt == NULL)
		return;
	if (mbedtls_x509_dn_gets(c->peer.name, sizeof(c->peer.name), &crt->subject) < 0)
		snprintf(c->peer.name, sizeof(c->peer.name), "?");
	c->peer.serial_len = MIN(crt->serial.len, sizeof(c->peer.serial));
	memcpy(c->peer.serial, crt->serial.p, c->peer.serial_len);
	if (subject_wrong(crt, &c->peer.role) != NULL)
		c->peer.role = KEYS_VIEW;	/* a server's: it has none */
	c->peer.resumed = false;
	c->until = crt->valid_to;
}

bool
tls_peer_revoked(const struct tls_config *cfg, const struct tls_peer *peer)
{
	if (!cfg->has_crl)
		return false;
	for (const mbedtls_x509_crl *l = &cfg->crl; l != NULL; l = l->next)
		for (const mbedtls_x509_crl_entry *e = &l->entry; e != NULL && e->serial.len > 0;
		    e = e->next)
			if (e->serial.len == peer->serial_len &&
			    memcmp(e->serial.p, peer->serial, peer->serial_len) == 0)
				return true;
	return false;
}
