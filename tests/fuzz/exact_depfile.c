/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Lists of what was read, as compilers and assemblers write them. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "exact/depfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const targets[] = {NULL, "a.o"};
	char *text = malloc(size + 1);

	if (!text)
		abort();
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		struct strv names = STRV_INIT;
		int r = depfile_parse(text, size, targets[i], &names);

		if (r != 0 && r != -EBADMSG)
			abort();
		for (size_t k = 0; k < names.n; k++)
			if (!*names.v[k])
				abort();
		strv_fini(&names);
	}
	free(text);
	return 0;
}
