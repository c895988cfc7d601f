/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/toolchains.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "db/db.h"
#include "exact/toolchain_text.h"

/* In memory: compilers, times the option sets that matter. */
enum { KNOWN_MAX = 64 };

/* What was at a path that a toolchain depends on. */
struct place {
	const char *path; /* the toolchain's */
	enum scan_kind kind;
	char *real;       /* where it led; "": to nothing */
	uint64_t content; /* the serial of a file's; 0: of none */
};

struct known {
	struct buf key;
	struct toolchain toolchain;
	struct reapi_digest identity;
	struct place *places; /* its entries, and what it says also */
	size_t n_places;
};

struct toolchains {
	struct known known[KNOWN_MAX];
	size_t n, next;
	struct db db;
	sqlite3_stmt *load, *save, *drop;
};

/* key is of toolchain_key, closure of toolchain_text_write. */
static const struct db_schema schema = {
	.version = 1,
	.event = "toolchains-database",
	.create = "DROP TABLE IF EXISTS toolchains;"
		  "CREATE TABLE toolchains(id INTEGER PRIMARY KEY, key BLOB UNIQUE NOT NULL,"
		  " closure TEXT NOT NULL);",
	.present = "SELECT count(*) = 1 FROM sqlite_master WHERE type = 'table'"
		   " AND name = 'toolchains'",
	.prune = "DELETE FROM toolchains WHERE id <= (SELECT max(id) FROM toolchains) - 256",
};

int toolchains_new(const char *db, struct toolchains **ret)
{
	struct toolchains *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	if (db)
		db_open(db, &schema,
			(const struct db_statement[]){
				{&t->load, "SELECT closure FROM toolchains WHERE key = ?1"},
				{&t->save, "INSERT OR REPLACE INTO toolchains(key, closure)"
					   " VALUES(?1, ?2)"},
				{&t->drop, "DELETE FROM toolchains"}},
			3, &t->db);
	*ret = t;
	return 0;
}

static void forget(struct known *k)
{
	buf_fini(&k->key);
	toolchain_fini(&k->toolchain);
	for (size_t i = 0; i < k->n_places; i++)
		free(k->places[i].real);
	free(k->places);
	*k = (struct known){.key = BUF_INIT};
}

static void forget_known(struct toolchains *t)
{
	while (t->n > 0)
		forget(&t->known[--t->n]);
	t->next = 0;
}

void toolchains_free(struct toolchains *t)
{
	if (!t)
		return;
	forget_known(t);
	db_close(&t->db);
	free(t);
}

void toolchains_forget(struct toolchains *t)
{
	forget_known(t);
	if (!t->db.sql)
		return;
	if (sqlite3_step(t->drop) != SQLITE_DONE)
		db_failed(&t->db, "drop");
	else
		sqlite3_reset(t->drop);
}

/* ---- what is there now ---- */

/* What is at p->path now; *ret_real is the scanner's, *ret_content too, or NULL. */
static int look(struct scanner *scanner, struct place *p, const char **ret_real,
	const struct scan_content **ret_content)
{
	struct scan_path *path;
	int r = scanner_file(scanner, "/", p->path, &path);

	if (r == -ENOMEM)
		return r;
	p->kind = r == 0 ? path->kind : SCAN_UNREADABLE;
	p->content = 0;
	*ret_real = "";
	*ret_content = NULL;
	if (r == 0 && (path->kind == SCAN_FILE || path->kind == SCAN_DIRECTORY))
		*ret_real = scanner_real(scanner, path);
	if (r == 0 && path->kind == SCAN_FILE)
		*ret_content = path->inode->content;
	if (*ret_content)
		p->content = (*ret_content)->serial;
	return *ret_real ? 0 : -ENOMEM;
}

static const char *path_of(const struct toolchain *t, size_t i)
{
	return i < t->n ? t->entries[i].path : t->also.v[i - t->n];
}

