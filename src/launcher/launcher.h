/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/strv.h"

/* distcc 3.4's exit codes, where they are ours and not the compiler's. */
enum launcher_exit {
	EXIT_DISTCC_FAILED = 100,
	EXIT_BAD_ARGUMENTS = 101,
	EXIT_OUT_OF_MEMORY = 105,
	EXIT_BAD_HOSTSPEC = 106,
	EXIT_COMPILER_MISSING = 110,
	EXIT_RECURSION = 111,
	EXIT_NO_HOSTS = 116,
};

/* One compiler command, as the user gave it. */
struct invocation {
	struct strv argv; /* [0]: the compiler, as named */
	char *compiler;   /* its absolute path */
	bool explain;     /* in one line */
	bool story;       /* at length */
};

/* A line for the user on stderr: "distcc[PID] Severity: text", in one write. */
void launcher_say(const char *fmt, ...) PRINTF_LIKE(1, 2);

/*
 * "distcc --help" and its kin (argv[1] is the option): *ret_exit is set, true. False: not one of
 * ours, so argv is a compiler command.
 */
bool launcher_option(int argc, char **argv, int *ret_exit);
void launcher_usage(void);

/* Hand it to the agent, and do as that says; the exit code, where it returns. */
int launcher_run(const struct invocation *i);

/*
 * How we were called: "distcc gcc …", "distcc …", or by a compiler's name. Control options in
 * front are taken off and put into effect (in this process's environment). 0, or the exit code
 * after having said why.
 */
int launcher_invocation(int argc, char **argv, struct invocation *ret) MUST_CHECK;
void launcher_invocation_fini(struct invocation *i);

/* The compiler takes this process's place, or is waited for where a story is told. Returns only an
 * exit code; having said why, where it is ours. */
int launcher_exec(const struct invocation *i);
