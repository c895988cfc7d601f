/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "scan/text.h"

enum {
	MODE = SCAN_MODE_LINE_COMMENTS | SCAN_MODE_DIGRAPHS | SCAN_MODE_RAW_STRINGS |
	       SCAN_MODE_ELIFDEF,
};

#define INCBIN ".incbin or .include in assembler text"

static const char *const kinds[] = {"define", "undef", "ifdef", "ifndef", "if", "elif", "elifdef",
	"elifndef", "else", "include", "include_next", "import", "embed", "once", "push_macro",
	"pop_macro", "line", "target", "push_options", "pop_options", "system_header",
	"pragma_macro", "pragma_words", "counter", "time", "timestamp", "time_word", "time_frame",
	"assembler", "incbin", "asm_include", "error", "unknown", "end"};

/* Ops as "kind name>next/end"; guard: the name, or NULL. */
static const struct {
	const char *name, *text, *ops, *guard;
} cases[] = {
	{"nothing", "", "end", NULL},
	{"only text", "int x; /*\n#define A\n*/ \"\n", "end", NULL},
	{"directives", "#define A\n#undef A\n#include <a>\n#include \"b\"\n#pragma once\n",
		"define A, undef A, include <a>, include b, once, end", NULL},
	{"null directive", "#\n # /* */\n", "end", NULL},
	{"the time, also begun",
		"__TIME__ __DATE__\n#undef A\nx(__TI,ME__)\n#undef A\n_ (1) __DATA __DA\n",
		"time, undef A, timestamp, undef A, time, end", NULL},
	{"one letter of the time", "template <class __T> int f(__T, __D);\n", "end", NULL},
	{"the time in pieces", "x(__, TIME, __) TIMEX\n#undef A\n_ _DATE__ _TIMES ___ DATE_ DAT\n",
		"time_frame, time_word, undef A, time_frame, time_word, end", NULL},
	{"strings that an assembler may read",
		"\".INCbin x\"\n#undef A\n\"\\x2ei\"\n#undef A\n\"nop; .inc\" \".in\"\n#undef A\n"
		"\"nop\\n\\t.INCL\"\n#undef A\nR\"(.inc)\"\n",
		"assembler, undef A, assembler, undef A, assembler, undef A, assembler, undef A, "
		"assembler, end",
		NULL},
	{"strings that are none", "\"log.inc\" \".incoming\" \"\\x2e\" \"inc\"\n", "end", NULL},
	{"a file that the assembler reads",
		"asm(\".data\\n .incbin \\\"a/b\\\", 1;.include\\\"c\\\"\")R\"(.incbin \"d\")\"\n",
		"incbin a/b, asm_include c, incbin d, end", NULL},
	{"a file that is not told",
		"\".incbin \" F\n#undef A\n\".incbin \\\"%s\\\"\"\n#undef A\n"
		"\".incbin \\\"\\\\f\\\"\"\n#undef A\n\"x.incbin \\\"f\\\"\"\n#undef A\n"
		"\".incbin \\\"a\\\"; .include a\"\n",
		"unknown " INCBIN ", undef A, unknown " INCBIN ", undef A, unknown " INCBIN
		", undef A, unknown " INCBIN ", undef A, incbin a, unknown " INCBIN ", end",
		NULL},
	{"an assembler's macros",
		"\".macro m\"\n#undef A\n\"nop;.irp x\"\n#undef A\n\".mac\" \"ro\"\n#undef A\n"
		"\".map\" \".i\"\n",
		"assembler, undef A, assembler, undef A, assembler, undef A, end", NULL},
	{"spliced", "#in\\\nclude \"a\\\n.h\"\n", "include a.h, end", NULL},
	{"digraph", "%:undef A\n%:%: undef B\n", "undef A, end", NULL},
	{"behind a comment", "/* x\n */ # /* */ undef A // B\n", "undef A, end", NULL},
	{"in a raw string", "R\"(\n#undef A\n)\"\n#undef B\n", "undef B, end", NULL},
	{"behind a raw string in a string", "\"R(\" x\n#undef A\n", "undef A, end", NULL},
	{"guard", "#ifndef A\n#define A\nint x;\n#endif\n", "ifndef A>2, define A, end", "A"},
	{"guard by #if", "#if !defined(A)\n#define A\n#endif\n", "ifndef A>2, define A, end", "A"},
	{"a guard with something behind", "#ifndef A\n#define A\n#endif\n#undef B\n",
		"ifndef A>2, define A, undef B, end", NULL},
	{"something before a guard", "#undef B\n#ifndef A\n#define A\n#endif\n",
		"undef B, ifndef A>3, define A, end", NULL},
	{"a guard with #else", "#ifndef A\n#define A\n#else\n#undef B\n#endif\n",
		"ifndef A>3, define A, else>4/4, undef B, end", NULL},
	{"a guard with an empty #else", "#ifndef A\n#define A\n#else\n#endif\n",
		"ifndef A>3, define A, else>3/3, end", NULL},
	{"#ifdef is no guard", "#ifdef A\n#undef A\n#endif\n", "ifdef A>2, undef A, end", NULL},
	{"empty groups go", "#ifdef A\nx\n#else\ny\n#endif\n#ifndef B\n#endif\n", "end", NULL},
	{"empty in empty", "#ifdef A\n#ifdef B\n#endif\n#endif\n#undef C\n", "undef C, end", NULL},
	{"an empty #if stays: it may be refused", "#if A\n#endif\n", "if>1, end", NULL},
	{"defined", "#if defined A\n#undef B\n#elif !defined(C)\n#undef D\n#endif\n",
		"ifdef A>2, undef B, elifndef C>4/4, undef D, end", NULL},
	{"chain", "#if A\n#undef A\n#elif B\n#undef B\n#else\n#undef C\n#endif\n#undef D\n",
		"if>2, undef A, elif>5/6, undef B, else>6/6, undef C, undef D, end", NULL},
	{"#elifdef", "#ifdef A\n#undef A\n#elifdef B\n#elifndef C\n#endif\n",
		"ifdef A>2, undef A, elifdef B>3/4, elifndef C>4/4, end", NULL},
	{"nested", "#if A\n#if B\n#undef B\n#else\n#endif\n#else\n#undef C\n#endif\n",
		"if>5, if>4, undef B, else>4/4, else>6/6, undef C, end", NULL},
	{"never closed", "#ifdef A\n#undef A\n#else\n#undef B\n",
		"ifdef A>3, undef A, else>4/4, undef B, end", NULL},
	{"two never closed", "#if A\n#elif B\n#if C\n#else\n",
		"if>1, elif>4/4, if>4, else>4/4, end", NULL},
	{"stray", "#else\n#endif\n#elif A\n", "error, error, error, end", NULL},
	{"behind #else", "#if A\n#else\n#else\n#elif B\n#endif\n",
		"if>2, else>4/4, error, error, end", NULL},
	{"computed", "#include A B\n#include\n", "include, error, end", NULL},
	{"line", "#line 5\n# 7 \"x\" 1\n#line A\n", "line 5, line 7, line, end", NULL},
	{"counter and time", "__COUNTER__ __COUNTER__\n#undef A\n__DATE__\n",
		"counter, undef A, time, end", NULL},
	{"pushed", "#pragma push_macro(\"A\")\n#pragma pop_macro(\"A\")\n",
		"push_macro A, pop_macro A, end", NULL},
	{"not a directive of ours", "#error x\n#warning y\n#ident \"z\"\n#nothing\n",
		"error, error, end", NULL},
	{"an open __VA_OPT__", "#define F(...) __VA_OPT__(\n", "error, end", NULL},
};

