/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reapi/digest.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#include <openssl/evp.h>

#include "reapi/arena.h"

const struct reapi_digest reapi_digest_empty = {
	.hash = {0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f,
		0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b,
		0x78, 0x52, 0xb8, 0x55},
};

/* Looking an algorithm up costs more than hashing a Directory: once in a process. */
static pthread_once_t fetched = PTHREAD_ONCE_INIT;
static EVP_MD *sha256;

static void fetch(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

bool reapi_digest_eq(const struct reapi_digest *a, const struct reapi_digest *b)
{
	return a->size == b->size && memcmp(a->hash, b->hash, sizeof(a->hash)) == 0;
}

int reapi_digest_cmp(const struct reapi_digest *a, const struct reapi_digest *b)
{
	int c = memcmp(a->hash, b->hash, sizeof(a->hash));

	return c != 0 ? c : (a->size > b->size) - (a->size < b->size);
}

bool reapi_digest_is_empty(const struct reapi_digest *d)
{
	return reapi_digest_eq(d, &reapi_digest_empty);
}

uint64_t reapi_digest_key(const struct reapi_digest *d)
{
	uint64_t key;

	memcpy(&key, d->hash, sizeof(key));
	return key;
}

int reapi_hasher_init(struct reapi_hasher *h)
{
	EVP_MD_CTX *context;

	pthread_once(&fetched, fetch);
	if (!sha256)
		return -EIO;
	context = EVP_MD_CTX_new();
	if (!context)
		return -ENOMEM;
	if (EVP_DigestInit_ex2(context, sha256, NULL) != 1) {
		EVP_MD_CTX_free(context);
		return -ENOMEM;
	}
	*h = (struct reapi_hasher){.context = context};
	return 0;
}

void reapi_hasher_fini(struct reapi_hasher *h)
{
	EVP_MD_CTX_free(h->context);
	h->context = NULL;
	h->size = 0;
}

int reapi_hasher_update(struct reapi_hasher *h, const void *data, size_t n)
{
	if (n > 0 && EVP_DigestUpdate(h->context, data, n) != 1)
		return -EIO;
	h->size += n;
	return 0;
}

int reapi_hasher_finish(struct reapi_hasher *h, struct reapi_digest *ret)
{
	struct reapi_digest d = {.size = h->size};

	if (EVP_DigestFinal_ex(h->context, d.hash, NULL) != 1 ||
		EVP_DigestInit_ex2(h->context, NULL, NULL) != 1)
		return -EIO;
	h->size = 0;
	*ret = d;
	return 0;
}

int reapi_digest_of(const void *data, size_t n, struct reapi_digest *ret)
{
	AUTO(reapi_hasher_fini) struct reapi_hasher h = {.context = NULL};
	int r = reapi_hasher_init(&h);

	if (r == 0)
		r = reapi_hasher_update(&h, data, n);
	return r == 0 ? reapi_hasher_finish(&h, ret) : r;
}

/* Four bytes in eight digits: each half of a byte goes into a byte of its own. */
static uint64_t hex_of(uint32_t v)
{
	static const uint64_t ones = 0x0101010101010101u;
	uint64_t x = v;

	x = (x << 16 & 0x0000ffff00000000u) | (x & 0x000000000000ffffu);
	x = (x << 8 & 0x00ff000000ff0000u) | (x & 0x000000ff000000ffu);
	x = (x << 4 & 0x0f000f000f000f00u) | (x & 0x000f000f000f000fu);
	return x + '0' * ones + ((x + 6 * ones) >> 4 & ones) * ('a' - '0' - 10);
}

void reapi_digest_hex(const struct reapi_digest *d, char ret[REAPI_HASH_HEX + 1])
{
	for (size_t i = 0; i < sizeof(d->hash); i += 4) {
		uint32_t v;
		uint64_t hex;

		memcpy(&v, d->hash + i, sizeof(v));
		hex = htobe64(hex_of(be32toh(v)));
		memcpy(ret + 2 * i, &hex, sizeof(hex));
	}
	ret[REAPI_HASH_HEX] = '\0';
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int reapi_digest_parse(const char *hash, size_t n, int64_t size, struct reapi_digest *ret,
	struct reapi_violation *v)
{
	struct reapi_digest d = {.size = (uint64_t)size};

	if (n != REAPI_HASH_HEX)
		return reapi_violate(v, REAPI_INVALID,
			"the hash has %zu digits, but SHA-256 has %d: %.*s", n, REAPI_HASH_HEX,
			(int)MIN(n, (size_t)REAPI_HASH_HEX), hash);
	for (size_t i = 0; i < sizeof(d.hash); i++) {
		int high = digit(hash[2 * i]), low = digit(hash[2 * i + 1]);

		if (high < 0 || low < 0)
			return reapi_violate(v, REAPI_INVALID,
				"the hash is not lower case hexadecimal: %.*s", REAPI_HASH_HEX,
				hash);
		d.hash[i] = (uint8_t)(high << 4 | low);
	}
	if (size < 0)
		return reapi_violate(v, REAPI_INVALID, "the size is negative: %.*s/%" PRId64,
			REAPI_HASH_HEX, hash, size);
	*ret = d;
	return 0;
}

int reapi_digest_from_proto(const re_digest *m, struct reapi_digest *ret, struct reapi_violation *v)
{
	if (!m)
		return reapi_violate(v, REAPI_INVALID, "the digest is left out");
	return reapi_digest_parse(m->hash, strlen(m->hash), m->size_bytes, ret, v);
}

void reapi_digest_to_proto(const struct reapi_digest *d, struct reapi_digest_message *ret)
{
	reapi_digest_hex(d, ret->hex);
	ret->message = (re_digest)RE_INIT(DIGEST);
	ret->message.hash = ret->hex;
	ret->message.size_bytes = (int64_t)d->size;
}

re_digest *reapi_digest_new(struct reapi_arena *a, const struct reapi_digest *d)
{
	struct reapi_digest_message *m = reapi_arena_alloc(a, sizeof(*m));

	if (!m)
		return NULL;
	reapi_digest_to_proto(d, m);
	return &m->message;
}

int reapi_digest_function_check(int function, struct reapi_violation *v)
{
	const ProtobufCEnumDescriptor *type = RE_TYPE(digest_function__value);
	const ProtobufCEnumValue *value;

	if (function == RE_ENUM(DIGEST_FUNCTION__VALUE__UNKNOWN) ||
		function == RE_ENUM(DIGEST_FUNCTION__VALUE__SHA256))
		return 0;
	value = protobuf_c_enum_descriptor_get_value(type, function);
	if (!value)
		return reapi_violate(v, REAPI_INVALID, "digest function %d is not known", function);
	return reapi_violate(v, REAPI_UNSUPPORTED, "digest function %s is not supported, SHA256 is",
		value->name);
}
