/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "service/bytestream.h"

#include <string.h>

#include "service/digest.h"

/* ByteStream: names, and what can be said of an upload. Streams are in read.c and write.c. */

static enum rpc_status check_instance(
	const struct service *s, const struct reapi_resource *name, struct reapi_violation *v)
{
	char text[REAPI_INSTANCE_MAX + 1];

	if (name->instance_len >= sizeof(text)) {
		snprintf(v->text, sizeof(v->text), "the instance name is too long");
		return RPC_INVALID_ARGUMENT;
	}
	snprintf(text, sizeof(text), "%.*s", (int)name->instance_len,
		name->instance ? name->instance : "");
	return service_instance_status(s, text, v);
}

static int write_key(struct reapi_resource *name, struct service_resource *ret)
{
	AUTO(buf_fini) struct buf b = BUF_INIT_MAX(CAS_UPLOAD_KEY_MAX);
	int e;

	name->metadata = NULL;
	name->metadata_len = 0;
	e = reapi_resource_write(name, &b);
	if (e == 0)
		memcpy(ret->key, buf_str(&b), b.len + 1);
	return e;
}

enum rpc_status service_resource_parse(const struct service *s, const char *text,
	enum reapi_resource_kind kind, struct service_resource *ret, struct reapi_violation *v)
{
	struct reapi_resource name;
	enum rpc_status status;
	int e = reapi_resource_parse(text, kind, &name, v);

	if (e != 0)
		return service_outcome_status(e, v);
	status = check_instance(s, &name, v);
	if (status != RPC_OK)
		return status;
	if (name.compressor != REAPI_IDENTITY && name.compressor != REAPI_ZSTD) {
		snprintf(v->text, sizeof(v->text),
			"blobs are given and taken as they are, or as zstd, not as %s",
			reapi_compressor_name((int)name.compressor));
		return RPC_INVALID_ARGUMENT;
	}
	ret->digest = service_to_cas(&name.digest);
	ret->zstd = name.compressor == REAPI_ZSTD;
	*ret->key = '\0';
	e = kind == REAPI_RESOURCE_WRITE ? write_key(&name, ret) : 0;
	return e == 0 ? RPC_OK : service_outcome_status(e, v);
}

/* --- QueryWriteStatus --- */

struct query {
	struct service_resource resource;
	uint64_t committed;
	bool complete;
	int outcome;
};

/*
 * An upload that nobody knows stands at 0, rather than NOT_FOUND: after a restart a client that
 * stood elsewhere has to learn that all is lost, and some go on from where they were.
 */
static void query_work(struct service_request *r)
{
	struct query *q = r->state;

	q->outcome = cas_has(r->service->cas, &q->resource.digest);
	q->complete = q->outcome == 0;
	if (q->complete)
		q->committed = q->resource.digest.size;
	else if (q->outcome == CAS_MISSING)
		q->outcome =
			cas_upload_query(r->service->cas, r->owner, q->resource.key, &q->committed);
	if (q->outcome == CAS_MISSING)
		q->outcome = 0;
}

static void query_done(struct service_request *r)
{
	bs_query_write_status_response a = BS_INIT(QUERY_WRITE_STATUS_RESPONSE);
	const struct query *q = r->state;

	if (q->outcome != 0) {
		service_fail_cas(r, q->outcome, "upload");
		return;
	}
	a.committed_size = (int64_t)q->committed;
	a.complete = q->complete;
	service_reply(r, &a.base);
}

static void query_run(struct service_request *r, const void *message)
{
	const bs_query_write_status_request *m = message;
	struct query *q = reapi_arena_calloc(&r->arena, 1, sizeof(*q));
	enum rpc_status status;

	if (!q) {
		service_fail(r, RPC_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
	status = service_resource_parse(
		r->service, m->resource_name, REAPI_RESOURCE_WRITE, &q->resource, &r->violation);
	if (status != RPC_OK) {
		service_fail(r, status, r->violation.text);
		return;
	}
	r->state = q;
	service_offload(r, query_work, query_done);
}

#define BYTESTREAM "/google.bytestream.ByteStream/"

const struct service_method service_bytestream_methods[] = {
	{BYTESTREAM "Read", &service_read_handler, NULL, NULL},
	{BYTESTREAM "Write", &service_write_handler, NULL, NULL},
	{BYTESTREAM "QueryWriteStatus", &service_unary, BS_TYPE(query_write_status_request),
		query_run},
	{0},
};
