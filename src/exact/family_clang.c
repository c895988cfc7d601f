/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * clang: one program, which compiles and assembles by itself. It looks for a gcc, whose directories
 * of C++ headers and libraries it uses, and takes an installation for one where it has a
 * crtbegin.o; and for the distribution, whose habits it knows.
 *
 * It looks for CUDA as well each time it starts, and reads the version from a header of it. That is
 * left out: of no effect but to sources of CUDA, which are not distributed.
 */

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "exact/ask.h"
#include "exact/inquiry.h"

enum {
	DIRECTORIES_MAX = 64,   /* of one that are told */
	INSTALLATION_DEPTH = 2, /* gcc/TRIPLE/VERSION */
};

static int add_below(struct inquiry *i, const char *dir, const char *name)
{
	AUTO(util_free) char *path = path_join(dir, name);

	return path ? inquiry_optional(i, path) : -ENOMEM;
}

/* The directories of an installation for other ABIs are looked at to know which there are. */
static int add_installation(struct inquiry *i, const char *dir)
{
	static const char *const objects[] = {
		"crtbegin.o", "32/crtbegin.o", "64/crtbegin.o", "x32/crtbegin.o"};
	int r = inquiry_optional(i, dir);

	for (size_t k = 0; r == 0 && k < ARRAY_SIZE(objects); k++)
		r = add_below(i, dir, objects[k]);
	return r;
}

static int read_verbose_line(struct inquiry *i, const char *line)
{
	static const char *const installations[] = {
		"Found candidate GCC installation: ", "Selected GCC installation: "};

	if (str_starts(line, "Configuration file: "))
		return inquiry_unknown(i, "%s reads a configuration file", i->q->compiler);
	for (size_t k = 0; k < ARRAY_SIZE(installations); k++)
		if (str_starts(line, installations[k]))
			return add_installation(i, line + strlen(installations[k]));
	return 0;
}

static int add_installations(struct inquiry *i)
{
	AUTO(buf_fini) struct buf said = BUF_INIT_MAX(ASK_OUTPUT_MAX);
	char *save = NULL;
	int r = inquiry_ask(i, "-v", true, &said);

	for (char *line = r == 0 && said.data ? strtok_r(said.data, "\n", &save) : NULL;
		r == 0 && line; line = strtok_r(NULL, "\n", &save))
		r = read_verbose_line(i, line);
	return r;
}

/* With a sanitizer it reads the list of what is not to be instrumented. */
static int add_resources(struct inquiry *i)
{
	AUTO(util_free) char *dir = NULL;
	AUTO(util_free) char *share = NULL;
	int r = inquiry_ask_line(i, "-print-resource-dir", "", &dir);

	if (r == 0)
		r = inquiry_optional(i, dir);
	if (r == 0)
		r = add_below(i, dir, "include");
	if (r != 0 || !i->options.sanitize)
		return r;
	share = path_join(dir, "share");
	return share ? inquiry_optional_tree(i, share) : -ENOMEM;
}

static int add_distribution(struct inquiry *i)
{
	static const char *const files[] = {"/etc/lsb-release", "/etc/os-release",
		"/usr/lib/os-release", "/etc/redhat-release", "/etc/debian_version",
		"/etc/SuSE-release", "/etc/exherbo-release", "/etc/alpine-release",
		"/etc/arch-release", "/etc/gentoo-release", "/etc/slackware-version"};
	int r = 0;

	for (size_t k = 0; r == 0 && k < ARRAY_SIZE(files); k++)
		r = inquiry_optional(i, files[k]);
	/* Gentoo's choice of a gcc. */
	return r == 0 ? inquiry_optional_tree(i, "/etc/env.d/gcc") : r;
}

/* The directories in dir, and so on down to a depth; nothing of what is in them. */
static int add_directories(struct inquiry *i, const char *dir, unsigned depth)
{
	int r = inquiry_optional(i, dir);
	DIR *d = r == 0 && depth > 0 ? opendir(dir) : NULL;
	struct dirent *e;
	unsigned n = 0;

	while (r == 0 && d && (e = readdir(d)) && n < DIRECTORIES_MAX) {
		AUTO(util_free) char *path = *e->d_name == '.' ? NULL : path_join(dir, e->d_name);
		struct stat st;

		if (!path || stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
			continue;
		r = add_directories(i, path, depth - 1);
		n++;
	}
	if (d)
		closedir(d);
	return r;
}

/*
 * Directories that it looks for to know the machine: installations of gcc of all kinds, of which it
 * uses the candidates that it names, and where ROCm would be.
 */
static int add_layout(struct inquiry *i)
{
	static const char *const libraries[] = {"lib", "lib64", "lib32", "libx32"};
	static const char *const kinds[] = {"gcc", "gcc-cross"};
	AUTO(util_free) char *bin = path_dir(i->q->compiler);
	int r = bin ? inquiry_optional(i, "/opt") : -ENOMEM;

	for (size_t k = 0; r == 0 && k < ARRAY_SIZE(libraries); k++) {
		AUTO(util_free) char *dir = NULL;

		if (asprintf(&dir, "%s/../%s", bin, libraries[k]) < 0) {
			dir = NULL;
			return -ENOMEM;
		}
		r = inquiry_optional(i, dir);
		for (size_t n = 0; r == 0 && n < ARRAY_SIZE(kinds); n++) {
			AUTO(util_free) char *gcc = path_join(dir, kinds[n]);

			r = gcc ? add_directories(i, gcc, INSTALLATION_DEPTH) : -ENOMEM;
		}
	}
	return r;
}

int family_clang_add(struct inquiry *i)
{
	int r = add_installations(i);

	if (r == 0)
		r = add_layout(i);
	if (r == 0)
		r = inquiry_search_dirs(i);
	if (r == 0)
		r = add_resources(i);
	if (r == 0)
		r = add_distribution(i);
	if (r == 0 && i->options.external_assembler && !i->q->command->assembly)
		r = inquiry_subprogram(i, "as");
	return r;
}
