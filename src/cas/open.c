/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "cas/inside.h"
#include "cas/upload.h"

/* Opening and closing a store: who owns it, how it was left, and what of it may be trusted. */

const char *cas_outcome_text(int outcome)
{
	static const char *const texts[] = {
		[CAS_MISSING] = "missing",
		[CAS_IN_USE] = "in use",
		[CAS_NEWER] = "made by a later version",
		[CAS_NO_SPACE] = "no space",
		[CAS_BAD_DIGEST] = "not what the digest says",
		[CAS_TOO_LARGE] = "too large",
		[CAS_PRESENT] = "present",
		[CAS_QUOTA] = "over quota",
		[CAS_OFFSET] = "wrong offset",
		[CAS_BAD_STREAM] = "bad compressed stream",
		[CAS_ALTERED] = "altered",
	};

	if (outcome <= 0 || (size_t)outcome >= ARRAY_SIZE(texts))
		return "";
	return texts[outcome];
}

void cas_lock(struct cas *c)
{
	pthread_mutex_lock(&c->lock);
}

void cas_unlock(struct cas *c)
{
	pthread_mutex_unlock(&c->lock);
}

void cas_stripe_lock(struct cas *c, const uint8_t *hash)
{
	pthread_mutex_lock(&c->stripes[hash[CAS_HASH_SIZE - 1]]);
}

void cas_stripe_unlock(struct cas *c, const uint8_t *hash)
{
	pthread_mutex_unlock(&c->stripes[hash[CAS_HASH_SIZE - 1]]);
}

void cas_path(const uint8_t *hash, bool exec, char ret[CAS_PATH_SIZE])
{
	char hex[CAS_HEX_SIZE];

	cas_hash_hex(hash, hex);
	snprintf(ret, CAS_PATH_SIZE, "blobs/%.2s/%s%s", hex, hex + 2, exec ? ".x" : "");
}

