/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scan/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fs.h"
#include "scan/nametree.h"

/*
 * Events only ever say "look again": what is then true is asked of the file system, never concluded
 * from the event. So their order does not matter, and neither does a change that was seen by a stat
 * before its event arrives; but each change has its event in the queue when the system call that
 * made it has returned.
 *
 * Not polled through an epoll descriptor: mountinfo says "changed" once to whoever polls it, and an
 * epoll descriptor that somebody else polls would swallow it.
 */

enum {
	EVENTS_SIZE = 16384,
	LIMIT_TEXT_SIZE = 32,
	FD_LINK_SIZE = 32,
	ON_DIRECTORY = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB,
	ON_FILE = IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF,
};

/* Half of what the user may have, for there are editors too. */
static unsigned watches_allowed(void)
{
	AUTO(buf_fini) struct buf text = BUF_INIT_MAX(LIMIT_TEXT_SIZE);
	unsigned long limit;

	/* Room first: such a file gives what fits in the first read, and then ends. */
	if (buf_reserve(&text, LIMIT_TEXT_SIZE / 2) < 0 ||
		fs_read_file("/proc/sys/fs/inotify/max_user_watches", &text) < 0)
		return SCAN_FS_WATCHES_MAX / 8;
	limit = strtoul(buf_str(&text), NULL, 10) / 2;
	return (unsigned)MIN(limit, (unsigned long)SCAN_FS_WATCHES_MAX);
}

void watch_init(struct scan_fs_state *s)
{
	s->mounts_fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (s->mounts_fd >= 0)
		s->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	s->watching = s->inotify_fd >= 0;
	s->watches_max = watches_allowed();
}

void watch_fini(struct scan_fs_state *s)
{
	util_close(&s->inotify_fd);
	util_close(&s->mounts_fd);
	hashset_fini(&s->by_wd);
}

static uint32_t wd_hash(int wd)
{
	return hashset_hash(&wd, sizeof(wd));
}

static bool same_wd(const void *item, const void *key)
{
	const struct inode *i = item;

	return i->wd == *(const int *)key;
}

/* The kernel has none for it any more, or we want none. */
static void unmap(struct scan_fs_state *s, struct inode *i)
{
	hashset_remove(&s->by_wd, wd_hash(i->wd), i);
	i->wd = -1;
	s->watches--;
}

void watch_remove(struct scan_fs_state *s, struct inode *i)
{
	if (i->wd < 0)
		return;
	(void)inotify_rm_watch(s->inotify_fd, i->wd); /* fails where it is gone already */
	unmap(s, i);
}

void watch_remove_all(struct scan_fs_state *s)
{
	HASHSET_FOR(slot, &s->by_wd)
	{
		const struct inode *i = slot->item;

		(void)inotify_rm_watch(s->inotify_fd, i->wd);
	}
	hashset_fini(&s->by_wd);
	s->watches = 0;
}

/* A quarter is kept for directories, which save more. */
static bool room_for(const struct scan_fs_state *s, bool directory)
{
	return s->watches < (directory ? s->watches_max : s->watches_max / 4 * 3);
}

/* A watch is gone, by what a call says and before its event was read. */
static void lost(struct scan_fs_state *s, struct inode *i)
{
	unmap(s, i);
	nametree_unwatched(s, i);
	view_outdate(s);
}

static void map(struct scan_fs_state *s, struct inode *i, int wd)
{
	struct inode *other = hashset_find(&s->by_wd, wd_hash(wd), same_wd, &wd);

	if (other == i) {
		if (i->watch_proof < s->lost_proof)
			i->watch_proof = s->proof;
		return;
	}
	if (other)
		lost(s, other);
	if (i->wd >= 0)
		lost(s, i);
	i->wd = wd;
	i->watch_proof = s->proof;
	hashset_add(&s->by_wd, wd_hash(wd), i);
	s->watches++;
	s->stats.watches++;
}

int watch_add(struct scan_fs_state *s, struct inode *i, int fd, bool directory)
{
	char link[FD_LINK_SIZE];
	int r, wd;

	if (i->wd < 0 && !room_for(s, directory))
		return VIEW_NO_WATCH;
	r = hashset_reserve(&s->by_wd);
	if (r < 0)
		return r;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	wd = inotify_add_watch(
		s->inotify_fd, link, directory ? ON_DIRECTORY | IN_ONLYDIR : (unsigned)ON_FILE);
	if (wd < 0) {
		r = errno == ENOMEM ? -ENOMEM : VIEW_NO_WATCH;
		if (i->wd >= 0)
			lost(s, i);
		return r;
	}
	map(s, i, wd);
	return 0;
}

static void dispatch(struct scan_fs_state *s, const struct inotify_event *e)
{
	struct inode *i;

	s->stats.events++;
	if (e->mask & IN_Q_OVERFLOW) {
		s->stats.overflows++;
		view_forget_all(s, true);
		return;
	}
	i = hashset_find(&s->by_wd, wd_hash(e->wd), same_wd, &e->wd);
	if (!i)
		return;
	if (e->mask & IN_IGNORED) {
		unmap(s, i);
		nametree_unwatched(s, i);
	} else if (e->len == 0) {
		nametree_self_event(s, i);
	} else if (e->mask & (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)) {
		nametree_name_event(s, i, e->name, strlen(e->name));
	}
}

static int take_events(struct scan_fs_state *s)
{
	_Alignas(struct inotify_event) char events[EVENTS_SIZE];
	int left = 0;

	/* No more than what is there now: who writes without end must not hold us here. */
	if (ioctl(s->inotify_fd, FIONREAD, &left) < 0)
		return -errno;
	while (left > 0) {
		const struct inotify_event *e;
		ssize_t n = read(s->inotify_fd, events, sizeof(events));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 && errno != EAGAIN ? -errno : 0;
		left -= (int)n;
		for (char *p = events; p < events + n; p += sizeof(*e) + e->len) {
			e = (const struct inotify_event *)p;
			dispatch(s, e);
		}
	}
	return 0;
}

int watch_take(struct scan_fs_state *s, bool in_scan)
{
	struct pollfd fds[] = {
		{.fd = s->inotify_fd, .events = POLLIN},
		{.fd = s->mounts_fd, .events = POLLPRI},
	};
	int r;

	if (!s->watching)
		return 0;
	do
		r = poll(fds, ARRAY_SIZE(fds), 0);
	while (r < 0 && errno == EINTR);
	if (r <= 0)
		return r < 0 ? -errno : 0;
	if (in_scan)
		s->touch = s->proof;
	if (fds[1].revents & (POLLPRI | POLLERR))
		view_forget_all(s, false);
	r = fds[0].revents ? take_events(s) : 0;
	if (s->dirty)
		view_outdate(s);
	s->dirty = false;
	s->touch = s->epoch_proof - 1;
	return r;
}
