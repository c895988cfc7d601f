/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scan/unit.h"

/*
 * One unit: predefined macros, the command line's, -imacros, stdc-predef.h, -include, the source;
 * the order is gcc's, and clang's but for what clang has not. Ops are executed file by file on a
 * stack of frames; a condition that is false jumps.
 */

int unit_slots(struct scanner *s)
{
	uint32_t n = s->n_slots ? s->n_slots : 1 << 14;
	uint64_t *slots;
	uint16_t *busy;

	if (s->n_slots >= s->names.n)
		return 0;
	while (n < s->names.n)
		n *= 2;
	slots = reallocarray(s->slots, n, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	s->slots = slots;
	busy = reallocarray(s->busy, n, sizeof(*busy));
	if (!busy)
		return -ENOMEM;
	s->busy = busy;
	memset(slots + s->n_slots, 0, (n - s->n_slots) * sizeof(*slots));
	memset(busy + s->n_slots, 0, (n - s->n_slots) * sizeof(*busy));
	s->n_slots = n;
	return 0;
}

void unit_reject(struct scanner *s)
{
	s->result.rejected = true;
	s->memo_off = true;
}

/* Predefined names that no "#pragma GCC target" or "optimize" changes. */
static bool is_constant(const struct scanner *s, const char *name)
{
	static const char *const exact[] = {"__GNUC__", "__GNUC_MINOR__", "__GNUC_PATCHLEVEL__",
		"__GNUG__", "__cplusplus", "__x86_64__", "__x86_64", "__amd64__", "__i386__",
		"__linux__", "__linux", "__gnu_linux__", "__unix__", "__unix", "__ELF__",
		"__LP64__", "_LP64", "__CHAR_BIT__", "__STRICT_ANSI__", "__OBJC__", "__clang__",
		"__ASSEMBLER__", "__EXCEPTIONS", "__GXX_RTTI", "__DEPRECATED", "__CYGWIN__",
		"__MINGW32__", "__APPLE__", "__sun__", "__INTEL_COMPILER", "__KERNEL__",
		"__iamcu__", "__wchar_t__", "__VMS__", "__SIZE_T__", "__size_t__", "__sequent__",
		"_GNU_SOURCE", "__CHAR_UNSIGNED__", "__WCHAR_UNSIGNED__", "__GLIBC__",
		"__USER_LABEL_PREFIX__", "__VERSION__", "__GNUC_STDC_INLINE__"};
	static const char *const begins[] = {"__NetBSD", "__DISABLE_", "__FreeBSD", "__OpenBSD",
		"__Dragon", "__ANDROID", "__HAIKU", "__QNX", "__hpux", "__sgi", "__osf",
		"__VXWORKS", "__BIONIC", "__UCLIBC", "__GLIBC", "__GNU_LIBRARY", "__TIMESIZE",
		"__WORDSIZE", "__REDIRECT", "__STDC", "__SIZEOF_", "__INT", "__UINT", "__BYTE_",
		"__ORDER_", "__cpp_", "__has_", "__GXX_", "__USE_", "__BITS_", "__need_"};
	static const char *const ends[] = {"_T__", "_t__", "_T", "_t", "_MAX__", "_TYPE__",
		"_WIDTH__", "_MIN__", "_DEFINED", "_H__", "_H", "_INCLUDED"};

	for (size_t i = 0; i < ARRAY_SIZE(exact); i++)
		if (str_eq(name, exact[i]))
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(begins); i++)
		if (str_starts(name, begins[i]))
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (str_ends(name, ends[i]))
			return true;
	return !s->optimize_dirty && str_starts(name, "__OPTIMIZE");
}

