/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <uv.h>

#include "agent/caches.h"
#include "agent/cluster.h"
#include "agent/compilers.h"
#include "agent/history.h"
#include "agent/inflight.h"
#include "agent/prepare.h"
#include "agent/sources.h"
#include "agent/verify.h"
#include "agent/versions.h"
#include "base/list.h"
#include "base/warden.h"
#include "ipc/place.h"
#include "sched/fleet.h"
#include "sched/slots.h"

/*
 * What is worth remembering between compiles, one per user: everything the agent's parts share.
 * One loop, one thread (name look-ups aside). Events set states; what can start because of that
 * is started by agent_dispatch, once per turn of the loop, before it waits again.
 */

enum {
	AGENT_TEXTS_SPARE = 16, /* texts that may wait for a host beyond one for each remote slot */
};

struct agent {
	uv_loop_t *loop;
	struct ipc_place place;
	int lock; /* held while we own the socket's name */
	uv_pipe_t listener;
	uv_prepare_t dispatcher;
	uv_timer_t idle;
	uint64_t idle_ms;
	uv_signal_t signals[2];
	bool retired; /* the name is given up; we end with our last client */
	struct {
		uint64_t dev, ino, mtime_ns;
	} program; /* our own executable, as it was when we started */

	struct warden warden;
	struct list clients; /* struct client.link */
	struct slots slots;
	struct fleet fleet;
	struct list hosts_queue; /* struct job.queue: text in hand, waiting for a host */
	size_t hosts_queue_n;
	bool hosts_changed; /* a host's slot was given back, or a host has failed */
	struct history history;
	struct compilers compilers;
	struct cc_pragmas *pragmas;
	struct sources full_text; /* whose -fdirectives-only text was not usable */
	struct sources not_based; /* that have their base directory's name in them */
	bool basedir_told;        /* DISTCC_BASEDIR is not fit: said once */
	struct store *store;      /* NULL: there is none */
	uv_timer_t upkeep;
	struct prepare_queue *preparing;
	struct cluster cluster; /* servers, for exact compiles */
	struct cluster texts;   /* the same servers, for preprocessed text */
	struct versions versions;
	struct caches caches;
	struct inflight inflight;
	struct sample sample;
	struct verify *verify;
	struct list writing; /* struct job.writing: of all jobs that make an object */
};

/* Start whatever a free slot or host allows. */
void agent_dispatch(struct agent *a);

/* Give up the socket's name: the next launcher starts another agent. */
void agent_retire(struct agent *a);

/* A client has ended: when it was the last, idle time begins, or a retired agent ends. */
void agent_client_gone(struct agent *a);
void agent_client_came(struct agent *a);

/* Whether the executable has been replaced since we started. */
bool agent_outdated(const struct agent *a);

/* End now, in order: compilers killed, temporary files gone, clients left to compile locally. */
void agent_stop(struct agent *a);
