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
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "planned.h"
#include "scan/facts.h"
#include "scan/facts_run.h"

static char *const env[] = {(char *)"PATH=/usr/bin:/bin", NULL};

struct fixture {
	char dir[64], db[96];
};

static int set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));

	assert_non_null(x);
	strcpy(x->dir, "/tmp/distcc-facts-test-XXXXXX");
	assert_non_null(mkdtemp(x->dir));
	snprintf(x->db, sizeof(x->db), "%s/facts.db", x->dir);
	log_to_fd(-1);
	*state = x;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(fs_remove_tree(x->dir), 0);
	free(x);
	return 0;
}

/* A plan and its facts, with a store of their own. */
struct asked {
	struct planned planned;
	struct scan_facts_store *store;
	const struct scan_facts *facts;
	char *reason;
};

static int ask(struct asked *a, const char *db, const char *text)
{
	*a = (struct asked){.store = NULL};
	assert_int_equal(scan_facts_open(db, &a->store), 0);
	assert_int_equal(planned_from_text(&a->planned, text, "/", env), 0);
	return scan_facts_get(a->store, &a->planned.plan, &a->facts, &a->reason);
}

static void done(struct asked *a)
{
	scan_facts_close(a->store);
	planned_fini(&a->planned);
	free(a->reason);
}

static bool is_there(const char *command)
{
	char name[64];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(command, " "), command);
	return access(name, X_OK) == 0;
}

/* The version that the tables below were made with. */
static bool is_version(const struct scan_facts *f, const char *family)
{
	return strstr(f->predefined, strcmp(family, "gcc") == 0
					     ? "#define __GNUC__ 12\n"
					     : "#define __clang_major__ 14\n") != NULL;
}

enum {
	COMMENTS = SCAN_MODE_LINE_COMMENTS,
	TRI = SCAN_MODE_TRIGRAPHS,
	STAR = SCAN_MODE_SLASHES_STAR,
	DI = SCAN_MODE_DIGRAPHS,
	RAW = SCAN_MODE_RAW_STRINGS,
	UNI = SCAN_MODE_UNICODE_STRINGS | SCAN_MODE_UTF8_STRINGS,
	U8C = SCAN_MODE_UTF8_CHARACTERS,
	SEP = SCAN_MODE_DIGIT_SEPARATORS,
	UDL = SCAN_MODE_USER_LITERALS,
	ELIF = SCAN_MODE_ELIFDEF,
	MONEY = SCAN_MODE_DOLLARS,
	LETTERS = SCAN_MODE_UTF8_NAMES,
	CXX = SCAN_MODE_CXX | SCAN_MODE_TRUE,
	ASM = SCAN_MODE_ASM,
	MODULES = SCAN_MODE_MODULES,
	/* what all have */
	C = COMMENTS | DI | MONEY | LETTERS,
	GNU11 = C | RAW | UNI | ELIF,
	GXX = C | CXX | SCAN_MODE_LATE_OPTIONS,
	CXX11 = GXX | RAW | UNI | UDL,
	CLANG = SCAN_MODE_CLANG | LETTERS | COMMENTS | ELIF | MONEY,
	CLANGXX = CLANG | DI | CXX,
	CLANGXX11 = CLANGXX | RAW | UNI | UDL,
};

