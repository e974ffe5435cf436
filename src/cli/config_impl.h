/* SPDX-License-Identifier: Apache-2.0 */
/* config_impl - what the files of config share. */
#ifndef CONFIG_IMPL_H
#define CONFIG_IMPL_H

#include "config.h"

const struct verb *config_verb(enum config_service s);
/* Whether value has the form its key asks for; *want says it in words, NULL = any. */
bool config_form_check(enum opt_id id, const char *value, const char **want);

#endif
