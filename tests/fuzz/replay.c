/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The main of a fuzz target in builds without libFuzzer: every regular file among the arguments,
 * and directly in the directories among them, is given to the target once. No sorted order and no
 * recursion: a target keeps nothing from one input to the next.
 */

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
	AUTO(buf_fini) struct buf content = BUF_INIT;
	uint8_t *exact;
	int r = fs_read_file(path, &content);

	if (r < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(-r));
		return r;
	}
	/* Memory of just this size, as libFuzzer gives, so that a sanitizer sees reads past it. */
	exact = malloc(content.len);
	if (!exact && content.len > 0)
		return -ENOMEM;
	if (content.len > 0)
		memcpy(exact, content.data, content.len);
	LLVMFuzzerTestOneInput(exact, content.len);
	free(exact);
	return 0;
}

/* A file, or with in_dir unset a directory of files; *count is raised by one for each. */
static int replay(const char *path, bool in_dir, unsigned *count)
{
	struct stat st;
	struct dirent *e;
	int r = 0;
	DIR *d;

	if (stat(path, &st) < 0) {
		perror(path);
		return -errno;
	}
	if (S_ISREG(st.st_mode)) {
		++*count;
		return replay_file(path);
	}
	if (!S_ISDIR(st.st_mode) || in_dir)
		return 0;
	d = opendir(path);
	if (!d) {
		perror(path);
		return -errno;
	}
	while (r == 0 && (e = readdir(d))) {
		AUTO(util_free) char *file = path_join(path, e->d_name);

		r = file ? replay(file, true, count) : -ENOMEM;
	}
	closedir(d);
	return r;
}

int main(int argc, char **argv)
{
	unsigned count = 0;

	for (int i = 1; i < argc; i++)
		if (replay(argv[i], false, &count) < 0)
			return EXIT_FAILURE;
	printf("%u inputs\n", count);
	/* A corpus that is not there would pass for ever. */
	return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
