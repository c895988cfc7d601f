/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "failing.h"
#include "planned.h"
#include "scan/plan_options.h"

static char *const no_env[] = {NULL};

static void join(const struct strv *l, struct buf *ret)
{
	buf_clear(ret);
	for (size_t i = 0; i < l->n; i++)
		assert_int_equal(buf_printf(ret, "%s%s", i ? " " : "", l->v[i]), 0);
}

static void test_definitions(void **state)
{
	static const struct {
		const char *args[8];
		const char *defines; /* NULL: unknown */
	} cases[] = {
		{{"-DN"}, "#define N 1\n"},
		{{"-DN="}, "#define N \n"},
		{{"-DN=v"}, "#define N v\n"},
		{{"-D", "N=v w"}, "#define N v w\n"},
		{{"-D", " N=v"}, "#define N v\n"},
		{{"--define-macro=N=1"}, "#define N 1\n"},
		{{"--define-macro", "N"}, "#define N 1\n"},
		{{"-DF(x)=x+1"}, "#define F(x) x+1\n"},
		{{"-DF(x, ...)=x"}, "#define F(x, ...) x\n"},
		{{"-DF(x)"}, "#define F(x) 1\n"},
		{{"-DX Y"}, "#define X Y 1\n"},
		{{"-DX=a=b"}, "#define X a=b\n"},
		{{"-DX=\"a b\""}, "#define X \"a b\"\n"},
		{{"-DX=\"a\\\"b\""}, "#define X \"a\\\"b\"\n"},
		{{"-DX=\"http://a\""}, "#define X \"http://a\"\n"},
		{{"-D__DATE__=\"x\""}, "#define __DATE__ \"x\"\n"},
		{{"-DA", "-UA", "-D", "A=2", "-U", "B"},
			"#define A 1\n#undef A\n#define A 2\n#undef B\n"},
		{{"--undefine-macro=A"}, "#undef A\n"},
		/* what is handed on comes last */
		{{"-Wp,-DA=2,-UB", "-DA=1", "-Xpreprocessor", "-DC"},
			"#define A 1\n#define A 2\n#undef B\n#define C 1\n"},
		{{"-DX=a\nb"}, NULL},
		{{"-DX=a\\"}, NULL},
		{{"-DX=\?\?/"}, NULL},
		{{"-DX=/*"}, NULL},
		{{"-DX=a//b"}, NULL},
		{{"-DX=\"a"}, NULL},
		{{"-D1"}, NULL},
		{{"-DX+Y=3"}, NULL},
		{{"-D=3"}, NULL},
		{{"-Ddefined=3"}, NULL},
		{{"-D__has_include=3"}, NULL},
		{{"-DF(x=3"}, NULL},
		{{"-UX=3"}, NULL},
		{{"-UX Y"}, NULL},
		{{"-Wp,-foo"}, NULL},
		{{"-Wp,-D"}, NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (int clang = 0; clang < 2; clang++) {
			char *argv[16] = {(char *)(clang ? "/usr/bin/clang" : "/usr/bin/gcc"),
				(char *)"-c", (char *)"x.c"};
			struct planned p;
			size_t n = 3;

			for (size_t k = 0; cases[i].args[k]; k++)
				argv[n++] = (char *)cases[i].args[k];
			assert_int_equal(planned_init(&p, argv, "/w", no_env),
				cases[i].defines ? 0 : SCAN_PLAN_UNKNOWN);
			if (cases[i].defines)
				assert_string_equal(buf_str(&p.plan.defines), cases[i].defines);
			else
				assert_non_null(p.reason);
			planned_fini(&p);
		}
}

/* dirs: Q, A, S, F and the name, for -iquote, -I, -isystem, -idirafter. */
static void test_commands(void **state)
{
	static const struct {
		const char *command;
		const char *key, *dirs, *includes;
	} cases[] = {
		{"/usr/bin/gcc -c x.c", "", "", ""},
		{"/usr/bin/gcc -O2 -g -Wall -Wextra -MMD -MF x.d -MT x.o -MP -o x.o -pipe -c x.c",
			"-O2", "", ""},
		{"/usr/bin/gcc -Ia -I b -iquote c -iquoted -isystem e -isystemf -idirafter g "
		 "-idirafterh --include-directory=i --include-directory j -S x.c",
			"", "Aa Ab Qc Qd Se Sf Fg Fh Ai Aj", ""},
		{"/usr/bin/gcc -Wp,-Ilate,-MD,x.d -Iearly -c x.c", NULL, "", ""},
		{"/usr/bin/gcc -Wp,-Ilate -Iearly -c x.c", "", "Aearly Alate", ""},
		{"/usr/bin/gcc -Wp,-MMD,.x.o.d -c x.c", "", "", ""},
		{"/usr/bin/gcc -include a.h --include=b.h -include c.h -c x.c", "", "",
			"a.h b.h c.h"},
		{"/usr/bin/gcc -std=c11 -fPIC -pthread -m32 -funsigned-char -c x.c",
			"-std=c11 -fPIC -pthread -m32 -funsigned-char", "", ""},
		{"/usr/bin/gcc -Wno-deprecated -Wvla -Wpedantic -Werror -w -c x.c",
			"-Wno-deprecated -Wvla -Wpedantic", "", ""},
		{"/usr/bin/gcc -frandom-seed=1 -fdiagnostics-color=always -fmessage-length=0 -c "
		 "x.c",
			"", "", ""},
		{"/usr/bin/gcc -save-temps -fdump-tree-all -v -H -ftime-report -gsplit-dwarf -c "
		 "x.c",
			"", "", ""},
		{"/usr/bin/gcc -L. -lfoo -Wl,-z,now -shared -c x.c", "-shared", "", ""},
		{"/usr/bin/gcc -fsyntax-only x.c", "", "", ""},
		{"/usr/bin/clang -Xclang -fcolor-diagnostics -Xclang -target-feature -Xclang +sse "
		 "-c x.c",
			"-Xclang -target-feature -Xclang +sse", "", ""},
		{"/usr/bin/clang -target x86_64-linux-gnu --target=i386-linux-gnu -c x.c",
			"-target x86_64-linux-gnu --target=i386-linux-gnu", "", ""},
		{"/usr/bin/gcc -nostdinc -undef -isysroot /x --sysroot=/y -c x.c",
			"-nostdinc -undef -isysroot /x --sysroot=/y", "", ""},
		{"/usr/bin/gcc -finput-charset=UTF-8 -c x.c", "-finput-charset=UTF-8", "", ""},
		{"/usr/bin/gcc --coverage -fprofile-generate -flto -fsanitize=address -c x.c",
			"--coverage -fprofile-generate -flto -fsanitize=address", "", ""},
		/* unknown */
		{"/usr/bin/gcc -I- -c x.c", NULL},
		{"/usr/bin/gcc -fno-such-option-at-all -c x.c", NULL},
		{"/usr/bin/gcc -fmodules-ts -c x.cc", NULL},
		{"/usr/bin/clang -fmodules -c x.c", NULL},
		{"/usr/bin/clang -include-pch x.pch -c x.c", NULL},
		{"/usr/bin/gcc -fplugin=x.so -c x.c", NULL},
		{"/usr/bin/clang -specs=x -c x.c", NULL},
		{"/usr/bin/gcc -B/x -c x.c", NULL},
		{"/usr/bin/clang -ivfsoverlay x.yaml -c x.c", NULL},
		{"/usr/bin/clang --config x.cfg -c x.c", NULL},
		{"/usr/bin/clang -Xclang -load -Xclang x.so -c x.c", NULL},
		{"/usr/bin/clang -Ix.hmap -c x.c", NULL},
		{"/usr/bin/gcc -traditional-cpp -c x.c", NULL},
		{"/usr/bin/gcc -fpreprocessed -c x.c", NULL},
		{"/usr/bin/gcc -fprofile-nonsense -c x.c", NULL},
		{"/usr/bin/gcc -F/x -c x.c", NULL},
		{"/usr/bin/gcc -finput-charset=UTF-16 -c x.c", NULL},
		{"/usr/bin/gcc -Wa,@x -c x.c", NULL},
		{"/usr/bin/gcc -c x.c y.c", NULL},
		{"/usr/bin/gcc -c -xc -", NULL},
		{"/usr/bin/gcc x.c", NULL},
		{"/usr/bin/gcc -E x.c", NULL},
		{"/usr/bin/gcc -M x.c", NULL},
		{"/usr/bin/gcc -c x.h", NULL},
		{"/usr/bin/gcc -c x.f90", NULL},
		{"/usr/bin/gcc -c @none.rsp", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct buf text = BUF_INIT;
		struct planned p;
		int r = planned_from_text(&p, cases[i].command, "/w", no_env);

		if (!cases[i].key) {
			if (r != SCAN_PLAN_UNKNOWN)
				fail_msg("%s", cases[i].command);
			assert_null(strchr(p.reason, '\n'));
			assert_non_null(strstr(p.reason, ": "));
			planned_fini(&p);
			continue;
		}
		if (r != 0)
			fail_msg("%s: %s", cases[i].command, p.reason);
		join(&p.plan.key_args, &text);
		assert_string_equal(buf_str(&text), cases[i].key);
		join(&p.plan.includes, &text);
		assert_string_equal(buf_str(&text), cases[i].includes);
		buf_clear(&text);
		for (size_t k = 0; k < p.plan.n_dirs; k++)
			assert_int_equal(buf_printf(&text, "%s%c%s", k ? " " : "",
						 "QASF"[p.plan.dirs[k].kind], p.plan.dirs[k].name),
				0);
		assert_string_equal(buf_str(&text), cases[i].dirs);
		buf_fini(&text);
		planned_fini(&p);
	}
}

static void plan(struct planned *p, const char *text, char *const *env)
{
	assert_int_equal(planned_from_text(p, text, "/w", env), 0);
}

static void test_flags(void **state)
{
	static const struct {
		const char *command;
		bool by_compiler, cwd, native, preprocessed, mapped;
	} cases[] = {
		{"/usr/bin/gcc -Ia -isystem b -c x.c"},
		{"/usr/bin/gcc -I=a -c x.c", .by_compiler = true},
		{"/usr/bin/gcc -isystem $SYSROOT/a -c x.c", .by_compiler = true},
		{"/usr/bin/gcc -iprefix a -iwithprefix b -c x.c", .by_compiler = true},
		{"/usr/bin/clang -cxx-isystem a -c x.cc", .by_compiler = true},
		{"/usr/bin/gcc --sysroot=/x -c x.c"},
		{"/usr/bin/gcc --sysroot=x -c x.c", .cwd = true},
		{"/usr/bin/gcc -isysroot x -c x.c", .cwd = true},
		{"/usr/bin/gcc -march=native -c x.c", .native = true},
		{"/usr/bin/gcc -march=skylake -c x.c"},
		{"/usr/bin/gcc -c x.i", .preprocessed = true},
		{"/usr/bin/gcc -c x.s", .preprocessed = true},
		{"/usr/bin/gcc -c x.S"},
		{"/usr/bin/gcc -xcpp-output -c x.c", .preprocessed = true},
		{"/usr/bin/gcc -ffile-prefix-map=a=b -c x.c", .mapped = true},
		{"/usr/bin/gcc -fdebug-prefix-map=a=b -c x.c"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct planned p;

		plan(&p, cases[i].command, no_env);
		assert_int_equal(p.plan.search_by_compiler, cases[i].by_compiler);
		assert_int_equal(p.plan.cwd_matters, cases[i].cwd);
		assert_int_equal(p.plan.native, cases[i].native);
		assert_int_equal(p.plan.preprocessed, cases[i].preprocessed);
		assert_int_equal(p.plan.file_macro_mapped, cases[i].mapped);
		planned_fini(&p);
	}
}

static void test_languages(void **state)
{
	static const struct {
		const char *command;
		enum cc_language language;
	} cases[] = {
		{"/usr/bin/gcc -c x.c", CC_LANGUAGE_C},
		{"/usr/bin/g++ -c x.c", CC_LANGUAGE_CXX},
		{"/usr/bin/gcc -c x.cc", CC_LANGUAGE_CXX},
		{"/usr/bin/gcc -x c++ -c x.c", CC_LANGUAGE_CXX},
		{"/usr/bin/gcc -c x.c -x c++", CC_LANGUAGE_C},
		{"/usr/bin/gcc -x c++ -x none -c x.c", CC_LANGUAGE_C},
		{"/usr/bin/gcc -xassembler-with-cpp -c x.c", CC_LANGUAGE_ASM_CPP},
		{"/usr/bin/g++ -fsyntax-only x.c", CC_LANGUAGE_CXX},
		{"/usr/bin/clang -c x.m", CC_LANGUAGE_OBJC},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct planned p;

		plan(&p, cases[i].command, no_env);
		assert_int_equal(p.plan.language, cases[i].language);
		planned_fini(&p);
	}
}

static void test_extra_inputs(void **state)
{
	struct buf text = BUF_INIT;
	struct planned p;

	plan(&p,
		"/usr/bin/clang -fprofile-list=a.txt -fsanitize-ignorelist=b.txt "
		"-fprofile-sample-use=c.prof -Wa,-Id,-Ie -c x.c",
		no_env);
	join(&p.plan.extra_inputs, &text);
	assert_string_equal(buf_str(&text), "a.txt b.txt c.prof");
	join(&p.plan.assembler_dirs, &text);
	assert_string_equal(buf_str(&text), "d e");
	buf_fini(&text);
	planned_fini(&p);
}

static void test_specs(void **state)
{
	char *libraries[] = {(char *)"LIBRARY_PATH=/x", NULL};
	struct buf text = BUF_INIT;
	struct planned p;

	assert_int_equal(planned_from_text(&p, "/usr/bin/gcc -specs=a -c x.c", "/w", libraries),
		SCAN_PLAN_UNKNOWN);
	planned_fini(&p);
	plan(&p, "/usr/bin/gcc -specs=a --specs b -Ix -c x.c", no_env);
	join(&p.plan.specs, &text);
	assert_string_equal(buf_str(&text), "a b");
	join(&p.plan.key_args, &text);
	assert_string_equal(buf_str(&text), "-specs=a --specs b");
	assert_true(p.plan.search_by_compiler);
	buf_fini(&text);
	planned_fini(&p);
}

static void test_plugins(void **state)
{
	char *env[] = {(char *)"DISTCC_PLUGINS=a.so", NULL};
	struct buf text = BUF_INIT;
	struct planned p;

	plan(&p, "/usr/bin/gcc -fplugin=./a.so -fplugin-arg-a-b=c -c x.c", env);
	join(&p.plan.plugins, &text);
	assert_string_equal(buf_str(&text), "./a.so");
	join(&p.plan.key_args, &text);
	assert_string_equal(buf_str(&text), "-fplugin=./a.so -fplugin-arg-a-b=c");
	assert_true(p.plan.cwd_matters);
	buf_fini(&text);
	planned_fini(&p);
}

static void test_counts(void **state)
{
	static const struct {
		const char *command, *needed, *optional;
	} cases[] = {
		{"/usr/bin/gcc -fprofile-use -c s/x.c", "", "x.gcda"},
		{"/usr/bin/gcc -fbranch-probabilities -c x.c -o o/y.z.o", "", "o/y.z.gcda"},
		{"/usr/bin/gcc -fprofile-use=d -c x.c -o ../o//y.o", "",
			"../o//y.gcda d/#w#^#o##y.gcda d/../o//y.gcda"},
		{"/usr/bin/gcc -fprofile-use -fprofile-dir=/d -c x.c -o /o/y.o", "",
			"/o/y.gcda /d/#o#y.gcda /d//o/y.gcda"},
		{"/usr/bin/gcc -fprofile-generate=d -fprofile-dir=e -c x.c", "", ""},
		{"/usr/bin/gcc -fauto-profile -c x.c", "fbdata.afdo", ""},
		{"/usr/bin/gcc -fauto-profile=f -c x.c", "f", ""},
		{"/usr/bin/clang -fprofile-use -c x.c", "default.profdata", ""},
		{"/usr/bin/clang -fprofile-use=p -c x.c", "", "p p/default.profdata"},
		{"/usr/bin/clang -fprofile-instr-use=p -c x.c", "", "p p/default.profdata"},
		{"/usr/bin/clang -fprofile-generate=p -c x.c", "", ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct buf text = BUF_INIT;
		struct planned p;

		plan(&p, cases[i].command, no_env);
		join(&p.plan.extra_inputs, &text);
		assert_string_equal(buf_str(&text), cases[i].needed);
		join(&p.plan.optional_inputs, &text);
		assert_string_equal(buf_str(&text), cases[i].optional);
		buf_fini(&text);
		planned_fini(&p);
	}
}

static void test_environment(void **state)
{
	char *lists[] = {(char *)"HOME=/x", (char *)"CPATH=", NULL};
	char *other[] = {(char *)"COMPILER_PATH=/y", NULL};
	char *rewrites[] = {(char *)"CCC_OVERRIDE_OPTIONS=+-O2", NULL};
	struct planned p;

	plan(&p, "/usr/bin/gcc -c x.c", lists);
	assert_true(p.plan.search_by_compiler);
	assert_int_equal(p.plan.key_env.n, 1);
	assert_string_equal(p.plan.key_env.v[0], "CPATH=");
	planned_fini(&p);

	plan(&p, "/usr/bin/gcc -c x.c", other);
	assert_false(p.plan.search_by_compiler);
	assert_string_equal(p.plan.key_env.v[0], "COMPILER_PATH=/y");
	planned_fini(&p);

	assert_int_equal(
		planned_from_text(&p, "/usr/bin/clang -c x.c", "/w", rewrites), SCAN_PLAN_UNKNOWN);
	planned_fini(&p);
}

static void test_table_is_sorted_and_known(void **state)
{
	const char *name;

	for (size_t i = 0; (name = plan_option_at(i)); i++) {
		size_t k = 0;

		if (i > 0 && strcmp(plan_option_at(i - 1), name) >= 0)
			fail_msg("%s", name);
		while (k < cc_option_table_size && strcmp(cc_option_table[k].name, name) != 0)
			k++;
		if (k == cc_option_table_size)
			fail_msg("no option: %s", name);
	}
}

/* Each allocation fails once: no leak, and no half a plan. */
static void test_memory_runs_out(void **state)
{
	static const char *const commands[] = {"/usr/bin/gcc -DA -UB -Wp,-DC,-Id -Ie -include f "
					       "-imacros g -Wa,-Ih -O2 -Wvla -c x.c",
		"/usr/bin/clang -fsanitize-ignorelist=b.txt -Xclang -target-feature -Xclang +sse "
		"-c x.c",
		"/usr/bin/gcc -fplugin=x.so -c x.c"};

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		struct planned whole;

		planned_from_text(&whole, commands[i], "/w", no_env);
		for (unsigned n = 1; failing_start(n); n++) {
			struct scan_plan plan;
			char *reason = NULL;
			int r = scan_plan_init(
				&plan, &whole.command, "/usr/bin/gcc", "/w", no_env, &reason);

			if (failing_stop())
				assert_int_equal(r, -ENOMEM);
			if (r == 0)
				scan_plan_fini(&plan);
			free(reason);
		}
		planned_fini(&whole);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_definitions),
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_languages),
		cmocka_unit_test(test_extra_inputs),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_plugins),
		cmocka_unit_test(test_specs),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_table_is_sorted_and_known),
		cmocka_unit_test(test_memory_runs_out),
	};

	return cmocka_run_group_tests_name("scan plan", tests, NULL, NULL);
}
