/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "ipc/place.h"

static char top[] = "/tmp/test-place-XXXXXX";

static int open_in(const char *dir, struct ipc_place *ret)
{
	char variable[512];
	char *envp[] = {variable, NULL};
	int r;

	snprintf(variable, sizeof(variable), "DISTCC_DIR=%s", dir);
	assert_int_equal(ipc_place_name(envp, ret), 0);
	r = ipc_place_open(envp, ret);
	if (r < 0)
		ipc_place_close(ret);
	return r;
}

/* Its name as a process of these new namespaces sees it; false: it may not have them. */
static bool name_in(int namespaces, char ret[static 40])
{
	int ends[2], status;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct ipc_place p;

		if (namespaces && unshare(namespaces) < 0)
			_exit(2);
		_exit(open_in(top, &p) < 0 || write(ends[1], p.socket, 40) != 40);
	}
	close(ends[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 1);
	if (WEXITSTATUS(status) == 0)
		assert_int_equal(read(ends[0], ret, 40), 40);
	close(ends[0]);
	return WEXITSTATUS(status) == 0;
}

static void test_a_place_for_each_namespace(void **state)
{
	char here[40], again[40], other[40], third[40];
	int user = geteuid() == 0 ? 0 : CLONE_NEWUSER;

	assert_true(name_in(0, here));
	assert_true(name_in(0, again));
	assert_string_equal(here, again);
	if (!name_in(user | CLONE_NEWNET, other) || !name_in(user | CLONE_NEWNS, third))
		skip();
	assert_string_not_equal(here, other);
	assert_string_not_equal(here, third);
	assert_string_not_equal(other, third);
	assert_true(name_in(user | CLONE_NEWNET, third));
	assert_string_not_equal(other, third);
}

/* Whatever the directory is called, who listens there is reached. */
static void test_addresses(void **state)
{
	char longer[400];
	const char *const dirs[] = {top, longer, "relative"};

	assert_int_equal(chdir(top), 0);
	snprintf(longer, sizeof(longer), "%s/%0100d/%0100d", top, 1, 2);
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		AUTO(ipc_place_close) struct ipc_place listener = IPC_PLACE_INIT;
		AUTO(ipc_place_close) struct ipc_place client = IPC_PLACE_INIT;
		struct sockaddr_un address;
		struct stat st;

		assert_int_equal(open_in(dirs[i], &listener), 0);
		assert_int_equal(open_in(dirs[i], &client), 0);
		assert_string_equal(listener.socket, client.socket);
		assert_int_equal(ipc_place_address(&listener, &address), 0);
		assert_int_equal(str_starts(address.sun_path, "/proc/self/fd/"), i > 0);
		assert_int_equal(
			bind(listener.stream, (struct sockaddr *)&address, sizeof(address)), 0);
		assert_int_equal(listen(listener.stream, 1), 0);
		assert_int_equal(fstatat(client.dir, client.socket, &st, 0), 0);
		if (i > 0) {
			int dir = client.dir;

			client.dir = -1;
			assert_int_equal(ipc_place_address(&client, &address), -ENAMETOOLONG);
			client.dir = dir;
		}
		assert_int_equal(ipc_place_address(&client, &address), 0);
		assert_int_equal(
			connect(client.stream, (struct sockaddr *)&address, sizeof(address)), 0);
	}
}

static void test_not_private(void **state)
{
	char dir[64], run[80];
	struct ipc_place p;

	snprintf(dir, sizeof(dir), "%s/open", top);
	snprintf(run, sizeof(run), "%s/run", dir);
	assert_int_equal(mkdir(dir, 0755), 0);
	assert_int_equal(mkdir(run, 0755), 0);
	assert_int_equal(open_in(dir, &p), -EPERM);
	assert_int_equal(chmod(run, 0700), 0);
	assert_int_equal(open_in(dir, &p), 0);
	ipc_place_close(&p);
	assert_int_equal(rmdir(run), 0);
	assert_int_equal(symlink("/tmp", run), 0);
	assert_int_equal(open_in(dir, &p), -EPERM);
}

/* Where anybody may have made a directory of that name, it is to be looked at first. */
static void test_whose(void **state)
{
	char *none[] = {NULL}, *own[] = {(char *)"DISTCC_DIR=/a", NULL};
	char *runtime[] = {(char *)"XDG_RUNTIME_DIR=/b", NULL};
	char *const *const envs[] = {none, own, runtime};
	char names[3][64] = {"", "/a/run", "/b/distcc"};

	snprintf(names[0], sizeof(names[0]), "/tmp/distcc-%ld", (long)geteuid());
	for (size_t i = 0; i < ARRAY_SIZE(envs); i++) {
		AUTO(ipc_place_close) struct ipc_place p = IPC_PLACE_INIT;

		assert_int_equal(ipc_place_name(envs[i], &p), 0);
		assert_string_equal(p.path, names[i]);
		assert_int_equal(p.anybodys, i == 0);
		assert_true(p.stream > STDERR_FILENO);
	}
}

static void test_standard_descriptors(void **state)
{
	AUTO(ipc_place_close) struct ipc_place p = IPC_PLACE_INIT;
	char *none[] = {NULL};
	int in = dup(STDIN_FILENO), r;

	close(STDIN_FILENO);
	r = ipc_place_name(none, &p);
	assert_int_equal(fcntl(STDIN_FILENO, F_GETFD), -1);
	if (in >= 0) {
		dup2(in, STDIN_FILENO);
		close(in);
	}
	assert_int_equal(r, 0);
	assert_true(p.stream > STDERR_FILENO);
}

static int make_top(void **state)
{
	return mkdtemp(top) ? 0 : -1;
}

static int remove_top(void **state)
{
	return chdir("/") < 0 || fs_remove_tree(top) < 0 ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_place_for_each_namespace),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_not_private),
		cmocka_unit_test(test_whose),
		cmocka_unit_test(test_standard_descriptors),
	};

	return cmocka_run_group_tests(tests, make_top, remove_top);
}
