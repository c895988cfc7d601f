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
#include "reapi/action.h"
#include "reapi/message.h"

static const struct reapi_output outputs[] = {{REAPI_OUTPUT_FILE, "out/x.o"},
	{REAPI_OUTPUT_DIRECTORY, "out/dir"}, {REAPI_OUTPUT_ANY, "a.d"},
	{REAPI_OUTPUT_FILE, "out/x.o"}};
static const struct reapi_property properties[] = {{"b", "2"}, {"a", "z"}, {"a", "y"}};
static char *const arguments[] = {
	(char *)"/usr/bin/gcc", (char *)"-c", (char *)"x.c", (char *)"", NULL};
static char *const environment[] = {
	(char *)"PATH=/bin", (char *)"A=1=2", (char *)"A-B=3", (char *)"EMPTY=", NULL};
static char *const wishes[] = {(char *)"unix_mode", (char *)"mtime", NULL};

static const struct reapi_command_spec full = {
	.arguments = arguments,
	.environment = environment,
	.working_directory = "work/dir",
	.outputs = outputs,
	.n_outputs = ARRAY_SIZE(outputs),
	.properties = properties,
	.n_properties = ARRAY_SIZE(properties),
	.node_properties = wishes,
	.outputs_as = REAPI_OUTPUTS_BOTH,
};

static void check_strings(char *const *v, size_t n, const char *const *wanted)
{
	for (size_t i = 0; i < n; i++)
		assert_string_equal(v[i], wanted[i]);
	assert_null(wanted[n]);
}

static void test_made(void **state)
{
	static const char *const paths[] = {"a.d", "out/dir", "out/x.o", NULL};
	static const char *const files[] = {"a.d", "out/x.o", NULL};
	static const char *const directories[] = {"out/dir", NULL};
	static const char *const wanted[] = {"mtime", "unix_mode", NULL};
	AUTO(reapi_arena_fini) struct reapi_arena a;
	AUTO(buf_fini) struct buf b = BUF_INIT;
	struct reapi_violation v = {.text = ""};
	struct reapi_digest d, again;
	re_command *m;

	reapi_arena_init(&a, 1 << 20);
	if (reapi_command_make(&full, &b, &d, &v) != 0)
		fail_msg("%s", v.text);
	assert_int_equal(reapi_digest_of(b.data, b.len, &again), 0);
	assert_true(reapi_digest_eq(&d, &again));
	assert_int_equal(reapi_unpack(&a, RE_TYPE(command), b.data, b.len, &m, &v), 0);
	check_strings(m->arguments, m->n_arguments, (const char *const *)arguments);
	check_strings(m->output_paths, m->n_output_paths, paths);
	check_strings(m->output_files, m->n_output_files, files);
	check_strings(m->output_directories, m->n_output_directories, directories);
	check_strings(m->output_node_properties, m->n_output_node_properties, wanted);
	assert_int_equal(m->n_environment_variables, 4);
	assert_string_equal(m->environment_variables[0]->name, "A");
	assert_string_equal(m->environment_variables[0]->value, "1=2");
	assert_string_equal(m->environment_variables[1]->name, "A-B");
	assert_string_equal(m->environment_variables[3]->name, "PATH");
	assert_int_equal(m->platform->n_properties, 3);
	assert_string_equal(m->platform->properties[0]->value, "y");
	assert_string_equal(m->platform->properties[1]->value, "z");
	assert_string_equal(m->platform->properties[2]->name, "b");
	assert_string_equal(m->working_directory, "work/dir");
}

static void test_fields_for_outputs(void **state)
{
	for (int as = REAPI_OUTPUTS_NEW; as <= REAPI_OUTPUTS_BOTH; as++) {
		AUTO(reapi_arena_fini) struct reapi_arena a;
		AUTO(buf_fini) struct buf b = BUF_INIT;
		struct reapi_command_spec spec = full;
		struct reapi_command c;
		struct reapi_digest d;

		reapi_arena_init(&a, 1 << 20);
		spec.outputs_as = (enum reapi_outputs_as)as;
		assert_int_equal(reapi_command_make(&spec, &b, &d, NULL), 0);
		assert_int_equal(reapi_command_parse(&a, b.data, b.len, &c, NULL), 0);
		assert_int_equal(c.outputs_are_new, as != REAPI_OUTPUTS_OLD);
		assert_int_equal(c.n_outputs, 3);
		assert_string_equal(c.outputs[0].path, "a.d");
		assert_string_equal(c.outputs[1].path, "out/dir");
		assert_string_equal(c.outputs[2].path, "out/x.o");
		assert_int_equal(c.outputs[1].kind,
			as == REAPI_OUTPUTS_OLD ? REAPI_OUTPUT_DIRECTORY : REAPI_OUTPUT_ANY);
		assert_int_equal(c.outputs[2].kind,
			as == REAPI_OUTPUTS_OLD ? REAPI_OUTPUT_FILE : REAPI_OUTPUT_ANY);
	}
}

