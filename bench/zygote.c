/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A compiler that is started once and forked for each file. Most of what "clang -cc1" costs on a
 * small file is the dynamic linker's work; preloaded into cc1, cc1plus or clang, this lets the
 * program come up as far as main(), and then runs the real main() in a child for each request.
 *
 *	request on fd 0: uint32 length, then "errors-file\0cwd\0argv0\0argv1\0…"
 *	reply on fd 1:   int32 status as of waitpid
 *
 * The child has the errors file (truncated) as fd 1 and 2, and ends without its destructors, which
 * for clang are a quarter of it. End of input ends the zygote.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REQUEST_MAX = 1 << 20, ARGS_MAX = 4096, CPU_S = 20 };

typedef int main_fn(int, char **, char **);
static main_fn *real_main;

static int read_all(void *data, size_t n)
{
	for (char *p = data; n;) {
		ssize_t r = read(0, p, n);
		if (r <= 0)
			return -1;
		p += r;
		n -= (size_t)r;
	}
	return 0;
}

static int run(char *request, size_t n, char **envp)
{
	char *argv[ARGS_MAX + 1];
	int argc = 0;
	for (char *p = request, *end = request + n; p < end && argc < ARGS_MAX; p += strlen(p) + 1)
		argv[argc++] = p;
	argv[argc] = NULL;
	if (argc < 3)
		_exit(125);
	struct rlimit cpu = {CPU_S, CPU_S}, core = {0, 0};
	setrlimit(RLIMIT_CPU, &cpu);
	setrlimit(RLIMIT_CORE, &core);
	int null = open("/dev/null", O_RDONLY);
	int err = open(argv[0], O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (null < 0 || err < 0 || chdir(argv[1]) != 0)
		_exit(126);
	dup2(null, 0);
	dup2(err, 1);
	dup2(err, 2);
	close(null);
	close(err);
	int status = real_main(argc - 2, argv + 2, envp);
	fflush(NULL);
	_exit(status);
}

static int serve(int argc, char **argv, char **envp)
{
	(void)argc, (void)argv;
	static char request[REQUEST_MAX + 1];
	uint32_t n;
	unsetenv("LD_PRELOAD");
	while (read_all(&n, sizeof n) == 0) {
		if (n > REQUEST_MAX || read_all(request, n) != 0)
			return 1;
		request[n] = 0;
		int status = -1;
		pid_t pid = fork();
		if (pid == 0)
			return run(request, n, envp);
		if (pid > 0 && waitpid(pid, &status, 0) != pid)
			return 1;
		int32_t reply = status;
		if (write(1, &reply, sizeof reply) != sizeof reply)
			return 1;
	}
	return 0;
}

/* The name is the C library's, which the program's start code calls. */
int __libc_start_main(main_fn *main, int argc, char **argv, void (*init)(void),
	void (*fini)(void), void (*rtld_fini)(void), void *stack_end);

int __libc_start_main(main_fn *main, int argc, char **argv, void (*init)(void),
	void (*fini)(void), void (*rtld_fini)(void), void *stack_end)
{
	typedef int start_fn(main_fn *, int, char **, void (*)(void), void (*)(void),
		void (*)(void), void *);
	start_fn *start = (start_fn *)dlsym(RTLD_NEXT, "__libc_start_main");
	real_main = main;
	return start(serve, argc, argv, init, fini, rtld_fini, stack_end);
}
