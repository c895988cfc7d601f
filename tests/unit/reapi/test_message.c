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

#include "failing.h"
#include "reapi/digest.h"
#include "reapi/message.h"
#include "reapi/proto.h"

#define HASH "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static int unpack(size_t max, const ProtobufCMessageDescriptor *type, const void *data, size_t n,
	struct reapi_violation *v)
{
	AUTO(reapi_arena_fini) struct reapi_arena a;
	ProtobufCMessage *m;
	/* Memory of just this size, so that a sanitizer sees a read too far. */
	AUTO(util_free) char *exact = malloc(n);

	assert_non_null(exact);
	memcpy(exact, data, n);
	reapi_arena_init(&a, max);
	return reapi_unpack(&a, type, exact, n, &m, v);
}

static void test_arena(void **state)
{
	AUTO(reapi_arena_fini) struct reapi_arena a;
	char *p[300];

	reapi_arena_init(&a, 1 << 20);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
			p[i] = reapi_arena_alloc(&a, i * 7);
			assert_non_null(p[i]);
			assert_int_equal((uintptr_t)p[i] % _Alignof(max_align_t), 0);
			memset(p[i], (int)i, i * 7);
		}
		for (size_t i = 0; i < ARRAY_SIZE(p); i++)
			for (size_t k = 0; k < i * 7; k++)
				assert_int_equal((unsigned char)p[i][k], i & 0xff);
		assert_string_equal(reapi_arena_strndup(&a, "abcdef", 3), "abc");
		reapi_arena_reset(&a);
		assert_int_equal(a.used, 0);
	}
	assert_null(reapi_arena_calloc(&a, SIZE_MAX / 2, 4));
	assert_true(a.exhausted);
}

static void test_arena_limit(void **state)
{
	AUTO(reapi_arena_fini) struct reapi_arena a;
	size_t n = 0;

	reapi_arena_init(&a, 100000);
	while (reapi_arena_alloc(&a, 100))
		n++;
	assert_true(a.exhausted);
	assert_false(a.no_memory);
	assert_in_range(n, 100000 / 112 - 1, 100000 / 112 + 1);
	assert_null(reapi_arena_alloc(&a, SIZE_MAX));
	reapi_arena_reset(&a);
	assert_false(a.exhausted);
	assert_non_null(reapi_arena_alloc(&a, 90000));
}

static void test_round_trip(void **state)
{
	AUTO(reapi_arena_fini) struct reapi_arena a;
	AUTO(buf_fini) struct buf b = BUF_INIT;
	re_find_missing_blobs_request q = RE_INIT(FIND_MISSING_BLOBS_REQUEST), *again;
	struct reapi_digest_message d[3];
	re_digest *list[3];
	struct reapi_violation v;

	for (size_t i = 0; i < 3; i++) {
		reapi_digest_to_proto(&reapi_digest_empty, &d[i]);
		d[i].message.size_bytes = (int64_t)i;
		list[i] = &d[i].message;
	}
	q.instance_name = (char *)"main";
	q.n_blob_digests = 3;
	q.blob_digests = list;
	reapi_arena_init(&a, reapi_memory_for(0));
	assert_int_equal(reapi_pack(&q.base, &b), 0);
	assert_int_equal(
		reapi_unpack(&a, RE_TYPE(find_missing_blobs_request), b.data, b.len, &again, &v),
		0);
	assert_string_equal(again->instance_name, "main");
	assert_int_equal(again->n_blob_digests, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_string_equal(again->blob_digests[i]->hash, d[i].hex);
		assert_int_equal(again->blob_digests[i]->size_bytes, i);
	}
	assert_int_equal(
		reapi_unpack(&a, RE_TYPE(find_missing_blobs_request), "", 0, &again, &v), 0);
	assert_string_equal(again->instance_name, "");
	b.max = b.len + 1;
	assert_int_equal(reapi_pack(&q.base, &b), -E2BIG);
}

