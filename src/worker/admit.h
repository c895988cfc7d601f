/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/strv.h"

/*
 * May this command line run here, and in what form? Pure. What a client asks for is exactly one
 * compile of one source to one object or assembly text; every argument that would name another
 * file, load code into the compiler or start another program is refused, and options that only
 * matter to a preprocessor or linker are dropped. The compiler itself is worker/compiler.h's
 * matter.
 */

enum { ADMIT_NAME_MAX = 200 };

struct admit_command {
	struct strv argv;   /* [0] as the client said it; the source and -o are plain names */
	const char *source; /* in argv: the name that the source must have in the cwd */
	const char *object; /* in argv: the name of the output in the cwd */
	bool debug;         /* some -g is given */
	char *shown;        /* for people and logs: the source as the client named it */
};

enum { ADMIT_REFUSED = 1 };

/* 0; ADMIT_REFUSED, and *ret_why says which argument and why (owned); -ENOMEM. */
int admit_command(const struct strv *argv, struct admit_command *ret, char **ret_why) MUST_CHECK;
void admit_command_fini(struct admit_command *c);
