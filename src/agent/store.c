/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/rex_record.h"
#include "base/env.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/path.h"
#include "cas/ac.h"
#include "reapi/message.h"

enum { SIZE_MAX_MIB = 1 << 24, ACTIONS_SHARE = 32, MAINTAIN_BUDGET = 2000, MIB = 1 << 20 };

struct store {
	struct cas *cas;
	struct ac *ac;
	uv_work_t maintenance;
	bool maintaining;
};

int store_directory(char *const *envp, char **ret)
{
	const char *own = env_get(envp, "DISTCC_CACHE_DIR");
	const char *cache = env_get(envp, "XDG_CACHE_HOME"), *home = env_get(envp, "HOME");
	int n;

	*ret = NULL;
	if (own && *own == '/')
		n = (*ret = strdup(own)) ? 0 : -1;
	else if (cache && *cache == '/')
		n = asprintf(ret, "%s/distcc", cache);
	else if (home && *home == '/')
		n = asprintf(ret, "%s/.cache/distcc", home);
	else
		return 0;
	if (n < 0)
		*ret = NULL;
	return n < 0 ? -ENOMEM : 0;
}

static int open_in(struct store *s, const char *dir, uint64_t max_bytes)
{
	const struct cas_options o = {.root = dir, .max_bytes = max_bytes};
	int r = fs_mkdirs(dir, 0700);

	if (r == 0)
		r = cas_open(&o, &s->cas);
	if (r == 0)
		r = ac_open(s->cas, max_bytes / ACTIONS_SHARE + MIB, &s->ac);
	return r;
}

int store_open(char *const *envp, struct store **ret)
{
	uint64_t mib = env_u64(envp, "DISTCC_CACHE_SIZE", SIZE_MAX_MIB, STORE_SIZE_DEFAULT_MIB);
	AUTO(util_free) char *dir = NULL;
	struct store *s;
	int r = store_directory(envp, &dir);

	*ret = NULL;
	if (r < 0 || !dir || mib == 0)
		return r;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	r = open_in(s, dir, mib * MIB);
	if (r != 0) {
		/* In use: another agent of this user, in another root or container, has it. */
		log_event(LOG_LEVEL_NOTICE, "no-cache", "%s: %s", dir,
			r > 0 ? cas_outcome_text(r) : strerror(-r));
		store_close(s);
		return 0;
	}
	*ret = s;
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	ac_close(s->ac);
	/* An error means that the next start looks for what is there. */
	(void)!cas_close(s->cas);
	free(s);
}

static struct cas_digest to_cas(const struct reapi_digest *d)
{
	struct cas_digest c = {.size = d->size};

	memcpy(c.hash, d->hash, sizeof(c.hash));
	return c;
}

/* ---- out ---- */

static int read_blob(struct store *s, const re_digest *m, struct buf *ret)
{
	struct reapi_digest d;
	struct cas_digest c;

	if (reapi_digest_from_proto(m, &d, NULL) != 0)
		return STORE_MISS;
	c = to_cas(&d);
	ret->max = REX_OUTPUT_BYTES_MAX;
	return cas_blob_read(s->cas, &c, 0, d.size, ret) == 0 && ret->len == d.size ? 0
										    : STORE_MISS;
}

static int read_stream(
	struct store *s, const re_digest *digest, const ProtobufCBinaryData *raw, struct buf *ret)
{
	return digest ? read_blob(s, digest, ret) : buf_append(ret, raw->data, raw->len);
}

static int read_all(struct store *s, const re_action_result *m, struct rex_result *ret)
{
	int r = read_stream(s, m->stdout_digest, &m->stdout_raw, &ret->out);

	if (r == 0)
		r = read_stream(s, m->stderr_digest, &m->stderr_raw, &ret->err);
	if (r != 0)
		return r;
	if (m->n_output_files > REX_OUTPUTS_MAX)
		return STORE_MISS;
	ret->outputs = calloc(m->n_output_files + 1, sizeof(*ret->outputs));
	if (!ret->outputs)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < m->n_output_files; i++) {
		struct rex_output *o = &ret->outputs[ret->n_outputs++];

		o->path = strdup(m->output_files[i]->path);
		o->executable = m->output_files[i]->is_executable;
		r = o->path ? read_blob(s, m->output_files[i]->digest, &o->data) : -ENOMEM;
	}
	return r;
}

