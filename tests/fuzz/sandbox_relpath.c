/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Paths of inputs and outputs as clients name them. One that passes has, read name by name, nothing
 * in it that leads up or nowhere; and what the kernel makes of any of them stays in the directory.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sandbox/outputs.h"
#include "sandbox/relpath.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(char *path)
{
	char *name;

	if (path[0] == '/' || strlen(path) >= RELPATH_MAX)
		abort();
	while ((name = strsep(&path, "/")))
		if (!relpath_name_is_valid(name))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(outputs_entry_fini) struct outputs_entry e = OUTPUTS_ENTRY_INIT;
	AUTO(util_free) char *path = strndup((const char *)data, size);
	/* A directory in which there is next to nothing, so that whatever is found is outside. */
	AUTO(util_close) int dir = open("/proc/self/map_files", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir >= 0 && outputs_open(dir, path, &e) == 0 && *path && e.kind != OUTPUTS_MISSING)
		abort();
	if (relpath_is_valid(path))
		check(path);
	return 0;
}
