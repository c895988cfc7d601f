/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "cc/command.h"
#include "exact/memory.h"
#include "exact/toolchain.h"
#include "reapi/arena.h"
#include "scan/scan.h"

/*
 * A compile as a Remote Execution action: the scanner's files and the toolchain's, each at its own
 * absolute path under an input root that is "/", and the command as it stands.
 *
 * Equal command, equal inputs, equal paths: equal digest, on every machine. So nothing goes in that
 * does not matter: no time of a file, but where gcc holds two files of equal bytes for one by their
 * times (then small numbers say which are equal); of the environment an allow-list; of PATH the
 * directories that the toolchain lies in.
 */

enum {
	EXACT_OUTPUTS_MAX = 64, /* of one compile; more are EXACT_UNKNOWN */
};

enum exact_outcome {
	EXACT_UNKNOWN = 1, /* cannot be done exactly: *ret_reason (malloc'ed) */
};

struct exact_blob {
	struct reapi_digest digest;
	const void *data; /* or */
	const char *path; /* of a file, without links */
};

/* A file that the compiler may read. */
struct exact_read {
	const char *spelled; /* absolute, as the compiler's list has it (depfile_path) */
	const char *real;    /* without links */
	bool required;       /* it reads it, if it does what we think */
};

struct exact_action {
	struct reapi_digest digest;
	struct exact_blob *blobs; /* each digest once: Action, Command, Directories, files */
	size_t n_blobs;
	char *base; /* it was made as if this were REBASE_DIRECTORY (exact/basedir.h); or NULL */
	enum cc_family family;
	struct strv outputs; /* as in the Command: from the working directory, "../x" too */
	uint64_t certain;    /* 1 << i: it is no result where outputs.v[i] is not there */
	uint64_t varying;    /* 1 << i: its bytes are others each time */
	char *deps;          /* the one of these that is a list of what was read, for exact_check */
	bool deps_ours;      /* nobody else asked for it */
	bool deps_all;       /* system headers are in it too */
	bool unseen; /* its assembler, or a plug-in, may read what nobody foresees: of a file that is
				not in the root it finds another one of that name. So whoever runs it has
				to tell what was looked for in vain, and no key stands for the result */
	struct exact_read *reads; /* as they were met first: the source, … */
	size_t n_reads;
	/* What blobs and reads point into. */
	struct buf directories, command, action;
	struct exact_names *shared;
	struct reapi_arena names;
};

struct exact_params {
	struct exact_memory *memory;
	struct scanner *scanner;
	const struct scan_result *scan; /* its last one, of this command */
	const struct toolchain *toolchain;
	const struct cc_command *command;
	const char *compiler; /* absolute */
	const char *cwd;      /* the user's PWD, or the directory itself */
	const char *base;     /* the base directory, where one is wanted; or NULL */
	char *const *envp;
	bool colour; /* stderr is a terminal, and the compiler would use colours */
};

/* 0, EXACT_UNKNOWN, -errno. */
int exact_action_make(
	const struct exact_params *p, struct exact_action *ret, char **ret_reason) MUST_CHECK;
bool exact_keeps_variable(const char *variable); /* "NAME=VALUE": does it travel? */
void exact_action_fini(struct exact_action *a);  /* also of a zeroed one */

/*
 * Add to a command what makes the compiler list what it read, in the files deps and assembled;
 * either may be NULL. The latter is for commands of which exact_assembler_lists is true: that their
 * assembler is one that makes lists of its own. -ENOMEM.
 */
int exact_ask_for_lists(const struct cc_command *c, const char *deps, const char *assembled,
	struct strv *argv, struct strv *envp) MUST_CHECK;
bool exact_assembler_lists(const struct cc_command *c);

/*
 * Did the compiler read what the scanner said? deps: what it left in a->deps.
 * 0; EXACT_UNKNOWN: no, *ret_reason says which file; -ENOMEM.
 */
int exact_check(const struct exact_action *a, const char *cwd, const struct buf *deps,
	char **ret_reason) MUST_CHECK;

/* Did the assembler, where all files are, read no other than were foreseen? The same. */
int exact_check_assembled(const struct exact_action *a, const char *cwd, const struct buf *list,
	char **ret_reason) MUST_CHECK;

/* Is it the file of one of the outputs? */
struct stat;
bool exact_is_output(const struct exact_action *a, const char *cwd, const struct stat *st);

struct reapi_lookups;

/*
 * Is there anything on this machine that the compiler looked for there, and did not find? Asks the
 * file system about each path. 0; EXACT_UNKNOWN: there is, or the list is none; -ENOMEM.
 */
int exact_check_lookups(const struct exact_action *a, const char *cwd,
	const struct reapi_lookups *lookups, char **ret_reason) MUST_CHECK;
