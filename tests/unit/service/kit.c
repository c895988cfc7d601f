/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reapi/message.h"

static void require(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "kit: %s\n", what);
	abort();
}

static void connect_again(struct kit *k)
{
	require(service_client_init(&k->binding, &k->service, 7) == 0, "service_client_init");
	require(rpc_server_new(k->binding.methods, k->binding.n_methods, NULL, NULL, k->now_ms,
			&k->server) == 0,
		"rpc_server_new");
	require(rpc_client_new(NULL, NULL, k->now_ms, &k->client) == 0, "rpc_client_new");
	/* Its settings are known when the test begins. */
	kit_carry(k);
}

static void disconnect(struct kit *k)
{
	rpc_session_free(TAKE_PTR(k->client));
	rpc_session_free(TAKE_PTR(k->server));
	service_client_fini(&k->binding);
}

void kit_start(struct kit *k, const struct kit_options *o)
{
	static const struct kit_options none;
	struct cas_options store = {.max_bytes = 256 << 20};

	o = o ? o : &none;
	*k = (struct kit){.now_ms = 1000};
	kit_root_make(&k->root);
	store.root = k->root.path;
	if (o->store_bytes)
		store.max_bytes = o->store_bytes;
	store.owner_bytes = o->owner_bytes;
	store.max_blob = o->max_blob;
	require(uv_loop_init(&k->loop) == 0, "uv_loop_init");
	k->service = (struct service){.loop = &k->loop, .serving = true, .instance = o->instance};
	require(cas_open(&store, &k->service.cas) == 0, "cas_open");
	require(ac_open(k->service.cas, 64 << 20, &k->service.ac) == 0, "ac_open");
	connect_again(k);
}

void kit_stop(struct kit *k)
{
	disconnect(k);
	while (k->service.n_offloaded > 0)
		uv_run(&k->loop, UV_RUN_ONCE);
	ac_close(k->service.ac);
	require(cas_close(k->service.cas) == 0, "cas_close");
	require(uv_loop_close(&k->loop) == 0, "uv_loop_close");
	kit_root_remove(&k->root);
}

void kit_reconnect(struct kit *k)
{
	disconnect(k);
	connect_again(k);
}

/* --- joining --- */

static bool carry(struct kit *k, struct rpc_session *from, struct rpc_session *to)
{
	const void *data;
	char *copy;
	size_t n;

	if (rpc_session_output(from, k->now_ms, &data, &n) < 0 || n == 0)
		return false;
	copy = malloc(n);
	require(copy, "malloc");
	memcpy(copy, data, n);
	rpc_session_consumed(from, n);
	require(rpc_session_feed(to, copy, n, k->now_ms) == 0, "rpc_session_feed");
	free(copy);
	return true;
}

static bool carry_both(struct kit *k)
{
	bool any = rpc_session_wants_read(k->server) && carry(k, k->client, k->server);

	return (!k->deaf && carry(k, k->server, k->client)) || any;
}

void kit_carry(struct kit *k)
{
	while (carry_both(k))
		;
}

/* One thing. False: nothing is left to happen. */
static bool step(struct kit *k)
{
	if (carry_both(k))
		return true;
	if (k->service.n_offloaded == 0)
		return false;
	uv_run(&k->loop, UV_RUN_ONCE);
	return true;
}

void kit_settle_all(struct kit *k)
{
	while (step(k))
		;
}

/* --- calls --- */

static void on_message(struct rpc_call *call, struct buf *message, void *data)
{
	struct kit_call *c = data;

	require(c->n < KIT_MESSAGES_MAX, "too many messages");
	c->messages[c->n++] = *message;
	*message = (struct buf){.max = message->max};
}

static void on_writable(struct rpc_call *call, void *data)
{
	((struct kit_call *)data)->writable = true;
}

