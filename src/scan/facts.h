/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/buf.h"
#include "cc/command.h"
#include "scan/mode.h"

struct scan_plan;

/*
 * What only the compiler itself can say, asked once and kept: predefined macros, default search
 * directories, how it cuts text into tokens, which of the special names it has, and what each
 * __has_…(x) is.
 *
 * The key of an answer: the compiler's identity (path, and device, inode, size, mtime, ctime of the
 * file behind it, and of the cc1/cc1plus that -print-prog-name names), the language, the
 * environment variables that matter, the working directory where an option makes it matter, and
 * all options but those that are known not to matter (-I -iquote -isystem -idirafter -D -U
 * -include -imacros -W… -o -M…, -g… of the plain kinds, -c, the input). An option that is not known
 * not to matter matters.
 *
 * Kept in SQLite under the agent's cache directory, or in memory alone where there is none. Each
 * batch of questions has questions in it whose answers are known; a reply that has them wrong, or
 * that cannot be read to the letter, is an error, never an answer.
 */

/* Special names, as bits of scan_facts.specials: those that "#ifdef NAME" finds defined. */
enum scan_special {
	SCAN_SPECIAL_LINE,          /* __LINE__ */
	SCAN_SPECIAL_FILE,          /* __FILE__ */
	SCAN_SPECIAL_BASE_FILE,     /* __BASE_FILE__ */
	SCAN_SPECIAL_FILE_NAME,     /* __FILE_NAME__ */
	SCAN_SPECIAL_INCLUDE_LEVEL, /* __INCLUDE_LEVEL__ */
	SCAN_SPECIAL_COUNTER,       /* __COUNTER__ */
	SCAN_SPECIAL_DATE,          /* __DATE__ */
	SCAN_SPECIAL_TIME,          /* __TIME__ */
	SCAN_SPECIAL_TIMESTAMP,     /* __TIMESTAMP__ */
	SCAN_SPECIAL_PRAGMA,        /* _Pragma (never "defined" to gcc, which yet obeys it) */
	SCAN_SPECIAL_HAS_INCLUDE,
	SCAN_SPECIAL_HAS_INCLUDE_NEXT,
	SCAN_SPECIAL_HAS_EMBED,
	SCAN_SPECIAL_HAS_ATTRIBUTE, /* the first of those whose answer is asked for by operand */
	SCAN_SPECIAL_HAS_CPP_ATTRIBUTE,
	SCAN_SPECIAL_HAS_C_ATTRIBUTE,
	SCAN_SPECIAL_HAS_BUILTIN,
	SCAN_SPECIAL_HAS_CONSTEXPR_BUILTIN,
	SCAN_SPECIAL_HAS_FEATURE,
	SCAN_SPECIAL_HAS_EXTENSION,
	SCAN_SPECIAL_HAS_WARNING,
	SCAN_SPECIAL_HAS_DECLSPEC_ATTRIBUTE,
	SCAN_SPECIAL_IS_IDENTIFIER,
	SCAN_SPECIAL_IS_TARGET_ARCH,
	SCAN_SPECIAL_IS_TARGET_VENDOR,
	SCAN_SPECIAL_IS_TARGET_OS,
	SCAN_SPECIAL_IS_TARGET_ENVIRONMENT,
	SCAN_SPECIAL_IS_TARGET_VARIANT_OS,
	SCAN_SPECIAL_IS_TARGET_VARIANT_ENVIRONMENT,
	SCAN_SPECIAL_BUILDING_MODULE,
	SCAN_SPECIAL_COUNT,
};

/* Their spelling, by number: "__LINE__", … */
extern const char *const scan_special_names[SCAN_SPECIAL_COUNT];

