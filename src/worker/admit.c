/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The compiler runs in a directory of its own that holds nothing but the source, so a plain file
 * name cannot reach anything: what must be kept out is every other way to name a file, and every
 * option that makes the compiler load or start something.
 *
 * The table below says what is known about options; the first row that matches decides. What
 * matches no row is kept when it is a single word with one dash that holds no '/' (a path) and no
 * "@" in a place where a tool would read a file of arguments. Anything that is not an option must
 * be the one source. So an option unknown to us that takes its value as a second word is refused,
 * which is what distcc 3.4 makes of it too (a second source).
 *
 * Attacks this answers: code in the compiler (-fplugin, -Xclang -load, -specs, -B, -wrapper,
 * --config, --prefix), arguments that we do not see (@file), files of this machine read or written
 * (-imultilib, -fdump-…=/path, -Wa,-o,/path, -aux-info /path, -dumpdir, -MF).
 */

#include "worker/admit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"

enum match {
	EXACT,  /* the word alone */
	JOINED, /* the word begins so; a value may follow in the same word */
	WORD,   /* the word alone, and its value is the next word */
	EITHER, /* JOINED with something behind it, or WORD */
};

enum verdict {
	KEEP,   /* its value is checked like any word that we do not know */
	TRUST,  /* kept, and its value is only text to the compiler */
	DROP,   /* of no effect on preprocessed source: left out, with its value */
	NESTED, /* its value is itself an option, for another program */
	REFUSE,
	MODE, /* -c, -S */
	LANGUAGE,
	OUTPUT,
};

static const char other_output[] = "makes something else than an object";
static const char loads_code[] = "loads code, or starts a program, of the client's choice";
static const char reads_files[] = "reads files of this machine";
static const char more_files[] = "needs or makes files beside the object";
static const char native[] = "means another processor here";

