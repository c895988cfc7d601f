/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The loader of a program that may be damaged: read where it is, and an absolute path. */

#include <stdlib.h>
#include <string.h>

#include "exact/elf_interpreter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct file {
	const uint8_t *data;
	size_t size;
};

static int read_memory(void *data, uint64_t offset, void *ret, size_t n)
{
	const struct file *f = data;

	if (offset > f->size || n > f->size - offset)
		return ELF_OTHER;
	memcpy(ret, f->data + offset, n);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct file f = {data, size};
	char *loader = NULL;
	int r = elf_interpreter(read_memory, &f, &loader);

	if (r != 0 && r != ELF_OTHER)
		abort();
	if (loader && (r != 0 || *loader != '/' || strlen(loader) >= ELF_INTERPRETER_MAX))
		abort();
	free(loader);
	return 0;
}
