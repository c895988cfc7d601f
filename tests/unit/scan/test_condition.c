/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"
#include "world.h"

/* What #if comes to: 'y', 'n', or 'e' where the compiler refuses; '?': cannot know. */
static const struct {
	const char *condition;
	char gcc, clang;
} table[] = {
	/* arithmetic */
	{"1", 'y', 'y'},
	{"0", 'n', 'n'},
	{"1 + 2 * 3 == 7", 'y', 'y'},
	{"(1 + 2) * 3 == 9", 'y', 'y'},
	{"7 / 2 == 3 && 7 % 2 == 1 && -7 / 2 == -3 && -7 % 2 == -1", 'y', 'y'},
	{"- - 1 == 1 && ~0 == -1 && !0 == 1 && !5 == 0 && +3 == 3", 'y', 'y'},
	{"(6 & 3) == 2 && (6 | 3) == 7 && (6 ^ 3) == 5", 'y', 'y'},
	{"1 | 2 == 2", 'y', 'y'},
	{"1 < 2 == 1", 'y', 'y'},
	{"-1 < 0", 'y', 'y'},
	{"0x7fffffffffffffff + 1 < 0", 'y', 'y'},
	{"(-0x7fffffffffffffff - 1) / -1 < 0", 'y', 'y'},
	/* unsigned spreads */
	{"-1 > 0u", 'y', 'y'},
	{"-1 < 0u", 'n', 'n'},
	{"-1 / 2u == 0x7fffffffffffffff", 'y', 'y'},
	{"(1 ? -1 : 0u) > 0", 'y', 'y'},
	{"(0u < 1) - 2 < 0", 'y', 'y'},
	{"(1u || 0) - 2 < 0", 'y', 'y'},
	{"18446744073709551615 == -1", 'y', 'y'},
	/* shifts */
	{"1 << 3 == 8 && 8 >> 2 == 2", 'y', 'y'},
	{"-8 >> 1 == -4", 'y', 'y'},
	{"-1 >> 63 == -1 && -1u >> 63 == 1", 'y', 'y'},
	{"1u << 63 >> 63 == 1", 'y', 'y'},
	{"1 << 64 == 0", 'y', 'y'},
	{"8 >> -1 == 16", 'y', 'n'},
	/* choices, and what does not count */
	{"1 ? 2 : 0", 'y', 'y'},
	{"0 ? 1 : 0 ? 1 : 3", 'y', 'y'},
	{"0 ? 1 / 0 : 1", 'y', 'y'},
	{"0 && 1 / 0", 'n', 'n'},
	{"1 || 1 / 0", 'y', 'y'},
	{"1 / 0", 'e', 'e'},
	{"1 % 0", 'e', 'e'},
	/* constants */
	{"017 == 15 && 0x1F == 31 && 0b101 == 5 && 1uLL == 1", 'y', 'y'},
	{"08", 'e', 'e'},
	{"1.0", 'e', 'e'},
	{"1lul", 'e', 'e'},
	{"'a' == 97 && '\\n' == 10 && '\\0' == 0 && '\\x41' == 65 && '\\101' == 65", 'y', 'y'},
	{"'\\377' < 0", 'y', 'y'},
	{"'ab' == 24930", 'y', 'y'},
	{"L'a' == 97 && u'a' == 97 && U'a' == 97", 'y', 'y'},
	{"u'\\xffff' > 0 && -1 < u'\\xffff' == 0", 'y', 'y'},
	{"\"a\"", 'e', 'e'},
	/* names */
	{"NOT_DEFINED", 'n', 'n'},
	{"ONE", 'y', 'y'},
	{"EMPTY", 'e', 'e'},
	{"EMPTY 1 EMPTY", 'y', 'y'},
	{"defined ONE && defined(EMPTY) && !defined NOT_DEFINED", 'y', 'y'},
	{"defined(ONE", 'e', 'e'},
	{"defined", 'e', 'e'},
	{"DEFINED", 'y', 'y'},
	{"SELF == 1", 'y', 'y'},
	/* wrong */
	{"", 'e', 'e'},
	{"1 +", 'e', 'e'},
	{"(1", 'e', 'e'},
	{"1)", 'e', 'e'},
	{"1 2", 'e', 'e'},
	{"1 ? 2", 'e', 'e'},
	{"1 = 1", 'e', 'e'},
	{"#machine(x)", '?', '?'},
	/* function-like macros */
	{"ID(1)", 'y', 'y'},
	{"ID ONE", 'e', 'e'},
	{"CAT(1, 2) == 12", 'y', 'y'},
	{"CAT(O, NE)", 'y', 'y'},
	{"CAT(ONE, 2) == 12", 'n', 'n'},
	{"CAT2(ONE, 2) == 12", 'y', 'y'},
	{"CAT(, 3) == 3 && CAT(3, ) == 3", 'y', 'y'},
	{"CAT(+, -) 1", 'e', 'e'},
	{"ID(ID)(1)", 'e', 'e'},
	{"ID(1, 2)", 'e', 'e'},
	{"ID(", 'e', 'e'},
	{"COUNT() == 0 && COUNT(a) == 1 && COUNT(a, b) == 2", 'y', 'y'},
	/* __VA_OPT__ */
	{"OPT(1) == 1 && OPT(1,) == 1 && OPT(1, 2) == 3", 'y', 'y'},
	{"OPT(1, EMPTY) == 1", 'y', 'y'},
	{"PASTED(1) == 1 && PASTED(1, 2) == 12", 'y', 'y'},
	/* # */
	{"__has_include(STRING(a.h))", 'y', 'y'},
	{"__has_include(STRING(no.h))", 'n', 'n'},
	{"__has_include(\"a.h\") && __has_include(<b.h>)", 'y', 'y'},
	{"STRING(x)", 'e', 'e'},
	/* specials */
	{"__LINE__ == 20", 'y', 'y'},
	{"__COUNTER__ == 0", 'y', 'y'},
	{"__COUNTER__ + __COUNTER__ == 1", 'y', 'y'},
	{"__has_attribute(x)", 'n', 'n'},
	{"__TIME__", '?', '?'},
};

