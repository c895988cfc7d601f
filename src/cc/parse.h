/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "cc/command.h"

/* Private to cc/command.c, cc/meaning.c and cc/outputs.c: a command line while it is read. */

enum parse_mode {
	PARSE_OBJECT = 1 << 0,
	PARSE_ASSEMBLY = 1 << 1,
	PARSE_PREPROCESS = 1 << 2,
	PARSE_SYNTAX = 1 << 3,
	PARSE_INFORMATION = 1 << 4,
};

struct parse {
	struct cc_command *c;
	const char *cwd;
	char *const *envp;

	unsigned modes; /* enum parse_mode, or-ed */
	size_t n_inputs;
	const char *input; /* the first one */
	enum cc_language input_language;
	enum cc_language forced; /* by -x; NONE: by extension */
	bool libraries;          /* -l: something to link although no file is named */

	const char *output;
	const char *arch;
	const char *unused;     /* an argument of which clang would warn */
	bool quiet_unused;      /* it would not */
	bool deps;              /* -MD, -MMD */
	const char *wp_deps;    /* the file of -Wp,-MD,FILE */
	const char *deps_file;  /* -MF */
	const char *deps_extra; /* the first of -MT -MQ -MP */
	struct strv dirs;       /* -I and its like */
	struct strv includes;   /* -include */

	unsigned extra_outputs; /* 1 << enum cc_output_kind, or-ed */
	struct strv given;      /* outputs that options name */
	const char *temps;      /* -save-temps: "=obj" or "=cwd" */
	const char *remarks;    /* the suffix of -fsave-optimization-record's file */
	const char *remarks_file;
};

/* The first reason stays. detail is copied. -ENOMEM. */
int parse_local(struct parse *p, enum cc_reason reason, const char *detail) MUST_CHECK;

/* The same, for what is no reason where nothing is preprocessed first. */
int parse_plain(struct parse *p, enum cc_reason reason, const char *detail) MUST_CHECK;

/* Its outputs, when all words are read; reasons among them. -ENOMEM. */
int parse_outputs(struct parse *p) MUST_CHECK;
/* Something that is there and is no plain file cannot be replaced by renaming: a reason. -ENOMEM. */
int parse_outputs_look(struct parse *p) MUST_CHECK;

/* Do what an option means. arg: as written; value: joined or the next word, or NULL. -ENOMEM. */
struct cc_option;
int parse_meaning(
	struct parse *p, const struct cc_option *o, const char *arg, const char *value) MUST_CHECK;
