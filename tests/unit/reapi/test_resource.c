/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reapi/resource.h"

#define HASH "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define UUID "6ba7b810-9dad-41d1-80b4-00c04fd430c8"
#define R REAPI_RESOURCE_READ
#define W REAPI_RESOURCE_WRITE

static const struct {
	enum reapi_resource_kind kind;
	const char *name;
	const char *instance;
	enum reapi_compressor compressor;
	uint64_t size;
	const char *metadata;
	bool not_as_written; /* we would write it otherwise */
} right[] = {
	{R, "blobs/" HASH "/3", "", REAPI_IDENTITY, 3, "", false},
	{R, "inst1/blobs/" HASH "/0", "inst1", REAPI_IDENTITY, 0, "", false},
	{R, "a/b/c/blobs/" HASH "/9223372036854775807", "a/b/c", REAPI_IDENTITY, INT64_MAX, "",
		false},
	{R, "compressed-blobs/zstd/" HASH "/3", "", REAPI_ZSTD, 3, "", false},
	{R, "i/compressed-blobs/deflate/" HASH "/3", "i", REAPI_DEFLATE, 3, "", false},
	{R, "i/compressed-blobs/brotli/" HASH "/3", "i", REAPI_BROTLI, 3, "", false},
	{R, "i/blobs/sha256/" HASH "/3", "i", REAPI_IDENTITY, 3, "", true},
	{R, "blob/blobs/" HASH "/3", "blob", REAPI_IDENTITY, 3, "", false},
	{W, "uploads/" UUID "/blobs/" HASH "/3", "", REAPI_IDENTITY, 3, "", false},
	{W, "i/j/uploads/" UUID "/blobs/" HASH "/3", "i/j", REAPI_IDENTITY, 3, "", false},
	{W, "i/uploads/" UUID "/compressed-blobs/zstd/" HASH "/3", "i", REAPI_ZSTD, 3, "", false},
	{W, "uploads/" UUID "/blobs/" HASH "/3/some/file.c", "", REAPI_IDENTITY, 3, "some/file.c",
		false},
	{W, "uploads/" UUID "/blobs/sha256/" HASH "/3", "", REAPI_IDENTITY, 3, "", true},
	{W, "uploads/" UUID "/blobs/" HASH "/3/", "", REAPI_IDENTITY, 3, "", false},
};

static void test_right(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(right); i++) {
		AUTO(buf_fini) struct buf b = BUF_INIT;
		char hex[REAPI_HASH_HEX + 1];
		struct reapi_violation v = {.text = ""};
		struct reapi_resource r;

		if (reapi_resource_parse(right[i].name, right[i].kind, &r, &v) != 0)
			fail_msg("%s: %s", right[i].name, v.text);
		assert_int_equal(r.compressor, right[i].compressor);
		assert_int_equal(r.digest.size, right[i].size);
		reapi_digest_hex(&r.digest, hex);
		assert_string_equal(hex, HASH);
		assert_int_equal(r.instance_len, strlen(right[i].instance));
		if (r.instance_len > 0)
			assert_memory_equal(r.instance, right[i].instance, r.instance_len);
		assert_int_equal(r.metadata_len, strlen(right[i].metadata));
		if (r.metadata_len > 0)
			assert_memory_equal(r.metadata, right[i].metadata, r.metadata_len);
		if (right[i].kind == W) {
			assert_int_equal(r.uuid_len, strlen(UUID));
			assert_memory_equal(r.uuid, UUID, r.uuid_len);
		}
		assert_int_equal(reapi_resource_write(&r, &b), 0);
		if (!right[i].not_as_written)
			assert_string_equal(b.data, right[i].name);
		else
			assert_null(strstr(b.data, "sha256"));
	}
}

