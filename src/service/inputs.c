/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Reading goes on after the first blob that is missing, so that a client learns of all of them at
 * once. What is read is held in the store by the lease from then on, however long the action waits
 * for its turn.
 *
 * Paths are made once, each from its parent's, and an index of them in order answers what a path
 * is: the directories for outputs are only made where nothing of the tree is in the way.
 */

#include "service/inputs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "reapi/path.h"
#include "sandbox/inputroot.h"
#include "sandbox/relpath.h"
#include "service/digest.h"

enum { MODE_PLAIN = 0444, MODE_EXECUTABLE = 0555 };

void inputs_init(struct inputs *in)
{
	*in = (struct inputs){.lease = NULL};
	reapi_arena_init(&in->arena, INPUTS_MEMORY_MAX);
}

void inputs_fini(struct inputs *in)
{
	cas_lease_free(in->lease);
	reapi_plan_fini(&in->plan);
	reapi_arena_fini(&in->arena);
	free(in->by_path);
	inputs_init(in);
}

static int no_memory(struct inputs *in, struct fault *f)
{
	if (!in->arena.exhausted)
		return fault_errno(f, -ENOMEM, "the action");
	return fault_set(f, RPC_INVALID_ARGUMENT,
		"the action's command and paths take more than %d bytes", INPUTS_MEMORY_MAX);
}

int inputs_blob(struct cas *cas, const struct reapi_digest *d, const char *what, struct buf *ret,
	struct fault *f)
{
	struct cas_digest c = service_to_cas(d);
	int r;

	if (d->size > INPUTS_MESSAGE_MAX)
		return fault_set(f, RPC_INVALID_ARGUMENT, "%s is larger than %d bytes", what,
			INPUTS_MESSAGE_MAX);
	r = cas_blob_read(cas, &c, 0, d->size, ret);
	if (r == CAS_MISSING)
		return fault_missing(f, d);
	return r == 0 ? 0 : fault_cas(f, r, what);
}

/* --- reading --- */

static int read_command(
	struct inputs *in, struct cas *cas, const struct reapi_action *action, struct fault *f)
{
	AUTO(buf_fini) struct buf bytes = BUF_INIT_MAX(INPUTS_MESSAGE_MAX);
	struct reapi_violation v;
	int r = inputs_blob(cas, &action->command, "the command", &bytes, f);

	if (r != 0)
		return r;
	r = reapi_command_parse(&in->arena, buf_str(&bytes), bytes.len, &in->command, &v);
	return r == 0 ? 0 : fault_outcome(f, r, "the command", &v);
}

struct directories {
	struct cas *cas;
	struct buf bytes;
	int error; /* CAS_* beside CAS_MISSING */
};

static int get_directory(void *data, const struct reapi_digest *d, struct reapi_plan_bytes *ret)
{
	struct directories *dirs = data;
	struct cas_digest c = service_to_cas(d);
	int r;

	buf_clear(&dirs->bytes);
	r = cas_blob_read(dirs->cas, &c, 0, d->size, &dirs->bytes);
	if (r == CAS_MISSING)
		return REAPI_MISSING;
	if (r > 0)
		dirs->error = r;
	*ret = (struct reapi_plan_bytes){buf_str(&dirs->bytes), dirs->bytes.len};
	return r > 0 ? -EIO : r;
}

static int read_tree(
	struct inputs *in, struct cas *cas, const struct reapi_digest *root, struct fault *f)
{
	struct directories dirs = {.cas = cas, .bytes = BUF_INIT};
	struct reapi_plan_limits limits = reapi_plan_limits_default;
	struct reapi_violation v;
	int r;

	limits.entries = INPUTS_ENTRIES_MAX;
	r = reapi_plan_walk(root, get_directory, &dirs, &limits, &in->plan, &v);
	buf_fini(&dirs.bytes);
	if (dirs.error != 0)
		return fault_cas(f, dirs.error, "a directory of the input root");
	if (r == REAPI_MISSING) {
		for (size_t i = 0; i < in->plan.n_missing; i++)
			fault_missing(f, &in->plan.missing[i]);
		return 0;
	}
	return r == 0 ? 0 : fault_outcome(f, r, "the input root", &v);
}

static int hold_files(struct inputs *in, struct cas *cas, struct fault *f)
{
	int r = cas_lease_new(cas, &in->lease);

	for (size_t i = 0; r == 0 && i < in->plan.n; i++) {
		struct cas_digest c = service_to_cas(&in->plan.entries[i].digest);

		if (in->plan.entries[i].kind != REAPI_PLAN_FILE)
			continue;
		r = cas_lease_add(in->lease, &c);
		if (r == CAS_MISSING) {
			fault_missing(f, &in->plan.entries[i].digest);
			r = 0;
		}
	}
	return r == 0 ? 0 : fault_cas(f, r, "the inputs");
}

