/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kit.h"

#define GET_TREE "/build.bazel.remote.execution.v2.ContentAddressableStorage/GetTree"

static struct kit k;

static int setup(void **state)
{
	kit_start(&k, NULL);
	return 0;
}

static int teardown(void **state)
{
	kit_stop(&k);
	return 0;
}

/* A Directory of these children, each twice under names of its own, so that trees unfold; n tells
 * leaves apart. */
static struct cas_digest directory(const struct cas_digest *children, size_t n_children, unsigned n)
{
	re_directory d = RE_INIT(DIRECTORY);
	re_directory_node nodes[16], *list[16];
	re_symlink_node link = RE_INIT(SYMLINK_NODE), *links = &link;
	char names[16][8], target[16];

	for (size_t i = 0; i < 2 * n_children; i++) {
		nodes[i] = (re_directory_node)RE_INIT(DIRECTORY_NODE);
		snprintf(names[i], sizeof(names[i]), "d%02zu", i);
		nodes[i].name = names[i];
		nodes[i].digest = kit_digest(&children[i / 2]);
		list[i] = &nodes[i];
	}
	d.directories = list;
	d.n_directories = 2 * n_children;
	snprintf(target, sizeof(target), "%u", n);
	link.name = target;
	link.target = target;
	d.symlinks = &links;
	d.n_symlinks = 1;
	return kit_put_message(&k, &d.base);
}

struct got {
	char targets[256][16]; /* what tells the directories apart */
	size_t n, messages;
	char token[256]; /* of the message at token_of */
	size_t token_of;
};

static enum rpc_status get_tree(
	const struct cas_digest *root, int32_t page_size, char *token, struct got *got)
{
	re_get_tree_request q = RE_INIT(GET_TREE_REQUEST);
	enum rpc_status status;
	struct kit_call c;

	q.root_digest = kit_digest(root);
	q.page_size = page_size;
	if (token)
		q.page_token = token;
	kit_ask(&k, GET_TREE, &q.base, &c);
	got->n = 0;
	got->messages = c.n;
	for (size_t i = 0; i < c.n; i++) {
		re_get_tree_response *m = kit_message(&c, i, RE_TYPE(get_tree_response));

		assert_int_equal(*m->next_page_token == '\0', i + 1 == c.n);
		if (i == got->token_of)
			snprintf(got->token, sizeof(got->token), "%s", m->next_page_token);
		assert_true(page_size == 0 || m->n_directories <= (size_t)page_size);
		for (size_t j = 0; j < m->n_directories; j++) {
			const re_directory *d = m->directories[j];

			assert_true(got->n < ARRAY_SIZE(got->targets));
			strcpy(got->targets[got->n++], d->n_symlinks ? d->symlinks[0]->target : "");
		}
		protobuf_c_message_free_unpacked(&m->base, NULL);
	}
	status = c.status;
	kit_call_fini(&c);
	return status;
}

/* 100 levels, each with the next twice: 2^100 paths, 101 directories. */
static struct cas_digest deep(void)
{
	struct cas_digest d = directory(NULL, 0, 0);

	for (unsigned i = 1; i <= 100; i++)
		d = directory(&d, 1, i);
	return d;
}

static void test_whole(void **state)
{
	struct cas_digest root = deep();
	struct got got = {.n = 0};
	char text[16];

	assert_int_equal(get_tree(&root, 0, NULL, &got), RPC_OK);
	assert_int_equal(got.n, 101);
	assert_int_equal(got.messages, 1);
	for (unsigned i = 0; i <= 100; i++) {
		snprintf(text, sizeof(text), "%u", 100 - i);
		assert_string_equal(got.targets[i], text);
	}
}

static void test_pages(void **state)
{
	struct cas_digest root = deep();
	struct got got = {.token_of = 2};

	assert_int_equal(get_tree(&root, 10, NULL, &got), RPC_OK);
	assert_int_equal(got.n, 101);
	assert_int_equal(got.messages, 11);
	/* The stream broke behind the third message: on with that one's token. */
	assert_int_equal(get_tree(&root, 10, got.token, &got), RPC_OK);
	assert_int_equal(got.n, 71);
	assert_string_equal(got.targets[0], "70");
	assert_string_equal(got.targets[70], "0");
}