static const char macros[] = "#define ONE 1\n"
			     "#define EMPTY\n"
			     "#define DEFINED defined ONE\n"
			     "#define SELF SELF + 1\n"
			     "#define ID(x) x\n"
			     "#define CAT(x, y) x##y\n"
			     "#define CAT2(x, y) CAT(x, y)\n"
			     "#define STRING(x) #x\n"
			     "#define NTH(a, b, c, ...) c\n"
			     "#define COUNT(...) COUNT_(0, ## __VA_ARGS__, 2, 1, 0)\n"
			     "#define COUNT_(a, b, c, d, ...) d\n"
			     "#define OPT(x, ...) x __VA_OPT__(+) __VA_ARGS__\n"
			     "#define PASTED(x, ...) x ## __VA_OPT__(2)\n"
			     "\n\n\n\n\n\n";

static void start(struct engine *e, uint32_t mode)
{
	world_empty();
	world_put("main.c", "");
	world_put("a.h", "");
	assert_int_equal(mkdir("sys", 0700), 0);
	world_put("sys/b.h", "");
	assert_int_equal(engine_init(e, world_root(), "main.c", mode, SCAN_FS_NO_WATCH), 0);
}

static char value(struct engine *e, const char *condition)
{
	AUTO(buf_fini) struct buf text = BUF_INIT;
	int r = buf_printf(&text, "%s#if %s\n#define YES\n#endif\n", macros, condition);

	assert_int_equal(r, 0);
	world_put("main.c", buf_str(&text));
	r = engine_run(e);
	if (r == UNIT_STOP)
		return '?';
	assert_int_equal(r, 0);
	return e->s->result.rejected ? 'e' : engine_defined(e, "YES") ? 'y' : 'n';
}

static void check_all(uint32_t mode)
{
	struct engine e;
	unsigned wrong = 0;

	start(&e, mode);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		char expected = mode & SCAN_MODE_CLANG ? table[i].clang : table[i].gcc;

		for (int again = 0; again < 2; again++) {
			char is = value(&e, table[i].condition);

			if (is != expected) {
				fprintf(stderr, "%s is %c, not %c\n", table[i].condition, is,
					expected);
				wrong++;
			}
		}
	}
	engine_fini(&e);
	assert_int_equal(wrong, 0);
}

static void gcc_conditions(void **state)
{
	check_all(ENGINE_C17);
}

static void clang_conditions(void **state)
{
	check_all(ENGINE_C17 | SCAN_MODE_CLANG);
}

/* The entries of the first #if of main.c. */
static uint32_t memos(struct engine *e)
{
	const struct text *t = e->s->frames[0].text;

	for (uint32_t i = 0; i < t->n_ops; i++) {
		const struct memo *m;

		if (t->ops[i].kind != OP_IF)
			continue;
		m = t->directives[t->ops[i].id].memo;
		return m ? m->n : 0;
	}
	return 0;
}

