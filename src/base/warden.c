/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Records on the pipe, each written in one piece (they are far below PIPE_BUF, so a daemon that
 * is killed leaves no half of one): an operation byte, a 16-bit length, that many bytes.
 *
 *	'G' / 'g'  guard / release a process group; the body is its pid_t
 *	'P' / 'p'  guard / release a path; the body is its text
 *	'.'        all is well: forget everything and end
 */

#include "base/warden.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/fs.h"

struct record {
	char op;
	uint16_t len;
	char body[WARDEN_PATH_MAX];
} __attribute__((packed));

struct wards {
	pid_t groups[WARDEN_MAX];
	char *paths[WARDEN_MAX];
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

static void watch(int fd)
{
	struct wards *w = calloc(1, sizeof(*w));
	bool clean;

	if (!w)
		return;
	while (serve_one(fd, w, &clean))
		;
	if (clean)
		return;
	for (size_t i = 0; i < WARDEN_MAX; i++)
		if (w->groups[i])
			child_kill_group(w->groups[i], SIGKILL);
	for (size_t i = 0; i < WARDEN_MAX; i++) {
		if (w->paths[i] && fs_remove_tree(w->paths[i]) < 0) {
			/* Nobody is left to tell. */
		}
	}
}

int warden_start(struct warden *ret)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid < 0) {
		int r = -errno;

		close(fds[0]);
		close(fds[1]);
		return r;
	}
	if (pid == 0) {
		/* Out of the daemon's group and session: what is sent to those must not end it. */
		setsid();
		prctl(PR_SET_NAME, "distcc-warden");
		signal(SIGTERM, SIG_IGN);
		signal(SIGINT, SIG_IGN);
		signal(SIGHUP, SIG_IGN);
		dup2(fds[0], STDIN_FILENO);
		close_range(STDIN_FILENO + 1, ~0U, 0);
		if (chdir("/") < 0) {
			/* Stays where it is: only an unmount would mind. */
		}
		watch(STDIN_FILENO);
		_exit(0);
	}
	close(fds[0]);
	*ret = (struct warden){.fd = fds[1], .pid = pid};
	return 0;
}

static void send_record(struct warden *w, char op, const void *body, size_t n)
{
	struct record rec = {.op = op, .len = (uint16_t)n};

	if (w->fd < 0 || n > sizeof(rec.body))
		return;
	if (n > 0)
		memcpy(rec.body, body, n);
	/* A warden that is gone (EPIPE) guards nothing more; the daemon works on without. */
	if (fs_write_all(w->fd, &rec, offsetof(struct record, body) + n) < 0)
		util_close(&w->fd);
}

void warden_stop(struct warden *w)
{
	if (w->fd < 0)
		return;
	send_record(w, '.', NULL, 0);
	util_close(&w->fd);
	while (waitpid(w->pid, NULL, 0) < 0 && errno == EINTR)
		;
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