static void test_modes(void **state)
{
	static const struct {
		const char *family, *options;
		uint32_t mode;
	} cases[] = {
		{"gcc", "-std=c89", TRI | MONEY},
		{"gcc", "-ansi", TRI | MONEY},
		{"gcc", "-std=gnu89", (C | ELIF) & ~LETTERS},
		{"gcc", "-std=iso9899:199409", TRI | DI | MONEY},
		{"gcc", "-std=c99", C | TRI},
		{"gcc", "-std=gnu99", GNU11},
		{"gcc", "-std=c11", C | TRI | UNI},
		{"gcc", "-std=gnu11", GNU11},
		{"gcc", "-std=c17", C | TRI | UNI},
		{"gcc", "-std=gnu17", GNU11},
		{"gcc", "-std=c2x", C | TRI | UNI | U8C | SEP | ELIF},
		{"gcc", "-std=gnu2x", GNU11 | U8C | SEP},
		{"gcc", "-trigraphs", GNU11 | TRI},
		{"gcc", "-fno-dollars-in-identifiers", GNU11 & ~MONEY},
		{"gcc", "-pedantic-errors -std=gnu89", (C | ELIF) & ~LETTERS},
		{"gcc", "-Werror=pedantic -std=gnu11", GNU11},
		{"gcc", "-Werror -Wall -Wextra", GNU11},
		{"gcc", "-x assembler-with-cpp", ASM | COMMENTS | ELIF},
		{"gcc", "-x c++ -std=c++98", GXX | TRI},
		{"gcc", "-x c++ -std=gnu++98", GXX | ELIF},
		{"gcc", "-x c++ -std=c++11", CXX11 | TRI},
		{"gcc", "-x c++ -std=gnu++11", CXX11 | ELIF},
		{"gcc", "-x c++ -std=c++14", CXX11 | TRI | SEP},
		{"gcc", "-x c++ -std=gnu++14", CXX11 | SEP | ELIF},
		{"gcc", "-x c++ -std=c++17", CXX11 | SEP | U8C},
		{"gcc", "-x c++ -std=gnu++17", CXX11 | SEP | U8C | ELIF},
		{"gcc", "-x c++ -std=c++20", CXX11 | SEP | U8C},
		{"gcc", "-x c++ -std=gnu++20", CXX11 | SEP | U8C | ELIF},
		{"gcc", "-x c++ -std=c++2b", CXX11 | SEP | U8C | ELIF},
		{"gcc", "-x c++ -std=gnu++17 -fno-operator-names",
			(CXX11 | SEP | U8C | ELIF) & ~SCAN_MODE_CXX},
		{"clang", "-std=c89", CLANG | TRI | STAR},
		{"clang", "-std=gnu89", CLANG | DI},
		{"clang", "-std=iso9899:199409", CLANG | TRI | DI | STAR},
		{"clang", "-std=c99", CLANG | TRI | DI},
		{"clang", "-std=gnu99", CLANG | DI},
		{"clang", "-std=c11", CLANG | TRI | DI | UNI},
		{"clang", "-std=gnu11", CLANG | DI | UNI},
		{"clang", "-std=c17", CLANG | TRI | DI | UNI},
		{"clang", "-std=gnu17", CLANG | DI | UNI},
		{"clang", "-std=c2x", CLANG | TRI | DI | UNI | SEP},
		{"clang", "-std=gnu2x", CLANG | DI | UNI | SEP},
		{"clang", "-trigraphs", CLANG | TRI | DI | UNI},
		{"clang", "-fno-dollars-in-identifiers", (CLANG | DI | UNI) & ~MONEY},
		{"clang", "-pedantic-errors -std=c89", CLANG | TRI | STAR},
		{"clang", "-x assembler-with-cpp", ((CLANG | DI | UNI) & ~MONEY) | ASM},
		{"clang", "-x objective-c", CLANG | DI | UNI},
		{"clang", "-x objective-c++", CLANGXX11 | SEP},
		{"clang", "-x c++ -std=c++98", CLANGXX | TRI},
		{"clang", "-x c++ -std=gnu++98", CLANGXX},
		{"clang", "-x c++ -std=c++11", CLANGXX11 | TRI},
		{"clang", "-x c++ -std=gnu++11", CLANGXX11},
		{"clang", "-x c++ -std=c++14", CLANGXX11 | TRI | SEP},
		{"clang", "-x c++ -std=gnu++14", CLANGXX11 | SEP},
		{"clang", "-x c++ -std=c++17", CLANGXX11 | SEP | U8C},
		{"clang", "-x c++ -std=gnu++17", CLANGXX11 | SEP | U8C},
		{"clang", "-x c++ -std=c++20", CLANGXX11 | SEP | U8C | MODULES},
		{"clang", "-x c++ -std=gnu++2b", CLANGXX11 | SEP | U8C | MODULES},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct asked a;
		char text[128];

		snprintf(text, sizeof(text), "/usr/bin/%s %s -c x.c", cases[i].family,
			cases[i].options);
		if (!is_there(text))
			continue;
		if (ask(&a, NULL, text) != 0)
			fail_msg("%s: %s", text, a.reason);
		if (is_version(a.facts, cases[i].family) && a.facts->mode != cases[i].mode)
			fail_msg("%s: %#x and not %#x", text, a.facts->mode, cases[i].mode);
		done(&a);
	}
}

