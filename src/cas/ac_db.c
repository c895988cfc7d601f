/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cas/ac_db.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "base/log.h"
#include "cas/ac.h"

/*
 * The database, in WAL mode with synchronous=NORMAL: a killed process loses nothing, a lost machine
 * the last rows. "PRAGMA user_version" is AC_DB_VERSION; a newer one is left alone.
 *
 *	actions	id, key (32 bytes of hash, 8 of size, little-endian), use (a count that grows with
 *		every use), cost
 *	bodies	id, result, refs (a key for each blob), chk (first 16 bytes of the SHA-256 of key,
 *		result and refs, so that a row that rotted is no hit)
 *
 * Two tables, because writing a use would otherwise write the result anew. One process has it open:
 * the store's lock sees to that.
 */

enum { CHECK_SIZE = 16 };

struct ac_db {
	sqlite3 *sql;
	sqlite3_stmt *get, *put, *put_body, *find, *drop, *drop_body, *use, *oldest;
};

static const char create[] =
	"BEGIN IMMEDIATE;"
	"CREATE TABLE actions(id INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB UNIQUE NOT NULL,"
	" use INTEGER NOT NULL, cost INTEGER NOT NULL);"
	"CREATE INDEX by_use ON actions(use, cost);"
	"CREATE TABLE bodies(id INTEGER PRIMARY KEY, result BLOB NOT NULL, refs BLOB NOT NULL,"
	" chk BLOB NOT NULL);"
	"PRAGMA user_version = 1;"
	"COMMIT;";
_Static_assert(AC_DB_VERSION == 1, "create says which version it makes");

static const char pragmas[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;";

static int error_of(int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_FORMAT:
	case SQLITE_CONSTRAINT: /* an index that disagrees with its table */
	case SQLITE_ERROR:      /* a table that is not there */
		return -EBADMSG;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_NOMEM:
		return -ENOMEM;
	default:
		return -EIO;
	}
}

static int64_t pragma_number(sqlite3 *sql, const char *query, int *ret_code)
{
	sqlite3_stmt *st = NULL;
	int64_t v = -1;

	*ret_code = sqlite3_prepare_v2(sql, query, -1, &st, NULL);
	if (*ret_code == SQLITE_OK)
		*ret_code = sqlite3_step(st);
	if (*ret_code == SQLITE_ROW)
		v = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return v;
}

static int make_or_check(sqlite3 *sql)
{
	int code;
	int64_t version = pragma_number(sql, "PRAGMA user_version", &code);

	if (error_of(code) < 0)
		return error_of(code);
	if (version > AC_DB_VERSION) {
		log_event(LOG_LEVEL_ERROR, "store-newer",
			"the action cache is version %lld, this program knows %d",
			(long long)version, AC_DB_VERSION);
		return CAS_NEWER;
	}
	code = sqlite3_exec(sql, pragmas, NULL, NULL, NULL);
	if (code == SQLITE_OK && version == 0)
		code = sqlite3_exec(sql, create, NULL, NULL, NULL);
	return error_of(code);
}

static int prepare(struct ac_db *db)
{
	const struct {
		sqlite3_stmt **st;
		const char *sql;
	} all[] = {
		{&db->get, "SELECT a.id, b.result, b.refs, b.chk FROM actions a"
			   " LEFT JOIN bodies b ON b.id = a.id WHERE a.key = ?1"},
		{&db->put, "INSERT INTO actions(key, use, cost) VALUES(?1, ?2, ?3)"},
		{&db->put_body, "INSERT OR REPLACE INTO bodies(id, result, refs, chk)"
				" VALUES(?1, ?2, ?3, ?4)"},
		{&db->find, "SELECT id, cost FROM actions WHERE key = ?1"},
		{&db->drop, "DELETE FROM actions WHERE id = ?1"},
		{&db->drop_body, "DELETE FROM bodies WHERE id = ?1"},
		{&db->use, "UPDATE actions SET use = ?2 WHERE id = ?1"},
		{&db->oldest, "SELECT id, cost FROM actions ORDER BY use LIMIT ?1"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		int code = sqlite3_prepare_v3(
			db->sql, all[i].sql, -1, SQLITE_PREPARE_PERSISTENT, all[i].st, NULL);

		if (code != SQLITE_OK)
			return error_of(code);
	}
	return 0;
}

int ac_db_open(const char *path, struct ac_db **ret)
{
	struct ac_db *db = calloc(1, sizeof(*db));
	int code, r;

	if (!db)
		return -ENOMEM;
	code = sqlite3_open_v2(path, &db->sql,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
	r = error_of(code);
	if (r == 0)
		r = make_or_check(db->sql);
	if (r == 0)
		r = prepare(db);
	if (r != 0) {
		ac_db_close(db);
		return r;
	}
	*ret = db;
	return 0;
}

void ac_db_close(struct ac_db *db)
{
	if (!db)
		return;
	sqlite3_finalize(db->get);
	sqlite3_finalize(db->put);
	sqlite3_finalize(db->put_body);
	sqlite3_finalize(db->find);
	sqlite3_finalize(db->drop);
	sqlite3_finalize(db->drop_body);
	sqlite3_finalize(db->use);
	sqlite3_finalize(db->oldest);
	sqlite3_close(db->sql);
	free(db);
}

void ac_db_set_aside(const char *path)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};

	log_event(LOG_LEVEL_WARNING, "action-cache-broken", "path=%s renamed to %s.broken", path,
		path);
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		AUTO(util_free) char *from = NULL;
		AUTO(util_free) char *to = NULL;

		if (asprintf(&from, "%s%s", path, suffixes[i]) < 0)
			from = NULL;
		if (asprintf(&to, "%s.broken%s", path, suffixes[i]) < 0)
			to = NULL;
		/* A log of the old one must not be applied to the new: rather gone than kept. */
		if (from && (!to || rename(from, to) < 0))
			remove(from);
	}
}

