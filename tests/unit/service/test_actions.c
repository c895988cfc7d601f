/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kit.h"
#include "reapi/status.h"
#include "service/result.h"

#define GET "/build.bazel.remote.execution.v2.ActionCache/GetActionResult"
#define UPDATE "/build.bazel.remote.execution.v2.ActionCache/UpdateActionResult"

static struct kit k;
static struct cas_digest action;

static int setup(void **state)
{
	kit_start(&k, NULL);
	assert_int_equal(cas_digest_of("an action", 9, &action), 0);
	return 0;
}

static int teardown(void **state)
{
	kit_stop(&k);
	return 0;
}

static enum rpc_status update(re_action_result *m, struct kit_call *c)
{
	re_update_action_result_request q = RE_INIT(UPDATE_ACTION_RESULT_REQUEST);

	q.action_digest = kit_digest(&action);
	q.action_result = m;
	kit_ask(&k, UPDATE, &q.base, c);
	return c->status;
}

static enum rpc_status put(re_action_result *m)
{
	struct kit_call c;
	enum rpc_status status = update(m, &c);

	kit_call_fini(&c);
	return status;
}

/* NULL: NOT_FOUND. To be freed. */
static re_action_result *get(re_get_action_result_request *q)
{
	re_get_action_result_request plain = RE_INIT(GET_ACTION_RESULT_REQUEST);
	re_action_result *m = NULL;
	struct kit_call c;

	q = q ? q : &plain;
	q->action_digest = kit_digest(&action);
	kit_ask(&k, GET, &q->base, &c);
	if (c.status == RPC_OK)
		m = kit_message(&c, 0, RE_TYPE(action_result));
	else
		assert_int_equal(c.status, RPC_NOT_FOUND);
	kit_call_fini(&c);
	return m;
}

static bool is_hit(void)
{
	re_action_result *m = get(NULL);

	if (m)
		protobuf_c_message_free_unpacked(&m->base, NULL);
	return m != NULL;
}

static void test_streams(void **state)
{
	re_action_result m = RE_INIT(ACTION_RESULT), *got;
	struct cas_digest out = kit_put(&k, "said", 4);

	assert_false(is_hit());
	m.exit_code = 3;
	m.stdout_digest = kit_digest(&out);
	m.stderr_digest = kit_digest(&cas_digest_empty);
	assert_int_equal(put(&m), RPC_OK);
	got = get(NULL);
	assert_non_null(got);
	assert_int_equal(got->exit_code, 3);
	assert_int_equal(got->stdout_raw.len, 0);
	protobuf_c_message_free_unpacked(&got->base, NULL);
	assert_int_equal(cas_drop(k.service.cas, &out), 0);
	assert_false(is_hit());
	assert_int_equal(cas_has(k.service.cas, &out), CAS_MISSING);
	/* It is gone for good. */
	kit_put(&k, "said", 4);
	assert_false(is_hit());
}

static void test_inline(void **state)
{
	static char large[SERVICE_INLINE_MAX + 1];
	re_get_action_result_request q = RE_INIT(GET_ACTION_RESULT_REQUEST);
	re_action_result m = RE_INIT(ACTION_RESULT), *got;
	re_output_file f[3], *files[3];
	char names[3][8] = {"a/b", "c", "large"}, *wanted[] = {names[2], names[1], names[2]};
	struct cas_digest d[3] = {
		kit_put(&k, "A", 1), kit_put(&k, "CC", 2), kit_put(&k, large, sizeof(large))};

	for (int i = 0; i < 3; i++) {
		f[i] = (re_output_file)RE_INIT(OUTPUT_FILE);
		f[i].path = names[i];
		f[i].digest = kit_digest(&d[i]);
		files[i] = &f[i];
	}
	m.output_files = files;
	m.n_output_files = 3;
	m.stdout_digest = kit_digest(&d[0]);
	m.stderr_digest = kit_digest(&d[2]);
	assert_int_equal(put(&m), RPC_OK);
	q.inline_stdout = q.inline_stderr = true;
	q.inline_output_files = wanted;
	q.n_inline_output_files = 3;
	got = get(&q);
	assert_non_null(got);
	assert_int_equal(got->stdout_raw.len, 1);
	assert_non_null(got->stdout_digest);
	assert_int_equal(got->stderr_raw.len, 0);
	assert_int_equal(got->output_files[0]->contents.len, 0);
	assert_int_equal(got->output_files[1]->contents.len, 2);
	assert_memory_equal(got->output_files[1]->contents.data, "CC", 2);
	assert_int_equal(got->output_files[2]->contents.len, 0);
	protobuf_c_message_free_unpacked(&got->base, NULL);
}

/* Contents that come with a result are kept as blobs. */
static void test_contents(void **state)
{
	re_action_result m = RE_INIT(ACTION_RESULT);
	re_output_file f = RE_INIT(OUTPUT_FILE), *files = &f;
	char name[] = "f", text[] = "text";
	struct cas_digest d;

	assert_int_equal(cas_digest_of(text, 4, &d), 0);
	f.path = name;
	f.digest = kit_digest(&d);
	f.contents = (ProtobufCBinaryData){.data = (uint8_t *)text, .len = 4};
	m.output_files = &files;
	m.n_output_files = 1;
	assert_int_equal(put(&m), RPC_OK);
	assert_int_equal(cas_has(k.service.cas, &d), 0);
	assert_true(is_hit());
	text[0] = 'n';
	assert_int_equal(put(&m), RPC_INVALID_ARGUMENT);
}