static void what_a_condition_came_to_is_remembered(void **state)
{
	static const struct {
		const char *defines;
		uint32_t n; /* remembered after it */
		uint64_t expansions;
		bool yes;
	} runs[] = {
		{"#define X 1\n", 1, 1, true},
		{"#define X 1\n", 1, 0, true},
		{"#define UNRELATED 1\n#define X 1\n", 1, 0, true},
		{"#define X 0\n", 2, 1, false},
		{"", 3, 0, false},
		{"#define Y 1\n#define X Y\n", 4, 2, true},
		{"#define Y 0\n#define X Y\n", 5, 2, false},
		{"#define Y 1\n#define X Y\n", 5, 0, true},
		{"#define X 1\n", 5, 0, true},
	};
	struct engine e;

	start(&e, ENGINE_C17);
	world_put("main.c", "#if X == 1\n#define YES\n#endif\n");
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
		assert_int_equal(engine_define(&e, runs[i].defines, strlen(runs[i].defines)), 0);
		assert_int_equal(engine_run(&e), 0);
		assert_int_equal(engine_defined(&e, "YES"), runs[i].yes);
		assert_int_equal(memos(&e), runs[i].n);
		assert_int_equal(e.s->n_expansions, runs[i].expansions);
	}
	engine_fini(&e);
}

static void what_reads_more_than_macros_is_not(void **state)
{
	static const char *const conditions[] = {"__COUNTER__ == 0", "__FILE__ == 0",
		"__INCLUDE_LEVEL__ == 0", "__has_builtin(x)", "1 / 0"};

	for (size_t i = 0; i < ARRAY_SIZE(conditions); i++) {
		AUTO(buf_fini) struct buf text = BUF_INIT;
		struct engine e;

		start(&e, ENGINE_C17);
		assert_int_equal(buf_printf(&text, "#if %s\n#endif\n", conditions[i]), 0);
		world_put("main.c", buf_str(&text));
		assert_int_equal(engine_run(&e), 0);
		assert_int_equal(memos(&e), 0);
		engine_fini(&e);
	}
}

static void there(const char *name, bool yes)
{
	if (yes)
		world_put(name, "");
	else
		assert_true(unlink(name) == 0 || errno == ENOENT);
}

/* With what a __has_include found; the look-ups are of each unit all the same. */
static void what_was_looked_for_is_looked_for_again(void **state)
{
	static const struct {
		bool a, b; /* is the header there? */
		bool yes;
		size_t used; /* look-ups; gcc makes none that do not count */
		uint32_t n;  /* remembered after it */
	} runs[] = {
		{true, true, true, 1, 1},
		{true, true, true, 1, 1},
		{false, true, true, 2, 2},
		{false, false, false, 2, 3},
		{false, true, true, 2, 3},
		{true, false, true, 1, 3},
		{false, false, false, 2, 3},
	};
	struct engine e;

	start(&e, ENGINE_C17);
	world_put("main.c", "#define B \"q.h\"\n"
			    "#if __has_include(\"p.h\") || __has_include(B)\n"
			    "#define YES\n#endif\n");
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
		there("p.h", runs[i].a);
		there("q.h", runs[i].b);
		assert_int_equal(engine_run(&e), 0);
		assert_int_equal(engine_defined(&e, "YES"), runs[i].yes);
		assert_int_equal(e.s->n_used, runs[i].used);
		assert_int_equal(memos(&e), runs[i].n);
	}
	engine_fini(&e);
}

/* A header that a library includes again and again, each time in another state. */
static void many_states_come_around_again(void **state)
{
	struct engine e;

	start(&e, ENGINE_C17);
	world_put("main.c", "#if X % 2\n#define YES\n#endif\n");
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < MEMO_ENTRIES_MAX; i++) {
			AUTO(buf_fini) struct buf text = BUF_INIT;

			assert_int_equal(buf_printf(&text, "#define X %u\n", i), 0);
			assert_int_equal(engine_define(&e, buf_str(&text), text.len), 0);
			assert_int_equal(engine_run(&e), 0);
			assert_int_equal(engine_defined(&e, "YES"), i % 2);
			assert_int_equal(e.s->n_expansions, round == 0);
		}
		assert_int_equal(memos(&e), MEMO_ENTRIES_MAX);
	}
	/* One more, and the oldest is forgotten. */
	for (unsigned i = 0; i < 2; i++) {
		static const char more[] = "#define X 1001\n";

		assert_int_equal(engine_define(&e, more, sizeof(more) - 1), 0);
		assert_int_equal(engine_run(&e), 0);
		assert_true(engine_defined(&e, "YES"));
		assert_int_equal(e.s->n_expansions, i == 0);
		assert_int_equal(memos(&e), MEMO_ENTRIES_MAX);
	}
	engine_fini(&e);
}

