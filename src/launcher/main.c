/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The launcher: started once per compile, so it links nothing but libc and does almost nothing.
 * It hands the command to the agent and does what the agent says: exit with this status, or
 * become the compiler. Whatever goes wrong on the way, it becomes the compiler.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/env.h"
#include "base/fs.h"
#include "base/path.h"
#include "config.h"
#include "launcher/agent_link.h"
#include "launcher/launcher.h"

enum { RETIRED_TRIES = 3 };

void launcher_say(const char *fmt, ...)
{
	char line[2048];
	size_t n = (size_t)snprintf(line, sizeof(line), "distcc[%ld] ", (long)getpid());
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line + n, sizeof(line) - n - 1, fmt, ap);
	va_end(ap);
	n = strlen(line);
	line[n++] = '\n';
	if (fs_write_all(STDERR_FILENO, line, n) < 0) {
		/* Nowhere else to say it. */
	}
}

/* Where log lines go: DISTCC_LOG's file, ccache's channel, or stderr. */
static void write_log(const struct buf *text)
{
	const char *file = env_get(environ, "DISTCC_LOG");
	AUTO(util_close) int fd = -1;
	int to = STDERR_FILENO;

	if (text->len == 0)
		return;
	if (file && *file) {
		fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
		to = fd >= 0 ? fd : STDERR_FILENO;
	} else if (env_get(environ, "UNCACHED_ERR_FD")) {
		to = (int)env_u64(environ, "UNCACHED_ERR_FD", 1 << 20, STDERR_FILENO);
	}
	if (fs_write_all(to, text->data, text->len) < 0) {
		/* A log that cannot be written is no reason to fail a compile. */
	}
}

/* Whether the compiler would colour what it writes to stderr, if it were started here. */
static bool colour_terminal(bool terminal)
{
	const char *force = env_get(environ, "CLICOLOR_FORCE");
	const char *term = env_get(environ, "TERM");

	if (force && *force && !str_eq(force, "0"))
		return true;
	return term && !str_eq(term, "dumb") && terminal;
}

static void write_error(const struct buf *text)
{
	if (text->len > 0 && fs_write_all(STDERR_FILENO, text->data, text->len) < 0) {
		/* As the compiler does: diagnostics that nobody can read change nothing. */
	}
}

static int finish(const struct agent_answer *a)
{
	int status = (int)a->head.status;

	/* Output that cannot be written fails a compiler too; it must not look like success. */
	if (a->out.len > 0 && fs_write_all(STDOUT_FILENO, a->out.data, a->out.len) < 0 &&
		status == 0)
		status = EXIT_DISTCC_FAILED;
	write_error(&a->err);
	return status;
}

static int ask_agent(const struct ipc_request *q, int *ret_fd, struct agent_answer *ret)
{
	for (int i = 0; i < RETIRED_TRIES; i++) {
		AUTO(util_close) int fd = -1;
		int r = agent_link_open(true, &fd);

		if (r == 0)
			r = agent_link_send(fd, q);
		if (r == 0)
			r = agent_link_receive(fd, ret);
		if (r < 0)
			return r;
		if (ret->head.type != IPC_REPLY_RETIRED) {
			*ret_fd = TAKE_FD(fd);
			return 0;
		}
		agent_answer_fini(ret);
	}
	return -EAGAIN;
}

int launcher_run(const struct invocation *inv)
{
	AUTO(util_free) char *cwd = fs_working_directory(env_get(environ, "PWD"));
	struct ipc_request q = {
		.type = IPC_RUN,
		.version = DISTCC_VERSION,
		.cwd = cwd,
		.compiler = inv->compiler,
		.argv = strv_argv(&inv->argv),
		.envp = environ,
	};
	AUTO(agent_answer_fini) struct agent_answer a = {.log = BUF_INIT};
	AUTO(util_close) int fd = -1;
	bool terminal = isatty(STDERR_FILENO);
	int r;

	if (!cwd)
		return launcher_exec(inv);
	q.umask = umask(0);
	umask(q.umask);
	q.flags = (colour_terminal(terminal) ? IPC_STDERR_TTY : 0) |
		  (inv->explain ? IPC_EXPLAIN : 0) | (inv->story ? IPC_STORY : 0) |
		  (terminal ? IPC_TERMINAL : 0);
	r = ask_agent(&q, &fd, &a);
	if (r < 0) {
		if (env_bool(environ, "DISTCC_VERBOSE", false) || inv->explain || inv->story)
			launcher_say("no agent (%s): compiling here", strerror(-r));
		return launcher_exec(inv);
	}
	write_log(&a.log);
	if (a.head.type == IPC_REPLY_DONE)
		return finish(&a);
	write_error(&a.err);
	/* The connection is the local slot: the compiler inherits it, and it ends with the
	 * compiler. */
	if (fcntl(fd, F_SETFD, 0) < 0)
		launcher_say("Warning: cannot keep the local slot: %s", strerror(errno));
	return launcher_exec(inv);
}

int main(int argc, char **argv)
{
	AUTO(launcher_invocation_fini) struct invocation inv = {.argv = STRV_INIT};
	bool nested = env_get(environ, "_DISTCC_SAFEGUARD") != NULL;
	int r;

	if (argc < 1)
		return EXIT_BAD_ARGUMENTS;
	if (strstr(path_base(argv[0]), "distcc") && launcher_option(argc, argv, &r))
		return r;
	r = launcher_invocation(argc, argv, &inv);
	if (r != 0)
		return r;
	/* Inside our own compiler's run the outer one holds the slot: asking for another could wait
	 * for ever. */
	return nested ? launcher_exec(&inv) : launcher_run(&inv);
}