/* root: a file, and a directory with one; as Tree, or as Directories of their own. */
struct tree {
	struct cas_digest in_root, in_child, child, root, tree;
};

static void make_tree(struct tree *t)
{
	re_directory child = RE_INIT(DIRECTORY), root = RE_INIT(DIRECTORY), *children = &child;
	re_file_node a = RE_INIT(FILE_NODE), b = RE_INIT(FILE_NODE), *as = &a, *bs = &b;
	re_directory_node node = RE_INIT(DIRECTORY_NODE), *nodes = &node;
	re_tree m = RE_INIT(TREE);
	char name[] = "n";

	t->in_root = kit_put(&k, "in root", 7);
	t->in_child = kit_put(&k, "in child", 8);
	a.name = b.name = node.name = name;
	a.digest = kit_digest(&t->in_root);
	b.digest = kit_digest(&t->in_child);
	child.files = &bs;
	child.n_files = 1;
	t->child = kit_put_message(&k, &child.base);
	node.digest = kit_digest(&t->child);
	root.files = &as;
	root.n_files = 1;
	root.directories = &nodes;
	root.n_directories = 1;
	t->root = kit_put_message(&k, &root.base);
	m.root = &root;
	m.children = &children;
	m.n_children = 1;
	t->tree = kit_put_message(&k, &m.base);
}

static void test_directories(void **state)
{
	/* Of in_root, in_child, child, root, tree: whose loss loses the result. */
	static const struct {
		bool as_tree, as_root;
		bool lost[5];
	} cases[] = {
		{true, false, {true, true, false, false, true}},
		{false, true, {true, true, true, true, false}},
		{true, true, {true, true, true, true, true}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (size_t j = 0; j < 5; j++) {
			re_action_result m = RE_INIT(ACTION_RESULT);
			re_output_directory d = RE_INIT(OUTPUT_DIRECTORY), *directories = &d;
			char name[] = "d";
			struct tree t;

			make_tree(&t);
			d.path = name;
			if (cases[i].as_tree)
				d.tree_digest = kit_digest(&t.tree);
			if (cases[i].as_root)
				d.root_directory_digest = kit_digest(&t.root);
			m.output_directories = &directories;
			m.n_output_directories = 1;
			assert_int_equal(put(&m), RPC_OK);
			assert_true(is_hit());
			assert_int_equal(cas_drop(k.service.cas, &(&t.in_root)[j]), 0);
			assert_int_equal(is_hit(), !cases[i].lost[j]);
		}
	}
}

/* What a result refers to cannot be told without its Tree. */
static void test_tree_missing(void **state)
{
	re_action_result m = RE_INIT(ACTION_RESULT);
	re_output_directory d = RE_INIT(OUTPUT_DIRECTORY), *directories = &d;
	struct reapi_status status;
	struct reapi_arena a;
	char name[] = "d";
	struct kit_call c;
	struct tree t;

	make_tree(&t);
	assert_int_equal(cas_drop(k.service.cas, &t.tree), 0);
	d.path = name;
	d.tree_digest = kit_digest(&t.tree);
	m.output_directories = &directories;
	m.n_output_directories = 1;
	assert_int_equal(update(&m, &c), RPC_FAILED_PRECONDITION);
	reapi_arena_init(&a, 1 << 20);
	assert_int_equal(reapi_status_parse(&a, c.details.data, c.details.len, &status, NULL), 0);
	assert_int_equal(status.n_missing, 1);
	assert_memory_equal(status.missing[0].hash, t.tree.hash, sizeof(t.tree.hash));
	assert_int_equal(status.missing[0].size, t.tree.size);
	reapi_arena_fini(&a);
	kit_call_fini(&c);
	assert_false(is_hit());
}

static void test_refused(void **state)
{
	re_action_result m = RE_INIT(ACTION_RESULT);
	re_output_file f = RE_INIT(OUTPUT_FILE), *files = &f;
	re_output_directory d = RE_INIT(OUTPUT_DIRECTORY), *directories = &d;
	struct cas_digest garbage = kit_put(&k, "\xff\xff", 2);
	char name[] = "x";

	assert_int_equal(put(NULL), RPC_INVALID_ARGUMENT);
	f.path = name;
	m.output_files = &files;
	m.n_output_files = 1;
	assert_int_equal(put(&m), RPC_INVALID_ARGUMENT);
	m.n_output_files = 0;
	d.path = name;
	m.output_directories = &directories;
	m.n_output_directories = 1;
	assert_int_equal(put(&m), RPC_INVALID_ARGUMENT);
	d.tree_digest = kit_digest(&garbage);
	assert_int_equal(put(&m), RPC_INVALID_ARGUMENT);
	assert_false(is_hit());
}

static void test_too_large(void **state)
{
	re_action_result m = RE_INIT(ACTION_RESULT);
	char *large = malloc(4 << 20);

	memset(large, 'x', 4 << 20);
	m.stdout_raw = (ProtobufCBinaryData){.data = (uint8_t *)large, .len = 4 << 20};
	assert_int_equal(put(&m), RPC_RESOURCE_EXHAUSTED);
	m.stdout_raw.len = 1 << 20;
	assert_int_equal(put(&m), RPC_OK);
	assert_true(is_hit());
	free(large);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_streams),
		TEST(test_inline),
		TEST(test_contents),
		TEST(test_directories),
		TEST(test_tree_missing),
		TEST(test_refused),
		TEST(test_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
