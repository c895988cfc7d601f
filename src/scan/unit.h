/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "scan/hashset.h"
#include "scan/lexer.h"
#include "scan/memo.h"
#include "scan/plan.h"
#include "scan/scan.h"
#include "scan/search.h"
#include "scan/text.h"

/*
 * Private to the engine: scan.c (preparation, result), run.c (the ops), lookup.c (includes),
 * expand.c, substitute.c, special.c (macros), condition.c (#if).
 *
 * Functions return 0, -errno, or UNIT_STOP where the unit is at its end early: unit.reason is set
 * then ("cannot know"), or unit.fatal (the compiler stops here too).
 */

enum { UNIT_STOP = 2 };

enum {
	UNIT_DEPTH_MAX = 200,                /* nested includes: both compilers' limit */
	UNIT_EXPANSIONS_MAX = 4 << 20,       /* macro expansions in one unit */
	UNIT_OPS_MAX = 64 << 20,             /* directives of all that is entered in one unit */
	UNIT_OPS_OF_FILE = 1024,             /* a file that is entered counts as so many more: two
				   #includes of itself in a file are 2^200 */
	UNIT_TOKENS_MAX = 64 << 20,          /* tokens pulled through the expander in one unit */
	UNIT_DIRECTIVE_TOKENS_MAX = 4 << 20, /* kept while one directive is expanded */
	UNIT_FILES_MAX = 1 << 20,
	UNIT_NESTED_MAX = 1000, /* arguments within arguments, parentheses within parentheses */
	UNIT_ROUNDS_MAX = 16,
	UNIT_PUSHED_MAX = 1 << 16,
	UNIT_ONCE_BITS = 1 << 13,
};

/*
 * What a name means now is in its slot, a number. One per spelling. The upper half is the epoch of the
 * unit that defined it (scanner.epoch; 0: none), so that a new unit need not reset them: below
 * scanner.undefined (that epoch, and nothing) the name is not defined. The lower half is the macro's
 * number, never 0; SLOT_GIVEN: by the compiler itself.
 */
#define SLOT_GIVEN (UINT32_C(1) << 31)

enum { UNIT_LINE = 64 }; /* bytes of a cache line, or what is taken for that */

/*
 * A file under one path; scan_path.user. Hundreds are met in a unit, and it is memory that these wait
 * for: what an #include looks at is in the first cache line.
 */
struct file {
	uint32_t unit;  /* the epoch that index, read, listed, once, probed, … and node are of */
	uint32_t index; /* in the result */
	bool read, listed, once;
	bool probed, probed_otherwise; /* by a __has_include; and as another file, too */
	uint32_t guard;                /* text's */
	struct text *text;             /* of content, in text->mode */
	struct file *then;             /* what was read next, the last time; or NULL */
	uint64_t generation; /* of the view, while which text needs no look at the content; or 0 */
	const struct scan_content *content;
	struct scan_path *path;
	struct scan_path *dir; /* of the path; NULL until asked for */
	struct file *next;     /* of all */
	uint64_t serial;       /* of content */
	/* gcc: the file that this is to it, by who looked for it with __has_include. */
	uint32_t probe_name;
	int32_t probe_origin;
	struct node *node; /* clang: what stands for its inode in this unit */
};

_Static_assert(
	offsetof(struct file, path) + sizeof(struct scan_path *) <= UNIT_LINE, "its first line");

/* clang takes two names of one inode for one file. */
struct node {
	struct node *next; /* of all */
	dev_t dev;
	ino_t ino;
	uint32_t unit;
	bool read, once;
	bool ended;            /* it was read to its end: clang knows its guard */
	struct scan_path *dir; /* of the name it was first met under */
};

/* Where a name was found: dirs[index] of the search list, or one of these. */
enum { FOUND_CURRENT = -1, FOUND_ABSOLUTE = -2, FOUND_NOWHERE = -3, FOUND_TROUBLE = -4 };

struct lookup {
	uint32_t
		unit; /* in whose list of look-ups it is: of that one's search list, and up to date */
	uint32_t start;        /* index in the list; UINT32_MAX: the name is absolute */
	struct scan_path *dir; /* the directory that is looked in first; NULL: none */
	struct file *file;     /* NULL: not found */
	int32_t found;
	bool watched, dir_system;
	bool no_pch;     /* while it is up to date: no candidate has a precompiled form beside it */
	bool shortened;  /* gcc: file goes by its real path */
	uint64_t serial; /* of the search list */
	uint64_t generation, epoch;
	uint32_t name;
	uint32_t head; /* looked_in.c; 0: not known */
};

