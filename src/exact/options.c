/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "exact/options.h"

#include <string.h>
#include <strings.h>

#include "base/env.h"
#include "exact/toolchain.h"

enum form {
	WORD,   /* just this */
	PREFIX, /* and whatever follows */
	NEXT,   /* its value is the next word */
};

enum effect {
	PASS,
	PASS_PATH, /* the value is one */
	SPECS,     /* the value is a file of specs */
	PLUGIN,    /* the value is a plug-in of gcc's */
	REFUSE,
	SKIP,    /* of no effect here; said because of its value, which could look like an option */
	CHARSET, /* of the source or of strings: but UTF-8, a conversion is loaded */
};

struct rule {
	const char *name;
	enum form form;
	enum effect effect;
};

/* The first that fits. */
static const struct rule rules[] = {
	{"-mllvm", NEXT, SKIP},
	{"-mllvm=-load", PREFIX, REFUSE},
	{"-mllvm=", PREFIX, SKIP},
	{"-mmlir", NEXT, SKIP},
	{"-m", PREFIX, PASS},
	{"--sysroot", NEXT, PASS_PATH},
	{"--sysroot=", PREFIX, PASS_PATH},
	{"-isysroot", NEXT, PASS_PATH},
	{"-isysroot", PREFIX, PASS_PATH},
	{"--target=", PREFIX, PASS},
	{"-target", NEXT, PASS},
	{"--gcc-toolchain=", PREFIX, PASS_PATH},
	{"-gcc-toolchain", NEXT, PASS_PATH},
	{"--gcc-install-dir=", PREFIX, PASS_PATH},
	{"--gcc-triple=", PREFIX, PASS},
	{"-stdlib=", PREFIX, PASS},
	{"-no-canonical-prefixes", WORD, PASS},
	{"-canonical-prefixes", WORD, PASS},
	{"-flto", PREFIX, PASS},
	{"-fno-lto", WORD, PASS},
	{"-gsplit-dwarf", PREFIX, PASS},
	{"-gno-split-dwarf", WORD, PASS},
	{"-integrated-as", WORD, PASS},
	{"-no-integrated-as", WORD, PASS},
	{"-fintegrated-as", WORD, PASS},
	{"-fno-integrated-as", WORD, PASS},
	{"-fintegrated-cc1", WORD, PASS},
	{"-fno-integrated-cc1", WORD, PASS},
	{"-fsanitize", PREFIX, PASS},
	{"-fno-sanitize", PREFIX, PASS},
	{"-finput-charset=", PREFIX, CHARSET},
	{"-fexec-charset=", PREFIX, CHARSET},
	{"-fwide-exec-charset=", PREFIX, CHARSET},
	{"-B", PREFIX, REFUSE},
	{"--prefix", PREFIX, REFUSE},
	{"-b", WORD, REFUSE},
	{"-V", WORD, REFUSE},
	{"-specs=", PREFIX, SPECS},
	{"-specs", NEXT, SPECS},
	{"--specs=", PREFIX, SPECS},
	{"--specs", NEXT, SPECS},
	{"-wrapper", WORD, REFUSE},
	{"--config", PREFIX, REFUSE},
	{"--driver-mode", PREFIX, REFUSE},
	{"-resource-dir", PREFIX, REFUSE},
	{"-ccc-", PREFIX, REFUSE},
	{"-fplugin=", PREFIX, PLUGIN},
	{"-fpass-plugin", PREFIX, REFUSE},
	{"-iplugindir", PREFIX, REFUSE},
	{"-load", PREFIX, REFUSE},
	{"-fmodules", PREFIX, REFUSE},
	{"-fmodule-", PREFIX, REFUSE},
	{"-o", NEXT, SKIP},
	{"-D", NEXT, SKIP},
	{"-U", NEXT, SKIP},
	{"-I", NEXT, SKIP},
	{"-L", NEXT, SKIP},
	{"-MF", NEXT, SKIP},
	{"-MT", NEXT, SKIP},
	{"-MQ", NEXT, SKIP},
	{"-include", NEXT, SKIP},
	{"-imacros", NEXT, SKIP},
	{"-isystem", NEXT, SKIP},
	{"-iquote", NEXT, SKIP},
	{"-idirafter", NEXT, SKIP},
};

