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
#include "reapi/path.h"
#include "reapi/plan.h"

static void tree_free(struct reapi_tree **t)
{
	reapi_tree_free(*t);
}

static const struct reapi_digest three = {.hash = {3}, .size = 3};

/* A store of Directories. */
struct store {
	struct reapi_plan_bytes v[64];
	struct reapi_digest digests[64];
	size_t n, asked;
	size_t hide; /* the digest with this number is missing; 64: none */
	int error;
};

static struct reapi_digest put(struct store *s, const void *data, size_t n)
{
	struct reapi_digest d;

	assert_true(s->n < ARRAY_SIZE(s->v));
	assert_int_equal(reapi_digest_of(data, n, &d), 0);
	s->v[s->n] = (struct reapi_plan_bytes){data, n};
	s->digests[s->n++] = d;
	return d;
}

static int get(void *data, const struct reapi_digest *digest, struct reapi_plan_bytes *ret)
{
	struct store *s = data;

	s->asked++;
	if (s->error)
		return s->error;
	for (size_t i = 0; i < s->n; i++)
		if (i != s->hide && reapi_digest_eq(digest, &s->digests[i])) {
			*ret = s->v[i];
			return 0;
		}
	return REAPI_MISSING;
}

static void put_tree(struct store *s, const struct reapi_tree *t)
{
	size_t n;
	const struct reapi_tree_blob *blobs = reapi_tree_blobs(t, &n);

	for (size_t i = 0; i < n; i++)
		put(s, blobs[i].data, blobs[i].size);
}

/* usr/include/{a.h,b.h}, usr/lib -> include, usr/same/{a.h,b.h}, empty, x.c */
static struct reapi_tree *example(void)
{
	const struct reapi_props props = {.has_mtime = true, .mtime_s = 7, .mtime_ns = 8};
	const struct reapi_props mode = {.has_mode = true, .mode = 0750};
	struct reapi_tree *t;

	assert_int_equal(reapi_tree_new(&t), 0);
	assert_int_equal(reapi_tree_add_file(t, "x.c", &three, true, &props, NULL), 0);
	assert_int_equal(reapi_tree_add_file(t, "usr/include/b.h", &three, false, NULL, NULL), 0);
	assert_int_equal(reapi_tree_add_file(t, "usr/include/a.h", &three, false, NULL, NULL), 0);
	assert_int_equal(reapi_tree_add_file(t, "usr/same/b.h", &three, false, NULL, NULL), 0);
	assert_int_equal(reapi_tree_add_file(t, "usr/same/a.h", &three, false, NULL, NULL), 0);
	assert_int_equal(reapi_tree_add_symlink(t, "usr/lib", "include", NULL, NULL), 0);
	assert_int_equal(reapi_tree_add_directory(t, "empty", NULL, NULL), 0);
	assert_int_equal(reapi_tree_add_directory(t, "usr", &mode, NULL), 0);
	assert_int_equal(reapi_tree_finish(t, NULL), 0);
	return t;
}

static void check_example(const struct reapi_plan *p)
{
	static const char *const paths[] = {"", "x.c", "empty", "usr", "usr/include",
		"usr/include/a.h", "usr/include/b.h", "usr/same", "usr/same/a.h", "usr/same/b.h",
		"usr/lib"};
	static const uint32_t ends[] = {11, 2, 3, 11, 7, 6, 7, 10, 9, 10, 11};

	assert_int_equal(p->n, ARRAY_SIZE(paths));
	for (size_t i = 0; i < p->n; i++) {
		AUTO(buf_fini) struct buf b = BUF_INIT;

		assert_int_equal(reapi_plan_path(p, i, &b), 0);
		assert_string_equal(buf_str(&b), paths[i]);
		assert_int_equal(p->entries[i].end, ends[i]);
		assert_true(i == 0 || p->entries[i].parent < i);
	}
	assert_int_equal(p->n_directories, 5);
	assert_int_equal(p->n_distinct, 4);
	assert_int_equal(p->file_bytes, 15);
	assert_int_equal(p->entries[1].kind, REAPI_PLAN_FILE);
	assert_true(p->entries[1].executable);
	assert_int_equal(p->entries[1].props.mtime_s, 7);
	assert_int_equal(p->entries[1].props.mtime_ns, 8);
	assert_true(reapi_digest_eq(&p->entries[1].digest, &three));
	assert_int_equal(p->entries[3].props.mode, 0750);
	assert_false(p->entries[4].props.has_mode);
	assert_true(reapi_digest_eq(&p->entries[4].digest, &p->entries[7].digest));
	assert_int_equal(p->entries[10].kind, REAPI_PLAN_SYMLINK);
	assert_string_equal(p->entries[10].target, "include");
}

