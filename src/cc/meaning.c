/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/path.h"
#include "cc/options.h"
#include "cc/parse.h"

/*
 * One handler for each thing that options mean (enum cc_mean), called in the order of the command
 * line. A handler notes what it found in struct parse; what follows from several options together
 * is worked out at the end, in cc/command.c.
 */

typedef int handler(struct parse *p, const char *arg, const char *value);

static int mode_object(struct parse *p, const char *arg, const char *value)
{
	p->modes |= PARSE_OBJECT;
	return 0;
}

static int mode_assembly(struct parse *p, const char *arg, const char *value)
{
	p->modes |= PARSE_ASSEMBLY;
	return 0;
}

static int mode_preprocess(struct parse *p, const char *arg, const char *value)
{
	p->modes |= PARSE_PREPROCESS;
	return 0;
}

static int mode_syntax(struct parse *p, const char *arg, const char *value)
{
	p->modes |= PARSE_SYNTAX;
	return 0;
}

static int mode_information(struct parse *p, const char *arg, const char *value)
{
	p->modes |= PARSE_INFORMATION;
	return 0;
}

static int output(struct parse *p, const char *arg, const char *value)
{
	if (p->output)
		return parse_local(p, CC_LOCAL_SEVERAL_OUTPUTS, value);
	p->output = value;
	if (str_eq(value, "-"))
		return parse_local(p, CC_LOCAL_STDOUT, NULL);
	return 0;
}

static int language(struct parse *p, const char *arg, const char *value)
{
	if (cc_language_of_word(value, &p->forced))
		return 0;
	p->forced = CC_LANGUAGE_OTHER;
	return parse_local(p, CC_LOCAL_LANGUAGE, value);
}

static int deps(struct parse *p, const char *arg, const char *value)
{
	if (p->deps || p->wp_deps)
		return parse_local(p, CC_LOCAL_DEPENDENCIES, arg);
	p->deps = true;
	return 0;
}

static int deps_file(struct parse *p, const char *arg, const char *value)
{
	p->deps_file = value;
	if (str_eq(value, "-"))
		return parse_local(p, CC_LOCAL_STDOUT, arg);
	return 0;
}

static int deps_extra(struct parse *p, const char *arg, const char *value)
{
	if (!p->deps_extra)
		p->deps_extra = arg;
	return 0;
}

static int deps_missing(struct parse *p, const char *arg, const char *value)
{
	return parse_local(p, CC_LOCAL_DEPENDENCIES, arg);
}

static int include_dir(struct parse *p, const char *arg, const char *value)
{
	return strv_push(&p->dirs, value);
}

static int include_file(struct parse *p, const char *arg, const char *value)
{
	return strv_push(&p->includes, value);
}

/*
 * "-Wp,-MD,FILE": gcc hands the words to its own preprocessor, which knows nothing of -o and takes
 * FILE for the dependencies; clang makes -MD -MF FILE of it.
 */
static int wp_deps(struct parse *p, const char *arg, const char *file)
{
	if (p->deps || p->wp_deps || !*file || strchr(file, ',') || str_eq(file, "-"))
		return parse_local(p, CC_LOCAL_DEPENDENCIES, arg);
	p->wp_deps = file;
	return 0;
}

static int wp(struct parse *p, const char *arg, const char *value)
{
	bool joined = str_starts(arg, "-Wp,");

	if (joined && (str_starts(value, "-MD,") || str_starts(value, "-MMD,")))
		return wp_deps(p, arg, strchr(value, ',') + 1);
	for (const char *piece = value; piece; piece = strchr(piece, ',')) {
		piece += piece != value;
		if (piece[0] != '-' || !piece[1] || !strchr("DU", piece[1]) || !piece[2] ||
			piece[2] == ',')
			return parse_local(p, CC_LOCAL_PREPROCESSOR_OPTION, arg);
		if (!joined)
			break;
	}
	return 0;
}

static int wa(struct parse *p, const char *arg, const char *value)
{
	AUTO(util_free) char *pieces = strdup(value);
	char *save = NULL;

	if (!pieces)
		return -ENOMEM;
	for (char *piece = strtok_r(pieces, ",", &save); piece;
		piece = strtok_r(NULL, ",", &save)) {
		int r = 0;

		if (!cc_option_assembler_exact(piece))
			return parse_local(p, CC_LOCAL_ASSEMBLER_OPTION, arg);
		if (!cc_option_assembler_ok(piece))
			r = parse_plain(p, CC_LOCAL_ASSEMBLER_OPTION, arg);
		if (r < 0)
			return r;
	}
	return 0;
}

