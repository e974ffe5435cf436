/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prove - what the harnesses of this folder share.
 * Does:    a harness calls a function of fw/ with every input there is up to a bound; cbmc looks
 *          for one that reads or writes outside, overflows a signed number, shifts too far, fails
 *          an FW_CHECK, or goes around a loop more often than said. `./build.sh prove` runs them.
 * Shape:   the head of a harness says
 *          bounds: TEXT      of the inputs, as fw/README.md has them
 *          seconds: N        about, of one run: what takes long begins first
 *          unwind: N         turns of a loop, which are held to be enough
 *          options: -D...    one run each
 *          replace: F:G ...  calls to F go to G of the harness, which asserts what F is asked and
 *                            gives any answer that another harness proves of F
 *          plant: FILE SED   the check taken out of a copy of that file: that must be found, with
 *                            the first options or, as "plant -D...: FILE SED", with those; FILE
 *                            is one that the harness itself includes
 * Limits:  bounds are macros of the harness, and stated in fw/README.md.
 */
#ifndef PROVE_H
#define PROVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Any value: cbmc knows no body. */
uint8_t nondet_u8(void);
uint16_t nondet_u16(void);
uint32_t nondet_u32(void);
void *malloc(size_t size);
void fw_port_fault(const char *file, uint32_t line) __attribute__((noreturn));

void __CPROVER_assume(_Bool holds);
void __CPROVER_assert(_Bool holds, const char *what);

/* What FW_CHECK calls where its condition does not hold. */
void
fw_port_fault(const char *file, uint32_t line)
{
	(void)file;
	(void)line;
	__CPROVER_assert(0, "FW_CHECK holds");
	for (;;)
		__CPROVER_assume(0);
}

/* Any bytes: what malloc gives is not initialised, so every content is tried. */
static inline uint8_t *
any_bytes(uint32_t len)
{
	uint8_t *p = malloc(len);

	__CPROVER_assume(p != NULL);
	return p;
}

#endif
