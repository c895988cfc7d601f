/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "reapi/digest.h"

/*
 * The blobs that a server is known to have: a set of digests. Of each 16 bytes of the hash are kept;
 * whoever is found in it by mistake is asked for by the server, and then all is forgotten.
 */
enum { REX_KNOWN_MAX = 1 << 20 }; /* then it starts anew, empty */

struct rex_known {
	struct rex_known_key *slots; /* open addressing, at most half full; of zeroes: free */
	size_t n_slots, n;
};

void rex_known_fini(struct rex_known *k); /* empty and usable again */
bool rex_known_has(const struct rex_known *k, const struct reapi_digest *d);
/* Where there is no memory it is not remembered. */
void rex_known_add(struct rex_known *k, const struct reapi_digest *d);
