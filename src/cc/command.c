/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cc/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/env.h"
#include "base/path.h"
#include "cc/compiler.h"
#include "cc/options.h"
#include "cc/parse.h"
#include "cc/response.h"

/*
 * Reading a command line, in three steps: response files are expanded; each word is looked up in
 * the option table, gets its role and does what it means (cc/meaning.c); then what the words say
 * together is worked out: the kind of command, its input, language, outputs, and the reasons that
 * need several of them (a precompiled header beside an -include, an output that is a device, …).
 *
 * The first reason found is kept, but for commands that are no compile of one source their kind
 * is the reason.
 */

/* Reasons that are none where nothing is preprocessed first and every output is brought back. */
static const enum cc_reason of_preprocessing[] = {CC_LOCAL_LTO, CC_LOCAL_SANITIZER,
	CC_LOCAL_DEBUG_SOURCE, CC_LOCAL_COVERAGE, CC_LOCAL_SPLIT_DWARF, CC_LOCAL_STACK_USAGE};

bool cc_command_is_exact(const struct cc_command *c)
{
	return c->kind == CC_KIND_COMPILE && c->exact_reasons == 0;
}

int parse_plain(struct parse *p, enum cc_reason reason, const char *detail)
{
	if (p->c->reason != CC_REMOTE_OK)
		return 0;
	p->c->reason = reason;
	if (!detail)
		return 0;
	p->c->detail = strdup(detail);
	return p->c->detail ? 0 : -ENOMEM;
}

int parse_local(struct parse *p, enum cc_reason reason, const char *detail)
{
	bool exact = false;

	for (size_t i = 0; i < ARRAY_SIZE(of_preprocessing); i++)
		exact |= of_preprocessing[i] == reason;
	if (!exact)
		p->c->exact_reasons |= UINT64_C(1) << reason;
	return parse_plain(p, reason, detail);
}

/* The kind decides, whatever was found before. */
static int parse_kind(struct parse *p, enum cc_kind kind, enum cc_reason reason, const char *detail)
{
	p->c->kind = kind;
	p->c->reason = CC_REMOTE_OK;
	p->c->exact_reasons = 0;
	free(p->c->detail);
	p->c->detail = NULL;
	return parse_local(p, reason, detail);
}

/* g++ and clang++ take .c for C++. */
static enum cc_language language_of_input(const struct parse *p, const char *input)
{
	enum cc_language language = cc_language_of_file(input);

	if (p->forced != CC_LANGUAGE_NONE)
		return p->forced;
	if (cc_compiler_is_cxx(p->c->args[0].text)) {
		if (language == CC_LANGUAGE_C)
			return CC_LANGUAGE_CXX;
		if (language == CC_LANGUAGE_C_CPP)
			return CC_LANGUAGE_CXX_CPP;
	}
	return language;
}

static int take_input(struct parse *p, struct cc_arg *arg)
{
	arg->role = CC_ROLE_INPUT;
	if (p->n_inputs++ > 0)
		return 0;
	p->input = arg->text;
	p->input_language = language_of_input(p, arg->text);
	if (str_eq(arg->text, "-"))
		return parse_local(p, CC_LOCAL_STDIN, NULL);
	return 0;
}

/* Words behind -Xclang come one by one, each behind an -Xclang of its own. */
static int take_xclang(struct parse *p, size_t *i)
{
	struct cc_arg *a = &p->c->args[*i];
	const char *value = NULL;
	bool separate = false;
	const struct cc_option *o = cc_option_find_xclang(a[1].text, &value, &separate);

	if (!o)
		return parse_local(p, CC_LOCAL_FRONTEND_OPTION, a[1].text);
	if (separate) {
		if (*i + 3 >= p->c->n_args || !str_eq(a[2].text, "-Xclang"))
			return parse_local(p, CC_LOCAL_MISSING_VALUE, a[1].text);
		value = a[3].text;
		a[2].role = a[3].role = CC_ROLE_BOTH;
		*i += 2;
	}
	return parse_meaning(p, o, a[1].text, value);
}

