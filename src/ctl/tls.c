/* SPDX-License-Identifier: Apache-2.0 */
/* tls - one connection: handshake, bytes in and out, who the peer is. */
#include "tls_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "bytes.h"

#include "mbedtls/error.h"

/* Of the library's inner header, which it does not install. */
void mbedtls_ssl_set_outbound_transform(mbedtls_ssl_context *ssl, mbedtls_ssl_transform *t);

enum { HELLO_HEAD_BYTES = 5 + 4, HELLO_EXTENSIONS_MAX = 64 };

/* RFC 8446 4.1.2 and 4.2: that the lengths of the message at p fill it, and no extension stands
 * twice; the library looks at neither before it begins. *twice says which it was. */
static bool
hello_whole(const uint8_t *p, size_t len, bool *twice)
{
	uint16_t seen[HELLO_EXTENSIONS_MAX];
	uint32_t count = 0;
	struct rd r;
	size_t n;

	*twice = false;
	rd_init(&r, p, len);
	(void)rd_bytes(&r, 2 + 32);
	n = rd_u8(&r);
	(void)rd_bytes(&r, n);
	n = rd_be16(&r);
	(void)rd_bytes(&r, n);
	n = rd_u8(&r);
	(void)rd_bytes(&r, n);
	if (rd_done(&r))
		return true;		/* of an older version, without extensions */
	n = rd_be16(&r);
	if (n != rd_left(&r))
		return false;
	while (rd_left(&r) > 0 && count < HELLO_EXTENSIONS_MAX) {
		seen[count] = rd_be16(&r);
		n = rd_be16(&r);
		(void)rd_bytes(&r, n);
		for (uint32_t i = 0; i < count; i++)
			*twice |= seen[i] == seen[count];
		count++;
	}
	return rd_done(&r) && !*twice;
}

enum rc
tls_hello_check(const uint8_t *p, size_t len)
{
	size_t record;
	bool twice;

	/* record: handshake, legacy version 3.x; message: ClientHello, 24-bit length */
	if ((len > 0 && p[0] != 0x16) || (len > 1 && p[1] != 0x03) || (len > 5 && p[5] != 0x01))
		return RC_INVALID;
	if (len < 5)
		return RC_AGAIN;
	record = (size_t)p[3] << 8 | p[4];
	if (record < 44 || record > TLS_HELLO_BYTES_MAX - 5)
		return RC_INVALID;
	if (len < HELLO_HEAD_BYTES)
		return RC_AGAIN;
	if (((size_t)p[6] << 16 | (size_t)p[7] << 8 | p[8]) + 4 != record)
		return RC_INVALID;
	if (len < record + 5)
		return RC_AGAIN;
	return hello_whole(p + HELLO_HEAD_BYTES, record - 4, &twice) ? RC_OK : RC_INVALID;
}

