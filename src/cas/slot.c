/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cas/slot.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "cas/store.h"

/*
 * The file "index" is an array of records of SLOT_SIZE bytes, all numbers little-endian. Record 0
 * is the header:
 *
 *	 0  16  "distcc cas index"
 *	16   4  version, SLOT_VERSION
 *	20   4  SLOT_SIZE
 *	24  56  zeros
 *
 * and each of the others one file of the store, or zeros where there is none:
 *
 *	 0  32  SHA-256
 *	32   8  size of the blob, at most SLOT_BLOB_MAX
 *	40   8  inode number
 *	48   8  modification time of the file, ns since 1970
 *	56   8  change time, the same
 *	64   8  last use
 *	72   3  epoch
 *	75   1  bit 0: used (always); bit 1: the executable file
 *	76   4  check of the 76 bytes before
 *
 * Records are overwritten in place, one write for each. A process that is killed leaves every
 * record old or new. A machine that loses power may leave any mixture, half-written records among
 * them: the check finds those, and the search of the directories finds what they stood for. There
 * is nothing to replay and nothing to compact; starting is one read of the file from end to end.
 */

static const char magic[16] = {
	'd', 'i', 's', 't', 'c', 'c', ' ', 'c', 'a', 's', ' ', 'i', 'n', 'd', 'e', 'x'};

enum { FLAG_USED = 1, FLAG_EXEC = 2, AT_CHECK = SLOT_SIZE - 4 };

static void put64(uint8_t *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, sizeof(v));
}

static uint64_t get64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

static void put32(uint8_t *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof(v));
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

/* Against accidents, not enemies; it is most of what a start costs, so it goes by words. */
static uint32_t check_of(const uint8_t *bytes)
{
	uint64_t h = 0x9e3779b97f4a7c15ULL;

	for (size_t i = 0; i < AT_CHECK - 4; i += 8) {
		h = (h ^ get64(bytes + i)) * 0xff51afd7ed558ccdULL;
		h ^= h >> 32;
	}
	h = (h ^ get32(bytes + AT_CHECK - 4)) * 0xff51afd7ed558ccdULL;
	return (uint32_t)(h >> 32);
}

static int64_t ns_of(const struct timespec *t)
{
	return (int64_t)((uint64_t)t->tv_sec * 1000000000u + (uint64_t)t->tv_nsec);
}

struct slot_identity slot_identity_of(const struct stat *st)
{
	return (struct slot_identity){.ino = st->st_ino,
		.mtime_ns = ns_of(&st->st_mtim),
		.ctime_ns = ns_of(&st->st_ctim)};
}

bool slot_identity_same_content(const struct slot_identity *a, const struct slot_identity *b)
{
	return a->ino == b->ino && a->mtime_ns == b->mtime_ns;
}

bool slot_identity_equal(const struct slot_identity *a, const struct slot_identity *b)
{
	return slot_identity_same_content(a, b) && a->ctime_ns == b->ctime_ns;
}

void slot_encode(const struct slot *s, uint8_t ret[SLOT_SIZE])
{
	memcpy(ret, s->digest.hash, CAS_HASH_SIZE);
	put64(ret + 32, s->digest.size);
	put64(ret + 40, s->id.ino);
	put64(ret + 48, (uint64_t)s->id.mtime_ns);
	put64(ret + 56, (uint64_t)s->id.ctime_ns);
	put64(ret + 64, s->use);
	put32(ret + 72, s->epoch);
	ret[75] = FLAG_USED | (s->exec ? FLAG_EXEC : 0);
	put32(ret + AT_CHECK, check_of(ret));
}

enum slot_kind slot_decode(const uint8_t bytes[SLOT_SIZE], struct slot *ret)
{
	static const uint8_t zeros[SLOT_SIZE];
	uint8_t flags = bytes[75];

	if (!(flags & FLAG_USED))
		return memcmp(bytes, zeros, SLOT_SIZE) == 0 ? SLOT_FREE : SLOT_TORN;
	if (get32(bytes + AT_CHECK) != check_of(bytes) || (flags & ~(FLAG_USED | FLAG_EXEC)) ||
		get64(bytes + 32) > SLOT_BLOB_MAX)
		return SLOT_TORN;
	*ret = (struct slot){.digest.size = get64(bytes + 32),
		.id = {.ino = get64(bytes + 40),
			.mtime_ns = (int64_t)get64(bytes + 48),
			.ctime_ns = (int64_t)get64(bytes + 56)},
		.use = get64(bytes + 64),
		.epoch = get32(bytes + 72) & SLOT_EPOCH_MAX,
		.exec = flags & FLAG_EXEC};
	memcpy(ret->digest.hash, bytes, CAS_HASH_SIZE);
	return SLOT_USED;
}

void slot_encode_header(uint8_t ret[SLOT_SIZE])
{
	memset(ret, 0, SLOT_SIZE);
	memcpy(ret, magic, sizeof(magic));
	put32(ret + 16, SLOT_VERSION);
	put32(ret + 20, SLOT_SIZE);
}

int slot_decode_header(const uint8_t bytes[SLOT_SIZE], uint32_t *ret_version)
{
	uint32_t version = get32(bytes + 16);

	if (memcmp(bytes, magic, sizeof(magic)) != 0 || version == 0)
		return -EBADMSG;
	if (version == SLOT_VERSION && get32(bytes + 20) != SLOT_SIZE)
		return -EBADMSG;
	*ret_version = version;
	return version > SLOT_VERSION ? CAS_NEWER : 0;
}
