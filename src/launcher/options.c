/* SPDX-License-Identifier: GPL-3.0-or-later */

/* "distcc --option": what the launcher does besides launching. One table, which is the help. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/env.h"
#include "config.h"
#include "launcher/agent_link.h"
#include "launcher/launcher.h"
#include "sched/hosts.h"

struct option {
	const char *name;
	int (*run)(void); /* of an option that must be alone; else NULL */
	const char *help;
	int (*run_words)(char **words); /* of one that is followed by words */
};

static int show_version(void)
{
	printf("distcc %s %s\n"
	       "  (protocols 1%s) (default port %d)\n"
	       "  an independent implementation; GPL-3.0-or-later, without any warranty\n",
		DISTCC_VERSION, DISTCC_HOST_TRIPLE, HAVE_LZO ? " and 2" : "", HOSTS_PORT_DEFAULT);
	return 0;
}

/* 0; HOSTS_NONE or HOSTS_BAD after having said so. */
static int load_hosts(struct hosts *ret)
{
	AUTO(buf_fini) struct buf text = BUF_INIT;
	AUTO(buf_fini) struct buf error = BUF_INIT;
	int r = hosts_find(environ, DISTCC_SYSCONFDIR, &text, &error);

	if (r == 0)
		r = hosts_parse(buf_str(&text), ret, &error);
	if (r == 0 && ret->randomize)
		hosts_shuffle(ret, (uint64_t)getpid());
	if (r == HOSTS_BAD)
		launcher_say("ERROR: %s", buf_str(&error));
	else if (r == 0 && ret->n == 0)
		r = HOSTS_NONE;
	if (r != 0)
		launcher_say("CRITICAL! Failed to get host list");
	return r;
}

/* Errors of the next two still exit 0: scripts of twenty years know no other answer. */
static int show_hosts(void)
{
	AUTO(hosts_fini) struct hosts h = {0};

	if (load_hosts(&h) == 0)
		for (size_t i = 0; i < h.n; i++)
			puts(h.v[i].definition);
	return 0;
}

static int show_concurrency(void)
{
	AUTO(hosts_fini) struct hosts h = {0};

	if (load_hosts(&h) == 0)
		printf("%u\n", hosts_total_slots(&h));
	return 0;
}

/* The agent's answer to a question, as text; EXIT_DISTCC_FAILED where none runs. */
static int ask(enum ipc_request_type type)
{
	char *const nothing[] = {NULL};
	struct ipc_request q = {
		.type = type,
		.version = DISTCC_VERSION,
		.cwd = "/",
		.compiler = "",
		.argv = nothing,
		.envp = nothing,
	};
	AUTO(agent_answer_fini) struct agent_answer a = {.log = BUF_INIT};
	AUTO(util_close) int fd = -1;
	AUTO(util_close) int process = -1;
	int r = agent_link_open(false, &fd);

	if (r == 0)
		process = agent_link_process(fd);
	if (r == 0)
		r = agent_link_send(fd, &q);
	if (r == 0)
		r = agent_link_receive(fd, &a);
	if (type == IPC_STOP) {
		agent_link_await_end(process);
		return 0;
	}
	if (r < 0) {
		launcher_say("no agent is running");
		return 1;
	}
	fputs(buf_str(&a.out), stdout);
	return 0;
}

static int show_jobs(void)
{
	return ask(IPC_JOBS);
}

static int show_stats(void)
{
	return ask(IPC_STATS);
}

static int show_pid(void)
{
	return ask(IPC_PID);
}

static int stop_agent(void)
{
	return ask(IPC_STOP);
}

/* A command behind one of our options, with its compiler found as for a compile. 0, or the exit code. */
static int read_command(char **words, struct invocation *ret)
{
	static char self[] = "distcc";
	AUTO(strv_fini) struct strv command = STRV_INIT;

	if (strv_push(&command, self) < 0 || strv_push_all(&command, words) < 0)
		return EXIT_OUT_OF_MEMORY;
	return launcher_invocation((int)command.n, command.v, ret);
}

