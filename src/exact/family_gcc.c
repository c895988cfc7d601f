/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * gcc: a driver that runs cc1 and as. It finds its own directories from where it lies itself, and
 * goes through them by "..": so they have to be there, even those in which nothing is read.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/path.h"
#include "cc/specs.h"
#include "exact/inquiry.h"

static const char *compiler_proper(enum cc_language language)
{
	switch (language) {
	case CC_LANGUAGE_C:
	case CC_LANGUAGE_C_CPP:
	case CC_LANGUAGE_ASM_CPP:
		return "cc1";
	case CC_LANGUAGE_CXX:
	case CC_LANGUAGE_CXX_CPP:
		return "cc1plus";
	case CC_LANGUAGE_OBJC:
	case CC_LANGUAGE_OBJC_CPP:
		return "cc1obj";
	case CC_LANGUAGE_OBJCXX:
	case CC_LANGUAGE_OBJCXX_CPP:
		return "cc1objplus";
	default:
		return NULL;
	}
}

static int add_programs(struct inquiry *i)
{
	const char *proper = compiler_proper(i->q->command->language);
	int r = 0;

	if (proper)
		r = inquiry_subprogram(i, proper);
	else if (i->q->command->language != CC_LANGUAGE_ASM)
		return inquiry_unknown(i, "a language that is not known here");
	if (r == 0 && !i->q->command->assembly)
		r = inquiry_subprogram(i, "as");
	if (r == 0 && i->options.split_dwarf && !i->q->command->assembly)
		r = inquiry_subprogram(i, "objcopy");
	return r;
}

/* What -print-file-name says, or NULL where there is no such file. */
static int file_name(struct inquiry *i, const char *name, char **ret)
{
	AUTO(util_free) char *said = NULL;
	int r = inquiry_ask_line(i, "-print-file-name=", name, &said);

	if (r == 0)
		*ret = strchr(said, '/') ? TAKE_PTR(said) : NULL;
	return r;
}

/* Nothing of it is read when compiling, but looked for by some versions, and named by -v. */
static int add_lto(struct inquiry *i)
{
	AUTO(util_free) char *wrapper = NULL;
	AUTO(util_free) char *plugin = NULL;
	int r = inquiry_ask_line(i, "-print-prog-name=", "lto-wrapper", &wrapper);

	if (r == 0 && strchr(wrapper, '/'))
		r = inquiry_program(i, wrapper, NULL);
	if (r == 0)
		r = file_name(i, "liblto_plugin.so", &plugin);
	return r == 0 && plugin ? inquiry_optional(i, plugin) : r;
}

/* The machine's own specs, a directory above those of the version; both are read. */
static int add_specs(struct inquiry *i)
{
	AUTO(util_free) char *specs = NULL;
	AUTO(util_free) char *library = NULL;
	AUTO(util_free) char *dir = NULL;
	AUTO(util_free) char *above = NULL;
	int r = file_name(i, "specs", &specs);

	if (r == 0 && specs)
		r = inquiry_optional(i, specs);
	if (r == 0)
		r = inquiry_ask_line(i, "-print-file-name=", "include", &library);
	if (r != 0 || !strchr(library, '/'))
		return r;
	dir = path_dir(library);
	above = dir ? path_join(dir, "../specs") : NULL;
	return above ? inquiry_optional(i, above) : -ENOMEM;
}

/* One of that name that comes to be in another directory may be found first. */
static int watch_specs(struct inquiry *i, const char *name)
{
	int r = 0;

	for (size_t k = 0; r == 0 && *name != '/' && k < i->dirs.n; k++)
		r = strv_pushf(&i->closure.toolchain.also, "%s/%s", i->dirs.v[k], name);
	return r;
}

/* Where the driver finds a file of specs: what it says, or else the name from where it is run. */
static int find_specs(void *arg, const char *name, char **ret)
{
	struct inquiry *i = arg;
	AUTO(util_free) char *said = NULL;
	int r = inquiry_ask_specs(i, name, &said);

	if (r == 0)
		r = watch_specs(i, name);
	if (r != 0)
		return r;
	*ret = path_join(i->q->cwd, said);
	return *ret ? 0 : -ENOMEM;
}

/* Those of the command; they may include others. */
static int add_given_specs(struct inquiry *i)
{
	AUTO(strv_fini) struct strv paths = STRV_INIT;
	AUTO(util_free) char *reason = NULL;
	int r = cc_specs_read(&i->options.specs, find_specs, i, &paths, &reason);

	if (r == CC_SPECS_UNKNOWN && reason)
		return inquiry_unknown(i, "%s", reason);
	for (size_t k = 0; r == 0 && k < paths.n; k++)
		r = inquiry_optional(i, paths.v[k]);
	return r;
}

static int add_plugins(struct inquiry *i)
{
	AUTO(util_free) char *own = NULL;
	int r = 0;

	for (size_t k = 0; r == 0 && k < i->options.plugins.n; k++)
		r = inquiry_plugin(i, i->options.plugins.v[k]);
	/* It looks for the directory of those that have no path. */
	if (r == 0 && i->options.plugins.n > 0)
		r = file_name(i, "plugin", &own);
	return r == 0 && own ? inquiry_optional(i, own) : r;
}

/* LIBRARY_PATH is searched for specs too. */
static int check_library_path(struct inquiry *i)
{
	const char *dirs = env_get(i->q->envp, "LIBRARY_PATH");
	AUTO(util_free) char *list = strdup(dirs ? dirs : "");
	char *save = NULL;

	if (!list)
		return -ENOMEM;
	for (char *dir = strtok_r(list, ":", &save); dir; dir = strtok_r(NULL, ":", &save)) {
		AUTO(closure_fini) struct closure none = CLOSURE_INIT;
		AUTO(util_free) char *specs = path_join(dir, "specs");
		AUTO(util_free) char *full = specs ? path_join(i->q->cwd, specs) : NULL;
		int r = full ? closure_add(&none, full, NULL) : -ENOMEM;

		if (r == 0)
			return inquiry_unknown(i, "%s, by LIBRARY_PATH", full);
		if (r < 0)
			return r;
	}
	return 0;
}

int family_gcc_add(struct inquiry *i)
{
	int r = check_library_path(i);

	if (r == 0)
		r = inquiry_search_dirs(i);
	if (r == 0)
		r = add_programs(i);
	if (r == 0)
		r = add_specs(i);
	if (r == 0)
		r = add_given_specs(i);
	if (r == 0)
		r = add_plugins(i);
	if (r == 0 && i->options.lto)
		r = add_lto(i);
	return r;
}