bool
tls_hello_alert(int fd, const uint8_t *p, size_t len)
{
	bool twice = false;
	uint8_t alert[] = { MBEDTLS_SSL_MSG_ALERT, 3, 3, 0, 2, MBEDTLS_SSL_ALERT_LEVEL_FATAL,
		MBEDTLS_SSL_ALERT_MSG_DECODE_ERROR };

	if (len > HELLO_HEAD_BYTES && !hello_whole(p + HELLO_HEAD_BYTES, len - HELLO_HEAD_BYTES,
	    &twice) && twice)
		alert[6] = MBEDTLS_SSL_ALERT_MSG_ILLEGAL_PARAMETER;
	return len > 1 && p[0] == MBEDTLS_SSL_MSG_HANDSHAKE && p[1] == 3 &&
	    send(fd, alert, sizeof(alert), MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof(alert);
}

static int
bio_send(void *ctx, const unsigned char *p, size_t len)
{
	struct tls_conn *c = ctx;
	ssize_t n = send(c->fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n >= 0) {
		c->spoke |= (size_t)n > c->owed;
		c->owed -= MIN(c->owed, (size_t)n);
		return (int)n;
	}
	return errno == EAGAIN || errno == EINTR ? MBEDTLS_ERR_SSL_WANT_WRITE :
	    MBEDTLS_ERR_NET_SEND_FAILED;
}

static int
bio_recv(void *ctx, unsigned char *p, size_t len)
{
	struct tls_conn *c = ctx;
	ssize_t n;

	if (c->hello_pos < c->hello_len) {
		size_t take = MIN(len, c->hello_len - c->hello_pos);

		memcpy(p, c->hello + c->hello_pos, take);
		c->hello_pos += take;
		return (int)take;
	}
	n = recv(c->fd, p, len, MSG_DONTWAIT);
	if (n >= 0)
		return (int)n;
	return errno == EAGAIN || errno == EINTR ? MBEDTLS_ERR_SSL_WANT_READ :
	    MBEDTLS_ERR_NET_RECV_FAILED;
}

enum rc
tls_conn_open(struct tls_config *cfg, int fd, const uint8_t *hello, size_t hello_len,
    const char *host, struct tls_conn **out, struct diag *diag)
{
	struct tls_conn *c = calloc(1, sizeof(*c) + hello_len);
	int err;

	CHECK(cfg != NULL && fd >= 0);
	*out = NULL;
	if (c == NULL)
		return RC_NOMEM;
	c->cfg = cfg;
	cfg->holds++;
	c->fd = fd;
	c->hello_len = hello_len;
	if (hello_len > 0)
		memcpy(c->hello, hello, hello_len);
	mbedtls_ssl_init(&c->ssl);
	err = mbedtls_ssl_setup(&c->ssl, &cfg->conf);
	if (err == 0 && host != NULL)
		err = mbedtls_ssl_set_hostname(&c->ssl, host);
	if (err != 0) {
		diag_set(diag, "tls", "cannot set up a connection: error %d", err);
		tls_conn_close(&c);
		return RC_NOMEM;
	}
	mbedtls_ssl_set_bio(&c->ssl, c, bio_send, bio_recv, NULL);
	*out = c;
	return RC_OK;
}

void
tls_conn_close(struct tls_conn **conn)
{
	struct tls_conn *c = *conn;

	if (c == NULL)
		return;
	if (c->ready && mbedtls_ssl_close_notify(&c->ssl) != 0)
		c->ready = false;	/* the peer does not take it now: it sees the end alone */
	mbedtls_ssl_free(&c->ssl);
	tls_config_put(&c->cfg);
	free(c);
	*conn = NULL;
}

bool
tls_wants_write(const struct tls_conn *c)
{
	return c->wants_write;
}

size_t
tls_pending(const struct tls_conn *c)
{
	return mbedtls_ssl_get_bytes_avail(&c->ssl);
}

const struct tls_peer *
tls_peer(const struct tls_conn *c)
{
	return &c->peer;
}

static enum rc
peer_fill(struct tls_conn *c, struct diag *diag)
{
	tls_peer_read(c);
	if (mbedtls_ssl_get_peer_cert(&c->ssl) == NULL && !c->peer.resumed) {
		diag_set(diag, "tls-peer", "the peer showed no certificate");
		return RC_DENIED;
	}
	if (c->cfg->server && tls_peer_revoked(c->cfg, &c->peer)) {
		diag_set(diag, "tls-peer", "the certificate of %s is revoked", c->peer.name);
		return RC_DENIED;
	}
	return RC_OK;
}

/* RC_AGAIN and what it waits for, or the end. */
static enum rc
wait_for(struct tls_conn *c, int err)
{
	c->wants_write = err == MBEDTLS_ERR_SSL_WANT_WRITE;
	if (err == MBEDTLS_ERR_SSL_WANT_READ || err == MBEDTLS_ERR_SSL_WANT_WRITE)
		return RC_AGAIN;
	return RC_PEER;
}

/* RFC 8446 4.4.4: all that a server sends behind its Finished is under its application keys, the
 * alert that refuses a client's certificate too. The library changes keys only once the client has
 * finished, so that a client would read no alert but a broken record. */
static void
alert_keys_set(struct tls_conn *c)
{
	int state = c->ssl.MBEDTLS_PRIVATE(state);

	if (!c->cfg->server || c->finished || (state != MBEDTLS_SSL_CLIENT_CERTIFICATE &&
	    state != MBEDTLS_SSL_CLIENT_FINISHED))
		return;
	c->finished = true;	/* nothing is sent between here and the library's own change */
	mbedtls_ssl_set_outbound_transform(&c->ssl, c->ssl.MBEDTLS_PRIVATE(transform_application));
}

static int
shake(struct tls_conn *c)
{
	int err = 0;

	/* tickets are written behind the state that the library calls the end */
	while (err == 0 && c->ssl.MBEDTLS_PRIVATE(state) != MBEDTLS_SSL_HANDSHAKE_OVER) {
		c->spoke = false;
		c->owed = c->ssl.MBEDTLS_PRIVATE(out_left);	/* of the step before */
		err = mbedtls_ssl_handshake_step(&c->ssl);
		if (err == 0)
			alert_keys_set(c);
	}
	return err;
}

/* Some ends of a handshake the library leaves without a word: a message too long for its buffer, a
 * certificate signed in a way it does not know. */
static void
alert_missing(struct tls_conn *c, int err)
{
	unsigned char alert = MBEDTLS_SSL_ALERT_MSG_DECODE_ERROR;

	if (c->spoke || err == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE ||
	    err == MBEDTLS_ERR_SSL_CONN_EOF || err == MBEDTLS_ERR_NET_RECV_FAILED)
		return;
	if (err == MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE)
		alert = MBEDTLS_SSL_ALERT_MSG_HANDSHAKE_FAILURE;
	else if (err == MBEDTLS_ERR_SSL_INVALID_RECORD ||
	    err == MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE)
		alert = MBEDTLS_SSL_ALERT_MSG_UNEXPECTED_MESSAGE;
	else if ((-err & 0xff80) >= -MBEDTLS_ERR_X509_FEATURE_UNAVAILABLE &&
	    (-err & 0xff80) <= -MBEDTLS_ERR_X509_FATAL_ERROR)
		alert = MBEDTLS_SSL_ALERT_MSG_BAD_CERT;
	(void)mbedtls_ssl_send_alert_message(&c->ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL, alert);
}

enum rc
tls_handshake(struct tls_conn *c, struct diag *diag)
{
	uint32_t flags;
	int err;
	char text[256];

	c->cfg->turn = c;
	err = shake(c);
	c->cfg->turn = NULL;
	if (err == 0) {
		c->wants_write = false;
		c->ready = true;
		return peer_fill(c, diag);
	}
	if (wait_for(c, err) == RC_AGAIN)
		return RC_AGAIN;
	flags = mbedtls_ssl_get_verify_result(&c->ssl);
	if (flags != 0 && flags != UINT32_MAX) {
		if (c->why != NULL)
			(void)snprintf(text, sizeof(text), "%s", c->why);
		else
			mbedtls_x509_crt_verify_info(text, sizeof(text), "", flags);
		for (char *p = text; *p != '\0'; p++)
			if (*p == '\n')
				*p = p[1] == '\0' ? '\0' : ';';
		diag_set(diag, "tls-peer", "%s", text);
		return RC_DENIED;
	}
	alert_missing(c, err);
	mbedtls_strerror(err, text, sizeof(text));
	diag_set(diag, "tls", "%s", text);
	return err == MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE ? RC_DENIED : RC_PEER;
}

enum rc
tls_read(struct tls_conn *c, void *p, size_t cap, size_t *got)
{
	int n;

	*got = 0;
	for (int i = 0; i < 8; i++) {
		n = mbedtls_ssl_read(&c->ssl, p, cap);
		/* a client hears of tickets here; they are for later connections */
		if (n != MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET)
			break;
	}
	if (n == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET)
		return RC_PEER;
	if (n > 0)
		*got = (size_t)n;
	if (n >= 0 || n == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
		return RC_OK;
	return wait_for(c, n);
}

enum rc
tls_write(struct tls_conn *c, const void *p, size_t len, size_t *put)
{
	int n = mbedtls_ssl_write(&c->ssl, p, len);

	*put = n > 0 ? (size_t)n : 0;
	c->wants_write = false;
	return n >= 0 ? RC_OK : wait_for(c, n);
}
