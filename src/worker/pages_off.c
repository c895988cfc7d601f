/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Built without libmicrohttpd. */

#include "worker/pages.h"

#include <errno.h>
#include <unistd.h>

int pages_new(uv_loop_t *loop, const struct pages_source *source, struct pages **ret)
{
	return -ENOTSUP;
}

int pages_add(struct pages *p, int fd, const struct sockaddr *peer, socklen_t len)
{
	close(fd);
	return -ENOTSUP;
}

size_t pages_connections(const struct pages *p)
{
	return 0;
}

void pages_close(struct pages *p, void (*on_closed)(void *data), void *data)
{
}