static const struct rule *rule_of(const char *arg)
{
	if (arg[0] != '-')
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		bool prefix = rules[i].form == PREFIX;

		/* Most options differ from most rules there. */
		if (arg[1] != rules[i].name[1])
			continue;
		if (prefix ? str_starts(arg, rules[i].name) : str_eq(arg, rules[i].name))
			return &rules[i];
	}
	return NULL;
}

/* The last one counts. */
static void note_flag(struct options *o, const char *arg)
{
	static const char *const external[] = {"-no-integrated-as", "-fno-integrated-as"};
	static const char *const internal[] = {"-integrated-as", "-fintegrated-as"};

	if (native_is_said(arg))
		o->native = true;
	else if (str_starts(arg, "-flto"))
		o->lto = true;
	else if (str_starts(arg, "-gsplit-dwarf"))
		o->split_dwarf = true;
	else if (str_starts(arg, "-fsanitize"))
		o->sanitize = true;
	for (size_t i = 0; i < ARRAY_SIZE(external); i++) {
		if (str_eq(arg, external[i]))
			o->external_assembler = true;
		if (str_eq(arg, internal[i]))
			o->external_assembler = false;
	}
}

static bool is_utf8(const char *charset)
{
	return strcasecmp(charset, "UTF-8") == 0 || strcasecmp(charset, "UTF8") == 0;
}

static const char *value_of(const struct rule *rule, const char *arg, const char *next)
{
	return rule->form == NEXT ? next : arg + strlen(rule->name);
}

static int note(struct options *o, const struct rule *rule, const char *arg, const char *next)
{
	const char *value = value_of(rule, arg, next);
	int r = 0;

	if (rule->effect == REFUSE || (rule->effect == CHARSET && !is_utf8(value))) {
		o->refused = arg;
		return 0;
	}
	if (rule->effect == SKIP || rule->effect == CHARSET)
		return 0;
	if (rule->effect != PASS && *value != '/')
		o->relative = true;
	note_flag(o, arg);
	if (rule->effect == SPECS)
		r = strv_push(&o->specs, value);
	else if (rule->effect == PLUGIN)
		r = strv_push(&o->plugins, value);
	if (r == 0)
		r = strv_push(&o->passed, arg);
	return r == 0 && rule->form == NEXT ? strv_push(&o->passed, next) : r;
}

int options_look(const struct cc_command *c, struct options *ret)
{
	AUTO(options_fini) struct options o = {.refused = NULL};
	int r = 0;

	for (size_t i = 1; r == 0 && i < c->n_args; i++) {
		const char *arg = c->args[i].text;
		const struct rule *rule = rule_of(arg);
		const char *next = "";

		if (!rule)
			continue;
		if (rule->form == NEXT && i + 1 < c->n_args)
			next = c->args[++i].text;
		r = note(&o, rule, arg, next);
	}
	if (r < 0)
		return r;
	*ret = o;
	o = (struct options){.refused = NULL};
	return 0;
}

void options_fini(struct options *o)
{
	strv_fini(&o->passed);
	strv_fini(&o->specs);
	strv_fini(&o->plugins);
	*o = (struct options){.refused = NULL};
}

const char *options_refused_variable(char *const *envp)
{
	static const struct {
		const char *name;
		bool even_empty;
	} names[] = {{"GCC_EXEC_PREFIX", true}, {"COMPILER_PATH", true},
		{"CCC_OVERRIDE_OPTIONS", false}, {"LD_LIBRARY_PATH", false}, {"LD_PRELOAD", false},
		{"LD_AUDIT", false}, {"GLIBC_TUNABLES", false}, {"GCONV_PATH", false},
		{"LOCPATH", false}};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *value = env_get(envp, names[i].name);

		if (value && (*value || names[i].even_empty))
			return names[i].name;
	}
	return NULL;
}
