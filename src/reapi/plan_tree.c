/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * A Tree message names its children by nothing but their bytes. So their digests are made from the
 * bytes as they came, not from a message unpacked and packed again, which another writer might have
 * packed otherwise.
 */

#include <errno.h>
#include <stdlib.h>

#include "reapi/message.h"
#include "reapi/plan.h"
#include "reapi/wire.h"

enum { TREE_ROOT = 1, TREE_CHILDREN = 2 };

struct child {
	struct reapi_digest digest;
	struct reapi_plan_bytes bytes;
};

struct children {
	struct child *v; /* the root is [0] until they are sorted */
	size_t n, cap, max;
	struct reapi_hasher hasher;
};

static void children_fini(struct children *c)
{
	free(c->v);
	reapi_hasher_fini(&c->hasher);
}

static int add(struct children *c, const struct reapi_wire_field *field, struct reapi_violation *v)
{
	struct child *child;
	int r;

	if (c->n >= c->max)
		return reapi_violate(
			v, REAPI_TOO_BIG, "the Tree has more than %zu directories", c->max);
	if (c->n >= c->cap) {
		size_t cap = MAX(c->cap * 2, (size_t)16);
		struct child *grown = realloc(c->v, cap * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		c->v = grown;
		c->cap = cap;
	}
	child = &c->v[c->n];
	child->bytes = (struct reapi_plan_bytes){field->data, field->size};
	r = reapi_hasher_update(&c->hasher, field->data, field->size);
	if (r == 0)
		r = reapi_hasher_finish(&c->hasher, &child->digest);
	c->n += r == 0;
	return r;
}

/* The root, then all children. */
static int collect(const void *tree, size_t n, struct children *c, struct reapi_violation *v)
{
	static const uint32_t wanted[] = {TREE_ROOT, TREE_CHILDREN};

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		const uint8_t *at = tree;
		size_t left = n;

		while (left > 0) {
			struct reapi_wire_field field;
			int r = reapi_wire_next(&at, &left, &field, v);

			if (r == 0 && field.number == wanted[i]) {
				if (field.type != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
					return reapi_violate(
						v, REAPI_INVALID, "not a Tree: wrong wire type");
				r = add(c, &field, v);
			}
			if (r != 0)
				return r;
		}
		if (wanted[i] == TREE_ROOT && c->n != 1)
			return reapi_violate(
				v, REAPI_INVALID, "the Tree has %zu roots instead of one", c->n);
	}
	return 0;
}

static int by_digest(const void *a, const void *b)
{
	return reapi_digest_cmp(
		&((const struct child *)a)->digest, &((const struct child *)b)->digest);
}

static int get(void *data, const struct reapi_digest *digest, struct reapi_plan_bytes *ret)
{
	const struct children *c = data;
	const struct child key = {.digest = *digest};
	const struct child *found = bsearch(&key, c->v, c->n, sizeof(key), by_digest);

	if (!found)
		return REAPI_MISSING;
	*ret = found->bytes;
	return 0;
}

int reapi_plan_walk_tree(const void *tree, size_t n, const struct reapi_plan_limits *limits,
	struct reapi_plan *ret, struct reapi_violation *v)
{
	const struct reapi_plan_limits *l = limits ? limits : &reapi_plan_limits_default;
	AUTO(children_fini) struct children c = {.max = l->entries};
	struct reapi_digest root;
	int r;

	if (n > REAPI_MESSAGE_MAX)
		return reapi_violate(v, REAPI_TOO_BIG, "a Tree of %zu bytes is too big", n);
	r = reapi_hasher_init(&c.hasher);
	if (r == 0)
		r = collect(tree, n, &c, v);
	if (r != 0)
		return r;
	root = c.v[0].digest;
	qsort(c.v, c.n, sizeof(*c.v), by_digest);
	r = reapi_plan_walk(&root, get, &c, l, ret, v);
	if (r != REAPI_MISSING)
		return r;
	reapi_plan_fini(ret);
	return reapi_violate(v, REAPI_INVALID, "a directory of the Tree is not in it");
}
