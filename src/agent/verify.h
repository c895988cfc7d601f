/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "exact/sample.h"
#include "reapi/digest.h"

/*
 * What is remembered of compiles that were looked at more closely, also from agent to agent: of
 * compiler facts how many compiles in a row were found right (exact/sample.h), and what was found
 * wrong and is therefore compiled here.
 *
 *	an action	its result was doubted: until its inputs or its command change, as it is
 *			another action then
 *	a file		compiled twice it came out differently: by the source's absolute path, and
 *			the compiler
 *
 * Either for VERIFY_DOUBT_DAYS. In "verify.sqlite" in a directory; to forget all, end the agent and
 * remove that. A database that fails is done without.
 */
enum {
	VERIFY_FACTS_MAX = 1024,  /* then all are forgotten, and looked at anew */
	VERIFY_DOUBTS_MAX = 4096, /* then those that end first */
	VERIFY_DOUBT_DAYS = 30,
};

struct verify;

/* dir: made where it is missing; NULL: in memory only. -ENOMEM. */
int verify_open(const char *dir, struct verify **ret) MUST_CHECK;
void verify_close(struct verify *v);                  /* NULL is fine */
const char *verify_directory(const struct verify *v); /* NULL: none */

unsigned verify_clean(const struct verify *v, const struct reapi_digest *facts);
void verify_found(struct verify *v, const struct reapi_digest *facts, enum sample_found found);

/* now_s: seconds since 1970. what is an action's digest, or verify_file's. */
bool verify_is_doubted(const struct verify *v, const struct reapi_digest *what, int64_t now_s);
void verify_doubt(
	struct verify *v, const struct reapi_digest *what, const char *name, int64_t now_s);

/* 0, -errno. */
int verify_file(const char *source, const char *compiler, struct reapi_digest *ret) MUST_CHECK;
