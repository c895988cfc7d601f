/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "monitor/lsdistcc.h"
#include "sched/hosts.h"

struct conversion {
	bool zeros;
	int width;
	size_t size; /* of its text */
};

/* The text at s, which starts with '%', as a place for a number. */
static bool parse_conversion(const char *s, struct conversion *ret)
{
	const char *p = s + 1;
	struct conversion c = {.zeros = *p == '0'};

	p += strspn(p, "0");
	for (; *p >= '0' && *p <= '9'; p++) {
		c.width = c.width * 10 + (*p - '0');
		if (c.width > 99)
			return false;
	}
	if (*p != 'd' && *p != 'i' && *p != 'u')
		return false;
	c.size = (size_t)(p + 1 - s);
	*ret = c;
	return true;
}

bool lsdistcc_is_format(const char *s)
{
	struct conversion c;
	unsigned numbers = 0;

	while ((s = strchr(s, '%'))) {
		if (s[1] == '%') {
			s += 2;
			continue;
		}
		if (!parse_conversion(s, &c))
			return false;
		numbers++;
		s += c.size;
	}
	return numbers == 1;
}

int lsdistcc_name(const char *format, unsigned i, const char *domain, struct buf *ret)
{
	int r = 0;

	for (const char *p = format; r == 0 && *p;) {
		size_t n = strcspn(p, "%");
		struct conversion c;

		if (n > 0) {
			r = buf_append(ret, p, n);
			p += n;
		} else if (p[1] == '%') {
			r = buf_append_char(ret, '%');
			p += 2;
		} else if (parse_conversion(p, &c)) {
			r = buf_printf(ret, c.zeros ? "%0*u" : "%*u", c.width, i);
			p += c.size;
		} else {
			return -EINVAL;
		}
	}
	return r == 0 && domain ? buf_printf(ret, ".%s", domain) : r;
}

const char *lsdistcc_domain(const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *dot = names[i] ? strchr(names[i], '.') : NULL;

		if (dot && dot[1])
			return dot + 1;
	}
	return NULL;
}

bool lsdistcc_same_net(const struct sockaddr *a, const struct sockaddr *b, uint64_t bits)
{
	const unsigned char *x, *y;
	size_t size;

	if (a->sa_family != b->sa_family)
		return false;
	if (a->sa_family == AF_INET) {
		x = (const unsigned char *)&((const struct sockaddr_in *)a)->sin_addr;
		y = (const unsigned char *)&((const struct sockaddr_in *)b)->sin_addr;
		size = 32;
	} else if (a->sa_family == AF_INET6) {
		x = ((const struct sockaddr_in6 *)a)->sin6_addr.s6_addr;
		y = ((const struct sockaddr_in6 *)b)->sin6_addr.s6_addr;
		size = 128;
	} else {
		return false;
	}
	bits = MIN(bits, size);
	if (memcmp(x, y, bits / 8) != 0)
		return false;
	return bits % 8 == 0 || (x[bits / 8] ^ y[bits / 8]) >> (8 - bits % 8) == 0;
}

int lsdistcc_line(const struct lsdistcc_options *o, const char *name, bool down,
	uint64_t latency_ms, struct buf *ret)
{
	int r = buf_printf(ret, strchr(name, ':') ? "[%s]" : "%s", name);

	if (r == 0 && o->port != HOSTS_PORT_DEFAULT)
		r = buf_printf(ret, ":%u", (unsigned)o->port);
	if (r == 0 && o->protocol >= 2)
		r = buf_append_str(ret, o->protocol == 2 ? ",lzo" : ",lzo,cpp");
	if (r == 0 && down)
		r = buf_append_str(ret, ",down");
	if (r == 0 && o->latency)
		r = buf_printf(ret, " %llu", (unsigned long long)latency_ms);
	return r == 0 ? buf_append_char(ret, '\n') : r;
}
