/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_ticket - whom a ticket was given to.
 *
 * The library's tickets of TLS 1.3 carry no certificate, so a resumed session has no peer to judge.
 * Each config remembers its newest tickets, by a digest, with the peer that earned them; one that
 * it does not know means a whole handshake, and no harm.
 */
#include "tls_impl.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"

struct ticket {
	uint8_t digest[SHA256_BYTES];
	struct tls_peer peer;
	mbedtls_x509_time until;	/* the certificate's end */
};

struct tls_tickets {
	uint32_t count;			/* ever */
	struct ticket ring[TLS_TICKETS];
};

struct tls_tickets *
tls_tickets_new(void)
{
	return calloc(1, sizeof(struct tls_tickets));
}

static int
ticket_write(void *arg, const mbedtls_ssl_session *session, unsigned char *start,
    const unsigned char *end, size_t *len, uint32_t *lifetime)
{
	struct tls_config *cfg = arg;
	struct tls_conn *c = cfg->turn;
	struct ticket *t = &cfg->tickets->ring[cfg->tickets->count % TLS_TICKETS];
	int err = mbedtls_ssl_ticket_write(&cfg->ticket_keys, session, start, end, len, lifetime);

	CHECK(c != NULL);
	if (err != 0)
		return err;
	tls_peer_read(c);
	sha256(start, *len, t->digest);
	t->peer = c->peer;
	t->until = c->until;
	cfg->tickets->count++;
	return 0;
}

static const struct ticket *
ticket_find(const struct tls_tickets *all, const uint8_t digest[SHA256_BYTES])
{
	uint32_t n = MIN(all->count, (uint32_t)TLS_TICKETS);

	for (uint32_t i = 0; i < n; i++)
		if (memcmp(all->ring[i].digest, digest, SHA256_BYTES) == 0)
			return &all->ring[i];
	return NULL;
}

static int
ticket_parse(void *arg, mbedtls_ssl_session *session, unsigned char *p, size_t len)
{
	struct tls_config *cfg = arg;
	const struct ticket *t;
	uint8_t digest[SHA256_BYTES];
	int err;

	CHECK(cfg->turn != NULL);
	sha256(p, len, digest);		/* it is decrypted in place */
	t = ticket_find(cfg->tickets, digest);
	if (t == NULL)
		return MBEDTLS_ERR_SSL_INVALID_MAC;
	if (mbedtls_x509_time_is_past(&t->until) || tls_peer_revoked(cfg, &t->peer))
		return MBEDTLS_ERR_SSL_SESSION_TICKET_EXPIRED;
	err = mbedtls_ssl_ticket_parse(&cfg->ticket_keys, session, p, len);
	if (err != 0)
		return err;
	cfg->turn->peer = t->peer;
	cfg->turn->peer.resumed = true;
	cfg->turn->until = t->until;
	return 0;
}

void
tls_tickets_use(struct tls_config *cfg)
{
	mbedtls_ssl_conf_session_tickets_cb(&cfg->conf, ticket_write, ticket_parse, cfg);
	mbedtls_ssl_conf_new_session_tickets(&cfg->conf, 1);
}
