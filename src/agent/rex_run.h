/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "agent/rex.h"
#include "agent/rex_compress.h"
#include "agent/rex_known.h"
#include "base/list.h"
#include "reapi/arena.h"
#include "reapi/proto.h"
#include "reapi/violation.h"
#include "rpc/session.h"

/*
 * Inside of a rex: its runs, and how their stages (rex_upload.c, rex_execute.c, rex_fetch.c) make
 * calls. A run makes one call after another. What has to be done next is its step, which is called
 * when there is a connection for it, and again where the server certainly did not see the call.
 */

enum {
	REX_BATCH_MAX = (4 << 20) - (64 << 10), /* of one batch, REX_BATCH_COST for each blob */
	REX_BATCH_COST = 128,                   /* what wraps a blob in a batch, and more */
	REX_BLOB_SMALL = 1 << 20, /* a larger one goes by ByteStream, and lets others pass */
	REX_PIECE = 256 << 10,
	REX_OPERATION_NAME_MAX = 512,
	REX_ROUNDS_MAX = 2, /* times that all is asked for again, since blobs were missing */
};

struct rex_conn;
struct rex_proof;

/* What an input root becomes there; see rex_proof.h. Of each connection anew. */
enum rex_root { REX_ROOT_UNKNOWN, REX_ROOT_ASKED, REX_ROOT_INPUT, REX_ROOT_OTHER };

struct rex {
	uv_loop_t *loop;
	char *host, *instance;
	char authority[300];
	uint16_t port;
	uint64_t resolve_ms, connect_ms, io_ms;
	struct list conns;     /* also those that take no new calls, or close */
	struct rex_conn *conn; /* the one for new calls; NULL: none yet */
	char address[DIAL_ADDRESS_TEXT];
	struct list waiting;  /* runs whose step waits for a connection */
	struct list finished; /* runs that done has to be called for */
	size_t n_runs;
	struct rex_secrets secrets;
	struct rpc_metadata metadata; /* of each call */
	char *told;                   /* the authorization in metadata; NULL: none */
	bool cache_only, takes_results;
	bool prove_root;
	enum rex_root root; /* INPUT where no proof is wanted */
	struct rex_proof *proof;
	char root_detail[REX_DETAIL_MAX]; /* of OTHER */
	size_t batch_max;                 /* as the server has it, at most REX_BATCH_MAX */
	struct rex_known known;
	bool takes_zstd; /* in batches */
	struct rex_compress compress;
	uv_idle_t turn;
	unsigned handles; /* the idle handle and connections */
	bool closing;
	char scratch[256 << 10];
};

/* A blob that the server is asked about. */
struct rex_need {
	const struct rex_blob *blob;
	bool missing, stored;
};

/* A blob to be fetched. */
struct rex_item {
	struct reapi_digest digest;
	const char *what; /* a path, "stdout" or "stderr" */
	struct buf *to;
	bool here;
};

struct rex_run {
	struct list node; /* of waiting, of a connection's runs, or of finished */
	struct rex *rex;
	struct rex_params p;
	rex_done_fn done;
	void *data;
	struct rex_result result;
	char detail[REX_DETAIL_MAX];
	char address[DIAL_ADDRESS_TEXT];

	/* The call under way. */
	void (*step)(struct rex_run *run);
	const struct rex_stage *stage;
	struct rex_conn *conn;
	struct rpc_call *call; /* NULL: none */
	bool answered;         /* a message has come */
	bool again;            /* it was made twice already */
	bool patient;          /* the server may be silent */
	uint64_t since_ms;     /* when it started, or something of it last moved */

	/* rex_upload.c */
	struct rex_need
		*needs; /* sorted by digest, later by size class and digest; no digest twice */
	size_t n_needs, at, n_batch;
	bool some_known; /* of its blobs, to be on the server */
	unsigned rounds;
	int fd; /* of the file that is being sent; -1 */
	uint64_t offset;
	char *piece;

