/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "scan/fs.h"

/*
 * A small tree in a directory of its own, which is also the working directory, and the truth about
 * it: what the kernel says of a path at this moment, by stat, realpath and read alone.
 */

/* For cmocka: *state is the directory's path. */
int world_setup(void **state);
int world_teardown(void **state);

const char *world_root(void); /* that path */

/* All of these assert. Paths are relative to the world. */
void world_put(const char *path, const char *text); /* made, or written in place and cut */
void world_link(const char *path, const char *text);
void world_empty(void);
void world_fill(void); /* the tree that world_paths are about */

extern const char *const world_paths[];
extern const size_t world_paths_n;

/* The object of world + "/" + path. */
struct scan_path *world_path(struct scan_fs *fs, const char *path);

/* Prove it, read it if it is a file, and compare all with the truth. False: told on stderr. */
bool world_true(struct scan_fs *fs, struct scan_path *p);

/* A refresh, then that of all world_paths. */
void world_expect(struct scan_fs *fs);
