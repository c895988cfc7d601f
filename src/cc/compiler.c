/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cc/compiler.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"

/*
 * A compiler's name is [PREFIX-]KIND[-VERSION]: x86_64-linux-gnu-g++-12, clang-14, cc. The kind
 * says which options it reads and whether it takes .c for C++; prefix and version together say
 * which compiler it is, to a machine that has the same names. Distributions install one program
 * under several of these names, as symbolic or hard links in one directory; the fullest of them
 * is what another machine is asked for.
 */

struct kind {
	const char *name;
	enum cc_family family;
	bool cxx;
};

static const struct kind kinds[] = {
	{"gcc", CC_FAMILY_GCC, false},
	{"g++", CC_FAMILY_GCC, true},
	{"clang", CC_FAMILY_CLANG, false},
	{"clang++", CC_FAMILY_CLANG, true},
	{"cc", CC_FAMILY_UNKNOWN, false},
	{"c++", CC_FAMILY_UNKNOWN, true},
};

struct parts {
	const struct kind *kind; /* NULL: not a compiler's name */
	bool prefix;
	bool version;
};

/* Debian's cross compilers for Windows come with either kind of threads. */
static size_t without_threads(const char *name)
{
	static const char *const threads[] = {"-win32", "-posix"};
	size_t n = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		if (str_ends(name, threads[i]))
			return n - strlen(threads[i]);
	return n;
}

static struct parts split_name(const char *name)
{
	const char *end = name + without_threads(name), *p = end;
	struct parts parts = {.kind = NULL};

	while (p > name && strchr("0123456789.", p[-1]))
		p--;
	if (p > name && p < end && p[-1] == '-') {
		parts.version = true;
		end = p - 1;
	}
	p = end;
	while (p > name && p[-1] != '-')
		p--;
	parts.prefix = p > name;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strlen(kinds[i].name) == (size_t)(end - p) &&
			strncmp(kinds[i].name, p, (size_t)(end - p)) == 0)
			parts.kind = &kinds[i];
	return parts;
}

