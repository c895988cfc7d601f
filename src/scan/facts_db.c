/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/log.h"
#include "scan/facts_store.h"

/*
 * The database: one row of facts for each key, one row of answers for each operand that was asked
 * about. Lists are lines of text; a name with a line break in it never gets this far.
 *
 *	facts	relied: lines "DIR TIMED DEV INO MTIME PATH"
 *	answers	special by its name, so that a number may change its meaning from version to version
 *
 * "PRAGMA user_version" is SCHEMA. An older one is emptied, a newer one is left alone. What is no
 * database, or does not hold together, is renamed to NAME.broken. Several agents may have it open:
 * it is in WAL mode, and who cannot write within BUSY_MS does without.
 */

enum { SCHEMA = 2, BUSY_MS = 250 };

struct facts_db {
	sqlite3 *sql;
	sqlite3_stmt *load, *load_answers, *save, *save_answer;
};

static const char create[] =
	"DROP TABLE IF EXISTS answers; DROP TABLE IF EXISTS facts;"
	"CREATE TABLE facts(id INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL,"
	" mode INTEGER NOT NULL, specials INTEGER NOT NULL, expands INTEGER NOT NULL,"
	" preinclude INTEGER NOT NULL, search_default INTEGER NOT NULL,"
	" first_name INTEGER NOT NULL, predefined TEXT NOT NULL,"
	" quote TEXT NOT NULL, bracket TEXT NOT NULL, missing TEXT NOT NULL, relied TEXT NOT NULL);"
	"CREATE TABLE answers(fact INTEGER NOT NULL REFERENCES facts(id) ON DELETE CASCADE,"
	" special TEXT NOT NULL, operand TEXT NOT NULL, answer INTEGER NOT NULL,"
	" PRIMARY KEY(fact, special, operand)) WITHOUT ROWID;";

static const char prune[] = "DELETE FROM facts WHERE id <= (SELECT max(id) FROM facts) - 1024;";

static const char sql_load[] =
	"SELECT id, mode, specials, expands, preinclude, search_default, first_name, predefined,"
	" quote, bracket, missing, relied FROM facts WHERE key = ?1";
static const char sql_load_answers[] =
	"SELECT special, operand, answer FROM answers WHERE fact = ?1";
static const char sql_save[] =
	"INSERT OR REPLACE INTO facts(key, mode, specials, expands, preinclude, search_default,"
	" first_name, predefined, quote, bracket, missing, relied)"
	" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
static const char sql_save_answer[] =
	"INSERT OR REPLACE INTO answers(fact, special, operand, answer) VALUES(?1, ?2, ?3, ?4)";

static void close_handles(struct facts_db *db)
{
	sqlite3_finalize(db->load);
	sqlite3_finalize(db->load_answers);
	sqlite3_finalize(db->save);
	sqlite3_finalize(db->save_answer);
	sqlite3_close(db->sql);
	*db = (struct facts_db){.sql = NULL};
}

void facts_db_close(struct facts_db *db)
{
	if (!db)
		return;
	close_handles(db);
	free(db);
}

/* An error that will not pass: go on without. */
static void failed(struct facts_db *db, const char *what)
{
	int code = sqlite3_errcode(db->sql);

	log_event(LOG_LEVEL_WARNING, "facts-database-failed", "what=%s error=%s", what,
		sqlite3_errmsg(db->sql));
	/* A constraint: another agent has dropped the row meanwhile. */
	if (code != SQLITE_BUSY && code != SQLITE_LOCKED && code != SQLITE_CONSTRAINT)
		close_handles(db);
}

/* A whole number or, of a pragma, what its first column has; -1 where there is none. */
static int64_t number(sqlite3 *sql, const char *query)
{
	sqlite3_stmt *st = NULL;
	int64_t v = -1;

	if (sqlite3_prepare_v2(sql, query, -1, &st, NULL) == SQLITE_OK &&
		sqlite3_step(st) == SQLITE_ROW)
		v = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return v;
}

