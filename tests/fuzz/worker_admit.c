/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * What a client may ask distccd to run: arguments, one a line. What is admitted never names a path
 * outside the job's directory, but in the options whose value is text, nor loads anything.
 */

#include <stdlib.h>
#include <string.h>

#include "worker/admit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_text(const char *arg, const char *before)
{
	static const char *const joined[] = {"-D", "-U",
		"-frandom-seed=", "-fdebug-prefix-map=", "-ffile-prefix-map=",
		"-fmacro-prefix-map=", "-fcoverage-prefix-map=", "-fdebug-compilation-dir",
		"-ffile-compilation-dir=", "-fcoverage-compilation-dir="};
	static const char *const apart[] = {"-D", "-U", "-fdebug-compilation-dir"};

	for (size_t i = 0; i < ARRAY_SIZE(joined); i++)
		if (str_starts(arg, joined[i]))
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(apart); i++)
		if (str_eq(before, apart[i]))
			return true;
	return false;
}

static void check(const struct admit_command *c)
{
	if (strchr(c->source, '/') || strchr(c->object, '/') || str_eq(c->source, c->object))
		abort();
	for (size_t i = 1; i < c->argv.n; i++) {
		const char *arg = c->argv.v[i];

		if (is_text(arg, c->argv.v[i - 1]))
			continue;
		if (strchr(arg, '/') || arg[0] == '@' || str_starts(arg, "-fplugin") ||
			str_starts(arg, "-B") || str_starts(arg, "-specs"))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(strv_fini) struct strv argv = STRV_INIT;
	AUTO(util_free) char *text = strndup((const char *)data, size);
	AUTO(util_free) char *why = NULL;
	struct admit_command c;
	char *rest = text, *line;
	int r;

	while ((line = strsep(&rest, "\n")))
		if (strv_push(&argv, line) < 0)
			abort();
	r = admit_command(&argv, &c, &why);
	if (r == 0) {
		check(&c);
		admit_command_fini(&c);
	} else if (r != ADMIT_REFUSED || !why) {
		abort();
	}
	return 0;
}
