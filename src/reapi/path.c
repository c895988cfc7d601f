/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reapi/path.h"

#include <string.h>

/* How many bytes the character at p has, of which there are n (at least one); 0: it is none. */
static size_t character(const unsigned char *p, size_t n)
{
	static const struct {
		unsigned char mask, lead;
		uint32_t least; /* below it the form is overlong */
	} forms[] = {{0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		size_t len = i + 2;
		uint32_t c = *p & (unsigned char)~forms[i].mask;

		if ((*p & forms[i].mask) != forms[i].lead)
			continue;
		if (n < len)
			return 0;
		for (size_t k = 1; k < len; k++) {
			if ((p[k] & 0xc0) != 0x80)
				return 0;
			c = c << 6 | (p[k] & 0x3f);
		}
		if (c < forms[i].least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
			return 0;
		return len;
	}
	return 0;
}

/* Eight characters of ASCII, none of them NUL. */
static bool is_plain(const unsigned char *p)
{
	static const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	return ((w | (w - ones)) & tops) == 0;
}

bool reapi_text_valid(const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s;

	for (; n >= 8 && is_plain(p); n -= 8)
		p += 8;
	while (n > 0) {
		size_t len = *p < 0x80 ? *p != 0 : character(p, n);

		if (len == 0)
			return false;
		p += len;
		n -= len;
	}
	return true;
}

int reapi_name_check(const char *what, const char *name, size_t n, struct reapi_violation *v)
{
	int shown = (int)MIN(n, (size_t)REAPI_NAME_MAX);

	if (n == 0)
		return reapi_violate(v, REAPI_INVALID, "%s is empty", what);
	if (n > REAPI_NAME_MAX)
		return reapi_violate(v, REAPI_TOO_BIG, "%s is longer than %d bytes: %.*s", what,
			REAPI_NAME_MAX, shown, name);
	if (!reapi_text_valid(name, n))
		return reapi_violate(v, REAPI_INVALID, "%s is not UTF-8: %.*s", what, shown, name);
	if (memchr(name, '/', n))
		return reapi_violate(
			v, REAPI_INVALID, "%s has a '/' in it: %.*s", what, shown, name);
	if (name[0] == '.' && (n == 1 || (n == 2 && name[1] == '.')))
		return reapi_violate(v, REAPI_INVALID, "%s is \"%.*s\"", what, shown, name);
	return 0;
}

/* A shortcut for what most paths are: parts that do not begin with a dot. */
static bool is_simple(const char *path, size_t n)
{
	size_t start = 0;
	unsigned depth = 0;

	for (size_t i = 0; i <= n; i++) {
		if (i < n && path[i] != '/')
			continue;
		if (i == start || i - start > REAPI_NAME_MAX || path[start] == '.' ||
			++depth > REAPI_PATH_DEPTH)
			return false;
		start = i + 1;
	}
	return reapi_text_valid(path, n);
}

int reapi_path_check(const char *what, const char *path, struct reapi_violation *v)
{
	size_t n = strnlen(path, (size_t)REAPI_PATH_MAX + 1);
	unsigned depth = 0;

	if (n <= REAPI_PATH_MAX && is_simple(path, n))
		return 0;
	if (n == 0)
		return reapi_violate(v, REAPI_INVALID, "%s is empty", what);
	if (n > REAPI_PATH_MAX)
		return reapi_violate(
			v, REAPI_TOO_BIG, "%s is longer than %d bytes", what, REAPI_PATH_MAX);
	if (path[0] == '/')
		return reapi_violate(v, REAPI_INVALID, "%s is absolute: %s", what, path);
	if (path[n - 1] == '/')
		return reapi_violate(v, REAPI_INVALID, "%s ends in '/': %s", what, path);
	for (const char *name = path, *end; name; name = end ? end + 1 : NULL) {
		size_t len;
		int r;

		end = strchr(name, '/');
		len = end ? (size_t)(end - name) : strlen(name);
		if (len == 0)
			return reapi_violate(
				v, REAPI_INVALID, "%s has an empty part: %s", what, path);
		if (len == 2 && memcmp(name, "..", 2) == 0)
			return reapi_violate(
				v, REAPI_INVALID, "%s has a \"..\" in it: %s", what, path);
		r = reapi_name_check("a part of a path", name, len, v);
		if (r == REAPI_INVALID)
			return reapi_violate(v, r, "%s has a part that is no name: %s", what, path);
		if (r != 0)
			return r;
		if (++depth > REAPI_PATH_DEPTH)
			return reapi_violate(v, REAPI_TOO_BIG, "%s is deeper than %d: %s", what,
				REAPI_PATH_DEPTH, path);
	}
	return 0;
}

const char *reapi_output_split(const char *directory, const char *path, size_t *ret_kept)
{
	size_t kept = strlen(directory);

	while (kept > 0 && strncmp(path, "../", 3) == 0) {
		const char *slash = memrchr(directory, '/', kept);

		kept = slash ? (size_t)(slash - directory) : 0;
		path += 3;
	}
	*ret_kept = kept;
	return path;
}

int reapi_output_check(
	const char *what, const char *directory, const char *path, struct reapi_violation *v)
{
	size_t kept;

	return reapi_path_check(what, reapi_output_split(directory, path, &kept), v);
}

int reapi_target_check(const char *target, struct reapi_violation *v)
{
	size_t n = strnlen(target, (size_t)REAPI_PATH_MAX + 1);

	if (n == 0)
		return reapi_violate(v, REAPI_INVALID, "the link's target is empty");
	if (n > REAPI_PATH_MAX)
		return reapi_violate(v, REAPI_TOO_BIG, "the link's target is longer than %d bytes",
			REAPI_PATH_MAX);
	if (!reapi_text_valid(target, n))
		return reapi_violate(
			v, REAPI_INVALID, "the link's target is not UTF-8: %s", target);
	return 0;
}