static bool is_whole(sqlite3 *sql)
{
	sqlite3_stmt *st = NULL;
	bool ok = sqlite3_prepare_v2(sql, "PRAGMA quick_check(1)", -1, &st, NULL) == SQLITE_OK &&
		  sqlite3_step(st) == SQLITE_ROW &&
		  str_eq((const char *)sqlite3_column_text(st, 0), "ok");

	sqlite3_finalize(st);
	return ok;
}

static bool prepare(struct facts_db *db)
{
	return sqlite3_prepare_v3(db->sql, sql_load, -1, SQLITE_PREPARE_PERSISTENT, &db->load,
		       NULL) == SQLITE_OK &&
	       sqlite3_prepare_v3(db->sql, sql_load_answers, -1, SQLITE_PREPARE_PERSISTENT,
		       &db->load_answers, NULL) == SQLITE_OK &&
	       sqlite3_prepare_v3(db->sql, sql_save, -1, SQLITE_PREPARE_PERSISTENT, &db->save,
		       NULL) == SQLITE_OK &&
	       sqlite3_prepare_v3(db->sql, sql_save_answer, -1, SQLITE_PREPARE_PERSISTENT,
		       &db->save_answer, NULL) == SQLITE_OK;
}

static bool has_tables(sqlite3 *sql)
{
	return number(sql, "SELECT count(*) FROM sqlite_master WHERE type = 'table'"
			   " AND name IN ('facts', 'answers')") == 2;
}

static bool make_tables(sqlite3 *sql)
{
	char version[64];

	snprintf(version, sizeof(version), "PRAGMA user_version = %d;", SCHEMA);
	return sqlite3_exec(sql, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK &&
	       sqlite3_exec(sql, create, NULL, NULL, NULL) == SQLITE_OK &&
	       sqlite3_exec(sql, version, NULL, NULL, NULL) == SQLITE_OK &&
	       sqlite3_exec(sql, "COMMIT", NULL, NULL, NULL) == SQLITE_OK;
}

enum opened { OPENED, OPENED_BROKEN, OPENED_NOT };

static enum opened open_once(struct facts_db *db, const char *path)
{
	int64_t version;
	int code =
		sqlite3_open_v2(path, &db->sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);

	if (code != SQLITE_OK)
		return OPENED_NOT;
	sqlite3_busy_timeout(db->sql, BUSY_MS);
	version = number(db->sql, "PRAGMA user_version");
	code = sqlite3_errcode(db->sql);
	if (version < 0)
		return code == SQLITE_NOTADB || code == SQLITE_CORRUPT ? OPENED_BROKEN : OPENED_NOT;
	if (version > SCHEMA)
		return OPENED_NOT;
	if (!is_whole(db->sql))
		return sqlite3_errcode(db->sql) == SQLITE_BUSY ? OPENED_NOT : OPENED_BROKEN;
	sqlite3_exec(db->sql,
		"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON",
		NULL, NULL, NULL);
	if ((version < SCHEMA || !has_tables(db->sql)) && !make_tables(db->sql))
		return OPENED_NOT;
	if (!prepare(db))
		return OPENED_BROKEN;
	sqlite3_exec(db->sql, prune, NULL, NULL, NULL);
	return OPENED;
}

static bool set_aside(const char *path)
{
	static const char *const more[] = {"-wal", "-shm", "-journal"};
	char name[PATH_MAX + 16];
	bool ok;

	if (snprintf(name, sizeof(name), "%s.broken", path) >= PATH_MAX)
		return false;
	ok = rename(path, name) == 0;
	for (size_t i = 0; ok && i < ARRAY_SIZE(more); i++) {
		snprintf(name, sizeof(name), "%s%s", path, more[i]);
		unlink(name);
	}
	return ok;
}

int facts_db_open(const char *path, struct facts_db **ret)
{
	struct facts_db *db = calloc(1, sizeof(*db));
	enum opened opened;

	if (!db)
		return -ENOMEM;
	opened = open_once(db, path);
	if (opened == OPENED_BROKEN) {
		close_handles(db);
		log_event(LOG_LEVEL_WARNING, "facts-database-broken", "file=%s", path);
		if (set_aside(path))
			opened = open_once(db, path);
	}
	if (opened != OPENED)
		close_handles(db);
	*ret = db;
	return 0;
}

static int split(const char *text, struct strv *ret)
{
	int r = 0;

	for (const char *s = text; r == 0 && *s;) {
		size_t n = strcspn(s, "\n");

		r = strv_push_n(ret, s, n);
		s += n + (s[n] == '\n');
	}
	return r;
}

static int join(const struct strv *l, struct buf *ret)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < l->n; i++)
		r = buf_printf(ret, "%s\n", l->v[i]);
	return r;
}

