/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "worker/admit.h"

/* Words apart by blanks; a command line holds none itself here. */
static struct strv split(const char *text)
{
	struct strv l = STRV_INIT;

	while (*text) {
		size_t n = strcspn(text, " ");

		assert_int_equal(strv_push_n(&l, text, n), 0);
		text += n + (text[n] == ' ');
	}
	return l;
}

static char *join(const struct strv *l)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < l->n; i++)
		assert_int_equal(buf_printf(&b, "%s%s", i ? " " : "", l->v[i]), 0);
	return buf_take(&b);
}

static void test_admitted(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		/* As distcc 3.4 sends it. */
		{"gcc -O2 -g -c x.c -o x.o", "gcc -O2 -g -c x.i -o x.o"},
		{"gcc -c dir/x.c -o obj/x.o", "gcc -c x.i -o x.o"},
		{"gcc -c ../x.c -o /abs/x.o", "gcc -c x.i -o x.o"},
		{"g++ -S x.cc -ox.s", "g++ -S x.ii -o x.s"},
		{"gcc -c x.i -o x.o", "gcc -c x.i -o x.o"},
		{"g++ -c x.C -o x.o", "g++ -c x.ii -o x.o"},
		{"g++ -c a.b.cpp -o a.b.o", "g++ -c a.b.ii -o a.b.o"},
		{"gcc -c x.m -o x.o", "gcc -c x.mi -o x.o"},
		{"g++ -c x.mm -o x.o", "g++ -c x.mii -o x.o"},
		{"gcc -x c -c x.c -o x.o", "gcc -x c -c x.i -o x.o"},
		{"gcc -xcpp-output -c x.c -o x.o", "gcc -x cpp-output -c x.i -o x.o"},
		{"gcc -x none -c x.c -o x.o", "gcc -x none -c x.i -o x.o"},
		/* What only a preprocessor or a linker reads. */
		{"gcc -iquote /a/b -isystem/usr/x -c x.c -o x.o", "gcc -c x.i -o x.o"},
		{"gcc -isysroot /a --sysroot=/b --sysroot /c -c x.c -o x.o", "gcc -c x.i -o x.o"},
		{"gcc -I /a -I. -include /a/b.h -include/a/b.h -c x.c -o x.o", "gcc -c x.i -o x.o"},
		{"gcc -MD -MF /d/x.d -MTx.o -MQ x -MP -c x.c -o x.o", "gcc -c x.i -o x.o"},
		{"gcc -Wl,-z,now -Wp,-D_FORTIFY_SOURCE=2 -L/lib -lm -Xlinker /x -c x.c -o x.o",
			"gcc -c x.i -o x.o"},
		/* Text that may hold a '/'. */
		{"gcc -DP=\"/usr\" -D Q=/x -ffile-prefix-map=/a=/b -c x.c -o x.o",
			"gcc -DP=\"/usr\" -D Q=/x -ffile-prefix-map=/a=/b -c x.i -o x.o"},
		{"clang -fdebug-compilation-dir=/a -fdebug-compilation-dir /b -c x.c -o x.o",
			"clang -fdebug-compilation-dir=/a -fdebug-compilation-dir /b -c x.i -o "
			"x.o"},
		/* Options with a second word. */
		{"gcc --param max-inline=3 --param=a=b -c x.c -o x.o",
			"gcc --param max-inline=3 --param=a=b -c x.i -o x.o"},
		{"clang -target armv7a-linux-gnueabi --target=x -c x.c -o x.o",
			"clang -target armv7a-linux-gnueabi --target=x -c x.i -o x.o"},
		{"clang -Xclang -mrelax-all -mllvm -loop-x=3 -mllvm -openmp-x -c x.c -o x.o",
			"clang -Xclang -mrelax-all -mllvm -loop-x=3 -mllvm -openmp-x -c x.i -o x.o"},
		/* The usual ones. */
		{"gcc -Wall -Wno-error=x -std=gnu++17 -fPIC -m32 -march=armv8-a -pipe -pthread -w "
		 "-ansi -fno-common -Wa,--noexecstack -ggdb3 -gdwarf-5 -fdirectives-only "
		 "-fpreprocessed -c x.c -o x.o",
			"gcc -Wall -Wno-error=x -std=gnu++17 -fPIC -m32 -march=armv8-a -pipe "
			"-pthread -w -ansi -fno-common -Wa,--noexecstack -ggdb3 -gdwarf-5 "
			"-fdirectives-only -fpreprocessed -c x.i -o x.o"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(strv_fini) struct strv in = split(cases[i].in);
		AUTO(util_free) char *why = NULL;
		AUTO(util_free) char *out = NULL;
		struct admit_command c;
		int r = admit_command(&in, &c, &why);

		if (r != 0)
			fail_msg("%s: refused: %s", cases[i].in, why);
		out = join(&c.argv);
		assert_string_equal(out, cases[i].out);
		assert_true(strv_has(&c.argv, c.source));
		assert_true(strv_has(&c.argv, c.object));
		assert_int_equal(c.debug, strstr(out, " -g") != NULL);
		admit_command_fini(&c);
	}
}

