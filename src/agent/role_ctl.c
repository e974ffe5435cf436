/* SPDX-License-Identifier: Apache-2.0 */
/* role_ctl - the two children that stay: the control channel, and the signer of its key. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"
#include "embed.h"
#include "job.h"
#include "keys_check.h"
#include "log.h"
#include "rights.h"
#include "role_ctl.h"
#include "server.h"
#include "tls.h"
#include "tls_key.h"
#include "worker.h"

enum { EXIT_ROOM = 3, EXIT_SERVE = 4, EXIT_KEY = 5 };

/* A descriptor that main had none for is one of /dev/null. */
static int
socket_or_none(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode) ? fd : -1;
}

static bool
room_enter(enum proc_room room)
{
	struct rights_spec spec = rights_spec_default(room);
	struct diag d = { 0 };

	spec.off = !job_has_sandbox();
	if (rights_drop(&spec, &d) == RC_OK)
		return true;
	log_err("room", "name=%s text=\"%s\"", rights_room_name(room), d.text);
	return false;
}

/* The memory in which tickets outlive this process; without it they do not. */
static uint8_t *
vault_map(int fd)
{
	struct stat st;
	void *p = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == TLS_VAULT_BYTES ?
	    mmap(NULL, TLS_VAULT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;

	(void)close(fd);
	if (p == MAP_FAILED) {
		log_warn("vault", "text=\"sessions cannot resume after this process\"");
		return NULL;
	}
	(void)madvise(p, TLS_VAULT_BYTES, MADV_DONTDUMP);
	if (mlock(p, TLS_VAULT_BYTES) != 0)
		log_debug("vault", "the pages of tickets are not locked");
	return p;
}

int
role_ctl_run(void)
{
	struct server_cfg cfg = {
		.main_fd = WORKER_FD_FIRST + CTL_FD_MAIN,
		.local_fd = WORKER_FD_FIRST + CTL_FD_LOCAL,
		.tls_fd = socket_or_none(WORKER_FD_FIRST + CTL_FD_TLS),
		.signer_fds = { socket_or_none(WORKER_FD_FIRST + CTL_FD_SIGNER),
			socket_or_none(WORKER_FD_FIRST + CTL_FD_SIGNER_NEXT) },
		.vault = vault_map(WORKER_FD_FIRST + CTL_FD_VAULT),
		.group = UINT32_MAX, .told = true,
		.openapi = (const char *)embed_openapi, .openapi_len = embed_openapi_len
	};
	struct server *s = NULL;
	struct diag d = { 0 };
	enum rc rc;

	if (!room_enter(ROOM_CTL))
		return EXIT_ROOM;
	rc = server_create(&cfg, &s, &d);
	if (rc == RC_OK)
		rc = server_run(s);
	else
		log_err("ctl", "text=\"%s\"", d.text);
	server_destroy(&s);
	return rc == RC_PEER || rc == RC_OK ? 0 : EXIT_SERVE;
}

/* All of a descriptor, at most cap bytes. */
static size_t
read_all(int fd, uint8_t *p, size_t cap)
{
	size_t len = 0;
	ssize_t n;

	while (len < cap && (n = read(fd, p + len, cap - len)) > 0)
		len += (size_t)n;
	(void)close(fd);
	return len;
}

/* Main hears what is wrong, or until when all is right. */
static bool
keys_told(const uint8_t *pem, size_t len)
{
	static uint8_t certs[SIGNER_CERTS_BYTES_MAX];
	size_t certs_len = read_all(WORKER_FD_FIRST + SIGNER_FD_CERTS, certs, sizeof(certs)), n;
	struct ctl_said said = { 0 };
	uint8_t buf[CTL_SAID_BYTES], go;
	struct diag d = { 0 };
	struct ctl_keys k;

	if (ctl_keys_decode(certs, certs_len, &k) != RC_OK || memchr(pem, 0, len - 1) != NULL)
		(void)snprintf(said.why, sizeof(said.why), "a file is not text: it has a NUL byte");
	else if (keys_check(&k, pem, len, &said.until_s, &said.crl_until_s, &d) == RC_OK)
		said.ok = true;
	else
		(void)snprintf(said.why, sizeof(said.why), "%.190s", d.text);
	for (char *p = said.why; *p != '\0'; p++)
		if (*p < 0x20 || *p > 0x7e)
			*p = '?';
	if (ctl_said_encode(&said, buf, sizeof(buf), &n) != RC_OK || send(WORKER_FD_FIRST +
	    SIGNER_FD_SAY, buf, n, MSG_NOSIGNAL) != (ssize_t)n)
		return false;
	return recv(WORKER_FD_FIRST + SIGNER_FD_SAY, &go, 1, 0) == 1 && said.ok;
}

int
role_signer_run(void)
{
	static uint8_t pem[SIGNER_KEY_BYTES_MAX];
	struct diag d = { 0 };
	size_t len;

	if (!room_enter(ROOM_SIGNER))
		return EXIT_ROOM;
	if (mlock(pem, sizeof(pem)) != 0)
		log_debug("signer", "the key's page is not locked");
	len = read_all(WORKER_FD_FIRST + SIGNER_FD_KEY, pem, sizeof(pem) - 1) + 1;
	if (!keys_told(pem, len)) {
		mem_wipe(pem, len);
		return EXIT_KEY;
	}
	(void)close(WORKER_FD_FIRST + SIGNER_FD_SAY);
	if (signer_serve(WORKER_FD_FIRST + SIGNER_FD_ASK, pem, len, &d) == RC_OK)
		return 0;
	log_err("signer", "text=\"%s\"", d.text);
	return EXIT_KEY;
}
