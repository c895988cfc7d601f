/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "cc/parse.h"

/*
 * What a compile leaves, by the names that its compiler gives it: the object (or assembly), and the
 * files beside it. By experiment with gcc 12 and clang 14: all but clang's temporaries are named
 * after the object, with what follows its last dot replaced; these after the source.
 */

/* The path with what follows the last dot of its base name replaced, as the drivers do it. */
static char *replace_suffix(const char *path, const char *suffix)
{
	const char *base = path_base(path);
	const char *dot = strrchr(base, '.');
	size_t n = dot ? (size_t)(dot - path) : strlen(path);
	char *s = malloc(n + strlen(suffix) + 1);

	if (s) {
		memcpy(s, path, n);
		strcpy(s + n, suffix);
	}
	return s;
}

static int add_output(struct cc_command *c, enum cc_output_kind kind, char *path)
{
	struct cc_output *more;

	if (!path && kind != CC_OUTPUT_OTHER)
		return -ENOMEM;
	more = realloc(c->outputs, (c->n_outputs + 1) * sizeof(*more));
	if (!more) {
		free(path);
		return -ENOMEM;
	}
	c->outputs = more;
	c->outputs[c->n_outputs++] = (struct cc_output){.kind = kind, .path = path};
	return 0;
}

/* One whose name a compiler of another version may make in another way. */
static int add_certain(struct cc_command *c, enum cc_output_kind kind, char *path)
{
	int r = add_output(c, kind, path);

	if (r == 0)
		c->outputs[c->n_outputs - 1].certain = true;
	return r;
}

/* Then clang names it after the source, in the directory that is given for debug information. */
static bool has_odd_dwo(const struct parse *p)
{
	return p->c->family == CC_FAMILY_CLANG && p->extra_outputs & (1U << CC_OUTPUT_DWO) &&
	       (p->c->assembly || (p->c->comp_dir_given && !p->output));
}

static bool has_arg(const struct cc_command *c, const char *prefix)
{
	for (size_t i = 1; i < c->n_args; i++)
		if (str_starts(c->args[i].text, prefix))
			return true;
	return false;
}

/* Files named as the object is, but for what follows the last dot. */
static int add_beside(struct parse *p)
{
	const struct {
		enum cc_output_kind kind;
		const char *suffix;
		bool certain;
	} beside[] = {
		{CC_OUTPUT_DWO, ".dwo", false},
		{CC_OUTPUT_GCNO, ".gcno", false},
		{CC_OUTPUT_SU, ".su", false},
		{CC_OUTPUT_CALLGRAPH, ".ci", true},
		{CC_OUTPUT_TIME_TRACE, ".json", true},
		{CC_OUTPUT_REMARKS, p->remarks, true},
	};
	struct cc_command *c = p->c;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(beside); i++) {
		enum cc_output_kind kind = beside[i].kind;

		if (!(p->extra_outputs & (1U << kind)))
			continue;
		if (kind == CC_OUTPUT_REMARKS && p->remarks_file)
			r = add_output(c, kind, strdup(p->remarks_file));
		else if (beside[i].certain)
			r = add_certain(c, kind, replace_suffix(c->object, beside[i].suffix));
		else
			r = add_output(c, kind, replace_suffix(c->object, beside[i].suffix));
	}
	if (r == 0 && p->extra_outputs & (1U << CC_OUTPUT_REMARKS) &&
		has_arg(c, "-fno-save-optimization-record"))
		r = parse_local(p, CC_LOCAL_SIDE_OUTPUT, "-fsave-optimization-record");
	return r;
}

/* gcc names what -save-temps keeps after the object, clang after the source. */
static char *name_of_temps(const struct parse *p)
{
	const struct cc_command *c = p->c;
	const char *base = path_base(c->family == CC_FAMILY_CLANG ? c->input : c->object);
	AUTO(util_free) char *dir = NULL;

	if (str_eq(p->temps, "=cwd") || !strchr(c->object, '/'))
		return strdup(base);
	dir = path_dir(c->object);
	return dir ? path_join(dir, base) : NULL;
}

