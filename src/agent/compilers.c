/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/compilers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "cc/compiler.h"

static void entry_clear(struct compilers_entry *e)
{
	util_free(&e->key);
	util_free(&e->remote_name);
}

void compilers_fini(struct compilers *c)
{
	for (size_t i = 0; i < COMPILERS_MAX; i++)
		entry_clear(&c->v[i]);
	for (size_t i = 0; i < COMPILERS_TARGETS_MAX; i++) {
		util_free(&c->targets[i].path);
		util_free(&c->targets[i].target);
	}
}

static uint64_t mix(uint64_t hash, uint64_t v)
{
	return (hash ^ v) * UINT64_C(0x9e3779b97f4a7c15) + (hash >> 29);
}

/* 0 where it cannot be told. */
static uint64_t stamp_of(const char *compiler_path)
{
	AUTO(util_free) char *dir = path_dir(compiler_path);
	const char *const paths[] = {compiler_path, dir};
	uint64_t hash = 1;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct stat st;

		if (!paths[i] || stat(paths[i], &st) < 0)
			return 0;
		hash = mix(hash, st.st_dev);
		hash = mix(hash, st.st_ino);
		hash = mix(hash, (uint64_t)st.st_ctim.tv_sec);
		hash = mix(hash, (uint64_t)st.st_ctim.tv_nsec);
	}
	return hash ? hash : 1;
}

char *compilers_remote_name(struct compilers *c, const char *name, const char *compiler_path,
	const char *path, bool no_rewrite)
{
	AUTO(util_free) char *key = NULL;
	uint64_t stamp = stamp_of(compiler_path);
	struct compilers_entry *e;
	char *answer;

	if (asprintf(&key, "%d\n%s\n%s\n%s", no_rewrite, name, compiler_path, path ? path : "") <
		0) {
		key = NULL;
		return NULL;
	}
	for (size_t i = 0; stamp && i < COMPILERS_MAX; i++) {
		e = &c->v[i];
		if (e->key && e->stamp == stamp && str_eq(e->key, key))
			return e->remote_name ? strdup(e->remote_name) : NULL;
	}
	if (cc_compiler_remote_name(name, compiler_path, path, no_rewrite, &answer) < 0)
		return NULL;
	e = &c->v[c->next++ % COMPILERS_MAX];
	entry_clear(e);
	*e = (struct compilers_entry){.key = TAKE_PTR(key), .stamp = stamp, .remote_name = answer};
	return answer ? strdup(answer) : NULL;
}

const char *compilers_target(const struct compilers *c, const char *compiler_path)
{
	uint64_t stamp = stamp_of(compiler_path);

	for (size_t i = 0; stamp && i < COMPILERS_TARGETS_MAX; i++)
		if (c->targets[i].path && c->targets[i].stamp == stamp &&
			str_eq(c->targets[i].path, compiler_path))
			return c->targets[i].target;
	return NULL;
}

bool compilers_set_target(struct compilers *c, const char *compiler_path, const char *text)
{
	struct compilers_target *t = &c->targets[c->next_target % COMPILERS_TARGETS_MAX];
	size_t n =
		strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
	AUTO(util_free) char *target = strndup(text, n);
	AUTO(util_free) char *path = strdup(compiler_path);

	if (n == 0 || n >= COMPILERS_TARGET_TEXT || text[n] != '\n' || !target || !path)
		return false;
	c->next_target++;
	free(t->path);
	free(t->target);
	*t = (struct compilers_target){.path = TAKE_PTR(path),
		.stamp = stamp_of(compiler_path),
		.target = TAKE_PTR(target)};
	return true;
}
