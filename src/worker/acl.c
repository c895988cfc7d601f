/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "worker/acl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { IPV4_BITS = 32, IPV6_BITS = 128, MAPPED_PREFIX = 12, TEXT_MAX = 64 };

void acl_fini(struct acl *a)
{
	free(a->v);
	*a = (struct acl){0};
}

static int push(struct acl *a, const struct acl_net *net)
{
	struct acl_net *v;

	if (a->n >= ACL_MAX)
		return -E2BIG;
	v = reallocarray(a->v, a->n + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	a->v = v;
	a->v[a->n++] = *net;
	return 0;
}

int acl_add(struct acl *a, const char *text)
{
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	struct acl_net net = {.family = AF_INET, .bits = IPV4_BITS};
	char address[TEXT_MAX];
	uint64_t bits;

	if (len >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, len);
	address[len] = '\0';
	if (inet_pton(AF_INET, address, net.address) != 1) {
		net.family = AF_INET6;
		net.bits = IPV6_BITS;
		if (inet_pton(AF_INET6, address, net.address) != 1)
			return -EINVAL;
	}
	if (slash) {
		if (str_to_u64(slash + 1, net.bits, &bits) < 0)
			return -EINVAL;
		net.bits = (unsigned)bits;
	}
	return push(a, &net);
}

static int add_all(struct acl *a, const char *const *list)
{
	for (; *list; list++) {
		int r = acl_add(a, *list);

		if (r < 0)
			return r;
	}
	return 0;
}

int acl_add_loopback(struct acl *a)
{
	static const char *const list[] = {"127.0.0.0/8", "::1", NULL};

	return add_all(a, list);
}

int acl_add_private(struct acl *a)
{
	static const char *const list[] = {"127.0.0.0/8", "::1", "10.0.0.0/8", "172.16.0.0/12",
		"192.168.0.0/16", "fe80::/10", "fc00::/7", NULL};

	return add_all(a, list);
}

/* The address bytes of a peer; the family is 0 for one that has none. */
static int address_of(const struct sockaddr *peer, uint8_t address[16])
{
	memset(address, 0, 16);
	if (peer->sa_family == AF_INET) {
		memcpy(address, &((const struct sockaddr_in *)peer)->sin_addr, 4);
		return AF_INET;
	}
	if (peer->sa_family == AF_INET6) {
		const struct in6_addr *in6 = &((const struct sockaddr_in6 *)peer)->sin6_addr;

		if (IN6_IS_ADDR_V4MAPPED(in6)) {
			memcpy(address, in6->s6_addr + MAPPED_PREFIX, 4);
			return AF_INET;
		}
		memcpy(address, in6, 16);
		return AF_INET6;
	}
	return 0;
}

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

bool acl_allows(const struct acl *a, const struct sockaddr *peer)
{
	uint8_t address[16];
	int family = address_of(peer, address);

	for (size_t i = 0; i < a->n; i++)
		if (a->v[i].family == family && same_bits(a->v[i].address, address, a->v[i].bits))
			return true;
	return false;
}

bool acl_same_address(const struct sockaddr *a, const struct sockaddr *b)
{
	uint8_t x[16], y[16];

	return address_of(a, x) == address_of(b, y) && memcmp(x, y, sizeof(x)) == 0;
}

uint64_t acl_address_key(const struct sockaddr *peer)
{
	uint64_t key = UINT64_C(14695981039346656037); /* FNV-1a */
	uint8_t address[16];
	int family = peer ? address_of(peer, address) : 0;

	if (family == 0)
		return 0;
	for (size_t i = 0; i < sizeof(address); i++)
		key = (key ^ address[i]) * UINT64_C(1099511628211);
	return key ^ (uint64_t)family;
}