static void test_walk(void **state)
{
	AUTO(tree_free) struct reapi_tree *t = example();
	AUTO(reapi_plan_fini) struct reapi_plan p;
	struct store s = {.hide = 64};
	struct reapi_violation v = {.text = ""};

	put_tree(&s, t);
	if (reapi_plan_walk(reapi_tree_root(t), get, &s, NULL, &p, &v) != 0)
		fail_msg("%s", v.text);
	check_example(&p);
	/* root, usr, include; never the empty one, and none twice */
	assert_int_equal(s.asked, 3);
}

static void test_walk_tree(void **state)
{
	AUTO(tree_free) struct reapi_tree *t = example();
	AUTO(reapi_plan_fini) struct reapi_plan p;
	AUTO(buf_fini) struct buf b = BUF_INIT;
	struct reapi_violation v;

	assert_int_equal(reapi_tree_message(t, &b), 0);
	assert_int_equal(reapi_plan_walk_tree(b.data, b.len, NULL, &p, &v), 0);
	check_example(&p);
}

static void test_walk_tree_wrong(void **state)
{
	/* A child that is not there: Directory{directories: {name: "d", digest: {hash, 1}}} */
	static const char hash[] =
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
	const struct reapi_plan_limits two = {
		.depth = 9, .entries = 2, .directory_bytes = 1000, .file_bytes = 1000};
	AUTO(buf_fini) struct buf b = BUF_INIT;
	struct reapi_plan p;
	struct reapi_violation v;

	assert_int_equal(buf_append(&b,
				 "\x0a\x4b\x12\x49\x0a\x01"
				 "d\x12\x44\x0a\x40",
				 11),
		0);
	assert_int_equal(buf_append_str(&b, hash), 0);
	assert_int_equal(buf_append(&b, "\x10\x01", 2), 0);
	assert_int_equal(reapi_plan_walk_tree(b.data, b.len, NULL, &p, &v), REAPI_INVALID);
	assert_non_null(strstr(v.text, "not in it"));
	assert_int_equal(p.n, 0);
	/* No root, two roots, a root that is no message, rubbish, too many children. */
	assert_int_equal(reapi_plan_walk_tree("", 0, NULL, &p, &v), REAPI_INVALID);
	assert_int_equal(reapi_plan_walk_tree("\x0a\x00\x0a\x00", 4, NULL, &p, &v), REAPI_INVALID);
	assert_int_equal(reapi_plan_walk_tree("\x08\x00", 2, NULL, &p, &v), REAPI_INVALID);
	assert_int_equal(reapi_plan_walk_tree("\xff", 1, NULL, &p, &v), REAPI_INVALID);
	assert_int_equal(
		reapi_plan_walk_tree("\x0a\x00\x12\x00\x12\x00", 6, &two, &p, &v), REAPI_TOO_BIG);
}

static void test_missing(void **state)
{
	AUTO(tree_free) struct reapi_tree *t = example();
	size_t n;

	(void)reapi_tree_blobs(t, &n);
	for (size_t hide = 0; hide < n; hide++) {
		AUTO(reapi_plan_fini) struct reapi_plan p;
		struct store s = {.hide = hide};
		struct reapi_violation v;
		int r;

		put_tree(&s, t);
		r = reapi_plan_walk(reapi_tree_root(t), get, &s, NULL, &p, &v);
		if (reapi_digest_is_empty(&s.digests[hide])) {
			assert_int_equal(r, 0);
			continue;
		}
		assert_int_equal(r, REAPI_MISSING);
		assert_int_equal(p.n_missing, 1);
		assert_true(reapi_digest_eq(&p.missing[0], &s.digests[hide]));
	}
}

