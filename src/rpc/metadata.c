/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Header fields as offsets into one run of text: a request has about ten, and all of them cost two
 * allocations, which calls that follow each other on a session use again.
 */

#include "rpc/metadata.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <nghttp2/nghttp2.h>

#include "rpc/limits.h"
#include "rpc/text.h"

struct rpc_field {
	uint32_t name, value; /* in text, each NUL-terminated */
};

enum { FIELD_OVERHEAD = 32 /* RFC 9113, 6.5.2 */ };

void rpc_metadata_fini(struct rpc_metadata *m)
{
	free(m->fields);
	m->fields = NULL;
	m->n = m->cap = m->counted = 0;
	buf_fini(&m->text);
}

void rpc_metadata_clear(struct rpc_metadata *m)
{
	m->n = m->counted = 0;
	buf_clear(&m->text);
}

static int reserve_field(struct rpc_metadata *m)
{
	size_t cap = MAX(m->cap * 2, (size_t)16);
	struct rpc_field *fields;

	if (m->n < m->cap)
		return 0;
	fields = realloc(m->fields, cap * sizeof(*fields));
	if (!fields)
		return -ENOMEM;
	m->fields = fields;
	m->cap = cap;
	return 0;
}

int rpc_metadata_add_n(struct rpc_metadata *m, const char *name, size_t name_len, const char *value,
	size_t value_len)
{
	size_t max = RPC_HEADER_LIST_MAX;
	int r;

	if (m->n >= RPC_FIELDS_LIST_MAX || name_len > max || value_len > max ||
		m->counted + name_len + value_len + FIELD_OVERHEAD > max)
		return -E2BIG;
	r = reserve_field(m);
	if (r == 0)
		r = buf_reserve(&m->text, name_len + value_len + 2);
	if (r < 0)
		return r;
	m->fields[m->n].name = (uint32_t)m->text.len;
	m->fields[m->n].value = (uint32_t)(m->text.len + name_len + 1);
	/* Within what was reserved: these cannot fail. */
	r = buf_append(&m->text, name, name_len);
	if (r == 0)
		r = buf_append_char(&m->text, '\0');
	if (r == 0)
		r = buf_append(&m->text, value, value_len);
	if (r == 0)
		r = buf_append_char(&m->text, '\0');
	if (r < 0)
		return r;
	m->n++;
	m->counted += name_len + value_len + FIELD_OVERHEAD;
	return 0;
}

static bool valid(const char *name, const char *value)
{
	for (const char *p = name; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			return false;
	return name[0] != ':' && nghttp2_check_header_name((const uint8_t *)name, strlen(name)) &&
	       nghttp2_check_header_value((const uint8_t *)value, strlen(value));
}

int rpc_metadata_add(struct rpc_metadata *m, const char *name, const char *value)
{
	if (!valid(name, value))
		return -EINVAL;
	return rpc_metadata_add_n(m, name, strlen(name), value, strlen(value));
}

int rpc_metadata_add_bin(struct rpc_metadata *m, const char *name, const void *data, size_t n)
{
	AUTO(buf_fini) struct buf text = BUF_INIT_MAX(RPC_HEADER_LIST_MAX);
	int r;

	if (!str_ends(name, "-bin"))
		return -EINVAL;
	r = rpc_base64_encode(data, n, &text);
	return r < 0 ? r : rpc_metadata_add(m, name, buf_str(&text));
}

int rpc_metadata_add_all(struct rpc_metadata *m, const struct rpc_metadata *other)
{
	for (size_t i = 0; i < other->n; i++) {
		const char *name = rpc_metadata_name(other, i);
		const char *value = rpc_metadata_value(other, i);
		int r = rpc_metadata_add_n(m, name, strlen(name), value, strlen(value));

		if (r < 0)
			return r;
	}
	return 0;
}

const char *rpc_metadata_name(const struct rpc_metadata *m, size_t i)
{
	return m->text.data + m->fields[i].name;
}

const char *rpc_metadata_value(const struct rpc_metadata *m, size_t i)
{
	return m->text.data + m->fields[i].value;
}

const char *rpc_metadata_get(const struct rpc_metadata *m, const char *name)
{
	for (size_t i = 0; i < m->n; i++)
		if (str_eq(rpc_metadata_name(m, i), name))
			return rpc_metadata_value(m, i);
	return NULL;
}

int rpc_metadata_get_bin(const struct rpc_metadata *m, const char *name, struct buf *ret)
{
	const char *value = rpc_metadata_get(m, name);

	return value ? rpc_base64_decode(value, strcspn(value, ","), ret) : -ENOENT;
}
