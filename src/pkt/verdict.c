/* SPDX-License-Identifier: Apache-2.0 */
/* verdict - the names, one table each; sizes are held against the enums. */
#include "verdict.h"

static const char *const verdicts[] = {
	[WIRE_DROP] = "drop",
	[WIRE_WOULD_DROP] = "would-drop",
	[WIRE_PASS] = "pass",
};
_Static_assert(ARRAY_LEN(verdicts) == WIRE_VERDICT__COUNT, "a name for each verdict");

static const char *const reasons[] = {
	[WIRE_REASON_RULE] = "rule",
	[WIRE_REASON_DEFAULT] = "default",
	[WIRE_REASON_STATE] = "state",
	[WIRE_REASON_MIDSTREAM] = "midstream",
	[WIRE_REASON_FLOW_FULL] = "flow-full",
	[WIRE_REASON_MALFORMED] = "malformed",
	[WIRE_REASON_FRAGMENT] = "fragment",
	[WIRE_REASON_UNSEGMENTED] = "unsegmented",
	[WIRE_REASON_NON_IP] = "non-ip",
	[WIRE_REASON_NO_IMAGE] = "no-image",
};
_Static_assert(ARRAY_LEN(reasons) == WIRE_REASON__COUNT, "a name for each reason");

static const char *const dirs[] = { [WIRE_OUT] = "out", [WIRE_IN] = "in" };

static const char *const modes[] = {
	[WIRE_LEARN] = "learn",
	[WIRE_COMPLY] = "comply",
	[WIRE_ENFORCE] = "enforce",
};
_Static_assert(ARRAY_LEN(modes) == WIRE_MODE__COUNT, "a name for each mode");

static const char *const states[] = {
	[WIRE_STATE_NONE] = "none",
	[WIRE_STATE_FLAGS] = "flags",
	[WIRE_STATE_FLOW] = "flow",
};
_Static_assert(ARRAY_LEN(states) == WIRE_STATE__COUNT, "a name for each state");

static const char *
name_of(const char *const *names, size_t count, uint8_t value)
{
	return value < count && names[value] != NULL ? names[value] : "unknown";
}

const char *
verdict_name(uint8_t verdict)
{
	return name_of(verdicts, ARRAY_LEN(verdicts), verdict);
}

const char *
reason_name(uint8_t reason)
{
	return name_of(reasons, ARRAY_LEN(reasons), reason);
}

const char *
dir_name(uint8_t dir)
{
	return name_of(dirs, ARRAY_LEN(dirs), dir);
}

const char *
mode_name(uint8_t mode)
{
	return name_of(modes, ARRAY_LEN(modes), mode);
}

const char *
state_name(uint8_t state)
{
	return name_of(states, ARRAY_LEN(states), state);
}