/* The first n bytes of above, and name below them. */
static const char *join_n(struct inputs *in, const char *above, size_t n, const char *name)
{
	size_t m = strlen(name);
	char *path;

	if (n == 0)
		return name;
	path = reapi_arena_alloc(&in->arena, n + m + 2);
	if (!path)
		return NULL;
	memcpy(path, above, n);
	path[n] = '/';
	memcpy(path + n + 1, name, m + 1);
	return path;
}

static const char *join(struct inputs *in, const char *above, const char *name)
{
	return join_n(in, above, strlen(above), name);
}

static int compare_entries(const void *a, const void *b, void *paths)
{
	const char *const *p = paths;

	return strcmp(p[*(const uint32_t *)a], p[*(const uint32_t *)b]);
}

static int make_paths(struct inputs *in, struct fault *f)
{
	size_t n = in->plan.n;

	in->paths = reapi_arena_calloc(&in->arena, n, sizeof(*in->paths));
	in->by_path = calloc(n, sizeof(*in->by_path));
	if (!in->paths || !in->by_path)
		return no_memory(in, f);
	for (size_t i = 0; i < n; i++) {
		const struct reapi_plan_entry *e = &in->plan.entries[i];

		in->paths[i] = i == 0 ? "" : join(in, in->paths[e->parent], e->name);
		in->by_path[i] = (uint32_t)i;
		if (!in->paths[i])
			return no_memory(in, f);
		if (i > 0 && !relpath_is_valid(in->paths[i]))
			return fault_set(f, RPC_INVALID_ARGUMENT,
				"a path of the input root is too long or too deep: %.100s...",
				in->paths[i]);
	}
	qsort_r(in->by_path, n, sizeof(*in->by_path), compare_entries, in->paths);
	return 0;
}

static int check_working_directory(const struct inputs *in, struct fault *f)
{
	const char *dir = in->command.working_directory;

	switch (inputs_find(in, dir)) {
	case INPUTS_NONE:
	case INPUTS_FILE:
		return fault_set(f, RPC_INVALID_ARGUMENT,
			"the working directory is not in the input root: %.400s", dir);
	default: /* where links lead shows when the job is there */
		return 0;
	}
}

int inputs_read(
	struct inputs *in, struct cas *cas, const struct reapi_action *action, struct fault *f)
{
	int r = read_command(in, cas, action, f);

	if (r != 0 && f->n_missing == 0)
		return r;
	r = read_tree(in, cas, &action->input_root, f);
	if (r == 0)
		r = hold_files(in, cas, f);
	if (r == 0 && f->status == RPC_OK)
		r = make_paths(in, f);
	if (r == 0 && f->status == RPC_OK)
		r = check_working_directory(in, f);
	return f->status == RPC_OK ? r : FAULT;
}

/* --- paths --- */

