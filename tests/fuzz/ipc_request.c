/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "ipc/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A request as it comes from a socket: whatever is accepted must be whole. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ipc_request_header h;
	struct ipc_request q;
	size_t total = 0;
	char *body;

	if (size < sizeof(h))
		return 0;
	memcpy(&h, data, sizeof(h));
	h.magic = IPC_MAGIC;
	h.body = (uint32_t)(size - sizeof(h));
	if (ipc_request_header_check(&h) < 0)
		return 0;
	body = malloc(h.body);
	if (!body)
		return 0;
	memcpy(body, data + sizeof(h), h.body);
	if (ipc_request_parse(&h, body, &q) == 0) {
		for (size_t i = 0; q.argv[i]; i++)
			total += strlen(q.argv[i]) + 1;
		for (size_t i = 0; q.envp[i]; i++)
			total += strlen(q.envp[i]) + 1;
		if (total > h.body)
			abort();
		ipc_request_fini(&q);
	}
	free(body);
	return 0;
}
