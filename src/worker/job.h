/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <uv.h>

#include "base/strv.h"
#include "base/warden.h"
#include "worker/confine.h"
#include "worker/feed.h"
#include "worker/jobdir.h"

/* One run of a compiler, from its directory to its object. */

enum {
	JOB_OUTPUT_MAX = 16 << 20, /* of stdout, and of stderr: more than that ends the job */
	JOB_OBJECT_MAX = 1 << 30,
	JOB_KILL_MS = 1000, /* between asking a compiler to end and ending it */
};

/* What all jobs of a daemon share. */
struct job_context {
	uv_loop_t *loop;
	struct warden warden;
	struct feed_watch watch;
	struct jobdir_pool dirs;
	struct confine confine;
	const char *path;     /* PATH of compilers */
	uint64_t lifetime_ms; /* 0: without end */
	/* Compilers that were seen to read a fifo twice: they get regular files from then on. */
	struct strv read_twice;
};

struct job_spec {
	const char *compiler;        /* absolute path */
	char *const *argv;           /* argv[0] is replaced by compiler */
	const char *source, *object; /* plain names, as in argv */
	bool reads_once;             /* the source may be a fifo */
	/*
	 * It takes -fdebug-prefix-map: where debug information would name the job's directory,
	 * which is another one each time, it names the one above.
	 */
	bool hide_dir;
};

enum job_outcome {
	JOB_RAN,       /* to its end: see status; the object is there if status is 0 */
	JOB_CANCELLED, /* by job_cancel */
	JOB_TIMED_OUT,
	JOB_FAILED, /* through no fault of the source; error says why */
};

struct job_result {
	enum job_outcome outcome;
	int status; /* wait status */
	const char *error;
	struct buf out, err, object;
};

void job_result_fini(struct job_result *r);

struct job;

struct job_handlers {
	/* The compiler has taken all of the source that was pushed. */
	void (*on_drained)(void *data);
	/*
	 * It is over, and nothing is left of it but the result, which may be taken out of
	 * job_result. Called once, from the loop; job_free is the handler's duty.
	 */
	void (*on_over)(void *data);
};

/*
 * -ENOMEM: nothing was started and no handler will be called. What goes wrong later becomes the
 * result; a compiler that cannot be executed is one that exits with 110, as distcc 3.4 has it.
 * spec is not kept.
 */
int job_start(struct job_context *ctx, const struct job_spec *spec,
	const struct job_handlers *handlers, void *data, struct job **ret) MUST_CHECK;

/* Source as it arrives (taken, left empty), and its end. What goes wrong becomes the result. */
void job_push(struct job *j, struct buf *data);
void job_end_source(struct job *j);
size_t job_backlog(const struct job *j);

void job_cancel(struct job *j); /* idempotent; on_over follows */

pid_t job_pid(const struct job *j); /* 0: not started yet, or over */

struct job_result *job_result(struct job *j);
void job_free(struct job *j); /* NULL is fine; once on_over has been called */
