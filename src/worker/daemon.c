/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "worker/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/path.h"
#include "worker/exit.h"

enum { NO_USER = 65534, NUMBER_MAX = 32 };

/* The leak checker of a sanitizer build looks into its own process from another. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

void daemon_fill_stdio(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

static void null_stdio(int to)
{
	AUTO(util_close) int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		dup2(fd, to);
}

/* In the parent: 0 for a child that has said it is ready, else what it ended with. */
static int await_ready(int fd, pid_t pid)
{
	int status;
	ssize_t n;
	char c;

	do
		n = read(fd, &c, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1)
		return WORKER_EXIT_OK;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return WORKER_EXIT_FAILED;
	return WIFEXITED(status) ? WEXITSTATUS(status) : WORKER_EXIT_FAILED;
}

int daemon_detach(int *ret_ready)
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
	if (pid > 0) {
		close(fds[1]);
		_exit(await_ready(fds[0], pid));
	}
	close(fds[0]);
	setsid();
	*ret_ready = fds[1];
	return 0;
}

void daemon_ready(int ready, bool keep_stderr)
{
	null_stdio(STDIN_FILENO);
	null_stdio(STDOUT_FILENO);
	if (!keep_stderr)
		null_stdio(STDERR_FILENO);
	if (fs_write_all(ready, "", 1) < 0) {
		/* Whoever started us is gone and does not want to know. */
	}
	close(ready);
}

void daemon_set_priority(const struct options *o)
{
	errno = 0;
	if (o->nice > 0 && nice((int)o->nice) == -1 && errno != 0)
		log_event(LOG_LEVEL_WARNING, "nice", "errno=%d", errno);
	if (o->has_oom_score_adj) {
		AUTO(util_close) int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

		if (fd < 0 || dprintf(fd, "%d", o->oom_score_adj) < 0)
			log_event(LOG_LEVEL_WARNING, "oom-score-adj", "errno=%d", errno);
	}
}

/* The user's ids. False: there is no such user. */
static bool find_user(const char *user, uid_t *ret_uid, gid_t *ret_gid)
{
	static const char *const usual[] = {"distcc", "nobody"};
	const struct passwd *pw = user ? getpwnam(user) : NULL;

	for (size_t i = 0; !user && !pw && i < ARRAY_SIZE(usual); i++)
		pw = getpwnam(usual[i]);
	if (user && !pw)
		return false;
	*ret_uid = pw ? pw->pw_uid : NO_USER;
	*ret_gid = pw ? pw->pw_gid : NO_USER;
	return true;
}

int daemon_drop_root(const char *user, void (*prepare)(uid_t uid, gid_t gid))
{
	uid_t uid;
	gid_t gid;

	if (geteuid() == 0) {
		if (!find_user(user, &uid, &gid)) {
			log_event(LOG_LEVEL_ERROR, "user", "there is no user %s", user);
			return WORKER_EXIT_BAD_ARGUMENTS;
		}
		if (prepare)
			prepare(uid, gid);
		if (setgroups(1, &gid) < 0 || setgid(gid) < 0 || setuid(uid) < 0) {
			log_event(LOG_LEVEL_ERROR, "user", "cannot become uid=%ld: errno=%d",
				(long)uid, errno);
			return WORKER_EXIT_SETUID_FAILED;
		}
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		prctl(PR_SET_DUMPABLE, SANITIZED, 0, 0, 0) < 0)
		log_event(LOG_LEVEL_WARNING, "user", "cannot be hardened: errno=%d", errno);
	return 0;
}

static int write_number(int fd, long number)
{
	char text[NUMBER_MAX];
	int n = snprintf(text, sizeof(text), "%ld\n", number);

	return fs_write_all(fd, text, (size_t)n);
}

int daemon_write_number(const char *path, long number)
{
	struct fs_output out = FS_OUTPUT_INIT;
	int r = fs_output_open(path, 0644, &out);

	if (r < 0)
		return r;
	r = write_number(out.fd, number);
	if (r == 0)
		return fs_output_commit(&out);
	fs_output_abort(&out);
	return r;
}

int daemon_pid_file_make(const char *path, struct daemon_pid_file *ret)
{
	AUTO(util_free) char *cwd = getcwd(NULL, 0);
	AUTO(util_free) char *full = path_join(cwd, path);
	AUTO(util_close) int fd = -1;
	int r;

	if (!full)
		return -ENOMEM;
	fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	r = write_number(fd, (long)getpid());
	if (r < 0)
		return r;
	*ret = (struct daemon_pid_file){.path = TAKE_PTR(full), .fd = TAKE_FD(fd)};
	return 0;
}

void daemon_pid_file_remove(struct daemon_pid_file *f)
{
	if (f->path && unlink(f->path) < 0 && ftruncate(f->fd, 0) < 0)
		log_event(LOG_LEVEL_WARNING, "pid-file", "%s stays: errno=%d", f->path, errno);
	util_free(&f->path);
	util_close(&f->fd);
}
