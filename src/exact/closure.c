/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "exact/closure.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/path.h"

void toolchain_fini(struct toolchain *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->entries[i].path);
		free(t->entries[i].target);
	}
	free(t->entries);
	strv_fini(&t->also);
	strv_fini(&t->native);
	*t = (struct toolchain){0};
}

void closure_fini(struct closure *c)
{
	toolchain_fini(&c->toolchain);
	c->cap = 0;
}

/* Where path is, or belongs. */
static size_t place_of(const struct toolchain *t, const char *path, bool *ret_there)
{
	size_t low = 0, high = t->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(t->entries[middle].path, path);

		if (order == 0) {
			*ret_there = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*ret_there = false;
	return low;
}

static int grow(struct closure *c)
{
	size_t cap = c->cap ? c->cap * 2 : 64;
	struct toolchain_entry *more;

	if (c->toolchain.n < c->cap)
		return 0;
	if (cap > CLOSURE_MAX)
		return -E2BIG;
	more = realloc(c->toolchain.entries, cap * sizeof(*more));
	if (!more)
		return -ENOMEM;
	c->toolchain.entries = more;
	c->cap = cap;
	return 0;
}

/* path and target are copied. */
static int insert(struct closure *c, enum toolchain_kind kind, const char *path, const char *target,
	bool executable)
{
	struct toolchain *t = &c->toolchain;
	bool there;
	size_t at = place_of(t, path, &there);
	struct toolchain_entry e = {.kind = kind, .executable = executable};
	int r = there ? 0 : grow(c);

	if (there || r < 0)
		return r;
	e.path = strdup(path);
	e.target = target ? strdup(target) : NULL;
	if (!e.path || (target && !e.target)) {
		free(e.path);
		free(e.target);
		return -ENOMEM;
	}
	memmove(t->entries + at + 1, t->entries + at, (t->n - at) * sizeof(e));
	t->entries[at] = e;
	t->n++;
	return 0;
}

/* A path on its way: what is behind us, without links, and what is still to go. */
struct walk {
	struct closure *c;
	struct buf real; /* "" is the root */
	struct buf rest;
	unsigned links;
	bool file; /* real is one: nothing may follow */
};

static void walk_fini(struct walk *w)
{
	buf_fini(&w->real);
	buf_fini(&w->rest);
}

static void shorten(struct buf *b, size_t n)
{
	if (b->data) {
		b->len = n;
		b->data[n] = '\0';
	}
}

/* Out of the directory that we are in. */
static int leave(struct walk *w)
{
	int r;

	if (w->real.len == 0)
		return 0;
	r = insert(w->c, TOOLCHAIN_DIRECTORY, w->real.data, NULL, false);
	shorten(&w->real, (size_t)(strrchr(w->real.data, '/') - w->real.data));
	return r;
}

/* real is a link, its name beginning at parent_len. */
static int follow(struct walk *w, size_t parent_len)
{
	AUTO(buf_fini) struct buf way = BUF_INIT;
	char target[PATH_MAX];
	ssize_t n = readlink(w->real.data, target, sizeof(target) - 1);
	int r;

	if (n < 0)
		return -errno;
	if (++w->links > CLOSURE_LINKS_MAX)
		return -ELOOP;
	target[n] = '\0';
	r = insert(w->c, TOOLCHAIN_LINK, w->real.data, target, false);
	if (r == 0)
		r = buf_printf(&way, "%s/%s", target, buf_str(&w->rest));
	if (r < 0)
		return r;
	shorten(&w->real, *target == '/' ? 0 : parent_len);
	buf_clear(&w->rest);
	return buf_append(&w->rest, way.data, way.len);
}

static int enter(struct walk *w, const char *name, size_t n)
{
	size_t parent_len = w->real.len;
	struct stat st;
	int r = buf_append_char(&w->real, '/');

	if (r == 0)
		r = buf_append(&w->real, name, n);
	if (r < 0)
		return r;
	buf_consume(&w->rest, n);
	if (lstat(w->real.data, &st) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode))
		return follow(w, parent_len);
	w->file = !S_ISDIR(st.st_mode);
	return 0;
}

static int step(struct walk *w)
{
	const char *name = w->rest.data;
	size_t n = (size_t)(strchrnul(name, '/') - name);

	if (n == 0) {
		buf_consume(&w->rest, 1);
		return 0;
	}
	if (w->file)
		return -ENOTDIR;
	if (n == 1 && name[0] == '.') {
		buf_consume(&w->rest, 1);
		return 0;
	}
	if (n == 2 && name[0] == '.' && name[1] == '.') {
		buf_consume(&w->rest, 2);
		return leave(w);
	}
	return enter(w, name, n);
}

static int arrive(struct walk *w, const struct stat *st, char **ret_real)
{
	const char *real = w->real.len > 0 ? w->real.data : "/";
	int r = 0;

	if (S_ISREG(st->st_mode))
		r = insert(w->c, TOOLCHAIN_FILE, real, NULL, st->st_mode & 0111);
	else if (w->real.len > 0)
		r = insert(w->c, TOOLCHAIN_DIRECTORY, real, NULL, false);
	if (r == 0 && ret_real) {
		*ret_real = strdup(real);
		if (!*ret_real)
			r = -ENOMEM;
	}
	return r;
}

static bool is_missing(int error)
{
	return error == ENOENT || error == ENOTDIR || error == EACCES || error == ELOOP ||
	       error == ENAMETOOLONG;
}

int closure_add(struct closure *c, const char *path, char **ret_real)
{
	AUTO(walk_fini) struct walk w = {.c = c};
	struct stat st;
	int r;

	if (*path != '/')
		return -EINVAL;
	/* First, so that a path that leads nowhere leaves no links here. */
	if (stat(path, &st) < 0)
		return is_missing(errno) ? CLOSURE_MISSING : -errno;
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return CLOSURE_MISSING;
	r = buf_append_str(&w.rest, path);
	while (r == 0 && w.rest.len > 0)
		r = step(&w);
	if (r < 0)
		return is_missing(-r) ? CLOSURE_MISSING : r;
	return arrive(&w, &st, ret_real);
}

static int add_tree(struct closure *c, const char *path, unsigned depth)
{
	AUTO(util_free) char *real = NULL;
	struct dirent *e;
	int r = closure_add(c, path, &real);
	DIR *d = r == 0 ? opendir(real) : NULL;

	if (!d) /* a file, or what cannot be read by us, nor by a compiler of ours */
		return r;
	while (r == 0 && (e = readdir(d))) {
		AUTO(util_free) char *below = path_join(real, e->d_name);

		if (!below)
			r = -ENOMEM;
		else if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, ".."))
			r = depth == CLOSURE_DEPTH_MAX ? -ELOOP : add_tree(c, below, depth + 1);
		if (r == CLOSURE_MISSING)
			r = 0;
	}
	closedir(d);
	return r;
}

int closure_add_tree(struct closure *c, const char *path)
{
	return add_tree(c, path, 0);
}
