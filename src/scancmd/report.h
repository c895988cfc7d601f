/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/strv.h"
#include "scan/scan.h"

/*
 * What "distcc --scan-includes" tells of one scan: each path once, with what it points at.
 * Files belong to the scanner's last result and live as long.
 */
struct report {
	struct scan_result_file *files;
	size_t n_files;
	struct strv links, targets; /* of the same length */
	struct strv directories;
	struct strv absent; /* sorted */
};

#define REPORT_INIT           \
	{                     \
		.files = NULL \
	}

int report_collect(struct scanner *s, const struct scan_result *r, struct report *ret) MUST_CHECK;
void report_fini(struct report *p);

/* "FILE path", "SYMLINK path", "DIRECTORY path" on standard output. */
void report_print(const struct report *p);

/* Sort l, and leave one of each. */
void report_sort(struct strv *l);
