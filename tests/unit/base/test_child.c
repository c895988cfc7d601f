/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/fs.h"

struct pipe_ends {
	int read, write;
};

static struct pipe_ends make_pipe(void)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	return (struct pipe_ends){fds[0], fds[1]};
}

static int wait_status(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		assert_int_equal(errno, EINTR);
	return status;
}

static char *const envp[] = {(char *)"WORD=from-env", NULL};

/* sh -c script with arguments from $1 on; the spec's argv is set here. */
static pid_t run(const char *script, const char *arg, struct child_spec spec)
{
	char *argv[] = {
		(char *)"sh", (char *)"-c", (char *)script, (char *)"sh", (char *)arg, NULL};
	pid_t pid = -1;

	spec.path = "/bin/sh";
	spec.argv = argv;
	spec.envp = envp;
	assert_int_equal(child_spawn(&spec, &pid), 0);
	return pid;
}

/* Everything up to end-of-file, which comes when no process holds the other end any more. */
static void expect_read(struct pipe_ends p, const char *want)
{
	AUTO(buf_fini) struct buf b = BUF_INIT;

	close(p.write);
	assert_int_equal(fs_read_fd(p.read, &b), 0);
	assert_string_equal(buf_str(&b), want);
	close(p.read);
}

static void standard_io(void **state)
{
	struct pipe_ends in = make_pipe(), out = make_pipe(), err = make_pipe();
	pid_t pid = run("read x; echo \"$x $1 $WORD\"; echo oops >&2; exit 3", "arg",
		(struct child_spec){.fd_in = in.read, .fd_out = out.write, .fd_err = err.write});

	assert_int_equal(fs_write_all(in.write, "hello\n", 6), 0);
	close(in.write);
	close(in.read);
	expect_read(out, "hello arg from-env\n");
	expect_read(err, "oops\n");
	assert_int_equal(wait_status(pid), 3 << 8);
}

static void null_io(void **state)
{
	struct pipe_ends out = make_pipe();
	pid_t pid = run("cat; echo gone >&2; echo end", "",
		(struct child_spec){.fd_in = -1, .fd_out = out.write, .fd_err = -1});

	expect_read(out, "end\n");
	assert_int_equal(wait_status(pid), 0);
	pid = run("echo void", "", (struct child_spec){.fd_in = -1, .fd_out = -1, .fd_err = -1});
	assert_int_equal(wait_status(pid), 0);
}

/* Our own 0 to 2 handed on under each other's numbers. */
static void swapped_io(void **state)
{
	struct pipe_ends out = make_pipe(), err = make_pipe();
	int saved_out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	int saved_err = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	pid_t pid;

	fflush(stdout);
	assert_true(dup2(out.write, STDOUT_FILENO) >= 0);
	assert_true(dup2(err.write, STDERR_FILENO) >= 0);
	pid = run("echo to-out; echo to-err >&2", "",
		(struct child_spec){.fd_in = -1, .fd_out = STDERR_FILENO, .fd_err = STDOUT_FILENO});
	dup2(saved_out, STDOUT_FILENO);
	dup2(saved_err, STDERR_FILENO);
	close(saved_out);
	close(saved_err);
	assert_int_equal(wait_status(pid), 0);
	expect_read(out, "to-err\n");
	expect_read(err, "to-out\n");
}

/* Only what is in keep[] is handed on, under its own number, and only to this child. */
static void kept_descriptors(void **state)
{
	struct pipe_ends out = make_pipe(), kept = make_pipe();
	char arg[32];
	pid_t pid;

	snprintf(arg, sizeof(arg), "%d", kept.write);
	pid = run("echo kept >&$1; ls /proc/self/fd | wc -l", arg,
		(struct child_spec){.fd_in = -1,
			.fd_out = out.write,
			.fd_err = -1,
			.keep = {kept.write},
			.n_keep = 1});
	/* 0, 1, 2, the kept one, and ls's own of the directory. */
	expect_read(out, "5\n");
	assert_int_equal(wait_status(pid), 0);
	assert_int_equal(fcntl(kept.write, F_GETFD), FD_CLOEXEC);
	expect_read(kept, "kept\n");
}

static void signals_and_directory(void **state)
{
	struct pipe_ends out = make_pipe();
	sigset_t block, before;
	pid_t pid;

	/* What we block and ignore, the child does not. */
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&block);
	sigaddset(&block, SIGTERM);
	sigprocmask(SIG_BLOCK, &block, &before);
	pid = run("pwd; grep SigBlk: /proc/self/status; sh -c 'kill -PIPE $$; echo alive'; echo $?",
		"",
		(struct child_spec){.fd_in = -1, .fd_out = out.write, .fd_err = -1, .cwd = "/usr"});
	sigprocmask(SIG_SETMASK, &before, NULL);
	signal(SIGPIPE, SIG_DFL);
	/* 141: killed by SIGPIPE. */
	expect_read(out, "/usr\nSigBlk:\t0000000000000000\n141\n");
	assert_int_equal(wait_status(pid), 0);
}

