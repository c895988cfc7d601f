/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planned.h"

#include <stdlib.h>
#include <string.h>

int planned_init(struct planned *p, char *const *argv, const char *cwd, char *const *envp)
{
	enum cc_family family = strstr(argv[0], "clang") ? CC_FAMILY_CLANG : CC_FAMILY_GCC;
	int r;

	*p = (struct planned){.is_planned = false};
	r = cc_command_parse_as(family, argv, cwd, envp, &p->command);
	if (r < 0)
		return r;
	r = scan_plan_init(&p->plan, &p->command, p->command.args[0].text, cwd, envp, &p->reason);
	p->is_planned = r == 0;
	return r;
}

int planned_from_text(struct planned *p, const char *text, const char *cwd, char *const *envp)
{
	struct strv argv = STRV_INIT;
	int r = 0;

	for (const char *s = text; r == 0 && *s;) {
		size_t n = strcspn(s, " ");

		r = n ? strv_push_n(&argv, s, n) : 0;
		s += n + (s[n] == ' ');
	}
	if (r == 0)
		r = planned_init(p, strv_argv(&argv), cwd, envp);
	strv_fini(&argv);
	return r;
}

void planned_fini(struct planned *p)
{
	if (p->is_planned)
		scan_plan_fini(&p->plan);
	cc_command_fini(&p->command);
	free(p->reason);
	*p = (struct planned){.is_planned = false};
}
