/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/list.h"
#include "reapi/digest.h"

/*
 * Identical compiles at the same time: one is done, the others wait for its result.
 *
 *	         join ─► leads ─► done, failed, left
 *	           └───► follows ─► told: the result; to go on alone; or to lead, since who led is gone
 *
 * A member is part of its owner. Nobody holds anything while it follows.
 */

struct rex_result;
struct inflight_member;

enum inflight_word {
	INFLIGHT_RESULT, /* here it is, for the length of the call */
	INFLIGHT_ALONE,  /* there is none: each for itself */
	INFLIGHT_LEAD,   /* you are the first now; the others follow you */
};

/* The member is in no flight any more (LEAD: it leads). It may leave, and be freed. */
typedef void (*inflight_told_fn)(
	struct inflight_member *m, enum inflight_word word, const struct rex_result *result);

struct inflight {
	struct list flights; /* of those who lead */
};

struct inflight_member {
	struct list link; /* of flights, or of the leader's followers */
	struct list followers;
	struct reapi_digest action;
	bool leads;
	inflight_told_fn told;
};

void inflight_init(struct inflight *f);
void inflight_member_init(struct inflight_member *m, inflight_told_fn told);

/* True: it follows, and will be told. False: it leads. It must be in no flight. */
bool inflight_join(
	struct inflight *f, struct inflight_member *m, const struct reapi_digest *action);

/* Who leads says what came of it; nothing happens where it does not lead. */
void inflight_done(struct inflight_member *m, const struct rex_result *result);
void inflight_failed(struct inflight_member *m);

/* Whatever it is, it is so no more. Where it led the first follower leads. Idempotent. */
void inflight_leave(struct inflight *f, struct inflight_member *m);