/* Conditions of one name each, whose branches are taken in turn: the op says what it came to last. */
static void branches_of_one_name_are_taken_in_turn(void **state)
{
	static const struct {
		const char *defines, *taken;
	} runs[] = {
		{"#define A 1\n", "IN_A"},
		{"#define B 1\n", "IN_B"},
		{"#define A 0\n#define B 1\n", "IN_B"},
		{"#define C 0\n", "IN_C"},
		{"", "IN_NONE"},
		{"#define A 0\n#define B 0\n", "IN_NONE"},
		{"#define A 1\n#define B 1\n#define C 1\n", "IN_A"},
	};
	static const char *const all[] = {"IN_A", "IN_B", "IN_C", "IN_NONE"};
	struct engine e;

	start(&e, ENGINE_C17);
	world_put("main.c", "#if A\n#define IN_A\n#elif B\n#define IN_B\n#elif defined C\n"
			    "#define IN_C\n#else\n#define IN_NONE\n#endif\n");
	for (size_t i = 0; i < 3 * ARRAY_SIZE(runs); i++) {
		const char *defines = runs[i % ARRAY_SIZE(runs)].defines;

		assert_int_equal(engine_define(&e, defines, strlen(defines)), 0);
		assert_int_equal(engine_run(&e), 0);
		for (size_t k = 0; k < ARRAY_SIZE(all); k++)
			assert_int_equal(engine_defined(&e, all[k]),
				str_eq(all[k], runs[i % ARRAY_SIZE(runs)].taken));
		if (i >= ARRAY_SIZE(runs))
			assert_int_equal(e.s->n_expansions, 0);
	}
	engine_fini(&e);
}

/* Further than an op itself can say. */
static void what_is_passed_over_may_be_long(void **state)
{
	static const char *const defines[] = {"", "#define A 0\n", "", "#define A 1\n", "", ""};
	AUTO(buf_fini) struct buf text = BUF_INIT;
	struct engine e;

	start(&e, ENGINE_C17);
	assert_int_equal(buf_append_str(&text, "#if A\n"), 0);
	for (unsigned i = 0; i < 2 * (UINT16_MAX + 1); i++)
		assert_int_equal(buf_append_str(&text, "#undef U\n"), 0);
	assert_int_equal(buf_append_str(&text, "#define TRUE\n#else\n#define FALSE\n#endif\n"), 0);
	world_put("main.c", buf_str(&text));
	for (size_t i = 0; i < ARRAY_SIZE(defines); i++) {
		assert_int_equal(engine_define(&e, defines[i], strlen(defines[i])), 0);
		assert_int_equal(engine_run(&e), 0);
		assert_int_equal(engine_defined(&e, "TRUE"), i == 3);
		assert_int_equal(engine_defined(&e, "FALSE"), i != 3);
	}
	engine_fini(&e);
}

/* Also where the number of units has come around to where it began. */
static void what_a_name_means_ends_with_its_unit(void **state)
{
	static const char defines[] = "#define A 1\n#define B 1\n";
	struct engine e;

	start(&e, ENGINE_C17);
	world_put("main.c", "#ifdef A\n#define A_THERE\n#endif\n#if B\n#define B_THERE\n#endif\n"
			    "#if !defined(A) && !defined(B)\n#define NEITHER\n#endif\n");
	for (unsigned i = 0; i < 12; i++) {
		bool yes = i % 3 == 0;

		if (i == 3)
			e.s->epoch = UINT32_MAX - 3;
		assert_int_equal(engine_define(&e, defines, yes ? sizeof(defines) - 1 : 0), 0);
		assert_int_equal(engine_run(&e), 0);
		assert_int_equal(engine_defined(&e, "A_THERE"), yes);
		assert_int_equal(engine_defined(&e, "B_THERE"), yes);
		assert_int_equal(engine_defined(&e, "NEITHER"), !yes);
	}
	assert_true(e.s->epoch < 12);
	engine_fini(&e);
}

