/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failing.h"
#include "reapi/message.h"
#include "reapi/plan.h"
#include "reapi/tree.h"

static void tree_free(struct reapi_tree **t)
{
	reapi_tree_free(*t);
}

static void make(struct reapi_tree **ret)
{
	assert_int_equal(reapi_tree_new(ret), 0);
}

static const struct reapi_digest three = {.hash = {3}, .size = 3};
static const struct reapi_digest big = {.hash = {0xff, 0xee}, .size = INT64_MAX};

/* Files, links, directories: what the tests below put into trees. */
static const struct item {
	const char *path, *target; /* neither target nor digest: a directory */
	const struct reapi_digest *digest;
	bool executable;
	struct reapi_props props;
} items[] = {
	{"a.c", NULL, &three, false, {false}},
	{"a/b", NULL, &three, true, {.has_mode = true, .mode = 0755}},
	{"a/c", NULL, &reapi_digest_empty, false, {.has_mode = true, .mode = 0}},
	{"a/link", "../a.c", NULL, false, {false}},
	{"a/mlink", "x", NULL, false, {.has_mtime = true, .mtime_s = 5, .mtime_ns = 999999999}},
	{"a.d/x", NULL, &big, false, {.has_mtime = true}},
	{"a0", NULL, &three, false,
		{.has_mtime = true, .mtime_s = -1, .has_mode = true, .mode = 07777}},
	{"empty", NULL, NULL, false, {false}},
	{"empty2/below/more", NULL, NULL, false, {.has_mode = true, .mode = 0700}},
	{"\xc3\xa4/\xf0\x9f\x98\x80", NULL, &three, false, {false}},
	{"\xee\x80\x80", NULL, &three, false, {false}},
	{"twin1/f", NULL, &three, false, {false}},
	{"twin2/f", NULL, &three, false, {false}},
};

static int add(struct reapi_tree *t, const struct item *i, struct reapi_violation *v)
{
	if (i->digest)
		return reapi_tree_add_file(t, i->path, i->digest, i->executable, &i->props, v);
	if (i->target)
		return reapi_tree_add_symlink(t, i->path, i->target, &i->props, v);
	return reapi_tree_add_directory(t, i->path, &i->props, v);
}

static void test_order_does_not_matter(void **state)
{
	struct reapi_digest first = {.size = 0};

	for (size_t start = 0; start < ARRAY_SIZE(items); start++) {
		for (size_t step = 1; step < ARRAY_SIZE(items); step++) { /* 13 is prime */
			AUTO(tree_free) struct reapi_tree *t = NULL;

			make(&t);
			for (size_t i = 0; i < ARRAY_SIZE(items); i++)
				assert_int_equal(
					add(t, &items[(start + i * step) % ARRAY_SIZE(items)],
						NULL),
					0);
			assert_int_equal(reapi_tree_finish(t, NULL), 0);
			if (start == 0 && step == 1)
				first = *reapi_tree_root(t);
			assert_true(reapi_digest_eq(&first, reapi_tree_root(t)));
		}
	}
}

/* Each blob is what protobuf-c makes of it, is valid, and has the digest it says. */
static void test_against_protobuf(void **state)
{
	AUTO(reapi_arena_fini) struct reapi_arena a;
	AUTO(tree_free) struct reapi_tree *t = NULL;
	const struct reapi_tree_blob *blobs;
	size_t n;

	make(&t);
	reapi_arena_init(&a, 1 << 20);
	for (size_t i = 0; i < ARRAY_SIZE(items); i++)
		assert_int_equal(add(t, &items[i], NULL), 0);
	assert_int_equal(reapi_tree_finish(t, NULL), 0);
	blobs = reapi_tree_blobs(t, &n);
	/* root, a, a.d, empty, empty2, below, more, ä, twins */
	assert_int_equal(n, 9);
	assert_true(reapi_digest_eq(&blobs[n - 1].digest, reapi_tree_root(t)));
	for (size_t i = 0; i < n; i++) {
		AUTO(buf_fini) struct buf packed = BUF_INIT;
		struct reapi_violation v = {.text = ""};
		struct reapi_digest d;
		re_directory *m;

		assert_int_equal(reapi_digest_of(blobs[i].data, blobs[i].size, &d), 0);
		assert_true(reapi_digest_eq(&d, &blobs[i].digest));
		assert_int_equal(
			reapi_unpack(&a, RE_TYPE(directory), blobs[i].data, blobs[i].size, &m, &v),
			0);
		if (reapi_directory_check(m, &v) != 0)
			fail_msg("%s", v.text);
		assert_int_equal(reapi_pack(&m->base, &packed), 0);
		assert_int_equal(packed.len, blobs[i].size);
		assert_memory_equal(buf_str(&packed), blobs[i].data, packed.len);
	}
}

