/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scancmd/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Paths are interned: equal spelling is an equal pointer. */
static struct scan_result_file *find(const struct report *p, const struct scan_path *path)
{
	for (size_t i = 0; i < p->n_files; i++)
		if (p->files[i].path == path)
			return &p->files[i];
	return NULL;
}

static int collect_files(const struct scan_result *r, struct report *p)
{
	p->files = calloc(r->n_files + 1, sizeof(*p->files));
	if (!p->files)
		return -ENOMEM;
	for (size_t i = 0; i < r->n_files; i++) {
		struct scan_result_file *known = find(p, r->files[i].path);

		if (!known)
			p->files[p->n_files++] = r->files[i];
		else if (!known->content && r->files[i].content)
			*known = r->files[i];
	}
	return 0;
}

static int push_once(struct strv *l, const char *path)
{
	return strv_has(l, path) ? 0 : strv_push(l, path);
}

static int take_step(void *arg, enum scan_step what, const char *path, const char *text)
{
	struct report *p = arg;
	int r;

	if (what == SCAN_STEP_DIRECTORY)
		return push_once(&p->directories, path);
	if (strv_has(&p->links, path))
		return 0;
	r = strv_push(&p->links, path);
	return r < 0 ? r : strv_push(&p->targets, text);
}

static int take_absent(void *arg, const struct scan_path *path)
{
	struct report *p = arg;

	return strv_push(&p->absent, path->path);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void report_sort(struct strv *l)
{
	size_t n = 0;

	if (l->n == 0)
		return;
	qsort(l->v, l->n, sizeof(*l->v), by_text);
	for (size_t i = 0; i < l->n; i++) {
		if (n > 0 && str_eq(l->v[n - 1], l->v[i]))
			free(l->v[i]);
		else
			l->v[n++] = l->v[i];
	}
	l->n = n;
	l->v[n] = NULL;
}

int report_collect(struct scanner *s, const struct scan_result *r, struct report *ret)
{
	struct report p = REPORT_INIT;
	int e = collect_files(r, &p);

	for (size_t i = 0; e == 0 && i < r->n_directories; i++)
		e = push_once(&p.directories, r->directories[i]->path);
	if (e == 0)
		e = scanner_each_step(s, take_step, &p);
	if (e == 0)
		e = scanner_each_absent(s, take_absent, &p);
	if (e < 0) {
		report_fini(&p);
		return e;
	}
	report_sort(&p.absent);
	*ret = p;
	return 0;
}

void report_fini(struct report *p)
{
	util_free(&p->files);
	p->n_files = 0;
	strv_fini(&p->links);
	strv_fini(&p->targets);
	strv_fini(&p->directories);
	strv_fini(&p->absent);
}

void report_print(const struct report *p)
{
	for (size_t i = 0; i < p->n_files; i++)
		printf("FILE %s\n", p->files[i].path->path);
	for (size_t i = 0; i < p->links.n; i++)
		printf("SYMLINK %s\n", p->links.v[i]);
	for (size_t i = 0; i < p->directories.n; i++)
		printf("DIRECTORY %s\n", p->directories.v[i]);
}
