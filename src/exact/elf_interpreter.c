/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "exact/elf_interpreter.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the two classes say in different places. */
struct table {
	bool wide; /* 64 bit */
	uint64_t offset;
	size_t entry_size, n;
};

struct segment {
	uint32_t type;
	uint64_t offset, size;
};

static bool is_ours(const unsigned char *ident)
{
	unsigned char order = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;

	return memcmp(ident, ELFMAG, SELFMAG) == 0 && ident[EI_DATA] == order &&
	       ident[EI_VERSION] == EV_CURRENT &&
	       (ident[EI_CLASS] == ELFCLASS32 || ident[EI_CLASS] == ELFCLASS64);
}

static bool is_program(unsigned type)
{
	return type == ET_EXEC || type == ET_DYN;
}

static int read_table(elf_read_fn read, void *data, struct table *ret)
{
	union {
		unsigned char ident[EI_NIDENT];
		Elf32_Ehdr narrow;
		Elf64_Ehdr wide;
	} h;
	int r = read(data, 0, h.ident, sizeof(h.ident));

	if (r == 0 && !is_ours(h.ident))
		return ELF_OTHER;
	if (r != 0)
		return r;
	ret->wide = h.ident[EI_CLASS] == ELFCLASS64;
	r = read(data, 0, &h, ret->wide ? sizeof(h.wide) : sizeof(h.narrow));
	if (r != 0)
		return r;
	ret->offset = ret->wide ? h.wide.e_phoff : h.narrow.e_phoff;
	ret->entry_size = ret->wide ? h.wide.e_phentsize : h.narrow.e_phentsize;
	ret->n = ret->wide ? h.wide.e_phnum : h.narrow.e_phnum;
	if (!is_program(ret->wide ? h.wide.e_type : h.narrow.e_type) || ret->n == 0 ||
		ret->n > ELF_SEGMENTS_MAX ||
		ret->entry_size != (ret->wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)))
		return ELF_OTHER;
	return 0;
}

static int read_segment(
	elf_read_fn read, void *data, const struct table *t, size_t i, struct segment *ret)
{
	union {
		Elf32_Phdr narrow;
		Elf64_Phdr wide;
	} p;
	uint64_t at;
	int r;

	if (__builtin_add_overflow(t->offset, i * t->entry_size, &at))
		return ELF_OTHER;
	r = read(data, at, &p, t->entry_size);
	if (r != 0)
		return r;
	if (t->wide)
		*ret = (struct segment){p.wide.p_type, p.wide.p_offset, p.wide.p_filesz};
	else
		*ret = (struct segment){p.narrow.p_type, p.narrow.p_offset, p.narrow.p_filesz};
	return 0;
}

static int read_path(elf_read_fn read, void *data, const struct segment *s, char **ret)
{
	AUTO(util_free) char *path = NULL;
	int r;

	if (s->size < 2 || s->size > ELF_INTERPRETER_MAX)
		return ELF_OTHER;
	path = malloc(s->size);
	if (!path)
		return -ENOMEM;
	r = read(data, s->offset, path, s->size);
	if (r != 0)
		return r;
	if (path[0] != '/' || path[s->size - 1] != '\0')
		return ELF_OTHER;
	*ret = TAKE_PTR(path);
	return 0;
}

int elf_interpreter(elf_read_fn read, void *data, char **ret)
{
	struct table t;
	struct segment s = {.type = PT_NULL};
	int r = read_table(read, data, &t);

	for (size_t i = 0; r == 0 && i < t.n && s.type != PT_INTERP; i++)
		r = read_segment(read, data, &t, i, &s);
	if (r != 0)
		return r;
	if (s.type == PT_INTERP)
		return read_path(read, data, &s, ret);
	*ret = NULL;
	return 0;
}

static int read_file(void *data, uint64_t offset, void *ret, size_t n)
{
	size_t done = 0;

	if (offset > INT64_MAX - n)
		return ELF_OTHER;
	while (done < n) {
		ssize_t got =
			pread(*(int *)data, (char *)ret + done, n - done, (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return ELF_OTHER;
		done += (size_t)got;
	}
	return 0;
}

int elf_file_interpreter(const char *path, char **ret)
{
	AUTO(util_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return -errno;
	return elf_interpreter(read_file, &fd, ret);
}