static void test_empty(void **state)
{
	AUTO(tree_free) struct reapi_tree *t = NULL;
	AUTO(buf_fini) struct buf message = BUF_INIT;
	const struct reapi_props props = {.has_mode = true, .mode = 0755};
	const struct reapi_tree_blob *blobs;
	size_t n;

	make(&t);
	assert_int_equal(reapi_tree_finish(t, NULL), 0);
	assert_true(reapi_digest_is_empty(reapi_tree_root(t)));
	blobs = reapi_tree_blobs(t, &n);
	assert_int_equal(n, 1);
	assert_int_equal(blobs[0].size, 0);
	assert_int_equal(reapi_tree_message(t, &message), 0);
	assert_int_equal(message.len, 2);
	assert_memory_equal(message.data, "\x0a\x00", 2);
	/* The root has properties too. */
	assert_int_equal(reapi_tree_add_directory(t, "", &props, NULL), 0);
	assert_int_equal(reapi_tree_finish(t, NULL), 0);
	assert_false(reapi_digest_is_empty(reapi_tree_root(t)));
	assert_int_equal(reapi_tree_reset(t), 0);
	assert_int_equal(reapi_tree_finish(t, NULL), 0);
	assert_true(reapi_digest_is_empty(reapi_tree_root(t)));
}

static void test_same_again(void **state)
{
	AUTO(tree_free) struct reapi_tree *t = NULL;
	struct reapi_digest before;

	make(&t);
	for (size_t i = 0; i < ARRAY_SIZE(items); i++)
		assert_int_equal(add(t, &items[i], NULL), 0);
	assert_int_equal(reapi_tree_finish(t, NULL), 0);
	before = *reapi_tree_root(t);
	for (size_t i = 0; i < ARRAY_SIZE(items); i++) {
		struct reapi_violation v = {.text = ""};
		struct item other = items[i];

		assert_int_equal(add(t, &items[i], &v), REAPI_DUPLICATE);
		assert_non_null(strstr(v.text, "already"));
		other.props.has_mtime = !other.props.has_mtime;
		assert_int_equal(add(t, &other, &v), REAPI_CONFLICT);
	}
	assert_int_equal(reapi_tree_finish(t, NULL), 0);
	assert_true(reapi_digest_eq(&before, reapi_tree_root(t)));
}

static void test_conflicts(void **state)
{
	AUTO(tree_free) struct reapi_tree *t = NULL;
	struct reapi_violation v;
	size_t n;

	make(&t);
	assert_int_equal(reapi_tree_add_file(t, "d/f", &three, false, NULL, &v), 0);
	assert_int_equal(reapi_tree_add_symlink(t, "l", "d", NULL, &v), 0);
	assert_int_equal(reapi_tree_add_file(t, "d/f", &reapi_digest_empty, false, NULL, &v),
		REAPI_CONFLICT);
	assert_int_equal(reapi_tree_add_file(t, "d/f", &three, true, NULL, &v), REAPI_CONFLICT);
	assert_int_equal(reapi_tree_add_symlink(t, "d/f", "f", NULL, &v), REAPI_CONFLICT);
	assert_int_equal(reapi_tree_add_directory(t, "d/f", NULL, &v), REAPI_CONFLICT);
	assert_int_equal(reapi_tree_add_file(t, "d/f/g", &three, false, NULL, &v), REAPI_CONFLICT);
	assert_int_equal(reapi_tree_add_file(t, "d", &three, false, NULL, &v), REAPI_CONFLICT);
	assert_int_equal(reapi_tree_add_file(t, "l/x", &three, false, NULL, &v), REAPI_CONFLICT);
	assert_int_equal(reapi_tree_add_symlink(t, "l", "e", NULL, &v), REAPI_CONFLICT);
	assert_non_null(strstr(v.text, ": l"));
	/* One that came by itself is no duplicate, once. */
	assert_int_equal(reapi_tree_add_directory(t, "d", NULL, &v), 0);
	assert_int_equal(reapi_tree_add_directory(t, "d", NULL, &v), REAPI_DUPLICATE);
	assert_int_equal(reapi_tree_finish(t, &v), 0);
	(void)reapi_tree_blobs(t, &n);
	assert_int_equal(n, 2);
}