int store_get(struct store *s, const struct reapi_digest *action, struct rex_result *ret)
{
	AUTO(buf_fini) struct buf bytes = BUF_INIT_MAX(AC_RESULT_MAX);
	struct rex_result result = {
		.outcome = REX_DONE, .detail = "", .address = "", .cached = true};
	struct cas_digest key = to_cas(action);
	struct reapi_arena arena;
	re_action_result *m;
	int r = ac_get(s->ac, &key, &bytes);

	if (r != 0)
		return r < 0 ? r : STORE_MISS;
	reapi_arena_init(&arena, reapi_memory_for(bytes.len));
	r = reapi_unpack(&arena, RE_TYPE(action_result), bytes.data, bytes.len, &m, NULL);
	if (r == 0)
		r = read_all(s, m, &result);
	reapi_arena_fini(&arena);
	if (r == 0)
		*ret = result;
	else
		rex_result_fini(&result);
	return r < 0 ? r : r > 0 ? STORE_MISS : 0;
}

/* ---- in ---- */

struct put {
	uv_work_t work;
	struct store *store;
	struct reapi_digest action;
	struct rex_result result;
};

static int put_all(struct put *p, struct rex_record *record)
{
	AUTO(buf_fini) struct buf bytes = BUF_INIT_MAX(AC_RESULT_MAX);
	struct cas_digest refs[REX_RECORD_BLOBS_MAX], key = to_cas(&p->action);
	int r = rex_record_make(&p->result, record);

	for (size_t i = 0; r == 0 && i < record->n_blobs; i++) {
		refs[i] = to_cas(&record->blobs[i].digest);
		r = cas_put_known(p->store->cas, &refs[i], record->blobs[i].data);
	}
	if (r == 0)
		r = reapi_pack(&record->message.base, &bytes);
	return r != 0 ? r
		      : ac_put(p->store->ac, &key, bytes.data, bytes.len, refs, record->n_blobs);
}

static void on_put(uv_work_t *work)
{
	struct put *p = work->data;
	struct rex_record *record = calloc(1, sizeof(*record));
	int r = record ? put_all(p, record) : -ENOMEM;

	if (r != 0)
		log_event(LOG_LEVEL_INFO, "not-kept", "%s",
			r > 0 ? cas_outcome_text(r) : strerror(-r));
	free(record);
}

static void on_put_done(uv_work_t *work, int status)
{
	struct put *p = work->data;

	rex_result_fini(&p->result);
	free(p);
}

void store_put(
	struct store *s, uv_loop_t *loop, const struct reapi_digest *action, struct rex_result *r)
{
	struct put *p = calloc(1, sizeof(*p));

	if (!p)
		return;
	*p = (struct put){.store = s, .action = *action, .result = *r};
	r->outputs = NULL;
	r->n_outputs = 0;
	r->out = r->err = r->lookups.list = (struct buf)BUF_INIT;
	p->work.data = p;
	(void)!uv_queue_work(loop, &p->work, on_put, on_put_done);
}

static void maintain(uv_work_t *work)
{
	struct store *s = work->data;
	bool more;

	/* What fails is tried again the next time. */
	(void)!cas_maintain(s->cas, MAINTAIN_BUDGET, &more);
	(void)!ac_maintain(s->ac);
}

static void on_maintained(uv_work_t *work, int status)
{
	struct store *s = work->data;

	s->maintaining = false;
}

void store_maintain(struct store *s, uv_loop_t *loop)
{
	if (s->maintaining)
		return;
	s->maintenance.data = s;
	s->maintaining = uv_queue_work(loop, &s->maintenance, maintain, on_maintained) == 0;
}
