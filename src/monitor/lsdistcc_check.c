/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The compile that proves a host. Versions 1 and 2 are the wire library's. Version 3 sends files
 * in the place of preprocessed text; here that is one file without includes, so its request is
 * that of version 2 with three more tokens:
 *
 *	DIST 3; CDIR cwd; ARGC, ARGVs; NFIL 1; NAME path; FILE compressed
 *
 * Of the reply, DONE and STAT tell all.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "monitor/lsdistcc.h"
#include "wire/distcc.h"

static const char source[] = "int lsdistcc;\n";

#define SOURCE_DIR "/tmp"
#define SOURCE_NAME "lsdistcc.c"

static int add_text(struct buf *b, const char *token, const char *text)
{
	return buf_printf(b, "%s%08zx%s", token, strlen(text), text);
}

static int request_head_3(char *const *argv, size_t n_args, size_t source_len, struct buf *ret)
{
	int r = buf_append_str(ret, "DIST00000003");

	if (r == 0)
		r = add_text(ret, "CDIR", SOURCE_DIR);
	if (r == 0)
		r = buf_printf(ret, "ARGC%08zx", n_args);
	for (size_t i = 0; r == 0 && i < n_args; i++)
		r = add_text(ret, "ARGV", argv[i]);
	if (r == 0)
		r = buf_append_str(ret, "NFIL00000001");
	if (r == 0)
		r = add_text(ret, "NAME", SOURCE_DIR "/" SOURCE_NAME);
	return r == 0 ? buf_printf(ret, "FILE%08zx", source_len) : r;
}

int lsdistcc_request(uint64_t protocol, const char *compiler, struct buf *ret)
{
	char *const argv[] = {(char *)compiler, (char *)"-c", (char *)SOURCE_NAME, (char *)"-o",
		(char *)"lsdistcc.o", NULL};
	AUTO(buf_fini) struct buf body = BUF_INIT;
	int r;

	if (protocol >= 2 && !wire_lzo_available())
		return -EOPNOTSUPP;
	if (protocol == 1)
		r = buf_append_str(&body, source);
	else
		r = wire_compress(source, sizeof(source) - 1, &body);
	if (r < 0)
		return r;
	if (protocol == 3)
		r = request_head_3(argv, ARRAY_SIZE(argv) - 1, body.len, ret);
	else
		r = wire_request_head(protocol == 1 ? WIRE_PLAIN : WIRE_LZO, argv, body.len, ret);
	return r == 0 ? buf_append(ret, body.data, body.len) : r;
}

bool lsdistcc_reply_good(uint64_t protocol, const char *reply, size_t n)
{
	char good[LSDISTCC_REPLY_SIZE + 1];

	snprintf(good, sizeof(good), "DONE%08xSTAT%08x", (unsigned)protocol, 0);
	return n >= LSDISTCC_REPLY_SIZE && memcmp(reply, good, LSDISTCC_REPLY_SIZE) == 0;
}
