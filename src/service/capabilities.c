/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cas/store.h"
#include "sandbox/sandbox.h"
#include "service/method.h"

/* What is offered here: SHA-256, zstd, and jobs where they can be isolated. */

static void get_capabilities(struct service_request *r, const void *message)
{
	const re_get_capabilities_request *q = message;
	int functions[] = {RE_ENUM(DIGEST_FUNCTION__VALUE__SHA256)};
	int compressors[] = {
		RE_ENUM(COMPRESSOR__VALUE__IDENTITY), RE_ENUM(COMPRESSOR__VALUE__ZSTD)};
	char *properties[] = {(char *)"mtime", (char *)"unix_mode"};
	re_server_capabilities a = RE_INIT(SERVER_CAPABILITIES);
	re_cache_capabilities cache = RE_INIT(CACHE_CAPABILITIES);
	re_action_cache_update_capabilities update = RE_INIT(ACTION_CACHE_UPDATE_CAPABILITIES);
	re_execution_capabilities execution = RE_INIT(EXECUTION_CAPABILITIES);
	semver_sem_ver low = SEMVER_INIT(SEM_VER), high = SEMVER_INIT(SEM_VER);

	if (!service_instance_ok(r, q->instance_name))
		return;
	update.update_enabled = !r->service->own_results;
	cache.n_digest_functions = ARRAY_SIZE(functions);
	cache.digest_functions = (void *)functions;
	cache.action_cache_update_capabilities = &update;
	cache.max_batch_total_size_bytes = SERVICE_BATCH_MAX;
	cache.symlink_absolute_path_strategy =
		RE_ENUM(SYMLINK_ABSOLUTE_PATH_STRATEGY__VALUE__ALLOWED);
	cache.n_supported_compressors = ARRAY_SIZE(compressors);
	cache.supported_compressors = (void *)compressors;
	cache.n_supported_batch_update_compressors = ARRAY_SIZE(compressors);
	cache.supported_batch_update_compressors = (void *)compressors;
	execution.digest_function = RE_ENUM(DIGEST_FUNCTION__VALUE__SHA256);
	execution.n_digest_functions = ARRAY_SIZE(functions);
	execution.digest_functions = (void *)functions;
	execution.exec_enabled =
		r->service->sandbox && isolation_suffices(sandbox_isolation(r->service->sandbox));
	execution.n_supported_node_properties = ARRAY_SIZE(properties);
	execution.supported_node_properties = properties;
	low.major = 2;
	high.major = 2;
	high.minor = 12;
	/* That input roots are root directories, which the messages have no field for. Where it cannot
	 * be said the client finds out by itself. */
	(void)!rpc_metadata_add(rpc_call_initial(r->call), "distcc-root", "input");
	a.cache_capabilities = &cache;
	a.execution_capabilities = &execution;
	a.low_api_version = &low;
	a.high_api_version = &high;
	service_reply(r, &a.base);
}

const struct service_method service_capabilities_methods[] = {
	{"/build.bazel.remote.execution.v2.Capabilities/GetCapabilities", &service_unary,
		RE_TYPE(get_capabilities_request), get_capabilities},
	{0},
};
