/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config - the configuration file of the services, and what their options come to with it.
 * Does:    parses "[SERVICE]" and "KEY = VALUE" without Lua; a key is a long option of the service.
 *          What the command line gives wins over the file, the file over the default.
 * Shape:   config_load finds and parses; config_merge puts the file's values into the options.
 * Limits:  CONFIG_FILE_BYTES_MAX, CONFIG_VALUE_BYTES_MAX. All that is wrong is told, not only the
 *          first.
 * Memory:  values live until config_fini.
 * Errors:  RC_INVALID: diags names file, line, column, what, bound and the nearest key.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <limits.h>

#include "opt.h"

#define CONFIG_DEFAULT "/etc/ringfence/ringfence.conf"
#define CONFIG_ENV "RINGFENCE_CONFIG"

enum { CONFIG_FILE_BYTES_MAX = 65536, CONFIG_VALUE_BYTES_MAX = 1023 };

enum config_service { CONFIG_NIC, CONFIG_RUN, CONFIG_SERVICES };

/* Where a value came from. */
enum config_from { FROM_NOWHERE, FROM_DEFAULT, FROM_FILE, FROM_ENVIRONMENT, FROM_COMMAND_LINE };

struct config_value {
	char *text;	/* NULL = not in the file; "yes" or "no" of an option without value */
	uint32_t line, col;
};

struct config {
	char path[PATH_MAX];	/* "" = there is no file */
	enum config_from path_from;
	struct config_value values[CONFIG_SERVICES][OPT__COUNT];
	struct diags diags;
	uint8_t diag_of[DIAGS_MAX];	/* enum config_service; CONFIG_SERVICES = of all */
	uint32_t errors[CONFIG_SERVICES + 1];	/* likewise */
};

/* path: of --config, or NULL. RC_INVALID where anything in it is wrong, RC_IO or another where it
 * cannot be read: diags tells. out is to be ended in any case. */
MUST_CHECK enum rc config_load(const char *path, struct config *out);
/* The same of bytes that stand in path. */
MUST_CHECK enum rc config_parse(const char *path, const void *text, size_t len,
    struct config *out);
void config_fini(struct config *c);

/* For a service: fills o with what the file says and o lacks, then asks for what the service needs
 * and for the form of each value. from, of OPT__COUNT, may be NULL. */
MUST_CHECK enum rc config_merge(const struct config *c, enum config_service service,
    struct opts *o, enum config_from *from, struct diag *diag);

/* "nic", "run"; CONFIG_SERVICES where there is no such. */
const char *config_service_name(enum config_service s);
enum config_service config_service_find(const char *name, size_t len);
/* The options that are keys of a service. */
uint64_t config_keys(enum config_service s);
/* NULL = it has none. */
const char *config_default(enum config_service s, enum opt_id id);
/* Whether a reload takes a change of it. */
bool config_is_live(enum config_service s, enum opt_id id);

#endif