static void test_refused(void **state)
{
	static const char *const paths[] = {"", "/a", "a/", "a//b", ".", "a/..", "\xff"};
	const struct reapi_props mode = {.has_mode = true, .mode = 010000};
	const struct reapi_props time = {.has_mtime = true, .mtime_ns = 1000000000};
	AUTO(tree_free) struct reapi_tree *t = NULL;
	struct reapi_violation v;

	make(&t);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		assert_int_equal(
			reapi_tree_add_file(t, paths[i], &three, false, NULL, &v), REAPI_INVALID);
		assert_int_equal(reapi_tree_add_symlink(t, paths[i], "x", NULL, &v), REAPI_INVALID);
		if (i > 0)
			assert_int_equal(
				reapi_tree_add_directory(t, paths[i], NULL, &v), REAPI_INVALID);
	}
	assert_int_equal(reapi_tree_add_symlink(t, "a", "", NULL, &v), REAPI_INVALID);
	assert_int_equal(reapi_tree_add_file(t, "a", &three, false, &mode, &v), REAPI_INVALID);
	assert_int_equal(reapi_tree_add_file(t, "a", &three, false, &time, &v), REAPI_INVALID);
	assert_int_equal(reapi_tree_finish(t, &v), 0);
	assert_true(reapi_digest_is_empty(reapi_tree_root(t)));
}

static void add_many(struct reapi_tree *t, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char path[64];

		/* The file's digest makes each directory another. */
		struct reapi_digest d = {.size = i, .hash = {(uint8_t)i, (uint8_t)(i >> 8)}};

		snprintf(path, sizeof(path), "d%zu/e%zu/f%zu", i % 7, i % 1000, i);
		assert_int_equal(reapi_tree_add_file(t, path, &d, false, NULL, NULL), 0);
	}
}

static void test_many(void **state)
{
	AUTO(tree_free) struct reapi_tree *t = NULL, *same = NULL;
	size_t n;

	make(&t);
	make(&same);
	add_many(t, 10000);
	assert_int_equal(reapi_tree_finish(t, NULL), 0);
	(void)reapi_tree_blobs(t, &n);
	assert_int_equal(n, 1 + 7 + 7000);
	/* After other content, and a reset. */
	add_many(same, 5000);
	assert_int_equal(reapi_tree_finish(same, NULL), 0);
	assert_false(reapi_digest_eq(reapi_tree_root(t), reapi_tree_root(same)));
	assert_int_equal(reapi_tree_reset(same), 0);
	add_many(same, 10000);
	assert_int_equal(reapi_tree_finish(same, NULL), 0);
	assert_true(reapi_digest_eq(reapi_tree_root(t), reapi_tree_root(same)));
}

static void test_too_many(void **state)
{
	AUTO(tree_free) struct reapi_tree *t = NULL;
	struct reapi_violation v;
	char path[32];
	int r = 0;

	make(&t);
	/* The root is one of them. */
	for (size_t i = 1; i < REAPI_TREE_NODES_MAX && r == 0; i++) {
		snprintf(path, sizeof(path), "%zx", i);
		r = reapi_tree_add_directory(t, path, NULL, &v);
	}
	assert_int_equal(r, 0);
	assert_int_equal(reapi_tree_add_directory(t, "x", NULL, &v), REAPI_TOO_BIG);
	assert_int_equal(reapi_tree_finish(t, &v), 0);
}

