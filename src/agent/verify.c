/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Two tables, in memory for asking and in SQLite for the next agent; what is noted is written at
 * once, which is seldom. Rows are sorted by their digests' hashes.
 *
 *	facts	hash, clean
 *	doubts	hash, until (seconds since 1970), name (for people)
 */

#include "agent/verify.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/log.h"

enum { SCHEMA = 1, BUSY_MS = 250, DAY_S = 24 * 3600 };

struct row {
	uint8_t hash[REAPI_HASH_SIZE];
	int64_t value; /* clean, or until */
};

struct table {
	struct row *v; /* sorted by hash */
	size_t n, max;
};

struct verify {
	char *dir;
	struct table facts, doubts;
	sqlite3 *sql; /* NULL: there is none */
};

/* ---- in memory ---- */

/* Where it is or belongs. */
static size_t place(const struct table *t, const uint8_t *hash, bool *ret_there)
{
	size_t low = 0, high = t->n;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int r = memcmp(hash, t->v[middle].hash, REAPI_HASH_SIZE);

		if (r == 0) {
			*ret_there = true;
			return middle;
		}
		if (r < 0)
			high = middle;
		else
			low = middle + 1;
	}
	*ret_there = false;
	return low;
}

static const struct row *find(const struct table *t, const uint8_t *hash)
{
	bool there;
	size_t at = place(t, hash, &there);

	return there ? &t->v[at] : NULL;
}

static void set(struct table *t, const uint8_t *hash, int64_t value)
{
	bool there;
	size_t at = place(t, hash, &there);

	if (!there && t->n == t->max)
		return;
	if (!there) {
		memmove(&t->v[at + 1], &t->v[at], (t->n++ - at) * sizeof(*t->v));
		memcpy(t->v[at].hash, hash, REAPI_HASH_SIZE);
	}
	t->v[at].value = value;
}

/* The row of the smallest value, which is in none of them any more. */
static struct row take_first(struct table *t)
{
	size_t first = 0;
	struct row row;

	for (size_t i = 1; i < t->n; i++)
		if (t->v[i].value < t->v[first].value)
			first = i;
	row = t->v[first];
	memmove(&t->v[first], &t->v[first + 1], (--t->n - first) * sizeof(*t->v));
	return row;
}

/* ---- on disk ---- */

static const char create[] =
	"CREATE TABLE IF NOT EXISTS facts(hash BLOB PRIMARY KEY, value INTEGER"
	" NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS doubts(hash BLOB PRIMARY KEY, value INTEGER"
	" NOT NULL, name TEXT NOT NULL) WITHOUT ROWID;";

static void failed(struct verify *v, const char *what)
{
	log_event(LOG_LEVEL_WARNING, "verify-database-failed", "what=%s error=%s", what,
		v->sql ? sqlite3_errmsg(v->sql) : "");
	sqlite3_close(v->sql);
	v->sql = NULL;
}

static void run(struct verify *v, const char *statement, const uint8_t *hash, int64_t value,
	const char *name)
{
	sqlite3_stmt *st = NULL;

	if (!v->sql)
		return;
	if (sqlite3_prepare_v2(v->sql, statement, -1, &st, NULL) == SQLITE_OK) {
		if (hash)
			sqlite3_bind_blob(st, 1, hash, REAPI_HASH_SIZE, SQLITE_STATIC);
		if (hash)
			sqlite3_bind_int64(st, 2, value);
		if (name)
			sqlite3_bind_text(st, 3, name, -1, SQLITE_STATIC);
	}
	if (!st || sqlite3_step(st) != SQLITE_DONE) {
		sqlite3_finalize(st);
		failed(v, "write");
		return;
	}
	sqlite3_finalize(st);
}

static bool load(struct verify *v, const char *query, struct table *t)
{
	sqlite3_stmt *st = NULL;
	bool ok = sqlite3_prepare_v2(v->sql, query, -1, &st, NULL) == SQLITE_OK;
	int r = SQLITE_DONE;

	while (ok && (r = sqlite3_step(st)) == SQLITE_ROW)
		if (sqlite3_column_bytes(st, 0) == REAPI_HASH_SIZE)
			set(t, sqlite3_column_blob(st, 0), sqlite3_column_int64(st, 1));
	sqlite3_finalize(st);
	return ok && r == SQLITE_DONE;
}