static int native(struct parse *p, const char *arg, const char *value)
{
	/* -mcpu has diagnostics of its own where it is an old name of -mtune. */
	if (str_eq(value, "native") && !str_starts(arg, "-mcpu"))
		return parse_plain(p, CC_LOCAL_NATIVE, arg);
	if (str_starts(value, "native"))
		return parse_local(p, CC_LOCAL_NATIVE, arg);
	if (str_eq(value, "help") || str_eq(value, "?"))
		p->modes |= PARSE_INFORMATION;
	return 0;
}

static int arch(struct parse *p, const char *arg, const char *value)
{
	if (p->arch)
		return parse_local(p, CC_LOCAL_SEVERAL_ARCHITECTURES, value);
	p->arch = value;
	return 0;
}

static int full_text(struct parse *p, const char *arg, const char *value)
{
	p->c->directives_only = false;
	return 0;
}

static int quiet_unused(struct parse *p, const char *arg, const char *value)
{
	p->quiet_unused = true;
	return 0;
}

/* Macros are looked at twice where the text keeps its directives. */
static int warning(struct parse *p, const char *arg, const char *value)
{
	const char *name = value ? value : "";

	if (str_eq(name, "unused-macros"))
		p->c->directives_only = false;
	if (str_eq(name, "no-unused-command-line-argument"))
		p->quiet_unused = true;
	return 0;
}

static int colour(struct parse *p, const char *arg, const char *value)
{
	p->c->colour_given = !value || !str_eq(value, "=auto");
	return 0;
}

static int diagnostics_format(struct parse *p, const char *arg, const char *value)
{
	static const char *const plain[] = {"text", "clang", "msvc", "vi"};

	for (size_t i = 0; i < ARRAY_SIZE(plain); i++)
		if (str_eq(plain[i], value))
			return 0;
	return parse_local(p, CC_LOCAL_DIAGNOSTICS, arg);
}

static int debug(struct parse *p, const char *arg, const char *value)
{
	p->c->debug = true;
	return 0;
}

static int debug_off(struct parse *p, const char *arg, const char *value)
{
	p->c->debug = false;
	return 0;
}

static int debug_macros(struct parse *p, const char *arg, const char *value)
{
	p->c->debug = true;
	p->c->directives_only = false;
	return 0;
}

static int comp_dir(struct parse *p, const char *arg, const char *value)
{
	p->c->comp_dir_given = true;
	return 0;
}

/*
 * The sanitizers that report places keep line and column in the object's data, and plain
 * preprocessing moves the columns in and behind macros. These do not.
 */
static bool keeps_no_places(const char *name, size_t n, enum cc_family family)
{
	static const char *const names[] = {"thread", "leak", "memory", "kernel-memory",
		"hwaddress", "dataflow", "fuzzer", "fuzzer-no-link", "safe-stack",
		"shadow-call-stack", "kcfi"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strlen(names[i]) == n && memcmp(names[i], name, n) == 0)
			return true;
	return family == CC_FAMILY_GCC && n == strlen("kernel-address") &&
	       memcmp(name, "kernel-address", n) == 0;
}

static int sanitize(struct parse *p, const char *arg, const char *value)
{
	while (*value) {
		size_t n = strcspn(value, ",");

		if (!keeps_no_places(value, n, p->c->family))
			return parse_local(p, CC_LOCAL_SANITIZER, arg);
		value += n + (value[n] == ',');
	}
	return 0;
}

static int basic_blocks(struct parse *p, const char *arg, const char *value)
{
	if (str_starts(value, "list="))
		return parse_local(p, CC_LOCAL_SIDE_INPUT, arg);
	return 0;
}

static int link_only(struct parse *p, const char *arg, const char *value)
{
	if (!p->unused)
		p->unused = arg;
	return 0;
}

static int library(struct parse *p, const char *arg, const char *value)
{
	p->libraries = true;
	return link_only(p, arg, value);
}

static int outputs(struct parse *p, const char *arg, const char *value)
{
	p->extra_outputs |= 1U << CC_OUTPUT_OTHER;
	return 0;
}

static int coverage(struct parse *p, const char *arg, const char *value)
{
	p->extra_outputs |= 1U << CC_OUTPUT_GCNO;
	return 0;
}

/* We add to clang's command line. */
static int recorded(struct parse *p, const char *arg, const char *value)
{
	if (p->c->family == CC_FAMILY_GCC)
		return parse_plain(p, CC_LOCAL_RECORDED_COMMAND, arg);
	return parse_local(p, CC_LOCAL_RECORDED_COMMAND, arg);
}

/* A file that the scanner finds by the option's value. */
static int side_input(struct parse *p, const char *arg, const char *value)
{
	return parse_plain(p, CC_LOCAL_SIDE_INPUT, arg);
}

