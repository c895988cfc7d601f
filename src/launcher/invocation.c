/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The three ways to be called, and what keeps them from calling themselves.
 *
 *	distcc gcc -c x.c	explicit: the compiler is named
 *	distcc -c x.c		implicit: the compiler is cc
 *	gcc -c x.c		masquerade: a link called gcc points at us
 *
 * Whatever is run from here gets _DISTCC_SAFEGUARD=DEPTH[:DEV:INO]...: how deep in ourselves we
 * are, and which programs we have started on the way. A ccache that comes behind us in PATH finds
 * us again; the program that we then look for is neither ourselves nor that ccache.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/child.h"
#include "base/env.h"
#include "base/path.h"
#include "cc/compiler.h"
#include "cc/extension.h"
#include "launcher/launcher.h"

enum { DEPTH_MAX = 6 };

static const char safeguard[] = "_DISTCC_SAFEGUARD";

struct guard {
	unsigned depth;
	struct cc_file_id started[DEPTH_MAX];
	size_t n_started;
};

static struct guard guard_read(void)
{
	const char *s = env_get(environ, safeguard);
	struct guard g = {0};
	char *end;

	if (!s)
		return g;
	g.depth = (unsigned)MIN(strtoul(s, &end, 10), 1000UL);
	while (*end == ':' && g.n_started < DEPTH_MAX) {
		struct cc_file_id id;

		id.dev = strtoull(end + 1, &end, 16);
		if (*end != ':')
			break;
		id.ino = strtoull(end + 1, &end, 16);
		g.started[g.n_started++] = id;
	}
	return g;
}

static int guard_write(const struct guard *g, const char *compiler)
{
	AUTO(buf_fini) struct buf b = BUF_INIT;
	struct stat st;
	int r = buf_printf(&b, "%u", g->depth + 1);

	for (size_t i = 0; r == 0 && i < g->n_started; i++)
		r = buf_printf(&b, ":%llx:%llx", (unsigned long long)g->started[i].dev,
			(unsigned long long)g->started[i].ino);
	if (r == 0 && stat(compiler, &st) == 0)
		r = buf_printf(&b, ":%llx:%llx", (unsigned long long)st.st_dev,
			(unsigned long long)st.st_ino);
	if (r < 0)
		return r;
	return setenv(safeguard, b.data, 1) < 0 ? -errno : 0;
}

/* Control options, in front of the compiler; each is an environment variable by another name. */
static int take_control(const char *arg, struct invocation *inv)
{
	if (str_starts(arg, "--distcc-hosts="))
		return setenv("DISTCC_HOSTS", strchr(arg, '=') + 1, 1);
	if (str_eq(arg, "--distcc-verbose"))
		return setenv("DISTCC_VERBOSE", "1", 1);
	if (str_eq(arg, "--distcc-explain")) {
		inv->explain = true;
		return 0;
	}
	launcher_say("ERROR: unknown option \"%s\": distcc has --distcc-hosts=LIST, "
		     "--distcc-verbose and --distcc-explain in front of the compiler",
		arg);
	return -1;
}

/* "distcc foo.c -c" and "distcc -c foo.c": no compiler is named. */
static bool is_compiler_name(const char *arg)
{
	return arg[0] != '-' && arg[0] != '@' && !str_ends(arg, ".o") &&
	       cc_language_of_file(arg) == CC_LANGUAGE_NONE;
}

/* By the path that execve was given: this process's part of /proc is made when it is looked at. */
static int self_id(struct cc_file_id *ret)
{
	const char *path = (const char *)getauxval(AT_EXECFN);
	struct stat st;

	if ((!path || stat(path, &st) < 0) && stat("/proc/self/exe", &st) < 0)
		return -errno;
	*ret = (struct cc_file_id){.dev = st.st_dev, .ino = st.st_ino};
	return 0;
}

static bool same_file(const char *path, struct cc_file_id id)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_dev == id.dev && st.st_ino == id.ino;
}

/*
 * The program behind the name, never ourselves: *ret_path. *ret_itself: it is what the name leads to
 * on PATH as well. gcc looks itself up there by argv[0], to find its parts beside itself: if that
 * would lead it to another file, to a link to us for one, argv[0] must be the full path.
 */
