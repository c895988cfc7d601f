/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * What a job left at a path is what is said of it, whatever the Command called it: a link is told
 * as the link that it is and not followed, what is missing is left out, and so are fifos, sockets
 * and devices, for which the API has no words.
 *
 * Nothing of an ActionResult points to a blob that was not in the store when it was written: each
 * is held by the action's lease from the moment it is there until the answer has been given.
 */

#include "service/results.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "reapi/message.h"
#include "reapi/path.h"
#include "reapi/status.h"
#include "reapi/tree.h"
#include "sandbox/outputs.h"
#include "service/digest.h"
#include "service/operation.h"
#include "service/result.h"

struct collecting {
	struct results *r;
	const struct results_job *job;
	const struct reapi_command *command;
	struct fault *f;
	struct outputs_limits limits;
	struct reapi_tree *tree; /* of the output directory that is being walked */
	bool want_mtime, want_mode;
};

void results_init(struct results *r)
{
	*r = (struct results){.message = RE_INIT(ACTION_RESULT)};
	reapi_arena_init(&r->arena, RESULTS_MEMORY_MAX);
}

void results_fini(struct results *r)
{
	reapi_arena_fini(&r->arena);
	results_init(r);
}

void results_asked_fini(struct results_asked *asked)
{
	strv_fini(&asked->files);
}

void results_ask_files(struct results_asked *asked, char *const *paths, size_t n)
{
	for (size_t i = 0; i < n && asked->files.n < RESULTS_ASKED_MAX; i++)
		if (!strv_has(&asked->files, paths[i]) && strv_push(&asked->files, paths[i]) < 0)
			return;
}

static int no_memory(struct results *r, struct fault *f)
{
	if (!r->arena.exhausted)
		return fault_errno(f, -ENOMEM, "the result");
	return fault_set(f, RPC_RESOURCE_EXHAUSTED, "the result takes more than %d bytes",
		RESULTS_MEMORY_MAX);
}

/* --- into the store --- */

/* It is there: hold it until the answer has been given. */
static int hold(struct collecting *c, const struct cas_digest *d)
{
	int e = cas_lease_add(c->job->inputs->lease, d);

	if (e == CAS_MISSING)
		return fault_set(c->f, RPC_RESOURCE_EXHAUSTED,
			"the store has no room: an output was removed as soon as it was there");
	return e == 0 ? 0 : fault_cas(c->f, e, "an output");
}

static int put_fd(struct collecting *c, int fd, struct reapi_digest *ret)
{
	struct cas_digest d;
	int e = cas_put_fd(c->job->cas, fd, UINT64_MAX, &d);

	if (e != 0)
		return fault_cas(c->f, e, "an output");
	*ret = service_to_reapi(&d);
	return hold(c, &d);
}

static int put_bytes(struct collecting *c, const struct reapi_digest *d, const void *data)
{
	struct cas_digest in_store = service_to_cas(d);
	int e = cas_put(c->job->cas, &in_store, data);

	return e == 0 ? hold(c, &in_store) : fault_cas(c->f, e, "an output directory");
}

/* --- node properties --- */

static bool wants(const struct reapi_command *c, const char *name)
{
	for (char *const *p = c->node_properties; p && *p; p++)
		if (str_eq(*p, name))
			return true;
	return false;
}

static re_node_properties *properties(struct collecting *c, const struct outputs_entry *e)
{
	struct reapi_arena *a = &c->r->arena;
	re_node_properties *p = reapi_arena_alloc(a, sizeof(*p));

	if (!p)
		return NULL;
	*p = (re_node_properties)RE_INIT(NODE_PROPERTIES);
	if (c->want_mtime) {
		p->mtime = reapi_arena_alloc(a, sizeof(*p->mtime));
		if (!p->mtime)
			return NULL;
		*p->mtime = (pb_timestamp)PB_INIT(TIMESTAMP);
		p->mtime->seconds = e->mtime.tv_sec;
		p->mtime->nanos = (int32_t)e->mtime.tv_nsec;
	}
	if (c->want_mode && e->kind != OUTPUTS_SYMLINK) {
		p->unix_mode = reapi_arena_alloc(a, sizeof(*p->unix_mode));
		if (!p->unix_mode)
			return NULL;
		*p->unix_mode = (pb_uint32_value)PB_INIT(UINT32_VALUE);
		p->unix_mode->value = e->mode;
	}
	return p;
}

