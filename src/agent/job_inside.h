/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <sys/stat.h>

#include "agent/job.h"
#include "agent/outputs.h"
#include "agent/preprocess.h"
#include "agent/remote.h"
#include "agent/rex.h"
#include "agent/settings.h"
#include "agent/story.h"
#include "agent/text_action.h"
#include "cc/split.h"

/* Private to job.c and job_*.c. */

enum job_state {
	JOB_NEW,
	JOB_PREPARE,
	JOB_JOINED,
	JOB_LOOKUP,
	JOB_WAIT_CPP,
	JOB_CPP,
	JOB_WAIT_HOST,
	JOB_REMOTE,
	JOB_WAIT_LOCAL,
	JOB_LOCAL,
	JOB_HERE,
	JOB_ENDED,
	JOB_STATES,
};

struct job {
	struct agent *agent;
	struct client *client;
	const struct ipc_request *request; /* the client's, or: */
	struct ipc_request unwrapped;      /* where its compiler is a script: the command in that */
	struct strv unwrapped_argv;
	char *unwrapped_compiler;
	enum job_state state;
	struct settings settings;
	struct cc_command command;
	uint64_t record; /* in the history */
	uint64_t started_ms;
	struct buf log;
	const char *local_reason;
	struct story story;

	struct slots_claim claim; /* a local slot: for the preprocessor, or to compile here */
	struct preprocess *preprocess;
	bool directives_only; /* how the present text was, or is being, made */
	struct outputs outputs;
	struct preprocess_text text;
	struct buf cpp_err;

	struct hosts hosts;
	struct fleet_host **fleet; /* the remote ones, in the list's order */
	bool *tried;
	size_t n_fleet;
	unsigned tries;
	bool local_too; /* localhost is in the list */
	unsigned local_limit;
	char *remote_name;
	struct list queue;       /* agent.hosts_queue */
	struct fleet_host *host; /* taken, in JOB_REMOTE */
	struct strv remote_argv;
	struct remote *remote;
	uint64_t remote_started_ms;
	struct text_action text_action; /* the text, or a question, for a server of that kind */
	struct rex_run *text_run;       /* of it */

	struct prepare *prepare;
	bool exact; /* action is what hosts are asked for */
	struct exact_action action;
	struct rex_blob *blobs; /* of action */
	struct rex_run *run;
	bool scan_only; /* prepared for what may leave alone: it is not for the exact way */
	bool cleared;   /* what it reads is known, and may leave; or nothing is excluded */
	char *excluded; /* a file that may not leave; NULL: none is known */
	struct inflight_member flight;
	struct caches_lookup *lookup;
	bool asked;     /* hosts were asked for an exact compile, or would have been */
	bool keep;      /* compiled here by ourselves, so that the result can be kept */
	bool contended; /* another job writes the same output: nothing of it is kept */
	char *writes;   /* what its object is known by; in agent.writing, once it may write */
	struct list writing;
	struct preprocess *here;
	uint64_t prepared_at; /* the moment of action: prepare_result.moment */
	struct stat *before;  /* of each of action.outputs, when it began; st_ino 0: not there */
	char *read_list;      /* the temporary file that says what it read; NULL: none */
	char *assembled_list; /* the same, of its assembler */
	struct rex_result here_result;

	struct reapi_digest facts; /* of action: see prepare_result */
	struct job_twice *twice;   /* it is compiled there and here; NULL: it is not */
	void (*prepared_again)(struct job *j, bool same);
};

void job_move(struct job *j, enum job_state to);
uint64_t job_now_ms(const struct job *j);
struct history_record *job_record(struct job *j);
const char *job_source_name(const struct job *j);
enum cc_colour job_colour(const struct job *j);

