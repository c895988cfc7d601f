/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * -march=native and its like mean this machine's processor, and a worker may have another. What
 * they come to is asked for:
 *
 *	gcc -### -march=native …	what cc1 is given: -march=…, -m…, --param …
 *	the same words instead		is cc1 given the same now?
 *
 * and only if it is, they stand for the option from then on. clang's driver has options for some of
 * this only, so that what it turns on and off goes to its compiler directly (-Xclang).
 *
 * The order is another one for gcc's --param, which debug information and intermediate code record:
 * who asks for these is not answered (exact/action.c).
 */

#include "exact/inquiry.h"

#include <errno.h>
#include <string.h>

#include "exact/ask.h"
#include "exact/machine.h"

bool native_is_said(const char *arg)
{
	return str_eq(arg, "-march=native") || str_eq(arg, "-mtune=native");
}

static int look(struct inquiry *i, const struct strv *options, struct machine *ret)
{
	static const char *const source[] = {
		"-###", "-c", "-x", "c", "/dev/null", "-o", "/dev/null", NULL};
	AUTO(buf_fini) struct buf said = BUF_INIT_MAX(ASK_OUTPUT_MAX);
	AUTO(strv_fini) struct strv argv = STRV_INIT;
	struct ask q = {.program = i->q->compiler, .cwd = i->q->cwd, .stderr_wanted = true};
	bool gcc = i->q->command->family == CC_FAMILY_GCC, was = false;
	char *save = NULL;
	int r = strv_push(&argv, i->q->compiler);

	if (r == 0)
		r = strv_push_all(&argv, strv_argv(options));
	if (r == 0)
		r = strv_push_all(&argv, (char *const *)source);
	if (r < 0)
		return r;
	q.argv = strv_argv(&argv);
	q.envp = strv_argv(&i->env);
	r = ask(&q, &said);
	for (char *line = r == 0 && said.data ? strtok_r(said.data, "\n", &save) : NULL;
		r == 0 && !was && line; line = strtok_r(NULL, "\n", &save))
		r = machine_read(ret, gcc, line, &was);
	if (r == ASK_FAILED || (r == 0 && !was))
		return inquiry_unknown(i, "%s does not say what native is", i->q->compiler);
	return r;
}

/* Of equal words as many are the user's as he has said, the last ones. */
static bool is_own(const struct strv *own, const struct strv *given, size_t at)
{
	size_t behind = 0, n = 0;

	for (size_t k = at + 1; k < given->n; k++)
		behind += str_eq(given->v[k], given->v[at]);
	for (size_t k = 0; k < own->n; k++)
		n += str_eq(own->v[k], given->v[at]);
	return behind < n;
}

/* All that cc1 is given but the user's own options, which follow. */
static int words_of_gcc(const struct inquiry *i, const struct machine *m, struct strv *ret)
{
	int r = 0;

	for (size_t k = 0; r == 0 && k < m->options.n; k++)
		if (!is_own(&i->options.passed, &m->options, k))
			r = strv_push(ret, m->options.v[k]);
	for (size_t k = 0; r == 0 && k < m->params.n; k++)
		r = strv_pushf(ret, "--param=%s", m->params.v[k]);
	return r;
}

static int words_of_clang(const struct inquiry *i, const struct machine *m, struct strv *ret)
{
	int r = 0;

	if (strv_has(&i->options.passed, "-march=native") && m->cpu)
		r = strv_pushf(ret, "-march=%s", m->cpu);
	if (r == 0 && strv_has(&i->options.passed, "-mtune=native") && m->tune)
		r = strv_pushf(ret, "-mtune=%s", m->tune);
	for (size_t k = 0; r == 0 && k < m->features.n; k++) {
		r = strv_push(ret, "-Xclang");
		if (r == 0)
			r = strv_push(ret, "-target-feature");
		if (r == 0)
			r = strv_push(ret, "-Xclang");
		if (r == 0)
			r = strv_push(ret, m->features.v[k]);
	}
	return r;
}

/* The words, and the user's options but for those that they stand for. */
static int replace(const struct strv *words, const struct strv *options, struct strv *ret)
{
	int r = strv_push_all(ret, strv_argv(words));

	for (size_t k = 0; r == 0 && k < options->n; k++)
		if (!native_is_said(options->v[k]))
			r = strv_push(ret, options->v[k]);
	return r;
}

int native_add(struct inquiry *i)
{
	AUTO(machine_fini) struct machine meant = {.cpu = NULL};
	AUTO(machine_fini) struct machine made = {.cpu = NULL};
	AUTO(strv_fini) struct strv words = STRV_INIT;
	AUTO(strv_fini) struct strv options = STRV_INIT;
	int r = look(i, &i->options.passed, &meant);

	if (r == 0)
		r = i->q->command->family == CC_FAMILY_GCC ? words_of_gcc(i, &meant, &words)
							   : words_of_clang(i, &meant, &words);
	if (r == 0)
		r = replace(&words, &i->options.passed, &options);
	if (r == 0)
		r = look(i, &options, &made);
	if (r == 0 && (words.n == 0 || !machine_is_same(&meant, &made)))
		return inquiry_unknown(i, "what native means cannot be said otherwise");
	if (r == 0)
		r = strv_push_all(&i->closure.toolchain.native, strv_argv(&words));
	return r;
}
