/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "exact/machine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/path.h"

void machine_fini(struct machine *m)
{
	strv_fini(&m->options);
	strv_fini(&m->params);
	strv_fini(&m->features);
	util_free(&m->cpu);
	util_free(&m->tune);
}

static int split(const char *line, struct strv *ret)
{
	int r = 0;

	while (r == 0 && *(line += strspn(line, " \t"))) {
		AUTO(buf_fini) struct buf word = BUF_INIT;
		bool quoted = false;

		for (; r == 0 && *line && (quoted || *line != ' '); line++) {
			if (*line == '"')
				quoted = !quoted;
			else if (*line == '\\' && line[1])
				r = buf_append_char(&word, *++line);
			else
				r = buf_append_char(&word, *line);
		}
		if (r == 0)
			r = strv_push(ret, buf_str(&word));
	}
	return r;
}

static int set(char **at, const char *value)
{
	util_free(at);
	*at = strdup(value);
	return *at ? 0 : -ENOMEM;
}

static int read_word(struct machine *m, bool gcc, const char *word, const char *next, bool *ret_two)
{
	*ret_two = true;
	if (gcc && str_eq(word, "--param"))
		return strv_push(&m->params, next);
	if (!gcc && str_eq(word, "-target-cpu"))
		return set(&m->cpu, next);
	if (!gcc && str_eq(word, "-tune-cpu"))
		return set(&m->tune, next);
	if (!gcc && str_eq(word, "-target-feature"))
		return strv_push(&m->features, next);
	*ret_two = false;
	if (gcc && str_starts(word, "--param="))
		return strv_push(&m->params, word + strlen("--param="));
	return gcc && str_starts(word, "-m") ? strv_push(&m->options, word) : 0;
}

int machine_read(struct machine *m, bool gcc, const char *line, bool *ret_was)
{
	AUTO(strv_fini) struct strv words = STRV_INIT;
	int r = split(line, &words);

	*ret_was = r == 0 && words.n > 1 &&
		   (gcc ? str_starts(path_base(words.v[0]), "cc1") : str_eq(words.v[1], "-cc1"));
	for (size_t i = 1; r == 0 && *ret_was && i < words.n; i++) {
		bool two;

		r = read_word(m, gcc, words.v[i], i + 1 < words.n ? words.v[i + 1] : "", &two);
		i += two;
	}
	return r;
}

static bool is_same_list(const struct strv *a, const struct strv *b)
{
	bool same = a->n == b->n;

	for (size_t i = 0; same && i < a->n; i++)
		same = str_eq(a->v[i], b->v[i]);
	return same;
}

bool machine_is_same(const struct machine *a, const struct machine *b)
{
	return is_same_list(&a->options, &b->options) && is_same_list(&a->params, &b->params) &&
	       is_same_list(&a->features, &b->features) &&
	       str_eq(a->cpu ? a->cpu : "", b->cpu ? b->cpu : "") &&
	       str_eq(a->tune ? a->tune : "", b->tune ? b->tune : "");
}