/* The same, for a tree. */
static struct reapi_props props_of(const struct collecting *c, const struct outputs_entry *e)
{
	return (struct reapi_props){
		.has_mtime = c->want_mtime,
		.has_mode = c->want_mode && e->kind != OUTPUTS_SYMLINK,
		.mode = e->mode,
		.mtime_s = e->mtime.tv_sec,
		.mtime_ns = (uint32_t)e->mtime.tv_nsec,
	};
}

/* --- each output --- */

static int add_file(struct collecting *c, const char *path, struct outputs_entry *e)
{
	struct results *r = c->r;
	re_output_file *m = reapi_arena_alloc(&r->arena, sizeof(*m));
	struct reapi_digest d;
	int error;

	if (!m)
		return no_memory(r, c->f);
	if (e->size > c->limits.bytes)
		return fault_set(c->f, RPC_RESOURCE_EXHAUSTED, "the outputs are too large");
	c->limits.bytes -= e->size;
	error = put_fd(c, e->fd, &d);
	if (error != 0)
		return error;
	*m = (re_output_file)RE_INIT(OUTPUT_FILE);
	m->path = (char *)path;
	m->digest = reapi_digest_new(&r->arena, &d);
	m->is_executable = (e->mode & 0111) != 0;
	if (c->want_mtime || c->want_mode)
		m->node_properties = properties(c, e);
	if (!m->digest || ((c->want_mtime || c->want_mode) && !m->node_properties))
		return no_memory(r, c->f);
	r->message.output_files[r->message.n_output_files++] = m;
	return 0;
}

static int add_symlink(
	struct collecting *c, const struct reapi_output *output, struct outputs_entry *e)
{
	struct results *r = c->r;
	re_output_symlink *m = reapi_arena_alloc(&r->arena, sizeof(*m));
	struct reapi_violation v;
	int error = reapi_target_check(e->target, &v);

	if (error != 0)
		return fault_outcome(c->f, error, "an output that is a link", &v);
	if (!m)
		return no_memory(r, c->f);
	*m = (re_output_symlink)RE_INIT(OUTPUT_SYMLINK);
	m->path = (char *)output->path;
	m->target = reapi_arena_strndup(&r->arena, e->target, strlen(e->target));
	if (c->want_mtime)
		m->node_properties = properties(c, e);
	if (!m->target || (c->want_mtime && !m->node_properties))
		return no_memory(r, c->f);
	if (output->kind == REAPI_OUTPUT_ANY)
		r->message.output_symlinks[r->message.n_output_symlinks++] = m;
	else if (output->kind == REAPI_OUTPUT_FILE)
		r->message.output_file_symlinks[r->message.n_output_file_symlinks++] = m;
	else
		r->message.output_directory_symlinks[r->message.n_output_directory_symlinks++] = m;
	return 0;
}

static int visit(void *ctx, const char *path, struct outputs_entry *e)
{
	struct collecting *c = ctx;
	struct reapi_props props = props_of(c, e);
	struct reapi_violation v;
	struct reapi_digest d;
	int r = 0;

	switch (e->kind) {
	case OUTPUTS_FILE:
		r = put_fd(c, e->fd, &d);
		if (r != 0)
			return r;
		r = reapi_tree_add_file(c->tree, path, &d, (e->mode & 0111) != 0, &props, &v);
		break;
	case OUTPUTS_DIRECTORY:
		r = reapi_tree_add_directory(c->tree, path, &props, &v);
		break;
	case OUTPUTS_SYMLINK:
		r = reapi_tree_add_symlink(c->tree, path, e->target, &props, &v);
		break;
	case OUTPUTS_SPECIAL:
	case OUTPUTS_MISSING:
		break;
	}
	return r == 0 ? 0 : fault_outcome(c->f, r, "an output directory", &v);
}

/* The Directories themselves, for clients that want them beside the Tree or instead of it. */
static int put_directories(struct collecting *c, re_output_directory *m)
{
	const struct reapi_tree_blob *blobs;
	size_t n;
	int r = 0;

	blobs = reapi_tree_blobs(c->tree, &n);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = put_bytes(c, &blobs[i].digest, blobs[i].data);
	m->root_directory_digest = reapi_digest_new(&c->r->arena, reapi_tree_root(c->tree));
	return r != 0 ? r : m->root_directory_digest ? 0 : no_memory(c->r, c->f);
}

