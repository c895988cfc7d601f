/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * distccd: from the command line to a serving process. The order matters: what only root may do
 * (ports, files, priorities) comes before root is given up; the warden is started after that, so
 * that it can do no more than we can; and whoever started us is told when clients can connect.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "config.h"
#include "sandbox/sandbox.h"
#include "wire/distcc.h"
#include "worker/daemon.h"
#include "worker/exit.h"
#include "worker/listen.h"
#include "worker/secrets.h"
#include "worker/server.h"
#include "worker/systemd.h"

static void print_version(void)
{
	printf("distccd %s %s\n"
	       "  (protocols 1%s) (default port %d)\n"
	       "distcc comes with ABSOLUTELY NO WARRANTY. You may copy and change it under the\n"
	       "terms of the GNU General Public License, version 3 or later.\n",
		DISTCC_VERSION, DISTCC_HOST_TRIPLE, wire_lzo_available() ? " and 2" : "",
		WIRE_PORT);
}

/* Before root is given up; what goes to syslog in the end goes to stderr until we serve. */
static int open_log_file(const struct options *o)
{
	int r = o->log_file && !o->log_stderr ? log_to_file(o->log_file) : 0;

	if (r < 0)
		log_event(LOG_LEVEL_ERROR, "log-file", "%s: %s", o->log_file, strerror(-r));
	return r < 0 ? WORKER_EXIT_IO_ERROR : 0;
}

static void switch_log(const struct options *o)
{
	if (!o->log_file && !o->log_stderr)
		log_to_syslog();
}

static bool wants_sandbox(const struct options *o)
{
	return o->store || o->sandbox != CONFINE_NEVER;
}

static int init_server(struct server *s, const struct options *o, const struct secrets *secrets)
{
	int r = server_init(s, o, secrets);

	if (r == COMPILER_NOBODY) {
		log_event(LOG_LEVEL_ERROR, "no-compilers",
			"%s/distcc and /usr/lib/distcc name no compiler that may be run; "
			"update-distcc-symlinks makes that list",
			DISTCC_LIBDIR);
		return WORKER_EXIT_COMPILER_MISSING;
	}
	if (r < 0)
		log_event(LOG_LEVEL_ERROR, "server-start", "%s", strerror(-r));
	return r < 0 ? WORKER_EXIT_FAILED : 0;
}

/* ---- inetd, ssh ---- */

/* The client's descriptors, out of the way of everything that uses 0 and 1. */
static int take_stdio(int *ret_in, int *ret_out)
{
	*ret_in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	*ret_out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (*ret_in < 0 || *ret_out < 0)
		return WORKER_EXIT_IO_ERROR;
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	daemon_fill_stdio();
	return 0;
}

static int run_inetd(const struct options *o, const struct secrets *secrets)
{
	struct server server;
	int in, out, r;

	r = take_stdio(&in, &out);
	if (r != 0)
		return r;
	switch_log(o);
	daemon_set_priority(o);
	r = daemon_drop_root(o->user, wants_sandbox(o) ? sandbox_cgroup_prepare : NULL);
	if (r == 0)
		r = init_server(&server, o, secrets);
	if (r != 0)
		return r;
	r = server_serve(&server, in, out);
	if (r == 0)
		r = server_run(&server);
	else
		log_event(LOG_LEVEL_ERROR, "inetd", "stdin and stdout: %s", strerror(-r));
	server_fini(&server);
	if (r == -EACCES)
		return WORKER_EXIT_ACCESS_DENIED;
	return r < 0 ? WORKER_EXIT_IO_ERROR : 0;
}

/* ---- a daemon of its own ---- */

static int write_files(const struct options *o, uint16_t port, struct daemon_pid_file *pid_file)
{
	int r = o->pid_file ? daemon_pid_file_make(o->pid_file, pid_file) : 0;

	if (r < 0) {
		log_event(LOG_LEVEL_ERROR, "pid-file", "%s: %s", o->pid_file, strerror(-r));
		return WORKER_EXIT_IO_ERROR;
	}
	r = o->port_file ? daemon_write_number(o->port_file, port) : 0;
	if (r < 0)
		log_event(LOG_LEVEL_ERROR, "port-file", "%s: %s", o->port_file, strerror(-r));
	return r < 0 ? WORKER_EXIT_IO_ERROR : 0;
}

