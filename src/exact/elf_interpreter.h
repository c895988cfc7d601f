/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/util.h"

/* What an ELF program says about who loads it. The file is not trusted. */

enum {
	ELF_SEGMENTS_MAX = 512,
	ELF_INTERPRETER_MAX = 4096, /* bytes, with its NUL */
};

enum elf_outcome {
	ELF_OTHER = 1, /* no ELF program, not of this machine's byte order, or damaged */
};

/* All n bytes at offset: 0; ELF_OTHER: they are not there; -errno. */
typedef int (*elf_read_fn)(void *data, uint64_t offset, void *ret, size_t n);

/*
 * The absolute path of PT_INTERP (malloc'ed), or NULL for a static program. 32 and 64 bit.
 * 0, ELF_OTHER, -errno.
 */
int elf_interpreter(elf_read_fn read, void *data, char **ret) MUST_CHECK;
int elf_file_interpreter(const char *path, char **ret) MUST_CHECK;
