/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Trees are removed by recursion down to LEVELS; what is deeper is renamed to the top of the trash
 * and has its turn later. So neither the stack nor the descriptors depend on how deep a job has
 * nested directories, and a budget can end the work anywhere.
 */

#include "sandbox/trash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LEVELS = 32, NAME_TRIES = 1000 };

struct emptying {
	int trash_fd;
	dev_t dev;
	size_t budget;
	int error;
};

/* A name that is not taken. */
static int move_in(int trash_fd, int from_fd, const char *name)
{
	static _Atomic unsigned counter;

	for (int i = 0; i < NAME_TRIES; i++) {
		char to[48];

		snprintf(to, sizeof(to), "%ld-%u", (long)getpid(), counter++);
		if (renameat2(from_fd, name, trash_fd, to, RENAME_NOREPLACE) == 0)
			return 0;
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

int trash_put(int trash_fd, int parent_fd, const char *name)
{
	int r = move_in(trash_fd, parent_fd, name);

	/* A directory that its owner may not write cannot be moved by him. */
	if (r == -EACCES && fchmodat(parent_fd, name, 0700, 0) == 0)
		r = move_in(trash_fd, parent_fd, name);
	return r == -ENOENT ? 0 : r;
}

/* A directory to go through, whatever a job has made of its mode. */
static DIR *open_dir(int at, const char *name)
{
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	struct stat st;
	DIR *d;
	int fd;

	/* Nobody else is in there any more, so it still is what it was. */
	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode) &&
		(st.st_mode & 0700) != 0700 && fchmodat(at, name, 0700, 0) < 0)
		return NULL;
	fd = openat(at, name, flags);
	if (fd < 0)
		return NULL;
	d = fdopendir(fd);
	if (!d)
		close(fd);
	return d;
}

static bool spend(struct emptying *e)
{
	if (e->budget == 0)
		return false;
	e->budget--;
	return true;
}

static void note(struct emptying *e, int error)
{
	if (error != -ENOENT)
		e->error = error;
}

static bool remove_dir(struct emptying *e, int at, const char *name, int level);

/* False: the budget is used up. */
static bool remove_entry(struct emptying *e, int at, const char *name, int level)
{
	struct stat st;

	if (!spend(e))
		return false;
	if (unlinkat(at, name, 0) == 0)
		return true;
	if (errno != EISDIR && errno != EPERM && errno != EBUSY) {
		note(e, -errno);
		return true;
	}
	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode) ||
		st.st_dev != e->dev) {
		note(e, -EPERM);
		return true;
	}
	if (level >= LEVELS) {
		int r = trash_put(e->trash_fd, at, name);

		if (r < 0)
			note(e, r);
		return true;
	}
	return remove_dir(e, at, name, level);
}

static bool remove_dir(struct emptying *e, int at, const char *name, int level)
{
	DIR *d = open_dir(at, name);
	struct dirent *entry;
	bool more = true;

	if (!d) {
		note(e, -errno);
		return true;
	}
	while (more && (entry = readdir(d)))
		if (!str_eq(entry->d_name, ".") && !str_eq(entry->d_name, ".."))
			more = remove_entry(e, dirfd(d), entry->d_name, level + 1);
	closedir(d);
	if (more && unlinkat(at, name, AT_REMOVEDIR) < 0)
		note(e, -errno);
	return more;
}

/* One pass over the top. True: it was empty, or all that is left cannot be removed. */
static bool pass(struct emptying *e, DIR *top)
{
	struct dirent *entry;
	bool found = false;

	rewinddir(top);
	while ((entry = readdir(top))) {
		if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
			continue;
		found = true;
		if (!remove_entry(e, dirfd(top), entry->d_name, 0))
			return false;
	}
	return !found || e->error < 0;
}

int trash_empty(int trash_fd, size_t budget)
{
	struct emptying e = {.trash_fd = trash_fd, .budget = budget};
	DIR *top = open_dir(trash_fd, ".");
	struct stat st;
	bool done = false;

	if (!top)
		return -errno;
	if (fstat(dirfd(top), &st) < 0) {
		closedir(top);
		return -EIO;
	}
	e.dev = st.st_dev;
	/* What was too deep comes up, so there may be more than one pass. */
	while (!done && e.budget > 0)
		done = pass(&e, top);
	closedir(top);
	if (e.error < 0)
		return e.error;
	return done ? 0 : TRASH_MORE;
}
