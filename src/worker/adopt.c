/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "worker/adopt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/env.h"
#include "base/log.h"
#include "cc/compiler.h"
#include "exact/toolchain.h"

enum { FILE_MAX = 1 << 30 };

/* What cannot be read is not taken. -ENOMEM. */
static int take_file(struct cas *cas, const char *path, size_t *files)
{
	AUTO(util_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct cas_digest d;
	int r = fd < 0 ? -errno : cas_put_fd(cas, fd, FILE_MAX, &d);

	if (r == 0)
		++*files;
	else
		log_event(LOG_LEVEL_INFO, "adopt-file", "%s: %s", path,
			r < 0 ? strerror(-r) : cas_outcome_text(r));
	return r == -ENOMEM ? r : 0;
}

/* The closure of one kind of compile; what C and C++ share is in the store by then, and costs a look. */
static int take_closure(struct cas *cas, const char *compiler, const char *source, size_t *files)
{
	char *const argv[] = {
		(char *)compiler, (char *)"-c", (char *)source, (char *)"-o", (char *)"x.o", NULL};
	struct toolchain_request q = {.compiler = compiler, .cwd = "/", .envp = environ};
	AUTO(util_free) char *reason = NULL;
	struct cc_command command;
	struct toolchain t;
	int r = cc_command_parse_as(
		cc_compiler_family(compiler, compiler), argv, "/", environ, &command);

	if (r < 0)
		return r;
	q.command = &command;
	r = toolchain_find(&q, &t, &reason);
	cc_command_fini(&command);
	if (r != 0) {
		log_event(LOG_LEVEL_WARNING, "adopt-failed", "%s: %s", compiler,
			reason ? reason : strerror(MAX(-r, 0)));
		return r == -ENOMEM ? r : 0;
	}
	for (size_t i = 0; r == 0 && i < t.n; i++)
		if (t.entries[i].kind == TOOLCHAIN_FILE)
			r = take_file(cas, t.entries[i].path, files);
	toolchain_fini(&t);
	return r;
}

/* NULL: there is none, which was logged. */
static int find(const struct compiler_policy *policy, const char *name, char **ret)
{
	const struct compiler_policy any = {.path = policy->path, .insecure = true};
	struct compiler c = {.path = NULL};
	int r;

	*ret = NULL;
	if (name[0] == '/') {
		*ret = strdup(name);
		return *ret ? 0 : -ENOMEM;
	}
	r = compiler_find(&any, name, &c);
	if (r == 0)
		*ret = TAKE_PTR(c.path);
	else if (r > 0)
		log_event(LOG_LEVEL_WARNING, "adopt-failed",
			"--adopt %s: there is no such program on PATH", name);
	compiler_fini(&c);
	return MIN(r, 0);
}

int adopt(struct cas *cas, const struct strv *names, const struct compiler_policy *policy,
	size_t *ret_files)
{
	static const char *const sources[] = {"x.c", "x.cc"};
	size_t files = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < names->n; i++) {
		AUTO(util_free) char *compiler = NULL;

		r = find(policy, names->v[i], &compiler);
		for (size_t k = 0; r == 0 && compiler && k < ARRAY_SIZE(sources); k++)
			r = take_closure(cas, compiler, sources[k], &files);
	}
	if (r == 0)
		*ret_files = files;
	return r;
}
