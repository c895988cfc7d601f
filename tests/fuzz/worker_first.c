/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The first bytes of a client: what was decided stays, with each byte that comes after. */

#include <stdlib.h>

#include "worker/first.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum first_protocol before = FIRST_MORE;

	for (size_t n = 0; n <= size && n <= FIRST_MAX + 1; n++) {
		enum first_protocol now = first_look(data, n);

		if (before != FIRST_MORE && now != before)
			abort();
		if (now == FIRST_MORE && n >= FIRST_MAX)
			abort();
		if (!*first_name(now))
			abort();
		before = now;
	}
	return 0;
}