/* 1: not as we write it. */
static int split_relied(const char *text, struct scan_facts *f)
{
	AUTO(strv_fini) struct strv lines = STRV_INIT;
	struct facts_private *p = f->private;
	int r = split(text, &lines);

	if (r < 0)
		return r;
	p->relied = calloc(lines.n + 1, sizeof(*p->relied));
	if (!p->relied)
		return -ENOMEM;
	for (size_t i = 0; i < lines.n; i++) {
		struct facts_relied *x = &p->relied[i];
		int dir, timed, at = 0;

		if (sscanf(lines.v[i], "%d %d %" SCNu64 " %" SCNu64 " %" SCNd64 " %n", &dir, &timed,
			    &x->dev, &x->ino, &x->mtime_ns, &at) != 5 ||
			at == 0)
			return 1;
		x->dir = dir;
		x->timed = timed;
		x->path = strdup(lines.v[i] + at);
		if (!x->path)
			return -ENOMEM;
		p->n_relied++;
	}
	return 0;
}

static int join_relied(const struct scan_facts *f, struct buf *ret)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < f->private->n_relied; i++) {
		const struct facts_relied *x = &f->private->relied[i];

		r = buf_printf(ret, "%d %d %" PRIu64 " %" PRIu64 " %" PRId64 " %s\n", x->dir,
			x->timed, x->dev, x->ino, x->mtime_ns, x->path);
	}
	return r;
}

static const char *text_of(sqlite3_stmt *st, int column)
{
	const char *s = (const char *)sqlite3_column_text(st, column);

	return s ? s : "";
}

static int read_row(sqlite3_stmt *st, struct scan_facts *f)
{
	struct facts_private *p = f->private;
	int r;

	p->row = sqlite3_column_int64(st, 0);
	f->mode = (uint32_t)sqlite3_column_int64(st, 1);
	f->specials = (uint64_t)sqlite3_column_int64(st, 2);
	f->expands = (uint64_t)sqlite3_column_int64(st, 3);
	f->preinclude = sqlite3_column_int(st, 4);
	f->search_default = sqlite3_column_int(st, 5);
	f->first_name = sqlite3_column_int(st, 6);
	p->predefined = strdup(text_of(st, 7));
	if (!p->predefined)
		return -ENOMEM;
	f->predefined_len = strlen(p->predefined);
	r = split(text_of(st, 8), &p->quote);
	if (r == 0)
		r = split(text_of(st, 9), &p->bracket);
	if (r == 0)
		r = split(text_of(st, 10), &p->missing);
	return r == 0 ? split_relied(text_of(st, 11), f) : r;
}

static int special_by_name(const char *name)
{
	for (int i = SCAN_SPECIAL_HAS_ATTRIBUTE; i < SCAN_SPECIAL_COUNT; i++)
		if (str_eq(scan_special_names[i], name))
			return i;
	return -1;
}

static int load_answers(struct facts_db *db, struct scan_facts *f)
{
	sqlite3_stmt *st = db->load_answers;
	int r = 0;

	sqlite3_bind_int64(st, 1, f->private->row);
	while (r == 0 && sqlite3_step(st) == SQLITE_ROW) {
		int special = special_by_name(text_of(st, 0));
		const char *operand = text_of(st, 1);

		if (special >= 0)
			r = facts_put_answer(f, (enum scan_special)special, operand,
				strlen(operand), (long)sqlite3_column_int64(st, 2));
	}
	sqlite3_reset(st);
	return r;
}

