/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/log.h"
#include "kit.h"
#include "service/budget.h"

/*
 * Messages to the storage services of a store of their own, each on a call of its own or on the
 * last one of its method:
 *
 *	byte     method (its low bits), and flags
 *	2 bytes  length, little-endian; what is left if there is less
 *	bytes    the message
 *
 * Every call ends, nothing stays in the pool, and nothing stays held.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define V2 "/build.bazel.remote.execution.v2."

static const char *const methods[] = {
	"/google.bytestream.ByteStream/Write",
	"/google.bytestream.ByteStream/Read",
	"/google.bytestream.ByteStream/QueryWriteStatus",
	V2 "ContentAddressableStorage/FindMissingBlobs",
	V2 "ContentAddressableStorage/BatchUpdateBlobs",
	V2 "ContentAddressableStorage/BatchReadBlobs",
	V2 "ContentAddressableStorage/GetTree",
	V2 "ActionCache/GetActionResult",
	V2 "ActionCache/UpdateActionResult",
};

enum {
	METHOD = 15,
	FLAG_GO_ON = 16,  /* the last call of the method, if it is open */
	FLAG_CLOSE = 32,  /* half-close behind the message */
	FLAG_SETTLE = 64, /* let all happen that can before the next one */
	FLAG_BREAK = 128, /* then the connection goes */
	CALLS_MAX = 24,
};

static struct kit k;
static struct kit_call calls[CALLS_MAX];
static size_t n_calls;

static void require(bool condition)
{
	if (!condition)
		abort();
}

static struct kit_call *call_for(unsigned method, bool go_on)
{
	static struct kit_call *last[ARRAY_SIZE(methods)];

	if (n_calls == 0)
		for (size_t i = 0; i < ARRAY_SIZE(last); i++)
			last[i] = NULL;
	if (go_on && last[method] && !last[method]->ended)
		return last[method];
	if (n_calls == CALLS_MAX)
		return NULL;
	last[method] = &calls[n_calls++];
	kit_call_start(&k, methods[method], last[method]);
	return last[method];
}

/* False: no more calls. */
static bool one(unsigned head, const uint8_t *message, size_t n)
{
	struct kit_call *c = call_for((head & METHOD) % ARRAY_SIZE(methods), head & FLAG_GO_ON);

	if (!c)
		return false;
	if (kit_send_bytes(&k, c, message, n) && (head & FLAG_CLOSE))
		kit_half_close(c);
	if (head & FLAG_SETTLE)
		kit_settle_all(&k);
	if (head & FLAG_BREAK)
		kit_reconnect(&k);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	log_to_fd(-1);
	n_calls = 0;
	kit_start(&k, &(struct kit_options){.store_bytes = 4 << 20});
	kit_put(&k, "abc", 3);
	while (size >= 3) {
		unsigned head = data[0];
		size_t n = MIN(size - 3, (size_t)(data[1] | data[2] << 8));

		if (!one(head, data + 3, n))
			break;
		data += 3 + n;
		size -= 3 + n;
	}
	kit_settle_all(&k);
	kit_reconnect(&k);
	kit_settle_all(&k);
	require(k.service.n_offloaded == 0);
	require(service_budget_held(k.binding.in) == 0 && service_budget_held(k.binding.out) == 0);
	for (size_t i = 0; i < n_calls; i++)
		kit_call_fini(&calls[i]);
	kit_stop(&k);
	return 0;
}
