/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cc/reason.h"

/* Why a command stays here, as data. A new reason needs a row, or the assertion below fails. */

static const struct {
	const char *name;
	const char *sentence;
} reasons[] = {
	[CC_REMOTE_OK] = {"remote-ok", "it can be compiled on another machine"},
	[CC_LOCAL_LINK] = {"link", "it links"},
	[CC_LOCAL_PREPROCESS] = {"preprocess", "it only preprocesses"},
	[CC_LOCAL_INFORMATION] = {"information", "it asks the compiler about itself"},
	[CC_LOCAL_SYNTAX_ONLY] = {"syntax-only", "it only checks and writes no object"},
	[CC_LOCAL_NO_INPUT] = {"no-input", "it names no source file"},
	[CC_LOCAL_SEVERAL_INPUTS] = {"several-inputs", "it names more than one input"},
	[CC_LOCAL_STDIN] = {"stdin", "the source comes from standard input"},
	[CC_LOCAL_STDOUT] = {"stdout", "the output goes to standard output"},
	[CC_LOCAL_NOT_A_SOURCE] = {"not-a-source", "the input is no source file we know"},
	[CC_LOCAL_SEVERAL_MODES] = {"several-modes", "it says both -c and -S"},
	[CC_LOCAL_SEVERAL_OUTPUTS] = {"several-outputs", "it names more than one output"},
	[CC_LOCAL_SEVERAL_ARCHITECTURES] = {"several-architectures",
		"it compiles for more than one architecture"},
	[CC_LOCAL_OUTPUT_NOT_REGULAR] = {"output-not-regular",
		"the output is a link, a device or another thing that cannot be replaced"},
	[CC_LOCAL_CONFIGURE_TEST] = {"configure-test", "it is a test of a configure script"},
	[CC_LOCAL_UNKNOWN_COMPILER] = {"unknown-compiler",
		"the program is not known to be gcc or clang"},
	[CC_LOCAL_UNKNOWN_OPTION] = {"unknown-option", "it has an option we do not know"},
	[CC_LOCAL_MISSING_VALUE] = {"missing-value", "an option lacks its value"},
	[CC_LOCAL_RESPONSE_FILE] = {"response-file",
		"a response file cannot be read with certainty"},
	[CC_LOCAL_ENVIRONMENT] = {"environment", "an environment variable changes what is done"},
	[CC_LOCAL_LANGUAGE] = {"language", "the language is not distributed"},
	[CC_LOCAL_ASSEMBLER] = {"assembler", "it assembles, which is cheap here"},
	[CC_LOCAL_PCH] = {"pch", "it makes or may use a precompiled header"},
	[CC_LOCAL_MODULES] = {"modules", "it uses modules"},
	[CC_LOCAL_OFFLOAD] = {"offload", "it compiles for an accelerator"},
	[CC_LOCAL_NATIVE] = {"native", "it compiles for the processor of this machine"},
	[CC_LOCAL_DEPENDENCIES] = {"dependencies",
		"it asks for dependencies in a way that cannot be repeated exactly"},
	[CC_LOCAL_PREPROCESSOR_OPTION] = {"preprocessor-option",
		"an option of the preprocessor cannot be kept when preprocessing first"},
	[CC_LOCAL_PREPROCESSED_OPTION] = {"preprocessed-option",
		"it treats its input as preprocessed, or makes such text"},
	[CC_LOCAL_ASSEMBLER_OPTION] = {"assembler-option",
		"an option of the assembler is not known to be harmless"},
	[CC_LOCAL_FRONTEND_OPTION] = {"frontend-option",
		"an internal option of the compiler is not known to be harmless"},
	[CC_LOCAL_UNUSED_ARGUMENT] = {"unused-argument",
		"clang warns of an argument without effect, and would not elsewhere"},
	[CC_LOCAL_DIAGNOSTICS] = {"diagnostics",
		"the diagnostics it asks for cannot be made in two steps"},
	[CC_LOCAL_PLUGIN] = {"plugin", "it uses a compiler plug-in"},
	[CC_LOCAL_TOOLCHAIN] = {"toolchain", "it chooses parts of the compiler itself"},
	[CC_LOCAL_LTO] = {"lto",
		"intermediate code keeps places in the source that preprocessing moves"},
	[CC_LOCAL_SANITIZER] = {"sanitizer",
		"the instrumented code keeps places in the source that preprocessing moves"},
	[CC_LOCAL_COMPARE_DEBUG] = {"compare-debug", "it compares two compiles"},
	[CC_LOCAL_RECORDED_COMMAND] = {"recorded-command",
		"the command line is recorded in the output"},
	[CC_LOCAL_DEBUG_SOURCE] = {"debug-source",
		"the debug information holds source text or macros"},
	[CC_LOCAL_PROFILE] = {"profile", "it makes or uses a profile"},
	[CC_LOCAL_COVERAGE] = {"coverage", "it writes coverage notes beside the object"},
	[CC_LOCAL_SAVE_TEMPS] = {"save-temps", "it keeps intermediate files"},
	[CC_LOCAL_SPLIT_DWARF] = {"split-dwarf", "it writes a .dwo beside the object"},
	[CC_LOCAL_STACK_USAGE] = {"stack-usage", "it writes a .su beside the object"},
	[CC_LOCAL_SIDE_OUTPUT] = {"side-output", "it writes another file beside the object"},
	[CC_LOCAL_SIDE_INPUT] = {"side-input", "the compiler reads another file of this machine"},
	[CC_LOCAL_PRAGMA_TARGET] = {"pragma-target",
		"#pragma GCC target or optimize means another thing once preprocessed"},
	[CC_LOCAL_INCBIN] = {"incbin", "its assembly reads another file of this machine"},
	[CC_LOCAL_MODULE_TEXT] = {"module-text", "its preprocessed form is more than plain text"},
};

_Static_assert(
	ARRAY_SIZE(reasons) == CC_REASON_COUNT && CC_REASON_COUNT <= 64, "each reason has a row");

const char *cc_reason_name(enum cc_reason reason)
{
	return (size_t)reason < ARRAY_SIZE(reasons) ? reasons[reason].name : "unknown";
}

const char *cc_reason_sentence(enum cc_reason reason)
{
	return (size_t)reason < ARRAY_SIZE(reasons) ? reasons[reason].sentence : "unknown";
}
