/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/buf.h"
#include "cc/command.h"
#include "scan/facts.h"
#include "scan/fs.h"

/*
 * Which files would the compiler read? Answered from memory, without running it.
 *
 * (command, compiler, working directory, environment, file system) goes in; out comes the ordered
 * set of files with their digests, what was probed, and what must not be there for the answer to
 * hold - or "cannot know", with a reason. Never a guess: what the text of the files does not tell
 * is SCAN_UNKNOWN.
 *
 * A scanner remembers everything that it met: file contents reduced to their directives
 * (scan/text.h), what conditions came to (scan/memo.h), where names were found (scan/lookup.c),
 * what the compilers said (scan/facts.h). It belongs to one thread at a time.
 */

enum scan_file_role {
	SCAN_FILE_READ,   /* the preprocessor reads it */
	SCAN_FILE_PROBED, /* only found, by a __has_include */
	SCAN_FILE_MERGED, /* found, but held for a file that was read already (#pragma once, a guard
			     under another name of the same file) */
	SCAN_FILE_EXTRA,  /* read by another part of the compiler: .incbin, profiles, … */
};

struct scan_result_file {
	struct scan_path *path;
	const struct scan_content *content; /* NULL where it was not read by us (PROBED, MERGED) */
	enum scan_file_role role;
};

struct scan_result {
	struct scan_result_file *files; /* in the order of the first meeting; the source first */
	size_t n_files;
	struct scan_path **directories; /* that were searched, and exist */
	size_t n_directories;
	bool time_macros;     /* __DATE__ or __TIME__ is in what was read, */
	bool timestamp;       /* or __TIMESTAMP__, or what may make any of the three */
	bool assembler_text;  /* an assembler may read a file that cannot be seen here */
	bool odd_directories; /* something else is at the place of a directory to be searched: the
				 compiler says so, or stops */
	bool rejected; /* the compiler will not accept the unit; the set is what it reads first */
	const char *facts;   /* scan_facts.key of what the compiler said; NULL: it was not asked */
	char *reason;        /* of SCAN_UNKNOWN; else NULL */
	uint64_t scan_ns;    /* of the scan proper, without the compiler's runs */
	uint64_t prepare_ns; /* plan, facts, search list, and taking in changes */
	uint32_t rounds;     /* 1 + how often the compiler had to be asked on the way */
};

enum scan_outcome {
	SCAN_UNKNOWN = 1, /* cannot know: ret->reason */
};

struct scanner;

/* db: where the compilers' answers are kept, or NULL (scan_facts_open). */
int scanner_new(const char *db, unsigned fs_flags, struct scanner **ret) MUST_CHECK;
void scanner_free(struct scanner *s);

/*
 * compiler: absolute path. The result is the scanner's, valid until the next call on it.
 * 0, SCAN_UNKNOWN, -errno.
 */
int scanner_scan(struct scanner *s, const struct cc_command *command, const char *compiler,
	const char *cwd, char *const *envp, const struct scan_result **ret) MUST_CHECK;

/* Has any file of the last result, or anything that it relied on, changed since? 1: it has. */
int scanner_changed(struct scanner *s) MUST_CHECK;

/*
 * For whoever lets a compiler run between two scans. Has anything that the last result relies on (a
 * file, a link, a directory, what must not be there) been another since the scan of that moment,
 * though it may be as it was again? 1: it may have been.
 */
uint64_t scanner_moment(const struct scanner *s); /* of the last scan; never 0 */
int scanner_changed_since(struct scanner *s, uint64_t moment) MUST_CHECK;
/* The same of a path of scanner_file. */
int scanner_path_changed_since(
	struct scanner *s, struct scan_path *path, uint64_t moment) MUST_CHECK;

/*
 * Of the last result: every path that was looked for and must not be there. Returns the first value
 * of found that is not 0, else 0, or -errno.
 */
typedef int scan_absent(void *arg, const struct scan_path *path);
int scanner_each_absent(struct scanner *s, scan_absent *found, void *arg) MUST_CHECK;

/*
 * The directories that were looked in in vain, or, of one that is not there, the nearest above it
 * that is; without those that were searched themselves, or that a file which was read lies right in. The
 * same may be told more than once.
 */
typedef int scan_directory(void *arg, struct scan_path *path);
int scanner_each_looked_in(struct scanner *s, scan_directory *found, void *arg) MUST_CHECK;

/* The symbolic links and the directories left by ".." on the way of all files; see scan_fs_steps.
 */
int scanner_each_step(struct scanner *s, scan_fs_step *found, void *arg) MUST_CHECK;

/*
 * Any file, by its path from the last result's working directory or an absolute one, as the view
 * has it since the last scan: *ret proved, and where it is a SCAN_FILE its content read
 * (path->inode->content). -EAGAIN and the like: it cannot be read.
 */
int scanner_file(
	struct scanner *s, const char *cwd, const char *path, struct scan_path **ret) MUST_CHECK;
/* The path without links, "." and ".."; of a file or directory. NULL: no memory. */
const char *scanner_real(struct scanner *s, struct scan_path *path);
/* How often all paths and their ids were given up, by a scan: then none of before is valid. */
uint64_t scanner_views(const struct scanner *s);
/* What lies on the way of one path; see scan_fs_steps. */
int scanner_steps(
	struct scanner *s, struct scan_path *path, scan_fs_step *found, void *arg) MUST_CHECK;

struct scan_facts_stats scanner_facts_stats(const struct scanner *s);
const struct scan_fs_stats *scanner_fs_stats(const struct scanner *s);
