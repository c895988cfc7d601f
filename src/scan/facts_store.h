/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "scan/facts.h"
#include "scan/facts_map.h"

/* Private to scan/facts*.c: what the parts share. */

/* A name that an answer relies on: whether it is a directory, and which. */
struct facts_relied {
	char *path;
	bool dir;
	bool timed; /* its contents matter too */
	uint64_t dev, ino;
	int64_t mtime_ns;
};

struct facts_private {
	char *key;
	char *predefined;
	struct strv quote, bracket, missing, also;
	struct facts_relied *relied;
	size_t n_relied;
	struct facts_map answers; /* "7 operand": the number, or UNANSWERABLE */
	int64_t row;              /* of the database; 0: none */
};

/* What stands in facts_private.answers for an operand that is no question. */
#define FACTS_UNANSWERABLE LONG_MIN

struct scan_facts *facts_new(void); /* NULL: no memory */
void facts_free(struct scan_facts *f);

/* The public pointers, once the private parts are set. -ENOMEM. */
int facts_publish(struct scan_facts *f) MUST_CHECK;

/* The key of an answer in the map. */
int facts_answer_key(enum scan_special special, const char *operand, size_t len, char *key);
enum { FACTS_ANSWER_KEY_MAX = SCAN_QUESTION_MAX + 8 };
int facts_put_answer(struct scan_facts *f, enum scan_special special, const char *operand,
	size_t len, long answer) MUST_CHECK;

/* Note how things are (relative names start from cwd); whether they are so still. */
int facts_rely(struct scan_facts *f, const char *cwd, const char *path, bool timed) MUST_CHECK;
bool facts_relied_holds(const struct scan_facts *f, const char *cwd);

struct facts_db;

/* A compiler that gave no usable answer is not asked the same again for a while. */
struct facts_refusal {
	int64_t until_ms;
	char *reason;
};

enum { FACTS_REFUSAL_MS = 60 * 1000 };

struct scan_facts_store {
	struct facts_map by_key; /* struct scan_facts */
	struct scan_facts **all; /* what by_key no longer has, too */
	size_t n_all;
	struct facts_map programs; /* where a gcc has its cc1, and its specs: char * */
	struct facts_map refused;  /* struct facts_refusal, by key */
	struct facts_db *db;       /* or NULL */
	char *marker;              /* a directory beside it: facts_question.c */
	struct scan_facts_stats stats;
};

enum { FACTS_MAX = 1 << 14 }; /* in memory; past it nothing is asked any more */

/*
 * The key of the facts for a plan. SCAN_FACTS_UNKNOWN where the compiler cannot be told from
 * another (*ret_reason).
 */
int facts_key(struct scan_facts_store *s, const struct scan_plan *plan, char **ret,
	char **ret_reason) MUST_CHECK;

/* Ask for everything but the answers. SCAN_FACTS_UNKNOWN, *ret_reason. */
int facts_question(struct scan_facts_store *s, const struct scan_plan *plan, struct scan_facts *f,
	char **ret_reason) MUST_CHECK;

/* SCAN_FACTS_UNKNOWN with a reason that begins with the compiler's name. -ENOMEM. */
int facts_unknown(const struct scan_plan *plan, char **ret_reason, const char *fmt, ...) MUST_CHECK
	PRINTF_LIKE(3, 4);

/* The words in front of a question: the key's options, and the language. -ENOMEM. */
int facts_args(const struct scan_plan *plan, struct strv *args) MUST_CHECK;

/* Where the facts are kept. A database that fails is given up: all of these do nothing then. */
int facts_db_open(const char *path, struct facts_db **ret) MUST_CHECK;
void facts_db_close(struct facts_db *db);
/* 1: it is not there, or not to be read; f is as it was. -ENOMEM. */
int facts_db_load(struct facts_db *db, const char *key, struct scan_facts *f) MUST_CHECK;
void facts_db_save(struct facts_db *db, struct scan_facts *f);
void facts_db_save_answers(
	struct facts_db *db, struct scan_facts *f, const struct scan_question *questions, size_t n);
