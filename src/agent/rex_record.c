/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/rex_record.h"

#include <errno.h>

/* Also of those that are empty, which every server has. */
static int add_blob(struct rex_record *r, const struct buf *data, const struct reapi_digest *known,
	re_digest **ret)
{
	struct rex_blob *b = &r->blobs[r->n_blobs];
	int e = known ? 0 : reapi_digest_of(buf_str(data), data->len, &b->digest);

	if (e < 0)
		return e;
	if (known)
		b->digest = *known;
	b->data = buf_str(data);
	reapi_digest_to_proto(&b->digest, &r->digests[r->n_blobs]);
	*ret = &r->digests[r->n_blobs++].message;
	return 0;
}

static int add_output(struct rex_record *r, const struct rex_output *o)
{
	size_t i = r->message.n_output_files++;

	r->files[i] = (re_output_file)RE_INIT(OUTPUT_FILE);
	r->files[i].path = o->path;
	r->files[i].is_executable = o->executable;
	r->pointers[i] = &r->files[i];
	return add_blob(r, &o->data, o->has_digest ? &o->digest : NULL, &r->files[i].digest);
}

static int add_stream(struct rex_record *r, const struct buf *said, ProtobufCBinaryData *raw,
	re_digest **ret_digest)
{
	if (said->len > REX_RECORD_INLINE)
		return add_blob(r, said, NULL, ret_digest);
	*raw = (ProtobufCBinaryData){.data = (uint8_t *)said->data, .len = said->len};
	return 0;
}

int rex_record_make(const struct rex_result *r, struct rex_record *ret)
{
	int e = r->n_outputs > REX_OUTPUTS_MAX ? -E2BIG : 0;

	ret->message = (re_action_result)RE_INIT(ACTION_RESULT);
	ret->message.output_files = ret->pointers;
	ret->message.exit_code = r->exit_code;
	ret->n_blobs = 0;
	for (size_t i = 0; e == 0 && i < r->n_outputs; i++)
		e = add_output(ret, &r->outputs[i]);
	if (e == 0)
		e = add_stream(ret, &r->out, &ret->message.stdout_raw, &ret->message.stdout_digest);
	if (e == 0)
		e = add_stream(ret, &r->err, &ret->message.stderr_raw, &ret->message.stderr_digest);
	return e;
}
