/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls - TLS 1.3 with certificates from both ends, as a state the loop can step.
 * Does:    one tls_config from the files of a key directory (certificate, CA, CRL; the key is
 *          behind the signer); connections that read and write bytes and say what they wait for.
 * Shape:   TLS 1.3 only; X25519 or P-256; AES-128/256-GCM, ChaCha20-Poly1305; a client certificate
 *          is required, signed by the CA, of usage clientAuth, not revoked; no early data.
 *          Tickets resume a session for TLS_TICKET_S; a config remembers whose the newest are,
 *          and judges the end and the revocation of that certificate again. A vault gives
 *          them to the config that follows, in this process or in another.
 * Limits:  chains of TLS_CHAIN_MAX certificates.
 * Memory:  a config is counted: connections hold it, so that replacing it cuts nobody.
 * Errors:  RC_AGAIN with tls_wants_write(); RC_DENIED = the peer's certificate was refused, diag
 *          says why; RC_PEER = it broke off.
 * Context: one thread (PSA keeps global state).
 */
#ifndef TLS_H
#define TLS_H

#include "base.h"
#include "diag.h"
#include "keys.h"
#include "rc.h"

enum {
	TLS_CHAIN_MAX = 4,
	TLS_TICKET_S = 3600,
	TLS_HELLO_BYTES_MAX = 16384 + 5,	/* a ClientHello is one record */
	TLS_PEER_NAME_BYTES = 128,
	TLS_VAULT_BYTES = 1025 * 256		/* tls_vault.h */
};

struct tls_config;
struct tls_conn;

/* Whom a handshake has shown. */
struct tls_peer {
	char name[TLS_PEER_NAME_BYTES];	/* the subject, as text */
	uint8_t serial[32];
	size_t serial_len;
	enum keys_role role;		/* view where the certificate names none */
	bool resumed;
};

/* server: dir holds ca.crt, server.crt and maybe ca.crl; signer_fd answers for the key. */
MUST_CHECK enum rc tls_config_server(const char *dir, int signer_fd, struct tls_config **out,
    struct diag *diag);
/* Same from PEM bytes (each with its NUL counted; crl may be NULL), for a process without files. */
struct tls_pems {
	const uint8_t *ca, *crt, *crl;
	size_t ca_len, crt_len, crl_len;
	uint8_t *vault;		/* TLS_VAULT_BYTES that outlive the config, or NULL: the tickets in
				 * it serve on where ca and crt are those they were given under */
};
MUST_CHECK enum rc tls_config_server_pems(const struct tls_pems *pems, int signer_fd,
    struct tls_config **out, struct diag *diag);
/* client: PEM files by path. */
MUST_CHECK enum rc tls_config_client(const char *ca, const char *crt, const char *key,
    struct tls_config **out, struct diag *diag);
/* cfg writes no more to its vault, which is another's from now on; NULL is none. */
void tls_tickets_leave(struct tls_config *cfg);
/* Drops the caller's hold. */
void tls_config_put(struct tls_config **cfg);

/* Whether a whole ClientHello stands at p: RC_OK, RC_AGAIN for more, RC_INVALID for no hello. */
MUST_CHECK enum rc tls_hello_check(const uint8_t *p, size_t len);
/* Tells a peer that its hello is refused, where it speaks TLS at all. */
MUST_CHECK bool tls_hello_alert(int fd, const uint8_t *p, size_t len);

/* A connection over fd (kept, not closed). hello: bytes already read from it, copied. host: the
 * name a client expects in the certificate, NULL on servers. */
MUST_CHECK enum rc tls_conn_open(struct tls_config *cfg, int fd, const uint8_t *hello,
    size_t hello_len, const char *host, struct tls_conn **out, struct diag *diag);
/* close_notify where the peer can take it at once, then everything is freed. */
void tls_conn_close(struct tls_conn **conn);

MUST_CHECK enum rc tls_handshake(struct tls_conn *c, struct diag *diag);
/* RC_OK with *got > 0; *got 0 is the peer's orderly end. */
MUST_CHECK enum rc tls_read(struct tls_conn *c, void *p, size_t cap, size_t *got);
MUST_CHECK enum rc tls_write(struct tls_conn *c, const void *p, size_t len, size_t *put);
/* What RC_AGAIN waits for: the socket to be writable, else readable. */
bool tls_wants_write(const struct tls_conn *c);
/* Bytes decrypted and waiting: the socket will not say so. */
size_t tls_pending(const struct tls_conn *c);
/* After the handshake. */
const struct tls_peer *tls_peer(const struct tls_conn *c);
/* True where cfg's CRL lists the peer's certificate. */
bool tls_peer_revoked(const struct tls_config *cfg, const struct tls_peer *peer);

#endif
