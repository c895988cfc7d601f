/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine.h"

#include <errno.h>
#include <string.h>

static const char predefined[] = "#define __STDC_VERSION__ 201710L\n"
				 "#define __SIZEOF_WCHAR_T__ 4\n"
				 "#define __given__ 1\n";

static int search(struct engine *e)
{
	static const char *const names[] = {".", "sys"};
	const char *cwd = e->plan.cwd;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		int r = scan_fs_path(
			&e->s->fs, cwd, strlen(cwd), names[i], strlen(names[i]), &e->dirs[i].path);

		if (r < 0)
			return r;
		e->dirs[i].name = names[i];
		e->dirs[i].system = i > 0;
	}
	e->search = (struct scan_search){.dirs = e->dirs, .n = ARRAY_SIZE(e->dirs), .serial = 1};
	e->s->search = &e->search;
	return 0;
}

int engine_init(struct engine *e, const char *dir, const char *input, uint32_t mode, unsigned view)
{
	int r;

	*e = (struct engine){.plan = {.cwd = dir, .input = input}};
	r = scanner_new(NULL, view, &e->s);
	if (r < 0)
		return r;
	e->facts = facts_new();
	if (!e->facts)
		return -ENOMEM;
	r = facts_publish(e->facts);
	e->facts->mode = mode;
	e->facts->specials = (UINT64_C(1) << SCAN_SPECIAL_COUNT) - 1;
	e->facts->expands = UINT64_C(1) << SCAN_SPECIAL_HAS_ATTRIBUTE;
	e->facts->predefined = predefined;
	e->facts->predefined_len = sizeof(predefined) - 1;
	e->s->facts = e->facts;
	e->s->plan = &e->plan;
	e->s->mode = mode;
	e->s->clang = mode & SCAN_MODE_CLANG;
	return r < 0 ? r : search(e);
}

void engine_fini(struct engine *e)
{
	scanner_free(e->s);
	facts_free(e->facts);
	buf_fini(&e->plan.defines);
	*e = (struct engine){0};
}

int engine_define(struct engine *e, const char *text, size_t len)
{
	buf_clear(&e->plan.defines);
	return buf_append(&e->plan.defines, text, len);
}

int engine_run(struct engine *e)
{
	struct scanner *s = e->s;
	struct scan_path *path;
	struct file *source;
	int r;

	unit_begin(s);
	r = scan_fs_refresh(&s->fs);
	if (r == 0)
		r = scan_fs_path(&s->fs, e->plan.cwd, strlen(e->plan.cwd), e->plan.input,
			strlen(e->plan.input), &path);
	for (size_t i = 0; i < ARRAY_SIZE(e->dirs) && r == 0; i++)
		r = scan_fs_prove(&s->fs, e->dirs[i].path);
	if (r == 0)
		r = scan_fs_prove(&s->fs, path);
	if (r == 0 && path->kind != SCAN_FILE)
		r = -ENOENT;
	if (r == 0)
		r = lookup_file(s, path, &source);
	if (r == 0)
		r = run_unit(s, source);
	expand_end(s);
	return r;
}

bool engine_defined(struct engine *e, const char *name)
{
	uint32_t id;

	return intern_add(&e->s->names, name, strlen(name), &id) == 0 && unit_slots(e->s) == 0 &&
	       unit_macro(e->s, id);
}