static void test_errors_of_get(void **state)
{
	AUTO(tree_free) struct reapi_tree *t = example();
	struct store s = {.hide = 64, .error = -EIO};
	struct reapi_violation v;
	struct reapi_plan p;

	assert_int_equal(reapi_plan_walk(reapi_tree_root(t), get, &s, NULL, &p, &v), -EIO);
	assert_int_equal(p.n, 0);
	s.error = REAPI_TOO_BIG; /* not one of its outcomes */
	assert_int_equal(reapi_plan_walk(reapi_tree_root(t), get, &s, NULL, &p, &v), -EINVAL);
}

/* Directories that hold the next one ten times, n deep. */
static struct reapi_digest bomb(struct store *s, struct buf *bytes, size_t n)
{
	struct reapi_digest below = put(s,
		"\x0a\x47\x0a\x01"
		"f\x12\x42\x0a\x40" /* a file */
		"e3b0c44298fc1c149afbf4c8996fb924"
		"27ae41e4649b934ca495991b7852b855",
		73);

	for (size_t level = 0; level < n; level++) {
		struct reapi_digest_message d;
		re_directory_node nodes[10], *list[10];
		re_directory m = RE_INIT(DIRECTORY);
		char names[10][2];

		reapi_digest_to_proto(&below, &d);
		for (size_t i = 0; i < 10; i++) {
			names[i][0] = (char)('0' + i);
			names[i][1] = '\0';
			nodes[i] = (re_directory_node)RE_INIT(DIRECTORY_NODE);
			nodes[i].name = names[i];
			nodes[i].digest = &d.message;
			list[i] = &nodes[i];
		}
		m.n_directories = 10;
		m.directories = list;
		assert_int_equal(reapi_pack(&m.base, &bytes[level]), 0);
		below = put(s, bytes[level].data, bytes[level].len);
	}
	return below;
}

static void test_bomb(void **state)
{
	struct buf bytes[30] = {{.data = NULL}};
	struct store s = {.hide = 64};
	struct reapi_plan_limits limits = reapi_plan_limits_default;
	struct reapi_digest root = bomb(&s, bytes, ARRAY_SIZE(bytes));
	struct reapi_violation v;
	struct reapi_plan p;

	assert_true(limits.entries <= 1 << 20);
	limits.entries = 50000;
	assert_int_equal(reapi_plan_walk(&root, get, &s, &limits, &p, &v), REAPI_TOO_BIG);
	assert_non_null(strstr(v.text, "entries"));
	assert_true(s.asked <= 31);
	limits.depth = 30;
	assert_int_equal(reapi_plan_walk(&root, get, &s, &limits, &p, &v), REAPI_TOO_BIG);
	assert_non_null(strstr(v.text, "deep"));
	limits = reapi_plan_limits_default;
	limits.directory_bytes = 1000;
	assert_int_equal(reapi_plan_walk(&root, get, &s, &limits, &p, &v), REAPI_TOO_BIG);
	assert_non_null(strstr(v.text, "1000 bytes"));
	/* Four levels are fine: 10 + 100 + 1,000 + 10,000 and as many files as the last. */
	assert_int_equal(reapi_plan_walk(&s.digests[4], get, &s, NULL, &p, &v), 0);
	assert_int_equal(p.n, 1 + 11110 + 10000);
	assert_int_equal(p.n_distinct, 5);
	reapi_plan_fini(&p);
	for (size_t i = 0; i < ARRAY_SIZE(bytes); i++)
		buf_fini(&bytes[i]);
}

