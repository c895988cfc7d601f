/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <sys/socket.h>
#include <uv.h>

#include "worker/acl.h"
#include "worker/compiler.h"
#include "worker/job.h"
#include "worker/conn.h"
#include "worker/options.h"
#include "worker/report.h"
#include "sched/queue.h"
#include "service/service.h"
#include "worker/quota.h"

/* What all parts of a running distccd share: the loop, the slots, the clients. */

enum {
	SERVER_LISTENERS_MAX = 16,
	/*
	 * Clients at once; further ones stay in the kernel's queue. And of one address: a client
	 * that opens connections without end keeps only itself out.
	 */
	SERVER_CLIENTS_MAX = 2048,
	SERVER_CLIENTS_OF_PEER_MAX = 1024,
	SERVER_SCRATCH = 256 << 10,
	/* What is under way when we are told to end has so long to come to its own end. */
	SERVER_DRAIN_MS = 60 * 1000,
};

struct secrets;

struct server_listener {
	struct server *server;
	int fd;
	uv_poll_t poll;
};

struct server {
	uv_loop_t loop;
	bool has_loop;
	const struct options *options;
	struct compiler_policy policy;
	struct sandbox *sandbox; /* NULL: there is none */
	struct job_context jobs;
	struct queue queue;
	struct quota memory;
	struct service service; /* without a cas: gRPC is not spoken */
	char *roots;            /* service.roots_path */
	uv_timer_t maintain;
	uv_work_t maintenance, adoption;
	bool remote, maintaining;
	struct server_listener listeners[SERVER_LISTENERS_MAX];
	size_t n_listeners;
	struct list clients;
	size_t n_clients;
	uv_signal_t signals[3];
	uv_timer_t lifetime; /* then of the drain */
	struct conn_shared conns;
	struct report report;
	const struct secrets *secrets;
	uint64_t io_timeout_ms;
	bool check_acl;
	bool once; /* serve what is there now, then end: inetd */
	bool accepting;
	bool draining; /* told to end: what is under way goes on */
	bool ending;   /* everything is being closed */
};

/*
 * Make everything but clients and listeners: directory, warden, queue, signals. The process is
 * already who and where it will be. secrets outlive it. 0, -errno, or COMPILER_NOBODY, and then there
 * is nothing to be ended.
 */
int server_init(
	struct server *s, const struct options *o, const struct secrets *secrets) MUST_CHECK;

/* Listening sockets become the server's. -errno. */
int server_listen(struct server *s, const int *fds, size_t n) MUST_CHECK;

/* Serve the one client at these descriptors, and end when it is gone. -errno. */
int server_serve(struct server *s, int fd_in, int fd_out) MUST_CHECK;

int server_run(struct server *s) MUST_CHECK; /* until told to end by signal or lifetime */
void server_fini(struct server *s);          /* whether it has run or not */

/* Bytes that one job may use, where there is a cgroup: one that takes all is killed, and not the
 * machine. */
uint64_t server_job_memory(const struct server *s);

void server_client_gone(struct server *s); /* for client_leave */
