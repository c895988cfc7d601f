/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "cc/specs.h"

static int parse(const char *text, struct strv *includes)
{
	AUTO(util_free) char *reason = NULL;
	int r = cc_specs_parse(text, strlen(text), includes, &reason);

	assert_true((r == 0) == (reason == NULL));
	return r;
}

static void known(const char *text)
{
	AUTO(strv_fini) struct strv includes = STRV_INIT;

	if (parse(text, &includes) != 0)
		fail_msg("not known: %s", text);
}

static void unknown(const char *text)
{
	AUTO(strv_fini) struct strv includes = STRV_INIT;

	if (parse(text, &includes) != CC_SPECS_UNKNOWN)
		fail_msg("known: %s", text);
}

static void those_of_c_libraries(void **state)
{
	known("");
	known("# a comment\n\n%rename link l\n\n*link:\n%(l) -DX %{g:x} %:any(thing) <|>\n\n");
	known("%rename cpp_unique_options\t\tnano_cpp\n\n"
	      "*cpp_unique_options:\n-isystem =/include/nano %(nano_cpp)\n\n"
	      "*nano_libc:\n-lc_nano\n\n"
	      "*nano_libgloss:\n%{specs=rdimon.specs:-lrdimon_nano} "
	      "%{specs=nosys.specs:-lnosys}\n\n"
	      "*lib:\n%{!shared:%{g*:-lg_nano} %{!p:%{!pg:-lc_nano}}%{p:-lc_p}%{pg:-lc_p}}\n");
	known("%rename cc1 old_cc1\n\n*cc1:\n%{!ftls-model:-ftls-model=local-exec} %(old_cc1)\n");
	known("*cc1:\n+ -mthumb -fshort-enums -O2\n");
	known("*cc1:\n%{mx|fPIC:%{!O2:-fPIE}} -isystem /x\n");
	known("*cpp:\r\n-isystem /a-b/c\r\n\r\n");
}

