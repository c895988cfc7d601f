/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The main of a fuzz target without a fuzzer: give it every file of the folders named, once. */

#include <dirent.h>
#include <stdio.h>

#include "base/fs.h"
#include "base/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
	AUTO(buf_fini) struct buf b = BUF_INIT;
	int r = fs_read_file(path, &b);

	if (r < 0)
		return r;
	LLVMFuzzerTestOneInput((const uint8_t *)buf_str(&b), b.len);
	return 0;
}

static int replay_folder(const char *path, unsigned *count)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int r = 0;

	if (!d)
		return -1;
	while (r == 0 && (e = readdir(d))) {
		AUTO(util_free) char *file = path_join(path, e->d_name);

		if (e->d_name[0] == '.')
			continue;
		r = file ? replay_file(file) : -1;
		(*count)++;
	}
	closedir(d);
	return r;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		unsigned count = 0;

		if (replay_folder(argv[i], &count) < 0 || count == 0) {
			fprintf(stderr, "cannot replay %s\n", argv[i]);
			return 1;
		}
	}
	return 0;
}
