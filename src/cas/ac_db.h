/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/buf.h"
#include "cas/digest.h"

/*
 * The action cache's rows in SQLite. One thread at a time. -EBADMSG from any function: the file is
 * no database, or does not hold together; -ENOSPC: the disk is full; -EIO, -ENOMEM: pass on.
 */
struct ac_db;

enum { AC_DB_VERSION = 1, AC_DB_REF_SIZE = CAS_HASH_SIZE + 8 };

struct ac_db_row {
	int64_t id; /* not 0; no later row has it while this one is there */
	struct buf result;
	struct buf refs; /* AC_DB_REF_SIZE each */
};

#define AC_DB_ROW_INIT  \
	{               \
		.id = 0 \
	}

struct ac_db_use {
	int64_t id;
	uint64_t use;
};

int ac_db_open(const char *path, struct ac_db **ret) MUST_CHECK; /* CAS_NEWER */
void ac_db_close(struct ac_db *db);                              /* NULL: nothing */
void ac_db_set_aside(const char *path);

int ac_db_totals(
	struct ac_db *db, uint64_t *ret_rows, uint64_t *ret_cost, uint64_t *ret_use) MUST_CHECK;
uint64_t ac_db_cost(size_t result, size_t refs);
void ac_db_row_fini(struct ac_db_row *row);

/* CAS_MISSING; a row whose check fails is missing, and is removed by the next put. */
int ac_db_get(struct ac_db *db, const struct cas_digest *action, struct ac_db_row *ret) MUST_CHECK;
int ac_db_put(struct ac_db *db, const struct cas_digest *action, uint64_t use, const void *result,
	size_t n, const struct buf *refs) MUST_CHECK; /* there is none */
/* id 0: any. CAS_MISSING. */
int ac_db_drop(struct ac_db *db, const struct cas_digest *action, int64_t id,
	uint64_t *ret_cost) MUST_CHECK;
int ac_db_use(struct ac_db *db, const struct ac_db_use *uses, size_t n) MUST_CHECK;
/* The oldest, until bytes of cost are gone or rows_max are. */
int ac_db_evict(struct ac_db *db, size_t rows_max, uint64_t bytes, uint64_t *ret_rows,
	uint64_t *ret_cost) MUST_CHECK;

int ac_db_append_ref(struct buf *b, const struct cas_digest *d) MUST_CHECK;
struct cas_digest ac_db_ref(const char bytes[AC_DB_REF_SIZE]);