static bool has(const struct scan_facts *f, enum scan_special s)
{
	return f->specials >> s & 1;
}

static bool expands(const struct scan_facts *f, enum scan_special s)
{
	return f->expands >> s & 1;
}

static void test_specials_and_preinclude(void **state)
{
	struct asked a;

	if (is_there("/usr/bin/gcc")) {
		assert_int_equal(ask(&a, NULL, "/usr/bin/gcc -c x.c"), 0);
		assert_true(has(a.facts, SCAN_SPECIAL_COUNTER));
		assert_true(has(a.facts, SCAN_SPECIAL_HAS_INCLUDE_NEXT));
		assert_false(has(a.facts, SCAN_SPECIAL_HAS_FEATURE));
		assert_true(expands(a.facts, SCAN_SPECIAL_HAS_ATTRIBUTE));
		assert_true(expands(a.facts, SCAN_SPECIAL_HAS_BUILTIN));
		assert_true(a.facts->preinclude);
		done(&a);
		assert_int_equal(ask(&a, NULL, "/usr/bin/gcc -ffreestanding -c x.c"), 0);
		assert_false(a.facts->preinclude);
		done(&a);
		assert_int_equal(ask(&a, NULL, "/usr/bin/gcc -nostdinc -c x.S"), 0);
		assert_false(a.facts->preinclude);
		done(&a);
	}
	if (is_there("/usr/bin/clang")) {
		assert_int_equal(ask(&a, NULL, "/usr/bin/clang -c x.c"), 0);
		assert_true(has(a.facts, SCAN_SPECIAL_HAS_FEATURE));
		assert_true(expands(a.facts, SCAN_SPECIAL_HAS_ATTRIBUTE));
		assert_false(expands(a.facts, SCAN_SPECIAL_HAS_BUILTIN));
		assert_false(expands(a.facts, SCAN_SPECIAL_IS_IDENTIFIER));
		assert_false(expands(a.facts, SCAN_SPECIAL_HAS_FEATURE));
		done(&a);
	}
}

static int by_line(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sorted_lines(char *text, struct strv *ret)
{
	char *save = NULL;

	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		size_t n = strlen(l);

		while (n > 0 && l[n - 1] == ' ')
			n--;
		assert_int_equal(strv_push_n(ret, l, n), 0);
	}
	qsort(ret->v, ret->n, sizeof(*ret->v), by_line);
}

