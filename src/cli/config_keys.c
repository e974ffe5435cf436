/* SPDX-License-Identifier: Apache-2.0 */
/* config_keys - what each key is: its default, the form of its value, whether a reload takes it. */
#include <inttypes.h>
#include <string.h>
#include <sys/un.h>

#include "agent.h"
#include "cli.h"
#include "config.h"
#include "config_impl.h"

struct setting {
	enum opt_id id;
	const char *dflt[CONFIG_SERVICES];
	bool live;
	bool (*form)(const char *value);
	const char *want;
};

static bool
form_socket(const char *value)
{
	return strlen(value) < sizeof(((struct sockaddr_un *)0)->sun_path);
}

/* Of the daemon's; the NIC's takes the same. */
static bool
form_served(const char *value)
{
	return strlen(value) <= AGENT_SOCKET_BYTES_MAX;
}

static bool
form_flows(const char *value)
{
	uint32_t n = 0;

	for (size_t i = 0; value[i] != '\0'; i++) {
		if (value[i] < '0' || value[i] > '9' || i > 8)
			return false;
		n = n * 10 + (uint32_t)(value[i] - '0');
	}
	return n >= NIC_FLOWS_MIN && n <= NIC_FLOWS_MAX;
}

static bool
form_profile(const char *value)
{
	uint32_t lines, loads;

	return opt_pair(value, PROFILE_MAX, &lines, &loads);
}

static bool
form_port(const char *value)
{
	static const char *const kinds[] = { "dev:", "tap:", "pcap:" };

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strncmp(value, kinds[i], strlen(kinds[i])) == 0)
			return value[strlen(kinds[i])] != '\0';
	return false;
}

static const struct setting settings[] = {
	{ OPT_NIC, { [CONFIG_RUN] = DEFAULT_NIC }, false, form_socket,
	    "a path of at most 107 bytes" },
	{ OPT_SOCKET, { [CONFIG_RUN] = DEFAULT_SOCKET, [CONFIG_NIC] = DEFAULT_NIC }, false,
	    form_served, "a path of at most 98 bytes" },
	{ OPT_POLICY, { [CONFIG_RUN] = DEFAULT_POLICY }, true, NULL, NULL },
	{ OPT_STATE, { [CONFIG_RUN] = DEFAULT_STATE }, false, NULL, NULL },
	{ OPT_KEYS, { [CONFIG_RUN] = DEFAULT_KEYS }, true, NULL, NULL },
	{ OPT_VERBOSE, { NULL }, true, NULL, NULL },
	{ OPT_LISTEN, { NULL }, false, agent_listen_check,
	    "ADDRESS:PORT or [IPV6]:PORT, in numbers" },
	{ OPT_FLOWS, { NULL }, false, form_flows, "a number of 16 to 4194304" },
	{ OPT_PROFILE, { NULL }, false, form_profile, PROFILE_WANT },
	{ OPT_WIRE, { NULL }, false, form_port, "dev:IFNAME, tap:IFNAME or pcap:FILE" },
	{ OPT_HOST, { NULL }, false, form_port, "dev:IFNAME, tap:IFNAME or pcap:FILE" },
};

static const char *const names[CONFIG_SERVICES] = { [CONFIG_NIC] = "nic", [CONFIG_RUN] = "run" };

const char *
config_service_name(enum config_service s)
{
	CHECK(s < CONFIG_SERVICES);
	return names[s];
}

enum config_service
config_service_find(const char *name, size_t len)
{
	int s = 0;

	while (s < CONFIG_SERVICES &&
	    (strlen(names[s]) != len || memcmp(names[s], name, len) != 0))
		s++;
	return (enum config_service)s;
}

const struct verb *
config_verb(enum config_service s)
{
	for (size_t i = 0; i < cli_verb_count; i++)
		if (strcmp(cli_verbs[i].name, names[s]) == 0)
			return &cli_verbs[i];
	CHECK(false);
}

uint64_t
config_keys(enum config_service s)
{
	return config_verb(s)->options & ~OPT_BIT(CONFIG);
}

static const struct setting *
setting_of(enum opt_id id)
{
	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		if (settings[i].id == id)
			return &settings[i];
	return NULL;
}

const char *
config_default(enum config_service s, enum opt_id id)
{
	const struct setting *k = setting_of(id);

	if (k != NULL && k->dflt[s] != NULL)
		return k->dflt[s];
	return opt_value_name(id) == NULL ? "no" : NULL;
}

bool
config_is_live(enum config_service s, enum opt_id id)
{
	const struct setting *k = setting_of(id);

	return s == CONFIG_RUN && k != NULL && k->live;
}

bool
config_form_check(enum opt_id id, const char *value, const char **want)
{
	const struct setting *k = setting_of(id);

	*want = k != NULL ? k->want : NULL;
	if (opt_value_name(id) == NULL) {
		*want = "yes or no";
		return strcmp(value, "yes") == 0 || strcmp(value, "no") == 0;
	}
	return k == NULL || k->form == NULL || k->form(value);
}