static void test_file_bytes(void **state)
{
	AUTO(tree_free) struct reapi_tree *t = example();
	struct reapi_plan_limits limits = reapi_plan_limits_default;
	struct store s = {.hide = 64};
	struct reapi_violation v;
	struct reapi_plan p;

	put_tree(&s, t);
	limits.file_bytes = 15;
	assert_int_equal(reapi_plan_walk(reapi_tree_root(t), get, &s, &limits, &p, &v), 0);
	reapi_plan_fini(&p);
	limits.file_bytes = 14;
	assert_int_equal(
		reapi_plan_walk(reapi_tree_root(t), get, &s, &limits, &p, &v), REAPI_TOO_BIG);
	limits = reapi_plan_limits_default;
	limits.entries = 10;
	assert_int_equal(
		reapi_plan_walk(reapi_tree_root(t), get, &s, &limits, &p, &v), REAPI_TOO_BIG);
	limits.entries = 11;
	assert_int_equal(reapi_plan_walk(reapi_tree_root(t), get, &s, &limits, &p, &v), 0);
	reapi_plan_fini(&p);
}

/* A Directory of up to two children of each kind, by their names. */
struct wanted {
	const char *files[2], *directories[2], *links[2];
	const char *part; /* of the sentence; NULL: it is right */
};

static int check(const struct wanted *w, const char *hash, const char *target, int32_t nanos,
	struct reapi_violation *v)
{
	re_file_node files[2], *fl[2];
	re_directory_node directories[2], *dl[2];
	re_symlink_node links[2], *ll[2];
	re_node_properties props = RE_INIT(NODE_PROPERTIES);
	pb_timestamp mtime = PB_INIT(TIMESTAMP);
	re_digest digest = RE_INIT(DIGEST);
	re_directory m = RE_INIT(DIRECTORY);

	digest.hash = (char *)hash;
	mtime.nanos = nanos;
	props.mtime = &mtime;
	m.files = fl;
	m.directories = dl;
	m.symlinks = ll;
	for (size_t i = 0; i < 2; i++) {
		files[i] = (re_file_node)RE_INIT(FILE_NODE);
		directories[i] = (re_directory_node)RE_INIT(DIRECTORY_NODE);
		links[i] = (re_symlink_node)RE_INIT(SYMLINK_NODE);
		files[i].digest = directories[i].digest = hash ? &digest : NULL;
		files[i].node_properties = links[i].node_properties = &props;
		links[i].target = (char *)target;
		fl[i] = &files[i];
		dl[i] = &directories[i];
		ll[i] = &links[i];
		files[i].name = (char *)w->files[i];
		directories[i].name = (char *)w->directories[i];
		links[i].name = (char *)w->links[i];
		m.n_files += w->files[i] != NULL;
		m.n_directories += w->directories[i] != NULL;
		m.n_symlinks += w->links[i] != NULL;
	}
	return reapi_directory_check(&m, v);
}

static void test_directory_check(void **state)
{
	static const char hash[] =
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
	static const struct wanted cases[] = {
		{{NULL}, {NULL}, {NULL}, NULL},
		{{"a", "b"}, {"c", "d"}, {"e", "f"}, NULL},
		{{"e", "f"}, {"c", "d"}, {"a", "b"}, NULL},
		{{"B", "a"}, {NULL}, {NULL}, NULL},
		{{"a", "\xc3\xa4"}, {NULL}, {NULL}, NULL},
		{{"\xef\xbf\xbd", "\xf0\x9f\x98\x80"}, {NULL}, {NULL}, NULL}, /* not as UTF-16 */
		{{"b", "a"}, {NULL}, {NULL}, "files are not sorted by name: b before a"},
		{{NULL}, {"b", "a"}, {NULL}, "directories are not sorted"},
		{{NULL}, {NULL}, {"b", "a"}, "links are not sorted"},
		{{"a", "a"}, {NULL}, {NULL}, "two files have the name a"},
		{{NULL}, {"a", "a"}, {NULL}, "two directories have the name a"},
		{{NULL}, {NULL}, {"a", "a"}, "two links have the name a"},
		{{"a", "b"}, {"b", NULL}, {NULL}, "at once: b"},
		{{"a", "b"}, {NULL}, {"a", NULL}, "at once: a"},
		{{NULL}, {"a", "c"}, {"b", "c"}, "at once: c"},
		{{"", NULL}, {NULL}, {NULL}, "the name of a file is empty"},
		{{"a/b", NULL}, {NULL}, {NULL}, "the name of a file has a '/'"},
		{{NULL}, {"..", NULL}, {NULL}, "the name of a directory is \"..\""},
		{{NULL}, {NULL}, {".", NULL}, "the name of a link is \".\""},
		{{"\xc3", NULL}, {NULL}, {NULL}, "not UTF-8"},
	};
	struct reapi_violation v;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int r = check(&cases[i], hash, "t", 0, &v);

		if (r != (cases[i].part ? REAPI_INVALID : 0) ||
			(r != 0 && !strstr(v.text, cases[i].part)))
			fail_msg("case %zu: %d, %s", i, r, v.text);
	}
	assert_int_equal(check(&cases[1], NULL, "t", 0, &v), REAPI_INVALID);
	assert_int_equal(check(&cases[1], "abc", "t", 0, &v), REAPI_INVALID);
	assert_int_equal(check(&cases[1], hash, "", 0, &v), REAPI_INVALID);
	assert_int_equal(check(&cases[1], hash, "t", -1, &v), REAPI_INVALID);
	assert_int_equal(check(&cases[1], hash, "t", 1000000000, &v), REAPI_INVALID);
	assert_int_equal(check(&cases[1], hash, "t", 999999999, &v), 0);
}

