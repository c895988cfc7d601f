/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "worker/systemd.h"

static void test_count(void **state)
{
	static const struct {
		const char *fds, *pid;
		int r;
		size_t n;
	} cases[] = {
		{NULL, NULL, 0, 0},
		{"LISTEN_FDS=2", NULL, 0, 0},
		{NULL, "LISTEN_PID=77", 0, 0},
		{"LISTEN_FDS=2", "LISTEN_PID=77", 0, 2},
		{"LISTEN_FDS=0", "LISTEN_PID=77", 0, 0},
		{"LISTEN_FDS=4", "LISTEN_PID=77", 0, 4},
		{"LISTEN_FDS=2", "LISTEN_PID=78", 0, 0},
		{"LISTEN_FDS=x", "LISTEN_PID=78", 0, 0},
		{"LISTEN_FDS=5", "LISTEN_PID=77", -E2BIG, 0},
		{"LISTEN_FDS=2147483647", "LISTEN_PID=77", -EINVAL, 0},
		{"LISTEN_FDS=-1", "LISTEN_PID=77", -EINVAL, 0},
		{"LISTEN_FDS=", "LISTEN_PID=77", -EINVAL, 0},
		{"LISTEN_FDS=2 ", "LISTEN_PID=77", -EINVAL, 0},
		{"LISTEN_FDS=2", "LISTEN_PID=", -EINVAL, 0},
		{"LISTEN_FDS=2", "LISTEN_PID=77x", -EINVAL, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *envp[3] = {NULL};
		size_t n = 99, at = 0;
		int r;

		if (cases[i].fds)
			envp[at++] = (char *)cases[i].fds;
		if (cases[i].pid)
			envp[at++] = (char *)cases[i].pid;
		r = systemd_count_fds(envp, 77, 4, &n);
		if (r != cases[i].r || (r == 0 && n != cases[i].n))
			fail_msg("case %zu: %d, %zu", i, r, n);
	}
}

/* ---- descriptors, in a process of its own, where they begin at 3 ---- */

enum passed { TCP, UNIX, NOT_LISTENING, DATAGRAM, A_FILE, NOTHING };

static int make_passed(enum passed what)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd;

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	switch (what) {
	case TCP:
	case NOT_LISTENING:
		fd = socket(AF_INET, SOCK_STREAM, 0);
		if (bind(fd, (struct sockaddr *)&in, sizeof(in)) < 0)
			_exit(100);
		break;
	case UNIX:
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		/* Only a family: the kernel names it. */
		if (bind(fd, (struct sockaddr *)&un, sizeof(sa_family_t)) < 0)
			_exit(101);
		break;
	case DATAGRAM:
		return socket(AF_INET, SOCK_DGRAM, 0);
	case A_FILE:
		return open("/dev/null", O_RDONLY);
	default:
		return -1;
	}
	if (what != NOT_LISTENING && listen(fd, 1) < 0)
		_exit(102);
	return fd;
}

static void check_taken(const struct listen_sockets *ls, size_t n, bool has_port)
{
	if (ls->n != n || (ls->port != 0) != has_port)
		_exit(10);
	for (size_t i = 0; i < n; i++)
		if (ls->fds[i] != SYSTEMD_FIRST_FD + (int)i ||
			!(fcntl(ls->fds[i], F_GETFD) & FD_CLOEXEC) ||
			!(fcntl(ls->fds[i], F_GETFL) & O_NONBLOCK))
			_exit(11);
	if (getenv("LISTEN_FDS") || getenv("LISTEN_PID") || getenv("LISTEN_FDNAMES"))
		_exit(12);
}

/* The child's part: with these passed, systemd_listen says r. */
static _Noreturn void listen_with(const enum passed *what, size_t n, int r, bool has_port)
{
	int fds[3];
	struct listen_sockets ls = {.fds = fds, .max = ARRAY_SIZE(fds)};
	char number[24];

	for (int fd = SYSTEMD_FIRST_FD; fd < 64; fd++)
		close(fd);
	for (size_t i = 0; i < n; i++)
		if (what[i] != NOTHING && make_passed(what[i]) != SYSTEMD_FIRST_FD + (int)i)
			_exit(103);
	snprintf(number, sizeof(number), "%ld", (long)getpid());
	setenv("LISTEN_PID", number, 1);
	snprintf(number, sizeof(number), "%zu", n);
	setenv("LISTEN_FDS", number, 1);
	setenv("LISTEN_FDNAMES", "a:b", 1);
	if (systemd_listen(&ls) != r)
		_exit(13);
	if (r == 0)
		check_taken(&ls, n, has_port);
	/* They are forgotten: a second look finds nothing. */
	if (systemd_listen(&ls) != 0 || ls.n != 0)
		_exit(14);
	_exit(0);
}

static void test_listen(void **state)
{
	static const struct {
		enum passed what[4];
		size_t n;
		int r;
		bool has_port;
	} cases[] = {
		{{TCP}, 1, 0, true},
		{{UNIX, TCP}, 2, 0, true},
		{{UNIX}, 1, 0, false},
		{{TCP, NOT_LISTENING}, 2, -ENOTSUP, false},
		{{DATAGRAM}, 1, -ENOTSUP, false},
		{{A_FILE}, 1, -ENOTSOCK, false},
		{{NOTHING}, 1, -EBADF, false},
		{{TCP, TCP, TCP, TCP}, 4, -E2BIG, false},
		{{NOTHING}, 0, 0, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		pid_t pid = fork();
		int status;

		assert_true(pid >= 0);
		if (pid == 0)
			listen_with(cases[i].what, cases[i].n, cases[i].r, cases[i].has_port);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
			fail_msg("case %zu: status %x", i, (unsigned)status);
	}
}

/* ---- telling ---- */

static void check_told(int fd, const char *name, const char *state)
{
	char got[64] = "";

	setenv("NOTIFY_SOCKET", name, 1);
	systemd_notify(state);
	assert_int_equal(recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT), strlen(state));
	assert_string_equal(got, state);
}

static void test_notify(void **state)
{
	char dir[] = "/tmp/test-systemd-XXXXXX", path[64], name[64];
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int by_path = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int abstract = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t n;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/notify", dir);
	strcpy(un.sun_path, path);
	assert_int_equal(bind(by_path, (struct sockaddr *)&un, sizeof(un)), 0);
	check_told(by_path, path, "READY=1");

	snprintf(name, sizeof(name), "@test-systemd-%ld", (long)getpid());
	memset(un.sun_path, 0, sizeof(un.sun_path));
	memcpy(un.sun_path + 1, name + 1, strlen(name) - 1);
	n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
	assert_int_equal(bind(abstract, (struct sockaddr *)&un, n), 0);
	check_told(abstract, name, "STOPPING=1\nSTATUS=draining");

	/* Nobody there, and names that are none: no harm. */
	unlink(path);
	setenv("NOTIFY_SOCKET", path, 1);
	systemd_notify("READY=1");
	setenv("NOTIFY_SOCKET", "relative", 1);
	systemd_notify("READY=1");
	memset(name, '/', sizeof(name));
	setenv("NOTIFY_SOCKET", "", 1);
	systemd_notify("READY=1");
	unsetenv("NOTIFY_SOCKET");
	systemd_notify("READY=1");
	assert_true(recv(by_path, name, sizeof(name), MSG_DONTWAIT) < 0);
	close(by_path);
	close(abstract);
	rmdir(dir);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_listen),
		cmocka_unit_test(test_notify),
	};

	log_init("test", LOG_LEVEL_ERROR);
	log_to_fd(-1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