/* Read, or met and not to be read again, by names of more than one kind: the same each time. */
static void what_was_read_is_listed_each_time(void **state)
{
	static const char *const guarded = "#ifndef G\n#define G\n#endif\n";
	static const char *const order[] = {
		"/main.c", "/g.h", "/each.h", "sys/s.h", "./g.h", "./each.h", "/b.h", "./b.h"};
	struct engine e;

	start(&e, ENGINE_C17);
	assert_true(mkdir("sys", 0777) == 0 || errno == EEXIST);
	world_put("g.h", guarded);
	world_put("each.h", "#ifdef TWICE\n#define THRICE\n#endif\n#ifdef ONCE\n#define TWICE\n"
			    "#endif\n#define ONCE\n#include \"g.h\"\n");
	world_put("sys/s.h", "#include <g.h>\n#include \"each.h\"\n");
	world_put("b.h", "#ifndef LATE\n#define LATE\n#endif\n");
	world_put("main.c",
		"#include \"g.h\"\n#include \"each.h\"\n#include <s.h>\n#include <g.h>\n"
		"#include \"each.h\"\n#define LATE\n#include \"b.h\"\n#include <b.h>\n");
	for (unsigned round = 0; round < 4; round++) {
		const struct scan_result *r = &e.s->result;

		assert_int_equal(engine_run(&e), 0);
		assert_true(engine_defined(&e, "THRICE"));
		assert_int_equal(r->n_files, ARRAY_SIZE(order));
		for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
			assert_true(str_ends(r->files[i].path->path, order[i]));
			assert_int_equal(r->files[i].role, SCAN_FILE_READ);
			assert_non_null(r->files[i].content);
		}
		assert_int_equal(e.s->n_used, 8);
	}
	engine_fini(&e);
}

/* A header that includes itself twice is 2^200 of them. */
static void a_unit_without_end_is_given_up(void **state)
{
	struct engine e;

	start(&e, ENGINE_C17);
	world_put("h.h", "#include \"h.h\"\n#include \"h.h\"\n");
	world_put("main.c", "#include \"h.h\"\n");
	assert_int_equal(engine_run(&e), UNIT_STOP);
	assert_true(str_starts(buf_str(&e.s->reason), "more than "));
	engine_fini(&e);
}

/* Includes of one unit that repeat an earlier one, of a file that is to be read again or is not. */
static void includes_that_repeat_one_are_made_where_they_count(void **state)
{
	static const char again[] = "#include \"g.h\"\n";
	static const char text[] = "#ifndef G\n#define G\n#ifdef TWO\n#define THREE\n#endif\n"
				   "#ifdef ONE\n#define TWO\n#endif\n#define ONE\n#endif\n";

	for (unsigned undefs = 0; undefs < 3; undefs++) {
		AUTO(buf_fini) struct buf main = BUF_INIT;
		struct engine e;

		start(&e, ENGINE_C17);
		world_put("g.h", text);
		for (unsigned i = 0; i < 3; i++)
			assert_int_equal(buf_printf(&main, "%s%s%s", again, again,
						 i < undefs ? "#undef G\n" : ""),
				0);
		world_put("main.c", buf_str(&main));
		for (unsigned round = 0; round < 3; round++) {
			assert_int_equal(engine_run(&e), 0);
			assert_true(engine_defined(&e, "ONE"));
			assert_int_equal(engine_defined(&e, "TWO"), undefs >= 1);
			assert_int_equal(engine_defined(&e, "THREE"), undefs >= 2);
		}
		engine_fini(&e);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gcc_conditions),
		cmocka_unit_test(clang_conditions),
		cmocka_unit_test(what_a_condition_came_to_is_remembered),
		cmocka_unit_test(what_reads_more_than_macros_is_not),
		cmocka_unit_test(what_was_looked_for_is_looked_for_again),
		cmocka_unit_test(many_states_come_around_again),
		cmocka_unit_test(branches_of_one_name_are_taken_in_turn),
		cmocka_unit_test(what_is_passed_over_may_be_long),
		cmocka_unit_test(what_a_name_means_ends_with_its_unit),
		cmocka_unit_test(what_was_read_is_listed_each_time),
		cmocka_unit_test(a_unit_without_end_is_given_up),
		cmocka_unit_test(includes_that_repeat_one_are_made_where_they_count),
	};

	return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
