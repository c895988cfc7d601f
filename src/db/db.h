/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <sqlite3.h>

#include "base/util.h"

/*
 * A database of what can be found out anew: several processes of one user may have it open, and
 * nobody is stopped by its being slow, full, broken or gone.
 *
 * It is in WAL mode, and who cannot write within DB_BUSY_MS does without. "PRAGMA user_version" is
 * the schema's version: an older one is emptied, a newer one is left alone. What is no database, or
 * does not hold together, is renamed to NAME.broken. One that fails later is given up.
 */
enum { DB_BUSY_MS = 250 };

struct db {
	sqlite3 *sql;      /* NULL: there is none, or it was given up */
	const char *event; /* of the schema */
};

struct db_schema {
	int version;         /* from 1 */
	const char *event;   /* begins the names of what is logged: "facts-database" */
	const char *create;  /* drops and makes the tables */
	const char *present; /* a query: 1 where they are all there */
	const char *prune;   /* what keeps it small; run once */
};

struct db_statement {
	sqlite3_stmt **ret; /* good while db.sql is not NULL */
	const char *sql;
};

/* Where it cannot be opened, ret->sql is NULL, and that was logged. */
void db_open(const char *path, const struct db_schema *schema,
	const struct db_statement *statements, size_t n, struct db *ret);
void db_close(struct db *db); /* its statements too; idempotent */

/* A statement failed: logged, and an error that will not pass closes it. */
void db_failed(struct db *db, const char *what);

/* A column's text; "" for NULL. */
const char *db_text(sqlite3_stmt *st, int column);
