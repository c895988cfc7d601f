/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/strv.h"

/* Listening sockets: not blocking, and not accepted from yet. */

struct listen_sockets {
	int *fds;
	size_t n, max;
	uint16_t port; /* the one that all have */
};

/*
 * One socket for each address that the names in addresses mean; of this machine alone, or of all
 * its addresses, when there are none. With port 0 the first socket gets a free one and the others
 * the same. 0, or -errno after a log line.
 */
int listen_open(const struct strv *addresses, uint16_t port, bool loopback,
	struct listen_sockets *ls) MUST_CHECK;
void listen_close(struct listen_sockets *ls);