int facts_db_load(struct facts_db *db, const char *key, struct scan_facts *f)
{
	int r, code;

	if (!db || !db->sql)
		return 1;
	sqlite3_bind_text(db->load, 1, key, -1, SQLITE_STATIC);
	code = sqlite3_step(db->load);
	r = code == SQLITE_ROW ? read_row(db->load, f) : 1;
	sqlite3_reset(db->load);
	sqlite3_clear_bindings(db->load);
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		failed(db, "load");
	else if (r == 0)
		r = load_answers(db, f);
	return r == 0 ? facts_publish(f) : r;
}

static int bind(sqlite3_stmt *st, const struct scan_facts *f)
{
	AUTO(buf_fini) struct buf relied = BUF_INIT;
	const struct strv *lists[] = {
		&f->private->quote, &f->private->bracket, &f->private->missing};
	int r = join_relied(f, &relied);

	sqlite3_bind_text(st, 1, f->key, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, f->mode);
	sqlite3_bind_int64(st, 3, (int64_t)f->specials);
	sqlite3_bind_int64(st, 4, (int64_t)f->expands);
	sqlite3_bind_int(st, 5, f->preinclude);
	sqlite3_bind_int(st, 6, f->search_default);
	sqlite3_bind_int(st, 7, f->first_name);
	sqlite3_bind_text(st, 8, f->predefined, -1, SQLITE_STATIC);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(lists); i++) {
		AUTO(buf_fini) struct buf text = BUF_INIT;

		r = join(lists[i], &text);
		if (r == 0)
			sqlite3_bind_text(
				st, 9 + (int)i, buf_str(&text), (int)text.len, SQLITE_TRANSIENT);
	}
	sqlite3_bind_text(st, 12, buf_str(&relied), (int)relied.len, SQLITE_TRANSIENT);
	return r;
}

void facts_db_save(struct facts_db *db, struct scan_facts *f)
{
	int code;

	if (!db || !db->sql)
		return;
	/* Where memory is short it is not kept, and no more. */
	code = bind(db->save, f) == 0 ? sqlite3_step(db->save) : SQLITE_NOMEM;
	if (code == SQLITE_DONE)
		f->private->row = sqlite3_last_insert_rowid(db->sql);
	sqlite3_reset(db->save);
	sqlite3_clear_bindings(db->save);
	if (code != SQLITE_DONE && code != SQLITE_NOMEM)
		failed(db, "save");
}

void facts_db_save_answers(
	struct facts_db *db, struct scan_facts *f, const struct scan_question *questions, size_t n)
{
	sqlite3_stmt *st;
	int code = SQLITE_DONE;

	if (!db || !db->sql || !f->private->row)
		return;
	st = db->save_answer;
	if (sqlite3_exec(db->sql, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK) {
		failed(db, "save-answers");
		return;
	}
	for (size_t i = 0; code == SQLITE_DONE && i < n; i++) {
		if (questions[i].unanswerable)
			continue;
		sqlite3_bind_int64(st, 1, f->private->row);
		sqlite3_bind_text(
			st, 2, scan_special_names[questions[i].special], -1, SQLITE_STATIC);
		sqlite3_bind_text(st, 3, questions[i].operand, -1, SQLITE_STATIC);
		sqlite3_bind_int64(st, 4, questions[i].answer);
		code = sqlite3_step(st);
		sqlite3_reset(st);
		sqlite3_clear_bindings(st);
	}
	if (sqlite3_exec(db->sql, code == SQLITE_DONE ? "COMMIT" : "ROLLBACK", NULL, NULL, NULL) !=
			SQLITE_OK ||
		code != SQLITE_DONE)
		failed(db, "save-answers");
}
