/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cas/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "cas/slot.h"
#include "cas/store.h"

/*
 * The file "state" is five lines:
 *
 *	distcc-cas 1			the version of all that is in the directory
 *	state open|clean
 *	boot ID				/proc/sys/kernel/random/boot_id, or "-"
 *	epoch N trusted N
 *	search no|yes
 *
 * It is replaced as a whole, and is on the disk before anything else is changed ("open"), and after
 * everything else is ("clean"). So "open" with this boot's id means that a process was killed: what
 * it wrote is in the page cache, and the index is right. "open" with another boot's means that the
 * machine was lost, and any file may have lost its bytes: a new epoch begins, and nothing of an
 * earlier one is trusted before it is hashed.
 */

static bool parse_words(char *text, struct state *s)
{
	char kind[8], search[8];
	int end = -1;

	if (sscanf(text,
		    "state %7[a-z]\nboot %64[0-9a-zA-Z-]\nepoch %u trusted %u\nsearch %7[a-z]%n",
		    kind, s->boot, &s->epoch, &s->trusted, search, &end) != 5)
		return false;
	if (!str_eq(text + end, "\n"))
		return false;
	s->clean = str_eq(kind, "clean");
	s->searching = str_eq(search, "yes");
	return (s->clean || str_eq(kind, "open")) && (s->searching || str_eq(search, "no")) &&
	       s->epoch >= 1 && s->trusted >= 1 && s->trusted <= s->epoch &&
	       s->epoch <= SLOT_EPOCH_MAX;
}

int state_parse(const char *text, size_t n, struct state *ret)
{
	char copy[STATE_FILE_MAX + 1];
	struct state s = {.clean = false};
	unsigned version = 0;
	int at = -1;

	if (n > STATE_FILE_MAX || memchr(text, '\0', n))
		return -EBADMSG;
	memcpy(copy, text, n);
	copy[n] = '\0';
	if (sscanf(copy, "distcc-cas %9u%n", &version, &at) != 1 || copy[at] != '\n' ||
		version == 0)
		return -EBADMSG;
	if (version > STATE_VERSION) {
		*ret = (struct state){.epoch = version};
		return CAS_NEWER;
	}
	if (!parse_words(copy + at + 1, &s))
		return -EBADMSG;
	if (str_eq(s.boot, "-"))
		s.boot[0] = '\0';
	*ret = s;
	return 0;
}

int state_print(const struct state *s, struct buf *ret)
{
	return buf_printf(ret, "distcc-cas %d\nstate %s\nboot %s\nepoch %u trusted %u\nsearch %s\n",
		STATE_VERSION, s->clean ? "clean" : "open", *s->boot ? s->boot : "-", s->epoch,
		s->trusted, s->searching ? "yes" : "no");
}

int state_read(int dir_fd, struct state *ret)
{
	AUTO(util_close) int fd = openat(dir_fd, "state", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	AUTO(buf_fini) struct buf b = BUF_INIT_MAX(STATE_FILE_MAX);
	int r;

	if (fd < 0)
		return -errno;
	r = fs_read_fd(fd, &b);
	if (r == -E2BIG)
		return -EBADMSG;
	return r < 0 ? r : state_parse(buf_str(&b), b.len, ret);
}

int state_write(int dir_fd, const struct state *s)
{
	AUTO(buf_fini) struct buf b = BUF_INIT_MAX(STATE_FILE_MAX);
	AUTO(util_close) int fd = -1;
	int r = state_print(s, &b);

	if (r < 0)
		return r;
	fd = openat(
		dir_fd, "state.new", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = fs_write_all(fd, b.data, b.len);
	if (r < 0)
		return r;
	if (fsync(fd) < 0 || renameat(dir_fd, "state.new", dir_fd, "state") < 0 ||
		fsync(dir_fd) < 0)
		return -errno;
	return 0;
}

void state_boot_id(char ret[STATE_BOOT_MAX + 1])
{
	AUTO(buf_fini) struct buf b = BUF_INIT_MAX(STATE_BOOT_MAX);

	ret[0] = '\0';
	if (fs_read_file("/proc/sys/kernel/random/boot_id", &b) < 0)
		return;
	if (sscanf(buf_str(&b), "%64[0-9a-zA-Z-]", ret) != 1)
		ret[0] = '\0';
}
