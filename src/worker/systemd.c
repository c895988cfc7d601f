/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "worker/systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/env.h"
#include "base/log.h"

int systemd_count_fds(char *const *envp, long pid, size_t max, size_t *ret)
{
	const char *count = env_get(envp, "LISTEN_FDS"), *whose = env_get(envp, "LISTEN_PID");
	uint64_t n, id;

	if (!count || !whose) {
		*ret = 0;
		return 0;
	}
	if (str_to_u64(whose, LONG_MAX, &id) < 0)
		return -EINVAL;
	/* Meant for another process, whose environment we got. */
	if ((long)id != pid) {
		*ret = 0;
		return 0;
	}
	if (str_to_u64(count, INT_MAX - SYSTEMD_FIRST_FD, &n) < 0)
		return -EINVAL;
	if (n > max)
		return -E2BIG;
	*ret = (size_t)n;
	return 0;
}

static int socket_number(int fd, int option, int *ret)
{
	socklen_t len = sizeof(*ret);

	return getsockopt(fd, SOL_SOCKET, option, ret, &len) < 0 ? -errno : 0;
}

/* 0 where the family has no ports. */
static uint16_t port_of(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &len) < 0)
		return 0;
	if (ss.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&ss)->sin6_port);
	return ss.ss_family == AF_INET ? ntohs(((struct sockaddr_in *)&ss)->sin_port) : 0;
}

static int set_flags(int fd)
{
	int status = fcntl(fd, F_GETFL);

	if (status < 0 || fcntl(fd, F_SETFL, status | O_NONBLOCK) < 0 ||
		fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return -errno;
	return 0;
}

static int take(int fd, struct listen_sockets *ls)
{
	int type, listening, r;

	r = socket_number(fd, SO_TYPE, &type);
	if (r == 0)
		r = socket_number(fd, SO_ACCEPTCONN, &listening);
	if (r == 0 && (type != SOCK_STREAM || !listening))
		r = -ENOTSUP;
	if (r == 0)
		r = set_flags(fd);
	if (r < 0) {
		log_event(LOG_LEVEL_ERROR, "service-manager",
			"descriptor %d is not a listening stream socket: %s (Accept=no is needed)",
			fd, strerror(-r));
		return r;
	}
	ls->fds[ls->n++] = fd;
	if (ls->port == 0)
		ls->port = port_of(fd);
	return 0;
}

int systemd_listen(struct listen_sockets *ls)
{
	size_t n = 0;
	int r = systemd_count_fds(environ, (long)getpid(), ls->max, &n);

	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	ls->n = 0;
	ls->port = 0;
	if (r < 0) {
		log_event(LOG_LEVEL_ERROR, "service-manager",
			"LISTEN_FDS and LISTEN_PID: %s; at most %zu sockets are taken",
			strerror(-r), ls->max);
		return r;
	}
	for (size_t i = 0; r == 0 && i < n; i++)
		r = take(SYSTEMD_FIRST_FD + (int)i, ls);
	return r;
}

/* "/path", or "@name" of the abstract name space. */
static int notify_address(const char *name, struct sockaddr_un *ret, socklen_t *ret_len)
{
	size_t n = strlen(name);
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	if (n < 2 || (name[0] != '/' && name[0] != '@'))
		return -EINVAL;
	/* A path has its NUL with it. */
	if (n >= sizeof(un.sun_path))
		return -ENAMETOOLONG;
	memcpy(un.sun_path, name, n);
	if (name[0] == '@')
		un.sun_path[0] = '\0';
	*ret = un;
	*ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (name[0] == '/'));
	return 0;
}

static int notify(const char *name, const char *state)
{
	struct sockaddr_un un;
	socklen_t len;
	AUTO(util_close) int fd = -1;
	int r = notify_address(name, &un, &len);

	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* Not to wait for a service manager that does not read. */
	if (sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&un,
		    len) < 0)
		return -errno;
	return 0;
}

void systemd_notify(const char *state)
{
	const char *name = env_get(environ, "NOTIFY_SOCKET");
	int r = name && *name ? notify(name, state) : 0;

	if (r < 0)
		log_event(LOG_LEVEL_WARNING, "service-manager", "NOTIFY_SOCKET=%s: %s", name,
			strerror(-r));
}