/* What "general-regs-only" leaves as it is: the instructions on general registers. */
static bool is_general(const char *name)
{
	static const char *const names[] = {"__ADX__", "__PKU__", "__BMI__", "__BMI2__",
		"__CLDEMOTE__", "__CLFLUSHOPT__", "__CLWB__", "__CLZERO__", "__CRC32__",
		"__ENQCMD__", "__FSGSBASE__", "__FXSR__", "__HRESET__", "__LWP__", "__LZCNT__",
		"__MOVDIR64B__", "__MOVDIRI__", "__MWAITX__", "__PCONFIG__", "__POPCNT__",
		"__PRFCHW__", "__PTWRITE__", "__RDPID__", "__RDRND__", "__RDSEED__", "__RTM__",
		"__SERIALIZE__", "__SGX__", "__SHSTK__", "__TBM__", "__TSXLDTRK__", "__UINTR__",
		"__WAITPKG__", "__WBNOINVD__", "__XSAVEC__", "__XSAVEOPT__", "__XSAVES__",
		"__XSAVE__", "__ABM__", "__MWAIT__", "__CLFSH__", "__PREFETCHWT1__"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (str_eq(name, names[i]))
			return true;
	return false;
}

static int check_dirty(struct scanner *s, uint32_t id, const struct macro *m)
{
	const char *name = intern_text(&s->names, id);

	if (m && !(unit_slot(s, id) & SLOT_GIVEN))
		return 0;
	if (m && (m->flags & MACRO_SPECIAL))
		return 0;
	if (!m && !(str_starts(name, "__") && str_ends(name, "__")))
		return 0;
	if (is_constant(s, name) || (!s->any_dirty && is_general(name)))
		return 0;
	return unit_unknown(s, "%s is read behind a #pragma GCC target or optimize", name);
}

int unit_read(struct scanner *s, uint32_t id, const struct macro **ret)
{
	const struct macro *m = unit_macro(s, id);
	uint32_t n = s->n_reads;

	*ret = m;
	for (uint32_t i = 0; i < n; i++)
		if (s->reads[i].id == id)
			return 0;
	if (n < MEMO_READS_MAX && id < s->n_slots)
		s->reads[s->n_reads++] = (struct memo_read){id, unit_slot(s, id)};
	else
		s->memo_off = true;
	return s->target_dirty ? check_dirty(s, id, m) : 0;
}

/* Do all the look-ups come to what they came to? They are noted in this unit as they are made. */
static int same_probes(struct scanner *s, const struct memo_entry *e, bool *ret)
{
	*ret = true;
	for (uint32_t i = 0; i < e->n_probes && *ret; i++) {
		const struct memo_probe *p = &memo_probes(e)[i];
		bool found;
		int r = special_probe(s, p->name, p->angled, p->next, &found);

		if (r != 0)
			return r;
		*ret = found == p->found;
	}
	return 0;
}

/* Names that a memo holds have slots: they were read. */
static inline bool same_reads(const struct scanner *s, const struct memo_entry *e)
{
	const struct memo_read *r = e->reads;
	const uint64_t *slots = s->slots;
	uint64_t none = s->undefined;

	for (; r->macro; r++)
		if (slots[r->id] != (none | r->macro))
			return false;
	for (; r->id; r++)
		if (slots[r->id] > none)
			return false;
	return !e->facts || e->facts == s->facts;
}

/* e held, and is what is looked at first the next time. */
static void hold(struct op *op, struct memo_entry *e)
{
	op->flags &= (uint8_t)~OP_ONE_READ;
	if (e->n_reads == 1 && e->n_probes == 0 && !e->facts && !(op->flags & OP_COMPUTED) &&
		e->value <= UINT16_MAX) {
		op->flags |= OP_ONE_READ;
		op->skip = (uint16_t)e->value;
		op->one = e->reads[0];
	} else {
		op->known = e->n_probes == 0 ? e : NULL;
	}
}

/* first: the index of the entry that is the first to be looked at. */
static int recall_any(struct scanner *s, struct memo *m, uint32_t first, struct memo_entry **ret)
{
	for (uint32_t k = 0, at = first; k < m->n; k++, at++) {
		bool same;
		int r;

		if (at >= m->n)
			at = 0;
		if (!same_reads(s, m->entries[at]))
			continue;
		r = same_probes(s, m->entries[at], &same);
		if (r != 0)
			return r;
		if (same) {
			m->last = at;
			*ret = m->entries[at];
			return 0;
		}
	}
	return 0;
}

/* Nothing is remembered behind #line: __LINE__ is then another one each time, and no name. */
static inline bool may_recall(const struct scanner *s, const struct frame *f)
{
	return !(s->target_dirty | f->line_changed);
}

/* *ret: what is remembered for the state of things, or NULL. */
static int recall(
	struct scanner *s, const struct text *text, struct op *op, const struct memo_entry **ret)
{
	struct memo *m = text->directives[op->id].memo;
	struct memo_entry *known = NULL;
	bool refuted = op->flags & OP_ONE_READ || (op->known && !(op->flags & OP_COMPUTED));
	int e;

	*ret = NULL;
	if (!m || !may_recall(s, &s->frames[s->n_frames - 1]))
		return 0;
	e = recall_any(s, m, m->last + refuted, &known);
	if (known)
		hold(op, known);
	*ret = known;
	return e;
}

static int keep(struct scanner *s, struct directive *d, struct op *op, int32_t value)
{
	const struct memo_entry e = {.facts = s->asked ? s->facts : NULL,
		.value = value,
		.n_reads = (uint16_t)s->n_reads,
		.n_probes = (uint16_t)s->n_probes};
	struct memo_entry *kept;
	int r;

	if (s->memo_off || s->target_dirty || s->provisional)
		return 0;
	r = memo_add(&d->memo, &e, s->reads, s->probes, &kept);
	if (r == 0)
		hold(op, kept);
	return r;
}

static void begin_directive(struct scanner *s, const struct directive *d)
{
	s->directive = d;
	s->n_reads = s->n_probes = 0;
	s->memo_off = s->asked = false;
}

/* *ret: 0 where it is true, else how many ops further to go on. */
static int condition_anew(struct scanner *s, const struct text *text, struct op *op, uint32_t *ret)
{
	struct directive *d = &text->directives[op->id];
	const struct memo_entry *known;
	bool yes;
	int e = recall(s, text, op, &known);

	if (e != 0)
		return e;
	if (known) {
		*ret = (uint32_t)known->value;
		return 0;
	}
	begin_directive(s, d);
	e = condition_value(s, text->tokens + d->tokens, &yes);
	if (e != 0)
		return e;
	*ret = yes ? 0 : d->next;
	return keep(s, d, op, (int32_t)*ret);
}

/* The same by what held last: false where it does not. */
static inline bool condition_known(
	const struct scanner *s, const struct frame *f, const struct op *op, uint32_t *ret)
{
	if (!may_recall(s, f))
		return false;
	if (op->flags & OP_ONE_READ) {
		if (!unit_slot_is(s, op->one.id, op->one.macro))
			return false;
		*ret = op->skip;
		return true;
	}
	if (!op->known || !same_reads(s, op->known))
		return false;
	*ret = (uint32_t)op->known->value;
	return true;
}

static inline int condition(struct scanner *s, const struct frame *f, struct op *op, uint32_t *ret)
{
	return condition_known(s, f, op, ret) ? 0 : condition_anew(s, f->text, op, ret);
}

/* The text between "<" and ">", each token's white space as the compiler sees it. */
static int angled_name(struct scanner *s, uint32_t *ret)
{
	AUTO(buf_fini) struct buf text = BUF_INIT_MAX(SCAN_FS_PATH_MAX);
	uint8_t space = s->clang ? TOKEN_SPACE : TOKEN_WHITE;
	int e;

	for (;;) {
		struct token t;

		e = expand_next(s, &t);
		if (e != 0)
			return e;
		if (t.kind == TOKEN_END)
			return 1;
		if (t.flags & space && !(t.kind == TOKEN_PUNCTUATOR && t.arg == '>' && !s->clang))
			e = buf_append_char(&text, ' ');
		if (t.kind == TOKEN_PUNCTUATOR && t.arg == '>')
			break;
		if (e == 0)
			e = buf_append(
				&text, intern_text(&s->names, t.id), intern_len(&s->names, t.id));
		if (e == -E2BIG)
			return unit_unknown(s, "a computed include's name is too long");
		if (e < 0)
			return e;
	}
	if (e == 0 && text.len > 0 && memchr(text.data, '\0', text.len))
		return 1;
	if (e == 0 && text.len > 0)
		e = intern_add(&s->names, text.data, text.len, ret);
	if (e < 0 || text.len == 0)
		return e < 0 ? e : 1;
	return unit_slots(s);
}

int run_header_name(struct scanner *s, struct token *first, uint32_t *ret, bool *ret_angled)
{
	const char *text = intern_text(&s->names, first->id);
	size_t len = intern_len(&s->names, first->id);
	int e;

	*ret_angled = first->kind != TOKEN_STRING;
	if (first->kind == TOKEN_PUNCTUATOR && first->arg == '<')
		return angled_name(s, ret);
	if ((first->kind != TOKEN_STRING && first->kind != TOKEN_HEADER) || len < 3 ||
		(*text != '"' && *text != '<') || memchr(text, '\0', len))
		return 1;
	if (text[len - 1] != '"' && text[len - 1] != '>')
		return 1;
	e = intern_add(&s->names, text + 1, len - 2, ret);
	return e < 0 ? e : unit_slots(s);
}

/* #include of what a macro says. 0; 1: the compiler refuses. */
static int computed(
	struct scanner *s, const struct text *text, struct op *op, uint32_t *ret, bool *ret_angled)
{
	struct directive *d = &text->directives[op->id];
	const struct memo_entry *known;
	struct token t;
	int e = recall(s, text, op, &known);

	if (e != 0)
		return e;
	if (known) {
		*ret_angled = known->value < 0;
		*ret = (uint32_t)(known->value < 0 ? -known->value : known->value);
		return 0;
	}
	begin_directive(s, d);
	e = expand_begin(s, text->tokens + d->tokens);
	if (e == 0)
		e = expand_next(s, &t);
	if (e == 0)
		e = run_header_name(s, &t, ret, ret_angled);
	expand_end(s);
	if (e != 0)
		return e;
	return keep(s, d, op, *ret_angled ? -(int32_t)*ret : (int32_t)*ret);
}

static int push_frame(struct scanner *s, struct file *f, const struct text *text)
{
	if (s->n_ops > UNIT_OPS_MAX)
		return unit_unknown(s, "more than %d directives", UNIT_OPS_MAX);
	s->n_ops += text->n_ops;
	s->frames[s->n_frames++] = (struct frame){.file = f, .text = text, .at = text->ops};
	return 0;
}

/* A file whose content's bit is not set is like none of once_files. */
static bool may_be_once(const struct scanner *s, const struct scan_content *c)
{
	uint32_t bit = unit_once_bit(c);

	return s->once_bits[bit / 64] & UINT64_C(1) << bit % 64;
}

static int mark_once(struct scanner *s, struct file *f)
{
	int e;

	if (s->clang) {
		e = lookup_node(s, f);
		if (e == 0)
			f->node->once = true;
		return e;
	}
	s->once_seen = true;
	if (f->once)
		return 0;
	f->once = true;
	if (s->n_once == s->once_cap) {
		size_t cap = s->once_cap ? s->once_cap * 2 : 64;
		struct file **v = reallocarray(s->once_files, cap, sizeof(struct file *));

		if (!v)
			return -ENOMEM;
		s->once_files = v;
		s->once_cap = cap;
	}
	s->once_files[s->n_once++] = f;
	if (f->content)
		s->once_bits[unit_once_bit(f->content) / 64] |= UINT64_C(1)
								<< unit_once_bit(f->content) % 64;
	else /* it is not read yet: any may be */
		memset(s->once_bits, 0xff, sizeof(s->once_bits));
	return 0;
}

/* gcc takes two files of equal size, time and bytes for one, also where the first was not read. */
static bool is_twin(const struct file *a, const struct file *b)
{
	return a != b && a->path->inode->mtime.tv_sec == b->path->inode->mtime.tv_sec &&
	       a->content == b->content;
}

static bool is_like(const struct scan_inode *a, const struct scan_inode *b)
{
	return a->mtime.tv_sec == b->mtime.tv_sec && a->size == b->size;
}

/*
 * An #import is held against every file that gcc has opened, also by a __has_include. The same path
 * is another file to it when it was come to by another name or from another beginning. Sizes are
 * compared first: that of a file that was read is without its byte order mark, that of one that was
 * not is with it.
 */
static int is_twin_of_probed(
	struct scanner *s, const struct lookup *l, struct file *other, bool *ret)
{
	const struct file *f = l->file;
	const struct text *text;
	int e;

	if (other == f) {
		*ret = !f->text->bom && (f->probed_otherwise || f->probe_name != l->name ||
						f->probe_origin != lookup_origin(s, l));
		return 0;
	}
	e = lookup_text(s, other, &text);
	if (e == 0)
		*ret = !text->bom && is_twin(f, other);
	return e;
}

static int has_twin_import(struct scanner *s, const struct lookup *l, bool *ret)
{
	const struct file *f = l->file;
	int e = 0;

	for (size_t i = 0; i < s->result.n_files && e == 0 && !*ret; i++) {
		const struct scan_result_file *r = &s->result.files[i];

		if (!r->path->inode || !is_like(r->path->inode, f->path->inode))
			continue;
		if (r->role == SCAN_FILE_PROBED)
			e = is_twin_of_probed(s, l, r->path->user, ret);
		else if (r->role == SCAN_FILE_READ)
			*ret = is_twin(f, r->path->user);
	}
	return e;
}

static int has_twin(struct scanner *s, const struct lookup *l, bool import, bool *ret)
{
	const struct file *f = l->file;

	*ret = false;
	if (!s->once_seen)
		return 0;
	for (size_t i = 0; i < s->n_once && may_be_once(s, f->content) && !*ret; i++)
		if (is_twin(f, s->once_files[i]))
			*ret = true;
	return import && !*ret ? has_twin_import(s, l, ret) : 0;
}

/* gcc does not look into a file again whose guard is defined. */
static inline bool is_guarded(const struct scanner *s, const struct file *f)
{
	return f->read && f->guard && unit_is_defined(s, f->guard);
}

/* Is the file not to be read again? */
static int is_done_gcc(struct scanner *s, struct file *f, bool import, bool *ret)
{
	bool once = f->once;
	int e = 0;

	*ret = true;
	if (once)
		return 0;
	if (import) {
		e = mark_once(s, f);
		if (e < 0 || f->read)
			return e;
	}
	*ret = is_guarded(s, f);
	return 0;
}

static int is_done_clang(
	struct scanner *s, struct file *f, const struct text *text, bool import, bool *ret)
{
	int e = lookup_node(s, f);

	if (e < 0)
		return e;
	if (import) {
		f->node->once = true;
		*ret = f->node->read;
	} else {
		*ret = f->node->once;
	}
	/* With modules clang reads a file again that #import holds, if it has a guard that does
	 * not. */
	if (*ret && f->node->ended && (s->mode & SCAN_MODE_MODULES) && text->guard_alone)
		*ret = false;
	*ret = *ret || (f->node->read && text->guard && unit_macro(s, text->guard));
	return 0;
}

/*
 * Files are mostly read in the order of the last time. What a file's turn begins with is four places
 * in memory, each found by the one before: they are fetched while the two files before it are run.
 */
static inline void foresee(struct scanner *s, struct file *f)
{
	struct file *then = f->then;

	if (s->entered)
		s->entered->then = f;
	s->entered = f;
	if (!then)
		return;
	__builtin_prefetch(then->text);
	__builtin_prefetch((const char *)then->text + 64);
	__builtin_prefetch((const char *)then->text + 128);
	__builtin_prefetch(then->then);
}

/* The text of what l has found is run next. */
static inline int enter(struct scanner *s, const struct lookup *l, const struct text *text)
{
	struct frame *frame = &s->frames[s->n_frames];
	int e = push_frame(s, l->file, text);

	if (e != 0)
		return e;
	s->n_ops += UNIT_OPS_OF_FILE;
	foresee(s, l->file);
	l->file->read = true;
	frame->found = frame->next_to = l->found;
	frame->name = l->name;
	frame->shortened = l->shortened;
	frame->system = frame[-1].system;
	if (l->found >= 0) {
		const struct scan_search_dir *d = &s->search->dirs[l->found];

		frame->dir_name = d->name;
		frame->system |= d->system;
	}
	return 0;
}

static int enter_file(struct scanner *s, struct lookup *l, bool import, bool command_line)
{
	struct file *f = l->file;
	const struct text *text;
	struct frame *frame = &s->frames[s->n_frames];
	bool done = false;
	int e = 0;

	if (!s->clang)
		e = is_done_gcc(s, f, import, &done);
	if (e != 0 || done)
		return e;
	e = lookup_text(s, f, &text);
	if (e == 0 && s->clang)
		e = is_done_clang(s, f, text, import, &done);
	else if (e == 0)
		e = has_twin(s, l, import, &done);
	if (e != 0)
		return e;
	if (done)
		return lookup_note(s, f, SCAN_FILE_MERGED);
	if (s->n_frames > UNIT_DEPTH_MAX) {
		unit_reject(s);
		return 0;
	}
	e = lookup_note(s, f, SCAN_FILE_READ);
	if (e == 0)
		e = enter(s, l, text);
	if (e != 0)
		return e;
	if (s->clang)
		f->node->read = true;
	if (s->clang && l->found == FOUND_CURRENT)
		frame->next_to = frame[-1].next_to;
	if (command_line && l->found == FOUND_CURRENT)
		frame->dir_name = ".";
	return 0;
}

static int missing(struct scanner *s, uint32_t name)
{
	s->fatal = true;
	s->result.rejected = true;
	return unit_unknown(s, "the compiler will not find %s", intern_text(&s->names, name));
}

static int include_computed(struct scanner *s, const struct text *text, struct op *op)
{
	struct lookup *l;
	uint32_t name;
	bool angled;
	int e = computed(s, text, op, &name, &angled);

	if (e == 1) {
		unit_reject(s);
		return 0;
	}
	if (e == 0)
		e = lookup_include(s, name, angled, op->kind == OP_INCLUDE_NEXT, false, &l);
	if (e != 0)
		return e;
	if (!l->file)
		return missing(s, name);
	return enter_file(s, l, op->kind == OP_IMPORT, false);
}

/*
 * The usual include under gcc: it comes to what it came to before, and that is a file that is read for
 * the first time, or need not be read again. Where it may be another one, nothing is done (false) that
 * include() would not do.
 */
static inline bool include_known(struct scanner *s, const struct frame *f, const struct op *op)
{
	struct lookup *l = op->lookup;
	struct file *file;

	if ((op->flags & OP_COMPUTED) || !l || (s->clang | s->first_include))
		return false;
	if (!(op->flags & OP_ANGLED) && !lookup_is_beside(s, f, l))
		return false;
	if (l->unit != s->epoch && !lookup_use_known(s, l))
		return false;
	file = l->file;
	if (!file)
		return false;
	if (file->unit == s->epoch)
		return file->once || is_guarded(s, file);
	if (s->once_seen || !lookup_has_text(s, file) || s->n_frames > UNIT_DEPTH_MAX ||
		s->n_ops > UNIT_OPS_MAX || s->result.n_files == s->files_cap)
		return false;
	lookup_begin(s, file);
	lookup_note_first(s, file);
	return enter(s, l, file->text) == 0;
}

static int include(struct scanner *s, struct op *op)
{
	struct lookup *l;
	int e = lookup_of_op(s, op, &l);

	if (e != 0)
		return e;
	if (!l->file)
		return missing(s, op->id);
	return enter_file(s, l, op->kind == OP_IMPORT, false);
}

static int push_macro(struct scanner *s, uint32_t id)
{
	if (s->n_pushed == s->pushed_cap) {
		uint32_t cap = s->pushed_cap ? s->pushed_cap * 2 : 16;
		struct pushed *v = reallocarray(s->pushed, cap, sizeof(*v));

		if (!v)
			return -ENOMEM;
		if (cap > UNIT_PUSHED_MAX)
			return unit_unknown(s, "too many macros pushed");
		s->pushed = v;
		s->pushed_cap = cap;
	}
	s->pushed[s->n_pushed++] = (struct pushed){id, unit_slot(s, id)};
	return 0;
}

/* macro: the lower half of a slot; 0: it is not defined. */
static void define(struct scanner *s, uint32_t id, uint32_t macro)
{
	s->slots[id] = macro ? s->undefined | macro : 0;
}

static void pop_macro(struct scanner *s, uint32_t id)
{
	for (uint32_t i = s->n_pushed; i-- > 0;) {
		if (s->pushed[i].id != id)
			continue;
		define(s, id, s->pushed[i].macro);
		memmove(&s->pushed[i], &s->pushed[i + 1],
			(s->n_pushed - i - 1) * sizeof(*s->pushed));
		s->n_pushed--;
		return;
	}
}

/* Newer assemblers look beside the file in hand first: another one there leaves it open. */
static int only_there(struct scanner *s, const char *text, const struct scan_path *found)
{
	const struct frame *f = &s->frames[s->n_frames - 1];
	const char *dir = f->file ? f->file->path->path : "/";
	size_t n = (size_t)(strrchr(dir, '/') - dir);
	struct scan_path *p;
	int e = scan_fs_path(&s->fs, dir, n, text, strlen(text), &p);

	if (e == 0)
		e = scan_fs_prove(&s->fs, p);
	if (e == 0 && p->kind == SCAN_NONE)
		return lookup_note_absent(s, p);
	if (e == 0 && (p->kind != SCAN_FILE || p->inode != found->inode))
		e = unit_unknown(s, "the assembler may find more than one %s", text);
	return e;
}

/*
 * In the working directory first, and then where -I says, by gcc: what clang hands on to its own
 * assembler depends on its version and on the language.
 */
static int incbin(struct scanner *s, uint32_t name)
{
	const char *text = intern_text(&s->names, name);
	const char *cwd = s->plan->cwd;
	size_t n_dirs = s->plan->n_dirs + s->plan->assembler_dirs.n;
	struct scan_path *p;

	for (size_t i = 0; i <= n_dirs; i++) {
		const char *dir = i == 0 ? cwd
				  : i <= s->plan->n_dirs
					  ? s->plan->dirs[i - 1].name
					  : s->plan->assembler_dirs.v[i - 1 - s->plan->n_dirs];
		struct scan_path *base;
		struct file *f;
		int e;

		if (i > 0 && s->clang)
			break;
		if (i > 0 && i <= s->plan->n_dirs && s->plan->dirs[i - 1].kind != SCAN_DIR_ANGLED)
			continue;
		e = scan_fs_path(&s->fs, cwd, strlen(cwd), dir, strlen(dir), &base);
		if (e == 0)
			e = scan_fs_path(&s->fs, base->path, base->len, text, strlen(text), &p);
		if (e == 0)
			e = scan_fs_prove(&s->fs, p);
		if (e < 0)
			return e;
		if (p->kind == SCAN_NONE)
			e = lookup_note_absent(s, p);
		if (e < 0)
			return e;
		if (p->kind != SCAN_FILE)
			continue;
		e = only_there(s, text, p);
		if (e == 0)
			e = lookup_file(s, p, &f);
		return e != 0 ? e : lookup_note(s, f, SCAN_FILE_EXTRA);
	}
	return unit_unknown(s, "the assembler will not find %s", text);
}

static int options(struct scanner *s, const struct op *op)
{
	uint8_t now = (uint8_t)(s->target_dirty | s->optimize_dirty << 1 | s->any_dirty << 2);

	if (op->kind == OP_TARGET) {
		s->target_dirty = true;
		if (op->id == s->maker.words.target || op->id == s->maker.words.optimize ||
			op->id == s->maker.words.reset_options)
			s->any_dirty = true;
		if (op->id == s->maker.words.optimize || op->id == s->maker.words.reset_options)
			s->optimize_dirty = true;
	} else if (op->kind == OP_PUSH_OPTIONS) {
		if (s->options_depth == ARRAY_SIZE(s->options))
			return unit_unknown(s, "#pragma GCC push_options too deep");
		s->options[s->options_depth++] = now;
	} else if (s->options_depth > 0) {
		now = s->options[--s->options_depth];
		s->target_dirty = now & 1;
		s->optimize_dirty = now & 2;
		s->any_dirty = now & 4;
	}
	return 0;
}

static int words(struct scanner *s, const struct op *op)
{
	if (op->kind == OP_PRAGMA_MACRO)
		s->pragma_macro = true;
	else
		s->pragma_words = true;
	if (s->pragma_macro && s->pragma_words)
		return unit_unknown(s,
			"text that a macro with _Pragma could make a pragma of (%s, line %u)",
			s->frames[s->n_frames - 1].file
				? s->frames[s->n_frames - 1].file->path->path
				: "the command line",
			op->line);
	return 0;
}

static void set_line(struct scanner *s, struct frame *f, const struct op *op)
{
	const char *text = intern_text(&s->names, op->id);
	uint64_t n = 0;

	f->line_changed = true;
	s->level_changed |= op->flags & OP_LEVEL;
	f->line_unknown = op->id == 0 || str_to_u64(text, INT32_MAX, &n) < 0;
	f->line_shift = (int64_t)n - (int64_t)op->line - 1;
}

/* The ops that are no condition, define or include. */
static int rare(struct scanner *s, struct frame *f, const struct op *op)
{
	switch (op->kind) {
	case OP_ONCE:
		return f->file && !(s->clang && s->n_frames == 1) ? mark_once(s, f->file) : 0;
	case OP_PUSH_MACRO:
		return push_macro(s, op->id);
	case OP_POP_MACRO:
		pop_macro(s, op->id);
		return 0;
	case OP_LINE:
		set_line(s, f, op);
		return 0;
	case OP_TARGET:
	case OP_PUSH_OPTIONS:
	case OP_POP_OPTIONS:
		return options(s, op);
	case OP_SYSTEM_HEADER:
		f->system = true;
		return 0;
	case OP_PRAGMA_MACRO:
	case OP_PRAGMA_WORDS:
		return words(s, op);
	case OP_COUNTER:
		s->counter_in_text = true;
		return 0;
	case OP_TIMESTAMP:
		s->result.timestamp = true;
		return 0;
	case OP_TIME:
		s->result.time_macros = true;
		return 0;
	case OP_TIME_WORD:
	case OP_TIME_FRAME:
		*(op->kind == OP_TIME_WORD ? &s->time_word : &s->time_frame) = true;
		s->result.timestamp |= s->time_word && s->time_frame;
		return 0;
	case OP_ASSEMBLER:
		s->result.assembler_text = true;
		return 0;
	case OP_ASM_INCLUDE: /* what it reads in turn is not looked for */
		s->result.assembler_text = true;
		return incbin(s, op->id);
	case OP_INCBIN:
		return incbin(s, op->id);
	case OP_UNKNOWN:
		return unit_unknown(s, "%s (%s, line %u)", intern_text(&s->names, op->id),
			f->file ? f->file->path->path : "the command line", op->line);
	case OP_EMBED:
		return unit_unknown(s, "#embed");
	default:
		s->result.rejected = true;
		return 0;
	}
}

/* *ret: how many ops further to go on from #ifdef and its like; 0: it holds. */
static inline int defined_or_not(struct scanner *s, const struct op *op, bool wanted, uint32_t *ret)
{
	*ret = unit_is_defined(s, op->id) == wanted ? 0 : op->next;
	return s->target_dirty ? check_dirty(s, op->id, unit_macro(s, op->id)) : 0;
}

/*
 * op, a condition, was false, and so many ops further is another branch of it: f is to go on behind that
 * one, or at what comes behind the last. This is the only way to an #elif that evaluates it.
 */
static NOINLINE int other_branch(
	struct scanner *s, struct frame *f, struct op *op, uint32_t further)
{
	int e;

	do {
		op += further;
		if (op->kind == OP_ELIF)
			e = condition(s, f, op, &further);
		else
			e = defined_or_not(s, op, op->kind == OP_ELIFDEF, &further);
		if (e != 0)
			return e;
	} while (further > 0 && op->flags & OP_BRANCHES);
	f->at = op + (further > 0 ? further : 1);
	return 0;
}

/* f is to go on where op, a condition, says, which is not known yet or not by what held last. */
static NOINLINE int branch_anew(struct scanner *s, struct frame *f, struct op *op)
{
	uint32_t further;
	int e;

	if (op->kind == OP_IF)
		e = condition_anew(s, f->text, op, &further);
	else
		e = defined_or_not(s, op, op->kind == OP_IFDEF, &further);
	if (e != 0)
		return e;
	if (further > 0 && op->flags & OP_BRANCHES)
		return other_branch(s, f, op, further);
	f->at = op + (further > 0 ? further : 1);
	return 0;
}

/* The top frame is at its end. */
static inline void pop_frame(struct scanner *s, struct frame *f)
{
	if (s->clang && f->file && f->file->node)
		f->file->node->ended = true;
	s->n_frames--;
}

/*
 * Until no more than base frames are left; there is one more at least. Thousands of ops are executed in
 * a unit, most of them for a few instructions: each goes to the next by itself, and what is not usual is
 * done elsewhere, which leaves where to go on in the frame.
 */
static int run_to(struct scanner *s, uint32_t base)
{
	static const void *const steps[] = {
		[OP_DEFINE] = &&define,
		[OP_UNDEF] = &&undef,
		[OP_IFDEF] = &&ifdef,
		[OP_IFNDEF] = &&ifndef,
		[OP_IF] = &&if_,
		[OP_ELIF] = &&behind_elif,
		[OP_ELIFDEF... OP_ELSE] = &&behind_branch,
		[OP_INCLUDE] = &&include,
		[OP_INCLUDE_NEXT... OP_IMPORT] = &&other_include,
		[OP_EMBED... OP_UNKNOWN] = &&other,
		[OP_END] = &&end,
	};
	const uint64_t none = s->undefined;
	const uint64_t defined = s->loading_given ? none | SLOT_GIVEN : none;
	struct frame *f = &s->frames[s->n_frames - 1];
	struct op *op = f->at; /* the one in hand is op[-1] */
	uint64_t *slots;
	uint32_t further;
	int e;

#define STEP() goto *steps[op++->kind]
	STEP();
define:
	slots = s->slots;
	do {
		slots[op[-1].id] = defined | op[-1].macro;
	} while (op++->kind == OP_DEFINE);
	op--;
	STEP();
undef:
	s->slots[op[-1].id] = 0;
	STEP();
ifdef:
	if (s->target_dirty)
		goto branch_anew;
	if (s->slots[op[-1].id] <= none)
		goto behind_next;
	STEP();
ifndef:
	if (s->target_dirty)
		goto branch_anew;
	if (s->slots[op[-1].id] > none)
		goto behind_next;
	STEP();
if_:
	if (!condition_known(s, f, &op[-1], &further))
		goto branch_anew;
	if (further > 0)
		goto behind;
	STEP();
behind_next:
	further = op[-1].next;
behind:
	if (op[-1].flags & OP_BRANCHES) {
		e = other_branch(s, f, &op[-1], further);
		goto called;
	}
	op += further - 1;
	STEP();
behind_elif: /* come to from above: a branch was taken */
	op += f->text->directives[op[-1].id].end - 1;
	STEP();
behind_branch:
	op += op[-1].end - 1;
	STEP();
include:
	f->at = op;
	if (include_known(s, f, &op[-1])) {
		f = &s->frames[s->n_frames - 1];
		op = f->at;
		STEP();
	}
other_include:
	f->at = op;
	e = op[-1].flags & OP_COMPUTED ? include_computed(s, f->text, &op[-1])
				       : include(s, &op[-1]);
	goto called;
other:
	f->at = op;
	e = rare(s, f, &op[-1]);
	goto called;
branch_anew:
	e = branch_anew(s, f, &op[-1]);
called:
	if (e != 0)
		return e;
	f = &s->frames[s->n_frames - 1];
	op = f->at;
	STEP();
end:
	pop_frame(s, f);
	if (s->n_frames <= base)
		return 0;
	f = &s->frames[s->n_frames - 1];
	op = f->at;
	STEP();
#undef STEP
}

/* Text that is no file: what the compiler predefines, what the command line says. */
static int run_synthetic(struct scanner *s, const char *data, size_t len)
{
	struct synthetic *y;
	int e;

	for (size_t i = 0; i < s->n_synthetic; i++) {
		y = &s->synthetic[i];
		if (y->mode == s->mode && y->len == len && memcmp(y->data, data, len) == 0)
			goto found;
	}
	y = reallocarray(s->synthetic, s->n_synthetic + 1, sizeof(*y));
	if (!y)
		return -ENOMEM;
	s->synthetic = y;
	y += s->n_synthetic;
	*y = (struct synthetic){.mode = s->mode, .len = len};
	y->data = malloc(len + 1);
	if (!y->data)
		return -ENOMEM;
	memcpy(y->data, data, len);
	y->data[len] = '\0';
	e = text_make(&s->maker, y->data, len, s->mode & ~(uint32_t)SCAN_MODE_MODULES, &y->text);
	if (e < 0) {
		free(y->data);
		return e;
	}
	s->n_synthetic++;
found:
	e = unit_slots(s);
	if (e == 0)
		e = push_frame(s, NULL, y->text);
	return e != 0 ? e : run_to(s, s->n_frames - 1);
}

static int run_command_line(struct scanner *s, const char *file)
{
	uint32_t base = s->n_frames;
	struct lookup *l;
	uint32_t name;
	int e = intern_add(&s->names, file, strlen(file), &name);

	if (e == 0)
		e = unit_slots(s);
	if (e == 0 && s->clang) {
		/* The driver takes a precompiled form for it, if there is one. */
		for (int i = 0; i < 2 && e == 0; i++) {
			AUTO(buf_fini) struct buf path = BUF_INIT;
			struct scan_path *p;

			e = buf_printf(&path, "%s%s", file, i ? ".gch" : ".pch");
			if (e == 0)
				e = scan_fs_path(&s->fs, s->plan->cwd, strlen(s->plan->cwd),
					buf_str(&path), path.len, &p);
			if (e == 0)
				e = scan_fs_prove(&s->fs, p);
			if (e == 0 && p->kind != SCAN_NONE)
				e = unit_unknown(s, "a precompiled header: %s", p->path);
			if (e == 0)
				e = lookup_note_absent(s, p);
		}
	}
	if (e == 0)
		e = lookup_include(s, name, false, false, true, &l);
	if (e != 0)
		return e;
	if (!l->file)
		return missing(s, name);
	e = enter_file(s, l, false, true);
	return e != 0 || s->n_frames == base ? e : run_to(s, base);
}

static int run_preinclude(struct scanner *s)
{
	static const char name_text[] = "stdc-predef.h";
	bool first = s->first_include;
	uint32_t base = s->n_frames;
	struct lookup *l;
	uint32_t name;
	int e;

	if (!s->facts->preinclude)
		return 0;
	e = intern_add(&s->names, name_text, sizeof(name_text) - 1, &name);
	if (e == 0)
		e = unit_slots(s);
	/* gcc would take a precompiled form of it too, and then of the next one all the same. */
	if (e == 0)
		e = lookup_include(s, name, true, false, false, &l);
	s->first_include = false;
	if (e == 0 && l->file)
		e = enter_file(s, l, false, false);
	if (e == 0 && s->n_frames > base)
		e = run_to(s, base);
	s->first_include = first;
	return e;
}

/* What character constants, and ", ## __VA_ARGS__", go by. */
static int settings(struct scanner *s)
{
	static const char *const names[] = {"__STRICT_ANSI__", "__CHAR_UNSIGNED__",
		"__WCHAR_UNSIGNED__", "__STDC_VERSION__", "__SIZEOF_WCHAR_T__"};
	const struct macro *m[ARRAY_SIZE(names)];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		uint32_t id;
		int e = intern_add(&s->names, names[i], strlen(names[i]), &id);

		if (e == 0)
			e = unit_slots(s);
		if (e < 0)
			return e;
		m[i] = unit_macro(s, id);
	}
	s->strict = m[0] != NULL;
	s->unsigned_char = m[1] != NULL;
	s->unsigned_wide = m[2] != NULL;
	s->c99 = m[3] && m[3]->n_tokens == 1 &&
		 strcmp(intern_text(&s->names, m[3]->tokens[0].id), "1999") >= 0;
	s->short_wide = m[4] && m[4]->n_tokens == 1 &&
			str_eq(intern_text(&s->names, m[4]->tokens[0].id), "2");
	return 0;
}

