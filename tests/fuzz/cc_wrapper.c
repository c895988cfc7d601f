/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "cc/wrapper.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(strv_fini) struct strv before = STRV_INIT;
	AUTO(strv_fini) struct strv behind = STRV_INIT;
	int r = cc_wrapper_parse((const char *)data, size, "/opt/a b/gcc", &before, &behind);

	if (r == 0 && (before.n == 0 || before.v[0][0] == '-'))
		abort();
	return 0;
}