static void not_started(void **state)
{
	char *const argv[] = {(char *)"x", NULL};
	struct child_spec spec = {
		.argv = argv, .envp = envp, .fd_in = -1, .fd_out = -1, .fd_err = -1};
	pid_t pid = 77;

	spec.path = "/no/such/program";
	assert_int_equal(child_spawn(&spec, &pid), -ENOENT);
	spec.path = "/etc/passwd";
	assert_int_equal(child_spawn(&spec, &pid), -EACCES);
	spec.path = "/bin/sh";
	spec.cwd = "/no/such/dir";
	assert_int_equal(child_spawn(&spec, &pid), -ENOENT);
	spec.cwd = NULL;
	spec.fd_out = 12345;
	assert_int_equal(child_spawn(&spec, &pid), -EBADF);
	assert_int_equal(pid, 77);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/* Grandchildren die with the group: the pipe they hold too comes to its end. */
static void group(void **state)
{
	struct pipe_ends out = make_pipe();
	AUTO(util_close) int pidfd = -1;
	struct pollfd p;
	char c;
	pid_t pid = run("(trap '' TERM; echo; exec sleep 1000) & wait", "",
		(struct child_spec){
			.fd_in = -1, .fd_out = out.write, .fd_err = -1, .new_group = true});

	assert_int_equal(read(out.read, &c, 1), 1);
	assert_int_equal(getpgid(pid), pid);
	assert_int_equal(child_pidfd(pid, &pidfd), 0);
	assert_int_equal(fcntl(pidfd, F_GETFD), FD_CLOEXEC);
	p = (struct pollfd){.fd = pidfd, .events = POLLIN};
	assert_int_equal(poll(&p, 1, 0), 0);
	child_kill_group(pid, SIGKILL);
	assert_int_equal(poll(&p, 1, -1), 1);
	assert_int_equal(wait_status(pid), SIGKILL);
	expect_read(out, "");
	child_kill_group(pid, SIGKILL);
	/* Not ours, nor everyone's. */
	child_kill_group(0, SIGKILL);
	child_kill_group(1, SIGKILL);
	child_kill_group(-1, SIGKILL);
	assert_int_equal(child_pidfd(pid, &pidfd), -ESRCH);
}

static void expect_program(
	const char *name, const char *path, const char *cwd, int result, const char *want)
{
	AUTO(util_free) char *found = NULL;

	assert_int_equal(child_find_program(name, path, cwd, &found), result);
	if (result == 0)
		assert_string_equal(found, want);
	else
		assert_null(found);
}

static void put(const char *path, mode_t mode)
{
	AUTO(util_close) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
}

static void finds_programs(void **state)
{
	char cwd[] = "/tmp/test_child_XXXXXX", want[128], list[128];

	assert_non_null(mkdtemp(cwd));
	assert_int_equal(chdir(cwd), 0);
	assert_int_equal(fs_mkdirs("a/tool", 0755), 0);
	assert_int_equal(fs_mkdirs("b", 0755), 0);
	assert_int_equal(fs_mkdirs("c", 0755), 0);
	put("b/tool", 0644);
	put("c/tool", 0755);
	put("here", 0755);
	assert_int_equal(chdir("/"), 0);

	/* Not the directory, nor the file that cannot be run. */
	snprintf(list, sizeof(list), "/none:%s/a:%s/b:%s/c", cwd, cwd, cwd);
	snprintf(want, sizeof(want), "%s/c/tool", cwd);
	expect_program("tool", list, "/", 0, want);
	expect_program("tool", "a:b:c", cwd, 0, want);
	expect_program("c/tool", "/bin", cwd, 0, want);
	expect_program(want, NULL, "/", 0, want);
	snprintf(want, sizeof(want), "%s/./here", cwd);
	expect_program("here", "a:", cwd, 0, want);
	expect_program("here", ":a", cwd, 0, want);
	expect_program("here", "a::b", cwd, 0, want);
	expect_program("here", "", cwd, 0, want);
	expect_program("here", "a:b", cwd, -ENOENT, NULL);
	expect_program("./a/tool", NULL, cwd, -ENOENT, NULL);
	expect_program("./b/tool", NULL, cwd, -ENOENT, NULL);
	expect_program("", "/bin", cwd, -ENOENT, NULL);
	expect_program("sh", "/bin:/usr/bin", "/", 0, "/bin/sh");
	assert_int_equal(fs_remove_tree(cwd), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(standard_io),
		cmocka_unit_test(null_io),
		cmocka_unit_test(swapped_io),
		cmocka_unit_test(kept_descriptors),
		cmocka_unit_test(signals_and_directory),
		cmocka_unit_test(not_started),
		cmocka_unit_test(group),
		cmocka_unit_test(finds_programs),
	};

	/* Whatever the caller of this test left open is not what children are to have. */
	if (close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return EXIT_FAILURE;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
