/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cc/split.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "cc/options.h"

/*
 * The two command lines of a split compile are the original's words by role, in their order, with
 * a few replaced.
 *
 * The preprocessor writes to standard output, so it has no -o, and what the driver would derive
 * from -o for the .d must be said: -MF with the file, and -MQ with the object unless the user
 * named targets. Without -o both come out of the source's name, with -E as without.
 * "-Wp,-MD,FILE" becomes -MD -MF FILE; gcc's preprocessor does not know -o in that form, so no
 * -MQ is added for gcc, while clang's driver handles both forms alike.
 */

static bool has_role(const struct cc_command *c, enum cc_role role)
{
	for (size_t i = 1; i < c->n_args; i++)
		if (c->args[i].role == role)
			return true;
	return false;
}

static const char *deps_of(const struct cc_command *c, const struct cc_split *s)
{
	if (s->deps_path)
		return s->deps_path;
	for (size_t i = 0; i < c->n_outputs; i++)
		if (c->outputs[i].kind == CC_OUTPUT_DEPS)
			return c->outputs[i].path;
	return NULL;
}

struct cpp_args {
	struct strv *out;
	bool targets; /* -MT, -MQ */
	bool wp;      /* -Wp,-MD,FILE */
};

/* The word at *i that only the preprocessor gets, and its value. */
static int push_cpp_arg(const struct cc_command *c, size_t *i, struct cpp_args *a)
{
	const char *arg = c->args[*i].text, *value = NULL;
	bool separate = false;
	const struct cc_option *o = cc_option_find(arg, c->family, &value, &separate);
	int r;

	if (o && o->mean == CC_MEAN_DEPS_FILE) {
		*i += separate;
		return 0;
	}
	if (o && o->mean == CC_MEAN_WP && value &&
		(str_starts(value, "-MD,") || str_starts(value, "-MMD,"))) {
		a->wp = true;
		return strv_push(a->out, value[2] == 'M' ? "-MMD" : "-MD");
	}
	if (o && o->mean == CC_MEAN_DEPS_TARGET)
		a->targets = true;
	r = strv_push(a->out, arg);
	if (r == 0 && separate)
		r = strv_push(a->out, c->args[++*i].text);
	return r;
}

static int push_dependencies(
	const struct cc_command *c, const struct cc_split *s, const struct cpp_args *a)
{
	const char *deps = deps_of(c, s);
	int r;

	if (!c->deps || !deps)
		return 0;
	r = strv_push(a->out, "-MF");
	if (r == 0)
		r = strv_push(a->out, deps);
	if (r < 0 || a->targets || !has_role(c, CC_ROLE_OUTPUT) ||
		(a->wp && c->family == CC_FAMILY_GCC))
		return r;
	r = strv_push(a->out, "-MQ");
	return r < 0 ? r : strv_push(a->out, c->object);
}

static int push_colour(const struct cc_command *c, const struct cc_split *s, struct strv *out)
{
	if (c->colour_given || s->colour == CC_COLOUR_ASIS)
		return 0;
	return strv_push(out, s->colour == CC_COLOUR_ALWAYS ? "-fdiagnostics-color=always"
							    : "-fdiagnostics-color=never");
}

static int push_words(const struct cc_command *c, struct cpp_args *a)
{
	bool mode = false;
	int r = strv_push(a->out, c->args[0].text);

	for (size_t i = 1; r == 0 && i < c->n_args; i++) {
		switch (c->args[i].role) {
		case CC_ROLE_CPP:
			r = push_cpp_arg(c, &i, a);
			break;
		case CC_ROLE_MODE:
			if (!mode)
				r = strv_push(a->out, "-E");
			mode = true;
			break;
		case CC_ROLE_BOTH:
		case CC_ROLE_INPUT:
		case CC_ROLE_LANGUAGE:
			r = strv_push(a->out, c->args[i].text);
			break;
		case CC_ROLE_COMPILE:
		case CC_ROLE_OUTPUT:
		case CC_ROLE_LINK:
			break;
		}
	}
	return r;
}

int cc_split_cpp(const struct cc_command *c, const struct cc_split *s, struct strv *ret)
{
	AUTO(strv_fini) struct strv out = STRV_INIT;
	struct cpp_args a = {.out = &out};
	int r = push_words(c, &a);

	if (r == 0)
		r = push_dependencies(c, s, &a);
	if (r == 0 && s->directives_only && c->directives_only)
		r = strv_push(&out, "-fdirectives-only");
	if (r == 0)
		r = push_colour(c, s, &out);
	if (r < 0)
		return -ENOMEM;
	*ret = out;
	out = (struct strv)STRV_INIT;
	return 0;
}