/* The same macros as -dM tells when it is asked on its own, without stdc-predef.h. */
static void test_predefined_macros(void **state)
{
	static const char *const commands[] = {"/usr/bin/gcc -O2 -c x.c",
		"/usr/bin/gcc -march=native -fopenmp -pthread -c x.cc",
		"/usr/bin/gcc -undef -c x.c", "/usr/bin/gcc -c x.S", "/usr/bin/clang -O2 -c x.c",
		"/usr/bin/clang -m32 -c x.cc"};

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		struct facts_reply reply = FACTS_REPLY_INIT;
		struct strv args = STRV_INIT, theirs = STRV_INIT, ours = STRV_INIT;
		struct asked a;
		char *text;

		if (!is_there(commands[i]))
			continue;
		assert_int_equal(ask(&a, NULL, commands[i]), 0);
		assert_int_equal(strv_push_all(&args, strv_argv(&a.planned.plan.key_args)), 0);
		assert_int_equal(
			strv_pushf(&args, "-x%s", cc_language_word(a.planned.plan.language)), 0);
		assert_int_equal(strv_push_all(&args, (char *[]){(char *)"-nostdinc", (char *)"-E",
							      (char *)"-dM", (char *)"-", NULL}),
			0);
		assert_int_equal(facts_run(&a.planned.plan, &args, "", 0, &reply), 0);
		text = strdup(a.facts->predefined);
		assert_non_null(text);
		sorted_lines(text, &ours);
		sorted_lines(reply.out.data, &theirs);
		assert_int_equal(ours.n, theirs.n);
		for (size_t k = 0; k < ours.n; k++)
			assert_string_equal(ours.v[k], theirs.v[k]);
		free(text);
		strv_fini(&args);
		strv_fini(&ours);
		strv_fini(&theirs);
		facts_reply_fini(&reply);
		done(&a);
	}
}

