/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_impl - what tls.c, tls_config.c, tls_peer.c and tls_ticket.c share; private to them.
 */
#ifndef TLS_IMPL_H
#define TLS_IMPL_H

#include "hash.h"
#include "keys_ca.h"
#include "tls.h"

#include "mbedtls/net_sockets.h"
#include "mbedtls/oid.h"
#include "mbedtls/pk.h"
#include "mbedtls/ssl.h"
#include "mbedtls/ssl_ticket.h"
#include "mbedtls/x509_crl.h"
#include "mbedtls/x509_crt.h"

struct tls_config {
	mbedtls_ssl_config conf;
	mbedtls_x509_crt ca, own;
	mbedtls_x509_crl crl;
	mbedtls_pk_context key;
	mbedtls_ssl_ticket_context ticket_keys;
	struct tls_tickets *tickets;
	struct tls_conn *turn;	/* whose handshake is stepped now */
	struct keys_rng rng;
	uint32_t holds;		/* the maker's and one a connection */
	bool server, has_crl;
};

struct tls_conn {
	mbedtls_ssl_context ssl;
	struct tls_config *cfg;
	struct tls_peer peer;
	mbedtls_x509_time until;	/* the end of the peer's certificate */
	const char *why;		/* tls_peer_check refused it; a constant */
	int fd;
	bool chained;			/* a certificate is between the peer's and the CA's */
	bool wants_write, ready;
	bool finished;		/* a server's Finished is out */
	bool spoke;		/* in this step of the handshake */
	size_t owed;		/* bytes of the step before that are still to be sent */
	size_t hello_pos, hello_len;
	uint8_t hello[];
};

/* The library calls it for each certificate of a chain, the leaf last. ctx: the config. */
int tls_peer_check(void *ctx, mbedtls_x509_crt *crt, int depth, uint32_t *flags);
/* The peer's name, serial, role and end, from its certificate; kept where a ticket gave them. */
void tls_peer_read(struct tls_conn *c);

/* vault: TLS_VAULT_BYTES, or NULL; its tickets are taken where they were given under the same bind.
 * An error is the library's. */
MUST_CHECK int tls_tickets_open(struct tls_config *cfg, uint8_t *vault,
    const uint8_t bind[SHA256_BYTES]);
void tls_tickets_free(struct tls_config *cfg);

#endif