/* Then they are all in the working directory, and gcc looks for counts of earlier runs there, too. */
static bool temps_take_others_along(const struct parse *p)
{
	static const char *const others[] = {"-gsplit-dwarf", "--coverage", "-coverage",
		"-ftest-coverage", "-fprofile", "-fbranch-", "-fauto-profile", "-fstack-usage",
		"-fcallgraph-info"};
	const struct cc_command *c = p->c;
	bool any = false;

	if (c->family == CC_FAMILY_CLANG || !str_eq(p->temps, "=cwd") || !strchr(c->object, '/'))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		any |= has_arg(c, others[i]);
	return any;
}

static int add_temps(struct parse *p)
{
	struct cc_command *c = p->c;
	bool cxx = c->language == CC_LANGUAGE_CXX, clang = c->family == CC_FAMILY_CLANG;
	AUTO(util_free) char *name = name_of_temps(p);
	int r;

	if (!name)
		return -ENOMEM;
	/* Other languages, and clang's other ways to an object, have other files. */
	if ((!cxx && c->language != CC_LANGUAGE_C) || temps_take_others_along(p) ||
		(clang && (has_arg(c, "-flto") || has_arg(c, "-emit-llvm") ||
				  has_arg(c, "-fembed-bitcode"))))
		return parse_local(p, CC_LOCAL_SAVE_TEMPS, p->temps);
	r = add_certain(c, CC_OUTPUT_TEMPS, replace_suffix(name, cxx ? ".ii" : ".i"));
	if (r == 0 && clang)
		r = add_certain(c, CC_OUTPUT_TEMPS, replace_suffix(name, ".bc"));
	if (r == 0 && !c->assembly)
		r = add_certain(c, CC_OUTPUT_TEMPS, replace_suffix(name, ".s"));
	return r;
}

static int add_extra(struct parse *p)
{
	int r = add_beside(p);

	if (r == 0 && p->extra_outputs & (1U << CC_OUTPUT_TEMPS))
		r = add_temps(p);
	for (size_t i = 0; r == 0 && i < p->given.n; i++)
		r = add_output(p->c, CC_OUTPUT_GIVEN, strdup(p->given.v[i]));
	if (r == 0 && has_odd_dwo(p)) {
		p->extra_outputs |= 1U << CC_OUTPUT_OTHER;
		r = parse_local(p, CC_LOCAL_SIDE_OUTPUT, "-gsplit-dwarf");
	}
	if (r == 0 && p->extra_outputs & (1U << CC_OUTPUT_OTHER))
		r = add_output(p->c, CC_OUTPUT_OTHER, NULL);
	return r;
}

int parse_outputs(struct parse *p)
{
	struct cc_command *c = p->c;
	const char *deps = p->wp_deps ? p->wp_deps : p->deps_file;
	int r;

	c->assembly = p->modes & PARSE_ASSEMBLY;
	c->object = p->output ? strdup(p->output)
			      : replace_suffix(path_base(p->input), c->assembly ? ".s" : ".o");
	if (!c->object)
		return -ENOMEM;
	r = add_output(c, CC_OUTPUT_OBJECT, strdup(c->object));
	c->deps = p->deps || p->wp_deps;
	if (r == 0 && c->deps)
		r = add_output(
			c, CC_OUTPUT_DEPS, deps ? strdup(deps) : replace_suffix(c->object, ".d"));
	return r == 0 ? add_extra(p) : r;
}

int parse_outputs_look(struct parse *p)
{
	for (size_t i = 0; i < p->c->n_outputs; i++) {
		AUTO(util_free) char *path = NULL;
		struct stat st;

		if (!p->c->outputs[i].path)
			continue;
		path = path_join(p->cwd, p->c->outputs[i].path);
		if (!path)
			return -ENOMEM;
		if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
			return parse_local(p, CC_LOCAL_OUTPUT_NOT_REGULAR, p->c->outputs[i].path);
	}
	return 0;
}
