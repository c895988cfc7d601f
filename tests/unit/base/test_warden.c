/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Each test forks a "daemon" that starts a warden and sleeping groups. Every process of it holds
 * the write end of a pipe, the warden does not: end-of-file on the read end says that all the
 * groups are gone. The warden's own end is waited for by its pidfd.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/fs.h"
#include "base/warden.h"

enum { WAIT_MS = 20000 };

struct daemon {
	char dir[32];
	pid_t pid, warden;
	pid_t group[2];
	int alive; /* end-of-file when no group of it runs any more */
};

static pid_t start_sleeper(int alive)
{
	char *argv[] = {(char *)"sleep", (char *)"1000", NULL};
	char *envp[] = {NULL};
	struct child_spec spec = {.path = "/bin/sleep",
		.argv = argv,
		.envp = envp,
		.fd_in = -1,
		.fd_out = -1,
		.fd_err = -1,
		.keep = {alive},
		.n_keep = 1,
		.new_group = true};
	pid_t pid;

	return child_spawn(&spec, &pid) < 0 ? -1 : pid;
}

static bool ready(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, WAIT_MS) == 1;
}

static int wait_status(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		assert_int_equal(errno, EINTR);
	return status;
}

typedef void (*daemon_main)(struct daemon *d, struct warden *w);

/* What the daemon tells before its main goes on. */
struct hello {
	pid_t warden, group[2];
};

/* It has no time to guard anything. */
static void in_its_session(struct daemon *d, struct warden *w)
{
}

static void run_daemon(struct daemon *d, int tell, int alive, daemon_main fn)
{
	struct warden w = WARDEN_INIT;
	struct hello h;

	if (setsid() < 0 || warden_start(fn == in_its_session, &w) < 0)
		_exit(1);
	h.warden = w.pid;
	for (size_t i = 0; i < ARRAY_SIZE(h.group); i++)
		h.group[i] = d->group[i] = start_sleeper(alive);
	close(alive);
	fn(d, &w);
	if (write(tell, &h, sizeof(h)) != sizeof(h))
		_exit(1);
	pause();
	_exit(0);
}

static void daemon_start(struct daemon *d, daemon_main fn)
{
	int tell[2], alive[2];
	struct hello h;

	strcpy(d->dir, "/tmp/test_warden_XXXXXX");
	assert_non_null(mkdtemp(d->dir));
	assert_int_equal(chdir(d->dir), 0);
	assert_int_equal(fs_mkdirs("tree/deep", 0700), 0);
	assert_int_equal(fs_mkdirs("kept/deep", 0700), 0);
	assert_int_equal(pipe2(tell, O_CLOEXEC), 0);
	assert_int_equal(pipe2(alive, O_CLOEXEC), 0);
	d->pid = fork();
	assert_true(d->pid >= 0);
	if (d->pid == 0)
		run_daemon(d, tell[1], alive[1], fn);
	close(tell[1]);
	close(alive[1]);
	d->alive = alive[0];
	assert_int_equal(read(tell[0], &h, sizeof(h)), sizeof(h));
	close(tell[0]);
	d->warden = h.warden;
	memcpy(d->group, h.group, sizeof(d->group));
}

static void daemon_clean(struct daemon *d)
{
	/* They are ours since the daemon is gone: see main. */
	for (size_t i = 0; i < ARRAY_SIZE(d->group); i++) {
		child_kill_group(d->group[i], SIGKILL);
		assert_int_equal(wait_status(d->group[i]), SIGKILL);
	}
	if (waitpid(d->warden, NULL, 0) < 0)
		assert_int_equal(errno, ECHILD);
	close(d->alive);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(fs_remove_tree(d->dir), 0);
}

static void guard_path(struct daemon *d, struct warden *w, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/%s", d->dir, name);
	warden_guard_path(w, path);
}

static bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static void guard_all(struct daemon *d, struct warden *w)
{
	warden_guard_group(w, d->group[0]);
	warden_guard_group(w, d->group[1]);
	guard_path(d, w, "tree");
}

/* Kills the daemon as nothing can be killed more, and waits for what its warden does. */
static void kill_and_wait(struct daemon *d)
{
	AUTO(util_close) int warden = -1;

	assert_int_equal(child_pidfd(d->warden, &warden), 0);
	assert_int_equal(kill(d->pid, SIGKILL), 0);
	assert_int_equal(wait_status(d->pid), SIGKILL);
	assert_true(ready(warden));
}

