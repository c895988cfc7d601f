/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A directory with "sys" in it for the files of a unit, in memory where there is such a place. */

static char scan_tmp[64];

static void scan_tmp_remove(void)
{
	static const char *const names[] = {"main.c", "a.h", "sys/b.h"};
	char path[sizeof(scan_tmp) + 16];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s/%s", scan_tmp, names[i]);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/sys", scan_tmp);
	rmdir(path);
	rmdir(scan_tmp);
}

static void scan_tmp_put(const char *name, const void *data, size_t len)
{
	char path[sizeof(scan_tmp) + 16];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", scan_tmp, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		abort();
	close(fd);
}

static void scan_tmp_make(void)
{
	char path[sizeof(scan_tmp) + 16];

	if (*scan_tmp)
		return;
	strcpy(scan_tmp,
		access("/dev/shm", W_OK) == 0 ? "/dev/shm/scan-XXXXXX" : "/tmp/scan-XXXXXX");
	if (!mkdtemp(scan_tmp))
		abort();
	snprintf(path, sizeof(path), "%s/sys", scan_tmp);
	if (mkdir(path, 0700) < 0)
		abort();
	atexit(scan_tmp_remove);
}
