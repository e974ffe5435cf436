/* SPDX-License-Identifier: Apache-2.0 */
/* config_fuzz - any bytes as a configuration file: what is taken is written back and read again. */
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
write_back(const struct config *c, struct str *out)
{
	for (int s = 0; s < CONFIG_SERVICES; s++) {
		str_addf(out, "[%s]\n", config_service_name((enum config_service)s));
		for (int i = 0; i < OPT__COUNT; i++) {
			const char *text = c->values[s][i].text;

			if (text == NULL)
				continue;
			str_addf(out, "%s = \"", opt_name((enum opt_id)i));
			for (; *text != '\0'; text++)
				str_addf(out, *text == '"' || *text == '\\' ? "\\%c" : "%c",
				    *text);
			str_add(out, "\"\n");
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config c = { 0 }, again = { 0 };
	struct str text = { 0 };
	enum rc rc;

	if (size > CONFIG_FILE_BYTES_MAX)
		return 0;
	rc = config_parse("f", data, size, &c);
	CHECK((rc == RC_OK) == (c.diags.errors == 0));
	for (uint32_t i = 0; i < c.diags.count; i++)
		CHECK(c.diags.items[i].line >= 1 && c.diags.items[i].col >= 1 &&
		    c.diag_of[i] <= CONFIG_SERVICES);
	if (rc == RC_OK) {
		write_back(&c, &text);
		CHECK(!text.failed);
		if (text.len <= CONFIG_FILE_BYTES_MAX)
			CHECK(config_parse("g", text.p, text.len, &again) == RC_OK);
		for (int s = 0; s < CONFIG_SERVICES; s++)
			for (int i = 0; i < OPT__COUNT; i++) {
				const char *x = c.values[s][i].text, *y = again.values[s][i].text;

				CHECK((x == NULL) == (y == NULL));
				CHECK(x == NULL || strcmp(x, y) == 0);
			}
	}
	str_fini(&text);
	config_fini(&again);
	config_fini(&c);
	return 0;
}