static void test_answers(void **state)
{
	struct asked a;
	struct scan_question q[] = {
		{SCAN_SPECIAL_HAS_ATTRIBUTE, "aligned"},
		{SCAN_SPECIAL_HAS_ATTRIBUTE, "no_such_thing"},
		{SCAN_SPECIAL_HAS_CPP_ATTRIBUTE, "nodiscard"},
		{SCAN_SPECIAL_HAS_CPP_ATTRIBUTE, "gnu :: unused"},
		{SCAN_SPECIAL_HAS_ATTRIBUTE, "linux"}, /* a predefined macro */
		{SCAN_SPECIAL_HAS_BUILTIN, "__builtin_trap"},
		/* no questions */
		{SCAN_SPECIAL_HAS_ATTRIBUTE, "a) END\nscan_begin_9 1"},
		{SCAN_SPECIAL_HAS_ATTRIBUTE, "\"x\""},
		{SCAN_SPECIAL_HAS_ATTRIBUTE, ""},
		{SCAN_SPECIAL_HAS_ATTRIBUTE, "a b"},
		{SCAN_SPECIAL_HAS_EMBED, "x"},
	};
	const size_t n = ARRAY_SIZE(q), n_good = 6;
	uint64_t runs;
	long value;

	if (!is_there("/usr/bin/gcc"))
		skip();
	assert_int_equal(ask(&a, NULL, "/usr/bin/gcc -x c++ -c x.cc"), 0);
	runs = scan_facts_stats(a.store).runs;
	assert_int_equal(scan_facts_ask(a.store, a.facts, &a.planned.plan, q, n, &a.reason), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(q[i].unanswerable, i >= n_good);
	assert_int_equal(q[0].answer, 1);
	assert_int_equal(q[1].answer, 0);
	assert_in_range(q[2].answer, 201603, 202999);
	assert_int_equal(q[3].answer, 1);
	assert_int_equal(q[4].answer, 0);
	assert_int_equal(q[5].answer, 1);
	assert_int_equal(scan_facts_stats(a.store).runs, runs + 1);

	/* none of them is asked again */
	assert_int_equal(scan_facts_ask(a.store, a.facts, &a.planned.plan, q, n, &a.reason), 0);
	assert_int_equal(scan_facts_stats(a.store).runs, runs + 1);
	assert_true(scan_facts_known(a.facts, q[2].special, "nodiscard", 9, &value));
	assert_int_equal(value, q[2].answer);
	assert_false(scan_facts_known(a.facts, q[2].special, "deprecated", 10, &value));
	done(&a);
}

/* What clang takes for an error spoils no other answer. */
static void test_an_operand_that_is_an_error(void **state)
{
	struct asked a;
	struct scan_question q[] = {
		{SCAN_SPECIAL_HAS_FEATURE, "cxx_rtti"},
		{SCAN_SPECIAL_HAS_FEATURE, "a::b"},
		{SCAN_SPECIAL_HAS_BUILTIN, "__builtin_trap"},
		{SCAN_SPECIAL_HAS_WARNING, "\"-Wall\""},
		{SCAN_SPECIAL_HAS_WARNING, "\"-Wno-such-thing\""},
		{SCAN_SPECIAL_IS_IDENTIFIER, "int"},
		{SCAN_SPECIAL_IS_TARGET_OS, "linux"},
	};
	uint64_t runs;

	if (!is_there("/usr/bin/clang"))
		skip();
	assert_int_equal(ask(&a, NULL, "/usr/bin/clang -c x.cc"), 0);
	assert_int_equal(
		scan_facts_ask(a.store, a.facts, &a.planned.plan, q, ARRAY_SIZE(q), &a.reason), 0);
	for (size_t i = 0; i < ARRAY_SIZE(q); i++)
		assert_int_equal(q[i].unanswerable, i == 1);
	assert_int_equal(q[0].answer, 1);
	assert_int_equal(q[2].answer, 1);
	assert_int_equal(q[3].answer, 1);
	assert_int_equal(q[4].answer, 0);
	assert_int_equal(q[5].answer, 0);
	runs = scan_facts_stats(a.store).runs;
	assert_int_equal(scan_facts_ask(a.store, a.facts, &a.planned.plan, &q[1], 1, &a.reason),
		SCAN_FACTS_UNKNOWN);
	assert_int_equal(scan_facts_stats(a.store).runs, runs);
	done(&a);
}

static void test_one_key_for_what_does_not_matter(void **state)
{
	static const char *const same[] = {
		"/usr/bin/gcc -O2 -Da -c x.c", "/usr/bin/gcc -Ix -O2 -g -Wall -c y.c -o z.o"};
	const struct scan_facts *first = NULL;
	struct asked a;

	if (!is_there(same[0]))
		skip();
	assert_int_equal(ask(&a, NULL, same[0]), 0);
	for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
		struct planned p;

		assert_int_equal(planned_from_text(&p, same[i], "/", env), 0);
		assert_int_equal(scan_facts_get(a.store, &p.plan, &a.facts, &a.reason), 0);
		assert_true(!first || first == a.facts);
		first = a.facts;
		planned_fini(&p);
	}
	/* the driver was asked for cc1, and cc1 once for all */
	assert_int_equal(scan_facts_stats(a.store).runs, 2);
	done(&a);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	struct fs_output o = FS_OUTPUT_INIT;

	assert_int_equal(fs_output_open(path, mode, &o), 0);
	assert_int_equal(fs_write_all(o.fd, text, strlen(text)), 0);
	assert_int_equal(fs_output_commit(&o), 0);
}

static void check_kept(struct fixture *x, uint64_t runs, uint64_t from_disk)
{
	struct scan_question q = {SCAN_SPECIAL_HAS_ATTRIBUTE, "noreturn"};
	struct asked a;

	assert_int_equal(ask(&a, x->db, "/usr/bin/clang -O1 -c x.c"), 0);
	assert_int_equal(scan_facts_ask(a.store, a.facts, &a.planned.plan, &q, 1, &a.reason), 0);
	assert_int_equal(q.answer, 1);
	assert_int_equal(scan_facts_stats(a.store).runs, runs);
	assert_int_equal(scan_facts_stats(a.store).from_disk, from_disk);
	assert_true(a.facts->search_default);
	assert_non_null(a.facts->bracket[0]);
	assert_true(a.facts->predefined_len == strlen(a.facts->predefined));
	done(&a);
}