static void test_refused(void **state)
{
	static const char *const cases[] = {
		"",
		"gcc",
		"gcc --version",
		"gcc -c x.c",
		"gcc x.c -o x",
		"gcc -c -o x.o",
		"gcc -c x.c -o",
		"gcc -c x.c -o x.o -o y.o",
		"gcc -c x.c y.c -o x.o",
		"gcc -c x.c x.o -o x.o",
		"gcc -c x.rs -o x.o",
		"gcc -c x.s -o x.o",
		"gcc -c x.S -o x.o",
		"gcc -c x.h -o x.gch",
		"gcc -c - -o x.o",
		"gcc -c x.i -o x.i",
		"gcc -c x.c -o dir/",
		"gcc -c x.c -o ..",
		"gcc -c x.c -o -",
		"gcc -c dir/-x.c -o x.o",
		"gcc -c dir/@x.c -o x.o",
		"gcc -c @x.c -o x.o",
		"gcc -c x.c -o @x",
		"gcc -E -c x.c -o x.o",
		"gcc -M -c x.c -o x.o",
		"gcc -MM -c x.c -o x.o",
		"gcc -### -c x.c -o x.o",
		"gcc -print-prog-name=as -c x.c -o x.o",
		"gcc -fsyntax-only -c x.c -o x.o",
		/* Code of the client's choice. */
		"gcc -wrapper /bin/sh,-c -c x.c -o x.o",
		"gcc -wrapper sh -c x.c -o x.o",
		"gcc -B/tmp -c x.c -o x.o",
		"gcc -B . -c x.c -o x.o",
		"gcc -specs=x -c x.c -o x.o",
		"gcc -specs x -c x.c -o x.o",
		"gcc --specs=x -c x.c -o x.o",
		"gcc --prefix=. -c x.c -o x.o",
		"gcc --wrapper=x -c x.c -o x.o",
		"gcc -fplugin=x -c x.c -o x.o",
		"clang -fplugin-arg-x-y -c x.c -o x.o",
		"clang -fpass-plugin=x -c x.c -o x.o",
		"clang -Xclang -load -Xclang x.so -c x.c -o x.o",
		"clang -Xclang -plugin -Xclang x -c x.c -o x.o",
		"clang -Xclang -add-plugin -Xclang x -c x.c -o x.o",
		"clang -mllvm -load=x -c x.c -o x.o",
		"clang -ccc-install-dir . -c x.c -o x.o",
		"clang --config x -c x.c -o x.o",
		"clang --config=x -c x.c -o x.o",
		"clang --driver-mode=cl -c x.c -o x.o",
		"clang --gcc-toolchain=. -c x.c -o x.o",
		/* Arguments out of sight. */
		"gcc @x.i -c x.c -o x.o",
		"gcc -Wa,@x.i -c x.c -o x.o",
		"gcc -Xassembler @x.i -c x.c -o x.o",
		/* Files. */
		"gcc -imultilib x -c x.c -o x.o",
		"gcc -fdump-tree-all=/tmp/x -c x.c -o x.o",
		"gcc -fopt-info-all=../x -c x.c -o x.o",
		"gcc -aux-info /tmp/x -c x.c -o x.o",
		"gcc -dumpdir /tmp/ -c x.c -o x.o",
		"gcc -dumpbase ../x -c x.c -o x.o",
		"gcc -Wa,-o,/tmp/x -c x.c -o x.o",
		"gcc -Xassembler -o -c x.c -o x.o",
		"gcc -Xassembler /tmp/x.s -c x.c -o x.o",
		"gcc --output=x -c x.c -o x.o",
		"clang -Xclang -o -Xclang /tmp/x -c x.c -o x.o",
		"clang -include-pch x -c x.c -o x.o",
		"clang -Xclang -include-pch -Xclang x -c x.c -o x.o",
		"clang -working-directory /tmp -c x.c -o x.o",
		"clang -working-directory=.. -c x.c -o x.o",
		"clang -ivfsoverlay x -c x.c -o x.o",
		"clang -fmodule-file=x -c x.c -o x.o",
		"gcc -unknown-option word -c x.c -o x.o",
		/* Not an object alone. */
		"gcc --coverage -c x.c -o x.o",
		"gcc -fprofile-use=x -c x.c -o x.o",
		"gcc -fcompare-debug -c x.c -o x.o",
		/* Of this machine. */
		"gcc -march=native -c x.c -o x.o",
		"gcc -x assembler -c x.c -o x.o",
		"gcc -x assembler-with-cpp -c x.c -o x.o",
		"gcc -xlto -c x.c -o x.o",
		"gcc -x",
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(strv_fini) struct strv in = split(cases[i]);
		AUTO(util_free) char *why = NULL;
		struct admit_command c;

		if (admit_command(&in, &c, &why) != ADMIT_REFUSED)
			fail_msg("admitted: %s", cases[i]);
		assert_non_null(why);
	}
}

static void test_long_names(void **state)
{
	char name[300];

	for (size_t n = 190; n < 210; n++) {
		AUTO(strv_fini) struct strv in = split("gcc -c -o x.o");
		AUTO(util_free) char *why = NULL;
		struct admit_command c;

		snprintf(name, sizeof(name), "%0*d.c", (int)n - 2, 0);
		assert_int_equal(strv_push(&in, name), 0);
		if (n <= ADMIT_NAME_MAX) {
			assert_int_equal(admit_command(&in, &c, &why), 0);
			admit_command_fini(&c);
		} else {
			assert_int_equal(admit_command(&in, &c, &why), ADMIT_REFUSED);
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_admitted),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_long_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