static int version(sqlite3 *sql)
{
	sqlite3_stmt *st = NULL;
	int n = -1;

	if (sqlite3_prepare_v2(sql, "PRAGMA user_version", -1, &st, NULL) == SQLITE_OK &&
		sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	return n;
}

static bool open_once(struct verify *v, const char *path)
{
	AUTO(util_free) char *begin = NULL;
	int n;

	if (sqlite3_open_v2(path, &v->sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) !=
		SQLITE_OK)
		return false;
	sqlite3_busy_timeout(v->sql, BUSY_MS);
	n = version(v->sql);
	if (n != 0 && n != SCHEMA)
		return false;
	if (asprintf(&begin,
		    "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; %s PRAGMA "
		    "user_version=%d;",
		    create, SCHEMA) < 0) {
		begin = NULL;
		return false;
	}
	return sqlite3_exec(v->sql, begin, NULL, NULL, NULL) == SQLITE_OK &&
	       load(v, "SELECT hash, value FROM facts LIMIT 1024", &v->facts) &&
	       load(v, "SELECT hash, value FROM doubts ORDER BY value DESC LIMIT 4096", &v->doubts);
}

/* What is no database is worth nothing, and in the way of one. */
static bool open_sql(struct verify *v, const char *path)
{
	static const char *const more[] = {"", "-wal", "-shm"};
	int code;

	if (open_once(v, path))
		return true;
	code = sqlite3_errcode(v->sql);
	if (code != SQLITE_NOTADB && code != SQLITE_CORRUPT)
		return false;
	sqlite3_close(v->sql);
	v->sql = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(more); i++) {
		AUTO(util_free) char *name = NULL;

		if (asprintf(&name, "%s%s", path, more[i]) < 0)
			name = NULL;
		if (name)
			unlink(name);
	}
	v->facts.n = v->doubts.n = 0;
	return open_once(v, path);
}

/* ---- what is public ---- */

static int make_table(struct table *t, size_t max)
{
	t->max = max;
	t->v = calloc(max, sizeof(*t->v));
	return t->v ? 0 : -ENOMEM;
}

int verify_open(const char *dir, struct verify **ret)
{
	struct verify *v = calloc(1, sizeof(*v));
	AUTO(util_free) char *path = NULL;
	int r = v ? make_table(&v->facts, VERIFY_FACTS_MAX) : -ENOMEM;

	if (r == 0)
		r = make_table(&v->doubts, VERIFY_DOUBTS_MAX);
	if (r == 0 && dir) {
		v->dir = strdup(dir);
		if (!v->dir || asprintf(&path, "%s/verify.sqlite", dir) < 0)
			r = -ENOMEM;
	}
	if (r < 0) {
		verify_close(v);
		return r;
	}
	if (dir && (fs_mkdirs(dir, 0700) < 0 || !open_sql(v, path)))
		failed(v, path);
	*ret = v;
	return 0;
}

void verify_close(struct verify *v)
{
	if (!v)
		return;
	sqlite3_close(v->sql);
	free(v->facts.v);
	free(v->doubts.v);
	free(v->dir);
	free(v);
}

const char *verify_directory(const struct verify *v)
{
	return v->dir;
}

unsigned verify_clean(const struct verify *v, const struct reapi_digest *facts)
{
	const struct row *row = find(&v->facts, facts->hash);

	/* What another program wrote there is no reason to look less. */
	return row && row->value > 0 ? (unsigned)MIN(row->value, (int64_t)SAMPLE_FIRST) : 0;
}

void verify_found(struct verify *v, const struct reapi_digest *facts, enum sample_found found)
{
	unsigned was = verify_clean(v, facts), is = sample_count(was, found);

	if (was == is)
		return;
	if (v->facts.n == v->facts.max && !find(&v->facts, facts->hash)) {
		v->facts.n = 0;
		run(v, "DELETE FROM facts", NULL, 0, NULL);
	}
	set(&v->facts, facts->hash, is);
	run(v, "INSERT OR REPLACE INTO facts VALUES(?1, ?2)", facts->hash, is, NULL);
}

bool verify_is_doubted(const struct verify *v, const struct reapi_digest *what, int64_t now_s)
{
	const struct row *row = find(&v->doubts, what->hash);

	return row && row->value > now_s;
}

void verify_doubt(
	struct verify *v, const struct reapi_digest *what, const char *name, int64_t now_s)
{
	int64_t until = now_s + (int64_t)VERIFY_DOUBT_DAYS * DAY_S;

	if (v->doubts.n == v->doubts.max && !find(&v->doubts, what->hash)) {
		struct row row = take_first(&v->doubts);

		run(v, "DELETE FROM doubts WHERE hash = ?1 AND value = ?2", row.hash, row.value,
			NULL);
	}
	set(&v->doubts, what->hash, until);
	run(v, "DELETE FROM doubts WHERE hash <> ?1 AND value <= ?2", what->hash, now_s, NULL);
	run(v, "INSERT OR REPLACE INTO doubts VALUES(?1, ?2, ?3)", what->hash, until, name);
}

int verify_file(const char *source, const char *compiler, struct reapi_digest *ret)
{
	AUTO(buf_fini) struct buf b = BUF_INIT;
	int r = buf_printf(&b, "file %zu %s %s", strlen(source), source, compiler);

	return r < 0 ? r : reapi_digest_of(buf_str(&b), b.len, ret);
}
