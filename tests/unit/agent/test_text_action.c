/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "agent/text_action.h"
#include "reapi/action.h"

static char *argv[] = {(char *)"gcc-12", (char *)"-c", (char *)"u.i", NULL};
static char *envp[] = {(char *)"HOME=/root", (char *)"LANG=de_DE.UTF-8", (char *)"PATH=/x", NULL};

static struct text_action_params compile(void)
{
	return (struct text_action_params){.argv = argv,
		.envp = envp,
		.input = "u.i",
		.text = "int x;\n",
		.text_len = 7,
		.output = "u.o",
		.version = "gcc 12"};
}

static const struct rex_blob *blob(const struct text_action *a, const struct reapi_digest *d)
{
	size_t i = 0;

	while (i + 1 < a->n_blobs && !reapi_digest_eq(&a->blobs[i].digest, d))
		i++;
	assert_true(reapi_digest_eq(&a->blobs[i].digest, d));
	return &a->blobs[i];
}

static void all_of_it_is_there(void **state)
{
	const struct text_action_params p = compile();
	struct reapi_action action;
	struct reapi_command command;
	struct reapi_arena arena;
	struct text_action a;
	const struct rex_blob *b;

	reapi_arena_init(&arena, 1 << 20);
	assert_int_equal(text_action_make(&p, &a), 0);
	assert_int_equal(a.n_blobs, 4);
	assert_string_equal(a.output, "u.o");
	b = blob(&a, &a.digest);
	assert_int_equal(
		reapi_action_parse(&arena, b->data, (size_t)b->digest.size, &action, NULL), 0);
	assert_false(action.do_not_cache);
	b = blob(&a, &action.input_root);
	/* A Directory with one file of that name. */
	assert_non_null(memmem(b->data, (size_t)b->digest.size, "u.i", 3));
	b = blob(&a, &action.command);
	assert_int_equal(
		reapi_command_parse(&arena, b->data, (size_t)b->digest.size, &command, NULL), 0);
	assert_int_equal(command.n_arguments, 3);
	assert_string_equal(command.working_directory, "");
	assert_int_equal(command.n_outputs, 1);
	/* Nothing of this machine but its language. */
	assert_int_equal(command.n_environment, 2);
	assert_string_equal(command.environment[0], "LANG=de_DE.UTF-8");
	assert_true(str_starts(command.environment[1], "PATH=/usr/local/sbin:"));
	text_action_fini(&a);
	reapi_arena_fini(&arena);
}

static void the_key(void **state)
{
	struct text_action_params p = compile();
	struct text_action a, same, other;

	assert_int_equal(text_action_make(&p, &a), 0);
	assert_int_equal(text_action_make(&p, &same), 0);
	assert_true(reapi_digest_eq(&a.digest, &same.digest));
	p.version = "gcc 13";
	assert_int_equal(text_action_make(&p, &other), 0);
	assert_false(reapi_digest_eq(&a.digest, &other.digest));
	text_action_fini(&a);
	text_action_fini(&same);
	text_action_fini(&other);
}

static void a_question(void **state)
{
	const struct text_action_params p = {.argv = argv, .envp = envp};
	struct text_action a;

	assert_int_equal(text_action_make(&p, &a), 0);
	/* Nothing goes along. */
	assert_int_equal(a.n_blobs, 3);
	assert_null(a.output);
	text_action_fini(&a);
}

static void what_cannot_be_told(void **state)
{
	struct text_action_params p = compile();
	struct text_action a;

	p.input = "../u.i";
	assert_int_not_equal(text_action_make(&p, &a), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_it_is_there),
		cmocka_unit_test(the_key),
		cmocka_unit_test(a_question),
		cmocka_unit_test(what_cannot_be_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
