/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build_id - which binary this is: a hash of its own bytes, which the linker leaves in it.
 * Does:    tells what another build made from what this one would make again.
 * Context: pure.
 */
#ifndef BUILD_ID_H
#define BUILD_ID_H

#include "base.h"

enum { BUILD_ID_BYTES = 20 };

/* False where the linker left none: then nothing is of this build. */
bool build_id(uint8_t out[BUILD_ID_BYTES]);

#endif
