/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "scan/facts_parse.h"
#include "scan/facts_run.h"
#include "scan/facts_store.h"
#include "scan/plan.h"

/*
 * Questions by operand, many in one run. Both compilers expand __has_…(x) in plain text as they do
 * in #if, so each is one line
 *
 *	scan_begin_12 __has_builtin(__builtin_expect) scan_end_12
 *
 * between lines whose answers are known. An operand that is an error is reported under its line:
 * those are set aside, and what is left is asked again, until there is no error.
 *
 * A word of an operand that is left when all is expanded is no macro where it was found, but may be
 * a predefined one here: it is undefined first.
 */

enum { ROUNDS_MAX = 4, KNOWN = 2, PER_RUN_MAX = FACTS_ANSWERS_MAX - 2 * KNOWN };

static bool is_name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$';
}

static size_t name_length(const char *s, size_t n)
{
	size_t i = 0;

	if (n == 0 || isdigit((unsigned char)s[0]))
		return 0;
	while (i < n && is_name_char(s[i]))
		i++;
	return i;
}

static size_t blanks(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && s[i] == ' ')
		i++;
	return i;
}

/* "-Wname" in quotes, of harmless characters. */
static bool is_warning(const char *s, size_t n)
{
	if (n < 4 || s[0] != '"' || s[n - 1] != '"' || s[1] != '-')
		return false;
	for (size_t i = 1; i + 1 < n; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr("-+=#_,.", s[i]))
			return false;
	return true;
}

bool scan_question_is_plain(enum scan_special special, const char *operand, size_t n)
{
	size_t i;

	if (n == 0 || n > SCAN_QUESTION_MAX || memchr(operand, '\0', n) ||
		special < SCAN_SPECIAL_HAS_ATTRIBUTE || special >= SCAN_SPECIAL_COUNT)
		return false;
	if (special == SCAN_SPECIAL_HAS_WARNING)
		return is_warning(operand, n);
	i = name_length(operand, n);
	if (i == 0)
		return false;
	if (i == n)
		return true;
	i += blanks(operand + i, n - i);
	if (n - i < 3 || operand[i] != ':' || operand[i + 1] != ':')
		return false;
	i += 2;
	i += blanks(operand + i, n - i);
	return name_length(operand + i, n - i) > 0 && name_length(operand + i, n - i) == n - i;
}

int facts_answer_key(enum scan_special special, const char *operand, size_t len, char *key)
{
	int n = snprintf(key, FACTS_ANSWER_KEY_MAX, "%d ", (int)special);

	memcpy(key + n, operand, len);
	return n + (int)len;
}

int facts_put_answer(struct scan_facts *f, enum scan_special special, const char *operand,
	size_t len, long answer)
{
	char key[FACTS_ANSWER_KEY_MAX];
	struct facts_slot *slot;
	int n, r;

	if (len > SCAN_QUESTION_MAX)
		return 0;
	n = facts_answer_key(special, operand, len, key);
	r = facts_map_put(&f->private->answers, key, (size_t)n, &slot);
	if (r == 0)
		slot->number = answer;
	return r == -E2BIG ? 0 : r; /* it is asked again, then */
}

static const struct facts_slot *recall(
	const struct scan_facts *f, enum scan_special special, const char *operand, size_t len)
{
	char key[FACTS_ANSWER_KEY_MAX];

	if (len > SCAN_QUESTION_MAX)
		return NULL;
	return facts_map_get(
		&f->private->answers, key, (size_t)facts_answer_key(special, operand, len, key));
}

bool scan_facts_known(const struct scan_facts *f, enum scan_special special, const char *operand,
	size_t operand_len, long *ret_answer)
{
	const struct facts_slot *slot = recall(f, special, operand, operand_len);

	if (!slot || slot->number == FACTS_UNANSWERABLE)
		return false;
	*ret_answer = slot->number;
	return true;
}

struct asking {
	const struct scan_facts *f;
	struct scan_question *questions;
	size_t *open; /* indexes of what is to be asked */
	size_t n_open;
	size_t first_line; /* of the first question, from 1 */
};

