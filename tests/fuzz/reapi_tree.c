/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Trees, there and back. Lines "fPATH", "xPATH", "lPATH\tTARGET", "dPATH" are put into a tree; what
 * comes out must be walked to just the entries that were accepted, and from their paths, added in
 * the opposite order, the same tree must come. "!" ends a tree and begins the next, which remembers:
 * it must come to what one that does not comes to. "kPATH" keeps a place, "nX" puts a file there.
 */

#include <stdlib.h>
#include <string.h>

#include "reapi/path.h"
#include "reapi/plan.h"
#include "reapi/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One line; its digest is a byte of its path, so that directories may be equal. */
static int add(struct reapi_tree *t, char *line)
{
	struct reapi_props props = {
		.has_mode = line[1] & 1, .mode = 0755, .has_mtime = line[1] & 2, .mtime_s = 1};
	struct reapi_digest d = {.hash = {(uint8_t)line[strlen(line) - 1]}, .size = 1};
	struct reapi_violation v;
	char *target = strchr(line, '\t');

	switch (line[0]) {
	case 'f':
	case 'x':
		return reapi_tree_add_file(t, line + 1, &d, line[0] == 'x', &props, &v);
	case 'l':
		if (!target)
			return REAPI_INVALID;
		*target++ = '\0';
		return reapi_tree_add_symlink(t, line + 1, target, &props, &v);
	case 'd':
		return reapi_tree_add_directory(t, line + 1, &props, &v);
	default:
		return REAPI_INVALID;
	}
}

static void add_entry(struct reapi_tree *t, const struct reapi_plan *p, size_t i)
{
	AUTO(buf_fini) struct buf path = BUF_INIT;
	const struct reapi_plan_entry *e = &p->entries[i];
	int r;

	if (reapi_plan_path(p, i, &path) < 0)
		abort();
	switch (e->kind) {
	case REAPI_PLAN_FILE:
		r = reapi_tree_add_file(
			t, buf_str(&path), &e->digest, e->executable, &e->props, NULL);
		break;
	case REAPI_PLAN_SYMLINK:
		r = reapi_tree_add_symlink(t, buf_str(&path), e->target, &e->props, NULL);
		break;
	default:
		r = reapi_tree_add_directory(t, buf_str(&path), &e->props, NULL);
		break;
	}
	if (r != 0)
		abort();
}

static void check(const struct reapi_tree *t, size_t n_leaves)
{
	AUTO(buf_fini) struct buf message = BUF_INIT;
	AUTO(reapi_plan_fini) struct reapi_plan p = {.n = 0};
	struct reapi_plan_limits limits = reapi_plan_limits_default;
	struct reapi_violation v;
	struct reapi_tree *again;

	limits.depth = SIZE_MAX;
	if (reapi_tree_message(t, &message) < 0 ||
		reapi_plan_walk_tree(message.data, message.len, &limits, &p, &v) != 0)
		abort();
	if (p.n - p.n_directories != n_leaves ||
		!reapi_digest_eq(&p.entries[0].digest, reapi_tree_root(t)))
		abort();
	if (reapi_tree_new(&again) < 0)
		abort();
	for (size_t i = p.n; i > 0; i--)
		add_entry(again, &p, i - 1);
	if (reapi_tree_finish(again, NULL) != 0 ||
		!reapi_digest_eq(reapi_tree_root(again), reapi_tree_root(t)))
		abort();
	reapi_tree_free(again);
}

/* A tree that remembers, one that does not, and a place of the former. */
struct pair {
	struct reapi_tree *t, *fresh;
	struct reapi_node *node;
	char *path;
	size_t n_leaves;
};

static void keep_place(struct pair *p, const char *path)
{
	struct reapi_node *node = NULL;

	if (reapi_path_check("the path", path, NULL) == 0)
		node = reapi_tree_node(p->t, path);
	if (!node)
		return;
	p->node = node;
	free(p->path);
	p->path = strdup(path);
}

static void add_at_place(struct pair *p, uint8_t digest)
{
	struct reapi_digest d = {.hash = {digest}, .size = 1};
	int r;

	if (!p->node)
		return;
	r = reapi_tree_add_file_at(p->t, p->node, &d, false, NULL, NULL);
	if (r < 0 || r != reapi_tree_add_file(p->fresh, p->path, &d, false, NULL, NULL))
		abort();
	p->n_leaves += r == 0;
}

static void add_to_both(struct pair *p, char *line)
{
	char *same = strdup(line);
	int r = add(p->t, line);

	if (!same || r < 0 || r != add(p->fresh, same))
		abort();
	free(same);
	p->n_leaves += r == 0 && line[0] != 'd';
}

static void finish(struct pair *p)
{
	size_t n, n_fresh;

	if (reapi_tree_finish(p->t, NULL) != 0 || reapi_tree_finish(p->fresh, NULL) != 0)
		abort();
	(void)reapi_tree_blobs(p->t, &n);
	(void)reapi_tree_blobs(p->fresh, &n_fresh);
	if (n != n_fresh || !reapi_digest_eq(reapi_tree_root(p->t), reapi_tree_root(p->fresh)))
		abort();
	check(p->t, p->n_leaves);
}

static void begin_again(struct pair *p)
{
	bool forgotten;

	finish(p);
	if (reapi_tree_again(p->t, &forgotten) < 0 || reapi_tree_reset(p->fresh) < 0)
		abort();
	if (forgotten)
		p->node = NULL;
	p->n_leaves = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(util_free) char *text = strndup((const char *)data, size);
	struct pair p = {.node = NULL};
	char *rest = text;

	if (!text || reapi_tree_new(&p.t) < 0 || reapi_tree_new(&p.fresh) < 0)
		abort();
	for (char *line; (line = strsep(&rest, "\n"));) {
		if (line[0] == '!')
			begin_again(&p);
		else if (line[0] == 'k')
			keep_place(&p, line + 1);
		else if (line[0] == 'n')
			add_at_place(&p, (uint8_t)line[1]);
		else if (*line)
			add_to_both(&p, line);
	}
	finish(&p);
	reapi_tree_free(p.t);
	reapi_tree_free(p.fresh);
	free(p.path);
	return 0;
}
