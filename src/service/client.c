/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "service/method.h"

static const struct service_method *const services[] = {
	service_capabilities_methods,
	service_health_methods,
	service_storage_methods,
	service_bytestream_methods,
	service_actions_methods,
	service_execution_methods,
};

static size_t count(void)
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(services); i++)
		for (const struct service_method *m = services[i]; m->path; m++)
			n++;
	return n;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct rpc_method *)a)->path, ((const struct rpc_method *)b)->path);
}

int service_client_init(struct service_client *c, struct service *s, uint64_t owner)
{
	size_t n = count(), at = 0;

	*c = (struct service_client){.service = s, .owner = owner, .n_methods = n};
	c->bindings = calloc(n, sizeof(*c->bindings));
	c->methods = calloc(n, sizeof(*c->methods));
	if (!c->bindings || !c->methods || service_budget_new(SERVICE_HELD_IN_MAX, &c->in) < 0 ||
		service_budget_new(SERVICE_HELD_OUT_MAX, &c->out) < 0) {
		service_client_fini(c);
		return -ENOMEM;
	}
	for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
		for (const struct service_method *m = services[i]; m->path; m++, at++) {
			c->bindings[at] = (struct service_binding){.client = c, .method = m};
			c->methods[at] = (struct rpc_method){
				.path = m->path, .handler = m->handler, .data = &c->bindings[at]};
		}
	}
	qsort(c->methods, n, sizeof(*c->methods), by_path);
	return 0;
}

void service_client_fini(struct service_client *c)
{
	free(c->bindings);
	free(c->methods);
	service_budget_unref(c->in);
	service_budget_unref(c->out);
	*c = (struct service_client){0};
}