static void test_the_database(void **state)
{
	struct fixture *x = *state;
	char broken[128];

	if (!is_there("/usr/bin/clang"))
		skip();
	check_kept(x, 2, 0);
	check_kept(x, 0, 1);

	write_file(x->db,
		"this is no database, and long enough for one to tell that it is not.....", 0600);
	snprintf(broken, sizeof(broken), "%s-wal", x->db);
	unlink(broken);
	check_kept(x, 2, 0);
	check_kept(x, 0, 1);
	snprintf(broken, sizeof(broken), "%s.broken", x->db);
	assert_int_equal(access(broken, F_OK), 0);
	assert_int_equal(unlink(broken), 0);
	assert_int_equal(unlink(x->db), 0);
}

static bool predefines(struct fixture *x, const char *db)
{
	struct asked a;
	bool yes;

	assert_int_equal(ask(&a, db, "/usr/bin/gcc -c x.c"), 0);
	yes = a.facts->preinclude;
	done(&a);
	unlink(x->db);
	return yes;
}

/* Questions leave nothing in TMPDIR, nor do they need it, and what they keep is made anew. */
static void test_the_marker(void **state)
{
	struct fixture *x = *state;
	char marker[160], file[192];
	const char *tmp = getenv("TMPDIR");
	AUTO(util_free) char *before = tmp ? strdup(tmp) : NULL;

	snprintf(marker, sizeof(marker), "%s-marker", x->db);
	snprintf(file, sizeof(file), "%s/stdc-predef.h", marker);
	assert_int_equal(setenv("TMPDIR", "/nonexistent", 1), 0);
	assert_true(predefines(x, x->db));
	assert_int_equal(access(file, R_OK), 0);
	assert_int_equal(unlink(file), 0);
	assert_true(predefines(x, x->db));
	assert_int_equal(access(file, R_OK), 0);
	/* It cannot be used, or made: each question has its own. */
	write_file(file, "", 0600);
	assert_int_equal(setenv("TMPDIR", x->dir, 1), 0);
	assert_true(predefines(x, x->db));
	assert_int_equal(fs_remove_tree(marker), 0);
	write_file(marker, "", 0600);
	assert_true(predefines(x, x->db));
	assert_int_equal(unlink(marker), 0);
	assert_int_equal(before ? setenv("TMPDIR", before, 1) : unsetenv("TMPDIR"), 0);
}

/* Scripts in a compiler's place: whatever they say, it is no answer. */
static void test_bad_compilers(void **state)
{
	static const char *const scripts[] = {
		"exit 0",
		"exit 1",
		"cat; exit 0",
		"kill -9 $$",
		"echo '# 1 \"<stdin>\"'; echo 'scan_begin_0 1 scan_end_0'",
		"head -c 40000000 /dev/zero",
	};
	struct fixture *x = *state;

	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
		char path[96], text[160];
		struct asked a;

		snprintf(path, sizeof(path), "%s/clang", x->dir);
		snprintf(text, sizeof(text), "#!/bin/sh\n%s\n", scripts[i]);
		write_file(path, text, 0700);
		snprintf(text, sizeof(text), "%s -c x.c", path);
		if (ask(&a, NULL, text) != SCAN_FACTS_UNKNOWN)
			fail_msg("%s", scripts[i]);
		assert_non_null(strstr(a.reason, path));
		/* it is not asked at once again */
		free(a.reason);
		assert_int_equal(scan_facts_get(a.store, &a.planned.plan, &a.facts, &a.reason),
			SCAN_FACTS_UNKNOWN);
		assert_int_equal(scan_facts_stats(a.store).runs, 1);
		done(&a);
		assert_int_equal(unlink(path), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_specials_and_preinclude),
		cmocka_unit_test(test_predefined_macros),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_an_operand_that_is_an_error),
		cmocka_unit_test(test_one_key_for_what_does_not_matter),
		cmocka_unit_test(test_the_database),
		cmocka_unit_test(test_the_marker),
		cmocka_unit_test(test_bad_compilers),
	};

	return cmocka_run_group_tests_name("scan facts", tests, set_up, tear_down);
}
