/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cc/options.h"

#include <string.h>

/*
 * An option is looked up by its longest name in a table sorted by strcmp: the last row that is
 * not behind the argument either is a prefix of it, or shares one with it, and then only a row
 * that is a prefix of that shared part can match; so each step is a binary search for a shorter
 * word, and there are two or three steps.
 *
 * A flag -fNAME may also be written -fno-NAME: in the list of plain flags, and for every row
 * "-fNAME" taken without its value, since turning a thing off is harmless. Where it is not, a row
 * "-fno-NAME" says so.
 */

enum {
	X = CC_ATTACH_NONE,
	J = CC_ATTACH_JOINED,
	S = CC_ATTACH_SEPARATE,
	GCC = 1 << CC_FAMILY_GCC,
	CLANG = 1 << CC_FAMILY_CLANG,
	ALL = GCC | CLANG,
};

/*
 * The flags -fNAME and -fno-NAME that take no value, write no file and read none: they steer
 * warnings, the language or code generation, and go to both halves.
 */
static const char *const plain[] = {"PIC", "PIE", "aapcs-bitfield-load", "aapcs-bitfield-width",
	"access-control", "addrsig", "aggressive-loop-optimizations", "align-functions",
	"align-jumps", "align-labels", "align-loops", "aligned-allocation", "aligned-new",
	"allocation-dce", "allow-editor-placeholders", "allow-parameterless-variadic-functions",
	"allow-store-data-races", "allow-unsupported", "altivec", "analyzer",
	"analyzer-call-summaries", "analyzer-feasibility", "analyzer-fine-grained",
	"analyzer-show-duplicate-count", "analyzer-state-merge", "analyzer-state-purge",
	"analyzer-transitivity", "analyzer-verbose-edges", "analyzer-verbose-state-changes",
	"ansi-escape-codes", "apple-kext", "apple-pragma-pack", "application-extension",
	"argument-alias", "argument-noalias", "argument-noalias-anything",
	"argument-noalias-global", "asm", "asm-blocks", "associative-math",
	"assume-nothrow-exception-dtor", "assume-sane-operator-new", "assumptions",
	"async-exceptions", "asynchronous-unwind-tables", "auto-inc-dec", "autolink",
	"avoid-store-forwarding", "bit-tests", "blocks", "borland-extensions", "branch-count-reg",
	"branch-target-load-optimize", "branch-target-load-optimize2", "btr-bb-exclusive",
	"builtin", "c++-static-destructors", "caller-saves", "canon-prefix-map",
	"caret-diagnostics", "cf-protection", "char8_t", "check-data-deps", "check-new",
	"check-pointer-bounds", "checking", "cilkplus", "code-hoisting",
	"combine-stack-adjustments", "common", "compare-elim", "complete-member-pointers",
	"concepts", "concepts-ts", "cond-mismatch", "conserve-space", "conserve-stack",
	"constant-cfstrings", "constexpr-fp-except", "contracts", "convergent-functions",
	"coroutines", "cprop-registers", "crash-diagnostics", "crossjumping", "cse-follow-jumps",
	"cse-skip-blocks", "cx-fortran-rules", "cx-limited-range", "cxx-exceptions",
	"data-sections", "dce", "debug-info-for-profiling", "debug-ranges-base-address",
	"debug-types-section", "declone-ctor-dtor", "declspec", "deduce-init-list",
	"deduction-guides", "default-inline", "defer-pop", "defer-ts", "define-target-os-macros",
	"delayed-branch", "delayed-template-parsing", "delete-dead-exceptions",
	"delete-null-pointer-checks", "devirtualize", "devirtualize-at-ltrans",
	"devirtualize-speculatively", "diagnostics-fixit-info", "diagnostics-parseable-fixits",
	"diagnostics-print-source-range-info", "diagnostics-show-caret", "diagnostics-show-cwe",
	"diagnostics-show-labels", "diagnostics-show-line-numbers",
	"diagnostics-show-note-include-stack", "diagnostics-show-option",
	"diagnostics-show-template-tree", "digraphs", "direct-access-external-data",
	"discard-value-names", "dollars-in-identifiers", "double-square-bracket-attributes", "dse",
	"dwarf-exceptions", "dwarf2-cfi-asm", "early-inlining", "elide-constructors", "elide-type",
	"eliminate-dwarf2-dups", "eliminate-unused-debug-symbols", "eliminate-unused-debug-types",
	"emit-all-decls", "emit-class-debug-always", "emit-struct-debug-baseonly",
	"emit-struct-debug-reduced", "emulated-tls", "enable-matrix", "enforce-eh-specs",
	"enum-int-equiv", "escaping-block-tail-calls", "exceptions", "expensive-optimizations",
	"experimental-isel", "experimental-late-parse-attributes",
	"experimental-new-constant-interpreter", "experimental-new-pass-manager",
	"experimental-relative-c++-abi-vtables", "experimental-strict-floating-point", "ext-dce",
	"ext-numeric-literals", "extend-variable-liveness", "extended-identifiers",
	"extern-tls-init", "fast-math", "fat-lto-objects", "fine-grained-bitfield-accesses",
	"finite-loops", "finite-math-only", "float-store", "fold-mem-offsets",
	"fold-simple-inlines", "for-scope", "force-dwarf-frame", "force-emit-vtables",
	"force-enable-int128", "forward-propagate", "fp-int-builtin-inexact", "freestanding",
	"function-cse", "function-sections", "gcse", "gcse-after-reload", "gcse-las", "gcse-lm",
	"gcse-sm", "gimple", "global-isel", "gnu-inline-asm", "gnu-keywords", "gnu-runtime",
	"gnu-tm", "gnu-unique", "gnu89-inline", "graphite", "graphite-identity",
	"guess-branch-probability", "harden-compares", "harden-conditional-branches",
	"harden-control-flow-redundancy", "harden-hardbool-assignments", "hardened",
	"hoist-adjacent-loads", "honor-infinities", "honor-nans", "hosted", "ident",
	"if-conversion", "if-conversion2", "ignore-exceptions", "implement-inlines",
	"implicit-constexpr", "implicit-inline-templates", "implicit-templates",
	"indirect-inlining", "inhibit-size-directive", "inline", "inline-atomics",
	"inline-functions", "inline-functions-called-once", "inline-hint-functions",
	"inline-small-functions", "inline-stringops", "instrument-function-entry-bare",
	"instrument-functions", "instrument-functions-after-inlining", "integrated-as",
	"integrated-cc1", "ipa-bit-cp", "ipa-cp", "ipa-cp-alignment", "ipa-cp-clone", "ipa-icf",
	"ipa-icf-functions", "ipa-icf-variables", "ipa-matrix-reorg", "ipa-modref", "ipa-profile",
	"ipa-pta", "ipa-pure-const", "ipa-ra", "ipa-reference", "ipa-reference-addressable",
	"ipa-sra", "ipa-stack-alignment", "ipa-strict-aliasing", "ipa-struct-reorg", "ipa-vrp",
	"ira-hoist-pressure", "ira-loop-pressure", "ira-share-save-slots", "ira-share-spill-slots",
	"isolate-erroneous-paths-attribute", "isolate-erroneous-paths-dereference", "ivopts",
	"jump-tables", "keep-inline-dllexport", "keep-inline-functions", "keep-static-consts",
	"keep-static-functions", "knr-functions", "late-combine-instructions",
	"lax-vector-conversions", "leading-underscore", "legacy-pass-manager", "lifetime-dse",
	"limit-debug-info", "limit-function-alignment", "live-patching", "live-range-shrinkage",
	"local-ivars", "loop-block", "loop-interchange", "loop-nest-optimize", "loop-optimize",
	"loop-parallelize-all", "loop-strip-mine", "loop-unroll-and-jam", "lra-remat", "math-errno",
	"max-type-align", "merge-all-constants", "merge-constants", "merge-debug-strings",
	"modulo-sched", "modulo-sched-allow-regmoves", "move-loop-invariants", "move-loop-stores",
	"ms-compatibility", "ms-extensions", "ms-hotpatch", "ms-volatile", "new-abi",
	"new-infallible", "new-inheriting-ctors", "new-ttp-matching", "next-runtime",
	"nil-receivers", "non-call-exceptions", "nonansi-builtins", "nothrow-opt", "objc-arc",
	"objc-arc-exceptions", "objc-call-cxx-cdtors", "objc-convert-messages-to-runtime-calls",
	"objc-direct-dispatch", "objc-disable-direct-methods-for-testing",
	"objc-encode-cxx-class-template-spec", "objc-exceptions", "objc-gc",
	"objc-infer-related-result-type", "objc-legacy-dispatch", "objc-nilcheck",
	"objc-nonfragile-abi", "objc-sender-dependent-dispatch", "objc-sjlj-exceptions",
	"objc-weak", "omit-frame-pointer", "openmp-enable-irbuilder", "openmp-extensions",
	"openmp-use-tls", "operator-names", "optimize-register-move", "optimize-sibling-calls",
	"optimize-strlen", "pack-struct", "partial-inlining", "pascal-strings", "pcc-struct-return",
	"peel-loops", "peephole", "peephole2", "permissive", "pic", "pie", "plan9-extensions",
	"plt", "pointer-auth", "pointer-auth-calls", "pointer-auth-returns", "predictive-commoning",
	"prefetch-loop-arrays", "pretty-templates", "printf-return-value", "protect-parens",
	"ptrauth-calls", "ptrauth-intrinsics", "ptrauth-returns", "raw-string-literals",
	"reciprocal-math", "ree", "reflection", "register-global-dtors-with-atexit", "regmove",
	"relaxed-template-template-args", "rename-registers", "reorder-blocks",
	"reorder-blocks-and-partition", "reorder-functions", "replace-objc-classes", "reroll-loops",
	"rerun-cse-after-loop", "rerun-loop-opt", "reschedule-modulo-scheduled-loops", "ropi",
	"rounding-math", "rtti", "rtti-data", "rwpi", "safe-buffer-usage-suggestions",
	"sanitize-address-globals-dead-stripping", "sanitize-address-outline-instrumentation",
	"sanitize-address-poison-custom-array-cookie", "sanitize-address-use-after-return",
	"sanitize-address-use-after-scope", "sanitize-address-use-odr-indicator",
	"sanitize-address-vcasan-lib", "sanitize-cfi-canonical-jump-tables",
	"sanitize-cfi-cross-dso", "sanitize-cfi-icall-experimental-normalize-integers",
	"sanitize-cfi-icall-generalize-pointers", "sanitize-hwaddress-experimental-aliasing",
	"sanitize-memory-param-retval", "sanitize-memory-track-origins",
	"sanitize-memory-use-after-dtor", "sanitize-minimal-runtime", "sanitize-recover",
	"sanitize-stats", "sanitize-thread-atomics", "sanitize-thread-func-entry-exit",
	"sanitize-thread-memory-access", "sanitize-trap", "sanitize-undefined-trap-on-error",
	"sched-critical-path-heuristic", "sched-dep-count-heuristic", "sched-group-heuristic",
	"sched-interblock", "sched-last-insn-heuristic", "sched-pressure", "sched-rank-heuristic",
	"sched-spec", "sched-spec-insn-heuristic", "sched-spec-load", "sched-spec-load-dangerous",
	"sched-stalled-insns", "sched-stalled-insns-dep", "sched2-use-superblocks",
	"sched2-use-traces", "schedule-fusion", "schedule-insns", "schedule-insns2",
	"section-anchors", "see", "seh-exceptions", "sel-sched-pipelining",
	"sel-sched-pipelining-outer-loops", "sel-sched-reschedule-pipelined",
	"selective-scheduling", "selective-scheduling2", "semantic-interposition", "short-enums",
	"short-wchar", "show-column", "show-source-location", "shrink-wrap", "shrink-wrap-separate",
	"signaling-math", "signaling-nans", "signed-bitfields", "signed-char", "signed-zeros",
	"simd-cost-model", "single-precision-constant", "sized-deallocation", "sjlj-exceptions",
	"slp-vectorize", "spell-checking", "split-dwarf-inlining", "split-ivs-in-unroller",
	"split-loops", "split-lto-unit", "split-machine-functions", "split-paths", "split-stack",
	"split-wide-types", "split-wide-types-early", "ssa-backprop", "ssa-phiopt", "stack-check",
	"stack-clash-protection", "stack-limit", "stack-protector", "stack-protector-all",
	"stack-protector-explicit", "stack-protector-strong", "stack-size-section",
	"standalone-debug", "stdarg-opt", "store-merging", "strength-reduce", "strict-aliasing",
	"strict-enums", "strict-flex-arrays", "strict-float-cast-overflow", "strict-overflow",
	"strict-return", "strict-vtable-pointers", "strong-eval-order", "struct-path-tbaa",
	"sync-libcalls", "temp-file", "thread-jumps", "threadsafe-statics", "toplevel-reorder",
	"tracer", "track-macro-expansion", "trampolines", "trapping-math", "trapv", "tree-bit-ccp",
	"tree-builtin-call-dce", "tree-ccp", "tree-ch", "tree-coalesce-inlined-vars",
	"tree-coalesce-vars", "tree-copy-prop", "tree-copyrename", "tree-cselim", "tree-dce",
	"tree-dominator-opts", "tree-dse", "tree-forwprop", "tree-fre",
	"tree-loop-distribute-patterns", "tree-loop-distribution", "tree-loop-if-convert",
	"tree-loop-if-convert-stores", "tree-loop-im", "tree-loop-ivcanon", "tree-loop-linear",
	"tree-loop-optimize", "tree-loop-vectorize", "tree-lrs", "tree-partial-pre", "tree-phiprop",
	"tree-pre", "tree-pta", "tree-reassoc", "tree-salias", "tree-scev-cprop", "tree-sink",
	"tree-slp-vectorize", "tree-slsr", "tree-sra", "tree-store-ccp", "tree-store-copy-prop",
	"tree-switch-conversion", "tree-tail-merge", "tree-ter", "tree-vect-loop-version",
	"tree-vectorize", "tree-vrp", "unconstrained-commons", "unique-basic-block-section-names",
	"unique-internal-linkage-names", "unique-section-names", "unit-at-a-time",
	"unreachable-traps", "unroll-all-loops", "unroll-completely-grow-size", "unroll-loops",
	"unsafe-loop-optimizations", "unsafe-math-optimizations", "unsigned-bitfields",
	"unsigned-char", "unswitch-loops", "unwind-tables", "use-cxa-atexit",
	"use-cxa-get-exception-ptr", "use-init-array", "var-tracking", "var-tracking-assignments",
	"var-tracking-assignments-toggle", "var-tracking-uninit", "variable-expansion-in-unroller",
	"vect-cost-model", "vectorize", "version-loops-for-strides", "virtual-function-elimination",
	"visibility-from-dllstorageclass", "visibility-global-new-delete-hidden",
	"visibility-inlines-hidden", "visibility-inlines-hidden-static-local-var",
	"visibility-ms-compat", "vpt", "wasm-exceptions", "weak", "web", "whole-program",
	"whole-program-vtables", "wrapv", "wrapv-pointer", "writable-strings", "xl-pragma-pack",
	"xray-always-emit-customevents", "xray-always-emit-typedevents", "xray-function-index",
	"xray-ignore-loops", "xray-instruction-threshold", "xray-instrument", "zee",
	"zero-initialized-in-bss", "zero-link", "zvector"};

