/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_key - the server's private key, in a process that does nothing but sign.
 * Does:    signer_serve holds the key and answers digests with signatures; tls_key_open makes a
 *          key for mbedTLS here whose every use is a question to that process.
 * Shape:   a socket pair; request: u8 version 1, u8 length, le32 number, a digest of 32, 48 or 64
 *          bytes, zeros to 70; answer: u8 version 1, u8 status (0 = signed), the number,
 *          signature r, s of 64 bytes. An answer to a question of somebody before is passed over.
 * Limits:  ECDSA P-256 keys; SIGNER_RATE_MAX signatures a second, more wait.
 * Errors:  a signer that is gone or slow (SIGNER_TIMEOUT_MS) fails the handshake, nothing else.
 * Context: one thread; one signer a process at a time.
 */
#ifndef TLS_KEY_H
#define TLS_KEY_H

#include "base.h"
#include "diag.h"
#include "rc.h"

#include "mbedtls/pk.h"

enum { SIGNER_TIMEOUT_MS = 2000, SIGNER_RATE_MAX = 2000, SIGNER_REQUEST_BYTES = 70,
	SIGNER_ANSWER_BYTES = 70, SIGNER_HEAD_BYTES = 6, SIGNER_KEY_BYTES_MAX = 8192 };

/* In the signer: reads the PEM key, then serves fd until its end. Wipes pem. */
MUST_CHECK enum rc signer_serve(int fd, uint8_t *pem, size_t len, struct diag *diag);

/* In the TLS process: pk becomes the key behind fd. public_key is the certificate's. Closes an
 * older one. */
MUST_CHECK enum rc tls_key_open(int fd, const mbedtls_pk_context *public_key,
    mbedtls_pk_context *pk, struct diag *diag);

#endif
