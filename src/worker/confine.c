/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "worker/confine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/path.h"

enum { PROCESSES = 4096, OPEN_FILES = 4096, TOLD_MAX = 256 };

static const char *const host_paths[] = {SANDBOX_HOST_PATHS};

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static bool is_visible(const struct confine *c, const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(host_paths); i++)
		if (is_below(path, host_paths[i]))
			return true;
	for (size_t i = 0; i < c->toolchains.n; i++)
		if (is_below(path, c->toolchains.v[i]))
			return true;
	return false;
}

static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Is dir the "bin" of a toolchain? *ret: its top. */
static int find_top(const char *dir, char **ret)
{
	static const char *const parts[] = {
		"lib/gcc", "lib64/gcc", "libexec/gcc", "lib/clang", "lib64/clang"};
	AUTO(util_free) char *top = NULL;

	*ret = NULL;
	if (!str_eq(path_base(dir), "bin"))
		return 0;
	top = strndup(dir, (size_t)(path_base(dir) - dir - 1));
	if (!top)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(parts) && *top; i++) {
		AUTO(util_free) char *part = path_join(top, parts[i]);

		if (!part)
			return -ENOMEM;
		if (is_directory(part)) {
			*ret = TAKE_PTR(top);
			return 0;
		}
	}
	return 0;
}

/* By this name and by its real one: a path in the sandbox is gone as it is out here. */
static int add_named(struct confine *c, const char *dir)
{
	AUTO(util_free) char *top = NULL;
	int r;

	if (*dir != '/' || str_eq(dir, "/") || is_visible(c, dir) || !is_directory(dir))
		return 0;
	r = find_top(dir, &top);
	return r < 0 ? r : strv_push(&c->toolchains, top ? top : dir);
}

static int add(struct confine *c, const char *dir)
{
	AUTO(util_free) char *real = realpath(dir, NULL);
	int r = real ? add_named(c, real) : 0;

	/* A name that leads through links is a mount of its own, where no link is in the way. */
	return r < 0 || !real || str_eq(real, dir) ? r : add_named(c, dir);
}

static int add_search_path(struct confine *c, const struct compiler_policy *policy)
{
	for (const char *p = policy->path; p && *p;) {
		size_t n = strcspn(p, ":");
		AUTO(util_free) char *dir = strndup(p, n);
		int r = dir ? add(c, dir) : -ENOMEM;

		if (r < 0)
			return r;
		p += n + (p[n] == ':');
	}
	for (size_t i = 0; i < policy->commands.n; i++) {
		const char *command = policy->commands.v[i];
		AUTO(util_free)
		char *dir = strndup(command, (size_t)(path_base(command) - command));
		int r = dir ? 0 : -ENOMEM;

		if (r == 0 && strlen(dir) > 1) {
			dir[strlen(dir) - 1] = '\0';
			r = add(c, dir);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_toolchains(struct confine *c, const struct strv *toolchains)
{
	for (size_t i = 0; i < toolchains->n; i++) {
		const char *dir = toolchains->v[i];
		int r = *dir == '/' && dir[1] && is_directory(dir) ? add(c, dir) : -EINVAL;

		if (r == -EINVAL)
			log_event(LOG_LEVEL_ERROR, "toolchain",
				"--toolchain=%s: expected the absolute path of a directory", dir);
		if (r < 0)
			return r;
	}
	return 0;
}

static int make_binds(struct confine *c)
{
	c->binds = calloc(c->toolchains.n + 1, sizeof(*c->binds));
	if (!c->binds)
		return -ENOMEM;
	for (size_t i = 0; i < c->toolchains.n; i++)
		c->binds[i] = (struct sandbox_bind){
			.source = c->toolchains.v[i], .target = c->toolchains.v[i]};
	c->plan.binds = c->binds;
	c->plan.n_binds = c->toolchains.n;
	return 0;
}

int confine_init(struct confine *c, struct sandbox *sandbox, const struct compiler_policy *policy,
	const struct confine_options *o)
{
	int r = 0;

	*c = (struct confine){.mode = o->mode};
	c->plan = (struct sandbox_plan){
		.root = SANDBOX_ROOT_HOST,
		.masks = o->masks,
		.n_masks = o->n_masks,
		.limits = {.processes = PROCESSES,
			.open_files = OPEN_FILES,
			.memory_bytes = o->memory_bytes},
	};
	if (sandbox && o->mode != CONFINE_NEVER && isolation_suffices(sandbox_isolation(sandbox)))
		c->sandbox = sandbox;
	if (o->mode == CONFINE_ALWAYS && !c->sandbox) {
		log_event(LOG_LEVEL_ERROR, "no-sandbox",
			"--sandbox=always: this host does not isolate jobs");
		return -EPERM;
	}
	if (c->sandbox)
		r = add_toolchains(c, o->toolchains);
	if (r == 0 && c->sandbox)
		r = add_search_path(c, policy);
	return r < 0 ? r : make_binds(c);
}

void confine_fini(struct confine *c)
{
	strv_fini(&c->toolchains);
	strv_fini(&c->told);
	util_free(&c->binds);
}

/* Once for each compiler. */
static void tell(struct confine *c, const char *compiler)
{
	if (c->told.n >= TOLD_MAX || strv_has(&c->told, compiler) ||
		strv_push(&c->told, compiler) < 0)
		return;
	log_event(LOG_LEVEL_WARNING, "no-sandbox",
		"%s %s: it is not in a directory that is shown to the sandbox (--toolchain)",
		compiler, c->mode == CONFINE_ALWAYS ? "is refused" : "runs without");
}

int confine_decide(struct confine *c, const char *compiler)
{
	AUTO(util_free) char *real = NULL;

	if (!c->sandbox)
		return CONFINE_NO;
	real = realpath(compiler, NULL);
	if (!real && errno == ENOMEM)
		return -ENOMEM;
	/* What is not there fails in the same way in either. */
	if (!real || (is_visible(c, compiler) && is_visible(c, real)))
		return CONFINE_YES;
	tell(c, compiler);
	return c->mode == CONFINE_ALWAYS ? -EPERM : CONFINE_NO;
}