	/* rex_execute.c */
	char operation[REX_OPERATION_NAME_MAX];
	bool waited; /* WaitExecution has been tried */
	struct reapi_arena arena;
	lro_operation *over; /* the last Operation, in the arena; NULL: not yet */

	/* rex_cache.c */
	re_action_result *found; /* in the arena */

	/* rex_fetch.c */
	bool fetching, gone;
	struct rex_item items[REX_OUTPUTS_MAX + 2];
	size_t n_items;
	struct rex_item *item; /* that is being read */
	struct reapi_hasher hasher;
};

/* --- rex.c --- */

void rex_turn_soon(struct rex *r);
/* What every call of it has; the caller adds who is told what. */
void rex_call_params(struct rex *r, const char *path, const struct rpc_handler *handler, void *data,
	struct rpc_call_params *ret);
void rex_unref(struct rex *r); /* one handle of it has closed; the last frees */
/* Those that wait for a connection get none. */
void rex_fail_waiting(struct rex *r, enum rex_outcome outcome, const char *detail);

/* The same for those who may not execute yet. */
void rex_fail_unproved(struct rex *r, enum rex_outcome outcome, const char *detail);

/* How a status that is not OK ends a run. */
enum rex_outcome rex_outcome_of(enum rpc_status status);
/* "NAME: text" in ret, printable. */
void rex_describe(enum rpc_status status, const char *text, char ret[REX_DETAIL_MAX]);

/* It is over; done is called later. What call it has is reset. */
void rex_run_end(struct rex_run *run, enum rex_outcome outcome, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
void rex_run_fail(struct rex_run *run, enum rpc_status status, const char *text);
/* For one of enum reapi_outcome with what v says, or -errno. */
void rex_run_refuse(struct rex_run *run, int outcome, const struct reapi_violation *v);

/* step, as soon as there is a connection. */
void rex_run_next(struct rex_run *run, void (*step)(struct rex_run *run));

/* One kind of call. Each may end the run, or make the next call in over and failed. */
struct rex_stage {
	const char *path;
	bool patient;
	bool stream; /* more than one message may come */
	bool runs;   /* what is asked for is that the action be run */
	void (*message)(struct rex_run *run, struct buf *message);
	void (*writable)(struct rex_run *run); /* NULL: sends one message */
	void (*over)(struct rex_run *run);     /* RPC_OK, and a message came */
	/* NULL: rex_run_fail. Not where the connection broke. */
	void (*failed)(struct rex_run *run, const struct rpc_end *end);
};

/* A call whose answer nobody waits for, beside what the run has. */
void rex_run_tell(struct rex_run *run, const char *path, const ProtobufCMessage *message);

/* In a step. False: the run has ended, or will come back to its step. */
bool rex_run_open(struct rex_run *run, const struct rex_stage *stage) MUST_CHECK;
/* As rpc_call_send. */
int rex_run_send(struct rex_run *run, const ProtobufCMessage *m) MUST_CHECK;
/* All of a call with one message. */
void rex_run_call(
	struct rex_run *run, const struct rex_stage *stage, const ProtobufCMessage *message);

/* --- the stages --- */

void rex_upload_start(struct rex_run *run); /* then execution, or the update */
void rex_upload_fini(struct rex_run *run);

void rex_execute_start(struct rex_run *run);
/* Nobody wants it any more: a server that was given it is told, and does not wait for us to come back. */
void rex_execute_cancel(struct rex_run *run);
void rex_execute_fini(struct rex_run *run);

/* m lives in the run's arena, and is gone afterwards. */
void rex_fetch_start(struct rex_run *run, const re_action_result *m);
void rex_fetch_fini(struct rex_run *run);

/* The first steps of look-ups and stores; and what comes after the upload. */
void rex_cache_lookup(struct rex_run *run);
void rex_cache_store(struct rex_run *run);
void rex_cache_update(struct rex_run *run);
