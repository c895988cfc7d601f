/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <sys/socket.h>

#include "base/util.h"

/* Which peers may connect: a list of networks, IPv4 and IPv6. Pure. */

enum { ACL_MAX = 1024 };

struct acl_net {
	int family; /* AF_INET or AF_INET6 */
	uint8_t address[16];
	unsigned bits;
};

struct acl {
	struct acl_net *v;
	size_t n;
};

void acl_fini(struct acl *a);

/* "10.1.2.3", "10.0.0.0/8", "2001:db8::/32". -EINVAL: not an address; -E2BIG, -ENOMEM. */
int acl_add(struct acl *a, const char *text) MUST_CHECK;
int acl_add_loopback(struct acl *a) MUST_CHECK;
/* The networks that no router of the internet forwards, and loopback. */
int acl_add_private(struct acl *a) MUST_CHECK;

/* An IPv4 peer of an IPv6 socket (::ffff:a.b.c.d) counts as IPv4. Other families are not allowed.
 */
bool acl_allows(const struct acl *a, const struct sockaddr *peer);

/* The same for two peers of equal address, and hardly ever for others. NULL or no address: 0. */
uint64_t acl_address_key(const struct sockaddr *peer);

/* Two peers have the same address; ports do not count. */
bool acl_same_address(const struct sockaddr *a, const struct sockaddr *b);