static int put_tree(struct collecting *c, re_output_directory *m)
{
	AUTO(buf_fini) struct buf bytes = BUF_INIT_MAX(REAPI_MESSAGE_MAX);
	struct reapi_digest d;
	int r = reapi_tree_message(c->tree, &bytes);

	if (r == 0)
		r = reapi_digest_of(buf_str(&bytes), bytes.len, &d);
	if (r != 0)
		return fault_errno(c->f, r, "an output directory");
	m->tree_digest = reapi_digest_new(&c->r->arena, &d);
	m->is_topologically_sorted = true;
	if (!m->tree_digest)
		return no_memory(c->r, c->f);
	return put_bytes(c, &d, buf_str(&bytes));
}

static int walk_directory(struct collecting *c, struct outputs_entry *e)
{
	struct reapi_props props = props_of(c, e);
	struct reapi_violation v;
	int r = 0;

	if (c->want_mtime || c->want_mode)
		r = reapi_tree_add_directory(c->tree, "", &props, &v);
	if (r != 0)
		return fault_outcome(c->f, r, "an output directory", &v);
	r = outputs_walk(e->fd, &c->limits, visit, c);
	if (r == -E2BIG)
		return fault_set(c->f, RPC_RESOURCE_EXHAUSTED,
			"the outputs are too large, too many or too deep");
	if (r != 0)
		return r < 0 ? fault_errno(c->f, r, "an output directory") : r;
	r = reapi_tree_finish(c->tree, &v);
	return r == 0 ? 0 : fault_outcome(c->f, r, "an output directory", &v);
}

static int add_directory(struct collecting *c, const char *path, struct outputs_entry *e)
{
	struct results *r = c->r;
	int format = c->command->directory_format, error;
	re_output_directory *m = reapi_arena_alloc(&r->arena, sizeof(*m));

	if (!m)
		return no_memory(r, c->f);
	*m = (re_output_directory)RE_INIT(OUTPUT_DIRECTORY);
	m->path = (char *)path;
	if (c->tree ? reapi_tree_reset(c->tree) < 0 : reapi_tree_new(&c->tree) < 0)
		return fault_errno(c->f, -ENOMEM, "an output directory");
	error = walk_directory(c, e);
	if (error == 0 && format != RE_ENUM(COMMAND__OUTPUT_DIRECTORY_FORMAT__DIRECTORY_ONLY))
		error = put_tree(c, m);
	if (error == 0 && format != RE_ENUM(COMMAND__OUTPUT_DIRECTORY_FORMAT__TREE_ONLY))
		error = put_directories(c, m);
	if (error == 0)
		r->message.output_directories[r->message.n_output_directories++] = m;
	return error;
}

static int add_output(struct collecting *c, const struct reapi_output *output)
{
	AUTO(outputs_entry_fini) struct outputs_entry e = OUTPUTS_ENTRY_INIT;
	const char *path = inputs_path(c->job->inputs, output->path);
	const char *kept = reapi_arena_strndup(&c->r->arena, output->path, strlen(output->path));
	const struct reapi_output named = {.kind = output->kind, .path = kept};
	int r;

	if (!path || !kept)
		return no_memory(c->r, c->f);
	r = outputs_open(c->job->tree_fd, path, &e);
	/* Below a link: nothing that is known to be the job's own. */
	if (r == -ELOOP)
		return 0;
	if (r < 0)
		return fault_errno(c->f, r, "an output");
	switch (e.kind) {
	case OUTPUTS_FILE:
		return add_file(c, kept, &e);
	case OUTPUTS_DIRECTORY:
		return add_directory(c, kept, &e);
	case OUTPUTS_SYMLINK:
		return add_symlink(c, &named, &e);
	default:
		return 0;
	}
}

/* Room for as many of each kind as there are outputs. */
static int reserve(struct collecting *c)
{
	re_action_result *m = &c->r->message;
	struct reapi_arena *a = &c->r->arena;
	size_t n = c->command->n_outputs;

	m->output_files = reapi_arena_calloc(a, n, sizeof(*m->output_files));
	m->output_directories = reapi_arena_calloc(a, n, sizeof(*m->output_directories));
	m->output_symlinks = reapi_arena_calloc(a, n, sizeof(*m->output_symlinks));
	m->output_file_symlinks = reapi_arena_calloc(a, n, sizeof(*m->output_file_symlinks));
	m->output_directory_symlinks =
		reapi_arena_calloc(a, n, sizeof(*m->output_directory_symlinks));
	if (!m->output_files || !m->output_directories || !m->output_symlinks ||
		!m->output_file_symlinks || !m->output_directory_symlinks)
		return no_memory(c->r, c->f);
	return 0;
}

