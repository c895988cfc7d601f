/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "cc/specs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(strv_fini) struct strv includes = STRV_INIT;
	AUTO(util_free) char *reason = NULL;
	int r = cc_specs_parse((const char *)data, size, &includes, &reason);

	if ((r != 0) != (reason != NULL))
		abort();
	for (size_t i = 0; i < includes.n; i++)
		if (!includes.v[i][0])
			abort();
	return 0;
}