_Static_assert(sizeof(struct lookup) <= UNIT_LINE, "one line, as struct file");

struct frame {
	struct file *file;
	const struct text *text;
	struct op *at;
	int32_t found;
	int32_t next_to; /* what #include_next goes on from; clang: a file found beside its includer
			    has its includer's */
	bool system;
	bool shortened; /* gcc: file goes by its real path */
	bool line_changed, line_unknown;
	int64_t line_shift; /* by #line */
	/* As the compiler spells the path: dir_name + name, or the path itself where name is 0. */
	const char *dir_name;
	uint32_t name;
};

struct pushed {
	uint32_t id;
	uint32_t macro; /* as in its slot; 0: not defined */
};

struct context {
	const struct token *at, *end;
	uint32_t id;  /* of the macro that this is the expansion of, or 0 */
	int8_t space; /* what the first token's TOKEN_SPACE is to be; -1: it is right */
	bool barrier; /* the end of it is the end */
};

struct arena_block;

struct synthetic {
	uint32_t mode;
	size_t len;
	char *data;
	struct text *text;
};

struct scanner {
	struct scan_fs fs;
	unsigned fs_flags;
	struct scan_facts_store *facts_store;
	struct scan_search_cache *search_cache;
	struct intern names;
	struct macro_table macros;
	struct text_maker maker;
	bool names_ready;

	uint64_t *slots; /* by id of a name */
	uint16_t *busy;  /* the same: how many contexts of its macro are open */
	uint32_t n_slots;
	uint32_t epoch;     /* of the unit; also file.unit, lookup.unit */
	uint64_t undefined; /* epoch << 32: the first slot that is a definition of this unit */
	const struct macro *specials[SCAN_SPECIAL_COUNT];
	uint32_t special_ids[SCAN_SPECIAL_COUNT];

	struct lookup **lookups; /* a power of two */
	uint32_t n_lookups, lookups_used;
	struct node **nodes; /* the same; by (dev, ino) */
	uint32_t n_nodes, nodes_used;
	struct hashset heads_by_key; /* looked_in.c */
	struct head **heads;
	uint32_t n_heads, heads_cap;
	uint64_t looked_in_calls;
	uint64_t views;          /* given up so far */
	uint64_t moments_before; /* of views that were given up: what scanner_moment adds */
	struct node *all_nodes;
	struct file *all_files;
	struct synthetic *synthetic; /* texts that are no files: -D, predefined macros */
	size_t n_synthetic;

	/* The unit in hand. */
	const struct scan_plan *plan;
	const struct scan_facts *facts;
	const struct scan_search *search;
	uint32_t mode;
	bool clang, strict, c99, unsigned_char, unsigned_wide, short_wide;
	bool target_dirty, counter_in_text, counter_unknown, pragma_macro, pragma_words,
		provisional;
	bool loading_given;         /* what is defined now is the compiler's own */
	bool time_word, time_frame; /* what "##" may make a name of that tells the time */
	bool first_include;         /* gcc would still take a precompiled header */
	bool once_seen; /* gcc: some file is once-only, identity is compared from now on */
	bool fatal;
	bool level_changed;             /* __INCLUDE_LEVEL__ may be another, by a line marker */
	bool optimize_dirty, any_dirty; /* any: by more than "general-regs-only" */
	uint32_t options_depth;
	uint8_t options[64]; /* what was dirty at each push_options */
	uint64_t counter, n_ops, n_expansions, n_tokens;
	struct file *entered; /* what was read last; or NULL */
	struct frame frames[UNIT_DEPTH_MAX + 2];
	uint32_t n_frames;
	struct pushed *pushed;
	uint32_t n_pushed, pushed_cap;
	struct scan_question *questions;
	size_t n_questions, questions_cap;
	struct lookup **used; /* look-ups of this unit */
	size_t n_used, used_cap;
	struct scan_path **absent; /* not there, and looked for by other ways than look-ups */
	size_t n_absent, absent_cap;
	struct lookup *pch[2]; /* those for which precompiled forms were looked for too: the
				  stdc-predef.h before the source, and the first #include */
	unsigned n_pch;
	struct file **once_files;                /* gcc */
	uint64_t once_bits[UNIT_ONCE_BITS / 64]; /* by unit_once_bit of their contents */
	size_t n_once, once_cap;

