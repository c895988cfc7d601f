/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/util.h"

/* Path names as text: nothing here touches the file system. */

/* What follows the last '/'; the path itself where there is none. Never NULL. */
const char *path_base(const char *path);

/* The extension with its dot (".c"), from the last '.' of the base name, or "" (also for ".rc"). */
const char *path_ext(const char *path);

/* dir + "/" + name, or name alone where it is absolute or dir is NULL or "". malloc'ed; NULL: no
 * memory. */
char *path_join(const char *dir, const char *name);

/* What leads from the directory from to the path to, "../" included; both absolute, and without
 * ".", ".." or double "/". malloc'ed; NULL: no memory. */
char *path_relative(const char *from, const char *to);

/* The directory part as dirname(1) gives it ("." where there is no '/'). malloc'ed; NULL: no
 * memory. */
char *path_dir(const char *path);

/* The path with its extension replaced by ext (with dot, or ""). malloc'ed; NULL: no memory. */
char *path_with_ext(const char *path, const char *ext);
