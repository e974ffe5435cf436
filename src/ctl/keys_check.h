/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys_check - whether the files of a key directory serve together.
 * Does:    every block of every file is read; the key is the certificate's; ca.crt holds CAs and
 *          nothing else; each list of ca.crl is signed by one of them.
 * Units:   times in seconds since 1970.
 * Errors:  RC_INVALID, diag names the file. Times are told, not judged: a clock may be wrong, and
 *          a certificate that is over is better than none.
 * Context: pure; the signer's room.
 */
#ifndef KEYS_CHECK_H
#define KEYS_CHECK_H

#include "ctl_msg.h"
#include "diag.h"
#include "rc.h"

/* key: PEM with its NUL counted. until: the first end of server.crt and the CAs; crl_until: the
 * first next update, 0 where there is no list. */
MUST_CHECK enum rc keys_check(const struct ctl_keys *files, const uint8_t *key, size_t key_len,
    uint64_t *until_s, uint64_t *crl_until_s, struct diag *diag);

#endif
