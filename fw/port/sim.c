/* SPDX-License-Identifier: Apache-2.0 */
/* The board that is a process: a bug of the firmware ends it, as a bug of the host's code does. */
#include "base.h"
#include "fw_port.h"

void
fw_port_fault(const char *file, uint32_t line)
{
	check_failed(file, (int)line, "firmware");
}
