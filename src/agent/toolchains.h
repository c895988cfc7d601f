/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "exact/toolchain.h"
#include "reapi/digest.h"
#include "scan/scan.h"

/*
 * Toolchains that were found (exact/toolchain.h), in memory and in a database, each for as long as
 * everything is as it was: a link that leads elsewhere (another version was chosen), a program that
 * was built anew, one of its name that would be found before it: each makes it another toolchain.
 *
 * For one thread at a time, the scanner's.
 */
struct toolchains;

/* db: path of the database; NULL: none. -ENOMEM. */
int toolchains_new(const char *db, struct toolchains **ret) MUST_CHECK;
void toolchains_free(struct toolchains *t); /* NULL is fine */

enum toolchains_from { TOOLCHAINS_MEMORY, TOOLCHAINS_DATABASE, TOOLCHAINS_ASKED };

struct toolchains_found {
	const struct toolchain *toolchain;
	const struct reapi_digest *identity; /* of its key, and of all that it has */
	enum toolchains_from from;
};

/*
 * Outcomes are toolchain_find's. *ret is good until the next call. scanner: as of its last scan.
 */
int toolchains_find(struct toolchains *t, struct scanner *scanner,
	const struct toolchain_request *request, struct toolchains_found *ret,
	char **ret_reason) MUST_CHECK;

/* None is to be trusted: one of them was not what it seemed. */
void toolchains_forget(struct toolchains *t);