static int predefined(struct scanner *s)
{
	int e;

	s->loading_given = true;
	for (int i = 0; i < SCAN_SPECIAL_COUNT; i++)
		if (s->facts->specials & (UINT64_C(1) << i))
			define(s, s->special_ids[i], s->specials[i]->number | SLOT_GIVEN);
	e = run_synthetic(s, s->facts->predefined, s->facts->predefined_len);
	s->loading_given = false;
	if (e == 0)
		e = settings(s);
	if (e == 0)
		e = run_synthetic(s, buf_str(&s->plan->defines), s->plan->defines.len);
	return e;
}

int run_unit(struct scanner *s, struct file *source)
{
	const struct text *text;
	int e = lookup_text(s, source, &text);

	if (e == 0)
		e = lookup_note(s, source, SCAN_FILE_READ);
	if (e != 0)
		return e;
	s->n_frames = 0;
	e = push_frame(s, source, text);
	s->frames[0].found = s->frames[0].next_to = FOUND_ABSOLUTE;
	source->read = true;
	if (e == 0 && s->clang)
		e = lookup_node(s, source);
	if (e == 0 && s->clang)
		source->node->read = true;
	if (e == 0)
		e = predefined(s);
	for (size_t i = 0; i < s->plan->imacros.n && e == 0; i++)
		e = run_command_line(s, s->plan->imacros.v[i]);
	if (e == 0)
		e = run_preinclude(s);
	for (size_t i = 0; i < s->plan->includes.n && e == 0; i++)
		e = run_command_line(s, s->plan->includes.v[i]);
	return e != 0 ? e : run_to(s, 0);
}
