/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "scan/facts_store.h"
#include "scan/unit.h"

/*
 * The scanner's engine without a compiler: what one would have said is made up. One unit of a few
 * files in a directory of its own, of which "." is searched first and "sys" is a system directory.
 */
struct engine {
	struct scanner *s;
	struct scan_facts *facts;
	struct scan_plan plan;
	struct scan_search search;
	struct scan_search_dir dirs[2];
};

enum {
	ENGINE_C17 = SCAN_MODE_LINE_COMMENTS | SCAN_MODE_DIGRAPHS | SCAN_MODE_RAW_STRINGS |
		     SCAN_MODE_UNICODE_STRINGS | SCAN_MODE_UTF8_STRINGS | SCAN_MODE_ELIFDEF |
		     SCAN_MODE_DOLLARS
};

/* dir: absolute, and there; input: a file in it. Both outlive the engine. view: SCAN_FS_…. -errno. */
int engine_init(struct engine *e, const char *dir, const char *input, uint32_t mode,
	unsigned view) MUST_CHECK;
void engine_fini(struct engine *e);

/* What stands before the source, as of -D; NULL: nothing. -errno. */
int engine_define(struct engine *e, const char *text, size_t len) MUST_CHECK;

/* Once; files are as they were the first time. 0, UNIT_STOP (e->s->reason), -errno. */
int engine_run(struct engine *e) MUST_CHECK;

/* After a run: is the name defined? */
bool engine_defined(struct engine *e, const char *name);