int cas_make_directory(struct cas *c, const char *path)
{
	return mkdirat(c->root_fd, path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

bool cas_is_trusted(const struct cas *c, const struct slot *s)
{
	return s->epoch >= c->state.trusted;
}

/* The root and its lock. CAS_IN_USE. */
static int take_root(struct cas *c, const char *root)
{
	int r = fs_mkdirs(root, 0700);

	if (r < 0)
		return r;
	c->root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->root_fd < 0)
		return -errno;
	c->lock_fd = openat(c->root_fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (c->lock_fd < 0)
		return -errno;
	if (flock(c->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return -errno;
	log_event(LOG_LEVEL_ERROR, "store-in-use", "root=%s", root);
	return CAS_IN_USE;
}

static int make_directories(struct cas *c)
{
	int r = cas_make_directory(c, "blobs");

	if (r == 0)
		r = cas_make_directory(c, "tmp");
	if (r < 0)
		return r;
	c->tmp_fd = openat(c->root_fd, "tmp", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return c->tmp_fd < 0 ? -errno : 0;
}

/* What a killed process was writing. At most CAS_UPLOADS_MAX and a few. */
static int empty_tmp(struct cas *c)
{
	int fd = fcntl(c->tmp_fd, F_DUPFD_CLOEXEC, 0);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d) {
		int r = -errno;

		util_close(&fd);
		return r;
	}
	while ((e = readdir(d)))
		if (e->d_name[0] != '.')
			unlinkat(c->tmp_fd, e->d_name, 0);
	closedir(d);
	return 0;
}

static uint32_t latest_epoch(const struct table *t)
{
	uint32_t epoch = 0;

	for (uint32_t i = 0; i < t->end; i++)
		if (table_at(t, i)->flags & TABLE_LIVE)
			epoch = MAX(epoch, table_at(t, i)->slot.epoch);
	return epoch;
}

static void set_boot(struct state *s, const char *boot_id)
{
	if (boot_id)
		snprintf(s->boot, sizeof(s->boot), "%s", boot_id);
	else
		state_boot_id(s->boot);
}

/*
 * From how it was left, how it is now. found_all: the index was there and whole; left: so was the
 * state file.
 */
static void judge(struct cas *c, const struct state *left, bool found_all)
{
	struct state *s = &c->state;
	bool killed = left && !left->clean && *left->boot;

	set_boot(s, c->options.boot_id);
	killed = killed && str_eq(left->boot, s->boot);
	s->clean = false;
	s->searching = !found_all || !left || left->searching || !left->clean;
	if (left && (left->clean || killed)) {
		s->epoch = left->epoch;
		s->trusted = left->trusted;
		return;
	}
	/* A number that no record has: what the file lost may have been higher than what it says. */
	s->epoch = MIN(
		MAX(latest_epoch(&c->table), left ? left->epoch : 0) + 1, (uint32_t)SLOT_EPOCH_MAX);
	s->trusted = s->epoch;
	if (c->table.n > 0)
		log_event(LOG_LEVEL_NOTICE, "store-unclean",
			"files=%u are verified before they are used", c->table.n);
}

/* A full disk: blobs make way. */
static int write_state(struct cas *c)
{
	int r = state_write(c->root_fd, &c->state);

	while (r == -ENOSPC && cas_room_evict(c, 0))
		r = state_write(c->root_fd, &c->state);
	return r;
}

static int load(struct cas *c)
{
	struct state left;
	bool found_all = false;
	int q = state_read(c->root_fd, &left);
	int r;

	if (q == CAS_NEWER) {
		log_event(LOG_LEVEL_ERROR, "store-newer",
			"the store is version %u, this program knows %d", left.epoch,
			STATE_VERSION);
		return q;
	}
	if (q < 0 && q != -ENOENT && q != -EBADMSG)
		return q;
	r = make_directories(c);
	if (r == 0)
		r = cas_records_open(c, &found_all);
	if (r == 0)
		r = empty_tmp(c);
	if (r != 0)
		return r;
	judge(c, q == 0 ? &left : NULL, found_all);
	c->search.active = c->state.searching;
	return write_state(c);
}

static int default_options(struct cas_options *o)
{
	if (o->max_bytes == 0 || o->max_bytes > INT64_MAX)
		return -EINVAL;
	if (o->max_entries == 0)
		o->max_entries = CAS_ENTRIES_DEFAULT;
	o->max_entries = MIN(o->max_entries, (uint64_t)CAS_ENTRIES_MAX);
	if (o->max_blob == 0)
		o->max_blob = MAX(o->max_bytes / 4, (uint64_t)1);
	o->max_blob = MIN(MIN(o->max_blob, o->max_bytes), SLOT_BLOB_MAX);
	if (o->owner_bytes == 0)
		o->owner_bytes = o->max_blob;
	if (o->owner_uploads == 0)
		o->owner_uploads = CAS_OWNER_UPLOADS_DEFAULT;
	return 0;
}

static void free_store(struct cas *c)
{
	if (c->search.open)
		closedir(c->search.open);
	table_fini(&c->table);
	util_close(&c->index_fd);
	util_close(&c->tmp_fd);
	util_close(&c->lock_fd);
	util_close(&c->root_fd);
	pthread_mutex_destroy(&c->lock);
	for (size_t i = 0; i < CAS_STRIPES; i++)
		pthread_mutex_destroy(&c->stripes[i]);
	free(c->root);
	free(c);
}

int cas_open(const struct cas_options *o, struct cas **ret)
{
	struct cas *c = calloc(1, sizeof(*c));
	uint64_t seed = 0;
	int r;

	if (!c)
		return -ENOMEM;
	c->root_fd = c->index_fd = c->tmp_fd = c->lock_fd = -1;
	c->options = *o;
	c->options.root = NULL;
	list_init(&c->uploads);
	pthread_mutex_init(&c->lock, NULL);
	for (size_t i = 0; i < CAS_STRIPES; i++)
		pthread_mutex_init(&c->stripes[i], NULL);
	c->root = strdup(o->root);
	r = c->root ? default_options(&c->options) : -ENOMEM;
	if (r == 0 && getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		r = -EIO;
	if (r == 0)
		r = table_init(&c->table, seed);
	if (r == 0)
		r = take_root(c, o->root);
	if (r == 0)
		r = load(c);
	c->options.boot_id = NULL;
	if (r != 0) {
		free_store(c);
		return r == -ENOSPC || r == -EDQUOT ? CAS_NO_SPACE : r;
	}
	*ret = c;
	return 0;
}

int cas_close(struct cas *c)
{
	int r = 0;

	if (!c)
		return 0;
	/* Nobody can come back for these. */
	cas_upload_expire(c, UINT64_MAX, 0);
	c->sweep = 0;
	cas_records_sweep(c, c->table.end);
	c->state.clean = true;
	c->state.searching = c->search.active;
	/* Everything before the word that it is there. */
	if (syncfs(c->root_fd) < 0)
		r = -errno;
	else
		r = write_state(c);
	free_store(c);
	return r;
}

void cas_stats(struct cas *c, struct cas_stats *ret)
{
	cas_lock(c);
	*ret = c->stats;
	ret->bytes = c->table.cost;
	ret->max_bytes = c->options.max_bytes;
	ret->entries = c->table.n;
	ret->max_entries = c->options.max_entries;
	ret->upload_bytes = c->reserved;
	ret->uploads = c->n_uploads;
	ret->pinned = c->table.n_pinned;
	ret->searching = c->search.active;
	cas_unlock(c);
}

void cas_count(struct cas *c, bool hit)
{
	cas_lock(c);
	if (hit)
		c->stats.hits++;
	else
		c->stats.misses++;
	cas_unlock(c);
}