/* Words behind -Xclang that change code or messages in the same way in both places. */
static const struct cc_option xclang[] = {
	{"-debug-info-kind=", J, CLANG, CC_ROLE_BOTH, CC_MEAN_DEBUG},
	{"-disable-O0-optnone", X, CLANG, CC_ROLE_BOTH},
	{"-disable-llvm-passes", X, CLANG, CC_ROLE_BOTH},
	{"-disable-noundef-analysis", X, CLANG, CC_ROLE_BOTH},
	{"-fallow-half-arguments-and-returns", X, CLANG, CC_ROLE_BOTH},
	{"-fcolor-diagnostics", X, CLANG, CC_ROLE_BOTH, CC_MEAN_COLOUR},
	{"-fdebug-compilation-dir", S, CLANG, CC_ROLE_BOTH, CC_MEAN_COMP_DIR},
	{"-fdebug-compilation-dir=", J, CLANG, CC_ROLE_BOTH, CC_MEAN_COMP_DIR},
	{"-fnative-half-arguments-and-returns", X, CLANG, CC_ROLE_BOTH},
	{"-fnative-half-type", X, CLANG, CC_ROLE_BOTH},
	{"-fno-pch-timestamp", X, CLANG, CC_ROLE_BOTH},
	{"-fno-spell-checking", X, CLANG, CC_ROLE_BOTH},
	{"-mconstructor-aliases", X, CLANG, CC_ROLE_BOTH},
	{"-no-opaque-pointers", X, CLANG, CC_ROLE_BOTH},
	{"-opaque-pointers", X, CLANG, CC_ROLE_BOTH},
	{"-target-feature", S, CLANG, CC_ROLE_BOTH},
};

