/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "cc/response.h"

/* Any text: words without NULs, no longer together than the text; or unsure. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(strv_fini) struct strv words = STRV_INIT;
	size_t total = 0;
	int r = cc_response_split((const char *)data, size, &words);

	if (r < 0)
		abort();
	for (size_t i = 0; i < words.n; i++)
		total += strlen(words.v[i]);
	if (total > size || (r == 0 && size && memchr(data, 0, size)))
		abort();
	return 0;
}