/* distcc-scan does it: "--json" and its like in front, then the command. */
static int scan_includes(char **words)
{
	const char *path = env_get(environ, "DISTCC_SCAN");
	AUTO(launcher_invocation_fini) struct invocation inv = {.argv = STRV_INIT};
	AUTO(strv_fini) struct strv args = STRV_INIT;
	int r = strv_push(&args, "distcc-scan");

	for (; r == 0 && *words && str_starts(*words, "--"); words++)
		r = strv_push(&args, *words);
	if (r < 0)
		return EXIT_OUT_OF_MEMORY;
	r = read_command(words, &inv);
	if (r != 0)
		return r;
	if (strv_pushf(&args, "--compiler=%s", inv.compiler) < 0 ||
		strv_push_all(&args, strv_argv(&inv.argv)) < 0)
		return EXIT_OUT_OF_MEMORY;
	if (!path || !*path)
		path = DISTCC_SCAN_PATH;
	execv(path, strv_argv(&args));
	launcher_say("ERROR: failed to exec %s: %s", path, strerror(errno));
	return EXIT_DISTCC_FAILED;
}

/* The command is run as any other, and told about. */
static int explain(char **words)
{
	AUTO(launcher_invocation_fini) struct invocation inv = {.argv = STRV_INIT};
	int r = read_command(words, &inv);

	if (r != 0)
		return r;
	inv.story = true;
	return launcher_run(&inv);
}

static int show_help(void)
{
	launcher_usage();
	return 0;
}

static const struct option options[] = {
	{"--help", show_help, "show this text"},
	{"--version", show_version, "show the version and the protocols"},
	{"--show-hosts", show_hosts, "print the hosts list, one host a line"},
	{"-j", show_concurrency, "print the sum of all hosts' slots, for make -j"},
	{"--jobs", show_jobs, "print what ran where, why, and what it cost"},
	{"--stats", show_stats, "print the same summed up by host"},
	{"--agent-pid", show_pid, "print the process id of this user's agent"},
	{"--stop-agent", stop_agent, "end this user's agent and wait for it"},
	{"--explain", NULL, "run the COMPILER command behind it, and tell its whole story",
		explain},
	{"--scan-includes", NULL, "print what the COMPILER command behind it would read",
		scan_includes},
};

void launcher_usage(void)
{
	puts("Usage:\n"
	     "   distcc [--distcc-OPTION...] COMPILER [compile options] -o OBJECT -c SOURCE\n"
	     "   distcc [compile options] -o OBJECT -c SOURCE   (the compiler is cc)\n"
	     "   distcc OPTION\n"
	     "   distcc --explain COMPILER [compile options]\n"
	     "   distcc --scan-includes [--json] [--check] COMPILER [compile options]\n"
	     "\n"
	     "Options:");
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		printf("   %-26s %s\n", options[i].name, options[i].help);
	puts("\n"
	     "Options in front of the compiler:\n"
	     "   --distcc-hosts=LIST        use this hosts list\n"
	     "   --distcc-verbose           tell each step on stderr\n"
	     "   --distcc-explain           tell in one line where it ran and why\n"
	     "\n"
	     "Environment:\n"
	     "   DISTCC_HOSTS               the hosts list: HOST[:PORT][/LIMIT][,lzo] ...\n"
	     "   DISTCC_VERBOSE=1           tell each step\n"
	     "   DISTCC_LOG=FILE            ... there, and not on stderr\n"
	     "   DISTCC_FALLBACK=0          fail rather than compile here what a host could not\n"
	     "   DISTCC_DIR=DIR             our own files (default ~/.distcc)\n"
	     "\n"
	     "distcc(1) tells all.");
}

bool launcher_option(int argc, char **argv, int *ret_exit)
{
	for (size_t i = 0; argc >= 2 && i < ARRAY_SIZE(options); i++) {
		const struct option *o = &options[i];

		if (str_eq(argv[1], o->name) && (o->run_words || argc == 2)) {
			*ret_exit = o->run_words ? o->run_words(argv + 2) : o->run();
			if (fflush(stdout) != 0 || ferror(stdout))
				*ret_exit = EXIT_DISTCC_FAILED;
			return true;
		}
	}
	return false;
}