/* Extensions that servers of distcc 3.4 know, which tell the language of the text by them. */
static bool known_everywhere(const char *name)
{
	static const char *const known[] = {".c", ".i", ".cc", ".cpp", ".cxx", ".cp", ".c++", ".C",
		".ii", ".m", ".mi", ".mm", ".M", ".mii"};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (str_eq(path_ext(name), known[i]))
			return true;
	return false;
}

/* The source's base name, with an extension that says its language; malloc'ed. */
static char *operand_name(const struct cc_command *c)
{
	const char *base = path_base(c->input);
	bool same = cc_language_of_file(base) == c->language && known_everywhere(base);
	AUTO(util_free)
	char *name = same ? strdup(base) : path_with_ext(base, cc_language_extension(c->language));

	if (name && (name[0] == '-' || name[0] == '@'))
		name[0] = '_';
	return TAKE_PTR(name);
}

static int push_files(const struct cc_command *c, struct strv *out)
{
	AUTO(util_free) char *source = operand_name(c);
	AUTO(util_free)
	char *object = source ? path_with_ext(source, c->assembly ? ".s" : ".o") : NULL;
	int r;

	if (!object)
		return -ENOMEM;
	r = strv_push(out, c->assembly ? "-S" : "-c");
	if (r == 0)
		r = strv_push(out, source);
	if (r == 0)
		r = strv_push(out, "-o");
	return r < 0 ? r : strv_push(out, object);
}

/*
 * gcc writes the client's directory into the preprocessed text (-fworking-directory, on with -g);
 * clang has to be told.
 */
static int push_comp_dir(const struct cc_command *c, const struct cc_split *s, struct strv *out)
{
	if (c->family != CC_FAMILY_CLANG || !c->debug || c->comp_dir_given || !s->cwd)
		return 0;
	return strv_pushf(out, "-fdebug-compilation-dir=%s", s->cwd);
}

/* clang compiles for its own machine unless told otherwise. */
static int push_target(const struct cc_command *c, const struct cc_split *s, struct strv *out)
{
	if (c->family != CC_FAMILY_CLANG || !s->target)
		return 0;
	for (size_t i = 1; i < c->n_args; i++)
		if (str_eq(c->args[i].text, "-target") || str_eq(c->args[i].text, "-arch") ||
			str_starts(c->args[i].text, "--target="))
			return 0;
	return strv_pushf(out, "--target=%s", s->target);
}

/*
 * clang's driver leaves -fmacro-prefix-map out when the text is preprocessed, but __builtin_FILE
 * is only expanded then.
 */
static int push_remote_arg(const struct cc_command *c, const char *arg, struct strv *out)
{
	const char *map = NULL;
	int r = 0;

	if (c->family == CC_FAMILY_CLANG && str_starts(arg, "-fmacro-prefix-map="))
		map = arg;
	if (c->family == CC_FAMILY_CLANG && str_starts(arg, "-ffile-prefix-map="))
		map = arg + strlen("-ffile-prefix-map=");
	if (map != arg)
		r = strv_push(out, arg);
	if (r == 0 && map)
		r = strv_push(out, "-Xclang");
	if (r == 0 && map)
		r = strv_pushf(out, "%s%s", map == arg ? "" : "-fmacro-prefix-map=", map);
	return r;
}

int cc_split_remote(const struct cc_command *c, const struct cc_split *s, const char *compiler_name,
	struct strv *ret)
{
	AUTO(strv_fini) struct strv out = STRV_INIT;
	int r = strv_push(&out, compiler_name);

	for (size_t i = 1; r == 0 && i < c->n_args; i++)
		if (c->args[i].role == CC_ROLE_BOTH || c->args[i].role == CC_ROLE_COMPILE)
			r = push_remote_arg(c, c->args[i].text, &out);
	if (r == 0)
		r = push_target(c, s, &out);
	if (r == 0)
		r = push_comp_dir(c, s, &out);
	if (r == 0 && s->directives_only && c->directives_only)
		r = strv_push(&out, "-fdirectives-only");
	if (r == 0)
		r = push_colour(c, s, &out);
	if (r == 0)
		r = push_files(c, &out);
	if (r < 0)
		return -ENOMEM;
	*ret = out;
	out = (struct strv)STRV_INIT;
	return 0;
}
