/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "worker/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

enum { BACKLOG = 1024, PORT_TRIES = 32, NO_SUCH_ADDRESS = 1 };

static void set_port(struct sockaddr *sa, uint16_t port)
{
	if (sa->sa_family == AF_INET6)
		((struct sockaddr_in6 *)sa)->sin6_port = htons(port);
	else
		((struct sockaddr_in *)sa)->sin_port = htons(port);
}

static int get_port(int fd, uint16_t *ret)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &len) < 0)
		return -errno;
	*ret = ntohs(ss.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&ss)->sin6_port
					      : ((struct sockaddr_in *)&ss)->sin_port);
	return 0;
}

static int set_option(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int open_socket(struct sockaddr *sa, socklen_t len, bool dual, int *ret_fd)
{
	AUTO(util_close)
	int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return -errno;
	r = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (r == 0 && sa->sa_family == AF_INET6)
		r = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, !dual);
	if (r < 0)
		return r;
	if (bind(fd, sa, len) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int add(struct listen_sockets *ls, struct sockaddr *sa, socklen_t len, bool dual)
{
	int r;

	if (ls->n >= ls->max)
		return -E2BIG;
	set_port(sa, ls->port);
	r = open_socket(sa, len, dual, &ls->fds[ls->n]);
	if (r < 0)
		return r;
	ls->n++;
	return ls->port ? 0 : get_port(ls->fds[ls->n - 1], &ls->port);
}

/* NO_SUCH_ADDRESS: the name is not one of an address. */
static int add_name(struct listen_sockets *ls, const char *name)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *list;
	int r = getaddrinfo(name, NULL, &hints, &list);

	if (r != 0) {
		log_event(LOG_LEVEL_ERROR, "listen", "%s: %s", name, gai_strerror(r));
		return NO_SUCH_ADDRESS;
	}
	for (struct addrinfo *ai = list; r == 0 && ai; ai = ai->ai_next)
		if (ai->ai_family == AF_INET || ai->ai_family == AF_INET6)
			r = add(ls, ai->ai_addr, ai->ai_addrlen, false);
	freeaddrinfo(list);
	if (r < 0)
		log_event(
			LOG_LEVEL_ERROR, "listen", "%s port %u: %s", name, ls->port, strerror(-r));
	return r;
}

/* Both families where the kernel has them: ::1 beside 127.0.0.1, or :: for everything. */
static int add_default(struct listen_sockets *ls, bool loopback)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	int r;

	in.sin_addr.s_addr = htonl(loopback ? INADDR_LOOPBACK : INADDR_ANY);
	in6.sin6_addr = loopback ? in6addr_loopback : in6addr_any;
	if (!loopback) {
		r = add(ls, (struct sockaddr *)&in6, sizeof(in6), true);
		if (r != -EAFNOSUPPORT && r != -EADDRNOTAVAIL)
			return r;
		return add(ls, (struct sockaddr *)&in, sizeof(in), false);
	}
	r = add(ls, (struct sockaddr *)&in, sizeof(in), false);
	if (r < 0)
		return r;
	r = add(ls, (struct sockaddr *)&in6, sizeof(in6), false);
	return r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL ? 0 : r;
}

static int open_all(const struct strv *addresses, bool loopback, struct listen_sockets *ls)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < addresses->n; i++)
		r = add_name(ls, addresses->v[i]);
	if (addresses->n > 0)
		return r;
	r = add_default(ls, loopback);
	if (r < 0)
		log_event(LOG_LEVEL_ERROR, "listen", "port %u: %s", ls->port, strerror(-r));
	return r;
}

int listen_open(
	const struct strv *addresses, uint16_t port, bool loopback, struct listen_sockets *ls)
{
	int r = 0;

	/* A port that was free for the first socket may not be for the next. */
	for (int i = 0; i < PORT_TRIES; i++) {
		ls->port = port;
		r = open_all(addresses, loopback, ls);
		if (r == 0)
			return 0;
		listen_close(ls);
		if (port != 0 || r != -EADDRINUSE)
			break;
	}
	return r > 0 ? -EADDRNOTAVAIL : r;
}

void listen_close(struct listen_sockets *ls)
{
	while (ls->n > 0)
		close(ls->fds[--ls->n]);
}