static const struct rule {
	const char *text;
	enum match match;
	enum verdict verdict;
	const char *why;
} rules[] = {
	{"-c", EXACT, MODE},
	{"-S", EXACT, MODE},
	{"-o", EITHER, OUTPUT},
	{"-x", EITHER, LANGUAGE},

	{"-E", EXACT, REFUSE, other_output},
	{"-M", EXACT, REFUSE, other_output},
	{"-MM", EXACT, REFUSE, other_output},
	{"-fsyntax-only", EXACT, REFUSE, other_output},
	{"-###", EXACT, REFUSE, other_output},
	{"-print-", JOINED, REFUSE, other_output},
	{"-dumpversion", EXACT, REFUSE, other_output},
	{"-dumpfullversion", EXACT, REFUSE, other_output},
	{"-dumpmachine", EXACT, REFUSE, other_output},
	{"-dumpspecs", EXACT, REFUSE, other_output},

	{"-B", JOINED, REFUSE, loads_code},
	{"-wrapper", JOINED, REFUSE, loads_code},
	{"-specs", JOINED, REFUSE, loads_code},
	{"-fplugin", JOINED, REFUSE, loads_code},
	{"-fpass-plugin", JOINED, REFUSE, loads_code},
	{"-iplugindir", JOINED, REFUSE, loads_code},
	{"-load", JOINED, REFUSE, loads_code},
	{"-plugin", JOINED, REFUSE, loads_code},
	{"-add-plugin", JOINED, REFUSE, loads_code},
	{"-ccc-", JOINED, REFUSE, loads_code},
	{"-imultilib", JOINED, REFUSE, reads_files},
	{"-imultiarch", JOINED, REFUSE, reads_files},
	{"-include-pch", JOINED, REFUSE, reads_files},
	{"-working-directory", JOINED, REFUSE, reads_files},
	{"-fmodule", JOINED, REFUSE, more_files},
	{"-fcompare-debug", JOINED, REFUSE, "reads the source twice"},

	{"-gsplit-dwarf", JOINED, REFUSE, more_files},
	{"-save-temps", JOINED, REFUSE, more_files},
	{"--save-temps", JOINED, REFUSE, more_files},
	{"-fstack-usage", EXACT, REFUSE, more_files},
	{"-fcallgraph-info", JOINED, REFUSE, more_files},
	{"-ftime-trace", JOINED, REFUSE, more_files},
	{"-fdump-", JOINED, REFUSE, more_files},
	{"-fsave-optimization-record", JOINED, REFUSE, more_files},
	{"-aux-info", WORD, REFUSE, more_files},
	{"-fprofile-arcs", EXACT, REFUSE, more_files},
	{"-ftest-coverage", EXACT, REFUSE, more_files},
	{"--coverage", EXACT, REFUSE, more_files},
	{"-fprofile-generate", JOINED, REFUSE, more_files},
	{"-fprofile-use", JOINED, REFUSE, more_files},
	{"-fprofile-correction", EXACT, REFUSE, more_files},
	{"-fauto-profile", JOINED, REFUSE, more_files},
	{"-frepo", EXACT, REFUSE, more_files},
	{"-dr", JOINED, REFUSE, more_files},
	{"-march=native", EXACT, REFUSE, native},
	{"-mcpu=native", EXACT, REFUSE, native},
	{"-mtune=native", EXACT, REFUSE, native},

	{"-D", EITHER, TRUST},
	{"-U", EITHER, TRUST},
	{"-frandom-seed=", JOINED, TRUST},
	{"-ffile-prefix-map=", JOINED, TRUST},
	{"-fdebug-prefix-map=", JOINED, TRUST},
	{"-fmacro-prefix-map=", JOINED, TRUST},
	{"-fcoverage-prefix-map=", JOINED, TRUST},
	{"-fdebug-compilation-dir", EITHER, TRUST},
	{"-ffile-compilation-dir=", JOINED, TRUST},
	{"-fcoverage-compilation-dir=", JOINED, TRUST},

	{"-MD", EXACT, DROP},
	{"-MMD", EXACT, DROP},
	{"-MG", EXACT, DROP},
	{"-MP", EXACT, DROP},
	{"-MF", EITHER, DROP},
	{"-MT", EITHER, DROP},
	{"-MQ", EITHER, DROP},
	{"-MJ", EITHER, DROP},
	{"-isystem", EITHER, DROP},
	{"-iquote", EITHER, DROP},
	{"-idirafter", EITHER, DROP},
	{"-isysroot", EITHER, DROP},
	{"-iframework", EITHER, DROP},
	{"-iprefix", EITHER, DROP},
	{"-iwithprefixbefore", EITHER, DROP},
	{"-iwithprefix", EITHER, DROP},
	{"-include", EITHER, DROP},
	{"-imacros", EITHER, DROP},
	{"-framework", WORD, DROP},
	{"-undef", EXACT, DROP},
	{"-nostdinc", EXACT, DROP},
	{"-nostdinc++", EXACT, DROP},
	{"-Xpreprocessor", WORD, DROP},
	{"-Xlinker", WORD, DROP},
	{"-Wp,", JOINED, DROP},
	{"-Wl,", JOINED, DROP},
	{"-I", EITHER, DROP},
	{"-L", EITHER, DROP},
	{"-l", EITHER, DROP},
	{"-F", EITHER, DROP},
	{"-A", EITHER, DROP},
	{"--sysroot=", JOINED, DROP},
	{"--sysroot", WORD, DROP},

	{"-Xclang", WORD, NESTED},
	{"-Xassembler", WORD, NESTED},
	{"-mllvm", WORD, NESTED},
	{"-target", WORD, KEEP},
	{"-arch", WORD, KEEP},
	{"-G", EITHER, KEEP},
	{"-dumpbase", WORD, KEEP},
	{"-dumpbase-ext", WORD, KEEP},
	{"-dumpdir", WORD, KEEP},
	{"-mthread-model", WORD, KEEP},
	{"-meabi", WORD, KEEP},
	{"--param", WORD, KEEP},
	{"--param=", JOINED, KEEP},
	{"--target=", JOINED, KEEP},
	{"--std=", JOINED, KEEP},
	{"--stdlib=", JOINED, KEEP},
	{"--rtlib=", JOINED, KEEP},
	{"--unwindlib=", JOINED, KEEP},
	{"--pedantic", JOINED, KEEP},
	{"--driver-mode=gcc", EXACT, KEEP},
	{"--driver-mode=g++", EXACT, KEEP},
	{"--no-default-config", EXACT, KEEP},
	/* gcc spells many an option with two dashes too (--specs, --output, --prefix, --wrapper).
	 */
	{"--", JOINED, REFUSE, "is not known to be harmless"},
};

