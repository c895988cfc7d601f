/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reapi/lookups.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reapi/message.h"
#include "reapi/status.h"

enum { NUMBER_BYTES = 3 }; /* of the largest that may be there: seven bits each */

static int by_path(const void *x, const void *y)
{
	const struct reapi_lookup *a = x, *b = y;
	int r = strcmp(a->path, b->path);

	return r ? r : a->link - b->link;
}

static int put_number(struct buf *b, size_t n)
{
	int r = 0;

	for (; r == 0 && n > 0x7f; n >>= 7)
		r = buf_append_char(b, (char)(n | 0x80));
	return r == 0 ? buf_append_char(b, (char)n) : r;
}

static size_t shared(const char *a, const char *b)
{
	size_t n = 0;

	while (a[n] && a[n] == b[n])
		n++;
	return n;
}

int reapi_lookups_make(struct reapi_lookup *v, size_t n, struct reapi_lookups *ret)
{
	struct buf *b = &ret->list;
	const char *before = "";
	size_t taken = 0;
	int r = 0;

	if (n > 0)
		qsort(v, n, sizeof(*v), by_path);
	for (size_t i = 0; r == 0 && i < n; i++) {
		const char *path = v[i].path;
		size_t len = strlen(path), same = shared(before, path);

		if (i > 0 && by_path(&v[i - 1], &v[i]) == 0)
			continue;
		if (len > REAPI_LOOKUPS_PATH_MAX || *path != '/' || taken == REAPI_LOOKUPS_MAX ||
			b->len + 2 * NUMBER_BYTES + len - same > REAPI_LOOKUPS_BYTES_MAX) {
			ret->part = true;
			continue;
		}
		r = put_number(b, same);
		if (r == 0)
			r = put_number(b, 2 * (len - same) + v[i].link);
		if (r == 0)
			r = buf_append(b, path + same, len - same);
		before = path;
		taken++;
	}
	return r;
}

pb_any *reapi_lookups_to_any(struct reapi_arena *a, const struct reapi_lookups *l)
{
	dv_lookups m = DV_INIT(LOOKUPS);

	m.part = l->part;
	m.paths = (ProtobufCBinaryData){.data = (uint8_t *)l->list.data, .len = l->list.len};
	return reapi_any_new(a, &m.base);
}

bool reapi_lookups_find(
	struct reapi_arena *a, const re_executed_action_metadata *m, struct reapi_lookups *ret)
{
	struct reapi_violation v;
	dv_lookups *found;

	for (size_t i = 0; m && i < m->n_auxiliary_metadata; i++) {
		const pb_any *any = m->auxiliary_metadata[i];

		if (!str_ends(any->type_url, "/distcc.v1.Lookups"))
			continue;
		if (reapi_any_unpack(a, any, DV_TYPE(lookups), &found, &v) != 0 ||
			found->paths.len > REAPI_LOOKUPS_BYTES_MAX)
			return false;
		ret->part = found->part;
		ret->list = (struct buf)BUF_INIT;
		return buf_append(&ret->list, found->paths.data, found->paths.len) == 0;
	}
	return false;
}

void reapi_lookups_begin(struct reapi_lookups_reader *r, const struct reapi_lookups *l)
{
	r->at = (const uint8_t *)l->list.data;
	r->end = r->at + l->list.len;
	r->n = r->len = 0;
}

static bool get_number(struct reapi_lookups_reader *r, size_t *ret)
{
	size_t n = 0;

	for (unsigned i = 0; i < NUMBER_BYTES && r->at < r->end; i++) {
		uint8_t byte = *r->at++;

		n |= (size_t)(byte & 0x7f) << (7 * i);
		if (!(byte & 0x80)) {
			*ret = n;
			return true;
		}
	}
	return false;
}

int reapi_lookups_next(struct reapi_lookups_reader *r, struct reapi_lookup *ret)
{
	size_t same, rest;
	bool link;

	if (r->at == r->end)
		return REAPI_LOOKUPS_END;
	if (r->n == REAPI_LOOKUPS_MAX || !get_number(r, &same) || !get_number(r, &rest))
		return -EBADMSG;
	link = rest & 1;
	rest /= 2;
	if (same > r->len || rest > (size_t)(r->end - r->at) ||
		same + rest > REAPI_LOOKUPS_PATH_MAX || memchr(r->at, '\0', rest))
		return -EBADMSG;
	memcpy(r->path + same, r->at, rest);
	r->at += rest;
	r->len = same + rest;
	r->path[r->len] = '\0';
	r->n++;
	if (*r->path != '/')
		return -EBADMSG;
	*ret = (struct reapi_lookup){.path = r->path, .link = link};
	return 0;
}
