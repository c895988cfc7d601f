/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ipc/message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t count(char *const *v)
{
	size_t n = 0;

	while (v && v[n])
		n++;
	return n;
}

static int put(struct buf *b, const char *s)
{
	return buf_append(b, s ? s : "", s ? strlen(s) + 1 : 1);
}

int ipc_request_write(const struct ipc_request *q, struct buf *ret)
{
	struct ipc_request_header h = {
		.magic = IPC_MAGIC,
		.type = (uint32_t)q->type,
		.flags = q->flags,
		.umask = q->umask,
		.n_argv = (uint32_t)count(q->argv),
		.n_env = (uint32_t)count(q->envp),
	};
	size_t start = ret->len;
	int r = buf_append(ret, &h, sizeof(h));

	if (r == 0)
		r = put(ret, q->version);
	if (r == 0)
		r = put(ret, q->cwd);
	if (r == 0)
		r = put(ret, q->compiler);
	for (size_t i = 0; r == 0 && i < h.n_argv; i++)
		r = put(ret, q->argv[i]);
	for (size_t i = 0; r == 0 && i < h.n_env; i++)
		r = put(ret, q->envp[i]);
	if (r < 0)
		return r;
	h.body = (uint32_t)(ret->len - start - sizeof(h));
	memcpy(ret->data + start, &h, sizeof(h));
	return 0;
}

int ipc_request_header_check(const struct ipc_request_header *h)
{
	if (h->magic != IPC_MAGIC || h->body == 0 || h->body > IPC_BODY_MAX)
		return -EBADMSG;
	if (h->type < IPC_RUN || h->type > IPC_STOP)
		return -EBADMSG;
	if (h->n_argv > IPC_STRINGS_MAX || h->n_env > IPC_STRINGS_MAX)
		return -EBADMSG;
	return 0;
}

/* The string at *pos, which moves behind it; NULL where none is left. */
static char *next(char *body, size_t size, size_t *pos)
{
	char *s = body + *pos;
	char *end = *pos < size ? memchr(s, '\0', size - *pos) : NULL;

	if (!end)
		return NULL;
	*pos = (size_t)(end - body) + 1;
	return s;
}

int ipc_request_parse(const struct ipc_request_header *h, char *body, struct ipc_request *ret)
{
	size_t n = (size_t)h->n_argv + h->n_env + 2, pos = 0;
	AUTO(util_free) char **v = calloc(n, sizeof(*v));
	struct ipc_request q = {
		.type = (enum ipc_request_type)h->type,
		.flags = h->flags,
		.umask = h->umask,
	};

	if (!v)
		return -ENOMEM;
	q.version = next(body, h->body, &pos);
	q.cwd = next(body, h->body, &pos);
	q.compiler = next(body, h->body, &pos);
	if (!q.version || !q.cwd || !q.compiler)
		return -EBADMSG;
	for (size_t i = 0; i < n; i++) {
		if (i == h->n_argv || i == n - 1)
			continue; /* the NULL that ends each array */
		v[i] = next(body, h->body, &pos);
		if (!v[i])
			return -EBADMSG;
	}
	if (pos != h->body || (q.type == IPC_RUN && h->n_argv == 0))
		return -EBADMSG;
	q.envp = v + h->n_argv + 1;
	q.argv = TAKE_PTR(v);
	*ret = q;
	return 0;
}

void ipc_request_fini(struct ipc_request *r)
{
	free((void *)r->argv);
	r->argv = NULL;
}

int ipc_reply_header_check(const struct ipc_reply_header *h)
{
	if (h->magic != IPC_MAGIC || h->type < IPC_REPLY_DONE || h->type > IPC_REPLY_RETIRED)
		return -EBADMSG;
	if (h->log > IPC_REPLY_MAX || h->out > IPC_REPLY_MAX || h->err > IPC_REPLY_MAX)
		return -EBADMSG;
	return 0;
}
