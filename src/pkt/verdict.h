/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verdict - names for people of the numbers in wire_verdict.h.
 * Context: pure; never NULL, "unknown" past the end.
 */
#ifndef VERDICT_H
#define VERDICT_H

#include "base.h"
#include "wire_verdict.h"

const char *verdict_name(uint8_t verdict);	/* "drop" "would-drop" "pass" */
const char *reason_name(uint8_t reason);	/* "rule" "default" "state" ... */
const char *dir_name(uint8_t dir);		/* "out" "in" */
const char *mode_name(uint8_t mode);		/* "learn" "comply" "enforce" */
const char *state_name(uint8_t state);		/* "none" "flags" "flow" */

#endif