/* Instrumented code writes its counts when it runs; a file of counts is one more input. */
static int profile(struct parse *p, const char *arg, const char *value)
{
	static const char *const exact[] = {"-fprofile-generate", "-fprofile-instr-generate",
		"-fprofile-update=", "-fprofile-values", "-fprofile-dir=", "-fprofile-abs-path",
		"-fprofile-reproducible=", "-fprofile-exclude-files=", "-fprofile-filter-files=",
		"-fprofile-partial-training", "-fprofile-correction", "-fprofile-reorder-functions",
		"-fprofile-use", "-fprofile-instr-use",
		"-fprofile-sample-use=", "-fprofile-list=", "-fauto-profile",
		"-fbranch-probabilities"};

	for (size_t i = 0; i < ARRAY_SIZE(exact); i++)
		if (str_starts(arg, exact[i]))
			return parse_plain(p, CC_LOCAL_PROFILE, arg);
	return parse_local(p, CC_LOCAL_PROFILE, arg);
}

static int profile_arcs(struct parse *p, const char *arg, const char *value)
{
	int r = coverage(p, arg, value);

	return r < 0 ? r : parse_plain(p, CC_LOCAL_PROFILE, arg);
}

static int split_dwarf(struct parse *p, const char *arg, const char *value)
{
	p->c->debug = true;
	if (!value || !str_eq(value, "=single"))
		p->extra_outputs |= 1U << CC_OUTPUT_DWO;
	return 0;
}

static int stack_usage(struct parse *p, const char *arg, const char *value)
{
	p->extra_outputs |= 1U << CC_OUTPUT_SU;
	return 0;
}

static int callgraph(struct parse *p, const char *arg, const char *value)
{
	p->extra_outputs |= 1U << CC_OUTPUT_CALLGRAPH;
	return parse_plain(p, CC_LOCAL_SIDE_OUTPUT, arg);
}

/* gcc's has addresses in it: it is never the same twice. */
static int remarks(struct parse *p, const char *arg, const char *value)
{
	static const char file[] = "-foptimization-record-file=";

	if (p->c->family != CC_FAMILY_CLANG)
		return parse_local(p, CC_LOCAL_SIDE_OUTPUT, arg);
	p->extra_outputs |= 1U << CC_OUTPUT_REMARKS;
	if (!p->remarks)
		p->remarks = ".opt.yaml";
	if (str_starts(arg, file))
		p->remarks_file = arg + strlen(file);
	else if (str_eq(arg, "-fsave-optimization-record=bitstream"))
		p->remarks = ".opt.bitstream";
	else if (value && !str_eq(value, "=yaml") && !str_starts(value, "passes="))
		return parse_local(p, CC_LOCAL_SIDE_OUTPUT, arg);
	return parse_plain(p, CC_LOCAL_SIDE_OUTPUT, arg);
}

/* A file is not written anew: more is added to it. */
static int remarks_text(struct parse *p, const char *arg, const char *value)
{
	if (value && strchr(value, '='))
		return parse_local(p, CC_LOCAL_SIDE_OUTPUT, arg);
	return parse_plain(p, CC_LOCAL_SIDE_OUTPUT, arg);
}

static int time_trace(struct parse *p, const char *arg, const char *value)
{
	if (value && str_starts(value, "-granularity="))
		return 0;
	if (value)
		return parse_local(p, CC_LOCAL_SIDE_OUTPUT, arg);
	p->extra_outputs |= 1U << CC_OUTPUT_TIME_TRACE;
	return parse_plain(p, CC_LOCAL_SIDE_OUTPUT, arg);
}

static int save_temps(struct parse *p, const char *arg, const char *value)
{
	/* What the bare word means; gcc's words for "beside the object" are both. */
	const char *where = value ? value : p->c->family == CC_FAMILY_CLANG ? "=cwd" : "=obj";
	bool other = p->temps && !str_eq(p->temps, where);

	p->temps = where;
	p->extra_outputs |= 1U << CC_OUTPUT_TEMPS;
	if (other || (!str_eq(where, "=obj") && !str_eq(where, "=cwd")))
		return parse_local(p, CC_LOCAL_SAVE_TEMPS, arg);
	return parse_plain(p, CC_LOCAL_SAVE_TEMPS, arg);
}

/* Those of gcc are looked into, and go along, where it is compiled from its sources. */
static int specs(struct parse *p, const char *arg, const char *value)
{
	if (p->c->family == CC_FAMILY_GCC)
		return parse_plain(p, CC_LOCAL_TOOLCHAIN, arg);
	return parse_local(p, CC_LOCAL_TOOLCHAIN, arg);
}

/* Is the plug-in in the list, by its path as it is written or by its base name? */
static bool is_pure(const char *list, const char *path)
{
	for (const char *p = list; p && *p; p += strspn(p, ":")) {
		size_t n = strcspn(p, ":");
		const char *name = memchr(p, '/', n) ? path : path_base(path);

		if (strlen(name) == n && memcmp(name, p, n) == 0)
			return true;
		p += n;
	}
	return false;
}