struct scan_facts {
	const char *key;   /* printable, unique for the answers below */
	uint32_t mode;     /* enum scan_mode, or-ed */
	uint64_t specials; /* 1 << enum scan_special, or-ed */
	/* Those whose operand is macro-expanded before it is looked up (1 << enum scan_special). By
	 * experiment, and asked anew for each key:
	 *	gcc 12    __has_attribute, __has_cpp_attribute, __has_c_attribute, __has_builtin
	 *	clang 14  __has_attribute, __has_cpp_attribute, __has_c_attribute,
	 *	          __has_declspec_attribute; none of the others (an operand that is a macro's
	 *	          name is looked up as it stands)
	 * Both parts of "gnu::x" are. What is handed to scan_facts_ask is what is left then. */
	uint64_t expands;
	const char *predefined; /* "#define NAME value\n" lines (or "#undef NAME\n"): what is there
				   before any -D; without what stdc-predef.h defines */
	size_t predefined_len;
	bool preinclude;     /* stdc-predef.h is looked for before the source, and may be missing */
	bool search_default; /* the two lists below were asked for without any of the user's -I, so
				his are to be merged in; else (plan.search_by_compiler) they are
				the whole answer, and all of the command and cwd is in the key */
	/* Of a directory that is named in two ways the first name that the compiler came across
	 * stands in the paths of what is found in it, whichever is searched (clang 14). */
	bool first_name;
	char **missing; /* search directories that the compiler left out because they are not there,
			   or as duplicates; NULL-terminated */
	char **also;    /* files that it reads beside: lists of its own for sanitizers */
	char **quote;   /* search directories as the compiler prints them, NULL-terminated */
	char **bracket;
	void *user; /* the owner's */
	struct facts_private *private;
};

/*
 * One __has_…(operand). operand: tokens as spelled, a blank where there was white space between
 * two tokens that need it, at most SCAN_QUESTION_MAX bytes. Only a name, a name behind "scope::",
 * and for __has_warning one plain string are ever asked (scan_question_is_plain): text of hostile
 * headers does not reach a compiler in any other form.
 * What is used without parentheses, or has an operand that is an error to the compiler, is no
 * question: a compile that evaluates it fails.
 */
enum { SCAN_QUESTION_MAX = 256, SCAN_QUESTIONS_MAX = 4096 };

struct scan_question {
	enum scan_special special;
	const char *operand;
	/* written by scan_facts_ask */
	long answer;
	bool unanswerable; /* not plain, not a name of this compiler's, or an error to it */
};

bool scan_question_is_plain(enum scan_special special, const char *operand, size_t operand_len);

struct scan_facts_store;

/* db: a file that is made if missing, or NULL. A file that is broken is set aside and made anew;
 * one that is of a newer version of us is left alone, and nothing is kept. Beside it comes a
 * directory "DB-marker", for questions. */
int scan_facts_open(const char *db, struct scan_facts_store **ret) MUST_CHECK;
void scan_facts_close(struct scan_facts_store *s);

enum scan_facts_outcome {
	SCAN_FACTS_UNKNOWN = 1, /* *ret_reason (malloc'ed) says why the compiler's answer is none */
};

/*
 * The facts for a plan (not for a preprocessed one): from memory, from the database, or from the
 * compiler (one run, 10-40 ms; for a gcc that was not seen before one more to find its cc1). They
 * live as long as the store. Each call looks (stat) whether the compiler is the same file still,
 * and whether the directories that it left out still are to be left out.
 */
int scan_facts_get(struct scan_facts_store *s, const struct scan_plan *plan,
	const struct scan_facts **ret, char **ret_reason) MUST_CHECK;

/* Known already? True and *ret_answer, without any run. Never for what is unanswerable. */
bool scan_facts_known(const struct scan_facts *f, enum scan_special special, const char *operand,
	size_t operand_len, long *ret_answer);

/*
 * Ask them all, in one run of the compiler (two or more where some operands turn out to be errors
 * to it); known ones are not asked again, unanswerable ones neither. SCAN_FACTS_UNKNOWN where the
 * compiler's reply cannot be used, and for a single question that is unanswerable.
 */
int scan_facts_ask(struct scan_facts_store *s, const struct scan_facts *f,
	const struct scan_plan *plan, struct scan_question *questions, size_t n,
	char **ret_reason) MUST_CHECK;

struct scan_facts_stats {
	uint64_t runs;      /* of a compiler */
	uint64_t questions; /* asked in them */
	uint64_t from_disk; /* facts that came from the database */
};
struct scan_facts_stats scan_facts_stats(const struct scan_facts_store *s);
