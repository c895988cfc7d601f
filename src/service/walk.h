/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "cas/store.h"
#include "reapi/arena.h"
#include "reapi/proto.h"
#include "reapi/violation.h"

/*
 * All Directories of a tree in the store, each once, breadth first: the order depends on nothing
 * but their content.
 *
 *	service_walk_init → service_walk_next … → service_walk_fini
 */
enum {
	SERVICE_WALK_MAX = 1 << 18,           /* Directories of one tree */
	SERVICE_DIRECTORY_MAX = 3584 << 10,   /* bytes of one: it has to fit into a message */
	SERVICE_DIRECTORY_MEMORY = 256 << 20, /* of one, unpacked; honest ones need far less */
};

struct service_walk {
	struct cas_digest *queue; /* all that were met, in order */
	size_t n, cap;
	size_t at;       /* the next one */
	uint32_t *table; /* numbers of queue + 1, by hash; twice cap or more */
	size_t table_size;
};

int service_walk_init(struct service_walk *w, const struct cas_digest *root) MUST_CHECK;
void service_walk_fini(struct service_walk *w); /* also of a zeroed one */
bool service_walk_over(const struct service_walk *w);

/*
 * The next one, in a, and its bytes' number. Slow. Only while it is not over.
 * 0; REAPI_MISSING: it is not in the store, and is passed over; REAPI_INVALID: not a Directory
 * (names and their order are not looked at);
 * REAPI_TOO_BIG: a limit above, or a's; -errno.
 */
int service_walk_next(struct service_walk *w, struct cas *c, struct reapi_arena *a,
	re_directory **ret, size_t *ret_size, struct reapi_violation *v) MUST_CHECK;
