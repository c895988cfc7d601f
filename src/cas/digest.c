/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cas/digest.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

enum { READ_CHUNK = 1 << 16 };

const struct cas_digest cas_digest_empty = {
	.hash = {0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f,
		0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b,
		0x78, 0x52, 0xb8, 0x55}};

bool cas_digest_equal(const struct cas_digest *a, const struct cas_digest *b)
{
	return a->size == b->size && memcmp(a->hash, b->hash, CAS_HASH_SIZE) == 0;
}

bool cas_digest_is_empty(const struct cas_digest *d)
{
	return cas_digest_equal(d, &cas_digest_empty);
}

void cas_hash_hex(const uint8_t hash[CAS_HASH_SIZE], char ret[CAS_HEX_SIZE])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < CAS_HASH_SIZE; i++) {
		ret[2 * i] = digits[hash[i] >> 4];
		ret[2 * i + 1] = digits[hash[i] & 15];
	}
	ret[CAS_HEX_SIZE - 1] = '\0';
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool cas_hash_parse(const char *hex, size_t n, uint8_t ret[CAS_HASH_SIZE])
{
	uint8_t hash[CAS_HASH_SIZE];

	if (n != CAS_HEX_SIZE - 1)
		return false;
	for (size_t i = 0; i < CAS_HASH_SIZE; i++) {
		int high = hex_value(hex[2 * i]), low = hex_value(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		hash[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(ret, hash, CAS_HASH_SIZE);
	return true;
}

int cas_hasher_init(struct cas_hasher *h)
{
	*h = (struct cas_hasher){.ctx = EVP_MD_CTX_new()};
	if (h->ctx && EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL) == 1)
		return 0;
	cas_hasher_fini(h);
	return -ENOMEM;
}

int cas_hasher_update(struct cas_hasher *h, const void *data, size_t n)
{
	h->size += n;
	return EVP_DigestUpdate(h->ctx, data, n) == 1 ? 0 : -EIO;
}

int cas_hasher_final(struct cas_hasher *h, struct cas_digest *ret)
{
	struct cas_digest d = {.size = h->size};

	if (EVP_DigestFinal_ex(h->ctx, d.hash, NULL) != 1)
		return -EIO;
	*ret = d;
	return 0;
}

void cas_hasher_fini(struct cas_hasher *h)
{
	EVP_MD_CTX_free(h->ctx);
	h->ctx = NULL;
}

int cas_digest_of(const void *data, size_t n, struct cas_digest *ret)
{
	struct cas_digest d = {.size = n};

	if (EVP_Digest(data, n, d.hash, NULL, EVP_sha256(), NULL) != 1)
		return -ENOMEM;
	*ret = d;
	return 0;
}

int cas_digest_of_fd(int fd, struct cas_digest *ret)
{
	AUTO(cas_hasher_fini) struct cas_hasher h = {.ctx = NULL};
	char chunk[READ_CHUNK];
	int r = cas_hasher_init(&h);

	while (r == 0) {
		ssize_t n = pread(fd, chunk, sizeof(chunk), (off_t)h.size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return cas_hasher_final(&h, ret);
		r = cas_hasher_update(&h, chunk, (size_t)n);
	}
	return r;
}
