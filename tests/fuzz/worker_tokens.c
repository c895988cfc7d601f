/* SPDX-License-Identifier: GPL-3.0-or-later */

/* A file of tokens, and after a NUL what a client shows: the file never lets in what it lacks. */

#include <stdlib.h>
#include <string.h>

#include "worker/tokens.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *split = size > 0 ? memchr(data, 0, size) : NULL;
	size_t n = split ? (size_t)(split - text) : size;
	AUTO(util_free) char *why = NULL, *shown = NULL;
	const char *who = NULL;
	struct tokens t;
	int r = tokens_parse("file", text, n, &t, &why);

	if (r != 0) {
		if (r != TOKENS_BAD_FILE || !why || strchr(why, '\n'))
			abort();
		return 0;
	}
	shown = split ? strndup(split + 1, size - n - 1) : NULL;
	r = tokens_check(&t, shown, &who);
	if (t.n == 0 || !who || (r != 0 && r != TOKENS_REFUSED))
		abort();
	/* Whatever is let in is in the file, as it was shown. */
	if (r == 0) {
		const char *token = strrchr(shown, ' ');

		token = token ? token + 1 : shown;
		if (strlen(token) < TOKENS_LENGTH_MIN || !memmem(text, n, token, strlen(token)))
			abort();
	}
	tokens_fini(&t);
	return 0;
}
