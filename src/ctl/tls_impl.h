/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_impl - what tls.c and tls_config.c share; private to them.
 */
#ifndef TLS_IMPL_H
#define TLS_IMPL_H

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
	mbedtls_ssl_ticket_context tickets;
	struct keys_rng rng;
	uint32_t holds;		/* the maker's and one a connection */
	bool server, has_crl;
};

struct tls_conn {
	mbedtls_ssl_context ssl;
	struct tls_config *cfg;
	struct tls_peer peer;
	int fd;
	bool wants_write, ready;
	size_t hello_pos, hello_len;
	uint8_t hello[];
};

#endif
