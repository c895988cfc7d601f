/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "cas/inside.h"

/*
 * The search, after a crash: every directory is read once, a few names at a time. A file that the
 * index does not know is adopted, in an epoch that nobody trusts, so it is hashed when it is first
 * asked for. Then the index is read once: an entry that was neither met on the way nor used by this
 * process is looked for, and dropped if its file is gone. Foreign names are left alone.
 */

enum { NAME_LEN = CAS_HEX_SIZE - 1 - 2 };

/* "cdef…" or "cdef….x", in directory ab. */
static bool parse_name(unsigned dir, const char *name, uint8_t hash[CAS_HASH_SIZE], bool *exec)
{
	char hex[CAS_HEX_SIZE];

	if (strnlen(name, NAME_LEN) < NAME_LEN)
		return false;
	*exec = str_eq(name + NAME_LEN, ".x");
	if (!*exec && name[NAME_LEN] != '\0')
		return false;
	snprintf(hex, sizeof(hex), "%02x%.62s", dir, name);
	return cas_hash_parse(hex, CAS_HEX_SIZE - 1, hash);
}

static int adopt_locked(struct cas *c, const uint8_t *hash, bool exec)
{
	struct slot s = {.exec = exec};
	char path[CAS_PATH_SIZE];
	struct stat st;
	uint32_t i;
	int r = 0;

	cas_path(hash, exec, path);
	if (fstatat(c->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? CAS_MISSING : -errno;
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > SLOT_BLOB_MAX)
		return CAS_MISSING;
	memcpy(s.digest.hash, hash, CAS_HASH_SIZE);
	s.digest.size = (uint64_t)st.st_size;
	s.id = slot_identity_of(&st);
	cas_lock(c);
	i = table_find(&c->table, hash, exec);
	if (i == TABLE_NONE) {
		r = table_add(&c->table, &s, &i);
		if (r == 0) {
			table_at(&c->table, i)->flags |= TABLE_SEEN | TABLE_DIRTY;
			c->stats.adopted++;
		}
	}
	cas_unlock(c);
	return r == -ENOSPC ? CAS_MISSING : r;
}

int cas_adopt(struct cas *c, const uint8_t *hash, bool exec)
{
	int r;

	cas_stripe_lock(c, hash);
	r = adopt_locked(c, hash, exec);
	cas_stripe_unlock(c, hash);
	return r;
}

static int met(struct cas *c, unsigned dir, const char *name)
{
	uint8_t hash[CAS_HASH_SIZE];
	uint32_t i;
	bool exec;
	int r;

	if (!parse_name(dir, name, hash, &exec))
		return 0;
	cas_lock(c);
	i = table_find(&c->table, hash, exec);
	if (i != TABLE_NONE)
		table_at(&c->table, i)->flags |= TABLE_SEEN;
	cas_unlock(c);
	if (i != TABLE_NONE)
		return 0;
	r = cas_adopt(c, hash, exec);
	return r < 0 ? r : 0;
}

/* A directory that no blob has made is an empty one: search.open stays NULL. */
static int open_next(struct cas *c)
{
	char name[16];
	int fd;

	snprintf(name, sizeof(name), "blobs/%02x", c->search.dir);
	fd = openat(c->root_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	c->search.open = fdopendir(fd);
	if (!c->search.open) {
		int r = -errno;

		close(fd);
		return r;
	}
	return 0;
}

static int read_directories(struct cas *c, size_t *budget)
{
	struct cas_search *s = &c->search;
	int r = 0;

	while (r == 0 && *budget > 0 && s->dir < CAS_FANOUT) {
		struct dirent *e = NULL;

		if (!s->open)
			r = open_next(c);
		if (r < 0)
			return r;
		if (s->open)
			e = readdir(s->open);
		if (!e) {
			if (s->open)
				closedir(s->open);
			s->open = NULL;
			s->dir++;
			continue;
		}
		--*budget;
		r = met(c, s->dir, e->d_name);
	}
	return r;
}

/* An entry that was in the index at start, and whose file nobody has seen since. */
static void look_for(struct cas *c, uint32_t i, const uint8_t *hash, bool exec)
{
	char path[CAS_PATH_SIZE];
	struct stat st;
	bool same;

	cas_path(hash, exec, path);
	cas_stripe_lock(c, hash);
	if (fstatat(c->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT) {
		cas_lock(c);
		same = table_find(&c->table, hash, exec) == i;
		c->stats.lost += same;
		cas_unlock(c);
		if (same)
			cas_entry_drop_locked(c, i);
	}
	cas_stripe_unlock(c, hash);
}

static void read_entries(struct cas *c, size_t *budget)
{
	struct cas_search *s = &c->search;

	while (*budget > 0) {
		uint8_t hash[CAS_HASH_SIZE];
		const struct table_entry *e;
		uint32_t i;
		bool unseen, exec;

		cas_lock(c);
		if (s->next >= c->table.end) {
			s->active = false;
			cas_unlock(c);
			log_event(LOG_LEVEL_INFO, "store-searched", "adopted=%llu lost=%llu",
				(unsigned long long)c->stats.adopted,
				(unsigned long long)c->stats.lost);
			return;
		}
		i = s->next++;
		e = table_at(&c->table, i);
		unseen = (e->flags & (TABLE_LIVE | TABLE_SEEN | TABLE_CHECKED)) == TABLE_LIVE;
		memcpy(hash, e->slot.digest.hash, CAS_HASH_SIZE);
		exec = e->slot.exec;
		cas_unlock(c);
		--*budget;
		if (unseen)
			look_for(c, i, hash, exec);
	}
}

int cas_maintain(struct cas *c, size_t budget, bool *ret_more)
{
	size_t left = budget;
	bool more;
	int r = 0;

	if (c->search.active) {
		r = read_directories(c, &left);
		if (r == 0 && c->search.dir == CAS_FANOUT)
			read_entries(c, &left);
	}
	more = cas_room_trim(c, budget);
	cas_records_sweep(c, budget);
	if (r == 0)
		*ret_more = more || c->search.active;
	return r;
}
