/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Lines of -###, from whatever is called a compiler: read without harm, and the same twice. */

#include <stdlib.h>
#include <string.h>

#include "exact/machine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (int gcc = 0; gcc < 2; gcc++) {
		struct machine one = {.cpu = NULL}, two = {.cpu = NULL};
		char *line = strndup((const char *)data, size);
		bool was, again;

		if (!line || machine_read(&one, gcc, line, &was) < 0 ||
			machine_read(&two, gcc, line, &again) < 0)
			abort();
		if (was != again || !machine_is_same(&one, &two))
			abort();
		if (!was && (one.options.n || one.params.n || one.features.n || one.cpu))
			abort();
		machine_fini(&one);
		machine_fini(&two);
		free(line);
	}
	return 0;
}
