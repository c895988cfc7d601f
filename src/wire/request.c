/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The request: a small machine that is fed bytes.
 *
 *	DIST ──► ARGC ──► ARGV token ──► ARGV body ──► DOTI token ──► source ──► done
 *	                      ▲               │
 *	                      └── more of n ──┘
 *
 * Nothing is allocated for a length that was only announced: an argument and the source grow with
 * the bytes that came. What came is bounded by the limits of wire/distcc.h, each checked when its
 * token is read. After an error the reader stays in it.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wire/token.h"

enum step {
	STEP_DIST,
	STEP_ARGC,
	STEP_ARGV,
	STEP_ARG,
	STEP_DOTI,
	STEP_SOURCE,
	STEP_DONE,
	STEP_FAILED,
};

struct wire_request_reader {
	struct wire_request request;
	enum step step;
	struct wire_token token;
	size_t args_left;
	size_t args_bytes;
	struct buf arg;
	size_t left; /* of the body that is arriving */
};

int wire_request_head(enum wire_version v, char *const *argv, size_t source_len, struct buf *ret)
{
	size_t argc = 0, bytes = 0;
	int r;

	if (v == WIRE_LZO && !wire_lzo_available())
		return -EOPNOTSUPP;
	for (; argv[argc]; argc++) {
		size_t len = strlen(argv[argc]);

		bytes += len;
		if (len > WIRE_ARG_MAX || bytes > WIRE_ARGS_BYTES_MAX)
			return -E2BIG;
	}
	if (argc > WIRE_ARGS_MAX || source_len > WIRE_BODY_MAX)
		return -E2BIG;
	r = wire_token_write("DIST", v, ret);
	if (r == 0)
		r = wire_token_write("ARGC", argc, ret);
	for (size_t i = 0; r == 0 && i < argc; i++) {
		r = wire_token_write("ARGV", strlen(argv[i]), ret);
		if (r == 0)
			r = buf_append_str(ret, argv[i]);
	}
	return r < 0 ? r : wire_token_write("DOTI", source_len, ret);
}

int wire_request_new(struct wire_request_reader **ret)
{
	struct wire_request_reader *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->arg.max = WIRE_ARG_MAX;
	r->request.source.max = WIRE_BODY_MAX;
	*ret = r;
	return 0;
}

void wire_request_free(struct wire_request_reader *r)
{
	if (!r)
		return;
	strv_fini(&r->request.argv);
	buf_fini(&r->request.source);
	buf_fini(&r->arg);
	free(r);
}

const struct wire_request *wire_request_get(const struct wire_request_reader *r)
{
	return &r->request;
}

struct buf *wire_request_source(struct wire_request_reader *r)
{
	return &r->request.source;
}

static int refuse(struct wire_request_reader *r, const char *why)
{
	r->step = STEP_FAILED;
	r->request.error = why;
	return -EBADMSG;
}

static int take_version(struct wire_request_reader *r, uint32_t value)
{
	if (value == WIRE_LZO && !wire_lzo_available())
		return refuse(r, "protocol version 2 (LZO) is not in this build");
	if (value != WIRE_PLAIN && value != WIRE_LZO)
		return refuse(r, "protocol version is neither 1 nor 2");
	r->request.version = (enum wire_version)value;
	r->step = STEP_ARGC;
	return 0;
}

static int take_argc(struct wire_request_reader *r, uint32_t value)
{
	if (value == 0)
		return refuse(r, "the command is empty");
	if (value > WIRE_ARGS_MAX)
		return refuse(r, "too many arguments");
	r->args_left = value;
	r->step = STEP_ARGV;
	return 0;
}

static int take_arg_len(struct wire_request_reader *r, uint32_t value)
{
	if (value > WIRE_ARG_MAX)
		return refuse(r, "an argument is too long");
	r->args_bytes += value;
	if (r->args_bytes > WIRE_ARGS_BYTES_MAX)
		return refuse(r, "the arguments are too long");
	r->left = value;
	buf_clear(&r->arg);
	r->step = STEP_ARG;
	return 0;
}

static int take_arg(struct wire_request_reader *r)
{
	int q;

	if (r->arg.len > 0 && memchr(r->arg.data, '\0', r->arg.len))
		return refuse(r, "an argument holds a NUL byte");
	q = strv_push_n(&r->request.argv, buf_str(&r->arg), r->arg.len);
	if (q < 0)
		return q;
	r->args_left--;
	r->step = r->args_left > 0 ? STEP_ARGV : STEP_DOTI;
	return 0;
}

static int take_source_len(struct wire_request_reader *r, uint32_t value)
{
	if (value > WIRE_BODY_MAX)
		return refuse(r, "the source is too long");
	buf_fini(&r->arg);
	r->left = value;
	r->request.source_len = value;
	r->request.state = WIRE_REQUEST_SOURCE;
	r->step = STEP_SOURCE;
	return 0;
}

static const struct {
	const char *name;
	const char *error;
	int (*take)(struct wire_request_reader *r, uint32_t value);
} tokens[] = {
	[STEP_DIST] = {"DIST", "not a distcc request", take_version},
	[STEP_ARGC] = {"ARGC", "expected ARGC and eight hexadecimal digits", take_argc},
	[STEP_ARGV] = {"ARGV", "expected ARGV and eight hexadecimal digits", take_arg_len},
	[STEP_DOTI] = {"DOTI", "expected DOTI and eight hexadecimal digits", take_source_len},
};

static int step_token(struct wire_request_reader *r, const char **data, size_t *n)
{
	enum step step = r->step;
	uint32_t value;
	int q = wire_token_read(&r->token, tokens[step].name, data, n, &value);

	if (q == -EBADMSG)
		return refuse(r, tokens[step].error);
	return q == 0 ? tokens[step].take(r, value) : q;
}

/* 0: one step was made; WIRE_MORE: it needs more bytes. */
static int step(struct wire_request_reader *r, const char **data, size_t *n)
{
	int q;

	switch (r->step) {
	case STEP_ARG:
		q = wire_body_read(&r->arg, &r->left, data, n);
		return q == 0 ? take_arg(r) : q;
	case STEP_SOURCE:
		q = wire_body_read(&r->request.source, &r->left, data, n);
		if (q != 0)
			return q;
		r->request.state = WIRE_REQUEST_DONE;
		r->step = STEP_DONE;
		return 0;
	case STEP_FAILED:
		return -EBADMSG;
	default:
		return step_token(r, data, n);
	}
}

int wire_request_feed(struct wire_request_reader *r, const void *data, size_t n, size_t *ret_used)
{
	const char *p = data;
	size_t left = n;

	while (r->step != STEP_DONE) {
		int q = step(r, &p, &left);

		if (q < 0)
			return q;
		if (q == WIRE_MORE)
			break;
	}
	*ret_used = n - left;
	return 0;
}