static bool is_as_stated(const struct place *p, const char *real,
	const struct scan_content *content, const struct toolchain_state *state)
{
	return p->kind == state->kind && str_eq(real, state->real) &&
	       (content != NULL) == state->has_hash &&
	       (!content || memcmp(content->digest, state->hash, sizeof(state->hash)) == 0);
}

/* 1: something is not as the states say. states NULL: nothing is said. */
static int note_places(
	struct scanner *scanner, struct known *k, const struct toolchain_state *states)
{
	const struct toolchain *t = &k->toolchain;

	k->places = calloc(t->n + t->also.n + 1, sizeof(*k->places));
	if (!k->places)
		return -ENOMEM;
	for (size_t i = 0; i < t->n + t->also.n; i++) {
		struct place *p = &k->places[k->n_places++];
		const struct scan_content *content;
		const char *real;
		int r;

		p->path = path_of(t, i);
		r = look(scanner, p, &real, &content);
		if (r < 0)
			return r;
		if (states && !is_as_stated(p, real, content, &states[i]))
			return 1;
		p->real = strdup(real);
		if (!p->real)
			return -ENOMEM;
	}
	return 0;
}

static bool places_hold(struct scanner *scanner, const struct known *k)
{
	for (size_t i = 0; i < k->n_places; i++) {
		struct place now = {.path = k->places[i].path};
		const struct scan_content *content;
		const char *real;

		if (look(scanner, &now, &real, &content) < 0 || now.kind != k->places[i].kind ||
			now.content != k->places[i].content || !str_eq(real, k->places[i].real))
			return false;
	}
	return true;
}

/* ---- memory ---- */

static struct known *find_known(struct toolchains *t, const struct buf *key)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->known[i].key.len == key->len &&
			memcmp(t->known[i].key.data, key->data, key->len) == 0)
			return &t->known[i];
	return NULL;
}

/* Takes what k has. */
static const struct known *remember(struct toolchains *t, struct known *k)
{
	struct known *place = &t->known[t->next];

	if (t->n < KNOWN_MAX)
		t->n++;
	else
		forget(place);
	t->next = (t->next + 1) % KNOWN_MAX;
	*place = *k;
	*k = (struct known){.key = BUF_INIT};
	return place;
}

/* ---- the database ---- */

/* 0: k->toolchain is what was kept, and everything is as it was. 1: it is not. -ENOMEM. */
static int load(struct toolchains *t, struct scanner *scanner, struct known *k)
{
	struct toolchain_state *states = NULL;
	int r = 1, code;

	if (!t->db.sql)
		return 1;
	sqlite3_bind_blob(t->load, 1, k->key.data, (int)k->key.len, SQLITE_STATIC);
	code = sqlite3_step(t->load);
	if (code == SQLITE_ROW)
		r = toolchain_text_read(db_text(t->load, 0), &k->toolchain, &states);
	sqlite3_reset(t->load);
	sqlite3_clear_bindings(t->load);
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		db_failed(&t->db, "load");
	if (r == 0)
		r = note_places(scanner, k, states);
	toolchain_states_free(states, k->toolchain.n + k->toolchain.also.n);
	return r == -EBADMSG ? 1 : r;
}

static int state_now(struct scanner *scanner, const char *path, struct toolchain_state *ret)
{
	struct place p = {.path = path};
	const struct scan_content *content;
	const char *real;
	int r = look(scanner, &p, &real, &content);

	if (r < 0)
		return r;
	*ret = (struct toolchain_state){
		.kind = p.kind, .has_hash = content != NULL, .real = strdup(real)};
	if (content)
		memcpy(ret->hash, content->digest, sizeof(ret->hash));
	return ret->real ? 0 : -ENOMEM;
}

