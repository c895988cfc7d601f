/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The reply: DONE, STAT, then three bodies in a row (SERR, SOUT, DOTO), each complete before the
 * next begins. The reader knows the version it asked for and takes no other.
 */

#include <errno.h>
#include <stdlib.h>

#include "wire/token.h"

enum step {
	STEP_DONE_TOKEN,
	STEP_STAT,
	STEP_BODY_TOKEN,
	STEP_BODY,
	STEP_COMPLETE,
	STEP_FAILED,
};

enum { BODIES = 3, STATUS_MAX = 0xffff };

struct wire_reply_reader {
	struct wire_reply reply;
	enum wire_version version;
	const char *error;
	enum step step;
	struct wire_token token;
	size_t body; /* which of the three */
	size_t left;
	struct buf block; /* a compressed body while it arrives */
};

static const struct {
	const char *name;
	const char *bad_token, *too_long, *bad_block;
} bodies[BODIES] = {
	{"SERR", "expected SERR and eight hexadecimal digits", "SERR is too long",
		"SERR is not an LZO block"},
	{"SOUT", "expected SOUT and eight hexadecimal digits", "SOUT is too long",
		"SOUT is not an LZO block"},
	{"DOTO", "expected DOTO and eight hexadecimal digits", "DOTO is too long",
		"DOTO is not an LZO block"},
};

void wire_reply_fini(struct wire_reply *r)
{
	buf_fini(&r->err);
	buf_fini(&r->out);
	buf_fini(&r->object);
}

static int write_body(
	enum wire_version v, const char *name, const struct buf *body, struct buf *ret)
{
	AUTO(buf_fini) struct buf block = BUF_INIT_MAX(WIRE_BODY_MAX);
	int r;

	if (v == WIRE_LZO) {
		r = wire_compress(body->data, body->len, &block);
		if (r < 0)
			return r;
		body = &block;
	}
	if (body->len > WIRE_BODY_MAX)
		return -E2BIG;
	r = wire_token_write(name, body->len, ret);
	return r < 0 ? r : buf_append(ret, body->data, body->len);
}

int wire_reply_write(enum wire_version v, const struct wire_reply *r, struct buf *ret)
{
	const struct buf *body[BODIES] = {&r->err, &r->out, &r->object};
	int q = wire_token_write("DONE", v, ret);

	if (q == 0)
		q = wire_token_write("STAT", (uint32_t)r->status & STATUS_MAX, ret);
	for (size_t i = 0; q == 0 && i < BODIES; i++)
		q = write_body(v, bodies[i].name, body[i], ret);
	return q;
}

int wire_reply_new(enum wire_version v, struct wire_reply_reader **ret)
{
	struct wire_reply_reader *r;

	if (v == WIRE_LZO && !wire_lzo_available())
		return -EOPNOTSUPP;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->version = v;
	r->reply.err.max = r->reply.out.max = r->reply.object.max = r->block.max = WIRE_BODY_MAX;
	*ret = r;
	return 0;
}

void wire_reply_free(struct wire_reply_reader *r)
{
	if (!r)
		return;
	wire_reply_fini(&r->reply);
	buf_fini(&r->block);
	free(r);
}

bool wire_reply_done(const struct wire_reply_reader *r)
{
	return r->step == STEP_COMPLETE;
}

struct wire_reply *wire_reply_get(struct wire_reply_reader *r)
{
	return &r->reply;
}

const char *wire_reply_error(const struct wire_reply_reader *r)
{
	return r->error;
}

static int refuse(struct wire_reply_reader *r, const char *why)
{
	r->step = STEP_FAILED;
	r->error = why;
	return -EBADMSG;
}

static struct buf *body_of(struct wire_reply_reader *r)
{
	struct buf *const body[BODIES] = {&r->reply.err, &r->reply.out, &r->reply.object};

	return body[r->body];
}

/* The body that was arriving is whole: unpack it and go on to the next. */
static int end_body(struct wire_reply_reader *r)
{
	if (r->version == WIRE_LZO) {
		int q = wire_decompress(r->block.data, r->block.len, WIRE_BODY_MAX, body_of(r));

		if (q == -EBADMSG)
			return refuse(r, bodies[r->body].bad_block);
		if (q < 0)
			return q;
		buf_fini(&r->block);
	}
	r->body++;
	r->step = r->body < BODIES ? STEP_BODY_TOKEN : STEP_COMPLETE;
	return 0;
}

static int take_token(struct wire_reply_reader *r, uint32_t value)
{
	switch (r->step) {
	case STEP_DONE_TOKEN:
		if (value != (uint32_t)r->version)
			return refuse(r, "the reply is of another protocol version");
		r->step = STEP_STAT;
		return 0;
	case STEP_STAT:
		if (value > STATUS_MAX)
			return refuse(r, "STAT is not a wait status");
		r->reply.status = (int)value;
		r->step = STEP_BODY_TOKEN;
		return 0;
	default:
		if (value > WIRE_BODY_MAX)
			return refuse(r, bodies[r->body].too_long);
		r->left = value;
		r->step = STEP_BODY;
		return 0;
	}
}

static int step_token(struct wire_reply_reader *r, const char **data, size_t *n)
{
	const char *name = bodies[r->body].name, *error = bodies[r->body].bad_token;
	uint32_t value;
	int q;

	if (r->step == STEP_DONE_TOKEN) {
		name = "DONE";
		error = "not a distcc reply";
	} else if (r->step == STEP_STAT) {
		name = "STAT";
		error = "expected STAT and eight hexadecimal digits";
	}
	q = wire_token_read(&r->token, name, data, n, &value);
	if (q == -EBADMSG)
		return refuse(r, error);
	return q == 0 ? take_token(r, value) : q;
}

static int step(struct wire_reply_reader *r, const char **data, size_t *n)
{
	struct buf *into;
	int q;

	if (r->step == STEP_FAILED)
		return -EBADMSG;
	if (r->step != STEP_BODY)
		return step_token(r, data, n);
	into = r->version == WIRE_LZO ? &r->block : body_of(r);
	q = wire_body_read(into, &r->left, data, n);
	return q == 0 ? end_body(r) : q;
}

int wire_reply_feed(struct wire_reply_reader *r, const void *data, size_t n, size_t *ret_used)
{
	const char *p = data;
	size_t left = n;

	while (r->step != STEP_COMPLETE) {
		int q = step(r, &p, &left);

		if (q < 0)
			return q;
		if (q == WIRE_MORE)
			break;
	}
	*ret_used = n - left;
	return 0;
}