/* A line for the user, in distcc 3.4's frame, and for the agent's own log. */
void job_say(struct job *j, enum log_level level, const char *event, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

/* The ways on. */
void job_wait_for_host(struct job *j);
void job_go_local(struct job *j, const char *reason);
void job_run_here(struct job *j); /* with the slot in hand, or without need of one */
/* The end of a job that was not run here. out and err may be NULL. */
void job_end(struct job *j, int status, const struct buf *out, const struct buf *err);

void job_give_host_back(struct job *j);
/* The host has answered, or never will: it is given back, and what it cost is counted. */
void job_answered(struct job *j, const char *address, uint64_t up, uint64_t down);
void job_pass_over(struct job *j, const struct fleet_host *host); /* for the rest of this job */

struct job_failure {
	const char *name, *text, *detail;
	bool no_answer;
};
/* To another host, or here. */
void job_machine_failed(struct job *j, struct fleet_host *host, const struct job_failure *f);

/* ---- job_story.c: what "distcc --explain" and --distcc-explain tell ---- */

void job_story_begin(struct job *j);
/* A line of the story, where one is wanted. */
void job_story(struct job *j, const char *label, const char *fmt, ...) PRINTF_LIKE(3, 4);
void job_story_command(struct job *j);
void job_story_hosts(struct job *j);
void job_story_prepared(struct job *j, const struct prepare_result *result);
void job_story_answered(struct job *j, const struct rex_result *res);
void job_story_outputs(struct job *j, const struct rex_result *res);
/* It is over, or goes on as the launcher's compiler: the last line; and the one of --distcc-explain. */
void job_story_end(struct job *j);

/* No host can do it: here, or nowhere if the user has said so. */
void job_fall_back(struct job *j, const char *reason);
void job_drop_text(struct job *j);

/* ---- job_plain.c ---- */

void job_start_plain(struct job *j); /* preprocessed here, if anybody takes it */
/* A slot for the preprocessor was granted. */
void job_plain_granted(struct job *j);
/* j->host was taken: send it the text. -errno. */
int job_plain_send(struct job *j) MUST_CHECK;
/* A compiler was run on the text by j->host. err, out and object may be taken. */
struct job_traffic {
	const char *address;
	uint64_t up, down; /* bytes */
};
void job_plain_replied(struct job *j, struct fleet_host *host, struct wire_reply *reply,
	const struct job_traffic *t);

/* ---- job_text.c ---- */

/* j->host, a server of Remote Execution, was taken: ask it to compile the text. -errno. */
int job_text_send(struct job *j) MUST_CHECK;
/* Whatever of it runs is ended. Idempotent. */
void job_text_over(struct job *j);

/* ---- job_exact.c ---- */

/* From here on it may write its object, which others should know. */
void job_announce(struct job *j);
/* The words of a flight; see agent/inflight.h. */
void job_flight_told(
	struct inflight_member *m, enum inflight_word word, const struct rex_result *result);
/* False: it is not for the exact way, and nothing was begun. */
bool job_exact_begin(struct job *j);
/* j->host was taken: ask it. -errno. */
int job_exact_start(struct job *j) MUST_CHECK;
/* It has an action, a compile of it here would prove something, and there is a place for results. */
bool job_exact_may_keep(const struct job *j);
/* A server of Remote Execution gave no result; c: as what it was asked. To another host, or here. */
void job_server_failed(struct job *j, struct cluster *c, const struct rex_result *res);
/* No host takes it: the plain way, or here where nobody would take that. */
void job_exact_unwanted(struct job *j);
/* Its action, as things are now; since: see prepare_params. -errno. */
int job_exact_prepare(struct job *j, uint64_t since, prepare_done_fn done) MUST_CHECK;
/* What was compiled is for others too; before the job ends, since then it is gone. */
void job_exact_give(struct job *j, const struct rex_result *res);
/* Whoever said err was not at the user's terminal, and would have said it otherwise there. */
bool job_exact_terminal_matters(const struct job *j, const struct buf *err);
/* Whatever of it runs is ended, and what it had is dropped. Idempotent. */
void job_exact_over(struct job *j);

/* ---- job_here.c ---- */

/* A slot was granted to a job with keep: compile it. -errno: it is not, and nothing was begun. */
int job_here_start(struct job *j) MUST_CHECK;
/* What it wrote, into here_result. -errno. */
int job_here_read(struct job *j) MUST_CHECK;
/* It will be compiled here once more. */
void job_here_forget(struct job *j);
/* told: whether it still is the same action. -errno: it is not called. */
int job_here_prepare_again(struct job *j, void (*told)(struct job *j, bool same)) MUST_CHECK;
/* Its end, with here_result. */
void job_here_end(struct job *j, bool keep);

/* ---- job_verify.c ---- */

/* Its source is one that is compiled here: it is on its way. */
bool job_verify_keeps_here(struct job *j);
/* A result of its action was doubted before. */
bool job_verify_doubted(const struct job *j);
/* The host is to tell what was looked for in vain. */
bool job_verify_wants_lookups(struct job *j);
/* Is it a result to be used? NULL, or why it is not, which is remembered where it was doubted. */
const char *job_verify_check(struct job *j, const struct rex_result *res);
/* One that is: true, it is compiled here too, to compare; res is taken, and j on its way. */
bool job_verify_begin(struct job *j, struct rex_result *res);
/* j->twice was compiled here, with this wait status; here_result has what it said. */
void job_verify_compiled(struct job *j, int status);
void job_verify_over(struct job *j); /* idempotent */
