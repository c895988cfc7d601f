/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/db.h"
#include "scan/facts_store.h"

/*
 * The database (db/db.h): one row of facts for each key, one row of answers for each operand that was
 * asked about. Lists are lines of text; a name with a line break in it never gets this far.
 *
 *	facts	relied: lines "DIR TIMED DEV INO MTIME PATH"
 *	answers	special by its name, so that a number may change its meaning from version to version
 */

struct facts_db {
	struct db db;
	sqlite3_stmt *load, *load_answers, *save, *save_answer;
};

static const char create[] =
	"DROP TABLE IF EXISTS answers; DROP TABLE IF EXISTS facts;"
	"CREATE TABLE facts(id INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL,"
	" mode INTEGER NOT NULL, specials INTEGER NOT NULL, expands INTEGER NOT NULL,"
	" preinclude INTEGER NOT NULL, search_default INTEGER NOT NULL,"
	" first_name INTEGER NOT NULL, predefined TEXT NOT NULL,"
	" quote TEXT NOT NULL, bracket TEXT NOT NULL, missing TEXT NOT NULL, also TEXT NOT NULL,"
	" relied TEXT NOT NULL);"
	"CREATE TABLE answers(fact INTEGER NOT NULL REFERENCES facts(id) ON DELETE CASCADE,"
	" special TEXT NOT NULL, operand TEXT NOT NULL, answer INTEGER NOT NULL,"
	" PRIMARY KEY(fact, special, operand)) WITHOUT ROWID;";

static const struct db_schema schema = {
	.version = 3,
	.event = "facts-database",
	.create = create,
	.present = "SELECT count(*) = 2 FROM sqlite_master WHERE type = 'table'"
		   " AND name IN ('facts', 'answers')",
	.prune = "DELETE FROM facts WHERE id <= (SELECT max(id) FROM facts) - 1024",
};

static const char sql_load[] =
	"SELECT id, mode, specials, expands, preinclude, search_default, first_name, predefined,"
	" quote, bracket, missing, also, relied FROM facts WHERE key = ?1";
static const char sql_load_answers[] =
	"SELECT special, operand, answer FROM answers WHERE fact = ?1";
static const char sql_save[] =
	"INSERT OR REPLACE INTO facts(key, mode, specials, expands, preinclude, search_default,"
	" first_name, predefined, quote, bracket, missing, also, relied)"
	" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
static const char sql_save_answer[] =
	"INSERT OR REPLACE INTO answers(fact, special, operand, answer) VALUES(?1, ?2, ?3, ?4)";

void facts_db_close(struct facts_db *db)
{
	if (!db)
		return;
	db_close(&db->db);
	free(db);
}

int facts_db_open(const char *path, struct facts_db **ret)
{
	struct facts_db *db = calloc(1, sizeof(*db));

	if (!db)
		return -ENOMEM;
	db_open(path, &schema,
		(const struct db_statement[]){{&db->load, sql_load},
			{&db->load_answers, sql_load_answers}, {&db->save, sql_save},
			{&db->save_answer, sql_save_answer}},
		4, &db->db);
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
	p->predefined = strdup(db_text(st, 7));
	if (!p->predefined)
		return -ENOMEM;
	f->predefined_len = strlen(p->predefined);
	r = split(db_text(st, 8), &p->quote);
	if (r == 0)
		r = split(db_text(st, 9), &p->bracket);
	if (r == 0)
		r = split(db_text(st, 10), &p->missing);
	if (r == 0)
		r = split(db_text(st, 11), &p->also);
	return r == 0 ? split_relied(db_text(st, 12), f) : r;
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
		int special = special_by_name(db_text(st, 0));
		const char *operand = db_text(st, 1);

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

	if (!db || !db->db.sql)
		return 1;
	sqlite3_bind_text(db->load, 1, key, -1, SQLITE_STATIC);
	code = sqlite3_step(db->load);
	r = code == SQLITE_ROW ? read_row(db->load, f) : 1;
	sqlite3_reset(db->load);
	sqlite3_clear_bindings(db->load);
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		db_failed(&db->db, "load");
	else if (r == 0)
		r = load_answers(db, f);
	return r == 0 ? facts_publish(f) : r;
}

static int bind(sqlite3_stmt *st, const struct scan_facts *f)
{
	AUTO(buf_fini) struct buf relied = BUF_INIT;
	const struct strv *lists[] = {
		&f->private->quote, &f->private->bracket, &f->private->missing, &f->private->also};
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
	sqlite3_bind_text(st, 13, buf_str(&relied), (int)relied.len, SQLITE_TRANSIENT);
	return r;
}

void facts_db_save(struct facts_db *db, struct scan_facts *f)
{
	int code;

	if (!db || !db->db.sql)
		return;
	/* Where memory is short it is not kept, and no more. */
	code = bind(db->save, f) == 0 ? sqlite3_step(db->save) : SQLITE_NOMEM;
	if (code == SQLITE_DONE)
		f->private->row = sqlite3_last_insert_rowid(db->db.sql);
	sqlite3_reset(db->save);
	sqlite3_clear_bindings(db->save);
	if (code != SQLITE_DONE && code != SQLITE_NOMEM)
		db_failed(&db->db, "save");
}

void facts_db_save_answers(
	struct facts_db *db, struct scan_facts *f, const struct scan_question *questions, size_t n)
{
	sqlite3_stmt *st;
	int code = SQLITE_DONE;

	if (!db || !db->db.sql || !f->private->row)
		return;
	st = db->save_answer;
	if (sqlite3_exec(db->db.sql, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK) {
		db_failed(&db->db, "save-answers");
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
	if (sqlite3_exec(db->db.sql, code == SQLITE_DONE ? "COMMIT" : "ROLLBACK", NULL, NULL,
		    NULL) != SQLITE_OK ||
		code != SQLITE_DONE)
		db_failed(&db->db, "save-answers");
}
