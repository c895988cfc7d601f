/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/util.h"

/*
 * Why a command runs on this machine. One table (reason.c) has for each a stable name in
 * kebab-case, for logs and tests, and a sentence for people.
 */
enum cc_reason {
	CC_REMOTE_OK = 0,

	/* what kind of command it is */
	CC_LOCAL_LINK,
	CC_LOCAL_PREPROCESS,
	CC_LOCAL_INFORMATION,
	CC_LOCAL_SYNTAX_ONLY,
	CC_LOCAL_NO_INPUT,
	CC_LOCAL_SEVERAL_INPUTS,
	CC_LOCAL_STDIN,
	CC_LOCAL_STDOUT,
	CC_LOCAL_NOT_A_SOURCE,
	CC_LOCAL_SEVERAL_MODES,
	CC_LOCAL_SEVERAL_OUTPUTS,
	CC_LOCAL_SEVERAL_ARCHITECTURES,
	CC_LOCAL_OUTPUT_NOT_REGULAR,
	CC_LOCAL_CONFIGURE_TEST,

	/* what we cannot read, or not with certainty */
	CC_LOCAL_UNKNOWN_COMPILER,
	CC_LOCAL_UNKNOWN_OPTION,
	CC_LOCAL_MISSING_VALUE,
	CC_LOCAL_RESPONSE_FILE,
	CC_LOCAL_ENVIRONMENT,

	/* languages */
	CC_LOCAL_LANGUAGE,
	CC_LOCAL_ASSEMBLER,
	CC_LOCAL_PCH,
	CC_LOCAL_MODULES,
	CC_LOCAL_OFFLOAD,

	/* options */
	CC_LOCAL_NATIVE,
	CC_LOCAL_DEPENDENCIES,
	CC_LOCAL_PREPROCESSOR_OPTION,
	CC_LOCAL_PREPROCESSED_OPTION,
	CC_LOCAL_ASSEMBLER_OPTION,
	CC_LOCAL_FRONTEND_OPTION,
	CC_LOCAL_UNUSED_ARGUMENT,
	CC_LOCAL_DIAGNOSTICS,
	CC_LOCAL_PLUGIN,
	CC_LOCAL_TOOLCHAIN,
	CC_LOCAL_LTO,
	CC_LOCAL_SANITIZER,
	CC_LOCAL_COMPARE_DEBUG,
	CC_LOCAL_RECORDED_COMMAND,
	CC_LOCAL_DEBUG_SOURCE,

	/* files beside the object */
	CC_LOCAL_PROFILE,
	CC_LOCAL_COVERAGE,
	CC_LOCAL_SAVE_TEMPS,
	CC_LOCAL_SPLIT_DWARF,
	CC_LOCAL_STACK_USAGE,
	CC_LOCAL_SIDE_OUTPUT,
	CC_LOCAL_SIDE_INPUT,

	/* what the preprocessed text said: see cc_text_scan */
	CC_LOCAL_PRAGMA_TARGET,
	CC_LOCAL_INCBIN,
	CC_LOCAL_MODULE_TEXT,

	CC_REASON_COUNT, /* at most 64: cc_command.exact_reasons */
};

const char *cc_reason_name(enum cc_reason reason);
const char *cc_reason_sentence(enum cc_reason reason);
