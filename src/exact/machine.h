/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/strv.h"

/* What of a compiler's own command line, as a driver's -### shows it, is about the machine. */

struct machine {
	struct strv options;  /* gcc: -m…, in their order */
	struct strv params;   /* gcc: of --param */
	struct strv features; /* clang: of -target-feature */
	char *cpu, *tune;     /* clang: of the last -target-cpu and -tune-cpu; NULL: not said */
};

void machine_fini(struct machine *m); /* also of a zeroed one */

/*
 * A line of -###: words, some in quotes, in which a backslash stands before what is itself.
 * *ret_was: it is that of the compiler proper (cc1 and its like; clang -cc1), and m has what it
 * says. -ENOMEM, -E2BIG.
 */
int machine_read(struct machine *m, bool gcc, const char *line, bool *ret_was) MUST_CHECK;

bool machine_is_same(const struct machine *a, const struct machine *b);