uint64_t ac_db_cost(size_t result, size_t refs)
{
	return (uint64_t)AC_ROW_COST + result + refs;
}

int ac_db_totals(struct ac_db *db, uint64_t *ret_rows, uint64_t *ret_cost, uint64_t *ret_use)
{
	sqlite3_stmt *st = NULL;
	int code = sqlite3_prepare_v2(db->sql,
		"SELECT count(*), coalesce(sum(cost), 0), coalesce(max(use), 0) FROM actions", -1,
		&st, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(st);
	if (code == SQLITE_ROW) {
		*ret_rows = (uint64_t)sqlite3_column_int64(st, 0);
		*ret_cost = (uint64_t)sqlite3_column_int64(st, 1);
		*ret_use = (uint64_t)sqlite3_column_int64(st, 2);
	}
	sqlite3_finalize(st);
	return error_of(code);
}

void ac_db_row_fini(struct ac_db_row *row)
{
	buf_fini(&row->result);
	buf_fini(&row->refs);
}

struct key {
	char bytes[AC_DB_REF_SIZE];
};

static struct key key_of(const struct cas_digest *d)
{
	uint64_t size = htole64(d->size);
	struct key k;

	memcpy(k.bytes, d->hash, CAS_HASH_SIZE);
	memcpy(k.bytes + CAS_HASH_SIZE, &size, sizeof(size));
	return k;
}

int ac_db_append_ref(struct buf *b, const struct cas_digest *d)
{
	struct key k = key_of(d);

	return buf_append(b, k.bytes, sizeof(k.bytes));
}

struct cas_digest ac_db_ref(const char bytes[AC_DB_REF_SIZE])
{
	struct cas_digest d;
	uint64_t size;

	memcpy(d.hash, bytes, CAS_HASH_SIZE);
	memcpy(&size, bytes + CAS_HASH_SIZE, sizeof(size));
	d.size = le64toh(size);
	return d;
}

static int check_of(const struct key *k, const void *result, size_t n, const void *refs,
	size_t n_refs, struct cas_digest *ret)
{
	AUTO(cas_hasher_fini) struct cas_hasher h = {.ctx = NULL};
	uint64_t length = htole64(n);
	int r = cas_hasher_init(&h);

	if (r == 0)
		r = cas_hasher_update(&h, k->bytes, sizeof(k->bytes));
	if (r == 0)
		r = cas_hasher_update(&h, &length, sizeof(length));
	if (r == 0)
		r = cas_hasher_update(&h, result, n);
	if (r == 0)
		r = cas_hasher_update(&h, refs, n_refs);
	return r == 0 ? cas_hasher_final(&h, ret) : r;
}

static void end(sqlite3_stmt *st)
{
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
}

static int read_row(sqlite3_stmt *st, const struct key *k, struct ac_db_row *ret)
{
	const void *result = sqlite3_column_blob(st, 1), *refs = sqlite3_column_blob(st, 2);
	const void *chk = sqlite3_column_blob(st, 3);
	size_t n = (size_t)sqlite3_column_bytes(st, 1);
	size_t n_refs = (size_t)sqlite3_column_bytes(st, 2);
	struct cas_digest check;
	int r;

	if (sqlite3_column_bytes(st, 3) != CHECK_SIZE || !chk || n_refs % AC_DB_REF_SIZE != 0 ||
		(n > 0 && !result) || (n_refs > 0 && !refs))
		return CAS_MISSING;
	r = check_of(k, result ? result : "", n, refs ? refs : "", n_refs, &check);
	if (r < 0)
		return r;
	if (memcmp(chk, check.hash, CHECK_SIZE) != 0)
		return CAS_MISSING;
	ret->id = sqlite3_column_int64(st, 0);
	r = buf_append(&ret->result, result ? result : "", n);
	return r == 0 ? buf_append(&ret->refs, refs ? refs : "", n_refs) : r;
}

int ac_db_get(struct ac_db *db, const struct cas_digest *action, struct ac_db_row *ret)
{
	struct key k = key_of(action);
	int code, r;

	sqlite3_bind_blob(db->get, 1, k.bytes, sizeof(k.bytes), SQLITE_STATIC);
	code = sqlite3_step(db->get);
	if (code == SQLITE_ROW)
		r = read_row(db->get, &k, ret);
	else
		r = code == SQLITE_DONE ? CAS_MISSING : error_of(code);
	end(db->get);
	return r;
}

static int step(sqlite3_stmt *st)
{
	int code = sqlite3_step(st);

	end(st);
	return error_of(code);
}

static int exec(struct ac_db *db, const char *sql)
{
	return error_of(sqlite3_exec(db->sql, sql, NULL, NULL, NULL));
}

static int commit(struct ac_db *db, int r)
{
	int q = r == 0 ? exec(db, "COMMIT") : r;

	/* Fails where the failure has rolled back by itself: that is as good. */
	if (q < 0 && exec(db, "ROLLBACK") < 0)
		return q;
	return q;
}

int ac_db_put(struct ac_db *db, const struct cas_digest *action, uint64_t use, const void *result,
	size_t n, const struct buf *refs)
{
	struct key k = key_of(action);
	struct cas_digest check;
	int r = check_of(&k, result, n, buf_str(refs), refs->len, &check);

	if (r == 0)
		r = exec(db, "BEGIN IMMEDIATE");
	if (r < 0)
		return r;
	sqlite3_bind_blob(db->put, 1, k.bytes, sizeof(k.bytes), SQLITE_STATIC);
	sqlite3_bind_int64(db->put, 2, (int64_t)use);
	sqlite3_bind_int64(db->put, 3, (int64_t)ac_db_cost(n, refs->len));
	r = step(db->put);
	if (r == 0) {
		sqlite3_bind_int64(db->put_body, 1, sqlite3_last_insert_rowid(db->sql));
		sqlite3_bind_blob64(db->put_body, 2, n > 0 ? result : "", n, SQLITE_STATIC);
		sqlite3_bind_blob64(db->put_body, 3, buf_str(refs), refs->len, SQLITE_STATIC);
		sqlite3_bind_blob(db->put_body, 4, check.hash, CHECK_SIZE, SQLITE_STATIC);
		r = step(db->put_body);
	}
	return commit(db, r);
}

static int drop_id(struct ac_db *db, int64_t id)
{
	int r;

	sqlite3_bind_int64(db->drop, 1, id);
	r = step(db->drop);
	if (r < 0)
		return r;
	sqlite3_bind_int64(db->drop_body, 1, id);
	return step(db->drop_body);
}

int ac_db_drop(struct ac_db *db, const struct cas_digest *action, int64_t id, uint64_t *ret_cost)
{
	struct key k = key_of(action);
	int64_t found = 0, cost = 0;
	int code, r;

	sqlite3_bind_blob(db->find, 1, k.bytes, sizeof(k.bytes), SQLITE_STATIC);
	code = sqlite3_step(db->find);
	if (code == SQLITE_ROW) {
		found = sqlite3_column_int64(db->find, 0);
		cost = sqlite3_column_int64(db->find, 1);
	}
	end(db->find);
	if (error_of(code) < 0)
		return error_of(code);
	if (code != SQLITE_ROW || (id != 0 && id != found))
		return CAS_MISSING;
	r = exec(db, "BEGIN IMMEDIATE");
	if (r == 0)
		r = commit(db, drop_id(db, found));
	if (r == 0)
		*ret_cost = (uint64_t)cost;
	return r;
}

int ac_db_use(struct ac_db *db, const struct ac_db_use *uses, size_t n)
{
	int r = exec(db, "BEGIN IMMEDIATE");

	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < n; i++) {
		sqlite3_bind_int64(db->use, 1, uses[i].id);
		sqlite3_bind_int64(db->use, 2, (int64_t)uses[i].use);
		r = step(db->use);
	}
	return commit(db, r);
}

