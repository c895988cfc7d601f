/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * A list of look-ups as a worker may tell it. Whatever can be read of it is within its limits, and
 * what is made of that, told again, is read as the same, each once.
 */

#include <stdlib.h>
#include <string.h>

#include "reapi/lookups.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t read_all(const struct reapi_lookups *l, struct reapi_lookup *v, size_t max)
{
	struct reapi_lookups_reader r;
	struct reapi_lookup got;
	size_t n = 0;

	reapi_lookups_begin(&r, l);
	while (reapi_lookups_next(&r, &got) == 0) {
		size_t len = strlen(got.path);

		if (len > REAPI_LOOKUPS_PATH_MAX || *got.path != '/' || n == REAPI_LOOKUPS_MAX)
			abort();
		if (n < max)
			v[n] = (struct reapi_lookup){.path = strdup(got.path), .link = got.link};
		n++;
	}
	return MIN(n, max);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { KEPT = 64 };
	struct reapi_lookups l = {.list = {.data = (char *)data, .len = size}},
			     again = {.part = false};
	struct reapi_lookup first[KEPT], second[KEPT];
	size_t n = read_all(&l, first, KEPT), m, k = 0;

	if (reapi_lookups_make(first, n, &again) != 0 || again.part)
		abort();
	m = read_all(&again, second, KEPT);
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && first[i].link == first[i - 1].link &&
			strcmp(first[i].path, first[i - 1].path) == 0)
			continue;
		if (k == m || second[k].link != first[i].link ||
			strcmp(second[k].path, first[i].path) != 0)
			abort();
		k++;
	}
	if (k != m)
		abort();
	for (size_t i = 0; i < n; i++)
		free((char *)first[i].path);
	for (size_t i = 0; i < m; i++)
		free((char *)second[i].path);
	buf_fini(&again.list);
	return 0;
}
