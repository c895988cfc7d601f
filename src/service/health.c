/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "service/method.h"

/* grpc.health.v1: the worker as a whole, and each service by its name. Watch is not offered. */

static bool is_known(const char *service)
{
	static const char *const names[] = {"", "build.bazel.remote.execution.v2.Capabilities",
		"build.bazel.remote.execution.v2.ContentAddressableStorage",
		"build.bazel.remote.execution.v2.ActionCache", "google.bytestream.ByteStream"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (str_eq(service, names[i]))
			return true;
	return false;
}

static void check(struct service_request *r, const void *message)
{
	const health_health_check_request *q = message;
	health_health_check_response a = HEALTH_INIT(HEALTH_CHECK_RESPONSE);
	bool up = r->service->serving;

	if (str_eq(q->service, "build.bazel.remote.execution.v2.Execution"))
		up = up && r->service->sandbox;
	else if (!is_known(q->service)) {
		service_fail(r, RPC_NOT_FOUND, "no such service");
		return;
	}
	a.status = up ? HEALTH_ENUM(HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING)
		      : HEALTH_ENUM(HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING);
	service_reply(r, &a.base);
}

const struct service_method service_health_methods[] = {
	{"/grpc.health.v1.Health/Check", &service_unary, HEALTH_TYPE(health_check_request), check},
	{0},
};