struct old {
	int64_t id, cost;
};

static int find_oldest(struct ac_db *db, struct old *v, size_t max, size_t *ret_n)
{
	size_t n = 0;
	int code;

	sqlite3_bind_int64(db->oldest, 1, (int64_t)max);
	while ((code = sqlite3_step(db->oldest)) == SQLITE_ROW && n < max) {
		v[n].id = sqlite3_column_int64(db->oldest, 0);
		v[n++].cost = sqlite3_column_int64(db->oldest, 1);
	}
	end(db->oldest);
	*ret_n = n;
	return error_of(code);
}

int ac_db_evict(
	struct ac_db *db, size_t rows_max, uint64_t bytes, uint64_t *ret_rows, uint64_t *ret_cost)
{
	AUTO(util_free) struct old *v = calloc(rows_max, sizeof(*v));
	uint64_t cost = 0;
	size_t n, k = 0;
	int r = v ? find_oldest(db, v, rows_max, &n) : -ENOMEM;

	if (r == 0)
		r = exec(db, "BEGIN IMMEDIATE");
	if (r < 0)
		return r;
	for (; r == 0 && k < n && cost < bytes; k++) {
		r = drop_id(db, v[k].id);
		cost += (uint64_t)v[k].cost;
	}
	r = commit(db, r);
	if (r == 0) {
		*ret_rows = k;
		*ret_cost = cost;
	}
	return r;
}