static void what_no_question_shows(void **state)
{
	static const char *const texts[] = {
		"*cpp:\n+ -DA\n",
		"*cpp:\n-UA\n",
		"*cpp: -DA\n",
		"*cpp:\n%{mx:-include a.h}\n",
		"*cpp:\n%{mx:%{!O2:-imacros} a.h}\n",
		"*cc1:\n-fplugin=x.so\n",
		"*cc1:\n-Ba\n",
		"*cc1:\n-wrapper x\n",
		"*cc1:\n-fprofile-use\n",
		"*cc1:\n-o x\n",
		"*cc1:\n-MD x.d\n",
		/* Depends on what is not part of a question. */
		"*cpp:\n%{g:-isystem /x}\n",
		"*cpp:\n%{DX:-isystem /x}\n",
		"*cpp:\n%{!Wall:-isystem /x}\n",
		"*cpp:\n%{I*:-isystem /x}\n",
		"*cpp:\n%{!S:-isystem /x}\n",
		"*cpp:\n%{mx|g:-isystem /x}\n",
		"*cpp:\n%:if-exists(/x)\n",
		"*cpp:\n%x{-a}\n",
		"*cpp:\n%",
		"*cc1:\na | b\n",
		"*cc1:\n%{!m:a > b}\n",
		"*cc1:\n<x\n",
		/* Fedora's; with -E it has no effect. */
		"*cc1_options:\n+ %{!r:%{!fpie:%{!fPIE:%{!fpic:%{!fPIC:%{!fno-pic:-fPIE}}}}}}\n",
		"*cc1:\n+ -g -gsplit-dwarf\n",
		"*cpp_options:\n+ -mavx2\n",
		"*cc1_cpu:\n-mavx2\n",
		"*asm:\nx.s\n",
		"*asm_options:\n\n",
		/* Only the first condition is one. */
		"*cpp:\n%{fPIC:;DX:-isystem /a}\n",
		"*cpp:\n%{fPIC:-isystem /a;:-isystem /b}\n",
		"*cpp:\n%{pipe:-isystem /a}\n",
		"*cpp:\n%{fmax-errors=*:-isystem /a}\n",
		"*cpp:\n%{-save-temps*:-isystem /a}\n",
		"*cpp:\n%{fPIC\n",
		/* Another text. */
		"*link:\n-isystem /a\n\n*cpp:\n%(link)\n",
		"%rename link x\n\n*cpp:\n%(x)\n",
		"*x:\n-isystem /a\n\n*cpp:\n%(x)\n",
		"%rename cpp x\n\n*x:\n-la\n\n*cpp:\n%(x)\n",
		"*x:\n%(cc1_options)\n",
		"*x:\n-isystem /a\n",
		"%rename cc1_options x\n",
		"%rename x y\n",
		"%rename cpp cc1_options\n",
		"%rename cpp link\n",
		"%rename cpp\n",
		"%rename cpp x y\n",
		"*self_spec :\n-g\n",
		"*asm_final :\nx\n",
		"*cpp:\nx.c\n",
		"*cpp:\n-isystem\n",
		"*cpp:\n-isystem x\n",
		"*cpp:\n-isystem %{mx:/a}\n",
		"*cpp:\n-mx\n-my\n",
		"*cc1_options:\n+ %{!iplugindir*:%:find-plugindir()}\n",
		"*cc1_options:\n+ -fplugin=annobin\n",
		"*startfile_prefix_spec:\n/x\n",
		"*cross_compile:\n1\n",
		"*invoke_as:\nx\n",
		"*:\nx\n",
		"*cpp\nx\n",
		".c:\n@c\n",
		"@c:\n-E\n",
		"x\n",
		"%include a\n",
		"%include <>\n",
		"%includes <a>\n",
		"%undef x\n",
		/* An empty line ends the text, and no other line does. */
		"*link:\n\n-DX\n",
		"*link:\n-la\n*cc1:\n-DX\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		unknown(texts[i]);
}

static void a_nul_is_no_text(void **state)
{
	AUTO(strv_fini) struct strv includes = STRV_INIT;
	AUTO(util_free) char *reason = NULL;

	assert_int_equal(cc_specs_parse("#\0\n", 3, &includes, &reason), CC_SPECS_UNKNOWN);
}

/* ---- files ---- */

struct place {
	char dir[32];
};

static void put(const struct place *p, const char *name, const char *text)
{
	AUTO(util_free) char *path = path_join(p->dir, name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int find(void *arg, const char *name, char **ret)
{
	const struct place *p = arg;

	*ret = path_join(p->dir, name);
	return *ret ? 0 : -ENOMEM;
}

static int read_all(struct place *p, const char *name, size_t *ret_files)
{
	AUTO(strv_fini) struct strv names = STRV_INIT;
	AUTO(strv_fini) struct strv files = STRV_INIT;
	AUTO(util_free) char *reason = NULL;
	int r;

	assert_int_equal(strv_push(&names, name), 0);
	r = cc_specs_read(&names, find, p, &files, &reason);
	assert_true((r == 0) == (reason == NULL));
	*ret_files = files.n;
	return r;
}

static void files_include_others(void **state)
{
	struct place p = {"/tmp/specs-XXXXXX"};
	size_t n;

	assert_non_null(mkdtemp(p.dir));
	put(&p, "a", "%include <b>\n%include_noerr <c>\n%include <b>\n");
	put(&p, "b", "%include <a>\n");
	put(&p, "c", "\n");
	assert_int_equal(read_all(&p, "a", &n), 0);
	assert_int_equal(n, 3);
	put(&p, "c", "*cpp:\n-DX\n");
	assert_int_equal(read_all(&p, "a", &n), CC_SPECS_UNKNOWN);
	put(&p, "c", "%include <gone>\n");
	assert_int_equal(read_all(&p, "a", &n), CC_SPECS_UNKNOWN);
	for (int i = 0; i < CC_SPECS_FILES_MAX; i++) {
		char name[16], text[32];

		snprintf(name, sizeof(name), "n%d", i);
		snprintf(text, sizeof(text), "%%include <n%d>\n", i + 1);
		put(&p, name, text);
	}
	put(&p, "n32", "");
	assert_int_equal(read_all(&p, "n1", &n), 0);
	assert_int_equal(read_all(&p, "n0", &n), CC_SPECS_UNKNOWN);
	for (const char *const *name = (const char *const[]){"a", "b", "c", NULL}; *name; name++) {
		AUTO(util_free) char *path = path_join(p.dir, *name);

		assert_int_equal(unlink(path), 0);
	}
	for (int i = 0; i <= CC_SPECS_FILES_MAX; i++) {
		char path[64];

		snprintf(path, sizeof(path), "%s/n%d", p.dir, i);
		assert_int_equal(unlink(path), 0);
	}
	assert_int_equal(rmdir(p.dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(those_of_c_libraries),
		cmocka_unit_test(what_no_question_shows),
		cmocka_unit_test(a_nul_is_no_text),
		cmocka_unit_test(files_include_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