/* Fields of all kinds; what is wrong with each is in the sentence. */
static void test_wrong(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *part;
	} cases[] = {
		{"\x0a", 1, "not whole"},
		{"\x0a\x05"
		 "abc",
			5, "not whole"},
		{"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, "not whole"},
		{"\x10", 1, "not whole"},
		{"\x10\x80\x80", 3, "not whole"},
		{"\x10\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02", 11, "not whole"}, /* 65 bits */
		{"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11, "no number"},
		{"\x02\x00", 2, "no number"},
		{"\x1b\x1c", 2, "not whole"}, /* a group */
		{"\x09"
		 "1234567",
			8, "not whole"}, /* 64 bits */
		{"\x0d"
		 "123",
			4, "not whole"}, /* 32 bits */
		{"\x08\x01", 2, "Digest.hash has the wrong wire type"},
		{"\x12\x01x", 3, "Digest.size_bytes has the wrong wire type"},
		{"\x0a\x01\xff", 3, "Digest.hash is not UTF-8"},
		{"\x0a\x03"
		 "a\0b",
			5, "Digest.hash is not UTF-8, or has a NUL"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct reapi_violation v = {.text = ""};
		int r = unpack(1 << 20, RE_TYPE(digest), cases[i].bytes, cases[i].n, &v);

		if (r != REAPI_INVALID || !strstr(v.text, cases[i].part))
			fail_msg("case %zu: %d, %s", i, r, v.text);
	}
}

/* What is not known is kept and written again. */
static void test_unknown_fields(void **state)
{
	static const char bytes[] = "\x0a\x01"
				    "h"
				    "\x7a\x03new"
				    "\x88\x01\x05";
	AUTO(reapi_arena_fini) struct reapi_arena a;
	AUTO(buf_fini) struct buf b = BUF_INIT;
	struct reapi_violation v;
	re_digest *d;

	reapi_arena_init(&a, 1 << 20);
	assert_int_equal(reapi_unpack(&a, RE_TYPE(digest), bytes, sizeof(bytes) - 1, &d, &v), 0);
	assert_string_equal(d->hash, "h");
	assert_int_equal(reapi_pack(&d->base, &b), 0);
	assert_int_equal(b.len, sizeof(bytes) - 1);
	assert_memory_equal(b.data, bytes, b.len);
}

/* Two bytes each on the wire, a struct each in memory. */
static void test_inflating(void **state)
{
	enum { N = 1 << 17 };
	AUTO(util_free) char *bytes = malloc(N * 2);
	struct reapi_violation v;

	assert_non_null(bytes);
	for (size_t i = 0; i < N; i++)
		memcpy(bytes + 2 * i, "\x12\x00", 2);
	assert_int_equal(unpack(reapi_memory_for(N * 2), RE_TYPE(find_missing_blobs_request), bytes,
				 N * 2, &v),
		REAPI_TOO_BIG);
	assert_non_null(strstr(v.text, "memory"));
	assert_int_equal(
		unpack(SIZE_MAX, RE_TYPE(find_missing_blobs_request), bytes, N * 2, &v), 0);
	/* And fields that nobody knows. */
	for (size_t i = 0; i < N; i++)
		memcpy(bytes + 2 * i, "\x78\x00", 2);
	assert_int_equal(
		unpack(reapi_memory_for(N * 2), RE_TYPE(digest), bytes, N * 2, &v), REAPI_TOO_BIG);
}

/* A message that is there twice is merged, and each time its list is copied. */
static void test_merging(void **state)
{
	enum { N = 1 << 14, ONE = 4 };
	AUTO(util_free) char *bytes = malloc(N * ONE);
	struct reapi_violation v;

	assert_non_null(bytes);
	for (size_t i = 0; i < N; i++)
		memcpy(bytes + ONE * i, "\x52\x02\x0a\x00", ONE); /* Action.platform.properties */
	assert_int_equal(unpack(reapi_memory_for(N * ONE), RE_TYPE(action), bytes, N * ONE, &v),
		REAPI_TOO_BIG);
}

static void test_too_long(void **state)
{
	AUTO(reapi_arena_fini) struct reapi_arena a;
	struct reapi_violation v;
	re_digest *d;

	reapi_arena_init(&a, 1 << 20);
	/* The bytes are not looked at. */
	assert_int_equal(
		reapi_unpack(&a, RE_TYPE(digest), "", (size_t)REAPI_MESSAGE_MAX + 1, &d, &v),
		REAPI_TOO_BIG);
}

/* None of our types is recursive: the deepest is far below the limit. */
static unsigned depth_of(const ProtobufCMessageDescriptor *type, unsigned above)
{
	unsigned deepest = 0;

	assert_true(above < REAPI_DEPTH_MAX);
	for (unsigned i = 0; i < type->n_fields; i++)
		if (type->fields[i].type == PROTOBUF_C_TYPE_MESSAGE)
			deepest = MAX(deepest, depth_of(type->fields[i].descriptor, above + 1));
	return deepest + 1;
}

static void test_depth_of_types(void **state)
{
	static const ProtobufCServiceDescriptor *const services[] = {RE_SERVICE(capabilities),
		RE_SERVICE(content_addressable_storage), RE_SERVICE(action_cache),
		RE_SERVICE(execution), BS_SERVICE(byte_stream), LRO_SERVICE(operations),
		HEALTH_SERVICE(health)};
	unsigned deepest = depth_of(RE_TYPE(tree), 0), methods = 0;

	for (size_t i = 0; i < ARRAY_SIZE(services); i++)
		for (unsigned k = 0; k < services[i]->n_methods; k++, methods++) {
			deepest = MAX(deepest, depth_of(services[i]->methods[k].input, 0));
			deepest = MAX(deepest, depth_of(services[i]->methods[k].output, 0));
		}
	assert_int_equal(methods, 21);
	assert_in_range(deepest, 4, REAPI_DEPTH_MAX / 2);
}

static ProtobufCFieldDescriptor endless_fields[1];
static const ProtobufCIntRange endless_ranges[] = {{1, 0}, {0, 1}};
static const unsigned endless_by_name[] = {0};
static const ProtobufCMessageDescriptor endless = {
	.magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
	.name = "Endless",
	.short_name = "Endless",
	.c_name = "Endless",
	.package_name = "",
	.sizeof_message = sizeof(ProtobufCMessage) + sizeof(void *),
	.n_fields = 1,
	.fields = endless_fields,
	.fields_sorted_by_name = endless_by_name,
	.n_field_ranges = 1,
	.field_ranges = endless_ranges,
};

/* A type that is recursive: n messages in each other, written from the inside out. */
static void test_depth(void **state)
{
	endless_fields[0] = (ProtobufCFieldDescriptor){.name = "again",
		.id = 1,
		.label = PROTOBUF_C_LABEL_NONE,
		.type = PROTOBUF_C_TYPE_MESSAGE,
		.offset = sizeof(ProtobufCMessage),
		.descriptor = &endless};
	for (unsigned depth = REAPI_DEPTH_MAX - 1; depth <= REAPI_DEPTH_MAX + 1; depth++) {
		char bytes[2 * REAPI_DEPTH_MAX];
		struct reapi_violation v;
		size_t n = 0;

		for (unsigned i = 1; i < depth; i++) {
			memmove(bytes + 2, bytes, n);
			bytes[0] = '\x0a';
			bytes[1] = (char)n;
			n += 2;
		}
		assert_int_equal(unpack(1 << 20, &endless, bytes, n, &v),
			depth > REAPI_DEPTH_MAX ? REAPI_TOO_BIG : 0);
	}
}

/* How much honest messages take, for the factor of reapi_memory_for. */
static void test_honest_memory(void **state)
{
	AUTO(buf_fini) struct buf b = BUF_INIT;
	re_directory m = RE_INIT(DIRECTORY);
	AUTO(reapi_arena_fini) struct reapi_arena a;
	re_symlink_node nodes[4096], *list[4096];
	char names[4096][4];
	struct reapi_violation v;
	re_directory *again;

	/* The smallest entries that a large Directory can have. */
	for (int i = 0; i < 4096; i++) {
		snprintf(names[i], sizeof(names[i]), "%03x", i);
		nodes[i] = (re_symlink_node)RE_INIT(SYMLINK_NODE);
		nodes[i].name = names[i];
		nodes[i].target = (char *)"x";
		list[i] = &nodes[i];
	}
	m.n_symlinks = 4096;
	m.symlinks = list;
	assert_int_equal(reapi_pack(&m.base, &b), 0);
	reapi_arena_init(&a, SIZE_MAX);
	assert_int_equal(reapi_unpack(&a, RE_TYPE(directory), b.data, b.len, &again, &v), 0);
	print_message(
		"the smallest links take %.1f times their bytes\n", (double)a.used / (double)b.len);
	assert_true(a.used <= reapi_memory_for(b.len));
}

static void test_no_memory(void **state)
{
	static const char bytes[] = "\x0a\x04main\x12\x03\x0a\x01h";

	for (unsigned n = 1; failing_start(n); n++) {
		AUTO(reapi_arena_fini) struct reapi_arena a;
		re_find_missing_blobs_request *m;
		int r;

		reapi_arena_init(&a, 1 << 20);
		r = reapi_unpack(&a, RE_TYPE(find_missing_blobs_request), bytes, sizeof(bytes) - 1,
			&m, NULL);
		assert_int_equal(r, failing_stop() ? -ENOMEM : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arena),
		cmocka_unit_test(test_arena_limit),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_unknown_fields),
		cmocka_unit_test(test_inflating),
		cmocka_unit_test(test_merging),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_depth_of_types),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_honest_memory),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