static void test_wrong(void **state)
{
	static const struct {
		enum reapi_resource_kind kind;
		const char *name;
		int outcome;
		const char *part; /* of the sentence */
	} cases[] = {
		{R, "", REAPI_INVALID, "no \"blobs\""},
		{R, "/", REAPI_INVALID, "no \"blobs\""},
		{R, "blobs", REAPI_INVALID, "no hash"},
		{R, "blobs/", REAPI_INVALID, "no size"},
		{R, "blobs/" HASH, REAPI_INVALID, "no size"},
		{R, "blobs/" HASH "/", REAPI_INVALID, "no valid size"},
		{R, "blobs/" HASH "/x", REAPI_INVALID, "no valid size"},
		{R, "blobs/" HASH "/-1", REAPI_INVALID, "no valid size"},
		{R, "blobs/" HASH "/+1", REAPI_INVALID, "no valid size"},
		{R, "blobs/" HASH "/03", REAPI_INVALID, "no valid size"},
		{R, "blobs/" HASH "/9223372036854775808", REAPI_INVALID, "no valid size"},
		{R, "blobs/" HASH "/99999999999999999999999", REAPI_INVALID, "no valid size"},
		{R, "blobs/" HASH "/3/name", REAPI_INVALID, "behind its size"},
		{R, "blobs/" HASH "/3/", REAPI_INVALID, "behind its size"},
		{R, "blobs/abc/3", REAPI_INVALID, "3 digits"},
		{R, "/blobs/" HASH "/3", REAPI_INVALID, "begins with '/'"},
		{R, "//blobs/" HASH "/3", REAPI_INVALID, "empty part"},
		{R, "a//blobs/" HASH "/3", REAPI_INVALID, "empty part"},
		{R, "a//b/blobs/" HASH "/3", REAPI_INVALID, "empty part"},
		{R, "a/operations/blobs/" HASH "/3", REAPI_INVALID, "operations"},
		{R, "uploads/" UUID "/blobs/" HASH "/3", REAPI_INVALID, "where \"blobs\""},
		{R, "a\xff/blobs/" HASH "/3", REAPI_INVALID, "UTF-8"},
		{R, "blobs/blake3/" HASH "/3", REAPI_UNSUPPORTED, "blake3"},
		{R, "blobs/sha1/da39a3ee5e6b4b0d3255bfef95601890afd80709/0", REAPI_UNSUPPORTED,
			"sha1"},
		{R, "blobs/da39a3ee5e6b4b0d3255bfef95601890afd80709/0", REAPI_INVALID, "40 digits"},
		{R, "blobs/SHA256/" HASH "/3", REAPI_INVALID, "size"},
		{R, "compressed-blobs/" HASH "/3", REAPI_INVALID, "unknown compressor"},
		{R, "compressed-blobs/identity/" HASH "/3", REAPI_INVALID, "unknown compressor"},
		{R, "compressed-blobs/ZSTD/" HASH "/3", REAPI_INVALID, "unknown compressor"},
		{R, "compressed-blobs", REAPI_INVALID, "no compressor"},
		{W, "blobs/" HASH "/3", REAPI_INVALID, "no \"uploads\""},
		{W, "uploads", REAPI_INVALID, "no UUID"},
		{W, "uploads/" UUID, REAPI_INVALID, "blobs"},
		{W, "uploads//blobs/" HASH "/3", REAPI_INVALID, "no UUID"},
		{W, "uploads/a b/blobs/" HASH "/3", REAPI_INVALID, "no UUID"},
		{W, "uploads/" UUID UUID "/blobs/" HASH "/3", REAPI_INVALID, "no UUID"},
		{W, "uploads/" UUID "/x/" HASH "/3", REAPI_INVALID, "where \"blobs\""},
		{W, "uploads/" UUID "/uploads/" UUID "/blobs/" HASH "/3", REAPI_INVALID,
			"where \"blobs\""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct reapi_violation v = {.text = ""};
		struct reapi_resource r;
		int q = reapi_resource_parse(cases[i].name, cases[i].kind, &r, &v);

		if (q != cases[i].outcome || !strstr(v.text, cases[i].part))
			fail_msg("%s: %d, %s", cases[i].name, q, v.text);
		assert_int_equal(reapi_resource_parse(cases[i].name, cases[i].kind, &r, NULL), q);
	}
}

static void test_too_long(void **state)
{
	char name[REAPI_RESOURCE_MAX + 2];
	struct reapi_violation v;
	struct reapi_resource r;
	int n = snprintf(name, sizeof(name), "uploads/" UUID "/blobs/" HASH "/3/");

	memset(name + n, 'm', sizeof(name) - (size_t)n);
	name[REAPI_RESOURCE_MAX] = '\0';
	assert_int_equal(reapi_resource_parse(name, W, &r, &v), 0);
	name[REAPI_RESOURCE_MAX] = 'm';
	name[REAPI_RESOURCE_MAX + 1] = '\0';
	assert_int_equal(reapi_resource_parse(name, W, &r, &v), REAPI_TOO_BIG);
	memset(name, 'i', REAPI_INSTANCE_MAX);
	strcpy(name + REAPI_INSTANCE_MAX, "/blobs/" HASH "/3");
	assert_int_equal(reapi_resource_parse(name, R, &r, &v), 0);
	memset(name, 'i', REAPI_INSTANCE_MAX + 1);
	strcpy(name + REAPI_INSTANCE_MAX + 1, "/blobs/" HASH "/3");
	assert_int_equal(reapi_resource_parse(name, R, &r, &v), REAPI_TOO_BIG);
}

static void test_instances(void **state)
{
	static const struct {
		const char *name;
		int outcome;
	} cases[] = {
		{"", 0},
		{"main", 0},
		{"a/b", 0},
		{"blobsy", 0},
		{"blobs", REAPI_INVALID},
		{"a/uploads", REAPI_INVALID},
		{"actionResults/a", REAPI_INVALID},
		{"a/capabilities/b", REAPI_INVALID},
		{"a/", REAPI_INVALID},
		{"/a", REAPI_INVALID},
		{"/", REAPI_INVALID},
		{"a//b", REAPI_INVALID},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (reapi_instance_check(cases[i].name, NULL) != cases[i].outcome)
			fail_msg("%s", cases[i].name);
}

static void test_not_written(void **state)
{
	AUTO(buf_fini) struct buf b = BUF_INIT;
	const struct reapi_resource good = {.kind = W, .uuid = "u", .uuid_len = 1};
	struct reapi_resource r = good;

	assert_int_equal(buf_append_str(&b, "before"), 0);
	assert_int_equal(reapi_resource_write(&good, &b), 0);
	buf_clear(&b);
	assert_int_equal(buf_append_str(&b, "before"), 0);
	r.uuid = "a/b";
	r.uuid_len = 3;
	assert_int_equal(reapi_resource_write(&r, &b), -EINVAL);
	r = good;
	r.instance = "a/blobs";
	r.instance_len = 7;
	assert_int_equal(reapi_resource_write(&r, &b), -EINVAL);
	r = good;
	r.compressor = (enum reapi_compressor)9;
	assert_int_equal(reapi_resource_write(&r, &b), -EINVAL);
	r = good;
	r.digest.size = UINT64_MAX;
	assert_int_equal(reapi_resource_write(&r, &b), -EINVAL);
	r = good;
	r.kind = R;
	r.metadata = "m";
	r.metadata_len = 1;
	assert_int_equal(reapi_resource_write(&r, &b), -EINVAL);
	b.max = 10;
	assert_int_equal(reapi_resource_write(&good, &b), -E2BIG);
	assert_string_equal(b.data, "before");
}

static void test_compressors(void **state)
{
	assert_string_equal(reapi_compressor_name(REAPI_ZSTD), "zstd");
	assert_int_equal(REAPI_ZSTD, RE_ENUM(COMPRESSOR__VALUE__ZSTD));
	assert_int_equal(REAPI_DEFLATE, RE_ENUM(COMPRESSOR__VALUE__DEFLATE));
	assert_int_equal(REAPI_BROTLI, RE_ENUM(COMPRESSOR__VALUE__BROTLI));
	assert_null(reapi_compressor_name(-1));
	assert_null(reapi_compressor_name(4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_instances),
		cmocka_unit_test(test_not_written),
		cmocka_unit_test(test_compressors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