/*
 * A plug-in of gcc that is named by its path, and what it is told. Plug-ins do what they like: look
 * at the environment, write files. So the user has to have said that it does not.
 */
static int plugin(struct parse *p, const char *arg, const char *value)
{
	const char *pure = env_get(p->envp, "DISTCC_PLUGINS");
	bool known = str_starts(value, "-arg-") ||
		     (*value == '=' && strchr(value, '/') && is_pure(pure, value + 1));

	if (p->c->family == CC_FAMILY_GCC && known)
		return parse_plain(p, CC_LOCAL_PLUGIN, arg);
	return parse_local(p, CC_LOCAL_PLUGIN, arg);
}

static int output_file(struct parse *p, const char *arg, const char *value)
{
	int r = strv_push(&p->given, value);

	if (str_eq(value, "-"))
		return parse_local(p, CC_LOCAL_STDOUT, arg);
	return r < 0 ? r : parse_plain(p, CC_LOCAL_SIDE_OUTPUT, arg);
}

static handler *const handlers[CC_MEAN_COUNT] = {
	[CC_MEAN_MODE_OBJECT] = mode_object,
	[CC_MEAN_MODE_ASSEMBLY] = mode_assembly,
	[CC_MEAN_MODE_PREPROCESS] = mode_preprocess,
	[CC_MEAN_MODE_SYNTAX] = mode_syntax,
	[CC_MEAN_MODE_INFORMATION] = mode_information,
	[CC_MEAN_OUTPUT] = output,
	[CC_MEAN_LANGUAGE] = language,
	[CC_MEAN_DEPS] = deps,
	[CC_MEAN_DEPS_USER] = deps,
	[CC_MEAN_DEPS_FILE] = deps_file,
	[CC_MEAN_DEPS_TARGET] = deps_extra,
	[CC_MEAN_DEPS_PHONY] = deps_extra,
	[CC_MEAN_DEPS_MISSING] = deps_missing,
	[CC_MEAN_INCLUDE_DIR] = include_dir,
	[CC_MEAN_INCLUDE_FILE] = include_file,
	[CC_MEAN_IMACROS] = full_text,
	[CC_MEAN_WP] = wp,
	[CC_MEAN_WA] = wa,
	[CC_MEAN_NATIVE] = native,
	[CC_MEAN_ARCH] = arch,
	[CC_MEAN_FULL_TEXT] = full_text,
	[CC_MEAN_QUIET_UNUSED] = quiet_unused,
	[CC_MEAN_WARNING] = warning,
	[CC_MEAN_COLOUR] = colour,
	[CC_MEAN_DIAGNOSTICS_FORMAT] = diagnostics_format,
	[CC_MEAN_DEBUG] = debug,
	[CC_MEAN_DEBUG_OFF] = debug_off,
	[CC_MEAN_DEBUG_MACROS] = debug_macros,
	[CC_MEAN_DEBUG_DETAIL] = debug,
	[CC_MEAN_COMP_DIR] = comp_dir,
	[CC_MEAN_SANITIZE] = sanitize,
	[CC_MEAN_BASIC_BLOCKS] = basic_blocks,
	[CC_MEAN_LINK] = link_only,
	[CC_MEAN_LIBRARY] = library,
	[CC_MEAN_OUTPUTS] = outputs,
	[CC_MEAN_COVERAGE] = coverage,
	[CC_MEAN_RECORDED] = recorded,
	[CC_MEAN_SIDE_INPUT] = side_input,
	[CC_MEAN_PROFILE] = profile,
	[CC_MEAN_PROFILE_ARCS] = profile_arcs,
	[CC_MEAN_SPLIT_DWARF] = split_dwarf,
	[CC_MEAN_STACK_USAGE] = stack_usage,
	[CC_MEAN_CALLGRAPH] = callgraph,
	[CC_MEAN_REMARKS] = remarks,
	[CC_MEAN_REMARKS_TEXT] = remarks_text,
	[CC_MEAN_TIME_TRACE] = time_trace,
	[CC_MEAN_SAVE_TEMPS] = save_temps,
	[CC_MEAN_SPECS] = specs,
	[CC_MEAN_PLUGIN] = plugin,
	[CC_MEAN_OUTPUT_FILE] = output_file,
};

int parse_meaning(struct parse *p, const struct cc_option *o, const char *arg, const char *value)
{
	int r = 0;

	if (handlers[o->mean])
		r = handlers[o->mean](p, arg, value);
	if (r == 0 && o->reason)
		r = parse_local(p, (enum cc_reason)o->reason, arg);
	return r;
}
