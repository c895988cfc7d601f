/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/result.h"

#include <errno.h>
#include <stdlib.h>

#include "base/fs.h"
#include "base/path.h"

static const struct rex_output *find(const struct rex_result *r, const char *path)
{
	for (size_t i = 0; i < r->n_outputs; i++)
		if (str_eq(r->outputs[i].path, path))
			return &r->outputs[i];
	return NULL;
}

static int begin(
	struct fs_output *file, const char *cwd, const struct rex_output *o, unsigned umask)
{
	AUTO(util_free) char *path = path_join(cwd, o->path);
	int r = path ? fs_output_open(path, 0666 & ~(mode_t)umask, file) : -ENOMEM;

	return r < 0 ? r : fs_write_all(file->fd, buf_str(&o->data), o->data.len);
}

/* The first of a's outputs is the object. */
static int write_all(
	const struct exact_action *a, const struct rex_result *r, const char *cwd, unsigned umask)
{
	struct fs_output files[REX_OUTPUTS_MAX];
	size_t n = 0;
	int e = 0;

	for (size_t i = a->outputs.n; e == 0 && i-- > 0;) {
		const struct rex_output *o = find(r, a->outputs.v[i]);

		if (!o || (a->deps_ours && str_eq(o->path, a->deps)))
			continue;
		files[n] = (struct fs_output)FS_OUTPUT_INIT;
		e = begin(&files[n++], cwd, o, umask);
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

	if (!deps || !find(r, a->outputs.v[0]) || a->outputs.n > REX_OUTPUTS_MAX)
		return RESULT_INCOMPLETE;
	e = exact_check(a, cwd, &deps->data, ret_reason);
	return e == EXACT_UNKNOWN ? RESULT_DOUBTED : e;
}

int result_publish(const struct exact_action *a, const struct rex_result *r, const char *cwd,
	unsigned umask, char **ret_reason)
{
	int e = result_check(a, r, cwd, ret_reason);

	return e != 0 ? e : write_all(a, r, cwd, umask);
}