	/* The directive in hand. */
	const struct directive *directive;
	struct context *contexts;
	uint32_t n_contexts, contexts_cap;
	uint32_t prevent; /* > 0: names are not expanded */
	uint32_t nested;  /* arguments being expanded within each other */
	uint16_t below;   /* lines below directive->line */
	bool or_space;    /* an expansion to nothing had white space before it */
	bool skip_eval;   /* the operand does not count */
	bool memo_off;    /* something was read that a memo cannot hold */
	bool asked;       /* an answer of facts is part */
	struct memo_read reads[MEMO_READS_MAX];
	uint32_t n_reads;
	struct memo_probe probes[MEMO_PROBES_MAX];
	uint32_t n_probes;
	struct token *args; /* scratch */
	uint32_t n_args, args_cap;
	struct arena_block *arena, *arena_spare;
	size_t arena_tokens;

	struct scan_result result;
	size_t files_cap, directories_cap;
	struct buf reason;
	struct buf scratch;
};

/* scan.c: nothing is defined, nothing was read. */
void unit_begin(struct scanner *s);
/* Cannot know: UNIT_STOP. */
int unit_unknown(struct scanner *s, const char *fmt, ...) MUST_CHECK PRINTF_LIKE(2, 3);
/* The compiler refuses, but goes on. */
void unit_reject(struct scanner *s);

/* id: a name that has a slot, as all in a text have. */
static inline bool unit_is_defined(const struct scanner *s, uint32_t id)
{
	return s->slots[id] > s->undefined;
}

/* The lower half of its slot; 0: not defined. */
static inline uint32_t unit_slot(const struct scanner *s, uint32_t id)
{
	return unit_is_defined(s, id) ? (uint32_t)s->slots[id] : 0;
}

static inline bool unit_slot_is(const struct scanner *s, uint32_t id, uint32_t macro)
{
	return macro ? s->slots[id] == (s->undefined | macro) : !unit_is_defined(s, id);
}

/* NULL: not defined. */
static inline const struct macro *unit_macro(const struct scanner *s, uint32_t id)
{
	return id < s->n_slots ? s->macros.numbered[unit_slot(s, id) & ~SLOT_GIVEN] : NULL;
}

static inline uint32_t unit_once_bit(const struct scan_content *c)
{
	return (uint32_t)((uint64_t)(uintptr_t)c * 0x9e3779b97f4a7c15u >> 51);
}

int unit_slots(struct scanner *s) MUST_CHECK; /* as many as there are names */

/* The same, noted for the memo; UNIT_STOP where it may be what a pragma has changed. */
int unit_read(struct scanner *s, uint32_t id, const struct macro **ret) MUST_CHECK;

/* expand.c */
int expand_begin(struct scanner *s, const struct token *tokens) MUST_CHECK;
void expand_end(struct scanner *s);
int expand_next(struct scanner *s, struct token *ret) MUST_CHECK;
int expand_argument(struct scanner *s, const struct token *t, uint32_t n, const struct token **ret,
	uint32_t *ret_n) MUST_CHECK;
int expand_alloc(struct scanner *s, size_t n, struct token **ret) MUST_CHECK;
void expand_arena_free(struct scanner *s);
bool expand_paren_follows(struct scanner *s);
int expand_push(struct scanner *s, const struct token *t, size_t n, uint32_t id, int space,
	bool barrier) MUST_CHECK;

/* substitute.c */
struct argument {
	const struct token *tokens;
	uint32_t n;
	const struct token *expanded; /* NULL until it is */
	uint32_t n_expanded;
};
int substitute(struct scanner *s, const struct macro *m, struct argument *args, uint32_t n_args,
	const struct token **ret, uint32_t *ret_n) MUST_CHECK;

/* special.c: what name, whose macro is special, is now. */
int special_expand(
	struct scanner *s, uint8_t special, const struct token *name, struct token *ret) MUST_CHECK;
/* Would an include of it find a file? It is noted that this was asked. */
int special_probe(struct scanner *s, uint32_t name, bool angled, bool next, bool *ret) MUST_CHECK;
int special_number(struct scanner *s, uint64_t n, struct token *ret) MUST_CHECK;

/* condition.c */
int condition_value(struct scanner *s, const struct token *tokens, bool *ret) MUST_CHECK;

/* lookup.c */
int lookup_include(struct scanner *s, uint32_t name, bool angled, bool next, bool command_line,
	struct lookup **ret) MUST_CHECK;
