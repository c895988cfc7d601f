/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/buf.h"
#include "reapi/arena.h"
#include "reapi/proto.h"

/*
 * What an action looked for in vain, told by a worker that was asked to.
 *
 * Asked for by a header of the Execute call, "distcc-lookups: report", and not by a platform
 * property: how an action is watched is no part of what it is. So its digest, and with it every
 * cache, stays the same, and who does not know the header does as ever. Told in auxiliary_metadata
 * of the result, and so kept with it: who is given it from a cache is told too, and holds it against
 * a machine of his own. What was done before anybody asked comes without.
 *
 * The list: paths sorted by their bytes, each told once; for each two numbers (varints, as in
 * protobuf) and text:
 *
 *	how many bytes it shares with the one before
 *	2 * how many bytes follow, + 1: a link itself was looked for, and would not have been followed
 *	those bytes
 *
 * A third of the bytes of the paths and less.
 */
#define REAPI_LOOKUPS_HEADER "distcc-lookups"
#define REAPI_LOOKUPS_REPORT "report"

enum {
	REAPI_LOOKUPS_MAX = 1 << 15,       /* paths */
	REAPI_LOOKUPS_PATH_MAX = 4096,     /* bytes of one, without a NUL */
	REAPI_LOOKUPS_BYTES_MAX = 1 << 20, /* of the list */
};

struct reapi_lookup {
	const char *path; /* absolute, no NUL in it */
	bool link;
};

struct reapi_lookups {
	struct buf list;
	bool part; /* not all of it */
};

/*
 * Makes ret->list (to be given to buf_fini); v is sorted. What goes over a limit is left out, and
 * sets part, which is otherwise left as it is. -ENOMEM.
 */
int reapi_lookups_make(struct reapi_lookup *v, size_t n, struct reapi_lookups *ret) MUST_CHECK;

/* In the arena; m->paths is l's. NULL: no memory. */
pb_any *reapi_lookups_to_any(struct reapi_arena *a, const struct reapi_lookups *l);
/* The first among the metadata, copied. False: there is none, or it cannot be had. */
bool reapi_lookups_find(struct reapi_arena *a, const re_executed_action_metadata *m,
	struct reapi_lookups *ret) MUST_CHECK;

/* Reads a list that anybody may have made. */
struct reapi_lookups_reader {
	const uint8_t *at, *end;
	size_t n, len;
	char path[REAPI_LOOKUPS_PATH_MAX + 1];
};
void reapi_lookups_begin(struct reapi_lookups_reader *r, const struct reapi_lookups *l);

/* *ret is good until the next one. 0; REAPI_LOOKUPS_END; -EBADMSG: not such a list, or over a
 * limit. */
enum { REAPI_LOOKUPS_END = 1 };
int reapi_lookups_next(struct reapi_lookups_reader *r, struct reapi_lookup *ret) MUST_CHECK;
