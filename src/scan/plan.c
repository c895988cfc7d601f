/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scan/plan.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/env.h"
#include "cc/compiler.h"
#include "scan/plan_options.h"
#include "scan/plan_profile.h"

/*
 * One walk over the command's words, each looked up in cc's option table as cc/command.c does, and
 * done as scan/plan_options.c says. What -Wp, and -Xpreprocessor hand on is kept until the end:
 * both drivers put it behind everything else.
 *
 * A reason why no scan can tell is a sentence that begins with the word at fault.
 */

enum { WORD_MAX = 256 }; /* bytes of a word that are shown in a reason */

struct walk {
	struct scan_plan *p;
	const struct cc_command *c;
	struct strv late; /* words behind -Wp, and -Xpreprocessor */
	enum cc_language forced;
	enum cc_language input_language;
	bool arch;
	struct plan_profile profile;
	char *reason; /* set: unknown */
};

/* The first reason stays. -ENOMEM. */
static int unknown(struct walk *w, const char *word, const char *why)
{
	if (w->reason)
		return 0;
	if (asprintf(&w->reason, "%.*s: %s", WORD_MAX, word, why) < 0) {
		w->reason = NULL;
		return -ENOMEM;
	}
	return 0;
}

static bool is_name_start(char c)
{
	return isalpha((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

static size_t name_length(const char *s)
{
	size_t n = 0;

	if (!is_name_start(s[0]))
		return 0;
	while (is_name_start(s[n]) || isdigit((unsigned char)s[n]))
		n++;
	return n;
}

/* Is the ' at s[i] within a number, and no quote? ("u8'a'" begins with a letter.) */
static bool is_separator(const char *s, size_t i)
{
	size_t start = i;

	while (start > 0 && (isalnum((unsigned char)s[start - 1]) || strchr("_.'", s[start - 1])))
		start--;
	return start < i && isdigit((unsigned char)s[start]) && isxdigit((unsigned char)s[i - 1]) &&
	       isxdigit((unsigned char)s[i + 1]);
}

/*
 * Text that both compilers take as it stands, up to its end: no line break, no backslash or
 * trigraph that would join the next line, no comment left open, no quote left open.
 */
static bool is_plain_text(const char *s)
{
	size_t n = strlen(s);
	char quote = '\0';

	while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t'))
		n--;
	if (n > 0 && s[n - 1] == '\\')
		return false;
	for (size_t i = 0; s[i]; i++) {
		if (s[i] == '\n' || s[i] == '\r' || s[i] == '\v' || s[i] == '\f' ||
			(s[i] == '?' && s[i + 1] == '?'))
			return false;
		if (quote && s[i] == '\\')
			i++;
		else if (quote && s[i] == quote)
			quote = '\0';
		else if (!quote && s[i] == '\'' && is_separator(s, i))
			continue; /* a digit separator; where there are none, gcc and clang go on too */
		else if (!quote && (s[i] == '"' || s[i] == '\''))
			quote = s[i];
		else if (!quote && s[i] == '/' && (s[i + 1] == '*' || s[i + 1] == '/'))
			return false;
	}
	return !quote;
}

static bool is_definable(const char *name, size_t n)
{
	static const char *const not [] = {
		"defined", "__has_include", "__has_include_next", "__has_embed"};

	for (size_t i = 0; i < ARRAY_SIZE(not ); i++)
		if (strlen(not [i]) == n && memcmp(not [i], name, n) == 0)
			return false;
	return n > 0;
}

static int define(struct walk *w, const char *arg, const char *value)
{
	size_t n, end, equal;

	while (*value == ' ')
		value++;
	n = end = name_length(value);
	equal = strcspn(value, "=");
	if (value[n] == '(')
		end = n + strcspn(value + n, ")") + 1;
	if (!is_definable(value, n) || end > equal || !is_plain_text(value) ||
		(value[end] && value[end] != '=' && value[end] != ' '))
		return unknown(w, arg, "a definition that compilers read in ways of their own");
	if (value[equal])
		return buf_printf(
			&w->p->defines, "#define %.*s %s\n", (int)equal, value, value + equal + 1);
	return buf_printf(&w->p->defines, "#define %s 1\n", value);
}

static int undef(struct walk *w, const char *arg, const char *value)
{
	size_t n;

	while (*value == ' ')
		value++;
	n = name_length(value);
	if (n == 0 || value[n])
		return unknown(w, arg, "not a macro's name");
	return buf_printf(&w->p->defines, "#undef %s\n", value);
}

static int directory(struct walk *w, enum scan_dir_kind kind, const char *arg, const char *value)
{
	struct scan_plan *p = w->p;
	struct scan_plan_dir *more;

	if (kind == SCAN_DIR_ANGLED && str_eq(value, "-"))
		return unknown(w, arg, "it changes how headers are searched in an obsolete way");
	if (!*value)
		return unknown(w, arg, "a directory without a name");
	/* A sysroot is put in front by the compiler; a header map is a file. */
	if (value[0] == '=' || str_starts(value, "$SYSROOT"))
		p->search_by_compiler = true;
	if (str_ends(value, ".hmap"))
		return unknown(w, arg, "a header map");
	more = reallocarray(p->dirs, p->n_dirs + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	p->dirs = more;
	p->dirs[p->n_dirs++] = (struct scan_plan_dir){kind, value};
	return 0;
}

/* The value is cut at the commas, but for -MD and its like, whose file is the rest. */
static int handed_on(struct walk *w, const char *arg, const char *value)
{
	bool joined = str_starts(arg, "-Wp,");

	if (joined && (str_starts(value, "-MD,") || str_starts(value, "-MMD,")))
		return 0;
	if (!joined)
		return strv_push(&w->late, value);
	for (;;) {
		size_t n = strcspn(value, ",");
		int r = strv_push_n(&w->late, value, n);

		if (r < 0 || !value[n])
			return r;
		value += n + 1;
	}
}

/* One word of those that were handed on. The plan points into words: it keeps them. */
static int late_word(struct walk *w, const char *word)
{
	if (str_eq(word, "-MD") || str_eq(word, "-MMD") || str_eq(word, "-MP"))
		return 0;
	if (str_starts(word, "-D") && word[2])
		return define(w, word, word + 2);
	if (str_starts(word, "-U") && word[2])
		return undef(w, word, word + 2);
	if (str_starts(word, "-I") && word[2]) {
		int r = strv_push(&w->p->search_args, word);

		return r < 0 ? r : directory(w, SCAN_DIR_ANGLED, word, word + 2);
	}
	return unknown(w, word, "an option of the preprocessor that is not looked into");
}

static int assembler(struct walk *w, const char *arg, const char *value)
{
	bool joined = str_starts(arg, "-Wa,");

	for (;;) {
		size_t n = joined ? strcspn(value, ",") : strlen(value);
		int r = 0;

		if (value[0] == '@' || (n == 2 && str_starts(value, "-I")))
			r = unknown(w, arg, "an option of the assembler that is not looked into");
		else if (n > 2 && str_starts(value, "-I"))
			r = strv_push_n(&w->p->assembler_dirs, value + 2, n - 2);
		if (r < 0 || !value[n])
			return r;
		value += n + 1;
	}
}

static bool warning_matters(const char *name)
{
	static const char *const matters[] = {"deprecated", "pedantic", "vla", "attributes"};

	for (size_t i = 0; name && i < ARRAY_SIZE(matters); i++)
		if (strstr(name, matters[i]))
			return true;
	return false;
}

static bool is_ascii_charset(const char *name)
{
	static const char *const names[] = {"utf-8", "utf8", "ascii", "us-ascii", "iso-8859-1",
		"latin1", "iso8859-1", "iso-8859-15"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcasecmp(names[i], name) == 0)
			return true;
	return false;
}

static bool is_utf8_charset(const char *name)
{
	return strcasecmp(name, "utf-8") == 0 || strcasecmp(name, "utf8") == 0;
}

static int sticky(struct walk *w, enum plan_action action, const char *arg, const char *value)
{
	struct scan_plan *p = w->p;

	switch (action) {
	case PLAN_DIR_OTHER:
		p->search_by_compiler = true;
		return 0;
	case PLAN_PATH:
		if (value && value[0] != '/')
			p->cwd_matters = true;
		return 0;
	case PLAN_NATIVE:
		if (value && str_starts(value, "native"))
			p->native = true;
		return 0;
	case PLAN_FILE_MAP:
		p->file_macro_mapped = true;
		return 0;
	case PLAN_CHARSET:
		if (!value || !is_ascii_charset(value) ||
			(str_starts(arg, "-finput-charset") && !is_utf8_charset(value)))
			return unknown(w, arg, "text is not read as UTF-8");
		return 0;
	case PLAN_ARCH:
		if (w->arch)
			return unknown(w, arg, "more than one architecture");
		w->arch = true;
		return 0;
	default:
		return 0;
	}
}

/* Into which of the two lists the words go. */
enum keep { KEEP_NOT, KEEP_SEARCH, KEEP_KEY };

static enum keep keep_of(enum plan_action action)
{
	switch (action) {
	case PLAN_KEY:
	case PLAN_PATH:
	case PLAN_NATIVE:
	case PLAN_FILE_MAP:
	case PLAN_CHARSET:
	case PLAN_ARCH:
	case PLAN_PLUGIN:
	case PLAN_SPECS:
	case PLAN_XCLANG:
	case PLAN_DIR_OTHER:
		return KEEP_KEY;
	case PLAN_DIR_QUOTE:
	case PLAN_DIR_ANGLED:
	case PLAN_DIR_SYSTEM:
	case PLAN_DIR_AFTER:
		return KEEP_SEARCH;
	default:
		return KEEP_NOT;
	}
}

/* "-fplugin=PATH", "-fplugin-arg-NAME-KEY=VALUE" */
static int plugin(struct walk *w, const char *arg, const char *value)
{
	if (w->c->exact_reasons >> CC_LOCAL_PLUGIN & 1)
		return unknown(w, arg, cc_reason_sentence(CC_LOCAL_PLUGIN));
	/* What it is told may be a path. */
	w->p->cwd_matters = true;
	return *value == '=' ? strv_push(&w->p->plugins, value + 1) : 0;
}

static int act(struct walk *w, const struct cc_option *o, const char *arg, const char *value,
	enum keep *keep)
{
	enum plan_action action = plan_action_of(o);
	bool key = false;
	int r = 0;

	*keep = keep_of(action);
	if (w->p->family == CC_FAMILY_CLANG && str_starts(arg, "-fms-compatibility"))
		return unknown(w, arg, "headers are searched beside all that include them");
	switch (action) {
	case PLAN_UNKNOWN:
		return unknown(w, arg,
			o->reason ? cc_reason_sentence((enum cc_reason)o->reason)
				  : "it is not known how headers are found then");
	case PLAN_DEFINE:
		return define(w, arg, value);
	case PLAN_UNDEF:
		return undef(w, arg, value);
	case PLAN_DIR_QUOTE:
		return directory(w, SCAN_DIR_QUOTE, arg, value);
	case PLAN_DIR_ANGLED:
		return directory(w, SCAN_DIR_ANGLED, arg, value);
	case PLAN_DIR_SYSTEM:
		return directory(w, SCAN_DIR_SYSTEM, arg, value);
	case PLAN_DIR_AFTER:
		return directory(w, SCAN_DIR_AFTER, arg, value);
	case PLAN_INCLUDE:
		return strv_push(&w->p->includes, value);
	case PLAN_IMACROS:
		return strv_push(&w->p->imacros, value);
	case PLAN_LANGUAGE:
		return cc_language_of_word(value, &w->forced)
			       ? 0
			       : unknown(w, value, "not a language that is scanned");
	case PLAN_WP:
		return handed_on(w, arg, value);
	case PLAN_WA:
		/* clang's own assembler takes the processor from there. */
		*keep = w->c->family == CC_FAMILY_CLANG ? KEEP_KEY : KEEP_NOT;
		return assembler(w, arg, value);
	case PLAN_WARNING:
		*keep = warning_matters(value) ? KEEP_KEY : KEEP_NOT;
		return 0;
	case PLAN_SPECS:
		if (w->p->family == CC_FAMILY_CLANG)
			return unknown(w, arg, cc_reason_sentence(CC_LOCAL_TOOLCHAIN));
		/* It is searched for specs too, and is in no key. */
		if (env_get(w->p->envp, "LIBRARY_PATH"))
			return unknown(w, arg, "LIBRARY_PATH is set");
		w->p->search_by_compiler = true;
		return strv_push(&w->p->specs, value);
	case PLAN_PLUGIN:
		return plugin(w, arg, value);
	case PLAN_EXTRA:
		return strv_push(&w->p->extra_inputs, value);
	case PLAN_PROFILE:
		r = plan_profile_option(&w->profile, w->p, arg, &key);
		if (r == PLAN_PROFILE_UNKNOWN)
			return unknown(
				w, arg, "the compiler reads files whose names it works out itself");
		*keep = key ? KEEP_KEY : KEEP_NOT;
		return r;
	default:
		return sticky(w, action, arg, value);
	}
}

static int keep_words(struct walk *w, enum keep keep, size_t first, size_t end)
{
	int r = 0;

	for (size_t i = first; r == 0 && keep != KEEP_NOT && i < end; i++) {
		r = strv_push(&w->p->search_args, w->c->args[i].text);
		if (r == 0 && keep == KEEP_KEY)
			r = strv_push(&w->p->key_args, w->c->args[i].text);
	}
	return r;
}

/* "-Xclang WORD [-Xclang VALUE]"; *i is at the first -Xclang and is left at the last word. */
static int xclang(struct walk *w, size_t *i)
{
	const struct cc_arg *a = w->c->args;
	const char *value = NULL;
	bool separate = false;
	size_t first = *i;
	const struct cc_option *o;

	o = *i + 1 < w->c->n_args ? cc_option_find_xclang(a[*i + 1].text, &value, &separate) : NULL;
	if (!o || (separate && *i + 3 >= w->c->n_args))
		return unknown(w, a[*i + (*i + 1 < w->c->n_args)].text,
			cc_reason_sentence(CC_LOCAL_FRONTEND_OPTION));
	*i += separate ? 3 : 1;
	if (plan_action_of(o) == PLAN_DROP)
		return 0;
	return keep_words(w, KEEP_KEY, first, *i + 1);
}

static int option(struct walk *w, size_t *i)
{
	const struct cc_arg *a = &w->c->args[*i];
	const char *value = NULL;
	bool separate = false;
	const struct cc_option *o = cc_option_find(a->text, w->c->family, &value, &separate);
	enum keep keep = KEEP_NOT;
	size_t first = *i;
	int r;

	if (!o)
		return unknown(w, a->text, cc_reason_sentence(CC_LOCAL_UNKNOWN_OPTION));
	if (plan_action_of(o) == PLAN_XCLANG)
		return xclang(w, i);
	if (separate) {
		if (*i + 1 == w->c->n_args)
			return unknown(w, a->text, cc_reason_sentence(CC_LOCAL_MISSING_VALUE));
		value = a[1].text;
		++*i;
	}
	r = act(w, o, a->text, value, &keep);
	return r < 0 ? r : keep_words(w, keep, first, *i + 1);
}

static int input(struct walk *w, const char *name)
{
	if (w->p->input)
		return unknown(w, name, "more than one input");
	if (str_eq(name, "-"))
		return unknown(w, name, cc_reason_sentence(CC_LOCAL_STDIN));
	w->p->input = name;
	w->input_language = w->forced != CC_LANGUAGE_NONE ? w->forced : cc_language_of_file(name);
	if (w->forced == CC_LANGUAGE_NONE && cc_compiler_is_cxx(w->c->args[0].text)) {
		if (w->input_language == CC_LANGUAGE_C)
			w->input_language = CC_LANGUAGE_CXX;
		if (w->input_language == CC_LANGUAGE_C_CPP)
			w->input_language = CC_LANGUAGE_CXX_CPP;
	}
	return 0;
}

static int words(struct walk *w)
{
	int r = 0;

	for (size_t i = 1; r == 0 && !w->reason && i < w->c->n_args; i++) {
		const char *text = w->c->args[i].text;

		if (text[0] == '-' && text[1])
			r = option(w, &i);
		else if (text[0])
			r = input(w, text);
		else
			r = unknown(w, "\"\"", "an empty argument");
	}
	for (size_t i = 0; r == 0 && !w->reason && i < w->late.n; i++)
		r = late_word(w, w->late.v[i]);
	return r;
}

/* Variables by what they do to a scan. */
static int environment(struct walk *w)
{
	static const struct {
		const char *name;
		enum { LISTS, KEY, REWRITES } what;
	} variables[] = {
		{"CPATH", LISTS},
		{"C_INCLUDE_PATH", LISTS},
		{"CPLUS_INCLUDE_PATH", LISTS},
		{"OBJC_INCLUDE_PATH", LISTS},
		{"OBJCPLUS_INCLUDE_PATH", LISTS},
		{"GCC_EXEC_PREFIX", KEY},
		{"COMPILER_PATH", KEY},
		{"LD_LIBRARY_PATH", KEY},
		{"LD_PRELOAD", KEY},
		{"SDKROOT", KEY},
		{"MACOSX_DEPLOYMENT_TARGET", KEY},
		{"IPHONEOS_DEPLOYMENT_TARGET", KEY},
		{"TVOS_DEPLOYMENT_TARGET", KEY},
		{"WATCHOS_DEPLOYMENT_TARGET", KEY},
		{"DRIVERKIT_DEPLOYMENT_TARGET", KEY},
		{"CCC_OVERRIDE_OPTIONS", REWRITES},
		{"CCC_ADD_ARGS", REWRITES},
		{"GCC_COMPARE_DEBUG", REWRITES},
	};

	for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
		const char *value = env_get(w->p->envp, variables[i].name);
		int r;

		if (!value)
			continue;
		if (variables[i].what == REWRITES && w->p->family == CC_FAMILY_GCC &&
			str_starts(variables[i].name, "CCC_"))
			continue;
		if (variables[i].what == REWRITES)
			return unknown(w, variables[i].name, "it changes the command");
		r = strv_pushf(&w->p->key_env, "%s=%s", variables[i].name, value);
		if (r < 0)
			return r;
		w->p->cwd_matters = true;
		if (variables[i].what == LISTS)
			w->p->search_by_compiler = true;
	}
	return 0;
}

static bool is_scannable(enum cc_language language)
{
	return language != CC_LANGUAGE_NONE && language != CC_LANGUAGE_HEADER &&
	       language != CC_LANGUAGE_OTHER;
}

static int decide(struct walk *w)
{
	struct scan_plan *p = w->p;

	if (!p->input)
		return unknown(w, w->c->args[0].text, cc_reason_sentence(CC_LOCAL_NO_INPUT));
	if (!is_scannable(w->input_language))
		return unknown(w, p->input, cc_reason_sentence(CC_LOCAL_NOT_A_SOURCE));
	p->language = w->input_language;
	p->preprocessed =
		cc_language_is_preprocessed(p->language) || p->language == CC_LANGUAGE_ASM;
	return plan_profile_end(&w->profile, p, w->c->object);
}

static int walk(struct walk *w)
{
	const struct cc_command *c = w->c;
	int r;

	if (c->reason == CC_LOCAL_RESPONSE_FILE)
		return unknown(w, c->detail ? c->detail : "@", cc_reason_sentence(c->reason));
	if (c->n_args == 0)
		return unknown(w, "", "an empty command");
	if (c->kind != CC_KIND_COMPILE &&
		!(c->kind == CC_KIND_OTHER && c->reason == CC_LOCAL_SYNTAX_ONLY))
		return unknown(w, c->args[0].text,
			c->reason == CC_REMOTE_OK ? "it compiles no source alone"
						  : cc_reason_sentence(c->reason));
	if (c->family == CC_FAMILY_UNKNOWN)
		return unknown(w, c->args[0].text, cc_reason_sentence(CC_LOCAL_UNKNOWN_COMPILER));
	r = environment(w);
	if (r == 0 && !w->reason)
		r = words(w);
	if (r == 0 && !w->reason)
		r = decide(w);
	return r;
}

int scan_plan_init(struct scan_plan *ret, const struct cc_command *c, const char *compiler,
	const char *cwd, char *const *envp, char **ret_reason)
{
	struct scan_plan p = {
		.compiler = compiler,
		.family = c->family,
		.cwd = cwd,
		.envp = envp,
	};
	struct walk w = {.p = &p, .c = c};
	int r = walk(&w);

	plan_profile_fini(&w.profile);
	/* plan.dirs may point into them */
	p.late = w.late;
	if (r == 0 && !w.reason) {
		*ret = p;
		return 0;
	}
	scan_plan_fini(&p);
	if (r < 0) {
		free(w.reason);
		return r == -E2BIG ? -ENOMEM : r;
	}
	*ret_reason = w.reason;
	return SCAN_PLAN_UNKNOWN;
}

void scan_plan_fini(struct scan_plan *p)
{
	buf_fini(&p->defines);
	strv_fini(&p->imacros);
	strv_fini(&p->includes);
	strv_fini(&p->search_args);
	strv_fini(&p->key_args);
	strv_fini(&p->key_env);
	strv_fini(&p->extra_inputs);
	strv_fini(&p->optional_inputs);
	strv_fini(&p->specs);
	strv_fini(&p->plugins);
	strv_fini(&p->assembler_dirs);
	strv_fini(&p->late);
	free(p->dirs);
	*p = (struct scan_plan){.compiler = NULL};
}
