/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scan/unit.h"

/* __LINE__, __FILE__, __COUNTER__, … and the __has_… family. */

static int spelled(
	struct scanner *s, const char *text, size_t len, enum token_kind kind, struct token *ret)
{
	int e = intern_add(&s->names, text, len, &ret->id);

	ret->kind = (uint8_t)kind;
	ret->arg = 0;
	return e < 0 ? e : unit_slots(s);
}

int special_number(struct scanner *s, uint64_t n, struct token *ret)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%llu", (unsigned long long)n);

	return spelled(s, text, (size_t)len, TOKEN_NUMBER, ret);
}

static struct frame *top(struct scanner *s)
{
	return &s->frames[s->n_frames - 1];
}

/* A frame's path as a string constant; base: only what is behind the last '/'. */
static int path_string(struct scanner *s, const struct frame *f, bool base, struct token *ret)
{
	AUTO(buf_fini) struct buf text = BUF_INIT;
	const char *path, *slash;
	int e = lookup_spelling(s, f);

	if (e < 0)
		return e;
	path = buf_str(&s->scratch);
	slash = base ? strrchr(path, '/') : NULL;
	e = buf_append_char(&text, '"');
	for (const char *p = slash ? slash + 1 : path; *p && e == 0; p++) {
		if (*p == '"' || *p == '\\')
			e = buf_append_char(&text, '\\');
		if (e == 0)
			e = buf_append_char(&text, *p);
	}
	if (e == 0)
		e = buf_append_char(&text, '"');
	return e < 0 ? e : spelled(s, buf_str(&text), text.len, TOKEN_STRING, ret);
}

static int counter(struct scanner *s, struct token *ret)
{
	s->memo_off = true;
	if (s->counter_in_text)
		return unit_unknown(s, "__COUNTER__ in a directive, and in text before it");
	return special_number(s, s->counter++, ret);
}

static int file(struct scanner *s, uint8_t special, struct token *ret)
{
	const struct frame *f = special == SCAN_SPECIAL_BASE_FILE ? &s->frames[0] : top(s);

	s->memo_off = true;
	if (f->line_changed)
		return unit_unknown(s, "__FILE__ in a directive, behind #line");
	if (s->plan->file_macro_mapped)
		return unit_unknown(s, "__FILE__ in a directive, with a prefix map");
	return path_string(s, f, special == SCAN_SPECIAL_FILE_NAME, ret);
}

static int line(struct scanner *s, struct token *ret)
{
	const struct frame *f = top(s);

	/* Of the name, of the parenthesis that ends the call, or its own: compilers differ. */
	if (s->n_contexts > 1 && s->directive->several_lines)
		return unit_unknown(s, "__LINE__ in a macro's call over several lines");
	if (f->line_changed)
		s->memo_off = true;
	if (f->line_unknown)
		return unit_unknown(s, "__LINE__ in a directive, behind #line");
	return special_number(
		s, (uint64_t)((int64_t)s->directive->line + s->below + f->line_shift), ret);
}

static int closing(struct scanner *s)
{
	struct token t;
	int e = expand_next(s, &t);

	if (e == 0 && !(t.kind == TOKEN_PUNCTUATOR && t.arg == ')'))
		unit_reject(s);
	return e;
}

static void note_probe(const struct scanner *s, const struct lookup *l)
{
	struct file *f = l->file;
	int32_t origin = lookup_origin(s, l);

	if (f->probed && (f->probe_name != l->name || f->probe_origin != origin))
		f->probed_otherwise = true;
	if (f->probed)
		return;
	f->probed = true;
	f->probe_name = l->name;
	f->probe_origin = origin;
}

int special_probe(struct scanner *s, uint32_t name, bool angled, bool next, bool *ret)
{
	struct lookup *l;
	int e = lookup_include(s, name, angled, next, false, &l);

	if (e != 0)
		return e;
	*ret = l->file != NULL;
	if (!l->file)
		return 0;
	if (!s->clang)
		note_probe(s, l);
	return lookup_note(s, l->file, SCAN_FILE_PROBED);
}

/* The same, for the memo to hold. */
static int probe(struct scanner *s, uint32_t name, bool angled, bool next, bool *ret)
{
	int e = special_probe(s, name, angled, next, ret);

	if (e != 0)
		return e;
	if (s->n_probes < MEMO_PROBES_MAX)
		s->probes[s->n_probes++] = (struct memo_probe){name, angled, next, *ret};
	else
		s->memo_off = true;
	return 0;
}

static int has_include(struct scanner *s, bool next, struct token *ret)
{
	struct token t;
	uint32_t name;
	bool angled, found = false;
	/* Inside a macro clang does not know where the file was found, and looks from the start. */
	bool inside = s->n_contexts > 1, paren = expand_paren_follows(s);
	int e = 0;

	if (s->clang && inside)
		next = false;
	if (paren)
		e = expand_next(s, &t);
	else
		unit_reject(s);
	if (e == 0)
		e = expand_next(s, &t);
	if (e != 0)
		return e;
	e = run_header_name(s, &t, &name, &angled);
	if (e > 0 && s->reason.len == 0 && !s->fatal) {
		unit_reject(s);
		return special_number(s, 0, ret);
	}
	if (e != 0)
		return e;
	/* gcc does not look where the operand does not count. */
	if (s->clang || !s->skip_eval)
		e = probe(s, name, angled, next, &found);
	if (e == 0 && paren)
		e = closing(s);
	return e != 0 ? e : special_number(s, found, ret);
}