static int find_compiler(
	const char *name, bool masquerade, const struct guard *g, char **ret_path, bool *ret_itself)
{
	const char *path = env_get(environ, "PATH");
	AUTO(util_free) char *cwd = getcwd(NULL, 0);
	struct cc_file_id self = {0};
	char *found;
	int r;

	*ret_itself = true;
	if (self_id(&self) < 0) {
		/* There is nothing to tell ourselves by. */
		return child_find_program(name, path, cwd, ret_path);
	}
	if (!masquerade && strchr(name, '/')) {
		r = child_find_program(name, path, cwd, &found);
		if (r < 0)
			return r;
		if (!same_file(found, self)) {
			*ret_path = found;
			return 0;
		}
		free(found);
	}
	r = cc_compiler_behind(
		path_base(name), path, cwd, self, g->started, g->n_started, ret_path, ret_itself);
	if (strchr(name, '/'))
		*ret_itself = false;
	return r;
}

static int fill(int argc, char **argv, const struct guard *g, struct invocation *inv)
{
	bool masquerade = strstr(path_base(argv[0]), "distcc") == NULL, itself = true;
	int i = 1, r = 0;

	if (masquerade) {
		i = 0;
	} else {
		for (; i < argc && str_starts(argv[i], "--distcc-"); i++)
			if (take_control(argv[i], inv) < 0)
				return EXIT_BAD_ARGUMENTS;
		if (i >= argc) {
			launcher_say("ERROR: missing option/operand: distcc needs a compiler "
				     "command, see distcc --help");
			return EXIT_BAD_ARGUMENTS;
		}
		if (!is_compiler_name(argv[i]))
			r = strv_push(&inv->argv, "cc");
	}
	for (; r == 0 && i < argc; i++)
		r = strv_push(&inv->argv, argv[i]);
	if (r == 0)
		r = find_compiler(inv->argv.v[0], masquerade, g, &inv->compiler, &itself);
	if (r == 0 && !itself) {
		AUTO(util_free) char *name = strdup(inv->compiler);

		if (!name)
			return EXIT_OUT_OF_MEMORY;
		free(inv->argv.v[0]);
		inv->argv.v[0] = TAKE_PTR(name);
	}
	if (r == -ENOENT) {
		launcher_say("ERROR: failed to find \"%s\": no such compiler on PATH besides "
			     "distcc itself",
			inv->argv.v[0]);
		return EXIT_COMPILER_MISSING;
	}
	return r < 0 ? EXIT_OUT_OF_MEMORY : 0;
}

int launcher_invocation(int argc, char **argv, struct invocation *ret)
{
	struct invocation inv = {.argv = STRV_INIT};
	struct guard g = guard_read();
	int r;

	if (g.depth >= DEPTH_MAX) {
		launcher_say("CRITICAL! distcc seems to have invoked itself recursively: "
			     "name the compiler by its full path");
		return EXIT_RECURSION;
	}
	r = fill(argc, argv, &g, &inv);
	if (r == 0 && guard_write(&g, inv.compiler) < 0)
		r = EXIT_OUT_OF_MEMORY;
	if (r != 0) {
		launcher_invocation_fini(&inv);
		return r;
	}
	*ret = inv;
	return 0;
}

void launcher_invocation_fini(struct invocation *i)
{
	strv_fini(&i->argv);
	util_free(&i->compiler);
}

static double ms_of(struct timeval t)
{
	return (double)t.tv_sec * 1000 + (double)t.tv_usec / 1000;
}

/* In a story the compiler is no end: what it cost is told too. */
static void tell_own_run(void)
{
	struct rusage used;
	int status;
	pid_t child = fork();

	if (child <= 0) /* the child becomes the compiler; so do we, if there is none */
		return;
	while (wait4(child, &status, 0, &used) < 0 && errno == EINTR)
		;
	fprintf(stderr, "%14s%-12sstatus %d; %.1f ms of CPU, %ld KiB of memory\n", "", "run here",
		WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
		ms_of(used.ru_utime) + ms_of(used.ru_stime), used.ru_maxrss);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

int launcher_exec(const struct invocation *i)
{
	/* By the user's own word where that is a path: a script finds it in $0. */
	const char *program = strchr(i->argv.v[0], '/') ? i->argv.v[0] : i->compiler;

	if (i->story)
		tell_own_run();
	execv(program, strv_argv(&i->argv));
	if (errno == ENOEXEC) {
		/* A script without a #! line: what execvp would do. */
		AUTO(strv_fini) struct strv sh = STRV_INIT;

		if (strv_push(&sh, "/bin/sh") == 0 && strv_push(&sh, program) == 0 &&
			strv_push_all(&sh, strv_argv(&i->argv) + 1) == 0)
			execv("/bin/sh", strv_argv(&sh));
		errno = ENOEXEC;
	}
	launcher_say("ERROR: failed to exec %s: %s", program, strerror(errno));
	return EXIT_COMPILER_MISSING;
}
