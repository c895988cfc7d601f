/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Records on a socket pair, each sent in one piece (so a daemon that is killed leaves no half of
 * one): an operation byte, a 16-bit length, that many bytes. A socket and not a pipe, because a
 * send to a warden that was killed can be told to raise no SIGPIPE in the daemon.
 *
 *	'G' / 'g'  guard / release a process group; the body is its pid_t
 *	'P' / 'p'  guard / release a path; the body is its text
 *	'.'        all is well: forget everything and end
 */

#include "base/warden.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/child.h"
#include "base/fs.h"

enum { TRIES = 100, PAUSE_MS = 10, STAT_MAX = 4096 };

struct record {
	char op;
	uint16_t len;
	char body[WARDEN_PATH_MAX];
} __attribute__((packed));

struct wards {
	pid_t groups[WARDEN_MAX];
	char *paths[WARDEN_MAX];
	pid_t session; /* of the daemon and its children alone; 0: there is none */
};

static void swap_group(struct wards *w, pid_t from, pid_t to)
{
	for (size_t i = 0; i < WARDEN_MAX; i++) {
		if (w->groups[i] == from) {
			w->groups[i] = to;
			return;
		}
	}
}

static void add_path(struct wards *w, const char *path)
{
	for (size_t i = 0; i < WARDEN_MAX; i++) {
		if (!w->paths[i]) {
			w->paths[i] = strdup(path);
			return;
		}
	}
}

static void drop_path(struct wards *w, const char *path)
{
	for (size_t i = 0; i < WARDEN_MAX; i++) {
		if (w->paths[i] && str_eq(w->paths[i], path)) {
			util_free(&w->paths[i]);
			return;
		}
	}
}

static bool read_exact(int fd, void *data, size_t n)
{
	for (char *p = data; n > 0;) {
		ssize_t r = read(fd, p, n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return false;
		p += r;
		n -= (size_t)r;
	}
	return true;
}

/* False: the daemon is gone or has said that it ends; *ret_clean tells which. */
static bool serve_one(int fd, struct wards *w, bool *ret_clean)
{
	char body[WARDEN_PATH_MAX + 1];
	struct record rec;
	pid_t group = 0;

	*ret_clean = false;
	if (!read_exact(fd, &rec, offsetof(struct record, body)) || rec.len > WARDEN_PATH_MAX ||
		!read_exact(fd, body, rec.len))
		return false;
	body[rec.len] = '\0';
	if (rec.len == sizeof(group))
		memcpy(&group, body, sizeof(group));
	switch (rec.op) {
	case 'G':
		swap_group(w, 0, group);
		break;
	case 'g':
		swap_group(w, group, 0);
		break;
	case 'P':
		add_path(w, body);
		break;
	case 'p':
		drop_path(w, body);
		break;
	default:
		*ret_clean = true;
		return false;
	}
	return true;
}

static void pause_a_moment(void)
{
	const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};

	nanosleep(&pause, NULL);
}

/* Should one that was killed be making files in there all the same, it is tried again. */
static void remove_path(const char *path)
{
	for (int i = 0; fs_remove_tree(path) == -ENOTEMPTY && i < TRIES; i++)
		pause_a_moment();
}

static bool is_inside(const struct wards *w, const char *dir)
{
	for (size_t i = 0; i < WARDEN_MAX; i++) {
		size_t len = w->paths[i] ? strlen(w->paths[i]) : 0;

		if (len > 0 && strncmp(dir, w->paths[i], len) == 0 &&
			(dir[len] == '\0' || dir[len] == '/'))
			return true;
	}
	return false;
}

static bool is_in_group(const struct wards *w, pid_t group)
{
	for (size_t i = 0; group > 1 && i < WARDEN_MAX; i++)
		if (w->groups[i] == group)
			return true;
	return false;
}

static bool works_inside(const struct wards *w, pid_t pid)
{
	char link[32], dir[WARDEN_PATH_MAX * 2];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/cwd", pid);
	n = readlink(link, dir, sizeof(dir) - 1);
	if (n < 0)
		return false;
	dir[n] = '\0';
	return is_inside(w, dir);
}

