/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>

#include "engine.h"
#include "scan_tmp.h"

/*
 * A unit of three files, main.c, a.h and sys/b.h, which 0xff bytes divide; the first byte chooses
 * the language. It is run twice: what is remembered of the first run must not change the second.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint32_t modes[] = {
	ENGINE_C17,
	ENGINE_C17 | SCAN_MODE_CLANG,
	ENGINE_C17 | SCAN_MODE_CXX | SCAN_MODE_TRUE | SCAN_MODE_DIGIT_SEPARATORS |
		SCAN_MODE_USER_LITERALS,
	ENGINE_C17 | SCAN_MODE_CXX | SCAN_MODE_TRUE | SCAN_MODE_DIGIT_SEPARATORS | SCAN_MODE_CLANG |
		SCAN_MODE_MODULES,
	SCAN_MODE_ASM | SCAN_MODE_LINE_COMMENTS,
	SCAN_MODE_TRIGRAPHS,
};

static void write_files(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"main.c", "a.h", "sys/b.h"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const uint8_t *end = i < 2 && size > 0 ? memchr(data, 0xff, size) : NULL;
		size_t len = end ? (size_t)(end - data) : size;

		scan_tmp_put(names[i], data, len);
		data += len + (end != NULL);
		size -= len + (end != NULL);
	}
}

static void run_twice(struct engine *e)
{
	size_t n_files, n_questions;
	bool rejected, time_macros;
	int first = engine_run(e);

	/* The last two are limits, "cannot know" to whoever asks (scan.c). */
	if (first != 0 && first != UNIT_STOP && first != -E2BIG && first != -ENAMETOOLONG)
		abort();
	n_files = e->s->result.n_files;
	n_questions = e->s->n_questions;
	rejected = e->s->result.rejected;
	time_macros = e->s->result.time_macros || e->s->result.timestamp;
	if (engine_run(e) != first || e->s->result.n_files != n_files ||
		e->s->n_questions != n_questions || e->s->result.rejected != rejected ||
		(e->s->result.time_macros || e->s->result.timestamp) != time_macros)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct engine e;

	if (size == 0)
		return 0;
	scan_tmp_make();
	write_files(data + 1, size - 1);
	if (engine_init(&e, scan_tmp, "main.c", modes[data[0] % ARRAY_SIZE(modes)],
		    SCAN_FS_NO_WATCH) < 0)
		abort();
	run_twice(&e);
	engine_fini(&e);
	return 0;
}
