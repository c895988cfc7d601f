/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "exact/rebase.h"

/*
 * A list of dependencies: the first byte says by which compiler. What is changed and then changed
 * back is what it was.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char here[] = "/home/u/here", there[] = "/t";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;
	struct buf out = BUF_INIT, back = BUF_INIT;
	enum cc_family family;

	if (size == 0)
		return 0;
	family = data[0] & 1 ? CC_FAMILY_CLANG : CC_FAMILY_GCC;
	if (!rebase_occurs(text, size - 1, there) &&
		rebase_depfile(family, text, size - 1, here, there, &out) == 0 &&
		!rebase_occurs(buf_str(&out), out.len, here)) {
		if (rebase_depfile(family, buf_str(&out), out.len, there, here, &back) != 0 ||
			back.len != size - 1 || memcmp(buf_str(&back), text, back.len) != 0)
			abort();
	}
	buf_fini(&out);
	buf_fini(&back);
	return 0;
}
