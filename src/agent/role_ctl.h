/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role_ctl - the children that stay: ctl speaks with the world, signer holds the key.
 * Shape:   descriptors from WORKER_FD_FIRST on, in the order of the enums.
 * Context: in a child of worker_start only; returns its exit code.
 */
#ifndef ROLE_CTL_H
#define ROLE_CTL_H

enum { CTL_FD_MAIN, CTL_FD_LOCAL, CTL_FD_TLS, CTL_FD_SIGNER, CTL_FD_SIGNER_NEXT, CTL_FD_VAULT,
	CTL_FDS };
/* The key comes by a pipe, the certificates (struct ctl_keys) as a file without a name. On SAY it
 * tells what it found (struct ctl_said), and begins once main has answered with a byte. */
enum { SIGNER_FD_ASK, SIGNER_FD_KEY, SIGNER_FD_CERTS, SIGNER_FD_SAY, SIGNER_FDS };

enum { SIGNER_CERTS_BYTES_MAX = 256 * 1024 };

int role_ctl_run(void);
int role_signer_run(void);

#endif
