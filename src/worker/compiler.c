/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * A masquerade directory serves two ends: on a client its links make distcc start in the place of
 * the compilers, and on a worker their names say what may be run. On one machine both are the same
 * directory, and it may well be in PATH, so whatever turns out to be distcc is passed over when the
 * compiler itself is looked for.
 *
 * A fifo can be read once. Drivers of gcc and clang do; ccache or a script may read the source
 * first for themselves and then start the compiler on what is left, which would give the object of
 * an empty source. So only programs that are known get a fifo: native executables whose real name,
 * links followed, is one of a gcc or clang driver.
 */

#include "worker/compiler.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/child.h"
#include "base/env.h"
#include "base/fs.h"
#include "base/path.h"
#include "config.h"

enum { NUMWORDS_MAX = 64 };

static const char *const lists[] = {DISTCC_LIBDIR "/distcc", "/usr/lib/distcc"};
static const char *const own_names[] = {"distcc", "distccd"};
static const char *const drivers[] = {"gcc", "g++", "clang"};

/* What begins at the nth word from the end. */
static const char *last_words(const char *path, size_t words)
{
	const char *p = path + strlen(path);

	while (p > path && (p[-1] != '/' || --words > 0))
		p--;
	return p;
}

static int read_commands(struct compiler_policy *p, const char *file)
{
	AUTO(buf_fini) struct buf text = BUF_INIT_MAX(COMPILER_LIST_MAX);
	int r = fs_read_file(file, &text);
	char *line, *rest = text.data;

	if (r < 0)
		return r;
	while ((line = strsep(&rest, "\n"))) {
		line[strcspn(line, "\r")] = '\0';
		if (*line == '\0')
			continue;
		r = strv_push(&p->commands, line);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool has_entries(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	bool found = false;

	if (!d)
		return false;
	while (!found && (e = readdir(d)))
		found = e->d_name[0] != '.';
	closedir(d);
	return found;
}

static bool anything_listed(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		if (has_entries(lists[i]))
			return true;
	return false;
}

int compiler_policy_init(struct compiler_policy *p, char *const *envp, bool insecure)
{
	const char *commands = env_get(envp, "DISTCC_CMDLIST");
	const char *path = env_get(envp, "DISTCCD_PATH");
	int r = 0;

	*p = (struct compiler_policy){.insecure = insecure,
		.path = path ? path : env_get(envp, "PATH"),
		.words = (size_t)env_u64(envp, "DISTCC_CMDLIST_NUMWORDS", NUMWORDS_MAX, 1)};
	p->words = MAX(p->words, (size_t)1);
	if (commands) {
		p->has_commands = true;
		r = read_commands(p, commands);
	} else if (!insecure && !anything_listed()) {
		r = COMPILER_NOBODY;
	}
	if (r != 0)
		compiler_policy_fini(p);
	return r;
}

void compiler_policy_fini(struct compiler_policy *p)
{
	strv_fini(&p->commands);
}

void compiler_fini(struct compiler *c)
{
	util_free(&c->path);
}

/* Distcc itself, by way of whatever links: never the compiler that was meant. */
static bool is_distcc(const char *path)
{
	AUTO(util_free) char *real = realpath(path, NULL);

	for (size_t i = 0; real && i < ARRAY_SIZE(own_names); i++)
		if (str_eq(path_base(real), own_names[i]))
			return true;
	return false;
}

static bool is_elf(const char *path)
{
	AUTO(util_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	char magic[4];

	return fd >= 0 && read(fd, magic, sizeof(magic)) == (ssize_t)sizeof(magic) &&
	       memcmp(magic, "\177ELF", sizeof(magic)) == 0;
}

static bool is_driver(const char *path)
{
	AUTO(util_free) char *real = realpath(path, NULL);

	for (size_t i = 0; real && i < ARRAY_SIZE(drivers); i++)
		if (strstr(path_base(real), drivers[i]))
			return is_elf(real);
	return false;
}

/* name, without '/', on the compilers' path. */
static int search(const struct compiler_policy *p, const char *name, char **ret)
{
	const char *path = p->path ? p->path : "/usr/local/bin:/usr/bin:/bin";

	for (;; path++) {
		const char *end = strchrnul(path, ':');
		AUTO(util_free) char *dir = strndup(path, (size_t)(end - path));
		AUTO(util_free) char *full = NULL;
		int r;

		if (!dir)
			return -ENOMEM;
		path = end;
		/* Never the directory that the daemon happens to be in. */
		r = *dir == '/' ? child_find_program(name, dir, NULL, &full) : -ENOENT;
		if (r == -ENOMEM)
			return r;
		if (r == 0 && !is_distcc(full)) {
			*ret = TAKE_PTR(full);
			return 0;
		}
		if (*path == '\0')
			return COMPILER_NOT_FOUND;
	}
}

static bool is_listed(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		AUTO(util_free) char *entry = path_join(lists[i], name);

		if (entry && access(entry, X_OK) == 0)
			return true;
	}
	return false;
}

/* The command of the list that ends in the same words. */
static int find_command(const struct compiler_policy *p, const char *name, char **ret)
{
	const char *wanted = last_words(name, p->words);

	for (size_t i = 0; i < p->commands.n; i++) {
		const char *command = p->commands.v[i];

		if (!str_eq(last_words(command, p->words), wanted))
			continue;
		if (*command != '/' || access(command, X_OK) < 0 || is_distcc(command))
			return COMPILER_NOT_FOUND;
		*ret = strdup(command);
		return *ret ? 0 : -ENOMEM;
	}
	return COMPILER_NOT_ALLOWED;
}

/* An absolute name, where any will do: that program, or else one of that name on the path. */
static int find_absolute(const struct compiler_policy *p, const char *name, char **ret)
{
	int r = *name == '/' ? child_find_program(name, NULL, NULL, ret) : -ENOENT;

	if (r == 0 && is_distcc(*ret)) {
		util_free(ret);
		r = -ENOENT;
	}
	return r == -ENOENT ? search(p, path_base(name), ret) : r;
}

static const char *without_usual_dir(const char *name)
{
	static const char *const usual[] = {"/bin/", "/usr/bin/"};

	for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
		if (str_starts(name, usual[i]))
			return name + strlen(usual[i]);
	return name;
}

static bool is_name(const char *name)
{
	return *name && !strchr(name, '/') && !str_eq(name, ".") && !str_eq(name, "..") &&
	       strlen(name) <= NAME_MAX;
}

static int find(const struct compiler_policy *p, const char *name, char **ret)
{
	const char *bare = without_usual_dir(name);

	if (strlen(name) >= PATH_MAX)
		return COMPILER_NOT_ALLOWED;
	if (p->has_commands)
		return find_command(p, name, ret);
	if (p->insecure && strchr(name, '/') && is_name(path_base(name)))
		return find_absolute(p, name, ret);
	if (!is_name(bare) || (!p->insecure && !is_listed(bare)))
		return COMPILER_NOT_ALLOWED;
	return search(p, bare, ret);
}

int compiler_find(const struct compiler_policy *p, const char *name, struct compiler *ret)
{
	AUTO(util_free) char *path = NULL;
	int r = find(p, name, &path);

	if (r != 0)
		return r;
	*ret = (struct compiler){.is_driver = is_driver(path)};
	ret->path = TAKE_PTR(path);
	return 0;
}
