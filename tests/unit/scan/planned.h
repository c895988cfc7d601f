/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "scan/plan.h"

/* For tests: a command line and its plan. */
struct planned {
	struct cc_command command;
	struct scan_plan plan;
	char *reason; /* of a plan that is none */
	bool is_planned;
};

/* argv[0] is an absolute path, whose name tells the family; cwd and envp must outlive it. */
int planned_init(struct planned *p, char *const *argv, const char *cwd, char *const *envp);

/* The same from words divided by blanks. */
int planned_from_text(struct planned *p, const char *text, const char *cwd, char *const *envp);
void planned_fini(struct planned *p);
