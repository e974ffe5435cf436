/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_vault - what outlives the control process, so that sessions resume after it.
 * Does:    the keys of tickets, and whom each ticket was given to, as bytes in memory that main
 *          holds for the next control process, its own or that of the daemon that takes over.
 *          Main never reads them.
 * Shape:   a head, then TLS_TICKETS records, each with its digest: one that was torn by the end of
 *          its writer is not there. A ticket that is not there costs a whole handshake.
 * Limits:  TLS_VAULT_BYTES, whatever is held.
 * Memory:  the caller's bytes; never a file's, locked where the system lets us, not dumped.
 */
#ifndef TLS_VAULT_H
#define TLS_VAULT_H

#include "mbedtls/x509.h"

#include "base.h"
#include "hash.h"
#include "tls.h"

enum { TLS_TICKETS = 1024, TLS_VAULT_SLOT_BYTES = 256, TLS_TICKET_NAME_BYTES = 4,
	TLS_TICKET_KEY_BYTES = 32 };
_Static_assert(TLS_VAULT_BYTES == (TLS_TICKETS + 1) * TLS_VAULT_SLOT_BYTES, "head and records");

struct tls_ticket_key {
	uint64_t made_s;		/* since 1970; 0 = none */
	uint8_t name[TLS_TICKET_NAME_BYTES];
	uint8_t key[TLS_TICKET_KEY_BYTES];
};

struct tls_vault_head {
	uint8_t bind[SHA256_BYTES];	/* of the files that the tickets were given under */
	struct tls_ticket_key older, newer;
};

struct tls_ticket {
	uint32_t number;		/* rises; 0 = none */
	uint8_t digest[SHA256_BYTES];
	struct tls_peer peer;
	mbedtls_x509_time until;	/* the certificate's end */
	bool chained;			/* not signed by the CA itself: never in a vault, for no
					 * chain is left to judge by a later revocation list */
};

void tls_vault_head_put(uint8_t out[TLS_VAULT_SLOT_BYTES], const struct tls_vault_head *h);
/* False: none, torn, of another version. */
MUST_CHECK bool tls_vault_head_get(const uint8_t p[TLS_VAULT_SLOT_BYTES],
    struct tls_vault_head *out);
void tls_vault_ticket_put(uint8_t out[TLS_VAULT_SLOT_BYTES], const struct tls_ticket *t);
MUST_CHECK bool tls_vault_ticket_get(const uint8_t p[TLS_VAULT_SLOT_BYTES],
    struct tls_ticket *out);

#endif
