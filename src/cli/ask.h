/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask - requests to the daemon, over its local socket or, with --remote, over TLS.
 * Does:    opens the channel that the options name; a problem for an answer becomes rc and diag.
 * Errors:  RC_PEER: nobody is there, or it went away; RC_TIMEOUT; RC_DENIED; RC_STALE; RC_INVALID.
 */
#ifndef ASK_H
#define ASK_H

#include <yyjson.h>

#include "cli.h"
#include "client.h"

MUST_CHECK enum rc ask_open(const struct cli *cli, struct client **out, struct diag *diag);

/* method and path; If-Match: * on POST. *text (may be NULL) is the answer as it came, the caller's
 * to free; *doc (may be NULL) too. location (may be NULL) has 80 bytes. */
MUST_CHECK enum rc ask_once(struct client *c, const char *method, const char *path, char **text,
    yyjson_doc **doc, char *location, struct diag *diag);
/* The same with the text of the policy directory dir as its body; NULL = without. */
MUST_CHECK enum rc ask_policy(struct client *c, const char *path, const char *dir, char **text,
    yyjson_doc **doc, char *location, struct diag *diag);
/* That body: malloc'ed. */
MUST_CHECK enum rc ask_policy_body(const char *dir, char **body, size_t *len, struct diag *diag);
/* The problem in an answer, as rc. */
enum rc ask_problem(const struct client_answer *a, struct diag *diag);

/* Fields of an answer: "" and 0 where there is none. */
const char *ask_str(yyjson_val *o, const char *key);
uint64_t ask_uint(yyjson_val *o, const char *key);

#endif