static void on_end(struct rpc_call *call, const struct rpc_end *end, void *data)
{
	struct kit_call *c = data;

	c->call = NULL;
	c->ended = true;
	c->status = end->status;
	snprintf(c->text, sizeof(c->text), "%s", end->message);
	require(buf_append(&c->details, end->details, end->details_len) == 0, "buf_append");
}

static const struct rpc_handler handler = {
	.on_message = on_message, .on_writable = on_writable, .on_end = on_end};

void kit_call_start(struct kit *k, const char *method, struct kit_call *ret)
{
	struct rpc_call_params p = {.path = method,
		.authority = "localhost",
		.deadline_ms = RPC_NEVER,
		.handler = &handler,
		.data = ret};

	*ret = (struct kit_call){.writable = true};
	ret->messages = calloc(KIT_MESSAGES_MAX, sizeof(*ret->messages));
	require(ret->messages, "calloc");
	require(rpc_client_call(k->client, &p, k->now_ms, &ret->call) == 0, "rpc_client_call");
}

bool kit_send_bytes(struct kit *k, struct kit_call *c, const void *data, size_t n)
{
	int r;

	while (c->call && !c->writable)
		require(step(k), "stuck before a message");
	if (!c->call)
		return false;
	r = rpc_call_send(c->call, data, n);
	if (r == RPC_CALL_FULL)
		c->writable = false;
	return r >= 0;
}

bool kit_send(struct kit *k, struct kit_call *c, const ProtobufCMessage *m)
{
	AUTO(buf_fini) struct buf bytes = BUF_INIT;

	require(reapi_pack(m, &bytes) == 0, "reapi_pack");
	return kit_send_bytes(k, c, bytes.data, bytes.len);
}

void kit_half_close(struct kit_call *c)
{
	if (c->call)
		rpc_call_half_close(c->call);
}

void kit_wait(struct kit *k, struct kit_call *c)
{
	while (!c->ended)
		require(step(k), "stuck before the end of a call");
}

void kit_wait_messages(struct kit *k, struct kit_call *c, size_t n)
{
	while (c->n < n && !c->ended)
		require(step(k), "stuck before a message of the server");
}

void kit_call_fini(struct kit_call *c)
{
	require(c->ended, "a call that has not ended");
	for (size_t i = 0; i < c->n; i++)
		buf_fini(&c->messages[i]);
	free(c->messages);
	buf_fini(&c->details);
}

void kit_ask(struct kit *k, const char *method, const ProtobufCMessage *m, struct kit_call *ret)
{
	kit_call_start(k, method, ret);
	require(kit_send(k, ret, m), "kit_send");
	kit_half_close(ret);
	kit_wait(k, ret);
}

void *kit_message(const struct kit_call *c, size_t i, const ProtobufCMessageDescriptor *type)
{
	void *m;

	require(i < c->n, "there is no such message");
	m = protobuf_c_message_unpack(
		type, NULL, c->messages[i].len, (const uint8_t *)buf_str(&c->messages[i]));
	require(m, "not a message of the type");
	return m;
}

struct cas_digest kit_put(struct kit *k, const void *data, size_t n)
{
	struct cas_digest d;

	require(cas_digest_of(data, n, &d) == 0, "cas_digest_of");
	require(cas_put(k->service.cas, &d, data) == 0, "cas_put");
	return d;
}

struct cas_digest kit_put_message(struct kit *k, const ProtobufCMessage *m)
{
	AUTO(buf_fini) struct buf bytes = BUF_INIT;

	require(reapi_pack(m, &bytes) == 0, "reapi_pack");
	return kit_put(k, buf_str(&bytes), bytes.len);
}

re_digest *kit_digest(const struct cas_digest *d)
{
	static struct reapi_digest_message ring[4096];
	static unsigned at;
	struct reapi_digest r = service_to_reapi(d);
	struct reapi_digest_message *m = &ring[at++ % ARRAY_SIZE(ring)];

	reapi_digest_to_proto(&r, m);
	return &m->message;
}
