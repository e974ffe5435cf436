/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_once - a change that is no job, and its Idempotency-Key: done once, answered again.
 *
 * What was refused changed nothing and is not kept: asked again, it is judged again.
 */
#include <stdlib.h>
#include <string.h>

#include "agent_api.h"

static struct agent_once *
once_find(struct agent *a, const char *key)
{
	for (size_t i = 0; i < ARRAY_LEN(a->once); i++)
		if (a->once[i].text != NULL && strcmp(a->once[i].key, key) == 0)
			return &a->once[i];
	return NULL;
}

static void
once_answer(struct agent *a, uint32_t id, const struct agent_once *o)
{
	struct ctl_answer ans = { .type = "application/json", .body = (const uint8_t *)o->text,
		.body_len = (uint32_t)o->len };

	(void)snprintf(ans.etag, sizeof(ans.etag), "%s", o->etag);
	agent_answer(a, id, 200, &ans);
}

bool
agent_once_again(struct agent *a, uint32_t id, const struct ctl_request *r)
{
	const struct agent_once *o = once_find(a, r->key);
	struct diag d = { 0 };

	if (o == NULL)
		return false;
	if (o->verb == r->verb && o->number == r->number) {
		once_answer(a, id, o);
		return true;
	}
	diag_set(&d, "key-reused", "an earlier request had this Idempotency-Key, and asked for "
	    "something else");
	agent_answer_problem(a, id, 422, &d);
	return true;
}

/* The oldest gives way. */
static struct agent_once *
once_make(struct agent *a)
{
	struct agent_once *o = &a->once[a->once_count++ % ARRAY_LEN(a->once)];

	free(o->text);
	memset(o, 0, sizeof(*o));
	return o;
}

void
agent_once_done(struct agent *a, uint32_t id, const struct ctl_request *r, const char *etag,
    yyjson_mut_doc *doc)
{
	struct agent_once *o;

	if (r->key[0] == '\0') {
		agent_answer_doc(a, id, 200, etag, "", doc);
		return;
	}
	o = once_make(a);
	o->text = doc == NULL ? NULL : yyjson_mut_write(doc,
	    YYJSON_WRITE_ALLOW_INVALID_UNICODE | YYJSON_WRITE_NEWLINE_AT_END, &o->len);
	if (o->text == NULL) {
		agent_answer_doc(a, id, 200, etag, "", doc);
		return;
	}
	yyjson_mut_doc_free(doc);
	o->verb = r->verb;
	o->number = r->number;
	(void)snprintf(o->key, sizeof(o->key), "%s", r->key);
	(void)snprintf(o->etag, sizeof(o->etag), "%s", etag);
	once_answer(a, id, o);
}

void
agent_once_stop(struct agent *a)
{
	for (size_t i = 0; i < ARRAY_LEN(a->once); i++)
		free(a->once[i].text);
	memset(a->once, 0, sizeof(a->once));
}
