/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "cas/inside.h"
#include "cas/lease.h"

/* What lease.c and materialise.c share. */

struct held {
	struct cas_ref ref;
	bool linked;
};

struct cas_lease {
	struct cas *c;
	struct held *v;
	size_t n, cap;
	bool removing; /* it counts in `removing` of all that it has linked */
};

/* Room for one more, so that hold cannot fail. */
int cas_lease_reserve(struct cas_lease *l) MUST_CHECK;
void cas_lease_hold(struct cas_lease *l, const struct cas_ref *ref, bool linked);

/* With the stripe: links of this entry were made or removed, by us. Its ctime is taken over if all
 * else is as it was. */
void cas_entry_take_ctime(struct cas *c, const struct cas_ref *ref);
