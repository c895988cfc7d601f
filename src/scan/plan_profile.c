/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scan/plan_profile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"

static const char *starts_with_one_of(const char *arg, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_starts(arg, names[i]))
			return names[i];
	return NULL;
}

/* clang takes a directory for the file in it of a name of its own. */
static int clang_counts(struct scan_plan *p, const char *name)
{
	int r = strv_push(&p->optional_inputs, name);

	return r < 0 ? r : strv_pushf(&p->optional_inputs, "%s/default.profdata", name);
}

/* The value of an option that gives or uses counts: a file, or a directory; "": none is given. */
static int counts(struct plan_profile *f, struct scan_plan *p, const char *arg, const char *value)
{
	if (p->family == CC_FAMILY_CLANG)
		return *value ? clang_counts(p, value)
			      : strv_push(&p->extra_inputs, "default.profdata");
	f->used |= !str_starts(arg, "-fprofile-dir=") && !str_starts(arg, "-fprofile-generate=");
	return *value ? strv_push(&f->dirs, value) : 0;
}

/* Options with a file in some of their forms: -fprofile-use, -fsanitize-coverage-…list=FILE. */
int plan_profile_option(struct plan_profile *f, struct scan_plan *p, const char *arg, bool *ret_key)
{
	static const char *const directory[] = {"-fprofile-dir=", "-fprofile-generate="};
	static const char *const used[] = {
		"-fprofile-use", "-fprofile-instr-use", "-fbranch-probabilities"};
	static const char *const unread[] = {"-fprofile-generate", "-fprofile-instr-generate",
		"-fprofile-update=", "-fprofile-values", "-fprofile-abs-path",
		"-fprofile-note=", "-fprofile-reproducible=", "-fprofile-info-section",
		"-fprofile-partial-training", "-fprofile-exclude-files=", "-fprofile-filter-files=",
		"-fprofile-dir=", "-fprofile-report", "-fprofile-correction",
		"-fprofile-reorder-functions", "-fsanitize-coverage-trace",
		"-fsanitize-coverage-stack-depth", "-fbasic-block-sections=all",
		"-fbasic-block-sections=labels", "-fbasic-block-sections=none"};
	static const char *const read[] = {"-fprofile-sample-use=", "-fauto-profile=",
		"-fprofile-list=", "-fprofile-remapping-file=", "-fsanitize-coverage-allowlist=",
		"-fsanitize-coverage-ignorelist=", "-fsanitize-coverage-whitelist=",
		"-fsanitize-coverage-blacklist=", "-fbasic-block-sections=list="};
	const char *name = starts_with_one_of(arg, used, ARRAY_SIZE(used));
	const char *equal = strchr(arg, '=');

	if (name && (!arg[strlen(name)] || arg[strlen(name)] == '='))
		return counts(f, p, arg, equal ? equal + 1 : "");
	if (str_eq(arg, "-fauto-profile") && p->family == CC_FAMILY_GCC)
		return strv_push(&p->extra_inputs, "fbdata.afdo");
	if (starts_with_one_of(arg, unread, ARRAY_SIZE(unread))) {
		*ret_key = true;
		return p->family == CC_FAMILY_GCC && equal &&
				       starts_with_one_of(arg, directory, ARRAY_SIZE(directory))
			       ? counts(f, p, arg, equal + 1)
			       : 0;
	}
	name = starts_with_one_of(arg, read, ARRAY_SIZE(read));
	if (name && arg[strlen(name)])
		return strv_push(&p->extra_inputs, arg + strlen(name));
	return PLAN_PROFILE_UNKNOWN;
}

/* In a directory of its own gcc gives a file of counts its whole name: '/' is '#', ".." '^'. */
static int push_mangled(struct strv *ret, const char *dir, const char *name)
{
	AUTO(buf_fini) struct buf b = BUF_INIT;
	int r = buf_printf(&b, "%s/", dir);

	while (r == 0 && *name) {
		size_t n = strcspn(name, "/");

		r = n == 2 && memcmp(name, "..", 2) == 0 ? buf_append_char(&b, '^')
							 : buf_append(&b, name, n);
		name += n;
		if (r == 0 && *name++)
			r = buf_append_char(&b, '#');
		else
			break;
	}
	return r < 0 ? r : strv_push(ret, buf_str(&b));
}

/*
 * Where gcc looks for the counts of a unit: beside the object, or in a directory that was given, by
 * a name that depends on gcc's version. All of these names, and which it takes is its own business.
 */
int plan_profile_end(const struct plan_profile *f, struct scan_plan *p, const char *object)
{
	struct strv *names = &p->optional_inputs;
	AUTO(util_free) char *beside = NULL, *whole = NULL;
	int r;

	if (!f->used || !object)
		return 0;
	beside = path_with_ext(object, ".gcda");
	if (beside && *beside != '/' && asprintf(&whole, "%s/%s", p->cwd, beside) < 0)
		whole = NULL;
	if (!beside || (*beside != '/' && !whole))
		return -ENOMEM;
	r = strv_push(names, beside);
	for (size_t i = 0; r == 0 && i < f->dirs.n; i++) {
		r = push_mangled(names, f->dirs.v[i], whole ? whole : beside);
		if (r == 0)
			r = strv_pushf(names, "%s/%s", f->dirs.v[i], beside);
	}
	return r;
}

void plan_profile_fini(struct plan_profile *f)
{
	strv_fini(&f->dirs);
}