/* Needs no run: known, or no question. */
static bool settle(const struct scan_facts *f, struct scan_question *q)
{
	size_t len = strnlen(q->operand, SCAN_QUESTION_MAX + 1);
	const struct facts_slot *slot;

	q->answer = 0;
	q->unanswerable = !scan_question_is_plain(q->special, q->operand, len) ||
			  !(f->specials & UINT64_C(1) << q->special);
	if (q->unanswerable)
		return true;
	slot = recall(f, q->special, q->operand, len);
	if (!slot)
		return false;
	q->unanswerable = slot->number == FACTS_UNANSWERABLE;
	if (!q->unanswerable)
		q->answer = slot->number;
	return true;
}

static bool is_predefined(const struct scan_facts *f, const char *name, size_t n)
{
	char line[SCAN_QUESTION_MAX + 16];
	int k = snprintf(line, sizeof(line), "#define %.*s", (int)n, name);
	const char *p = f->predefined;

	while ((p = strstr(p, line))) {
		if (!is_name_char(p[k]))
			return true;
		p += k;
	}
	return false;
}

static int add_undefs(
	const struct scan_facts *f, struct buf *text, const char *operand, size_t *lines)
{
	int r = 0;

	for (const char *s = operand; r == 0 && *s;) {
		size_t n = name_length(s, strlen(s));

		if (n > 0 && is_predefined(f, s, n)) {
			r = buf_printf(text, "#undef %.*s\n", (int)n, s);
			++*lines;
		}
		s += n > 0 ? n : 1;
	}
	return r;
}

static int add_known(const struct scan_facts *f, struct buf *text, size_t i)
{
	bool can = f->specials & UINT64_C(1) << SCAN_SPECIAL_HAS_ATTRIBUTE;

	return buf_printf(text, "scan_begin_%zu %s scan_end_%zu\nscan_begin_%zu %s scan_end_%zu\n",
		i, can ? "__has_attribute(aligned)" : "1", i, i + 1,
		can ? "__has_attribute(scan_no_such_attribute)" : "0", i + 1);
}

static int write_text(struct asking *a, struct buf *text)
{
	size_t lines = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < a->n_open; i++) {
		const struct scan_question *q = &a->questions[a->open[i]];

		if (a->f->expands & UINT64_C(1) << q->special)
			r = add_undefs(a->f, text, q->operand, &lines);
	}
	a->first_line = lines + KNOWN + 1;
	if (r == 0)
		r = add_known(a->f, text, 0);
	for (size_t i = 0; r == 0 && i < a->n_open; i++) {
		const struct scan_question *q = &a->questions[a->open[i]];

		r = buf_printf(text, "scan_begin_%zu %s(%s) scan_end_%zu\n", i + KNOWN,
			scan_special_names[q->special], q->operand, i + KNOWN);
	}
	return r == 0 ? add_known(a->f, text, a->n_open + KNOWN) : r;
}

static bool known_are_right(const struct strv *answers, size_t i)
{
	long yes, no;

	return facts_parse_number(answers->v[i], &yes) && yes > 0 &&
	       facts_parse_number(answers->v[i + 1], &no) && no == 0;
}

/* FACTS_PARSE_BAD: not one of them is used. */
static int read_answers(struct asking *a, const struct facts_reply *reply)
{
	AUTO(facts_output_fini) struct facts_output out = {.preinclude = false};
	int r = facts_parse_output(
		buf_str(&reply->out), reply->out.len, "", a->n_open + 2 * KNOWN, &out);

	if (r != 0)
		return r;
	if (!known_are_right(&out.answers, 0) || !known_are_right(&out.answers, a->n_open + KNOWN))
		return FACTS_PARSE_BAD;
	for (size_t i = 0; i < a->n_open; i++)
		if (!facts_parse_number(out.answers.v[i + KNOWN], &a->questions[a->open[i]].answer))
			return FACTS_PARSE_BAD;
	return 0;
}

/* Set aside what there is an error about. False: no error can be placed. */
static bool drop_suspects(struct asking *a, const struct facts_reply *reply)
{
	const char *s = buf_str(&reply->err);
	size_t left = 0, n;

	for (; *s; s += n + (s[n] == '\n')) {
		size_t line;

		n = strcspn(s, "\n");
		line = facts_parse_error_line(s, n);
		if (line >= a->first_line && line - a->first_line < a->n_open)
			a->questions[a->open[line - a->first_line]].unanswerable = true;
	}
	for (size_t i = 0; i < a->n_open; i++)
		if (!a->questions[a->open[i]].unanswerable)
			a->open[left++] = a->open[i];
	if (left == a->n_open)
		return false;
	a->n_open = left;
	return true;
}

