/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "cc/markers.h"
#include "cc/pragmas.h"
#include "cc/split.h"

/*
 * Any text in an allocation of its own size. What is found without directives is found with them,
 * but for what only the plain mode asks; and a blank line behind changes nothing.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_marker(void *arg, const char *path, bool enters)
{
	if (path[0] != '/')
		abort();
	*(size_t *)arg += 1;
	return 0;
}

/* No more markers than lines, and none told where there is none. */
static void check_markers(const char *text, size_t n)
{
	size_t told = 0, lines = 0;
	int r = cc_markers_each(text, n, "/cwd", on_marker, &told);

	for (size_t i = 0; i < n; i++)
		lines += text[i] == '\n';
	if (told > lines || (r == CC_MARKERS_NONE && told > 0) || r == CC_MARKERS_ENOUGH)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const unsigned same = CC_TEXT_PRAGMA_TARGET | CC_TEXT_INCBIN;
	AUTO(util_free) char *text = malloc(size + 1);
	unsigned plain, directives;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\n';
	plain = cc_text_scan((const char *)data, size, false);
	directives = cc_text_scan((const char *)data, size, true);
	if ((plain & same) & ~directives)
		abort();
	if (plain & ~cc_text_scan(text, size + 1, false))
		abort();
	cc_source_loses_pragmas((const char *)data, size);
	check_markers((const char *)data, size);
	return 0;
}