static void test_wrong_directories(void **state)
{
	static const char unsorted[] = "\x1a\x06\x0a\x01"
				       "b\x12\x01x\x1a\x06\x0a\x01"
				       "a\x12\x01x";
	struct store s = {.hide = 64};
	struct reapi_digest d = put(&s, unsorted, sizeof(unsorted) - 1), size = d;
	struct reapi_digest rubbish = put(&s, "\xff", 1);
	struct reapi_violation v;
	struct reapi_plan p;

	assert_int_equal(reapi_plan_walk(&d, get, &s, NULL, &p, &v), REAPI_INVALID);
	assert_non_null(strstr(v.text, "directory \"\" ("));
	assert_non_null(strstr(v.text, "links are not sorted by name: b before a"));
	assert_int_equal(reapi_plan_walk(&rubbish, get, &s, NULL, &p, &v), REAPI_INVALID);
	size.size++;
	s.digests[0] = size;
	assert_int_equal(reapi_plan_walk(&size, get, &s, NULL, &p, &v), REAPI_INVALID);
	assert_non_null(strstr(v.text, "size of its digest"));
	/* Not even asked for. */
	size.size = INT64_MAX;
	s.asked = 0;
	assert_int_equal(reapi_plan_walk(&size, get, &s, NULL, &p, &v), REAPI_TOO_BIG);
	assert_int_equal(s.asked, 0);
}

static void test_modes(void **state)
{
	re_node_properties m = RE_INIT(NODE_PROPERTIES);
	pb_uint32_value mode = PB_INIT(UINT32_VALUE);
	struct reapi_props props;

	assert_int_equal(reapi_props_from_proto(NULL, &props, NULL), 0);
	assert_false(props.has_mode || props.has_mtime);
	mode.value = 0100644;
	m.unix_mode = &mode;
	assert_int_equal(reapi_props_from_proto(&m, &props, NULL), 0);
	assert_true(props.has_mode);
	assert_int_equal(props.mode, 0644);
}

static void test_no_memory(void **state)
{
	AUTO(tree_free) struct reapi_tree *t = example();
	AUTO(buf_fini) struct buf b = BUF_INIT;

	assert_int_equal(reapi_tree_message(t, &b), 0);
	for (unsigned n = 1; failing_start(n); n++) {
		AUTO(reapi_plan_fini) struct reapi_plan p = {.n = 0};
		int r = reapi_plan_walk_tree(b.data, b.len, NULL, &p, NULL);

		assert_int_equal(r, failing_stop() ? -ENOMEM : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_walk_tree),
		cmocka_unit_test(test_walk_tree_wrong),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_errors_of_get),
		cmocka_unit_test(test_bomb),
		cmocka_unit_test(test_file_bytes),
		cmocka_unit_test(test_directory_check),
		cmocka_unit_test(test_wrong_directories),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
