/* SPDX-License-Identifier: GPL-3.0-or-later */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * For programs that run under a valgrind that does not know pidfd_open (before 3.20), by
 * LD_PRELOAD: the read end of a pipe, whose other end a thread closes when the child has ended, is
 * readable when a pidfd would be. Of other calls of syscall(), statx is answered. And valgrind makes
 * /proc/self/exe the program for readlink, but its own for stat.
 */

struct watch {
	pid_t pid;
	int fd;
};

static struct watch watches[64];
static unsigned n_watches;

static void *wait_for_end(void *arg)
{
	struct watch *w = arg;
	siginfo_t info;

	waitid(P_PID, (id_t)w->pid, &info, WEXITED | WNOWAIT);
	close(w->fd);
	return NULL;
}

long syscall(long number, ...)
{
	struct watch *w;
	pthread_t thread;
	va_list ap;
	int fd[2], first;

	va_start(ap, number);
	first = va_arg(ap, int);
	if (number == SYS_statx) {
		const char *path = va_arg(ap, const char *);
		int flags = va_arg(ap, int);
		unsigned mask = va_arg(ap, unsigned);
		struct statx *st = va_arg(ap, struct statx *);

		va_end(ap);
		return statx(first, path, flags, mask, st);
	}
	va_end(ap);
	w = &watches[n_watches++ % 64];
	w->pid = first;
	if (number != SYS_pidfd_open || pipe2(fd, O_CLOEXEC) < 0) {
		errno = ENOSYS;
		return -1;
	}
	w->fd = fd[1];
	if (pthread_create(&thread, NULL, wait_for_end, w) != 0) {
		errno = EAGAIN;
		return -1;
	}
	pthread_detach(thread);
	return fd[0];
}

int stat64(const char *restrict path, struct stat64 *restrict ret)
{
	char exe[4096];
	ssize_t n = strcmp(path, "/proc/self/exe") == 0 ? readlink(path, exe, sizeof(exe) - 1) : -1;

	if (n > 0) {
		exe[n] = '\0';
		path = exe;
	}
	return fstatat64(AT_FDCWD, path, ret, 0);
}
