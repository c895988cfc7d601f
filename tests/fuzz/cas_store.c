/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "cas/slot.h"
#include "cas/state.h"
#include "cas/store.h"

/*
 * What a store finds at start: the file "state" up to the first NUL, the file "index" behind it.
 * The store opens, or says that a later version
 * made it; then nothing that the index tells of is there, because no file is, and when it has
 * looked it counts nothing.
 */

static char root[64];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void remove_root(void)
{
	require(fs_remove_tree(root) == 0);
}

static void make_root(void)
{
	if (*root)
		return;
	strcpy(root, access("/dev/shm", W_OK) == 0 ? "/dev/shm/cas-XXXXXX" : "/tmp/cas-XXXXXX");
	require(mkdtemp(root));
	atexit(remove_root);
	log_to_fd(-1);
}

static void put_file(const char *name, const void *data, size_t n)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	require(fd >= 0 && fs_write_all(fd, data, n) == 0);
	close(fd);
}

static void check_store(const uint8_t *index, size_t n)
{
	const struct cas_options o = {.root = root, .max_bytes = 1 << 20, .boot_id = "b"};
	struct cas_stats stats;
	struct cas *c;
	bool more = true;
	int r = cas_open(&o, &c);

	require(r == 0 || r == CAS_NEWER);
	if (r != 0)
		return;
	for (size_t at = SLOT_SIZE; at + SLOT_SIZE <= n && at < 8 * SLOT_SIZE; at += SLOT_SIZE) {
		struct slot s;

		if (slot_decode(index + at, &s) == SLOT_USED && !cas_digest_is_empty(&s.digest))
			require(cas_has(c, &s.digest) == CAS_MISSING);
	}
	while (more)
		require(cas_maintain(c, 100000, &more) == 0);
	cas_stats(c, &stats);
	require(stats.bytes <= stats.max_bytes);
	require(cas_close(c) == 0);
	require(cas_open(&o, &c) == 0);
	require(cas_close(c) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = memchr(data, '\0', size);
	size_t n_state = nul ? (size_t)(nul - data) : size;
	const uint8_t *index = nul ? nul + 1 : data + size;
	size_t n_index = size - (size_t)(index - data);

	make_root();
	put_file("state", data, n_state);
	put_file("index", index, n_index);
	check_store(index, n_index);
	return 0;
}
