/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/result.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/path.h"

static const struct rex_output *find(const struct rex_result *r, const char *path)
{
	for (size_t i = 0; i < r->n_outputs; i++)
		if (str_eq(r->outputs[i].path, path))
			return &r->outputs[i];
	return NULL;
}

_Static_assert((int)REX_OUTPUTS_MAX >= (int)EXACT_OUTPUTS_MAX, "a result has room for all outputs");

static bool has(uint64_t outputs, size_t i)
{
	return outputs >> i & 1;
}

/* What make reads goes where it is, all else into files[*n], which then waits for its name. */
static int begin(const struct exact_action *a, const struct rex_output *o, const char *cwd,
	unsigned umask, struct fs_output *files, size_t *n)
{
	AUTO(util_free) char *path = path_join(cwd, o->path);
	struct fs_output *file = &files[*n];
	int r = path ? FS_REWRITE_NEW : -ENOMEM;

	if (path && str_eq(o->path, a->deps))
		r = fs_rewrite(path, buf_str(&o->data), o->data.len);
	if (r != FS_REWRITE_NEW)
		return r;
	*file = (struct fs_output)FS_OUTPUT_INIT;
	++*n;
	r = fs_output_open(path, 0666 & ~(mode_t)umask, file);
	return r < 0 ? r : fs_write_all(file->fd, buf_str(&o->data), o->data.len);
}

/* The first of a's outputs is the object. */
int result_publish(
	const struct exact_action *a, const struct rex_result *r, const char *cwd, unsigned umask)
{
	struct fs_output files[REX_OUTPUTS_MAX];
	size_t n = 0;
	int e = 0;

	for (size_t i = a->outputs.n; e == 0 && i-- > 0;) {
		const struct rex_output *o = find(r, a->outputs.v[i]);

		if (o && !(a->deps_ours && str_eq(o->path, a->deps)))
			e = begin(a, o, cwd, umask, files, &n);
	}
	for (size_t i = 0; e == 0 && i < n; i++)
		e = fs_output_commit(&files[i]);
	for (size_t i = 0; i < n; i++)
		fs_output_abort(&files[i]);
	return e;
}

int result_check(const struct exact_action *a, const struct rex_result *r, const char *cwd,
	char **ret_reason)
{
	const struct rex_output *deps = find(r, a->deps);
	int e;

	if (!deps || !find(r, a->outputs.v[0]))
		return RESULT_INCOMPLETE;
	for (size_t i = 0; i < a->outputs.n; i++)
		if (has(a->certain, i) && !find(r, a->outputs.v[i]))
			return RESULT_INCOMPLETE;
	e = exact_check(a, cwd, &deps->data, ret_reason);
	return e == EXACT_UNKNOWN ? RESULT_DOUBTED : e;
}

/* ---- two of them ---- */

static bool same(const struct buf *x, const struct buf *y)
{
	return x->len == y->len && memcmp(buf_str(x), buf_str(y), x->len) == 0;
}

static bool same_output(const struct rex_output *x, const struct rex_output *y)
{
	return !x == !y && (!x || same(&x->data, &y->data));
}

static int difference(const char *what, const char *name, char **ret)
{
	if (asprintf(ret, "%s%s", what, name) >= 0)
		return 0;
	*ret = NULL;
	return -ENOMEM;
}

int result_difference(const struct exact_action *a, const struct rex_result *x,
	const struct rex_result *y, char **ret)
{
	*ret = NULL;
	if (x->exit_code != y->exit_code)
		return difference("the exit status", "", ret);
	for (size_t i = 0; i < a->outputs.n; i++) {
		const char *name = a->outputs.v[i];

		if (!has(a->varying, i) && !(a->deps_ours && str_eq(name, a->deps)) &&
			!same_output(find(x, name), find(y, name)))
			return difference("the output ", name, ret);
	}
	if (!same(&x->err, &y->err))
		return difference("what it says on stderr", "", ret);
	return same(&x->out, &y->out) ? 0 : difference("what it says on stdout", "", ret);
}
