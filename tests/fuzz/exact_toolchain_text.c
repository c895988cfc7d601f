/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "exact/toolchain_text.h"

/* A closure out of a database: what is accepted comes out again as it went in. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	struct buf again = BUF_INIT;
	struct toolchain_state *states;
	struct toolchain t;

	if (!text)
		abort();
	if (toolchain_text_read(text, &t, &states) == 0) {
		if (toolchain_text_write(&t, states, &again) != 0 ||
			strcmp(buf_str(&again), text) != 0)
			abort();
		toolchain_states_free(states, t.n + t.also.n);
		toolchain_fini(&t);
	}
	buf_fini(&again);
	free(text);
	return 0;
}
