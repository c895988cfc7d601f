/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * What an ActionResult refers to:
 *
 *	output_files ─► digest, or contents
 *	stdout, stderr ─► digest, or bytes
 *	output_directories ─► tree_digest ─► Tree: root, children ─► files
 *	                  └─► root_directory_digest ─► Directory ─► files, Directories …
 *
 * The cache (cas/ac.h) keeps the list beside the result. A client that is told of a result may then
 * read all of it, but for what is evicted in between.
 */

#include "service/result.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cas/ac.h"
#include "reapi/message.h"
#include "service/digest.h"
#include "service/service.h"
#include "service/walk.h"

void service_refs_fini(struct service_refs *r)
{
	free(r->v);
	free(r->missing);
	*r = (struct service_refs){.n = 0};
}

static int add(struct service_refs *r, const struct cas_digest *d, struct reapi_violation *v)
{
	if (cas_digest_is_empty(d))
		return 0;
	if (r->n == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 64;
		struct cas_digest *grown = realloc(r->v, cap * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		r->v = grown;
		r->cap = cap;
	}
	/* Twice as many as may be kept, since one may be there twice. */
	if (r->n == 2 * (size_t)AC_REFS_MAX)
		return reapi_violate(v, REAPI_TOO_BIG, "the result refers to too many blobs");
	r->v[r->n++] = *d;
	return 0;
}

static int add_proto(struct service_refs *r, const re_digest *m, struct reapi_violation *v)
{
	struct cas_digest d;
	int e = service_digest_from_proto(m, &d, v);

	return e == 0 ? add(r, &d, v) : e;
}

/* Where the field may be left out. */
static int add_optional(struct service_refs *r, const re_digest *m, struct reapi_violation *v)
{
	return m ? add_proto(r, m, v) : 0;
}

static int add_missing(struct service_refs *r, const struct cas_digest *d)
{
	if (!r->missing)
		r->missing = malloc(SERVICE_RESULT_MISSING_MAX * sizeof(*r->missing));
	if (!r->missing)
		return -ENOMEM;
	if (r->n_missing < SERVICE_RESULT_MISSING_MAX)
		r->missing[r->n_missing++] = *d;
	return 0;
}

static int add_files(struct service_refs *r, const re_directory *d, struct reapi_violation *v)
{
	int e = 0;

	for (size_t i = 0; e == 0 && i < d->n_files; i++)
		e = add_proto(r, d->files[i]->digest, v);
	return e;
}

static int read_tree(struct cas *c, const struct cas_digest *d, struct reapi_arena *a,
	re_tree **ret, struct reapi_violation *v)
{
	AUTO(buf_fini) struct buf bytes = BUF_INIT_MAX(SERVICE_TREE_MAX + 1);
	int e;

	if (d->size > SERVICE_TREE_MAX)
		return reapi_violate(
			v, REAPI_TOO_BIG, "a Tree of more than %d bytes", SERVICE_TREE_MAX);
	e = cas_blob_read(c, d, 0, d->size, &bytes);
	if (e == CAS_MISSING)
		return REAPI_MISSING;
	return e < 0 ? e : reapi_unpack(a, RE_TYPE(tree), buf_str(&bytes), bytes.len, ret, v);
}

static int add_tree(struct cas *c, const re_digest *m, struct service_refs *r,
	struct reapi_arena *a, struct reapi_violation *v)
{
	struct cas_digest d;
	re_tree *tree;
	int e = service_digest_from_proto(m, &d, v);

	if (e == 0)
		e = add(r, &d, v);
	if (e == 0)
		e = read_tree(c, &d, a, &tree, v);
	if (e == REAPI_MISSING)
		return add_missing(r, &d);
	if (e == 0 && tree->root)
		e = add_files(r, tree->root, v);
	for (size_t i = 0; e == 0 && i < tree->n_children; i++)
		e = add_files(r, tree->children[i], v);
	return e;
}

/* Directories that are blobs of their own. */
static int add_directories(struct cas *c, const re_digest *root, struct service_refs *r,
	struct reapi_arena *a, struct reapi_violation *v)
{
	struct service_walk w;
	struct cas_digest d;
	int e = service_digest_from_proto(root, &d, v);

	if (e == 0)
		e = service_walk_init(&w, &d);
	if (e != 0)
		return e;
	while (e == 0 && !service_walk_over(&w)) {
		re_directory *directory;
		size_t n;

		d = w.queue[w.at];
		e = add(r, &d, v);
		if (e == 0)
			e = service_walk_next(&w, c, a, &directory, &n, v);
		if (e == 0)
			e = add_files(r, directory, v);
		else if (e == REAPI_MISSING)
			e = add_missing(r, &d);
	}
	service_walk_fini(&w);
	return e;
}

static int add_output_directory(struct cas *c, const re_output_directory *d, struct service_refs *r,
	struct reapi_violation *v)
{
	struct reapi_arena a;
	int e = 0;

	if (!d->tree_digest && !d->root_directory_digest)
		return reapi_violate(v, REAPI_INVALID, "an output directory without a digest");
	reapi_arena_init(&a, SERVICE_TREE_MEMORY);
	if (d->tree_digest)
		e = add_tree(c, d->tree_digest, r, &a, v);
	if (e == 0 && d->root_directory_digest)
		e = add_directories(c, d->root_directory_digest, r, &a, v);
	reapi_arena_fini(&a);
	return e;
}

static int by_digest(const void *a, const void *b)
{
	const struct cas_digest *x = a, *y = b;
	int order = memcmp(x->hash, y->hash, sizeof(x->hash));

	return order != 0 ? order : (x->size > y->size) - (x->size < y->size);
}

static void unique(struct service_refs *r)
{
	size_t n = 0;

	if (r->n > 1)
		qsort(r->v, r->n, sizeof(*r->v), by_digest);
	for (size_t i = 0; i < r->n; i++)
		if (n == 0 || !cas_digest_equal(&r->v[n - 1], &r->v[i]))
			r->v[n++] = r->v[i];
	r->n = n;
}

int service_refs_of(struct cas *c, const re_action_result *m, struct service_refs *ret,
	struct reapi_violation *v)
{
	int e = add_optional(ret, m->stdout_digest, v);

	if (e == 0)
		e = add_optional(ret, m->stderr_digest, v);
	for (size_t i = 0; e == 0 && i < m->n_output_files; i++)
		e = add_proto(ret, m->output_files[i]->digest, v);
	for (size_t i = 0; e == 0 && i < m->n_output_directories; i++)
		e = add_output_directory(c, m->output_directories[i], ret, v);
	if (e != 0)
		return e;
	unique(ret);
	if (ret->n > AC_REFS_MAX)
		return reapi_violate(
			v, REAPI_TOO_BIG, "the result refers to more than %d blobs", AC_REFS_MAX);
	if (ret->n_missing > 0)
		return reapi_violate(
			v, REAPI_MISSING, "%zu trees of the result are missing", ret->n_missing);
	return 0;
}

/* --- the cache --- */

static int put_contents(struct cas *c, re_output_file *f, struct reapi_violation *v)
{
	struct cas_digest d;
	int e;

	if (f->contents.len == 0)
		return 0;
	e = service_digest_from_proto(f->digest, &d, v);
	if (e != 0)
		return e;
	e = d.size == f->contents.len ? cas_put(c, &d, f->contents.data) : CAS_BAD_DIGEST;
	f->contents = (ProtobufCBinaryData){.len = 0};
	if (e == CAS_BAD_DIGEST)
		return reapi_violate(v, REAPI_INVALID, "contents are not those of their digest");
	/* Too large, or no space: then it is not there, and the result is no hit. */
	return e < 0 ? e : 0;
}

int service_result_put(struct cas *c, struct ac *ac, const struct cas_digest *action,
	re_action_result *m, struct service_refs *refs, struct reapi_violation *v)
{
	AUTO(buf_fini) struct buf bytes = BUF_INIT_MAX(AC_RESULT_MAX + 1);
	int e = 0;

	for (size_t i = 0; e == 0 && i < m->n_output_files; i++)
		e = put_contents(c, m->output_files[i], v);
	if (e == 0)
		e = service_refs_of(c, m, refs, v);
	if (e != 0)
		return e;
	e = reapi_pack(&m->base, &bytes);
	if (e == 0)
		e = ac_put(ac, action, buf_str(&bytes), bytes.len, refs->v, refs->n);
	if (e == -E2BIG || e == CAS_TOO_LARGE)
		return reapi_violate(v, REAPI_TOO_BIG, "the result is too large to be kept");
	return e == CAS_NO_SPACE ? -ENOSPC : e;
}

int service_result_get(struct ac *ac, const struct cas_digest *action, struct reapi_arena *a,
	re_action_result **ret, struct reapi_violation *v)
{
	AUTO(buf_fini) struct buf bytes = BUF_INIT_MAX(AC_RESULT_MAX + 1);
	int e = ac_get(ac, action, &bytes);

	if (e == CAS_MISSING)
		return reapi_violate(v, REAPI_MISSING, "there is no result of this action");
	if (e == 0)
		e = reapi_unpack(a, RE_TYPE(action_result), buf_str(&bytes), bytes.len, ret, v);
	if (e <= 0)
		return e;
	e = ac_drop(ac, action);
	return e < 0 ? e : REAPI_MISSING;
}

/* --- inline --- */

/* Into ret, and off *left. False: it is as it was. */
static bool take_in(struct cas *c, const re_digest *m, struct reapi_arena *a, size_t *left,
	ProtobufCBinaryData *ret)
{
	AUTO(buf_fini) struct buf bytes = BUF_INIT_MAX(SERVICE_INLINE_MAX);
	struct cas_digest d;
	void *copy;

	if (!m || ret->len > 0 || service_digest_from_proto(m, &d, NULL) != 0 || d.size > *left ||
		cas_blob_read(c, &d, 0, d.size, &bytes) != 0)
		return false;
	copy = reapi_arena_alloc(a, bytes.len);
	if (!copy)
		return false;
	if (bytes.len > 0)
		memcpy(copy, bytes.data, bytes.len);
	*ret = (ProtobufCBinaryData){.data = copy, .len = bytes.len};
	*left -= bytes.len;
	return true;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void service_result_inline(struct cas *c, const struct service_inline *want, struct reapi_arena *a,
	re_action_result *m)
{
	size_t size = protobuf_c_message_get_packed_size(&m->base);
	size_t room = size < SERVICE_ANSWER_MAX / 2 ? SERVICE_ANSWER_MAX / 2 - size : 0;
	size_t left = MIN((size_t)SERVICE_INLINE_MAX, room);

	if (want->out)
		take_in(c, m->stdout_digest, a, &left, &m->stdout_raw);
	if (want->err)
		take_in(c, m->stderr_digest, a, &left, &m->stderr_raw);
	if (want->n_files == 0)
		return;
	qsort(want->files, want->n_files, sizeof(*want->files), by_text);
	for (size_t i = 0; i < m->n_output_files; i++) {
		re_output_file *f = m->output_files[i];

		if (bsearch(&f->path, want->files, want->n_files, sizeof(*want->files), by_text))
			take_in(c, f->digest, a, &left, &f->contents);
	}
}
