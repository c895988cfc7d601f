/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scan/plan_options.h"

#include <string.h>

/*
 * What each row of cc's option table means to a scan: by name where it is named here, else by the
 * row's own reason, role and meaning. What is not known not to matter is part of the key.
 *
 * That an option does not matter was tested with gcc 12 and clang 14: the predefined macros and the
 * search lists are the same with and without it.
 */

struct row {
	const char *name; /* a row of cc/option_table.c */
	enum plan_action action;
};

static const struct row rows[] = {
	/* sorted as strcmp sorts */
	{"--coverage", PLAN_KEY},
	{"--define-macro", PLAN_DEFINE},
	{"--define-macro=", PLAN_DEFINE},
	{"--dump", PLAN_DROP},
	{"--dump=", PLAN_DROP},
	{"--embed-dir=", PLAN_UNKNOWN},
	{"--embed-directory", PLAN_UNKNOWN},
	{"--embed-directory=", PLAN_UNKNOWN},
	{"--end-no-unused-arguments", PLAN_KEY},
	{"--gcc-install-dir=", PLAN_PATH},
	{"--gcc-toolchain=", PLAN_PATH},
	{"--imacros", PLAN_IMACROS},
	{"--imacros=", PLAN_IMACROS},
	{"--include", PLAN_INCLUDE},
	{"--include-directory", PLAN_DIR_ANGLED},
	{"--include-directory-after", PLAN_DIR_AFTER},
	{"--include-directory-after=", PLAN_DIR_AFTER},
	{"--include-directory=", PLAN_DIR_ANGLED},
	{"--include-prefix", PLAN_DIR_OTHER},
	{"--include-prefix=", PLAN_DIR_OTHER},
	{"--include=", PLAN_INCLUDE},
	{"--no-line-commands", PLAN_DROP},
	{"--print-missing-file-dependencies", PLAN_DROP},
	{"--save-stats", PLAN_DROP},
	{"--save-temps", PLAN_DROP},
	{"--serialize-diagnostics", PLAN_DROP},
	{"--specs", PLAN_SPECS},
	{"--specs=", PLAN_SPECS},
	{"--start-no-unused-arguments", PLAN_KEY},
	{"--sysroot", PLAN_PATH},
	{"--sysroot=", PLAN_PATH},
	{"--trace-includes", PLAN_DROP},
	{"--undefine-macro", PLAN_UNDEF},
	{"--undefine-macro=", PLAN_UNDEF},
	{"--verbose", PLAN_DROP},
	{"-D", PLAN_DEFINE},
	{"-F", PLAN_UNKNOWN},
	{"-H", PLAN_DROP},
	{"-I", PLAN_DIR_ANGLED},
	{"-MJ", PLAN_DROP},
	{"-MV", PLAN_DROP},
	{"-P", PLAN_DROP},
	{"-Q", PLAN_DROP},
	{"-U", PLAN_UNDEF},
	{"-aux-info", PLAN_DROP},
	{"-coverage", PLAN_KEY},
	{"-cxx-isystem", PLAN_DIR_OTHER},
	{"-d", PLAN_DROP},
	{"-dependency-dot", PLAN_DROP},
	{"-dependency-file", PLAN_DROP},
	{"-dumpbase", PLAN_DROP},
	{"-dumpbase-ext", PLAN_DROP},
	{"-dumpdir", PLAN_DROP},
	{"-emit-llvm", PLAN_KEY},
	{"-fauto-profile", PLAN_PROFILE},
	{"-fbasic-block-sections=", PLAN_PROFILE},
	{"-fbranch-probabilities", PLAN_PROFILE},
	{"-fcallgraph-info", PLAN_DROP},
	{"-fcondition-coverage", PLAN_KEY},
	{"-fcoverage-", PLAN_KEY},
	{"-fcrash-diagnostics-dir=", PLAN_DROP},
	{"-fcs-profile-generate", PLAN_KEY},
	{"-fdebug-macro", PLAN_DROP},
	{"-fdiagnostics-absolute-paths", PLAN_DROP},
	{"-fdiagnostics-add-output=", PLAN_DROP},
	{"-fdiagnostics-generate-patch", PLAN_DROP},
	{"-fdiagnostics-json-formatting", PLAN_DROP},
	{"-fdiagnostics-set-output=", PLAN_DROP},
	{"-fdump-", PLAN_DROP},
	{"-fembed-bitcode", PLAN_KEY},
	{"-fembed-bitcode-marker", PLAN_KEY},
	{"-ferror-limit=", PLAN_DROP},
	{"-fexec-charset=", PLAN_CHARSET},
	{"-ffile-prefix-map=", PLAN_FILE_MAP},
	{"-finput-charset=", PLAN_CHARSET},
	{"-flto", PLAN_KEY},
	{"-fmacro-prefix-map=", PLAN_FILE_MAP},
	{"-fmax-errors=", PLAN_DROP},
	{"-fmem-report", PLAN_DROP},
	{"-fmessage-length=", PLAN_DROP},
	{"-fopt-info", PLAN_DROP},
	{"-foptimization-record-", PLAN_DROP},
	{"-forder-file-instrumentation", PLAN_KEY},
	{"-fpath-coverage", PLAN_KEY},
	{"-fplugin", PLAN_PLUGIN},
	{"-fproc-stat-report", PLAN_DROP},
	{"-fprofile", PLAN_PROFILE},
	{"-fprofile-arcs", PLAN_KEY},
	{"-fprofile-prefix-map=", PLAN_KEY},
	{"-fpseudo-probe-for-profiling", PLAN_KEY},
	{"-frandom-seed=", PLAN_DROP},
	{"-frecord-command-line", PLAN_DROP},
	{"-frecord-gcc-switches", PLAN_DROP},
	{"-fsanitize-blacklist=", PLAN_EXTRA},
	{"-fsanitize-coverage-", PLAN_PROFILE},
	{"-fsanitize-ignorelist=", PLAN_EXTRA},
	{"-fsanitize-system-blacklist=", PLAN_EXTRA},
	{"-fsanitize-system-ignorelist=", PLAN_EXTRA},
	{"-fsanitize=", PLAN_KEY},
	{"-fsave-optimization-record", PLAN_DROP},
	{"-fsched-verbose=", PLAN_DROP},
	{"-fshow-skipped-includes", PLAN_DROP},
	{"-fstack-usage", PLAN_DROP},
	{"-fstats", PLAN_DROP},
	{"-ftabstop=", PLAN_DROP},
	{"-ftest-coverage", PLAN_KEY},
	{"-fthin-link-bitcode=", PLAN_DROP},
	{"-fthinlto-index=", PLAN_EXTRA},
	{"-ftime-report", PLAN_DROP},
	{"-ftime-report-details", PLAN_DROP},
	{"-ftime-trace", PLAN_DROP},
	{"-fverbose-asm", PLAN_DROP},
	{"-fvtable-verify=", PLAN_KEY},
	{"-fwide-exec-charset=", PLAN_CHARSET},
	{"-fxray-always-instrument=", PLAN_EXTRA},
	{"-fxray-attr-list=", PLAN_EXTRA},
	{"-fxray-never-instrument=", PLAN_EXTRA},
	{"-idirafter", PLAN_DIR_AFTER},
	{"-iframework", PLAN_UNKNOWN},
	{"-iframeworkwithsysroot", PLAN_UNKNOWN},
	{"-imacros", PLAN_IMACROS},
	{"-imultilib", PLAN_DIR_OTHER},
	{"-include", PLAN_INCLUDE},
	{"-index-store-path", PLAN_DROP},
	{"-iprefix", PLAN_DIR_OTHER},
	{"-iquote", PLAN_DIR_QUOTE},
	{"-isysroot", PLAN_PATH},
	{"-isystem", PLAN_DIR_SYSTEM},
	{"-isystem-after", PLAN_DIR_OTHER},
	{"-iwithprefix", PLAN_DIR_OTHER},
	{"-iwithprefixbefore", PLAN_DIR_OTHER},
	{"-iwithsysroot", PLAN_DIR_OTHER},
	{"-mdump-tune-features", PLAN_DROP},
	{"-pipe", PLAN_DROP},
	{"-save-stats", PLAN_DROP},
	{"-save-temps", PLAN_DROP},
	{"-serialize-diagnostics", PLAN_DROP},
	{"-specs", PLAN_SPECS},
	{"-specs=", PLAN_SPECS},
	{"-stdlib++-isystem", PLAN_DIR_OTHER},
	{"-time", PLAN_DROP},
	{"-time=", PLAN_DROP},
	{"-v", PLAN_DROP},
	{"-w", PLAN_DROP},
};