static int take_option(struct parse *p, size_t *i)
{
	struct cc_arg *a = &p->c->args[*i];
	const char *value = NULL;
	bool separate = false;
	const struct cc_option *o = cc_option_find(a->text, p->c->family, &value, &separate);
	int r;

	if (!o)
		return parse_local(p, CC_LOCAL_UNKNOWN_OPTION, a->text);
	a->role = (enum cc_role)o->role;
	if (separate) {
		if (*i + 1 == p->c->n_args || !a[1].text[0])
			return parse_local(p, CC_LOCAL_MISSING_VALUE, a->text);
		value = a[1].text;
		a[1].role = (enum cc_role)o->role;
	}
	r = o->mean == CC_MEAN_XCLANG ? take_xclang(p, i) : parse_meaning(p, o, a->text, value);
	*i += separate;
	return r;
}

static int take_args(struct parse *p)
{
	for (size_t i = 1; i < p->c->n_args; i++) {
		struct cc_arg *a = &p->c->args[i];
		int r = 0;

		if (!a->text[0])
			r = parse_local(p, CC_LOCAL_UNKNOWN_OPTION, "");
		else if (a->text[0] != '-' || !a->text[1])
			r = take_input(p, a);
		else
			r = take_option(p, &i);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Variables that make the compilers write other files, or run or read other things. */
static int look_at_environment(struct parse *p, char *const *envp)
{
	static const char *const names[] = {
		"DEPENDENCIES_OUTPUT",
		"SUNPRO_DEPENDENCIES",
		"GCC_COMPARE_DEBUG",
		"GCC_EXEC_PREFIX",
		"GCC_EXTRA_DIAGNOSTIC_OUTPUT",
		"COMPILER_PATH",
		"CCC_OVERRIDE_OPTIONS",
		"CCC_ADD_ARGS",
		"CC_PRINT_HEADERS",
		"CC_PRINT_HEADERS_FILE",
		"CC_PRINT_OPTIONS",
		"CC_PRINT_OPTIONS_FILE",
		"CC_PRINT_PROC_STAT",
		"CC_PRINT_PROC_STAT_FILE",
		"CC_PRINT_INTERNAL_STAT",
		"CC_PRINT_INTERNAL_STAT_FILE",
		"CC_LOG_DIAGNOSTICS",
		"CC_LOG_DIAGNOSTICS_FILE",
		"MACOSX_DEPLOYMENT_TARGET",
		"IPHONEOS_DEPLOYMENT_TARGET",
		"TVOS_DEPLOYMENT_TARGET",
		"WATCHOS_DEPLOYMENT_TARGET",
		"DRIVERKIT_DEPLOYMENT_TARGET",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (env_get(envp, names[i]))
			return parse_local(p, CC_LOCAL_ENVIRONMENT, names[i]);
	return 0;
}

/* 1: a precompiled form of header lies beside it in dir; 0; -ENOMEM. */
static int has_pch(const char *cwd, const char *dir, const char *header)
{
	static const char *const forms[] = {".gch", ".pch"};
	AUTO(util_free) char *inside = path_join(dir, header);
	AUTO(util_free) char *path = inside ? path_join(cwd, inside) : NULL;
	AUTO(util_free) char *form = path ? malloc(strlen(path) + 5) : NULL;

	if (!form)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		strcpy(stpcpy(form, path), forms[i]);
		if (access(form, F_OK) == 0)
			return 1;
	}
	return 0;
}

/* An -include is looked for in the working directory, then along the include path. */
static int look_for_pch(struct parse *p)
{
	for (size_t i = 0; i < p->includes.n; i++) {
		const char *header = p->includes.v[i];
		int r = has_pch(p->cwd, NULL, header);

		for (size_t k = 0; r == 0 && header[0] != '/' && k < p->dirs.n; k++)
			r = has_pch(p->cwd, p->dirs.v[k], header);
		if (r < 0)
			return r;
		if (r > 0)
			return parse_local(p, CC_LOCAL_PCH, header);
	}
	return 0;
}

static int decide_dependencies(struct parse *p)
{
	const char *extra = p->deps_extra ? p->deps_extra : p->deps_file;

	if (extra && !p->deps && !p->wp_deps)
		return parse_local(p, CC_LOCAL_DEPENDENCIES, extra);
	if (p->wp_deps && p->deps_file)
		return parse_local(p, CC_LOCAL_DEPENDENCIES, "-MF");
	return 0;
}

static bool is_configure_test(const char *input)
{
	const char *base = path_base(input);

	return str_starts(base, "conftest.") || str_starts(base, "tmp.conftest.");
}

/* Of what is no more than assembled, clang has no list of what it read. */
static int decide_assembler(struct parse *p)
{
	bool listed = p->c->language == CC_LANGUAGE_ASM_CPP || p->c->family == CC_FAMILY_GCC;

	if (!listed || (p->modes & PARSE_ASSEMBLY))
		return parse_local(p, CC_LOCAL_ASSEMBLER, p->c->input);
	return parse_plain(p, CC_LOCAL_ASSEMBLER, p->c->input);
}

/* A compile of one source that has a language of its own. */
static int decide_compile(struct parse *p)
{
	struct cc_command *c = p->c;
	int r = 0;

	c->kind = CC_KIND_COMPILE;
	c->language = p->input_language;
	c->input = p->input;
	if (c->language == CC_LANGUAGE_ASM || c->language == CC_LANGUAGE_ASM_CPP)
		r = decide_assembler(p);
	if (r == 0 && c->family == CC_FAMILY_UNKNOWN)
		r = parse_local(p, CC_LOCAL_UNKNOWN_COMPILER, c->args[0].text);
	if (r == 0 && is_configure_test(c->input))
		r = parse_local(p, CC_LOCAL_CONFIGURE_TEST, c->input);
	if (r == 0 && (p->modes & PARSE_OBJECT) && (p->modes & PARSE_ASSEMBLY))
		r = parse_local(p, CC_LOCAL_SEVERAL_MODES, NULL);
	if (r == 0)
		r = decide_dependencies(p);
	if (r == 0 && p->unused && !p->quiet_unused && c->family == CC_FAMILY_CLANG)
		r = parse_local(p, CC_LOCAL_UNUSED_ARGUMENT, p->unused);
	if (r == 0)
		r = parse_outputs(p);
	if (r == 0 && cc_command_is_exact(c))
		r = parse_outputs_look(p);
	if (r == 0 && cc_command_is_exact(c))
		r = look_for_pch(p);
	return r;
}

static int decide(struct parse *p)
{
	if (p->modes & PARSE_INFORMATION)
		return parse_kind(p, CC_KIND_OTHER, CC_LOCAL_INFORMATION, NULL);
	if (p->modes & PARSE_PREPROCESS)
		return parse_kind(p, CC_KIND_PREPROCESS, CC_LOCAL_PREPROCESS, NULL);
	if (p->modes & PARSE_SYNTAX)
		return parse_kind(p, CC_KIND_OTHER, CC_LOCAL_SYNTAX_ONLY, NULL);
	if (p->n_inputs == 0 && !(p->libraries && !p->modes))
		return parse_kind(p, CC_KIND_OTHER, CC_LOCAL_NO_INPUT, NULL);
	if (!(p->modes & (PARSE_OBJECT | PARSE_ASSEMBLY)))
		return parse_kind(p, CC_KIND_LINK, CC_LOCAL_LINK, NULL);
	if (p->n_inputs > 1 && p->c->family == CC_FAMILY_UNKNOWN)
		return parse_kind(p, CC_KIND_OTHER, CC_LOCAL_UNKNOWN_COMPILER, p->c->args[0].text);
	if (p->n_inputs > 1)
		return parse_kind(p, CC_KIND_OTHER, CC_LOCAL_SEVERAL_INPUTS, NULL);
	if (str_eq(p->input, "-"))
		return parse_kind(p, CC_KIND_OTHER, CC_LOCAL_STDIN, NULL);
	if (p->input_language == CC_LANGUAGE_NONE)
		return parse_kind(p, CC_KIND_OTHER, CC_LOCAL_NOT_A_SOURCE, p->input);
	if (p->input_language == CC_LANGUAGE_HEADER)
		return parse_kind(p, CC_KIND_OTHER, CC_LOCAL_PCH, p->input);
	if (p->input_language == CC_LANGUAGE_OTHER)
		return parse_kind(p, CC_KIND_OTHER, CC_LOCAL_LANGUAGE, p->input);
	return decide_compile(p);
}

/*
 * The words of argv, response files expanded, become c->args. Where that is not sure they are
 * argv's own, and the reason is set: then nothing more can be said of the command.
 */
static int set_args(struct parse *p, char *const *argv)
{
	AUTO(strv_fini) struct strv words = STRV_INIT;
	AUTO(util_free) char *file = NULL;
	int r = cc_response_expand(argv, p->cwd, &words, &file);

	if (r == CC_RESPONSE_UNSURE) {
		strv_fini(&words);
		r = parse_local(p, CC_LOCAL_RESPONSE_FILE, file);
		if (r == 0)
			r = strv_push_all(&words, argv);
	}
	if (r < 0)
		return r;
	p->c->args = calloc(words.n + 1, sizeof(*p->c->args));
	if (!p->c->args)
		return -ENOMEM;
	for (size_t i = 0; i < words.n; i++)
		p->c->args[i].text = TAKE_PTR(words.v[i]);
	p->c->n_args = words.n;
	return 0;
}

static bool can_keep_directives(const struct cc_command *c)
{
	return c->kind == CC_KIND_COMPILE && c->family == CC_FAMILY_GCC &&
	       (c->language == CC_LANGUAGE_C || c->language == CC_LANGUAGE_CXX);
}

static int parse(struct parse *p, char *const *argv, char *const *envp)
{
	int r = set_args(p, argv);

	if (r < 0 || p->c->reason != CC_REMOTE_OK)
		return r;
	if (p->c->n_args == 0)
		return parse_kind(p, CC_KIND_OTHER, CC_LOCAL_NO_INPUT, NULL);
	r = look_at_environment(p, envp);
	if (r == 0)
		r = take_args(p);
	if (r == 0)
		r = decide(p);
	return r == -E2BIG ? -ENOMEM : r;
}

int cc_command_parse_as(enum cc_family family, char *const *argv, const char *cwd,
	char *const *envp, struct cc_command *ret)
{
	struct cc_command c = {.family = family, .kind = CC_KIND_OTHER, .directives_only = true};
	struct parse p = {.c = &c, .cwd = cwd, .envp = envp};
	int r = parse(&p, argv, envp);

	if (!can_keep_directives(&c))
		c.directives_only = false;
	strv_fini(&p.dirs);
	strv_fini(&p.includes);
	strv_fini(&p.given);
	if (r < 0)
		cc_command_fini(&c);
	else
		*ret = c;
	return r;
}

int cc_command_parse(char *const *argv, const char *cwd, char *const *envp, struct cc_command *ret)
{
	enum cc_family family = argv[0] ? cc_compiler_family(argv[0], NULL) : CC_FAMILY_UNKNOWN;

	return cc_command_parse_as(family, argv, cwd, envp, ret);
}

void cc_command_fini(struct cc_command *c)
{
	for (size_t i = 0; i < c->n_args; i++)
		free(c->args[i].text);
	free(c->args);
	for (size_t i = 0; i < c->n_outputs; i++)
		free(c->outputs[i].path);
	free(c->outputs);
	free(c->object);
	free(c->detail);
	*c = (struct cc_command){.kind = CC_KIND_OTHER};
}