static const struct reapi_plan_entry *lookup(const struct inputs *in, const char *path, size_t n)
{
	size_t low = 0, high = in->plan.n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const char *at = in->paths[in->by_path[mid]];
		int c = strncmp(at, path, n);

		if (c == 0 && at[n] == '\0')
			return &in->plan.entries[in->by_path[mid]];
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

enum inputs_kind inputs_find(const struct inputs *in, const char *path)
{
	static const enum inputs_kind kinds[] = {
		[REAPI_PLAN_DIRECTORY] = INPUTS_DIRECTORY,
		[REAPI_PLAN_FILE] = INPUTS_FILE,
		[REAPI_PLAN_SYMLINK] = INPUTS_SYMLINK,
	};

	for (size_t n = 0; path[n];) {
		const struct reapi_plan_entry *e;

		n += path[n] == '/';
		n += strcspn(path + n, "/");
		e = lookup(in, path, n);
		if (!e)
			return INPUTS_NONE;
		if (path[n] == '\0')
			return kinds[e->kind];
		if (e->kind != REAPI_PLAN_DIRECTORY)
			return INPUTS_BEHIND;
	}
	return INPUTS_DIRECTORY;
}

const char *inputs_path(struct inputs *in, const char *path)
{
	size_t kept;
	const char *name = reapi_output_split(in->command.working_directory, path, &kept);

	return join_n(in, in->command.working_directory, kept, name);
}

/* --- building --- */

static int place(
	void *ctx, const struct inputroot_entry *entry, int dir_fd, const char *name, bool own)
{
	struct inputs *in = ctx;
	const struct reapi_plan_entry *e = entry->blob;
	struct cas_digest c = service_to_cas(&e->digest);
	unsigned flags = entry->executable ? CAS_EXECUTABLE : 0;
	bool link = !own && !entry->has_mtime;
	int r;

	if (entry->has_mode)
		link = link &&
		       entry->mode == (mode_t)(entry->executable ? MODE_EXECUTABLE : MODE_PLAIN);
	r = cas_materialise(in->lease, &c, dir_fd, name, flags | (link ? CAS_LINK : 0), NULL);
	if (r == CAS_NO_SPACE)
		return -ENOSPC;
	if (r != 0)
		return r < 0 ? r : -EIO; /* it is held, so it is not missing */
	return link ? 0 : INPUTROOT_OWNED;
}

static void fill_entry(const struct inputs *in, size_t i, struct inputroot_entry *ret)
{
	static const enum inputroot_kind kinds[] = {
		[REAPI_PLAN_DIRECTORY] = INPUTROOT_DIRECTORY,
		[REAPI_PLAN_FILE] = INPUTROOT_FILE,
		[REAPI_PLAN_SYMLINK] = INPUTROOT_SYMLINK,
	};
	const struct reapi_plan_entry *e = &in->plan.entries[i];

	*ret = (struct inputroot_entry){
		.path = in->paths[i],
		.kind = kinds[e->kind],
		.executable = e->executable,
		.has_mtime = e->props.has_mtime,
		.has_mode = e->props.has_mode && e->kind != REAPI_PLAN_SYMLINK,
		.mtime = {.tv_sec = e->props.mtime_s, .tv_nsec = e->props.mtime_ns},
		.mode = e->props.mode,
		.target = e->target,
		.digest = e->digest.hash,
		.blob = e,
	};
}

/* Directories that lead to outputs, where nothing else is in the way. */
static int find_parents(struct inputs *in, const char ***ret, size_t *ret_n, struct fault *f)
{
	const struct reapi_command *c = &in->command;
	const char **parents = reapi_arena_calloc(&in->arena, c->n_outputs, sizeof(*parents));
	const char *last = "";
	size_t n = 0;

	if (!parents)
		return no_memory(in, f);
	for (size_t i = 0; i < c->n_outputs; i++) {
		const char *path = inputs_path(in, c->outputs[i].path), *slash;
		char *parent;

		if (!path)
			return no_memory(in, f);
		slash = strrchr(path, '/');
		if (!slash)
			continue;
		parent = reapi_arena_strndup(&in->arena, path, (size_t)(slash - path));
		if (!parent)
			return no_memory(in, f);
		if (!relpath_is_valid(parent))
			return fault_set(f, RPC_INVALID_ARGUMENT,
				"the path of an output is too long or too deep: %.100s...", parent);
		if (!str_eq(parent, last) && inputs_find(in, parent) == INPUTS_NONE)
			parents[n++] = parent;
		last = parent;
	}
	*ret = parents;
	*ret_n = n;
	return 0;
}

int inputs_build(struct inputs *in, const struct inputs_place *at, struct fault *f)
{
	size_t n = in->plan.n - 1, n_parents = 0;
	AUTO(util_free) struct inputroot_entry *entries = calloc(n + 1, sizeof(*entries));
	const struct inputroot_source source = {.place = place, .ctx = in};
	const struct inputroot_options options = {
		.uid = at->uid, .gid = at->gid, .all_own = at->private};
	const char **parents = NULL;
	int r;

	if (!entries)
		return fault_errno(f, -ENOMEM, "the input root");
	r = find_parents(in, &parents, &n_parents, f);
	if (r != 0)
		return r;
	for (size_t i = 0; i < n; i++)
		fill_entry(in, i + 1, &entries[i]);
	r = inputroot_build(
		at->dir_fd, at->name, entries, n, parents, n_parents, &source, &options, NULL);
	if (r == -EINVAL)
		return fault_set(f, RPC_INVALID_ARGUMENT,
			"the input root, or the path of an output, cannot be made");
	return r == 0 ? 0 : fault_errno(f, r, "the input root");
}

int inputs_verify(struct inputs *in, struct fault *f)
{
	size_t altered;
	int r = cas_lease_verify(in->lease, &altered);

	if (r == CAS_ALTERED)
		return fault_set(f, RPC_ABORTED,
			"%zu inputs were written to: the result is not to be trusted", altered);
	return r == 0 ? 0 : fault_cas(f, r, "the inputs");
}