static void test_parsed(void **state)
{
	AUTO(reapi_arena_fini) struct reapi_arena a;
	AUTO(buf_fini) struct buf b = BUF_INIT;
	struct reapi_command c;
	struct reapi_digest d;

	reapi_arena_init(&a, 1 << 20);
	assert_int_equal(reapi_command_make(&full, &b, &d, NULL), 0);
	assert_int_equal(reapi_command_parse(&a, b.data, b.len, &c, NULL), 0);
	buf_fini(&b); /* nothing points into it */
	assert_int_equal(c.n_arguments, 4);
	assert_string_equal(c.arguments[3], "");
	assert_null(c.arguments[4]);
	assert_int_equal(c.n_environment, 4);
	assert_string_equal(c.environment[0], "A=1=2");
	assert_string_equal(c.environment[2], "EMPTY=");
	assert_null(c.environment[4]);
	assert_string_equal(c.working_directory, "work/dir");
	assert_string_equal(reapi_property_get(c.properties, c.n_properties, "b"), "2");
	assert_null(reapi_property_get(c.properties, c.n_properties, "c"));
	assert_string_equal(c.node_properties[0], "mtime");
	assert_null(c.node_properties[2]);
	assert_int_equal(c.directory_format, 0);
}

static void test_refused(void **state)
{
	static const struct {
		const char *argument, *variable, *twice, *directory, *output, *property;
		int outcome;
		const char *part;
	} cases[] = {
		{"cc", "A=1", "B=1", "d", "o", "p", 0, NULL},
		{"cc", "A=1", "B=1", "", "o", "p", 0, NULL},
		{"", "A=1", "B=1", "d", "o", "p", REAPI_INVALID, "no program"},
		{"\xff", "A=1", "B=1", "d", "o", "p", REAPI_INVALID, "arguments is not UTF-8"},
		{"cc", "A", "B=1", "d", "o", "p", REAPI_INVALID, "no '='"},
		{"cc", "=1", "B=1", "d", "o", "p", REAPI_INVALID, "empty"},
		{"cc", "A=1", "A=2", "d", "o", "p", REAPI_INVALID, "variable A is there twice"},
		{"cc", "A=1", "B=1", "/d", "o", "p", REAPI_INVALID,
			"the working directory is absolute: /d"},
		{"cc", "A=1", "B=1", "..", "o", "p", REAPI_INVALID, "the working directory has"},
		{"cc", "A=1", "B=1", "d", "/o", "p", REAPI_INVALID,
			"an output path is absolute: /o"},
		{"cc", "A=1", "B=1", "d", "../o", "p", 0, NULL},
		{"cc", "A=1", "B=1", "d/e", "../../f/o", "p", 0, NULL},
		{"cc", "A=1", "B=1", "", "../o", "p", REAPI_INVALID, "\"..\" in it: ../o"},
		{"cc", "A=1", "B=1", "d", "../../o", "p", REAPI_INVALID, "\"..\" in it: ../o"},
		{"cc", "A=1", "B=1", "d", "..", "p", REAPI_INVALID, "\"..\" in it: .."},
		{"cc", "A=1", "B=1", "d/e", "o/../p", "p", REAPI_INVALID, "\"..\" in it"},
		{"cc", "A=1", "B=1", "d", "", "p", REAPI_INVALID, "an output path is empty"},
		{"cc", "A=1", "B=1", "d", "o/", "p", REAPI_INVALID, "ends in '/'"},
		{"cc", "A=1", "B=1", "d", "./o", "p", REAPI_INVALID, "no name"},
		{"cc", "A=1", "B=1", "d", "o", "", REAPI_INVALID, "property has no name"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(buf_fini) struct buf b = BUF_INIT;
		char *argv[] = {(char *)cases[i].argument, NULL};
		char *envp[] = {(char *)cases[i].variable, (char *)cases[i].twice, NULL};
		struct reapi_output output = {REAPI_OUTPUT_ANY, cases[i].output};
		struct reapi_property property = {cases[i].property, "v"};
		const struct reapi_command_spec spec = {.arguments = argv,
			.environment = envp,
			.working_directory = cases[i].directory,
			.outputs = &output,
			.n_outputs = 1,
			.properties = &property,
			.n_properties = 1,
			.outputs_as = REAPI_OUTPUTS_NEW};
		struct reapi_violation v = {.text = ""};
		struct reapi_digest d;

		if (reapi_command_make(&spec, &b, &d, &v) != cases[i].outcome ||
			(cases[i].part && !strstr(v.text, cases[i].part)))
			fail_msg("case %zu: %s", i, v.text);
		assert_int_equal(b.len > 0, cases[i].outcome == 0);
	}
}

static int parse(re_command *m, struct reapi_violation *v)
{
	AUTO(reapi_arena_fini) struct reapi_arena a;
	AUTO(buf_fini) struct buf b = BUF_INIT;
	struct reapi_command c;

	reapi_arena_init(&a, 64 << 20);
	assert_int_equal(reapi_pack(&m->base, &b), 0);
	return reapi_command_parse(&a, b.data, b.len, &c, v);
}

static void test_limits(void **state)
{
	enum { N = REAPI_ARGUMENTS_MAX + 1 };
	AUTO(util_free) char **many = calloc(N, sizeof(*many));
	AUTO(util_free) char *longest = malloc(REAPI_ARGUMENT_MAX + 2);
	re_command_environment_variable variable = RE_INIT(COMMAND__ENVIRONMENT_VARIABLE);
	re_command_environment_variable *variables[] = {&variable};
	struct reapi_violation v;
	re_command m = RE_INIT(COMMAND);

	assert_non_null(many);
	assert_non_null(longest);
	assert_int_equal(parse(&m, &v), REAPI_INVALID);
	for (size_t i = 0; i < N; i++)
		many[i] = (char *)"a";
	m.arguments = many;
	m.n_arguments = N - 1;
	assert_int_equal(parse(&m, &v), 0);
	m.n_arguments = N;
	assert_int_equal(parse(&m, &v), REAPI_TOO_BIG);
	m.n_arguments = 2;
	memset(longest, 'x', REAPI_ARGUMENT_MAX + 1);
	longest[REAPI_ARGUMENT_MAX + 1] = '\0';
	many[1] = longest;
	assert_int_equal(parse(&m, &v), REAPI_TOO_BIG);
	longest[REAPI_ARGUMENT_MAX] = '\0';
	assert_int_equal(parse(&m, &v), 0);
	variable.name = (char *)"N";
	variable.value = longest;
	m.environment_variables = variables;
	m.n_environment_variables = 1;
	assert_int_equal(parse(&m, &v), REAPI_TOO_BIG);
	longest[REAPI_ARGUMENT_MAX - 2] = '\0';
	assert_int_equal(parse(&m, &v), 0);
	variable.name = (char *)"N=";
	assert_int_equal(parse(&m, &v), REAPI_INVALID);
	m.n_environment_variables = 0;
	many[1] = (char *)"a";
	m.output_files = many;
	m.n_output_files = N - 1;
	assert_int_equal(parse(&m, &v), 0);
	m.n_output_files = N;
	assert_int_equal(parse(&m, &v), REAPI_TOO_BIG);
	/* Ignored where there are the newer ones. */
	m.output_paths = many;
	m.n_output_paths = 1;
	assert_int_equal(parse(&m, &v), 0);
	m.output_directory_format = 77;
	m.output_node_properties = many;
	m.n_output_node_properties = REAPI_PROPERTIES_MAX;
	assert_int_equal(parse(&m, &v), 0);
	m.n_output_node_properties++;
	assert_int_equal(parse(&m, &v), REAPI_TOO_BIG);
}

static void test_order_does_not_matter(void **state)
{
	static const struct reapi_output reversed[] = {{REAPI_OUTPUT_ANY, "a.d"},
		{REAPI_OUTPUT_DIRECTORY, "out/dir"}, {REAPI_OUTPUT_FILE, "out/x.o"}};
	static const struct reapi_property other[] = {{"a", "y"}, {"b", "2"}, {"a", "z"}};
	static char *const envp[] = {
		(char *)"A-B=3", (char *)"EMPTY=", (char *)"A=1=2", (char *)"PATH=/bin", NULL};
	AUTO(buf_fini) struct buf b = BUF_INIT;
	struct reapi_command_spec spec = full;
	struct reapi_digest one, two;

	assert_int_equal(reapi_command_make(&spec, &b, &one, NULL), 0);
	spec.outputs = reversed;
	spec.n_outputs = ARRAY_SIZE(reversed);
	spec.properties = other;
	spec.environment = envp;
	assert_int_equal(reapi_command_make(&spec, &b, &two, NULL), 0);
	assert_true(reapi_digest_eq(&one, &two));
}

static void test_action(void **state)
{
	AUTO(reapi_arena_fini) struct reapi_arena a;
	AUTO(buf_fini) struct buf b = BUF_INIT;
	struct reapi_action_spec spec = {.command = {.hash = {1}, .size = 10},
		.input_root = reapi_digest_empty,
		.timeout_ms = 1500,
		.do_not_cache = true,
		.salt = "s\0t",
		.salt_size = 3,
		.properties = properties,
		.n_properties = 3};
	struct reapi_action action;
	struct reapi_violation v;
	struct reapi_digest d;

	reapi_arena_init(&a, 1 << 20);
	assert_int_equal(reapi_action_make(&spec, &b, &d, &v), 0);
	assert_int_equal(reapi_action_parse(&a, b.data, b.len, &action, &v), 0);
	assert_true(reapi_digest_eq(&action.command, &spec.command));
	assert_true(reapi_digest_is_empty(&action.input_root));
	assert_true(action.has_timeout && action.do_not_cache && action.has_platform);
	assert_int_equal(action.timeout_ms, 1500);
	assert_int_equal(action.salt_size, 3);
	assert_memory_equal(action.salt, "s\0t", 3);
	assert_int_equal(action.n_properties, 3);
	assert_string_equal(action.properties[0].value, "y");

	buf_clear(&b);
	spec = (struct reapi_action_spec){.command = spec.command, .input_root = spec.input_root};
	assert_int_equal(reapi_action_make(&spec, &b, &d, &v), 0);
	assert_int_equal(reapi_action_parse(&a, b.data, b.len, &action, &v), 0);
	assert_false(action.has_timeout || action.do_not_cache || action.has_platform);
	spec.salt = b.data;
	spec.salt_size = REAPI_SALT_MAX + 1;
	spec.salt = calloc(1, spec.salt_size);
	assert_int_equal(reapi_action_make(&spec, &b, &d, &v), REAPI_TOO_BIG);
	free((void *)spec.salt);
}

static void test_wrong_actions(void **state)
{
	struct reapi_digest_message d;
	pb_duration timeout = PB_INIT(DURATION);
	static const struct {
		int64_t seconds;
		int32_t nanos;
		int outcome;
		uint64_t ms;
	} cases[] = {
		{0, 0, 0, 0},
		{0, 1, 0, 1},
		{1, 999000000, 0, 1999},
		{300, 0, 0, 300000},
		{INT64_MAX, 999999999, 0, UINT64_MAX},
		{-1, 0, REAPI_INVALID, 0},
		{0, -1, REAPI_INVALID, 0},
		{0, 1000000000, REAPI_INVALID, 0},
	};

	reapi_digest_to_proto(&reapi_digest_empty, &d);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(reapi_arena_fini) struct reapi_arena a;
		AUTO(buf_fini) struct buf b = BUF_INIT;
		re_action m = RE_INIT(ACTION);
		struct reapi_action action;

		reapi_arena_init(&a, 1 << 20);
		timeout.seconds = cases[i].seconds;
		timeout.nanos = cases[i].nanos;
		m.timeout = &timeout;
		m.command_digest = m.input_root_digest = &d.message;
		assert_int_equal(reapi_pack(&m.base, &b), 0);
		assert_int_equal(
			reapi_action_parse(&a, b.data, b.len, &action, NULL), cases[i].outcome);
		if (cases[i].outcome == 0) {
			assert_true(action.has_timeout);
			assert_true(action.timeout_ms == cases[i].ms);
		}
		buf_clear(&b);
		m.input_root_digest = NULL;
		assert_int_equal(reapi_pack(&m.base, &b), 0);
		assert_int_equal(
			reapi_action_parse(&a, b.data, b.len, &action, NULL), REAPI_INVALID);
	}
}

static void test_no_memory(void **state)
{
	for (unsigned n = 1; failing_start(n); n++) {
		AUTO(buf_fini) struct buf b = BUF_INIT;
		struct reapi_digest d;
		int r = reapi_command_make(&full, &b, &d, NULL);

		assert_int_equal(r, failing_stop() ? -ENOMEM : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_made),
		cmocka_unit_test(test_fields_for_outputs),
		cmocka_unit_test(test_parsed),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_order_does_not_matter),
		cmocka_unit_test(test_action),
		cmocka_unit_test(test_wrong_actions),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
