/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "scan/fs.h"

/*
 * For tests: as much of scan/fs.h as the search lists need. Every path is proved by stat once per
 * epoch, or, with watched set, once per generation.
 */
void fs_stub_init(struct scan_fs *fs, bool watched);
void fs_stub_fini(struct scan_fs *fs);
unsigned long fs_stub_stats(const struct scan_fs *fs);
