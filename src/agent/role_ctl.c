/* SPDX-License-Identifier: Apache-2.0 */
/* role_ctl - the two children that stay: the control channel, and the signer of its key. */
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"
#include "embed.h"
#include "job.h"
#include "log.h"
#include "rights.h"
#include "role_ctl.h"
#include "server.h"
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

int
role_ctl_run(void)
{
	struct server_cfg cfg = {
		.main_fd = WORKER_FD_FIRST + CTL_FD_MAIN,
		.local_fd = WORKER_FD_FIRST + CTL_FD_LOCAL,
		.tls_fd = socket_or_none(WORKER_FD_FIRST + CTL_FD_TLS),
		.signer_fd = socket_or_none(WORKER_FD_FIRST + CTL_FD_SIGNER),
		.group = UINT32_MAX,
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
	return rc == RC_PEER ? 0 : EXIT_SERVE;
}

int
role_signer_run(void)
{
	static uint8_t pem[SIGNER_KEY_BYTES_MAX];
	struct diag d = { 0 };
	size_t len = 0;
	ssize_t n;

	if (!room_enter(ROOM_SIGNER))
		return EXIT_ROOM;
	if (mlock(pem, sizeof(pem)) != 0)
		log_debug("signer", "the key's page is not locked");
	while (len < sizeof(pem) - 1 && (n = read(WORKER_FD_FIRST + SIGNER_FD_KEY, pem + len,
	    sizeof(pem) - 1 - len)) > 0)
		len += (size_t)n;
	if (signer_serve(WORKER_FD_FIRST + SIGNER_FD_ASK, pem, len + 1, &d) == RC_OK)
		return 0;
	log_err("signer", "text=\"%s\"", d.text);
	return EXIT_KEY;
}