static void test_missing(void **state)
{
	struct cas_digest leaf = directory(NULL, 0, 1), other = directory(NULL, 0, 2);
	struct cas_digest inner = directory(&leaf, 1, 3);
	const struct cas_digest both[] = {inner, other, cas_digest_empty};
	struct cas_digest root = directory(both, 3, 4);
	struct got got = {.n = 0};

	assert_int_equal(get_tree(&root, 0, NULL, &got), RPC_OK);
	assert_int_equal(got.n, 5);
	assert_int_equal(cas_drop(k.service.cas, &inner), 0);
	assert_int_equal(get_tree(&root, 1, NULL, &got), RPC_OK);
	assert_int_equal(got.n, 3);
	assert_string_equal(got.targets[0], "4");
	assert_string_equal(got.targets[1], "2");
	assert_string_equal(got.targets[2], "");
	assert_int_equal(cas_drop(k.service.cas, &root), 0);
	assert_int_equal(get_tree(&root, 0, NULL, &got), RPC_NOT_FOUND);
	assert_int_equal(get_tree(&cas_digest_empty, 0, NULL, &got), RPC_OK);
	assert_int_equal(got.n, 1);
}

static void test_refused(void **state)
{
	struct cas_digest root = deep(), garbage = kit_put(&k, "\xff\xff", 2);
	struct cas_digest above = directory(&garbage, 1, 0), huge = {.size = 1ULL << 40};
	char no_token[] = "7", other_token[128] = "", far[128];
	struct got got = {.n = 0};

	cas_hash_hex(above.hash, other_token);
	strcat(other_token, "-1");
	cas_hash_hex(root.hash, far);
	strcat(far, "-99999999999999999999");
	assert_int_equal(get_tree(&root, -1, NULL, &got), RPC_INVALID_ARGUMENT);
	assert_int_equal(get_tree(&root, 0, no_token, &got), RPC_INVALID_ARGUMENT);
	assert_int_equal(get_tree(&root, 0, other_token, &got), RPC_INVALID_ARGUMENT);
	assert_int_equal(get_tree(&root, 0, far, &got), RPC_INVALID_ARGUMENT);
	assert_int_equal(get_tree(&garbage, 0, NULL, &got), RPC_INVALID_ARGUMENT);
	assert_int_equal(get_tree(&above, 0, NULL, &got), RPC_INVALID_ARGUMENT);
	assert_int_equal(get_tree(&huge, 0, NULL, &got), RPC_RESOURCE_EXHAUSTED);
}

/* A client that does not read stops the walk; one that goes away ends it. */
static void test_slow_reader(void **state)
{
	re_get_tree_request q = RE_INIT(GET_TREE_REQUEST);
	re_symlink_node link = RE_INIT(SYMLINK_NODE), *links = &link;
	char *long_text = malloc(100001), name[] = "n";
	struct cas_digest root = cas_digest_empty;
	struct kit_call c;

	memset(long_text, 'x', 100000);
	long_text[100000] = '\0';
	for (unsigned i = 0; i < 100; i++) {
		re_directory d = RE_INIT(DIRECTORY);
		re_directory_node child = RE_INIT(DIRECTORY_NODE), *children = &child;

		link.name = name;
		link.target = long_text;
		child.name = name;
		child.digest = kit_digest(&root);
		d.symlinks = &links;
		d.n_symlinks = 1;
		d.directories = &children;
		d.n_directories = 1;
		root = kit_put_message(&k, &d.base);
	}
	free(long_text);
	q.root_digest = kit_digest(&root);
	for (int give_up = 0; give_up < 2; give_up++) {
		k.deaf = true;
		kit_call_start(&k, GET_TREE, &c);
		assert_true(kit_send(&k, &c, &q.base));
		kit_half_close(&c);
		kit_settle_all(&k);
		assert_in_range(rpc_session_held(k.server), 1 << 20, 3 << 20);
		k.deaf = false;
		if (give_up)
			kit_reconnect(&k);
		else
			kit_wait(&k, &c);
		assert_int_equal(c.status, give_up ? RPC_UNAVAILABLE : RPC_OK);
		kit_call_fini(&c);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_whole),
		TEST(test_pages),
		TEST(test_missing),
		TEST(test_refused),
		TEST(test_slow_reader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