static void log_start(const struct options *o, const struct listen_sockets *ls)
{
	log_event(LOG_LEVEL_NOTICE, "server-start", "version=%s port=%u jobs=%lu", DISTCC_VERSION,
		ls->port, (unsigned long)o->jobs);
	if (!o->allow_given)
		log_event(LOG_LEVEL_NOTICE, "server-start",
			"only this machine is served: there is no --allow and no --allow-private");
	if (o->insecure)
		log_event(LOG_LEVEL_WARNING, "server-start",
			"--enable-tcp-insecure: clients may run any program");
}

/* With the sockets open, and in the background where that is wanted. */
static int serve(const struct options *o, const struct secrets *secrets, struct listen_sockets *ls,
	int ready)
{
	struct server server;
	int r;

	daemon_set_priority(o);
	r = daemon_drop_root(o->user, wants_sandbox(o) ? sandbox_cgroup_prepare : NULL);
	if (r == 0)
		r = init_server(&server, o, secrets);
	if (r != 0)
		return r;
	r = server_listen(&server, ls->fds, ls->n);
	ls->n = 0;
	if (r == 0 && chdir(server.jobs.dirs.tmp) < 0)
		r = -errno;
	if (r < 0) {
		log_event(LOG_LEVEL_ERROR, "server-start", "%s", strerror(-r));
	} else {
		switch_log(o);
		log_start(o, ls);
		if (ready >= 0)
			daemon_ready(ready, o->log_stderr);
		systemd_notify("READY=1");
		r = server_run(&server);
	}
	server_fini(&server);
	return r < 0 ? WORKER_EXIT_FAILED : r;
}

/* Sockets that a service manager has passed take the place of --listen and --port. */
static int open_sockets(const struct options *o, struct listen_sockets *ls, bool *ret_passed)
{
	int r = systemd_listen(ls);

	*ret_passed = r == 0 && ls->n > 0;
	if (r == 0 && ls->n == 0)
		r = listen_open(&o->listen, (uint16_t)o->port, !o->allow_given, ls);
	return r < 0 ? WORKER_EXIT_BIND_FAILED : 0;
}

static int run_daemon(const struct options *o, const struct secrets *secrets)
{
	struct daemon_pid_file pid_file = DAEMON_PID_FILE_INIT;
	int fds[SERVER_LISTENERS_MAX], ready = -1, r;
	struct listen_sockets ls = {.fds = fds, .max = ARRAY_SIZE(fds)};
	bool passed;

	r = open_sockets(o, &ls, &passed);
	if (r != 0)
		return r;
	/* The manager watches this process, and not one that it would leave behind. */
	r = o->no_detach || passed ? 0 : daemon_detach(&ready);
	if (r < 0) {
		log_event(LOG_LEVEL_ERROR, "detach", "%s", strerror(-r));
		r = WORKER_EXIT_FAILED;
	} else {
		r = write_files(o, ls.port, &pid_file);
	}
	if (r == 0)
		r = serve(o, secrets, &ls, ready);
	listen_close(&ls);
	daemon_pid_file_remove(&pid_file);
	return r;
}

static bool stdin_is_socket(void)
{
	int type;
	socklen_t len = sizeof(type);

	return getsockopt(STDIN_FILENO, SOL_SOCKET, SO_TYPE, &type, &len) == 0;
}

static int run(struct options *o)
{
	struct secrets secrets = SECRETS_INIT;
	int r;

	if (o->help) {
		worker_options_help(stdout);
		return 0;
	}
	if (o->version) {
		print_version();
		return 0;
	}
	if (o->mode == OPTIONS_MODE_AUTO)
		o->mode = stdin_is_socket() ? OPTIONS_MODE_INETD : OPTIONS_MODE_DAEMON;
	/* While we are root, and where the names were given. */
	r = secrets_load(o, &secrets);
	if (r == 0)
		r = open_log_file(o);
	if (r == 0)
		r = o->mode == OPTIONS_MODE_INETD ? run_inetd(o, &secrets)
						  : run_daemon(o, &secrets);
	secrets_fini(&secrets);
	return r;
}

int main(int argc, char **argv)
{
	struct options o;
	int r;

	daemon_fill_stdio();
	log_init("distccd", LOG_LEVEL_NOTICE);
	r = worker_options_parse(argc, argv, &o);
	if (r != 0)
		return r;
	log_set_level(o.log_level);
	r = run(&o);
	worker_options_fini(&o);
	return r;
}