/* Pieces of -Wa, that read no file, write none and put no name of a directory in the object. */
static const struct cc_option assembler[] = {
	{"--32", X, ALL, CC_ROLE_COMPILE},
	{"--64", X, ALL, CC_ROLE_COMPILE},
	{"--compress-debug-sections", X | J, ALL, CC_ROLE_COMPILE},
	{"--crel", X, ALL, CC_ROLE_COMPILE},
	{"--defsym=", J, ALL, CC_ROLE_COMPILE},
	{"--divide", X, ALL, CC_ROLE_COMPILE},
	{"--elf-stt-common=", J, ALL, CC_ROLE_COMPILE},
	{"--execstack", X, ALL, CC_ROLE_COMPILE},
	{"--fatal-warnings", X, ALL, CC_ROLE_COMPILE},
	{"--generate-missing-build-notes=", J, ALL, CC_ROLE_COMPILE},
	{"--keep-locals", X, ALL, CC_ROLE_COMPILE},
	{"--no-pad-sections", X, ALL, CC_ROLE_COMPILE},
	{"--no-warn", X, ALL, CC_ROLE_COMPILE},
	{"--nocompress-debug-sections", X, ALL, CC_ROLE_COMPILE},
	{"--noexecstack", X, ALL, CC_ROLE_COMPILE},
	{"--reduce-memory-overheads", X, ALL, CC_ROLE_COMPILE},
	{"--size-check=", J, ALL, CC_ROLE_COMPILE},
	{"--strip-local-absolute", X, ALL, CC_ROLE_COMPILE},
	{"--traditional-format", X, ALL, CC_ROLE_COMPILE},
	{"--warn", X, ALL, CC_ROLE_COMPILE},
	{"--x32", X, ALL, CC_ROLE_COMPILE},
	{"-L", X, ALL, CC_ROLE_COMPILE},
	{"-W", X, ALL, CC_ROLE_COMPILE},
	{"-Z", X, ALL, CC_ROLE_COMPILE},
	{"-m", J, ALL, CC_ROLE_COMPILE},
};

