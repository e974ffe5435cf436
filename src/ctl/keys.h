/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys - the certificates of the control channel, made here.
 * Does:    keys_init makes a whole set: one CA, one server, one client; keys_client adds a client;
 *          keys_revoke adds one to the CA's revocation list.
 * Shape:   ECDSA P-256, SHA-256, PEM: ca.crt ca.key server.crt server.key client.crt client.key,
 *          and ca.crl once something was revoked. A client's role, "view" or "operate", is the OU
 *          of its subject; the server's usage is serverAuth, a client's clientAuth.
 * Limits:  KEYS_SANS_MAX names beside localhost, 127.0.0.1 and ::1; a CA lives 10 years, the rest
 *          KEYS_DAYS.
 * Errors:  RC_CONFLICT where a file of the set exists; then nothing was written. Files have mode
 *          0600; the set appears whole or not at all.
 * Source:  RFC 5280.
 */
#ifndef KEYS_H
#define KEYS_H

#include "base.h"
#include "diag.h"
#include "rc.h"

enum { KEYS_SANS_MAX = 16, KEYS_DAYS = 825, KEYS_CA_DAYS = 3650, KEYS_NAME_BYTES_MAX = 64 };

enum keys_role { KEYS_VIEW = 0, KEYS_OPERATE = 1, KEYS_ROLE__COUNT };

const char *keys_role_name(enum keys_role role);
MUST_CHECK bool keys_role_parse(const char *text, enum keys_role *out);

/* sans: DNS names or addresses, borrowed. */
MUST_CHECK enum rc keys_init(const char *dir, const char *const *sans, uint32_t san_count,
    struct diag *diag);

/* dir/NAME.crt and dir/NAME.key by dir's CA. */
MUST_CHECK enum rc keys_client(const char *dir, const char *name, enum keys_role role,
    struct diag *diag);

/* Adds the certificate in the file to dir/ca.crl. */
MUST_CHECK enum rc keys_revoke(const char *dir, const char *crt_path, struct diag *diag);

#endif
