/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_ticket - whom a ticket was given to, and the keys of tickets.
 *
 * The library's tickets of TLS 1.3 carry no certificate, so a resumed session has no peer to judge.
 * Each config remembers its newest tickets, by a digest, with the peer that earned them; one that
 * it does not know means a whole handshake, and no harm. The keys are made here and not by the
 * library, for it does not give its own away: the vault keeps both for the config that follows.
 */
#include "tls_impl.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "clock.h"
#include "tls_vault.h"

struct tls_tickets {
	uint32_t next;			/* number of the next; 0 is skipped */
	uint8_t *vault;			/* written only, once it is taken; NULL = none */
	struct tls_vault_head head;
	struct tls_ticket ring[TLS_TICKETS];
};

static uint64_t
now_s(void)
{
	return clock_wall_ns() / NS_PER_S;
}

static bool
key_serves(const struct tls_ticket_key *k, uint64_t now)
{
	return k->made_s != 0 && k->made_s <= now && now - k->made_s < TLS_TICKET_S;
}

static int
key_use(struct tls_config *cfg, const struct tls_ticket_key *k)
{
	return mbedtls_ssl_ticket_rotate(&cfg->ticket_keys, k->name, sizeof(k->name), k->key,
	    sizeof(k->key), TLS_TICKET_S);
}

static int
key_make(struct tls_config *cfg, struct tls_ticket_key *k)
{
	int err = mbedtls_ctr_drbg_random(&cfg->rng.drbg, k->name, sizeof(k->name));

	if (err == 0)
		err = mbedtls_ctr_drbg_random(&cfg->rng.drbg, k->key, sizeof(k->key));
	k->made_s = now_s();
	return err;
}

/* A fresh key where the newer has had its time; always before the library would make its own. */
static int
keys_turn(struct tls_config *cfg)
{
	struct tls_tickets *all = cfg->tickets;
	struct tls_ticket_key fresh;
	int err;

	if (key_serves(&all->head.newer, now_s()))
		return 0;
	err = key_make(cfg, &fresh);
	if (err == 0)
		err = key_use(cfg, &fresh);
	if (err == 0) {
		all->head.older = all->head.newer;
		all->head.newer = fresh;
		if (all->vault != NULL)
			tls_vault_head_put(all->vault, &all->head);
	}
	mem_wipe(&fresh, sizeof(fresh));
	return err;
}

/* What an earlier config left, if it had the same files; else the vault begins anew. */
static int
vault_take(struct tls_config *cfg, const uint8_t bind[SHA256_BYTES])
{
	struct tls_tickets *all = cfg->tickets;
	uint8_t *p = all->vault;
	struct tls_ticket t;
	int err = 0;

	if (!tls_vault_head_get(p, &all->head) ||
	    memcmp(all->head.bind, bind, SHA256_BYTES) != 0) {
		mem_wipe(p, TLS_VAULT_BYTES);
		mem_wipe(&all->head, sizeof(all->head));
		memcpy(all->head.bind, bind, SHA256_BYTES);
		return 0;
	}
	for (uint32_t i = 0; i < TLS_TICKETS; i++) {
		p += TLS_VAULT_SLOT_BYTES;
		if (!tls_vault_ticket_get(p, &t) || t.number % TLS_TICKETS != i)
			continue;
		all->ring[i] = t;
		all->next = MAX(all->next, t.number + 1);
	}
	if (all->head.older.made_s != 0)
		err = key_use(cfg, &all->head.older);
	return err == 0 && all->head.newer.made_s != 0 ? key_use(cfg, &all->head.newer) : err;
}

void
tls_tickets_leave(struct tls_config *cfg)
{
	if (cfg != NULL && cfg->tickets != NULL)
		cfg->tickets->vault = NULL;
}

void
tls_tickets_free(struct tls_config *cfg)
{
	if (cfg->tickets != NULL)
		mem_wipe(cfg->tickets, sizeof(*cfg->tickets));
	free(cfg->tickets);
	cfg->tickets = NULL;
}

static int
ticket_write(void *arg, const mbedtls_ssl_session *session, unsigned char *start,
    const unsigned char *end, size_t *len, uint32_t *lifetime)
{
	struct tls_config *cfg = arg;
	struct tls_tickets *all = cfg->tickets;
	struct tls_conn *c = cfg->turn;
	uint32_t at = all->next % TLS_TICKETS;
	struct tls_ticket *t = &all->ring[at];
	int err = keys_turn(cfg);

	CHECK(c != NULL);
	if (err == 0)
		err = mbedtls_ssl_ticket_write(&cfg->ticket_keys, session, start, end, len,
		    lifetime);
	if (err != 0)
		return err;
	tls_peer_read(c);
	t->number = all->next;
	sha256(start, *len, t->digest);
	t->peer = c->peer;
	t->until = c->until;
	t->chained = c->chained;
	all->next = all->next == UINT32_MAX ? TLS_TICKETS : all->next + 1;
	if (all->vault != NULL && !c->chained)
		tls_vault_ticket_put(all->vault + (size_t)(at + 1) * TLS_VAULT_SLOT_BYTES, t);
	return 0;
}

static const struct tls_ticket *
ticket_find(const struct tls_tickets *all, const uint8_t digest[SHA256_BYTES])
{
	for (uint32_t i = 0; i < TLS_TICKETS; i++)
		if (all->ring[i].number != 0 &&
		    memcmp(all->ring[i].digest, digest, SHA256_BYTES) == 0)
			return &all->ring[i];
	return NULL;
}

static int
ticket_parse(void *arg, mbedtls_ssl_session *session, unsigned char *p, size_t len)
{
	struct tls_config *cfg = arg;
	const struct tls_ticket *t;
	uint8_t digest[SHA256_BYTES];
	int err;

	CHECK(cfg->turn != NULL);
	sha256(p, len, digest);		/* it is decrypted in place */
	t = ticket_find(cfg->tickets, digest);
	if (t == NULL)
		return MBEDTLS_ERR_SSL_INVALID_MAC;
	if (mbedtls_x509_time_is_past(&t->until) || tls_peer_revoked(cfg, &t->peer))
		return MBEDTLS_ERR_SSL_SESSION_TICKET_EXPIRED;
	err = keys_turn(cfg);
	if (err == 0)
		err = mbedtls_ssl_ticket_parse(&cfg->ticket_keys, session, p, len);
	if (err != 0)
		return err;
	cfg->turn->peer = t->peer;
	cfg->turn->peer.resumed = true;
	cfg->turn->until = t->until;
	cfg->turn->chained = t->chained;
	return 0;
}

int
tls_tickets_open(struct tls_config *cfg, uint8_t *vault, const uint8_t bind[SHA256_BYTES])
{
	int err;

	cfg->tickets = calloc(1, sizeof(*cfg->tickets));
	if (cfg->tickets == NULL)
		return MBEDTLS_ERR_SSL_ALLOC_FAILED;
	cfg->tickets->next = 1;
	cfg->tickets->vault = vault;
	err = mbedtls_ssl_ticket_setup(&cfg->ticket_keys, mbedtls_ctr_drbg_random,
	    &cfg->rng.drbg, MBEDTLS_CIPHER_AES_256_GCM, TLS_TICKET_S);
	if (err == 0 && vault != NULL)
		err = vault_take(cfg, bind);
	if (err == 0)
		err = keys_turn(cfg);
	mbedtls_ssl_conf_session_tickets_cb(&cfg->conf, ticket_write, ticket_parse, cfg);
	mbedtls_ssl_conf_new_session_tickets(&cfg->conf, 1);
	return err;
}
