/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "db/db.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"

void db_close(struct db *db)
{
	sqlite3_stmt *st;

	while (db->sql && (st = sqlite3_next_stmt(db->sql, NULL)))
		sqlite3_finalize(st);
	sqlite3_close(db->sql);
	db->sql = NULL;
}

void db_failed(struct db *db, const char *what)
{
	int code = sqlite3_errcode(db->sql);
	AUTO(util_free) char *event = NULL;

	if (asprintf(&event, "%s-failed", db->event) < 0)
		event = NULL;
	log_event(LOG_LEVEL_WARNING, event ? event : db->event, "what=%s error=%s", what,
		sqlite3_errmsg(db->sql));
	/* A constraint: another process has dropped the row meanwhile. */
	if (code != SQLITE_BUSY && code != SQLITE_LOCKED && code != SQLITE_CONSTRAINT)
		db_close(db);
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
		  sqlite3_step(st) == SQLITE_ROW && str_eq(db_text(st, 0), "ok");

	sqlite3_finalize(st);
	return ok;
}

static bool make_tables(sqlite3 *sql, const struct db_schema *schema)
{
	char version[64];

	snprintf(version, sizeof(version), "PRAGMA user_version = %d;", schema->version);
	return sqlite3_exec(sql, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK &&
	       sqlite3_exec(sql, schema->create, NULL, NULL, NULL) == SQLITE_OK &&
	       sqlite3_exec(sql, version, NULL, NULL, NULL) == SQLITE_OK &&
	       sqlite3_exec(sql, "COMMIT", NULL, NULL, NULL) == SQLITE_OK;
}

static bool prepare(sqlite3 *sql, const struct db_statement *statements, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (sqlite3_prepare_v3(sql, statements[i].sql, -1, SQLITE_PREPARE_PERSISTENT,
			    statements[i].ret, NULL) != SQLITE_OK)
			return false;
	return true;
}

enum opened { OPENED, OPENED_BROKEN, OPENED_NOT };

static enum opened open_once(const char *path, const struct db_schema *schema,
	const struct db_statement *statements, size_t n, struct db *db)
{
	int64_t version;
	int code =
		sqlite3_open_v2(path, &db->sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);

	if (code != SQLITE_OK)
		return OPENED_NOT;
	sqlite3_busy_timeout(db->sql, DB_BUSY_MS);
	version = number(db->sql, "PRAGMA user_version");
	code = sqlite3_errcode(db->sql);
	if (version < 0)
		return code == SQLITE_NOTADB || code == SQLITE_CORRUPT ? OPENED_BROKEN : OPENED_NOT;
	if (version > schema->version)
		return OPENED_NOT;
	if (!is_whole(db->sql))
		return sqlite3_errcode(db->sql) == SQLITE_BUSY ? OPENED_NOT : OPENED_BROKEN;
	sqlite3_exec(db->sql,
		"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON",
		NULL, NULL, NULL);
	if ((version < schema->version || number(db->sql, schema->present) != 1) &&
		!make_tables(db->sql, schema))
		return OPENED_NOT;
	if (!prepare(db->sql, statements, n))
		return OPENED_BROKEN;
	sqlite3_exec(db->sql, schema->prune, NULL, NULL, NULL);
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

void db_open(const char *path, const struct db_schema *schema,
	const struct db_statement *statements, size_t n, struct db *ret)
{
	struct db db = {.event = schema->event};
	enum opened opened = open_once(path, schema, statements, n, &db);

	if (opened == OPENED_BROKEN) {
		AUTO(util_free) char *event = NULL;

		db_close(&db);
		if (asprintf(&event, "%s-broken", schema->event) < 0)
			event = NULL;
		log_event(LOG_LEVEL_WARNING, event ? event : schema->event, "file=%s", path);
		if (set_aside(path))
			opened = open_once(path, schema, statements, n, &db);
	}
	if (opened != OPENED)
		db_close(&db);
	*ret = db;
}

const char *db_text(sqlite3_stmt *st, int column)
{
	const char *s = (const char *)sqlite3_column_text(st, column);

	return s ? s : "";
}
