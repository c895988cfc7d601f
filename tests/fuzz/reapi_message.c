/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Each message that a peer may send, unpacked as a server or client would, and given to what reads
 * it further. The first byte is the type. What was unpacked must pack, and unpack again to the same
 * bytes; its strings must be readable to their ends.
 */

#include <stdlib.h>
#include <string.h>

#include "reapi/action.h"
#include "reapi/message.h"
#include "reapi/path.h"
#include "reapi/plan.h"
#include "reapi/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const ProtobufCMessageDescriptor *const types[] = {
	RE_TYPE(command),
	RE_TYPE(action),
	RE_TYPE(directory),
	GR_TYPE(status),
	RE_TYPE(tree),
	RE_TYPE(execute_request),
	RE_TYPE(wait_execution_request),
	RE_TYPE(get_action_result_request),
	RE_TYPE(update_action_result_request),
	RE_TYPE(find_missing_blobs_request),
	RE_TYPE(batch_update_blobs_request),
	RE_TYPE(batch_read_blobs_request),
	RE_TYPE(get_tree_request),
	RE_TYPE(split_blob_request),
	RE_TYPE(splice_blob_request),
	RE_TYPE(get_capabilities_request),
	RE_TYPE(request_metadata),
	BS_TYPE(read_request),
	BS_TYPE(write_request),
	BS_TYPE(query_write_status_request),
	LRO_TYPE(get_operation_request),
	LRO_TYPE(list_operations_request),
	LRO_TYPE(cancel_operation_request),
	LRO_TYPE(wait_operation_request),
	HEALTH_TYPE(health_check_request),
	/* What a client gets. */
	RE_TYPE(server_capabilities),
	RE_TYPE(execute_response),
	RE_TYPE(execute_operation_metadata),
	RE_TYPE(find_missing_blobs_response),
	RE_TYPE(batch_update_blobs_response),
	RE_TYPE(batch_read_blobs_response),
	RE_TYPE(get_tree_response),
	LRO_TYPE(operation),
	BS_TYPE(read_response),
	GR_TYPE(precondition_failure),
};

static void round_trip(const ProtobufCMessageDescriptor *type, const ProtobufCMessage *m)
{
	AUTO(reapi_arena_fini) struct reapi_arena a;
	AUTO(buf_fini) struct buf once = BUF_INIT, twice = BUF_INIT;
	ProtobufCMessage *again;

	reapi_arena_init(&a, SIZE_MAX);
	if (reapi_pack(m, &once) < 0 ||
		reapi_unpack(&a, type, buf_str(&once), once.len, &again, NULL) != 0 ||
		reapi_pack(again, &twice) < 0 || once.len != twice.len ||
		(once.len > 0 && memcmp(once.data, twice.data, once.len) != 0))
		abort();
}

/* What may be done with any message of the type. */
static void use(struct reapi_arena *a, const ProtobufCMessageDescriptor *type, void *m)
{
	struct reapi_violation v;
	struct reapi_status s;

	if (type == RE_TYPE(directory))
		(void)!reapi_directory_check(m, &v);
	if (type == GR_TYPE(status))
		(void)!reapi_status_read(a, m, &s, &v);
	if (type == LRO_TYPE(operation)) {
		const lro_operation *o = m;
		re_execute_response *response;

		if (o->result_case == LRO_ENUM(OPERATION__RESULT_RESPONSE) &&
			reapi_any_unpack(
				a, o->response, RE_TYPE(execute_response), &response, &v) == 0 &&
			response->status)
			(void)!reapi_status_read(a, response->status, &s, &v);
	}
}

static void check_command(const struct reapi_command *c)
{
	if (c->n_arguments == 0 || c->arguments[c->n_arguments] || c->environment[c->n_environment])
		abort();
	for (size_t i = 0; i < c->n_outputs; i++)
		if (reapi_path_check("", c->outputs[i].path, NULL) != 0 ||
			(i > 0 && strcmp(c->outputs[i - 1].path, c->outputs[i].path) >= 0))
			abort();
	for (size_t i = 0; i < c->n_environment; i++)
		if (!strchr(c->environment[i], '=') || c->environment[i][0] == '=')
			abort();
}

/* And what is read from bytes. */
static void parse(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t n)
{
	AUTO(reapi_arena_fini) struct reapi_arena a;
	AUTO(reapi_plan_fini) struct reapi_plan plan = {.n = 0};
	const struct reapi_plan_limits limits = {
		.depth = 8, .entries = 1000, .directory_bytes = 1 << 16, .file_bytes = 1 << 30};
	struct reapi_violation v;
	struct reapi_command c;
	struct reapi_action action;

	reapi_arena_init(&a, reapi_memory_for(n));
	if (type == RE_TYPE(command) && reapi_command_parse(&a, data, n, &c, &v) == 0)
		check_command(&c);
	if (type == RE_TYPE(action))
		(void)!reapi_action_parse(&a, data, n, &action, &v);
	if (type == RE_TYPE(tree))
		(void)!reapi_plan_walk_tree(data, n, &limits, &plan, &v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(reapi_arena_fini) struct reapi_arena a = {.blocks = NULL};
	struct reapi_violation v = {.text = ""};
	const ProtobufCMessageDescriptor *type;
	ProtobufCMessage *m;
	int r;

	if (size < 1)
		return 0;
	type = types[data[0] % ARRAY_SIZE(types)];
	reapi_arena_init(&a, reapi_memory_for(size));
	r = reapi_unpack(&a, type, data + 1, size - 1, &m, &v);
	if (r < 0 || (r > 0 && v.text[0] == '\0'))
		abort();
	if (r != 0)
		return 0;
	round_trip(type, m);
	use(&a, type, m);
	parse(type, data + 1, size - 1);
	return 0;
}
