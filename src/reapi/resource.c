/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Resource names are read from left to right, a segment at a time. The instance name ends at the
 * first reserved word, which it cannot have in it; what follows has a fixed order:
 *
 *	INSTANCE… ─► [uploads ─► UUID] ─► blobs ─────────────────────┬─► [FUNCTION] ─► HASH ─► SIZE ─┐
 *	                              └─► compressed-blobs ─► NAME ──┘                  [METADATA] ◄─┘
 */

#include "reapi/resource.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "reapi/path.h"

struct segment {
	const char *s;
	size_t n;
};

/* What is left of a name. */
struct cursor {
	const char *at; /* NULL: nothing, not even an empty segment */
	const char *name;
	struct reapi_violation *v;
};

static const char *const reserved[] = {"blobs", "uploads", "actions", "actionResults", "operations",
	"capabilities", "compressed-blobs"};

static const char *const compressors[] = {
	[REAPI_IDENTITY] = "identity",
	[REAPI_ZSTD] = "zstd",
	[REAPI_DEFLATE] = "deflate",
	[REAPI_BROTLI] = "brotli",
};

static bool is(const struct segment *s, const char *word)
{
	return s->n == strlen(word) && memcmp(s->s, word, s->n) == 0;
}

static bool is_reserved(const struct segment *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
		if (is(s, reserved[i]))
			return true;
	return false;
}

/* The segment at p; *ret_rest is what follows its '/', or NULL. */
static struct segment first(const char *p, const char **ret_rest)
{
	const char *end = strchrnul(p, '/');

	*ret_rest = *end ? end + 1 : NULL;
	return (struct segment){p, (size_t)(end - p)};
}

/* 0, or REAPI_INVALID where the name has ended. */
static int next(struct cursor *c, const char *what, struct segment *ret)
{
	if (!c->at)
		return reapi_violate(
			c->v, REAPI_INVALID, "the resource name has no %s: %s", what, c->name);
	*ret = first(c->at, &c->at);
	return 0;
}

const char *reapi_compressor_name(int compressor)
{
	return compressor >= 0 && (size_t)compressor < ARRAY_SIZE(compressors)
		       ? compressors[compressor]
		       : NULL;
}

/* n bytes at s as an instance name: empty, or segments. */
static int check_instance(const char *s, size_t n, struct reapi_violation *v)
{
	const char *const all = s;
	size_t left = n;

	if (n > REAPI_INSTANCE_MAX)
		return reapi_violate(v, REAPI_TOO_BIG, "the instance name is longer than %d bytes",
			REAPI_INSTANCE_MAX);
	if (!reapi_text_valid(s, n))
		return reapi_violate(v, REAPI_INVALID, "the instance name is not UTF-8");
	while (n > 0) {
		const char *slash = memchr(s, '/', left);
		struct segment seg = {s, slash ? (size_t)(slash - s) : left};

		if (seg.n == 0)
			return reapi_violate(v, REAPI_INVALID,
				"the instance name has an empty part: %.*s", (int)n, all);
		if (is_reserved(&seg))
			return reapi_violate(v, REAPI_INVALID,
				"the instance name has the reserved word %.*s in it: %.*s",
				(int)seg.n, seg.s, (int)n, all);
		if (!slash)
			break;
		left -= seg.n + 1;
		s = slash + 1;
	}
	return 0;
}

int reapi_instance_check(const char *name, struct reapi_violation *v)
{
	return check_instance(name, strlen(name), v);
}

/* Up to the first reserved word, which stays for what follows. */
static int take_instance(struct cursor *c, struct reapi_resource *r)
{
	const char *start = c->at, *rest;
	size_t len;

	for (;;) {
		struct segment s = first(c->at, &rest);

		if (is_reserved(&s))
			break;
		if (!rest)
			return reapi_violate(c->v, REAPI_INVALID,
				"the resource name has no \"blobs\" or \"compressed-blobs\": %s",
				c->name);
		c->at = rest;
	}
	len = (size_t)(c->at - start);
	if (len == 0)
		return 0;
	/* Without its last '/'; nothing but one is an empty part. */
	if (len == 1)
		return reapi_violate(
			c->v, REAPI_INVALID, "the resource name begins with '/': %s", c->name);
	r->instance = start;
	r->instance_len = len - 1;
	return check_instance(start, len - 1, c->v);
}

static bool uuid_valid(const char *s, size_t n)
{
	if (n == 0 || n > REAPI_UUID_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z') ||
			    (s[i] >= '0' && s[i] <= '9') || s[i] == '-' || s[i] == '_' ||
			    s[i] == '.'))
			return false;
	return true;
}

static int take_upload(struct cursor *c, struct reapi_resource *r)
{
	struct segment s = {NULL, 0};
	int q = next(c, "\"uploads\"", &s);

	if (q != 0)
		return q;
	if (!is(&s, "uploads"))
		return reapi_violate(c->v, REAPI_INVALID,
			"the resource name of a write has no \"uploads\": %s", c->name);
	q = next(c, "UUID", &s);
	if (q != 0)
		return q;
	if (!uuid_valid(s.s, s.n))
		return reapi_violate(c->v, REAPI_INVALID,
			"the resource name has no UUID behind \"uploads\": %s", c->name);
	r->uuid = s.s;
	r->uuid_len = s.n;
	return 0;
}

