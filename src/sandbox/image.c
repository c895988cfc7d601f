/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * An image is what one program of this version tells another of this version on this machine, so
 * it has no byte order and no optional fields: a magic word that holds the layout's number, then
 * each field in turn. Numbers take eight bytes. A string is its length, its bytes and a NUL, so
 * that the reader may use it in place; a missing one has the length NO_STRING. A list is its
 * length and its strings.
 */

#include "sandbox/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC UINT64_C(0x64636373626f7802) /* the last byte is the layout's number */
#define NO_STRING UINT64_MAX

static int put_number(struct buf *b, uint64_t n)
{
	return buf_append(b, &n, sizeof(n));
}

static int put_bytes(struct buf *b, const void *data, size_t n)
{
	int r = put_number(b, n);

	if (r == 0 && n > 0)
		r = buf_append(b, data, n);
	return r == 0 ? buf_append_char(b, '\0') : r;
}

static int put_string(struct buf *b, const char *s)
{
	return s ? put_bytes(b, s, strlen(s)) : put_number(b, NO_STRING);
}

static int put_list(struct buf *b, const char *const *v, size_t n)
{
	int r = put_number(b, n);

	for (size_t i = 0; r == 0 && i < n; i++)
		r = put_string(b, v[i]);
	return r;
}

static int put_argv(struct buf *b, char *const *v)
{
	size_t n = 0;

	while (v && v[n])
		n++;
	return put_list(b, (const char *const *)v, n);
}

static int put_binds(struct buf *b, const struct sandbox_plan *p)
{
	int r = put_number(b, p->n_binds);

	for (size_t i = 0; r == 0 && i < p->n_binds; i++) {
		r = put_string(b, p->binds[i].source);
		if (r == 0)
			r = put_string(b, p->binds[i].target);
		if (r == 0)
			r = put_number(b, p->binds[i].writable);
	}
	return r;
}

static int put_plan(struct buf *b, const struct sandbox_plan *p)
{
	int r = put_number(b, p->root);

	if (r == 0)
		r = put_number(b, p->inputs);
	if (r == 0)
		r = put_string(b, p->input);
	if (r == 0)
		r = put_binds(b, p);
	if (r == 0)
		r = put_list(b, p->masks, p->n_masks);
	if (r == 0)
		r = put_list(b, p->host_paths, p->n_host_paths);
	if (r == 0)
		r = put_argv(b, p->argv);
	if (r == 0)
		r = put_argv(b, p->envp);
	if (r == 0)
		r = put_string(b, p->cwd);
	if (r == 0)
		r = put_number(b, p->loopback);
	if (r == 0)
		r = put_number(b, p->lookups);
	if (r == 0)
		r = put_number(b, p->lookups ? (uint64_t)p->fd_lookups : 0);
	return r == 0 ? put_bytes(b, &p->limits, sizeof(p->limits)) : r;
}

int image_encode(const struct image_job *job, struct buf *ret)
{
	int r = put_number(ret, MAGIC);

	if (r == 0)
		r = put_plan(ret, &job->plan);
	if (r == 0)
		r = put_number(ret, job->mechanisms);
	if (r == 0)
		r = put_number(ret, job->uid);
	if (r == 0)
		r = put_number(ret, job->gid);
	if (r == 0)
		r = put_list(ret, job->cgroups, job->n_cgroups);
	if (r == 0)
		r = put_bytes(ret, job->filter, job->filter_len);
	return r == 0 ? put_bytes(ret, job->lookups_filter, job->lookups_filter_len) : r;
}

struct reader {
	const char *p, *end;
	bool bad; /* from here on every answer is 0 or NULL */
};

static uint64_t get_number(struct reader *in, uint64_t max)
{
	uint64_t n = 0;

	if (!in->bad && (size_t)(in->end - in->p) >= sizeof(n)) {
		memcpy(&n, in->p, sizeof(n));
		in->p += sizeof(n);
		if (n <= max)
			return n;
	}
	in->bad = true;
	return 0;
}

static const void *get_bytes(struct reader *in, uint64_t n)
{
	const char *start = in->p;

	if (in->bad || n >= (size_t)(in->end - in->p) || in->p[n] != '\0') {
		in->bad = true;
		return NULL;
	}
	in->p += n + 1;
	return start;
}