static const struct cc_option assembler_exact[] = {
	{"--debug-prefix-map=", J, ALL, CC_ROLE_COMPILE},
	{"--gdwarf-2", X, ALL, CC_ROLE_COMPILE},
	{"--gdwarf-3", X, ALL, CC_ROLE_COMPILE},
	{"--gdwarf-4", X, ALL, CC_ROLE_COMPILE},
	{"--gdwarf-5", X, ALL, CC_ROLE_COMPILE},
	{"--gdwarf-cie-version=", J, ALL, CC_ROLE_COMPILE},
	{"--gdwarf-sections", X, ALL, CC_ROLE_COMPILE},
	{"--gen-debug", X, ALL, CC_ROLE_COMPILE},
	{"--gstabs", X, ALL, CC_ROLE_COMPILE},
	{"--gstabs+", X, ALL, CC_ROLE_COMPILE},
	{"--sectname-subst", X, ALL, CC_ROLE_COMPILE},
	{"-I", J, ALL, CC_ROLE_COMPILE},
	{"-R", X, ALL, CC_ROLE_COMPILE},
	{"-g", X, ALL, CC_ROLE_COMPILE},
	{"-gdwarf-2", X, ALL, CC_ROLE_COMPILE},
	{"-gdwarf-3", X, ALL, CC_ROLE_COMPILE},
	{"-gdwarf-4", X, ALL, CC_ROLE_COMPILE},
	{"-gdwarf-5", X, ALL, CC_ROLE_COMPILE},
	{"-gdwarf-sections", X, ALL, CC_ROLE_COMPILE},
};

