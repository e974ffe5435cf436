/* SPDX-License-Identifier: Apache-2.0 */
/* ask - the daemon's control channel, from the other end. */
#include "ask.h"

#include <stdlib.h>
#include <string.h>

enum rc
ask_open(const struct cli *cli, struct client **out, struct diag *diag)
{
	const struct opts *o = &cli->opts;
	const struct client_cfg cfg = {
		.socket = opt_value(o, OPT_SOCKET, DEFAULT_SOCKET),
		.remote = opt_value(o, OPT_REMOTE, NULL), .ca = opt_value(o, OPT_CA, NULL),
		.crt = opt_value(o, OPT_CERT, NULL), .key = opt_value(o, OPT_KEY, NULL)
	};
	bool files = cfg.ca != NULL && cfg.crt != NULL && cfg.key != NULL;

	*out = NULL;
	if (cfg.remote != NULL && (!files || opt_has(o, OPT_SOCKET))) {
		diag_set(diag, "usage", "--remote goes with --ca, --cert and --key, and without "
		    "--socket");
		return RC_INVALID;
	}
	if (cfg.remote == NULL && (cfg.ca != NULL || cfg.crt != NULL || cfg.key != NULL)) {
		diag_set(diag, "usage", "--ca, --cert and --key go with --remote");
		return RC_INVALID;
	}
	return client_open(&cfg, out, diag);
}

static enum rc
rc_by_status(int status)
{
	switch (status) {
	case 403:
		return RC_DENIED;
	case 409:
	case 412:
		return RC_CONFLICT;
	case 503:
	case 504:
		return RC_PEER;
	default:
		return RC_INVALID;
	}
}

enum rc
ask_problem(const struct client_answer *a, struct diag *diag)
{
	yyjson_doc *doc = yyjson_read(a->body == NULL ? "" : a->body, a->body_len, 0);
	yyjson_val *o = yyjson_doc_get_root(doc);
	const char *type = ask_str(o, "type");

	if (strncmp(type, "urn:ringfence:", 14) == 0)
		type += 14;
	diag_set(diag, type[0] != '\0' ? type : "daemon", "%s", yyjson_is_obj(o) ?
	    ask_str(o, "detail") : "the daemon refused without a reason");
	if (ask_str(o, "file")[0] != '\0')
		diag_place(diag, ask_str(o, "file"), (uint32_t)ask_uint(o, "line"),
		    (uint32_t)ask_uint(o, "col"));
	if (ask_str(o, "hint")[0] != '\0')
		diag_hint(diag, "%s", ask_str(o, "hint"));
	yyjson_doc_free(doc);
	return rc_by_status(a->status);
}

static enum rc
ask(struct client *c, const struct client_request *r, char **text, yyjson_doc **doc,
    char *location, struct diag *diag)
{
	struct client_answer a;
	enum rc rc = client_ask(c, r, &a, diag);

	if (text != NULL)
		*text = NULL;
	if (doc != NULL)
		*doc = NULL;
	if (rc == RC_OK && a.status >= 300)
		rc = ask_problem(&a, diag);
	if (rc == RC_OK && location != NULL)
		(void)snprintf(location, sizeof(a.location), "%s", a.location);
	if (rc == RC_OK && doc != NULL) {
		*doc = yyjson_read(a.body, a.body_len, 0);
		if (!yyjson_is_obj(yyjson_doc_get_root(*doc))) {
			diag_set(diag, "daemon", "the daemon answered with no object");
			rc = RC_PEER;
		}
	}
	if (rc == RC_OK && text != NULL) {
		*text = a.body;
		a.body = NULL;
	}
	client_answer_fini(&a);
	return rc;
}

enum rc
ask_once(struct client *c, const char *method, const char *path, char **text, yyjson_doc **doc,
    char *location, struct diag *diag)
{
	const struct client_request r = { .method = method, .path = path,
		.match = strcmp(method, "POST") == 0 ? "*" : NULL };

	return ask(c, &r, text, doc, location, diag);
}

enum rc
ask_policy(struct client *c, const char *path, const char *dir, char **text, yyjson_doc **doc,
    char *location, struct diag *diag)
{
	struct client_request r = { .method = "POST", .path = path, .match = "*" };
	char *body = NULL;
	enum rc rc = RC_OK;

	if (dir != NULL)
		rc = ask_policy_body(dir, &body, &r.body_len, diag);
	r.body = body;
	if (rc == RC_OK)
		rc = ask(c, &r, text, doc, location, diag);
	free(body);
	return rc;
}

const char *
ask_str(yyjson_val *o, const char *key)
{
	const char *s = yyjson_get_str(yyjson_obj_get(o, key));

	return s != NULL ? s : "";
}

uint64_t
ask_uint(yyjson_val *o, const char *key)
{
	return yyjson_get_uint(yyjson_obj_get(o, key));
}
