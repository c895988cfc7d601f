/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sandbox/plan.h"

#include <errno.h>
#include <string.h>

#include "sandbox/relpath.h"

/* An absolute path of plain names: no "..", no "//". "/" itself only where root is fine. */
static bool is_absolute(const char *path, bool root)
{
	if (path[0] != '/')
		return false;
	return path[1] == '\0' ? root : relpath_is_valid(path + 1);
}

static bool is_source(const char *path)
{
	return path[0] == '/' && strlen(path) < SANDBOX_PATH_MAX;
}

static int check_strings(char *const *v, size_t *total)
{
	size_t n = 0;

	for (; v && v[n]; n++) {
		*total += strlen(v[n]) + 1;
		if (n >= SANDBOX_ARGS_MAX || *total > SANDBOX_PLAN_MAX / 2)
			return -E2BIG;
	}
	return 0;
}

static int check_lists(const struct sandbox_plan *p)
{
	if (p->n_binds > SANDBOX_LIST_MAX || p->n_masks > SANDBOX_LIST_MAX ||
		p->n_host_paths > SANDBOX_LIST_MAX)
		return -E2BIG;
	for (size_t i = 0; i < p->n_binds; i++)
		if (!is_source(p->binds[i].source) || !is_absolute(p->binds[i].target, false))
			return -EINVAL;
	for (size_t i = 0; i < p->n_masks; i++)
		if (!is_absolute(p->masks[i], false))
			return -EINVAL;
	for (size_t i = 0; p->host_paths && i < p->n_host_paths; i++)
		if (!is_absolute(p->host_paths[i], false))
			return -EINVAL;
	return 0;
}

int sandbox_plan_check(const struct sandbox_plan *p)
{
	size_t total = 0;
	int r;

	if (!p->argv || !p->argv[0] || p->argv[0][0] == '\0')
		return -EINVAL;
	if (p->input ? !is_source(p->input) : p->root != SANDBOX_ROOT_HOST)
		return -EINVAL;
	if (p->cwd && strlen(p->cwd) >= SANDBOX_PATH_MAX)
		return -EINVAL;
	r = check_strings(p->argv, &total);
	if (r == 0)
		r = check_strings(p->envp, &total);
	return r == 0 ? check_lists(p) : r;
}
