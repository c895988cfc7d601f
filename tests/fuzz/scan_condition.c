/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>

#include "engine.h"
#include "scan_tmp.h"

/*
 * One #if, with a few macros to expand; the first byte says whose rules. It comes to the same
 * when it is asked again.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char before[] = "#define ONE 1\n#define EMPTY\n#define F(x) x\n#define G(x,y) x##y\n"
			     "#define S(x) #x\n#define V(x,...) x __VA_OPT__(+) __VA_ARGS__\n"
			     "#define SELF SELF+1\n#define H <a.h>\n#if ";
static const char behind[] = "\n#define YES 1\n#endif\n";

static int run(struct engine *e, bool *ret)
{
	int r = engine_run(e);

	if (r != 0 && r != UNIT_STOP && r != -E2BIG)
		abort();
	*ret = engine_defined(e, "YES");
	return r;
}

static void evaluate(struct engine *e, const uint8_t *data, size_t size)
{
	AUTO(buf_fini) struct buf text = BUF_INIT;
	bool yes, again;
	int r;

	if (buf_append(&text, before, sizeof(before) - 1) < 0 ||
		buf_append(&text, data, size) < 0 ||
		buf_append(&text, behind, sizeof(behind) - 1) < 0)
		abort();
	scan_tmp_put("main.c", text.data, text.len);
	r = run(e, &yes);
	if (run(e, &again) != r || yes != again)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct engine e;

	if (size == 0)
		return 0;
	scan_tmp_make();
	if (engine_init(&e, scan_tmp, "main.c",
		    ENGINE_C17 | (data[0] & 1 ? SCAN_MODE_CLANG : 0) |
			    (data[0] & 2 ? SCAN_MODE_CXX | SCAN_MODE_TRUE : 0),
		    SCAN_FS_NO_WATCH) < 0)
		abort();
	evaluate(&e, data + 1, size - 1);
	engine_fini(&e);
	return 0;
}
