/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/versions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void forget(struct version *v)
{
	free(v->key);
	free(v->text);
	*v = (struct version){.key = NULL};
}

void versions_fini(struct versions *t)
{
	for (size_t i = 0; i < VERSIONS_MAX; i++)
		forget(&t->v[i]);
}

static struct version *find(const struct versions *t, const char *key)
{
	for (size_t i = 0; i < VERSIONS_MAX; i++)
		if (t->v[i].key && str_eq(t->v[i].key, key))
			return (struct version *)&t->v[i];
	return NULL;
}

const char *versions_find(const struct versions *t, const char *key, uint64_t now_ms)
{
	const struct version *v = find(t, key);

	return v && v->until_ms > now_ms ? v->text : NULL;
}

int versions_put(struct versions *t, const char *key, const char *text, size_t n, uint64_t now_ms)
{
	struct version *v = find(t, key);
	struct version made = {.key = strdup(key),
		.text = strndup(text, MIN(n, (size_t)VERSIONS_TEXT_MAX)),
		.until_ms = now_ms + VERSIONS_KEPT_MS};

	if (!made.key || !made.text) {
		forget(&made);
		return -ENOMEM;
	}
	if (!v)
		v = &t->v[t->next++ % VERSIONS_MAX];
	forget(v);
	*v = made;
	return 0;
}