static void show(const struct text *t, const struct intern *names, struct buf *out)
{
	for (uint32_t i = 0; i < t->n_ops; i++) {
		const struct op *op = &t->ops[i];
		bool has_tokens = op_has_tokens(op);
		int e = buf_printf(out, "%s%s", i ? ", " : "", kinds[op->kind]);

		if (e == 0 && op->id && !has_tokens)
			e = buf_printf(out,
				op->flags & OP_ANGLED && op->kind == OP_INCLUDE ? " <%s>" : " %s",
				intern_text(names, op->id));
		if (e == 0 && op->kind >= OP_IFDEF && op->kind <= OP_ELSE)
			e = buf_printf(out, ">%u", text_next(t, op));
		if (e == 0 && op->kind >= OP_ELIF && op->kind <= OP_ELSE)
			e = buf_printf(out, "/%u", text_end(t, op));
		assert_int_equal(e, 0);
	}
}

static void check(const char *name, const char *text, const char *ops, const char *guard)
{
	AUTO(buf_fini) struct buf out = BUF_INIT;
	struct macro_table macros;
	struct text_maker maker;
	struct intern names;
	struct text *t;

	assert_int_equal(intern_init(&names), 0);
	assert_int_equal(macro_table_init(&macros), 0);
	assert_int_equal(text_maker_init(&maker, &names, &macros), 0);
	assert_int_equal(text_make(&maker, text, strlen(text), MODE, &t), 0);
	show(t, &names, &out);
	if (!str_eq(buf_str(&out), ops))
		fprintf(stderr, "%s\n", name);
	assert_string_equal(buf_str(&out), ops);
	assert_string_equal(intern_text(&names, t->guard), guard ? guard : "");
	text_free(t);
	macro_table_fini(&macros);
	intern_fini(&names);
}

static void text_is_reduced_to_its_directives(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check(cases[i].name, cases[i].text, cases[i].ops, cases[i].guard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_reduced_to_its_directives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