/* The operand of __has_attribute and its like as text in s->scratch, the ')' read. */
static int operand(struct scanner *s, bool expands)
{
	uint32_t depth = 0;
	struct token t;
	int e;

	buf_clear(&s->scratch);
	if (!expand_paren_follows(s)) {
		unit_reject(s);
		return 0;
	}
	if (!expands)
		s->prevent++;
	e = expand_next(s, &t);
	for (bool first = true; e == 0; first = false) {
		e = expand_next(s, &t);
		if (e != 0)
			break;
		if (t.kind == TOKEN_END) {
			unit_reject(s);
			break;
		}
		if (t.kind == TOKEN_PUNCTUATOR && t.arg == '(')
			depth++;
		if (t.kind == TOKEN_PUNCTUATOR && t.arg == ')' && depth-- == 0)
			break;
		if (!first && (t.flags & TOKEN_SPACE) && s->scratch.len > 0 &&
			(lexer_class[(unsigned char)s->scratch.data[s->scratch.len - 1]] &
				LEXER_NAME) &&
			(lexer_class[(unsigned char)*intern_text(&s->names, t.id)] & LEXER_NAME))
			e = buf_append_char(&s->scratch, ' ');
		if (e == 0)
			e = buf_append(&s->scratch, intern_text(&s->names, t.id),
				intern_len(&s->names, t.id));
	}
	if (!expands)
		s->prevent--;
	return e;
}

/* To be asked when this round is over; until then it counts as 0. */
static int ask_later(struct scanner *s, enum scan_special special)
{
	char *text;

	s->provisional = true;
	for (size_t i = 0; i < s->n_questions; i++)
		if (s->questions[i].special == special &&
			str_eq(s->questions[i].operand, buf_str(&s->scratch)))
			return 0;
	if (s->n_questions >= SCAN_QUESTIONS_MAX)
		return 0;
	if (s->n_questions == s->questions_cap) {
		size_t cap = s->questions_cap ? s->questions_cap * 2 : 64;
		struct scan_question *q = reallocarray(s->questions, cap, sizeof(*q));

		if (!q)
			return -ENOMEM;
		s->questions = q;
		s->questions_cap = cap;
	}
	text = strdup(buf_str(&s->scratch));
	if (!text)
		return -ENOMEM;
	s->questions[s->n_questions++] =
		(struct scan_question){.special = special, .operand = text};
	return 0;
}

/* Not one that a #pragma GCC target may bring: those have the machine's name in front. */
static bool is_portable_builtin(const char *name)
{
	static const char *const machines[] = {"ia32_", "aarch64_", "arm_", "neon_", "sve_",
		"altivec_", "vsx_", "vec_", "ppc_", "mma_", "s390_", "mips_", "msa_", "loongarch_",
		"riscv_", "alpha_", "sparc_", "vis_"};
	static const char prefix[] = "__builtin_";

	if (!str_starts(name, prefix))
		return str_starts(name, "__sync_") || str_starts(name, "__atomic_");
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++)
		if (str_starts(name + sizeof(prefix) - 1, machines[i]))
			return false;
	return true;
}

static int has(struct scanner *s, enum scan_special special, struct token *ret)
{
	long answer = 0;
	int e = operand(s, s->facts->expands & (UINT64_C(1) << special));

	if (e != 0)
		return e;
	s->asked = true;
	if (s->target_dirty && special == SCAN_SPECIAL_HAS_BUILTIN &&
		!is_portable_builtin(buf_str(&s->scratch)))
		return unit_unknown(
			s, "__has_builtin(%s) behind a #pragma GCC target", buf_str(&s->scratch));
	if (!scan_question_is_plain(special, buf_str(&s->scratch), s->scratch.len)) {
		if (s->skip_eval) {
			s->memo_off = true;
			return special_number(s, 0, ret);
		}
		/* The compiler takes nothing else either. */
		unit_reject(s);
	} else if (!scan_facts_known(
			   s->facts, special, buf_str(&s->scratch), s->scratch.len, &answer)) {
		e = ask_later(s, special);
	}
	return e != 0 ? e : special_number(s, (uint64_t)answer, ret);
}

int special_expand(struct scanner *s, uint8_t special, const struct token *name, struct token *ret)
{
	*ret = *name;
	switch (special) {
	case SCAN_SPECIAL_LINE:
		return line(s, ret);
	case SCAN_SPECIAL_FILE:
	case SCAN_SPECIAL_BASE_FILE:
	case SCAN_SPECIAL_FILE_NAME:
		return file(s, special, ret);
	case SCAN_SPECIAL_INCLUDE_LEVEL:
		s->memo_off = true;
		if (s->level_changed)
			return unit_unknown(s, "__INCLUDE_LEVEL__ behind a line marker");
		return special_number(s, s->n_frames - 1, ret);
	case SCAN_SPECIAL_COUNTER:
		return counter(s, ret);
	case SCAN_SPECIAL_DATE:
	case SCAN_SPECIAL_TIME:
	case SCAN_SPECIAL_TIMESTAMP:
		return unit_unknown(s, "%s in a directive", scan_special_names[special]);
	case SCAN_SPECIAL_HAS_INCLUDE:
		return has_include(s, false, ret);
	case SCAN_SPECIAL_HAS_INCLUDE_NEXT:
		return has_include(s, true, ret);
	case SCAN_SPECIAL_HAS_EMBED:
		return unit_unknown(s, "__has_embed");
	case SCAN_SPECIAL_PRAGMA:
		ret->flags |= TOKEN_PAINTED;
		return 0;
	default:
		return has(s, special, ret);
	}
}