/* Words for -x whose input is source, preprocessed or not. */
static const char *const languages[] = {
	"c",
	"c++",
	"objective-c",
	"objective-c++",
	"cpp-output",
	"c++-cpp-output",
	"objective-c-cpp-output",
	"objective-c++-cpp-output",
	"objc-cpp-output",
	"objc++-cpp-output",
	"none",
};

/* What a source is named here, so that the compiler takes it as preprocessed. */
static const struct {
	const char *ext, *preprocessed;
} extensions[] = {
	{".c", ".i"},
	{".i", ".i"},
	{".cc", ".ii"},
	{".cp", ".ii"},
	{".cxx", ".ii"},
	{".cpp", ".ii"},
	{".CPP", ".ii"},
	{".c++", ".ii"},
	{".C", ".ii"},
	{".ii", ".ii"},
	{".m", ".mi"},
	{".mi", ".mi"},
	{".mm", ".mii"},
	{".M", ".mii"},
	{".mii", ".mii"},
};

struct reading {
	const struct strv *in;
	size_t at;
	struct admit_command *out;
	size_t source_at, object_at; /* in out->argv; 0: none yet */
	bool mode;
	char **ret_why;
};

static int refuse(struct reading *r, const char *arg, const char *why)
{
	if (asprintf(r->ret_why, "%.200s: %s", arg, why) < 0)
		return -ENOMEM;
	return ADMIT_REFUSED;
}

/* The rule for a word; *ret_value is what follows in the same word, or NULL. */
static const struct rule *find_rule(const char *arg, const char **ret_value)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		size_t len = strlen(rules[i].text);

		if (strncmp(arg, rules[i].text, len) != 0)
			continue;
		*ret_value = arg[len] ? arg + len : NULL;
		if (rules[i].match == JOINED || rules[i].match == EITHER || !*ret_value)
			return &rules[i];
	}
	return NULL;
}

/* Why a word that no rule speaks for cannot stand, or NULL. */
static const char *objection(const char *arg)
{
	if (strchr(arg, '/'))
		return "names a path";
	if (arg[0] == '@' || strstr(arg, ",@") || strstr(arg, "=@"))
		return "names a file of arguments";
	return NULL;
}

/* The next word, which belongs to the one before it. */
static int next_word(struct reading *r, const char **ret)
{
	if (r->at >= r->in->n)
		return refuse(r, r->in->v[r->in->n - 1], "lacks its value");
	*ret = r->in->v[r->at++];
	return 0;
}

static bool plain_name(const char *name)
{
	return *name && *name != '-' && *name != '@' && strlen(name) <= ADMIT_NAME_MAX &&
	       !str_eq(name, ".") && !str_eq(name, "..");
}

static int take_source(struct reading *r, const char *arg)
{
	const char *ext = path_ext(arg), *preprocessed = NULL;
	AUTO(util_free) char *name = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(extensions); i++)
		if (str_eq(extensions[i].ext, ext))
			preprocessed = extensions[i].preprocessed;
	if (!preprocessed)
		return refuse(r, arg, "is neither an option nor a source");
	if (r->source_at)
		return refuse(r, arg, "is a second source");
	if (!plain_name(path_base(arg)))
		return refuse(r, arg, "is no name for a source");
	name = path_with_ext(path_base(arg), preprocessed);
	r->out->shown = strdup(arg);
	if (!name || !r->out->shown)
		return -ENOMEM;
	r->source_at = r->out->argv.n;
	return strv_push_take(&r->out->argv, TAKE_PTR(name));
}

static int take_output(struct reading *r, const char *arg)
{
	int q;

	if (r->object_at)
		return refuse(r, arg, "is a second output");
	if (!plain_name(path_base(arg)))
		return refuse(r, arg, "is no name for an output");
	q = strv_push(&r->out->argv, "-o");
	r->object_at = r->out->argv.n;
	return q < 0 ? q : strv_push(&r->out->argv, path_base(arg));
}