static bool is_script(const char *path)
{
	AUTO(util_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char start[2];

	return fd < 0 || read(fd, start, sizeof(start)) != (ssize_t)sizeof(start) ||
	       memcmp(start, "#!", 2) == 0;
}

/* An entry of DISTCC_COMPILERS: NAME=gcc or NAME=clang, NAME a base name or an absolute path. */
static enum cc_family read_entry(const char *entry, size_t n, const char *name, const char *path)
{
	static const char *const families[] = {
		[CC_FAMILY_GCC] = "=gcc", [CC_FAMILY_CLANG] = "=clang"};
	const char *wanted = entry[0] == '/' ? path : path_base(name);

	for (size_t f = CC_FAMILY_GCC; wanted && f < ARRAY_SIZE(families); f++) {
		size_t m = strlen(families[f]);

		if (n == strlen(wanted) + m && strncmp(entry, wanted, n - m) == 0 &&
			strncmp(entry + n - m, families[f], m) == 0)
			return (enum cc_family)f;
	}
	return CC_FAMILY_UNKNOWN;
}

enum cc_family cc_compiler_registered(const char *list, const char *name, const char *path)
{
	enum cc_family family = CC_FAMILY_UNKNOWN;

	for (const char *p = list; p && *p && family == CC_FAMILY_UNKNOWN; p += *p == ':') {
		size_t n = strcspn(p, ":");

		family = read_entry(p, n, name, path);
		p += n;
	}
	if (family == CC_FAMILY_UNKNOWN)
		return cc_compiler_family(name, path);
	return path && is_script(path) ? CC_FAMILY_UNKNOWN : family;
}

enum cc_family cc_compiler_family(const char *name, const char *path)
{
	const struct kind *kind = split_name(path_base(name)).kind;
	AUTO(util_free) char *file = NULL;

	if (!kind)
		return CC_FAMILY_UNKNOWN;
	if (!path)
		return kind->family;
	file = realpath(path, NULL);
	if (!file || is_script(file))
		return CC_FAMILY_UNKNOWN;
	kind = split_name(path_base(file)).kind;
	return kind ? kind->family : CC_FAMILY_UNKNOWN;
}

bool cc_compiler_is_cxx(const char *name)
{
	const struct kind *kind = split_name(path_base(name)).kind;

	return kind ? kind->cxx : str_ends(name, "++");
}

static bool is_program(const char *path, struct stat *ret)
{
	return stat(path, ret) == 0 && S_ISREG(ret->st_mode) && access(path, X_OK) == 0;
}

static bool is_file(const struct stat *st, struct cc_file_id id)
{
	return st->st_dev == id.dev && st->st_ino == id.ino;
}

/* The entry of a PATH-like list at *rest, joined to name; NULL at the end with *ret_r 0. */
static char *next_candidate(const char **rest, const char *cwd, const char *name, int *ret_r)
{
	AUTO(util_free) char *entry = NULL;
	AUTO(util_free) char *dir = NULL;
	const char *end;
	char *file;

	*ret_r = 0;
	if (!*rest)
		return NULL;
	end = strchrnul(*rest, ':');
	entry = strndup(*rest, (size_t)(end - *rest));
	*rest = *end ? end + 1 : NULL;
	dir = entry ? path_join(cwd, entry) : NULL;
	file = dir ? path_join(dir, name) : NULL;
	if (!file)
		*ret_r = -ENOMEM;
	return file;
}

static bool is_skipped(const struct stat *st, const struct cc_file_id *skip, size_t n_skip)
{
	for (size_t i = 0; i < n_skip; i++)
		if (is_file(st, skip[i]))
			return true;
	return false;
}

int cc_compiler_behind(const char *name, const char *path, const char *cwd, struct cc_file_id self,
	const struct cc_file_id *skip, size_t n_skip, char **ret_path, bool *ret_first)
{
	const char *rest = path ? path : "/usr/local/bin:/usr/bin:/bin";
	AUTO(util_free) char *found = NULL;
	bool first = false, met_program = false, met_self = false;
	int r;

	name = path_base(name);
	for (;;) {
		AUTO(util_free) char *file = next_candidate(&rest, cwd, name, &r);
		struct stat st;

		if (!file)
			break;
		if (!is_program(file, &st))
			continue;
		if (is_file(&st, self)) {
			/* Not what comes before us. */
			if (!met_self)
				util_free(&found);
			met_self = true;
		} else if (!found && !is_skipped(&st, skip, n_skip)) {
			found = TAKE_PTR(file);
			first = !met_program;
			if (met_self)
				break;
		}
		met_program = true;
	}
	if (r < 0 || !found)
		return r < 0 ? r : -ENOENT;
	*ret_path = TAKE_PTR(found);
	*ret_first = first;
	return 0;
}

/*
 * Does some entry of PATH lead to the program under this name? Not necessarily the first: where
 * compilers' names are masqueraded, that one is distcc.
 */
static bool is_on_path(const char *name, const char *path, const struct stat *program)
{
	const char *rest = path;
	int r;

	for (;;) {
		AUTO(util_free) char *file = next_candidate(&rest, "/", name, &r);
		struct stat st;

		if (!file)
			return false;
		if (is_program(file, &st) && st.st_dev == program->st_dev &&
			st.st_ino == program->st_ino)
			return true;
	}
}

/* What the links from path lead to, as long as it is as much a C++ driver as name. */
static int follow_kind(const char *path, bool cxx, const struct kind **ret_kind)
{
	AUTO(util_free) char *at = strdup(path);

	for (int hops = 0; at && hops < 40; hops++) {
		const struct kind *kind = split_name(path_base(at)).kind;
		AUTO(util_free) char *dir = path_dir(at);
		char target[PATH_MAX];
		ssize_t n = readlink(at, target, sizeof(target) - 1);

		if (kind && kind->cxx == cxx)
			*ret_kind = kind;
		if (n < 0)
			return dir ? 0 : -ENOMEM;
		target[n] = '\0';
		free(at);
		at = dir ? path_join(dir, target) : NULL;
	}
	return at ? 0 : -ENOMEM;
}

/* A name that tells the version, and for gcc, which compiles for one target, the target. */
static bool says_which(const char *name, const struct kind *kind)
{
	struct parts parts = split_name(name);

	return parts.kind == kind && parts.version &&
	       (parts.prefix || kind->family == CC_FAMILY_CLANG);
}

/* Of the names that the program has in the directory dir, the shortest that says which it is. */
static int find_full_name(const char *dir, const struct kind *kind, const char *path,
	const struct stat *program, char **best)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int r = 0;

	if (!d)
		return 0;
	while (r == 0 && (e = readdir(d))) {
		struct stat st;
		char *copy;

		if (!says_which(e->d_name, kind))
			continue;
		if (*best && (strlen(e->d_name) > strlen(*best) ||
				     (strlen(e->d_name) == strlen(*best) &&
					     strcmp(e->d_name, *best) >= 0)))
			continue;
		if (fstatat(dirfd(d), e->d_name, &st, 0) < 0 || st.st_dev != program->st_dev ||
			st.st_ino != program->st_ino || !is_on_path(e->d_name, path, program))
			continue;
		copy = strdup(e->d_name);
		if (!copy)
			r = -ENOMEM;
		else
			free(*best), *best = copy;
	}
	closedir(d);
	return r;
}

static int name_as_given(const char *name, char **ret_name)
{
	static const char *const usual[] = {"/usr/bin/", "/bin/"};
	const char *plain = name;

	for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
		if (plain == name && str_starts(name, usual[i]))
			plain = name + strlen(usual[i]);
	*ret_name = strdup(plain);
	return *ret_name ? 0 : -ENOMEM;
}

int cc_compiler_remote_name(const char *name, const char *compiler_path, const char *path,
	bool no_rewrite, char **ret_name)
{
	AUTO(util_free) char *dir = NULL;
	char *best = NULL;
	const struct kind *kind = NULL;
	struct stat program;
	int r;

	if (no_rewrite)
		return name_as_given(name, ret_name);
	*ret_name = NULL;
	if (!path)
		path = "/usr/local/bin:/usr/bin:/bin";
	if (stat(compiler_path, &program) < 0)
		return 0;
	r = follow_kind(compiler_path, cc_compiler_is_cxx(name), &kind);
	if (r < 0 || !kind || kind->family == CC_FAMILY_UNKNOWN)
		return r;
	dir = path_dir(compiler_path);
	if (!dir)
		return -ENOMEM;
	r = find_full_name(dir, kind, path, &program, &best);
	if (r < 0)
		free(best);
	else
		*ret_name = best;
	return r;
}

unsigned cc_compiler_name_version(const char *name)
{
	const char *dash = strrchr(name, '-');
	unsigned version = 0;

	if (!dash)
		return 0;
	for (const char *p = dash + 1; *p && *p != '.'; p++) {
		if (*p < '0' || *p > '9' || version > 999)
			return 0;
		version = version * 10 + (unsigned)(*p - '0');
	}
	return version;
}
