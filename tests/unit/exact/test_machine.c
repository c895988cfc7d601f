/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "exact/machine.h"

static void print(struct buf *b, const char *name, const struct strv *l)
{
	for (size_t i = 0; i < l->n; i++)
		assert_int_equal(buf_printf(b, "%s %s|", name, l->v[i]), 0);
}

static void what_a_line_says(void **state)
{
	static const struct {
		bool gcc;
		const char *line;
		const char *said; /* NULL: it is another program's */
	} rows[] = {
		{true,
			" /usr/lib/cc1 -quiet x.c \"-march=a b\" -mx --param \"p=1\" --param=q=2 "
			"-o x.s",
			"option -march=a b|option -mx|param p=1|param q=2|"},
		{true, " \"/a b/cc1plus\" \"-m\\\"\\\\\"", "option -m\"\\|"},
		{true, " as -mx --64 -o x.o x.s", NULL},
		{true, "COLLECT_GCC_OPTIONS='-mx'", NULL},
		{true, " /usr/lib/cc1 --param", "param |"},
		{false,
			" \"/usr/bin/clang\" \"-cc1\" \"-target-cpu\" \"a\" \"-target-feature\" "
			"\"+b\" "
			"\"-target-feature\" \"-c\" \"-mfoo\" \"-target-cpu\" \"d\"",
			"cpu d|feature +b|feature -c|"},
		{false, " /usr/bin/clang -cc1 -tune-cpu t", "tune t|"},
		{false, " /usr/bin/clang -cc1as -target-cpu a", NULL},
		{false, "", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO(machine_fini) struct machine m = {.cpu = NULL};
		AUTO(buf_fini) struct buf said = BUF_INIT;
		bool was;

		assert_int_equal(machine_read(&m, rows[i].gcc, rows[i].line, &was), 0);
		assert_int_equal(was, rows[i].said != NULL);
		if (m.cpu)
			assert_int_equal(buf_printf(&said, "cpu %s|", m.cpu), 0);
		if (m.tune)
			assert_int_equal(buf_printf(&said, "tune %s|", m.tune), 0);
		print(&said, "option", &m.options);
		print(&said, "param", &m.params);
		print(&said, "feature", &m.features);
		assert_string_equal(buf_str(&said), rows[i].said ? rows[i].said : "");
	}
}

static void the_same_machine(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} rows[] = {
		{" cc1 -ma -mb --param p=1", " cc1 -O2 -ma --param=p=1 -mb", true},
		{" cc1 -ma -mb", " cc1 -mb -ma", false},
		{" cc1 -ma", " cc1 -ma -mb", false},
		{" cc1 --param p=1", " cc1 --param p=2", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO(machine_fini) struct machine a = {.cpu = NULL}, b = {.cpu = NULL};
		bool was;

		assert_int_equal(machine_read(&a, true, rows[i].a, &was), 0);
		assert_int_equal(machine_read(&b, true, rows[i].b, &was), 0);
		assert_int_equal(machine_is_same(&a, &b), rows[i].same);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_line_says),
		cmocka_unit_test(the_same_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