/* It has ended but for its parent's looking at it. */
static bool is_zombie(pid_t pid)
{
	AUTO(buf_fini) struct buf stat = BUF_INIT_MAX(STAT_MAX);
	char path[32];
	const char *end;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (buf_reserve(&stat, STAT_MAX / 2) < 0 || fs_read_file(path, &stat) < 0)
		return true;
	end = strrchr(buf_str(&stat), ')');
	return !end || strspn(end, ") ZX") > strspn(end, ") ");
}

/*
 * A process group can only be guarded once it exists. One that the daemon had no time left to tell
 * us about is known by where it works, or by the daemon's session. True: something of the daemon's
 * was still alive.
 */
static bool kill_what_is_left(const struct wards *w)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	bool found = false;

	if (!d)
		return false;
	while ((e = readdir(d))) {
		uint64_t n;
		pid_t pid;

		if (str_to_u64(e->d_name, INT32_MAX, &n) < 0 || n <= 1)
			continue;
		pid = (pid_t)n;
		if (!is_in_group(w, getpgid(pid)) && !works_inside(w, pid) &&
			(w->session == 0 || getsid(pid) != w->session))
			continue;
		if (!is_zombie(pid) && kill(pid, SIGKILL) == 0)
			found = true;
	}
	closedir(d);
	return found;
}

/* What was killed may still be making files, or have forked: again, until nothing lives. */
static void kill_all(const struct wards *w)
{
	for (size_t i = 0; i < WARDEN_MAX; i++)
		if (w->groups[i])
			child_kill_group(w->groups[i], SIGKILL);
	for (int i = 0; i < TRIES && kill_what_is_left(w); i++)
		pause_a_moment();
}

static void watch(int fd, pid_t session)
{
	struct wards *w = calloc(1, sizeof(*w));
	bool clean;

	if (!w)
		return;
	w->session = session;
	while (serve_one(fd, w, &clean))
		;
	if (clean)
		return;
	kill_all(w);
	for (size_t i = 0; i < WARDEN_MAX; i++)
		if (w->paths[i])
			remove_path(w->paths[i]);
}

static void __attribute__((noreturn)) run_warden(int fd, pid_t session)
{
	/* Out of the daemon's group and session: what is sent to those must not end it. */
	setsid();
	prctl(PR_SET_NAME, "distcc-warden");
	dup2(fd, STDIN_FILENO);
	util_close_range(STDIN_FILENO + 1, ~0U, false);
	if (chdir("/") < 0) {
		/* Stays where it is: only an unmount would mind. */
	}
	watch(STDIN_FILENO, session);
	_exit(0);
}

int warden_start(bool session, struct warden *ret)
{
	sigset_t all, before;
	pid_t pid, leader = session && getsid(0) == getpid() ? getpid() : 0;
	int fds[2], r = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	/* The warden is born with every signal blocked and leaves it so: no moment is unsafe. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	pid = fork();
	if (pid == 0)
		run_warden(fds[0], leader);
	if (pid < 0)
		r = -errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(fds[0]);
	if (r == 0)
		*ret = (struct warden){.fd = fds[1], .pid = pid};
	else
		close(fds[1]);
	return r;
}

static bool send_all(int fd, const void *data, size_t n)
{
	for (const char *p = data; n > 0;) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return false;
		p += sent;
		n -= (size_t)sent;
	}
	return true;
}

static void send_record(struct warden *w, char op, const void *body, size_t n)
{
	struct record rec = {.op = op, .len = (uint16_t)n};

	if (w->fd < 0 || n > sizeof(rec.body))
		return;
	if (n > 0)
		memcpy(rec.body, body, n);
	/* A warden that is gone (EPIPE) guards nothing more; the daemon works on without. */
	if (!send_all(w->fd, &rec, offsetof(struct record, body) + n))
		util_close(&w->fd);
}

void warden_stop(struct warden *w)
{
	if (w->pid <= 0)
		return;
	send_record(w, '.', NULL, 0);
	util_close(&w->fd);
	while (waitpid(w->pid, NULL, 0) < 0 && errno == EINTR)
		;
	w->pid = 0;
}

void warden_guard_group(struct warden *w, pid_t group)
{
	send_record(w, 'G', &group, sizeof(group));
}

void warden_release_group(struct warden *w, pid_t group)
{
	send_record(w, 'g', &group, sizeof(group));
}

void warden_guard_path(struct warden *w, const char *path)
{
	send_record(w, 'P', path, strlen(path));
}

void warden_release_path(struct warden *w, const char *path)
{
	send_record(w, 'p', path, strlen(path));
}