/* --- what it said --- */

static int add_text(struct collecting *c, int fd, ProtobufCBinaryData *raw, re_digest **ret_digest)
{
	struct results *r = c->r;
	struct reapi_digest d;
	struct stat st;
	int error;

	if (fd < 0)
		return 0;
	if (fstat(fd, &st) < 0)
		return fault_errno(c->f, errno, "the job's output");
	if (st.st_size > RESULTS_SMALL) {
		error = put_fd(c, fd, &d);
		*ret_digest = error == 0 ? reapi_digest_new(&r->arena, &d) : NULL;
		return error != 0 ? error : *ret_digest ? 0 : no_memory(r, c->f);
	}
	raw->data = reapi_arena_alloc(&r->arena, (size_t)st.st_size);
	if (!raw->data)
		return no_memory(r, c->f);
	while (raw->len < (size_t)st.st_size) {
		ssize_t n = pread(
			fd, raw->data + raw->len, (size_t)st.st_size - raw->len, (off_t)raw->len);

		if (n <= 0)
			return fault_errno(c->f, n < 0 ? errno : EIO, "the job's output");
		raw->len += (size_t)n;
	}
	return 0;
}

int results_collect(struct results *r, const struct results_job *job, struct fault *f)
{
	const struct reapi_command *command = &job->inputs->command;
	struct collecting c = {.r = r,
		.job = job,
		.command = command,
		.f = f,
		.limits = OUTPUTS_LIMITS_DEFAULT,
		.want_mtime = wants(command, "mtime"),
		.want_mode = wants(command, "unix_mode")};
	int e = add_text(&c, job->out_fd, &r->message.stdout_raw, &r->message.stdout_digest);

	if (job->output_bytes > 0)
		c.limits.bytes = job->output_bytes;
	r->message.exit_code = job->exit_code;
	if (e == 0)
		e = add_text(&c, job->err_fd, &r->message.stderr_raw, &r->message.stderr_digest);
	if (e == 0 && job->tree_fd >= 0) {
		e = reserve(&c);
		for (size_t i = 0; e == 0 && i < command->n_outputs; i++)
			e = add_output(&c, &command->outputs[i]);
	}
	reapi_tree_free(c.tree);
	return e;
}

/* --- answers --- */

void results_inline(struct results *r, struct cas *cas, const struct results_asked *asked)
{
	const struct service_inline want = {.out = asked->out,
		.err = asked->err,
		.files = asked->files.v,
		.n_files = asked->files.n};

	service_result_inline(cas, &want, &r->arena, &r->message);
}

static struct operation_answer *pack(const re_execute_response *m)
{
	size_t n = protobuf_c_message_get_packed_size(&m->base);
	struct operation_answer *a = operation_answer_new(n);

	if (a)
		protobuf_c_message_pack(&m->base, a->data);
	return a;
}

struct operation_answer *results_answer(const struct results_answer *from)
{
	AUTO(reapi_arena_fini) struct reapi_arena arena;
	re_execute_response m = RE_INIT(EXECUTE_RESPONSE);
	struct fault too_large = {.status = RPC_OK};

	reapi_arena_init(&arena, RESULTS_ANSWER_MAX);
	if (from->fault && from->fault->status != RPC_OK) {
		m.status = fault_status(from->fault, &arena);
		if (!m.status)
			return NULL;
	}
	if (from->results)
		m.result = &from->results->message;
	m.cached_result = from->cached;
	if (from->message)
		m.message = (char *)from->message;
	if (protobuf_c_message_get_packed_size(&m.base) <= RESULTS_ANSWER_MAX)
		return pack(&m);
	fault_set(&too_large, RPC_RESOURCE_EXHAUSTED, "the result is larger than %d bytes",
		RESULTS_ANSWER_MAX);
	m = (re_execute_response)RE_INIT(EXECUTE_RESPONSE);
	m.status = fault_status(&too_large, &arena);
	return m.status ? pack(&m) : NULL;
}