static void killed_daemon(void **state)
{
	struct daemon d;
	char c;

	daemon_start(&d, guard_all);
	kill_and_wait(&d);
	assert_true(ready(d.alive));
	assert_int_equal(read(d.alive, &c, 1), 0);
	assert_false(exists("tree"));
	assert_true(exists("kept/deep"));
	daemon_clean(&d);
}

static void unguarded_children(void **state)
{
	struct daemon d;
	char c;

	daemon_start(&d, in_its_session);
	kill_and_wait(&d);
	assert_true(ready(d.alive));
	assert_int_equal(read(d.alive, &c, 1), 0);
	daemon_clean(&d);
}

/* What a terminal or a service manager sends to all at once does not end the warden. */
static void signalled_warden(void **state)
{
	struct daemon d;
	char c;

	daemon_start(&d, guard_all);
	assert_int_equal(kill(d.warden, SIGTERM), 0);
	assert_int_equal(kill(d.warden, SIGINT), 0);
	assert_int_equal(kill(d.warden, SIGHUP), 0);
	kill_and_wait(&d);
	assert_true(ready(d.alive));
	assert_int_equal(read(d.alive, &c, 1), 0);
	assert_false(exists("tree"));
	daemon_clean(&d);
}

static void guard_and_release(struct daemon *d, struct warden *w)
{
	char path[64];

	guard_all(d, w);
	warden_release_group(w, d->group[0]);
	warden_release_group(w, d->group[0]);
	snprintf(path, sizeof(path), "%s/tree", d->dir);
	warden_release_path(w, path);
	warden_release_path(w, path);
	warden_release_path(w, "/never/guarded");
}

/* What was released is left alone. */
static void released(void **state)
{
	struct daemon d;

	daemon_start(&d, guard_and_release);
	kill_and_wait(&d);
	assert_int_equal(kill(d.group[0], 0), 0);
	assert_true(exists("tree"));
	daemon_clean(&d);
}

static void guard_and_stop(struct daemon *d, struct warden *w)
{
	guard_all(d, w);
	warden_stop(w);
	/* No-ops now, twice over. */
	warden_stop(w);
	guard_all(d, w);
}

static void stopped(void **state)
{
	struct daemon d;

	daemon_start(&d, guard_and_stop);
	/* Stopping waited for it. */
	assert_int_equal(kill(d.warden, 0), -1);
	assert_int_equal(kill(d.pid, SIGKILL), 0);
	assert_int_equal(wait_status(d.pid), SIGKILL);
	assert_int_equal(kill(d.group[0], 0), 0);
	assert_int_equal(kill(d.group[1], 0), 0);
	assert_true(exists("tree"));
	daemon_clean(&d);
}

static void guard_without_warden(struct daemon *d, struct warden *w)
{
	kill(w->pid, SIGKILL);
	wait_status(w->pid);
	/* SIGPIPE has its default action here: none of these may raise it. */
	guard_all(d, w);
	warden_stop(w);
}

static void killed_warden(void **state)
{
	struct daemon d;

	daemon_start(&d, guard_without_warden);
	assert_int_equal(kill(d.pid, SIGTERM), 0);
	assert_int_equal(wait_status(d.pid), SIGTERM);
	daemon_clean(&d);
}

static void guard_too_much(struct daemon *d, struct warden *w)
{
	char path[2 * WARDEN_PATH_MAX];

	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	warden_guard_path(w, path);
	for (pid_t i = 0; i < WARDEN_MAX; i++) {
		warden_guard_group(w, INT32_MAX - i);
		guard_path(d, w, "none");
	}
	/* All slots are taken; one that is released serves again. */
	warden_guard_group(w, d->group[0]);
	warden_release_group(w, INT32_MAX);
	warden_guard_group(w, d->group[1]);
	guard_path(d, w, "tree");
}

static void full(void **state)
{
	struct daemon d;

	daemon_start(&d, guard_too_much);
	kill_and_wait(&d);
	assert_int_equal(kill(d.group[0], 0), 0);
	assert_true(exists("tree"));
	daemon_clean(&d);
}

static void never_started(void **state)
{
	struct warden w = WARDEN_INIT;

	warden_guard_group(&w, getpid());
	warden_guard_path(&w, "/none");
	warden_release_group(&w, getpid());
	warden_release_path(&w, "/none");
	warden_stop(&w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_daemon),
		cmocka_unit_test(unguarded_children),
		cmocka_unit_test(signalled_warden),
		cmocka_unit_test(released),
		cmocka_unit_test(stopped),
		cmocka_unit_test(killed_warden),
		cmocka_unit_test(full),
		cmocka_unit_test(never_started),
	};

	/* Orphans of the daemons become our children: not every init of a container reaps them. */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return EXIT_FAILURE;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