static const char *get_string(struct reader *in)
{
	uint64_t n = get_number(in, NO_STRING);
	const char *s = n == NO_STRING ? NULL : get_bytes(in, n);

	if (s && strlen(s) != n)
		in->bad = true;
	return s;
}

/* Strings that are there, NULL-terminated; malloc'ed. NULL where it is bad. */
static const char **get_list(struct reader *in, uint64_t max, size_t *ret_n)
{
	uint64_t n = get_number(in, max);
	const char **v = NULL;

	/* Every string takes more than a byte: no length can ask for more than was sent. */
	if (!in->bad && n <= (size_t)(in->end - in->p))
		v = calloc(n + 1, sizeof(*v));
	for (size_t i = 0; v && i < n; i++) {
		v[i] = get_string(in);
		if (!v[i])
			in->bad = true;
	}
	if (!v)
		in->bad = true;
	*ret_n = v ? n : 0;
	return v;
}

static const struct sandbox_bind *get_binds(struct reader *in, size_t *ret_n)
{
	uint64_t n = get_number(in, SANDBOX_LIST_MAX);
	struct sandbox_bind *v = in->bad ? NULL : calloc(n + 1, sizeof(*v));

	for (size_t i = 0; v && i < n; i++) {
		v[i].source = get_string(in);
		v[i].target = get_string(in);
		v[i].writable = get_number(in, 1);
		if (!v[i].source || !v[i].target)
			in->bad = true;
	}
	if (!v)
		in->bad = true;
	*ret_n = v ? n : 0;
	return v;
}

static void get_plan(struct reader *in, struct sandbox_plan *p)
{
	const void *limits;
	size_t n;

	p->root = (enum sandbox_root)get_number(in, SANDBOX_ROOT_HOST);
	p->inputs = (enum sandbox_inputs)get_number(in, SANDBOX_INPUT_PRIVATE);
	p->input = get_string(in);
	p->binds = get_binds(in, &p->n_binds);
	p->masks = get_list(in, SANDBOX_LIST_MAX, &p->n_masks);
	p->host_paths = get_list(in, SANDBOX_LIST_MAX, &p->n_host_paths);
	p->argv = (char *const *)get_list(in, SANDBOX_ARGS_MAX, &n);
	if (n == 0)
		in->bad = true;
	p->envp = (char *const *)get_list(in, SANDBOX_ARGS_MAX, &n);
	p->cwd = get_string(in);
	p->loopback = get_number(in, 1);
	p->lookups = get_number(in, 1);
	p->fd_lookups = (int)get_number(in, p->lookups ? INT32_MAX : 0);
	if (get_number(in, sizeof(p->limits)) != sizeof(p->limits))
		in->bad = true;
	limits = get_bytes(in, sizeof(p->limits));
	if (limits)
		memcpy(&p->limits, limits, sizeof(p->limits));
}

int image_decode(const void *data, size_t len, struct image_job *ret)
{
	struct reader in = {.p = data, .end = (const char *)data + len};
	struct image_job job = {.n_cgroups = 0};
	const char **cgroups;

	if (get_number(&in, UINT64_MAX) != MAGIC)
		return -EBADMSG;
	get_plan(&in, &job.plan);
	job.mechanisms = (unsigned)get_number(&in, UINT32_MAX);
	job.uid = (uid_t)get_number(&in, UINT32_MAX);
	job.gid = (gid_t)get_number(&in, UINT32_MAX);
	cgroups = get_list(&in, IMAGE_CGROUPS_MAX, &job.n_cgroups);
	for (size_t i = 0; cgroups && i < job.n_cgroups; i++)
		job.cgroups[i] = cgroups[i];
	free(cgroups);
	job.filter_len = get_number(&in, IMAGE_FILTER_MAX);
	job.filter = get_bytes(&in, job.filter_len);
	job.lookups_filter_len = get_number(&in, IMAGE_FILTER_MAX);
	job.lookups_filter = get_bytes(&in, job.lookups_filter_len);
	if (in.bad || in.p != in.end) {
		image_job_fini(&job);
		return -EBADMSG;
	}
	*ret = job;
	return 0;
}

void image_job_fini(struct image_job *job)
{
	free((void *)job->plan.binds);
	free((void *)job->plan.masks);
	free((void *)job->plan.host_paths);
	free((void *)job->plan.argv);
	free((void *)job->plan.envp);
	*job = (struct image_job){.n_cgroups = 0};
}
