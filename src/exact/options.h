/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/strv.h"
#include "cc/command.h"

/* What of a command line and an environment makes a difference to a compiler's closure. */

struct options {
	struct strv passed;  /* to be said with each question; each word as it was written */
	struct strv specs;   /* -specs=, as named; gcc only */
	struct strv plugins; /* -fplugin=, likewise */
	bool lto;
	bool split_dwarf;
	bool sanitize;
	bool external_assembler; /* clang's -fno-integrated-as */
	bool native;             /* native_is_said of one */
	bool relative;           /* the current directory matters */
	const char *refused;     /* points into the command; NULL: none */
};

int options_look(const struct cc_command *c, struct options *ret) MUST_CHECK; /* -ENOMEM */
void options_fini(struct options *o);

/* A variable under which the compiler may read what we cannot know; NULL: there is none. */
const char *options_refused_variable(char *const *envp);