/* The last row whose name is not behind the first n bytes of word, or rows (none). */
static size_t last_not_behind(
	const struct cc_option *table, size_t rows, const char *word, size_t n)
{
	size_t lo = 0, hi = rows;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int cmp = strncmp(table[mid].name, word, n);

		if (cmp > 0 || (cmp == 0 && table[mid].name[n] != '\0'))
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo ? lo - 1 : rows;
}

static size_t common_prefix(const char *a, const char *b, size_t max)
{
	size_t n = 0;

	while (n < max && a[n] && a[n] == b[n])
		n++;
	return n;
}

/* Does row, whose name is the first n bytes of arg, take arg? */
static bool row_takes(const struct cc_option *row, const char *arg, size_t n, enum cc_family family)
{
	if (family != CC_FAMILY_UNKNOWN && !(row->families & (1 << family)))
		return false;
	if (arg[n] == '\0')
		return row->attach & (CC_ATTACH_NONE | CC_ATTACH_SEPARATE);
	return row->attach & CC_ATTACH_JOINED;
}

static const struct cc_option *find(const struct cc_option *table, size_t rows, const char *arg,
	enum cc_family family, const char **ret_value, bool *ret_separate)
{
	size_t n = strlen(arg);

	while (n > 0) {
		size_t i = last_not_behind(table, rows, arg, n);
		size_t name_len, common;

		if (i == rows)
			return NULL;
		name_len = strlen(table[i].name);
		common = common_prefix(table[i].name, arg, n);
		if (common < name_len) {
			n = common;
			continue;
		}
		if (row_takes(&table[i], arg, name_len, family)) {
			*ret_value = arg[name_len] ? arg + name_len : NULL;
			*ret_separate = !arg[name_len] && (table[i].attach & CC_ATTACH_SEPARATE);
			return &table[i];
		}
		n = name_len - 1;
	}
	return NULL;
}

