/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * A compiler that costs nothing: reads its source to the end, sleeps FAKECC_MS (set when this is
 * built), writes a small object. What is measured is then everything but compiling.
 */

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifndef FAKECC_MS
#define FAKECC_MS 0
#endif

static void read_all(const char *path)
{
	char piece[65536];
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	while (read(fd, piece, sizeof(piece)) > 0) {
	}
	close(fd);
}

int main(int argc, char **argv)
{
	static const char object[] = "not an object, but as small as one";
	const struct timespec nap = {FAKECC_MS / 1000, FAKECC_MS % 1000 * 1000000L};
	const char *output = NULL;
	int fd;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-o") == 0 && i + 1 < argc)
			output = argv[++i];
		else if (argv[i][0] != '-')
			read_all(argv[i]);
	}
	nanosleep(&nap, NULL);
	if (!output)
		return 1;
	fd = open(output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	return fd >= 0 && write(fd, object, sizeof(object)) == sizeof(object) ? 0 : 1;
}