/* As k->places has it. What cannot be kept is found again another time. */
static void save(struct toolchains *t, struct scanner *scanner, const struct known *k)
{
	AUTO(buf_fini) struct buf text = BUF_INIT;
	struct toolchain_state *states;
	int r = 0;

	/* What "native" means is this processor's, and the database may outlast it. */
	if (!t->db.sql || memmem(k->key.data, k->key.len, "=native", 7))
		return;
	states = calloc(k->n_places + 1, sizeof(*states));
	for (size_t i = 0; states && r == 0 && i < k->n_places; i++)
		r = state_now(scanner, k->places[i].path, &states[i]);
	if (states && r == 0 && toolchain_text_write(&k->toolchain, states, &text) == 0) {
		sqlite3_bind_blob(t->save, 1, k->key.data, (int)k->key.len, SQLITE_STATIC);
		sqlite3_bind_text(t->save, 2, buf_str(&text), (int)text.len, SQLITE_STATIC);
		r = sqlite3_step(t->save);
		sqlite3_reset(t->save);
		sqlite3_clear_bindings(t->save);
		if (r != SQLITE_DONE)
			db_failed(&t->db, "save");
	}
	toolchain_states_free(states, k->n_places);
}

/* ---- all of it ---- */

static int find(struct toolchains *t, struct scanner *scanner,
	const struct toolchain_request *request, struct known *k, enum toolchains_from *ret_from,
	char **ret_reason)
{
	int r = load(t, scanner, k);
	struct buf key = k->key;

	*ret_from = TOOLCHAINS_DATABASE;
	if (r != 1)
		return r;
	k->key = (struct buf)BUF_INIT;
	forget(k);
	k->key = key;
	*ret_from = TOOLCHAINS_ASKED;
	r = toolchain_find(request, &k->toolchain, ret_reason);
	if (r == 0)
		r = note_places(scanner, k, NULL);
	if (r == 0)
		save(t, scanner, k);
	return r;
}

static int add_entry(
	struct scanner *scanner, const struct toolchain_entry *e, struct reapi_hasher *h)
{
	struct place p = {.path = e->path};
	const struct scan_content *content = NULL;
	const char *real;
	int r = reapi_hasher_update(h, e->path, strlen(e->path) + 1);

	if (r == 0 && e->kind == TOOLCHAIN_LINK)
		r = reapi_hasher_update(h, e->target, strlen(e->target) + 1);
	if (r == 0 && e->kind == TOOLCHAIN_FILE)
		r = look(scanner, &p, &real, &content);
	/* What cannot be read is found out when the action is made. */
	return r == 0 && content ? reapi_hasher_update(h, content->digest, REAPI_HASH_SIZE) : r;
}

static int identify(struct scanner *scanner, struct known *k)
{
	AUTO(reapi_hasher_fini) struct reapi_hasher h = {0};
	int r = reapi_hasher_init(&h);

	if (r == 0)
		r = reapi_hasher_update(&h, k->key.data, k->key.len);
	for (size_t i = 0; r == 0 && i < k->toolchain.n; i++)
		r = add_entry(scanner, &k->toolchain.entries[i], &h);
	return r == 0 ? reapi_hasher_finish(&h, &k->identity) : r;
}

int toolchains_find(struct toolchains *t, struct scanner *scanner,
	const struct toolchain_request *request, struct toolchains_found *ret, char **ret_reason)
{
	struct known fresh = {.key = BUF_INIT};
	const struct known *k;
	enum toolchains_from from = TOOLCHAINS_MEMORY;
	int r = toolchain_key(request, &fresh.key);

	k = r == 0 ? find_known(t, &fresh.key) : NULL;
	if (k && !places_hold(scanner, k)) {
		toolchains_forget(t);
		k = NULL;
	}
	if (r == 0 && !k) {
		r = find(t, scanner, request, &fresh, &from, ret_reason);
		if (r == 0)
			r = identify(scanner, &fresh);
		if (r == 0)
			k = remember(t, &fresh);
	}
	forget(&fresh);
	if (r == 0)
		*ret = (struct toolchains_found){&k->toolchain, &k->identity, from};
	return r;
}
