/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_image - prints an image file; it is foreign bytes until image_check has seen it. */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "file.h"

enum { SYMBOLS_BYTES_MAX = 64 << 20, ARENA_BYTES = 256 << 20 };

/* *found: the file is there, and of this image. One of another image is an error. */
static enum rc
symbols_read(const char *image_path, const uint8_t sha[SHA256_BYTES], struct arena *a,
    struct image_symbols *out, bool *found, struct diag *diag)
{
	char path[PATH_MAX];
	uint8_t *text = NULL;
	size_t len;
	enum rc rc;

	*found = false;
	if (snprintf(path, sizeof(path), "%s.sym", image_path) >= (int)sizeof(path) ||
	    access(path, F_OK) != 0)
		return RC_OK;
	rc = file_read(AT_FDCWD, path, SYMBOLS_BYTES_MAX, &text, &len, diag);
	if (rc == RC_OK)
		rc = image_symbols_decode(text, len, a, out, diag);
	if (rc == RC_OK && memcmp(out->image_sha256, sha, SHA256_BYTES) != 0) {
		diag_set(diag, "symbols", "%s is of another image", path);
		rc = RC_INVALID;
	}
	free(text);
	*found = rc == RC_OK;
	return rc;
}

int
cmd_image(struct cli *cli)
{
	const char *path = cli->opts.args[0];
	struct image_symbols symbols;
	uint8_t sha[SHA256_BYTES];
	struct diag d = { 0 };
	uint8_t *image = NULL;
	bool found = false;
	struct arena a;
	size_t len;
	enum rc rc;

	arena_init(&a, ARENA_BYTES);
	rc = file_read(AT_FDCWD, path, WIRE_IMAGE_BYTES_MAX, &image, &len, &d);
	if (rc == RC_OK)
		rc = image_check(image, len, &d);
	if (rc == RC_OK) {
		sha256(image, len, sha);
		rc = symbols_read(path, sha, &a, &symbols, &found, &d);
	}
	if (rc == RC_OK)
		rc = image_dump(image, len, found ? &symbols : NULL, cli->json, stdout, &d);
	free(image);
	arena_fini(&a);
	return rc == RC_OK ? EXIT_GOOD : cli_fail(cli, rc, &d);
}