static void test_message_is_topological(void **state)
{
	AUTO(reapi_arena_fini) struct reapi_arena a;
	AUTO(tree_free) struct reapi_tree *t = NULL;
	AUTO(buf_fini) struct buf b = BUF_INIT, packed = BUF_INIT;
	const struct reapi_tree_blob *blobs;
	re_tree *m;
	size_t n;

	make(&t);
	reapi_arena_init(&a, 1 << 20);
	for (size_t i = 0; i < ARRAY_SIZE(items); i++)
		assert_int_equal(add(t, &items[i], NULL), 0);
	assert_int_equal(reapi_tree_finish(t, NULL), 0);
	assert_int_equal(reapi_tree_message(t, &b), 0);
	assert_int_equal(reapi_unpack(&a, RE_TYPE(tree), b.data, b.len, &m, NULL), 0);
	blobs = reapi_tree_blobs(t, &n);
	assert_int_equal(m->n_children, n - 1);
	for (size_t i = 0; i < m->n_children; i++) {
		struct reapi_digest child;
		const re_directory *d = m->children[i];

		buf_clear(&packed);
		assert_int_equal(reapi_pack(&d->base, &packed), 0);
		assert_int_equal(reapi_digest_of(buf_str(&packed), packed.len, &child), 0);
		assert_true(reapi_digest_eq(&child, &blobs[n - 2 - i].digest));
		/* Whatever it refers to comes later, that is, earlier among the blobs. */
		for (size_t k = 0; k < d->n_directories; k++) {
			size_t at = 0;

			assert_int_equal(
				reapi_digest_from_proto(d->directories[k]->digest, &child, NULL),
				0);
			while (!reapi_digest_eq(&blobs[at].digest, &child))
				at++;
			assert_true(at < n - 2 - i);
		}
	}
}

/* The digest of the item is another each time, or not. */
static int add_varied(struct reapi_tree *t, const struct item *i, unsigned variant)
{
	struct reapi_digest d = three;
	struct item varied = *i;

	d.hash[1] = (uint8_t)(variant % 3);
	if (i->digest)
		varied.digest = &d;
	if (i->target && variant % 2)
		varied.target = "another";
	if (variant % 5 == 0) { /* what was a file or a link is a directory, and the other way */
		varied.digest = i->digest || i->target ? NULL : &d;
		varied.target = NULL;
	}
	return add(t, &varied, NULL);
}

/* It comes to what a tree comes to that knows of no others. */
static void assert_same_tree(struct reapi_tree *t, struct reapi_tree *fresh)
{
	const struct reapi_tree_blob *a, *b;
	size_t n, n_fresh;

	assert_int_equal(reapi_tree_finish(t, NULL), 0);
	assert_int_equal(reapi_tree_finish(fresh, NULL), 0);
	a = reapi_tree_blobs(t, &n);
	b = reapi_tree_blobs(fresh, &n_fresh);
	assert_int_equal(n, n_fresh);
	assert_true(reapi_digest_eq(reapi_tree_root(t), reapi_tree_root(fresh)));
	/* Children may come in another order. */
	for (size_t i = 0; i < n; i++) {
		struct reapi_digest d;
		size_t k = 0;

		assert_int_equal(reapi_digest_of(a[i].data, a[i].size, &d), 0);
		assert_true(reapi_digest_eq(&d, &a[i].digest));
		while (k < n && !reapi_digest_eq(&b[k].digest, &d))
			k++;
		assert_true(k < n);
	}
}

static void test_again(void **state)
{
	AUTO(tree_free) struct reapi_tree *t = NULL, *fresh = NULL;
	unsigned random = 1;
	bool forgotten;

	make(&t);
	make(&fresh);
	for (int round = 0; round < 3000; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(items); i++) {
			int r;

			random = random * 1103515245 + 12345;
			if (random >> 16 & 1)
				continue;
			r = add_varied(t, &items[i], random >> 20);
			assert_int_equal(r, add_varied(fresh, &items[i], random >> 20));
			assert_true(r == 0 || r == REAPI_CONFLICT);
		}
		assert_same_tree(t, fresh);
		assert_int_equal(reapi_tree_again(t, &forgotten), 0);
		assert_false(forgotten);
		assert_int_equal(reapi_tree_reset(fresh), 0);
	}
	assert_int_equal(reapi_tree_finish(t, NULL), 0);
	assert_true(reapi_digest_is_empty(reapi_tree_root(t)));
}