/* The same for an include with a name, which remembers what it came to. */
int lookup_of_op(struct scanner *s, struct op *op, struct lookup **ret) MUST_CHECK;
/* Where gcc remembers that it found this: two look-ups of one name and origin are one file to it. */
int32_t lookup_origin(const struct scanner *s, const struct lookup *l);
int lookup_file(struct scanner *s, struct scan_path *p, struct file **ret) MUST_CHECK;
int lookup_text_slow(struct scanner *s, struct file *f, const struct text **ret) MUST_CHECK;
int lookup_note(struct scanner *s, struct file *f, enum scan_file_role role) MUST_CHECK;
int lookup_node(struct scanner *s, struct file *f) MUST_CHECK;
/* p was looked for, by itself, and is not there. */
int lookup_note_absent(struct scanner *s, struct scan_path *p) MUST_CHECK;
int lookup_each_absent(struct scanner *s, scan_absent *found, void *arg) MUST_CHECK;
/* Call with each candidate up to and with the found one, which is the last. */
typedef int lookup_candidate(struct scanner *s, struct scan_path *p, bool last, void *arg);
int lookup_each_candidate(
	struct scanner *s, const struct lookup *l, lookup_candidate *call, void *arg) MUST_CHECK;

/* looked_in.c */
int looked_in_each(struct scanner *s, scan_directory *found, void *arg) MUST_CHECK;
void looked_in_forget(struct scanner *s);
void lookup_forget(struct scanner *s);
/* The path of a frame as the compiler spells it, into s->scratch. */
int lookup_spelling(struct scanner *s, const struct frame *f) MUST_CHECK;

/* Is f->text what an include of it reads now? */
static inline bool lookup_has_text(const struct scanner *s, const struct file *f)
{
	/* Path, inode and content are three places in memory, and there are hundreds of files. */
	return f->generation == s->fs.generation && f->text->mode == s->mode;
}

static inline int lookup_text(struct scanner *s, struct file *f, const struct text **ret)
{
	if (!lookup_has_text(s, f))
		return lookup_text_slow(s, f, ret);
	*ret = f->text;
	return 0;
}

/* Of a look-up of "x": does it begin where f's would, in the directory of its file? */
static inline bool lookup_is_beside(
	const struct scanner *s, const struct frame *f, const struct lookup *l)
{
	const struct scan_path *dir = f->file->dir;

	if (s->clang)
		dir = f->file->node ? f->file->node->dir : NULL;
	return dir && dir == l->dir && l->dir_system == (f->system && !s->clang);
}

/*
 * Is op->lookup plainly what a look-up by this include would come to? Of one op the name, and with
 * it an absolute path, is always the same, and in one list so is where an angled one begins.
 */
static inline bool lookup_is_of_op(const struct scanner *s, const struct op *op)
{
	const struct lookup *l = op->lookup;
	const struct frame *f = &s->frames[s->n_frames - 1];

	if (!l || l->serial != s->search->serial || op->kind == OP_INCLUDE_NEXT)
		return false;
	if (op->flags & OP_ANGLED)
		return true;
	return lookup_is_beside(s, f, l);
}

/* What was noted of a file in another unit is no longer true. */
static inline void lookup_begin(const struct scanner *s, struct file *f)
{
	if (f->unit == s->epoch)
		return;
	f->unit = s->epoch;
	f->read = f->listed = f->once = f->probed = f->probed_otherwise = false;
	if (s->clang)
		f->node = NULL;
}

/*
 * Make l, of the search list in hand and up to date with nothing to be proved, part of the unit. False:
 * it is not so, or there is no room, and nothing was done.
 */
static inline bool lookup_use_known(struct scanner *s, struct lookup *l)
{
	if (l->serial != s->search->serial || l->generation != s->fs.generation || !l->watched ||
		s->n_used == s->used_cap)
		return false;
	s->used[s->n_used++] = l;
	l->unit = s->epoch;
	return true;
}

/* List f, of which nothing was noted in this unit, as read. There is room. */
static inline void lookup_note_first(struct scanner *s, struct file *f)
{
	struct scan_result *r = &s->result;

	f->index = (uint32_t)r->n_files++;
	r->files[f->index] = (struct scan_result_file){f->path, f->content, SCAN_FILE_READ};
	f->listed = true;
}

/* run.c */
int run_unit(struct scanner *s, struct file *source) MUST_CHECK;
struct scan_path *lookup_suffixed(struct scanner *s, const struct scan_path *p, const char *suffix);
/* The name in an #include's or __has_include's tokens: 0 and id, 1 where there is none. */
int run_header_name(
	struct scanner *s, struct token *first, uint32_t *ret, bool *ret_angled) MUST_CHECK;