static int take_compressor(struct cursor *c, struct reapi_resource *r)
{
	struct segment s = {NULL, 0};
	int q = next(c, "\"blobs\" or \"compressed-blobs\"", &s);

	if (q != 0)
		return q;
	if (is(&s, "blobs"))
		return 0;
	if (!is(&s, "compressed-blobs"))
		return reapi_violate(c->v, REAPI_INVALID,
			"the resource name has %.*s where \"blobs\" should be: %s",
			(int)MIN(s.n, (size_t)REAPI_UUID_MAX), s.s, c->name);
	q = next(c, "compressor", &s);
	if (q != 0)
		return q;
	for (size_t i = REAPI_IDENTITY + 1; i < ARRAY_SIZE(compressors); i++)
		if (is(&s, compressors[i])) {
			r->compressor = (enum reapi_compressor)i;
			return 0;
		}
	return reapi_violate(
		c->v, REAPI_INVALID, "the resource name has an unknown compressor: %s", c->name);
}

/* Skips the digest function, where there is one. */
static int take_function(struct cursor *c)
{
	static const char *const others[] = {"sha1", "md5", "vso", "sha384", "sha512", "murmur3",
		"sha256tree", "blake3", "gitsha1"};
	const char *rest;
	struct segment s = {NULL, 0};

	if (!c->at)
		return 0;
	s = first(c->at, &rest);
	if (is(&s, "sha256"))
		c->at = rest;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (is(&s, others[i]))
			return reapi_violate(c->v, REAPI_UNSUPPORTED,
				"digest function %s is not supported, SHA256 is", others[i]);
	return 0;
}

/* Digits without sign or needless zeros, at most INT64_MAX. */
static bool size_parse(const struct segment *s, int64_t *ret)
{
	int64_t value = 0;

	if (s->n == 0 || (s->n > 1 && s->s[0] == '0'))
		return false;
	for (size_t i = 0; i < s->n; i++)
		if (s->s[i] < '0' || s->s[i] > '9' || __builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, s->s[i] - '0', &value))
			return false;
	*ret = value;
	return true;
}

static int take_digest(struct cursor *c, struct reapi_resource *r)
{
	struct segment hash = {NULL, 0}, size = {NULL, 0};
	int64_t bytes = 0;
	int q = take_function(c);

	if (q == 0)
		q = next(c, "hash", &hash);
	if (q == 0)
		q = next(c, "size", &size);
	if (q != 0)
		return q;
	if (!size_parse(&size, &bytes))
		return reapi_violate(
			c->v, REAPI_INVALID, "the resource name has no valid size: %s", c->name);
	return reapi_digest_parse(hash.s, hash.n, bytes, &r->digest, c->v);
}

int reapi_resource_parse(const char *name, enum reapi_resource_kind kind,
	struct reapi_resource *ret, struct reapi_violation *v)
{
	struct reapi_resource r = {.kind = kind};
	struct cursor c = {.at = name, .name = name, .v = v};
	int q;

	if (strnlen(name, REAPI_RESOURCE_MAX + 1) > REAPI_RESOURCE_MAX)
		return reapi_violate(v, REAPI_TOO_BIG, "the resource name is longer than %d bytes",
			REAPI_RESOURCE_MAX);
	q = take_instance(&c, &r);
	if (q == 0 && kind == REAPI_RESOURCE_WRITE)
		q = take_upload(&c, &r);
	if (q == 0)
		q = take_compressor(&c, &r);
	if (q == 0)
		q = take_digest(&c, &r);
	if (q != 0)
		return q;
	if (c.at && kind == REAPI_RESOURCE_READ)
		return reapi_violate(v, REAPI_INVALID,
			"the resource name has something behind its size: %s", name);
	if (c.at) {
		r.metadata = c.at;
		r.metadata_len = strlen(c.at);
	}
	*ret = r;
	return 0;
}

static int write_upload(const struct reapi_resource *r, struct buf *ret)
{
	if (r->kind != REAPI_RESOURCE_WRITE)
		return 0;
	if (!uuid_valid(r->uuid, r->uuid_len))
		return -EINVAL;
	return buf_printf(ret, "uploads/%.*s/", (int)r->uuid_len, r->uuid);
}

static int write_all(const struct reapi_resource *r, struct buf *ret)
{
	char hex[REAPI_HASH_HEX + 1];
	int q = 0;

	reapi_digest_hex(&r->digest, hex);
	if (r->instance_len > 0)
		q = buf_printf(ret, "%.*s/", (int)r->instance_len, r->instance);
	if (q == 0)
		q = write_upload(r, ret);
	if (q == 0)
		q = r->compressor == REAPI_IDENTITY
			    ? buf_append_str(ret, "blobs/")
			    : buf_printf(ret, "compressed-blobs/%s/",
				      reapi_compressor_name((int)r->compressor));
	if (q == 0)
		q = buf_printf(ret, "%s/%" PRIu64, hex, r->digest.size);
	if (q == 0 && r->metadata)
		q = buf_printf(ret, "/%.*s", (int)r->metadata_len, r->metadata);
	return q;
}

int reapi_resource_write(const struct reapi_resource *r, struct buf *ret)
{
	size_t before = ret->len;
	int q;

	if (check_instance(r->instance ? r->instance : "", r->instance_len, NULL) != 0 ||
		!reapi_compressor_name((int)r->compressor) || r->digest.size > INT64_MAX ||
		r->metadata_len > REAPI_RESOURCE_MAX ||
		(r->metadata && r->kind == REAPI_RESOURCE_READ))
		return -EINVAL;
	q = write_all(r, ret);
	if (q == 0 && ret->len - before > REAPI_RESOURCE_MAX)
		q = -EINVAL;
	if (q < 0 && ret->data) {
		ret->len = before;
		ret->data[before] = '\0';
	}
	return q;
}