static const enum plan_action by_mean[CC_MEAN_COUNT] = {
	[CC_MEAN_LANGUAGE] = PLAN_LANGUAGE,
	[CC_MEAN_DEPS] = PLAN_DROP,
	[CC_MEAN_DEPS_USER] = PLAN_DROP,
	[CC_MEAN_DEPS_FILE] = PLAN_DROP,
	[CC_MEAN_DEPS_TARGET] = PLAN_DROP,
	[CC_MEAN_DEPS_PHONY] = PLAN_DROP,
	[CC_MEAN_DEPS_MISSING] = PLAN_DROP,
	[CC_MEAN_INCLUDE_DIR] = PLAN_DIR_OTHER,
	[CC_MEAN_INCLUDE_FILE] = PLAN_INCLUDE,
	[CC_MEAN_IMACROS] = PLAN_IMACROS,
	[CC_MEAN_WP] = PLAN_WP,
	[CC_MEAN_WA] = PLAN_WA,
	[CC_MEAN_XCLANG] = PLAN_XCLANG,
	[CC_MEAN_NATIVE] = PLAN_NATIVE,
	[CC_MEAN_ARCH] = PLAN_ARCH,
	[CC_MEAN_QUIET_UNUSED] = PLAN_DROP,
	[CC_MEAN_WARNING] = PLAN_WARNING,
	[CC_MEAN_COLOUR] = PLAN_DROP,
	[CC_MEAN_DIAGNOSTICS_FORMAT] = PLAN_DROP,
	[CC_MEAN_DEBUG] = PLAN_DROP,
	[CC_MEAN_DEBUG_OFF] = PLAN_DROP,
	[CC_MEAN_DEBUG_MACROS] = PLAN_DROP,
	[CC_MEAN_DEBUG_DETAIL] = PLAN_DROP,
	[CC_MEAN_COMP_DIR] = PLAN_DROP,
	[CC_MEAN_OUTPUTS] = PLAN_DROP,
	[CC_MEAN_SPLIT_DWARF] = PLAN_DROP,
	[CC_MEAN_STACK_USAGE] = PLAN_DROP,
};

/* These reasons do not speak against a scan where the meaning says what to do. */
static bool reason_is_harmless(const struct cc_option *o)
{
	switch ((enum cc_reason)o->reason) {
	case CC_REMOTE_OK:
		return true;
	case CC_LOCAL_COMPARE_DEBUG:
	case CC_LOCAL_RECORDED_COMMAND:
	case CC_LOCAL_DEBUG_SOURCE:
	case CC_LOCAL_SPLIT_DWARF:
		return by_mean[o->mean] == PLAN_DROP;
	default:
		return false;
	}
}

enum plan_action plan_action_of(const struct cc_option *o)
{
	size_t lo = 0, hi = ARRAY_SIZE(rows);

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int cmp = strcmp(rows[mid].name, o->name);

		if (cmp == 0)
			return rows[mid].action;
		if (cmp > 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	if (!reason_is_harmless(o))
		return PLAN_UNKNOWN;
	if (o->role == CC_ROLE_MODE || o->role == CC_ROLE_OUTPUT || o->role == CC_ROLE_LINK)
		return PLAN_DROP;
	return by_mean[o->mean];
}

const char *plan_option_at(size_t i)
{
	return i < ARRAY_SIZE(rows) ? rows[i].name : NULL;
}
