/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store_kit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"

static void require(bool condition, const char *what)
{
	if (condition)
		return;
	perror(what);
	abort();
}

void kit_root_make(struct kit_root *r)
{
	const char *tmp = getenv("TMPDIR");

	/* A store that closes syncs its file system: let that be one with nobody else's data. */
	if (!tmp)
		tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	snprintf(r->path, sizeof(r->path), "%.40s/cas-XXXXXX", tmp);
	require(mkdtemp(r->path), "mkdtemp");
}

void kit_root_remove(struct kit_root *r)
{
	require(fs_remove_tree(r->path) == 0, r->path);
}

void kit_blob(uint64_t n, size_t size, struct buf *ret, struct cas_digest *ret_digest)
{
	uint64_t x = n * 0x9e3779b97f4a7c15ULL + 1;

	buf_clear(ret);
	require(buf_reserve(ret, size + 8) == 0, "buf_reserve");
	for (size_t i = 0; i < size; i += 8) {
		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		memcpy(ret->data + i, &x, 8);
	}
	memcpy(ret->data, &n, MIN(size, sizeof(n)));
	ret->len = size;
	ret->data[size] = '\0';
	require(cas_digest_of(ret->data, size, ret_digest) == 0, "cas_digest_of");
}

static void count_directory(const char *path, uint64_t *bytes, uint64_t *files)
{
	DIR *d = opendir(path);
	struct dirent *e;

	require(d || errno == ENOENT, path); /* it comes with its first blob */
	while (d && (e = readdir(d))) {
		struct stat st;

		if (e->d_name[0] == '.')
			continue;
		require(fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0, e->d_name);
		*bytes += ((uint64_t)st.st_size + CAS_BLOCK - 1) / CAS_BLOCK * CAS_BLOCK +
			  CAS_ENTRY_COST;
		++*files;
	}
	if (d)
		closedir(d);
}

void kit_count(const char *root, uint64_t *ret_bytes, uint64_t *ret_files)
{
	*ret_bytes = *ret_files = 0;
	for (unsigned i = 0; i < 256; i++) {
		char path[256];

		snprintf(path, sizeof(path), "%s/blobs/%02x", root, i);
		count_directory(path, ret_bytes, ret_files);
	}
}

void kit_path(const char *root, const struct cas_digest *d, bool exec, char ret[256])
{
	char hex[CAS_HEX_SIZE];

	cas_hash_hex(d->hash, hex);
	snprintf(ret, 256, "%.100s/blobs/%.2s/%s%s", root, hex, hex + 2, exec ? ".x" : "");
}

int kit_settle(struct cas *c)
{
	bool more = true;
	int r = 0;

	while (r == 0 && more)
		r = cas_maintain(c, 1000, &more);
	return r;
}