static int take_language(struct reading *r, const char *word)
{
	int q;

	for (size_t i = 0; i < ARRAY_SIZE(languages); i++) {
		if (!str_eq(languages[i], word))
			continue;
		q = strv_push(&r->out->argv, "-x");
		return q < 0 ? q : strv_push(&r->out->argv, word);
	}
	return refuse(r, word, "is not a language that is compiled here");
}

/* A value that goes to another program than the driver: an option of its own, or a plain word. */
static int check_nested(struct reading *r, const char *word)
{
	const char *value = NULL;
	const struct rule *rule = word[0] == '-' ? find_rule(word, &value) : NULL;
	const char *why = rule && rule->verdict == TRUST && value ? NULL : objection(word);

	if (rule && rule->verdict == REFUSE)
		why = rule->why;
	else if (rule && rule->verdict == OUTPUT && !value)
		why = "names another output";
	return why ? refuse(r, word, why) : 0;
}

static int keep(struct reading *r, const struct rule *rule, const char *arg, const char *value)
{
	struct strv *out = &r->out->argv;
	const char *why = rule->verdict == TRUST ? NULL : objection(arg);
	int q;

	if (why)
		return refuse(r, arg, why);
	q = strv_push(out, arg);
	if (q < 0 || value || rule->match == JOINED || rule->match == EXACT)
		return q;
	q = next_word(r, &value);
	if (q != 0)
		return q;
	if (rule->verdict == NESTED)
		q = check_nested(r, value);
	else if (rule->verdict == KEEP && (why = objection(value)))
		q = refuse(r, value, why);
	return q != 0 ? q : strv_push(out, value);
}

static int apply(struct reading *r, const struct rule *rule, const char *arg, const char *value)
{
	bool takes_word = !value && (rule->match == WORD || rule->match == EITHER);
	int q;

	switch (rule->verdict) {
	case REFUSE:
		return refuse(r, arg, rule->why);
	case MODE:
		r->mode = true;
		return strv_push(&r->out->argv, arg);
	case DROP:
		return takes_word ? next_word(r, &value) : 0;
	case OUTPUT:
	case LANGUAGE:
		q = takes_word ? next_word(r, &value) : 0;
		if (q != 0)
			return q;
		return rule->verdict == OUTPUT ? take_output(r, value) : take_language(r, value);
	default:
		return keep(r, rule, arg, value);
	}
}

static int take_word(struct reading *r, const char *arg)
{
	const char *value = NULL, *why;
	const struct rule *rule;

	if (arg[0] != '-' || arg[1] == '\0') {
		if (arg[0] == '@')
			return refuse(r, arg, objection(arg));
		return take_source(r, arg);
	}
	rule = find_rule(arg, &value);
	if (rule)
		return apply(r, rule, arg, value);
	why = objection(arg);
	if (str_starts(arg, "-g"))
		r->out->debug = !str_eq(arg, "-g0");
	return why ? refuse(r, arg, why) : strv_push(&r->out->argv, arg);
}

static int read_all(struct reading *r)
{
	int q = strv_push(&r->out->argv, r->in->v[0]);

	for (r->at = 1; q == 0 && r->at < r->in->n;)
		q = take_word(r, r->in->v[r->at++]);
	if (q != 0)
		return q;
	if (!r->mode)
		return refuse(r, r->in->v[0], "neither -c nor -S is given");
	if (!r->source_at)
		return refuse(r, r->in->v[0], "no source is given");
	if (!r->object_at)
		return refuse(r, r->in->v[0], "no -o is given");
	r->out->source = r->out->argv.v[r->source_at];
	r->out->object = r->out->argv.v[r->object_at];
	if (str_eq(r->out->source, r->out->object))
		return refuse(r, r->out->object, "is the source's own name");
	return 0;
}

int admit_command(const struct strv *argv, struct admit_command *ret, char **ret_why)
{
	struct admit_command c = {0};
	struct reading r = {.in = argv, .out = &c, .ret_why = ret_why};
	int q;

	if (argv->n == 0)
		return refuse(&r, "", "the command is empty");
	q = read_all(&r);
	if (q != 0) {
		admit_command_fini(&c);
		return q;
	}
	*ret = c;
	return 0;
}

void admit_command_fini(struct admit_command *c)
{
	strv_fini(&c->argv);
	util_free(&c->shown);
	*c = (struct admit_command){0};
}