/* -EAGAIN: some were set aside, ask again. */
static int ask_once(struct scan_facts_store *s, const struct scan_plan *plan, struct asking *a,
	char **ret_reason)
{
	AUTO(buf_fini) struct buf text = BUF_INIT;
	AUTO(strv_fini) struct strv args = STRV_INIT;
	AUTO(facts_reply_fini) struct facts_reply reply = FACTS_REPLY_INIT;
	int r = write_text(a, &text);

	if (r == 0)
		r = facts_args(plan, &args);
	if (r == 0)
		r = strv_push(&args, "-");
	if (r < 0)
		return r;
	s->stats.runs++;
	s->stats.questions += a->n_open;
	r = facts_run(plan, &args, text.data, text.len, &reply);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return facts_unknown(plan, ret_reason, "it does not answer: %s", strerror(-r));
	if (WIFEXITED(reply.status) && WEXITSTATUS(reply.status) == 0) {
		r = read_answers(a, &reply);
		return r == FACTS_PARSE_BAD
			       ? facts_unknown(plan, ret_reason, "its answers cannot be read")
			       : r;
	}
	if (!drop_suspects(a, &reply))
		return facts_unknown(plan, ret_reason, "it refuses to answer");
	return -EAGAIN;
}

/* Those that are open, at most PER_RUN_MAX. */
static int ask_open(struct scan_facts_store *s, const struct scan_plan *plan, struct asking *a,
	char **ret_reason)
{
	int r = -EAGAIN;

	for (int round = 0; r == -EAGAIN && round < ROUNDS_MAX; round++)
		r = a->n_open ? ask_once(s, plan, a, ret_reason) : 0;
	return r == -EAGAIN ? facts_unknown(plan, ret_reason, "it refuses to answer") : r;
}

/* Answers are added to facts that others see as const: the store owns them. */
static int remember(
	struct scan_facts *f, const struct scan_question *questions, const size_t *which, size_t n)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		const struct scan_question *q = &questions[which[i]];

		r = facts_put_answer(f, q->special, q->operand, strlen(q->operand),
			q->unanswerable ? FACTS_UNANSWERABLE : q->answer);
	}
	return r;
}

static int ask_some(struct scan_facts_store *s, struct scan_facts *f, const struct scan_plan *plan,
	struct scan_question *questions, const size_t *which, size_t n, char **ret_reason)
{
	AUTO(util_free) size_t *open = malloc(n * sizeof(*open));
	struct asking a = {.f = f, .questions = questions, .open = open, .n_open = n};
	int r;

	if (!open)
		return -ENOMEM;
	memcpy(open, which, n * sizeof(*open));
	r = ask_open(s, plan, &a, ret_reason);
	return r == 0 ? remember(f, questions, which, n) : r;
}

int scan_facts_ask(struct scan_facts_store *s, const struct scan_facts *f,
	const struct scan_plan *plan, struct scan_question *questions, size_t n, char **ret_reason)
{
	AUTO(util_free) size_t *open = n ? malloc(n * sizeof(*open)) : NULL;
	size_t n_open = 0;
	int r = 0;

	if (n > SCAN_QUESTIONS_MAX)
		return -E2BIG;
	if (n && !open)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (!settle(f, &questions[i]))
			open[n_open++] = i;
	for (size_t i = 0; r == 0 && i < n_open; i += PER_RUN_MAX)
		r = ask_some(s, (struct scan_facts *)f, plan, questions, open + i,
			MIN(n_open - i, (size_t)PER_RUN_MAX), ret_reason);
	if (r == 0 && n_open > 0)
		facts_db_save_answers(s->db, (struct scan_facts *)f, questions, n);
	if (r == 0 && n == 1 && questions[0].unanswerable)
		return facts_unknown(plan, ret_reason, "it has no answer to %s(%.*s)",
			(size_t)questions[0].special < SCAN_SPECIAL_COUNT
				? scan_special_names[questions[0].special]
				: "?",
			SCAN_QUESTION_MAX, questions[0].operand);
	return r == -E2BIG ? -ENOMEM : r;
}