static void test_places(void **state)
{
	AUTO(tree_free) struct reapi_tree *t = NULL, *fresh = NULL;
	struct reapi_node *node;
	struct reapi_violation v;
	bool forgotten;

	make(&t);
	make(&fresh);
	assert_int_equal(reapi_tree_add_file(t, "d/e/f", &three, false, NULL, NULL), 0);
	assert_int_equal(reapi_tree_add_file(t, "d/other", &three, false, NULL, NULL), 0);
	assert_null(reapi_tree_node(t, "d/e/g"));
	assert_null(reapi_tree_node(t, "d/e/f/g"));
	node = reapi_tree_node(t, "d/e/f");
	assert_non_null(node);
	assert_int_equal(reapi_tree_add_file_at(t, node, &three, false, NULL, &v), REAPI_DUPLICATE);
	assert_int_equal(reapi_tree_add_file_at(t, node, &big, false, NULL, &v), REAPI_CONFLICT);

	/* Without the other file, and with other bytes. */
	assert_int_equal(reapi_tree_again(t, &forgotten), 0);
	assert_null(reapi_tree_node(t, "d/e/f"));
	assert_int_equal(reapi_tree_add_file_at(t, node, &big, true, NULL, NULL), 0);
	assert_ptr_equal(reapi_tree_node(t, "d/e/f"), node);
	assert_int_equal(reapi_tree_add_file(fresh, "d/e/f", &big, true, NULL, NULL), 0);
	assert_same_tree(t, fresh);

	/* What leads to it is no directory now. */
	assert_int_equal(reapi_tree_again(t, &forgotten), 0);
	assert_int_equal(reapi_tree_reset(fresh), 0);
	assert_int_equal(reapi_tree_add_symlink(t, "d", "x", NULL, NULL), 0);
	assert_int_equal(reapi_tree_add_file_at(t, node, &big, true, NULL, &v), REAPI_CONFLICT);
	assert_int_equal(reapi_tree_add_symlink(fresh, "d", "x", NULL, NULL), 0);
	assert_same_tree(t, fresh);
}

/* It does not remember for ever. */
static void test_forgets(void **state)
{
	AUTO(tree_free) struct reapi_tree *t = NULL;
	bool forgotten = false;
	unsigned rounds = 0;

	make(&t);
	for (; !forgotten && rounds < 1000; rounds++) {
		for (int i = 0; i < 1000; i++) {
			char path[64];

			(void)snprintf(path, sizeof(path), "%u/%d", rounds, i);
			assert_int_equal(
				reapi_tree_add_file(t, path, &three, false, NULL, NULL), 0);
		}
		assert_int_equal(reapi_tree_again(t, &forgotten), 0);
	}
	assert_true(forgotten);
	assert_true(rounds > 50);
	assert_int_equal(reapi_tree_finish(t, NULL), 0);
	assert_true(reapi_digest_is_empty(reapi_tree_root(t)));
}

static int make_all(void)
{
	struct reapi_tree *t = NULL;
	bool forgotten;
	int r = reapi_tree_new(&t);

	for (int round = 0; r == 0 && round < 2; round++) {
		for (size_t i = 0; r == 0 && i < ARRAY_SIZE(items); i++)
			r = i % 2 ? add_varied(t, &items[i], 1) : add(t, &items[i], NULL);
		if (r == 0)
			r = reapi_tree_finish(t, NULL);
		if (r == 0)
			r = reapi_tree_again(t, &forgotten);
	}
	reapi_tree_free(t);
	return r;
}

static void test_no_memory(void **state)
{
	for (unsigned n = 1; failing_start(n); n++) {
		int r = make_all();

		assert_int_equal(r, failing_stop() ? -ENOMEM : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_does_not_matter),
		cmocka_unit_test(test_against_protobuf),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_same_again),
		cmocka_unit_test(test_conflicts),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_message_is_topological),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_forgets),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
