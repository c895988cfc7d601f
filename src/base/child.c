/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/path.h"

static int add_stdio(posix_spawn_file_actions_t *fa, int fd, int as, int flags)
{
	if (fd < 0)
		return posix_spawn_file_actions_addopen(fa, as, "/dev/null", flags, 0);
	return posix_spawn_file_actions_adddup2(fa, fd, as);
}

/* What child_spawn works on: the descriptors for 0 to 2, and which of them are our copies. */
struct stdio {
	int fd[3];
	int copy[3];
};

/*
 * A descriptor of 0 to 2 that is wanted under another of these numbers is moved out of the way:
 * the actions run one after the other and would overwrite it before its turn.
 */
static int stdio_init(struct stdio *s, const struct child_spec *spec)
{
	*s = (struct stdio){.fd = {spec->fd_in, spec->fd_out, spec->fd_err}, .copy = {-1, -1, -1}};
	for (int i = 0; i < 3; i++) {
		if (s->fd[i] < 0 || s->fd[i] > STDERR_FILENO || s->fd[i] == i)
			continue;
		s->copy[i] = fcntl(s->fd[i], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		if (s->copy[i] < 0)
			return -errno;
		s->fd[i] = s->copy[i];
	}
	return 0;
}

static void stdio_fini(struct stdio *s)
{
	for (int i = 0; i < 3; i++)
		util_close(&s->copy[i]);
}

static int fill_actions(
	posix_spawn_file_actions_t *fa, const struct child_spec *spec, const struct stdio *stdio)
{
	int r = 0;

	if (spec->cwd)
		r = posix_spawn_file_actions_addchdir_np(fa, spec->cwd);
	if (r == 0)
		r = add_stdio(fa, stdio->fd[0], STDIN_FILENO, O_RDONLY);
	if (r == 0)
		r = add_stdio(fa, stdio->fd[1], STDOUT_FILENO, O_WRONLY);
	if (r == 0)
		r = add_stdio(fa, stdio->fd[2], STDERR_FILENO, O_WRONLY);
	/* dup2 of a descriptor onto itself takes its CLOEXEC flag away in the child. */
	for (size_t i = 0; r == 0 && i < spec->n_keep; i++)
		r = posix_spawn_file_actions_adddup2(fa, spec->keep[i], spec->keep[i]);
	return r;
}

static int fill_attributes(posix_spawnattr_t *attr, bool new_group)
{
	short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
	sigset_t all, none;
	int r;

	sigfillset(&all);
	sigemptyset(&none);
	if (new_group)
		flags |= POSIX_SPAWN_SETPGROUP;
	r = posix_spawnattr_setsigdefault(attr, &all);
	if (r == 0)
		r = posix_spawnattr_setsigmask(attr, &none);
	if (r == 0 && new_group)
		r = posix_spawnattr_setpgroup(attr, 0);
	if (r == 0)
		r = posix_spawnattr_setflags(attr, flags);
	return r;
}

int child_spawn(const struct child_spec *spec, pid_t *ret_pid)
{
	AUTO(stdio_fini) struct stdio stdio = {.copy = {-1, -1, -1}};
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
	pid_t pid;
	int r;

	r = stdio_init(&stdio, spec);
	if (r < 0)
		return r;
	r = posix_spawn_file_actions_init(&fa);
	if (r != 0)
		return -r;
	r = posix_spawnattr_init(&attr);
	if (r != 0) {
		posix_spawn_file_actions_destroy(&fa);
		return -r;
	}
	r = fill_actions(&fa, spec, &stdio);
	if (r == 0)
		r = fill_attributes(&attr, spec->new_group);
	if (r == 0)
		r = posix_spawn(&pid, spec->path, &fa, &attr, spec->argv, spec->envp);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&fa);
	if (r == 0)
		*ret_pid = pid;
	return -r;
}

int child_pidfd(pid_t pid, int *ret_fd)
{
	long fd = syscall(SYS_pidfd_open, pid, 0);

	if (fd < 0)
		return -errno;
	*ret_fd = (int)fd;
	return 0;
}

void child_kill_group(pid_t pid, int signal)
{
	if (pid > 1)
		kill(-pid, signal);
}

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

int child_find_program(const char *name, const char *path, const char *cwd, char **ret)
{
	if (strchr(name, '/')) {
		AUTO(util_free) char *full = path_join(cwd, name);

		if (!full)
			return -ENOMEM;
		if (!is_program(full))
			return -ENOENT;
		*ret = TAKE_PTR(full);
		return 0;
	}
	if (!path)
		path = "/usr/local/bin:/usr/bin:/bin";
	for (const char *p = path;; p++) {
		const char *end = strchrnul(p, ':');
		AUTO(util_free) char *part = strndup(p, (size_t)(end - p));
		AUTO(util_free) char *dir = part ? path_join(cwd, *part ? part : ".") : NULL;
		AUTO(util_free) char *full = dir ? path_join(dir, name) : NULL;

		if (!full)
			return -ENOMEM;
		if (is_program(full)) {
			*ret = TAKE_PTR(full);
			return 0;
		}
		if (*end == '\0')
			return -ENOENT;
		p = end;
	}
}
