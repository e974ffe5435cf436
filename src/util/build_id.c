/* SPDX-License-Identifier: Apache-2.0 */
/* build_id - the note of the running image, by its program headers. */
#include "build_id.h"

#include <elf.h>
#include <link.h>
#include <string.h>

enum { ALIGN = 4 };

extern const ElfW(Ehdr) __ehdr_start __attribute__((weak, visibility("hidden")));

static size_t
aligned(size_t n)
{
	return (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

static bool
note_find(const uint8_t *p, size_t len, uint8_t out[BUILD_ID_BYTES])
{
	while (len >= sizeof(ElfW(Nhdr))) {
		ElfW(Nhdr) n;
		size_t desc, next;

		memcpy(&n, p, sizeof(n));
		desc = sizeof(n) + aligned(n.n_namesz);
		next = desc + aligned(n.n_descsz);
		if (next > len)
			return false;
		if (n.n_type == NT_GNU_BUILD_ID && n.n_namesz == 4 &&
		    memcmp(p + sizeof(n), "GNU", 4) == 0 && n.n_descsz == BUILD_ID_BYTES) {
			memcpy(out, p + desc, BUILD_ID_BYTES);
			return true;
		}
		p += next;
		len -= next;
	}
	return false;
}

bool
build_id(uint8_t out[BUILD_ID_BYTES])
{
	const ElfW(Ehdr) *e = &__ehdr_start;
	const uint8_t *base = (const uint8_t *)e;
	uintptr_t bias = 0;

	memset(out, 0, BUILD_ID_BYTES);
	if (e == NULL)
		return false;
	for (int pass = 0; pass < 2; pass++)
		for (unsigned i = 0; i < e->e_phnum; i++) {
			ElfW(Phdr) h;

			memcpy(&h, base + e->e_phoff + i * sizeof(h), sizeof(h));
			if (pass == 0 && h.p_type == PT_LOAD && h.p_offset == 0)
				bias = (uintptr_t)base - h.p_vaddr;
			if (pass == 1 && h.p_type == PT_NOTE && note_find(
			    (const uint8_t *)(bias + h.p_vaddr), h.p_memsz, out))
				return true;
		}
	return false;
}
