/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <uv.h>

#include "agent/rex_secrets.h"
#include "base/buf.h"
#include "net/dial.h"
#include "reapi/digest.h"
#include "reapi/lookups.h"

/*
 * A client of one Remote Execution server: one connection, shared by all its runs, made when it is
 * first needed and made anew when it broke.
 *
 * A run is one action brought to its result: what the server lacks of the blobs is uploaded
 * (FindMissingBlobs, then BatchUpdateBlobs or ByteStream.Write), it is executed (Execute), and its
 * outputs are fetched (inline, or BatchReadBlobs or ByteStream.Read). Blobs that the server has said
 * it has are remembered, and not asked for again; when it turns out that it has them no more
 * (FAILED_PRECONDITION with violations), all is asked once more.
 *
 * A run may also only ask the server's action cache for a result (one call, and the outputs that did
 * not come with it), or put one there.
 *
 * What the server says is checked: digests of what was downloaded, sizes against limits.
 */

enum {
	REX_OUTPUTS_MAX = 64,           /* of one action */
	REX_OUTPUT_BYTES_MAX = 1 << 30, /* of all of them, and stdout and stderr */
	REX_DETAIL_MAX = 512,
};

enum rex_outcome {
	REX_DONE,       /* there is a result, whatever its exit code; or it was put there */
	REX_MISSING,    /* of a look-up: no result, or one whose blobs are gone */
	REX_UNRESOLVED, /* its name is not known */
	REX_REFUSED,    /* nobody listens */
	REX_CONNECT_TIMEOUT,
	REX_UNREACHABLE,
	REX_NOT_GRPC,   /* closed at once, or answered in another protocol: an old distccd */
	REX_DROPPED,    /* the connection broke */
	REX_TIMEOUT,    /* nothing moved for the I/O time-out, or a PING was not answered */
	REX_NOT_SERVED, /* UNIMPLEMENTED, no Execution, no updates, or the wrong digest function */
	REX_OTHER_ROOT, /* what it executes has another root directory than its input root */
	REX_DENIED,     /* UNAUTHENTICATED, PERMISSION_DENIED */
	REX_SECRETS,    /* our certificate, key or token cannot be used: detail names the file */
	REX_TLS,        /* no TLS was agreed on; its certificate is not to be trusted */
	REX_BUSY,       /* RESOURCE_EXHAUSTED, UNAVAILABLE: another time, or elsewhere */
	REX_FAILED,     /* any other status, a file that changed, no memory: detail has it */
	REX_GARBAGE,    /* not what the API says, or bytes that are not those of their digest */
};

const char *rex_outcome_name(enum rex_outcome o); /* stable, kebab-case: "rex-dropped", … */
const char *rex_outcome_text(enum rex_outcome o); /* for people */

struct rex;

struct rex_options {
	const char *host; /* name or number; copied */
	uint16_t port;
	const char *instance; /* "": none */
	/* Execute nothing before the server has proved that its input root is the root directory. */
	bool prove_root;
	bool cache_only;                /* it need not execute, and is not asked to */
	bool tls;                       /* the server's certificate must be for host */
	struct rex_secrets_files files; /* copied; read for each connection, see rex_secrets.h */
	uint64_t resolve_ms, connect_ms, io_ms;
};

/* Nothing is connected yet. -ENOMEM; -EINVAL: too long a name. */
int rex_new(uv_loop_t *loop, const struct rex_options *o, struct rex **ret) MUST_CHECK;
/* No run may be left. Its handles close in the loop's next turns; the memory goes with them. */
void rex_free(struct rex *r);

/*
 * One blob that the action needs: in memory (data), or what is in a file (path). A file that is no
 * longer what its digest says ends the run: REX_FAILED, detail "PATH changed".
 */
struct rex_blob {
	struct reapi_digest digest;
	const void *data;
	const char *path; /* absolute; read when it has to be uploaded, in pieces */
};

struct rex_record;

enum rex_kind { REX_EXECUTE, REX_LOOKUP, REX_STORE };

struct rex_params {
	enum rex_kind kind;
	struct reapi_digest action;
	/* The Action, its Command, all Directories, all files; REX_LOOKUP: none; REX_STORE: those of
	 * the record. */
	const struct rex_blob *blobs;
	size_t n_blobs; /* all of it stays where it is until done, or cancel */
	/* Those of the Command. Only these may be in the result, each of them a file, none twice. */
	const char *const *outputs;
	size_t n_outputs;
	bool skip_cache;                 /* skip_cache_lookup */
	const struct rex_record *record; /* REX_STORE: what is put there; as blobs */
	bool lookups;                    /* let it tell what was looked for in vain */
};

struct rex_output {
	char *path; /* as in the Command, relative to its working directory */
	struct buf data;
	bool executable;
	bool has_digest; /* of data; it was made from it, when that arrived */
	struct reapi_digest digest;
};

struct rex_result {
	enum rex_outcome outcome;
	const char *detail;  /* the server's words or ours, printable; "" if there are none */
	const char *address; /* numeric, "" if not known */
	uint64_t bytes_up, bytes_down; /* of messages, and the blobs in them */
	/* From here on with REX_DONE only. */
	bool cached; /* the server ran nothing */
	int exit_code;
	struct buf out, err; /* these, and data of outputs, may be taken (buf_take) */
	struct rex_output *outputs;
	size_t n_outputs;
	uint64_t queued_ms, run_ms; /* by the server's own metadata; 0 if it gave none */
	bool looked;                /* it was asked to, and has told what was looked for in vain: */
	struct reapi_lookups lookups;
};

/* Frees what out, err and outputs still have. */
void rex_result_fini(struct rex_result *r);

struct rex_run;
typedef void (*rex_done_fn)(void *data, struct rex_result *result);

/*
 * done is called exactly once, from the loop, never from inside; not at all after rex_cancel. It may
 * start and cancel other runs, and free r where none is left. result is valid during the call.
 * -EINVAL: more than REX_OUTPUTS_MAX outputs; -ENOMEM.
 */
int rex_start(struct rex *r, const struct rex_params *p, rex_done_fn done, void *data,
	struct rex_run **ret) MUST_CHECK;
/* Has the server a result for it, so that it is only being fetched? */
bool rex_run_found(const struct rex_run *run);
/* The server is told (the operation is cancelled, so that it kills the job). After done: do not. */
void rex_cancel(struct rex_run *run);
