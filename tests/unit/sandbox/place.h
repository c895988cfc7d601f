/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/util.h"

/* A directory of the test's own, which it works in. */
static inline int place_enter(void **state)
{
	char name[] = "/tmp/test_sandbox_XXXXXX";

	umask(022);
	if (!mkdtemp(name) || chdir(name) < 0)
		return -1;
	*state = strdup(name);
	return 0;
}

static inline int place_leave(void **state)
{
	int r = chdir("/") < 0 ? -1 : fs_remove_tree(*state);

	free(*state);
	return r;
}

static inline void place_put(const char *path, const char *text)
{
	AUTO(util_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(fs_write_all(fd, text, strlen(text)), 0);
}

static inline int place_here(void)
{
	int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}