static bool is_plain(const char *name)
{
	size_t lo = 0, hi = ARRAY_SIZE(plain);

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int cmp = strcmp(plain[mid], name);

		if (cmp == 0)
			return true;
		if (cmp > 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return false;
}

/* "-fno-NAME" of a row "-fNAME". */
static bool is_negation(const char *arg, enum cc_family family)
{
	char positive[64];
	const char *value;
	bool separate;
	const struct cc_option *o;
	size_t n = strlen(arg);

	if (!str_starts(arg, "-fno-") || n - 3 >= sizeof(positive))
		return false;
	positive[0] = '-';
	positive[1] = 'f';
	memcpy(positive + 2, arg + 5, n - 5 + 1);
	o = find(cc_option_table, cc_option_table_size, positive, family, &value, &separate);
	return o && !value && !separate;
}

const struct cc_option *cc_option_find(
	const char *arg, enum cc_family family, const char **ret_value, bool *ret_separate)
{
	static const struct cc_option flag = {"-f", X, ALL, CC_ROLE_BOTH};
	const struct cc_option *o =
		find(cc_option_table, cc_option_table_size, arg, family, ret_value, ret_separate);

	if (!str_starts(arg, "-f") || (o && !*ret_value))
		return o;
	if (is_plain(arg + 2) || (str_starts(arg, "-fno-") && is_plain(arg + 5)) ||
		(!o && is_negation(arg, family))) {
		*ret_value = NULL;
		*ret_separate = false;
		return &flag;
	}
	return o;
}

const struct cc_option *cc_option_find_xclang(
	const char *arg, const char **ret_value, bool *ret_separate)
{
	return find(xclang, ARRAY_SIZE(xclang), arg, CC_FAMILY_CLANG, ret_value, ret_separate);
}

bool cc_option_assembler_ok(const char *arg)
{
	const char *value;
	bool separate;

	return find(assembler, ARRAY_SIZE(assembler), arg, CC_FAMILY_UNKNOWN, &value, &separate) &&
	       !strstr(arg, "native");
}

bool cc_option_assembler_exact(const char *arg)
{
	const char *value;
	bool separate;

	return cc_option_assembler_ok(arg) || find(assembler_exact, ARRAY_SIZE(assembler_exact),
						      arg, CC_FAMILY_UNKNOWN, &value, &separate);
}

const char *cc_option_plain_at(size_t i)
{
	return i < ARRAY_SIZE(plain) ? plain[i] : NULL;
}
