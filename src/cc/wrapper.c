/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cc/wrapper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/child.h"
#include "base/env.h"
#include "base/fs.h"
#include "base/path.h"
#include "cc/compiler.h"

/*
 * A shell's grammar, as little of it as such scripts use (IEEE Std 1003.1, Shell Command Language,
 * 2.2 Quoting and 2.10 Grammar): lines that are empty, comments, "set -e"; and one command whose
 * words are literal but for "$@" and the script's directory. Whatever else there is makes it
 * another script.
 */

struct script {
	const char *at, *end;
	const char *dir; /* of the script, for $(dirname "$0"); NULL: cannot be told */
	struct strv words;
	size_t args;  /* "$@" stands before words.v[args - 1]; 0: nowhere yet */
	bool assigns; /* the first word has a '=' in it that is not quoted */
};

static bool looking_at(const struct script *s, const char *text)
{
	size_t n = strlen(text);

	return (size_t)(s->end - s->at) >= n && memcmp(s->at, text, n) == 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool skip(struct script *s, const char *text)
{
	if (!looking_at(s, text))
		return false;
	s->at += strlen(text);
	return true;
}

static void skip_blanks(struct script *s)
{
	while (s->at < s->end && (is_blank(*s->at) || looking_at(s, "\\\n")))
		s->at += is_blank(*s->at) ? 1 : 2;
}

static void skip_line(struct script *s)
{
	while (s->at < s->end && *s->at != '\n')
		s->at++;
}

/* At the end of a word: of the text, the line, or before a blank. */
static bool at_end(const struct script *s)
{
	return s->at == s->end || *s->at == '\n' || is_blank(*s->at);
}

static bool is_literal(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("_-./+,:@%=^", c));
}

static bool is_plain(const char *text)
{
	while (is_literal(*text))
		text++;
	return !*text;
}

/* "$(dirname "$0")" and its like. Not quoted, it is cut at blanks. */
static int directory(struct script *s, bool quoted, struct buf *word)
{
	static const char *const forms[] = {
		"$(dirname \"$0\")", "$(dirname -- \"$0\")", "$(dirname $0)", "${0%/*}"};
	size_t form = 0;

	while (form < ARRAY_SIZE(forms) && !looking_at(s, forms[form]))
		form++;
	if (form == ARRAY_SIZE(forms) || !s->dir || (!is_plain(s->dir) && (!quoted || form == 2)))
		return CC_WRAPPER_UNSURE;
	s->at += strlen(forms[form]);
	return buf_append_str(word, s->dir);
}

/* From behind a " to behind the next. */
static int double_quoted(struct script *s, struct buf *word)
{
	int r = 0;

	while (r == 0 && s->at < s->end && *s->at != '"') {
		if (*s->at == '$') {
			r = directory(s, true, word);
			continue;
		}
		if (*s->at == '`')
			return CC_WRAPPER_UNSURE;
		if (*s->at == '\\') {
			if (s->end - s->at < 2 || !strchr("$`\"\\", s->at[1]))
				return CC_WRAPPER_UNSURE;
			s->at++;
		}
		r = buf_append_char(word, *s->at++);
	}
	if (r == 0 && !skip(s, "\""))
		return CC_WRAPPER_UNSURE;
	return r;
}

static int single_quoted(struct script *s, struct buf *word)
{
	const char *close = memchr(s->at, '\'', (size_t)(s->end - s->at));
	int r;

	if (!close)
		return CC_WRAPPER_UNSURE;
	r = buf_append(word, s->at, (size_t)(close - s->at));
	s->at = close + 1;
	return r;
}

static int one_char(struct script *s, struct buf *word)
{
	char c = *s->at;

	if (c == '\\') {
		/* Where a word goes on in the next line. */
		if (s->end - s->at < 2 || s->at[1] == '\n')
			return CC_WRAPPER_UNSURE;
		s->at++;
		return buf_append_char(word, *s->at++);
	}
	if (!is_literal(c))
		return CC_WRAPPER_UNSURE;
	s->assigns |= c == '=' && s->words.n == 0;
	s->at++;
	return buf_append_char(word, c);
}

static int take_word(struct script *s)
{
	AUTO(buf_fini) struct buf word = BUF_INIT_MAX(CC_WRAPPER_BYTES_MAX);
	int r = 0;

	while (r == 0 && !at_end(s)) {
		if (skip(s, "'"))
			r = single_quoted(s, &word);
		else if (skip(s, "\""))
			r = double_quoted(s, &word);
		else if (*s->at == '$')
			r = directory(s, false, &word);
		else
			r = one_char(s, &word);
	}
	return r == 0 ? strv_push(&s->words, buf_str(&word)) : r;
}

/* The caller's arguments, as they are. */
static bool take_args(struct script *s)
{
	static const char *const forms[] = {"\"$@\"", "\"${@}\"", "${1+\"$@\"}", "${1:+\"$@\"}"};
	const char *at = s->at;

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		if (skip(s, forms[i]) && at_end(s))
			return true;
		s->at = at;
	}
	return false;
}

static int take_command(struct script *s)
{
	int r = 0;

	for (skip_blanks(s); r == 0 && s->at < s->end && *s->at != '\n'; skip_blanks(s)) {
		if (*s->at == '#') {
			skip_line(s);
		} else if (take_args(s)) {
			if (s->args)
				return CC_WRAPPER_UNSURE;
			s->args = s->words.n + 1;
		} else {
			r = take_word(s);
		}
	}
	/* "exec" has options of its own; "-x" is no compiler either. */
	if (r == 0 && s->words.n > 0 && str_eq(s->words.v[0], "exec")) {
		free(s->words.v[0]);
		memmove(s->words.v, s->words.v + 1, s->words.n * sizeof(*s->words.v));
		s->words.n--;
		s->args -= s->args > 0;
	}
	if (r == 0 && (s->words.n == 0 || s->args < 2 || s->assigns || s->words.v[0][0] == '-'))
		return CC_WRAPPER_UNSURE;
	return r;
}

static bool is_shell(struct script *s)
{
	static const char *const shells[] = {"/bin/sh", "/bin/bash", "/bin/dash", "/usr/bin/sh",
		"/usr/bin/bash", "/usr/bin/dash", "/usr/bin/env sh", "/usr/bin/env bash"};

	if (!skip(s, "#!"))
		return false;
	while (s->at < s->end && is_blank(*s->at))
		s->at++;
	for (size_t i = 0; i < ARRAY_SIZE(shells); i++) {
		const char *at = s->at;

		if (skip(s, shells[i])) {
			if (!str_starts(shells[i], "/usr/bin/env"))
				skip(s, " -e");
			if (skip(s, "\n"))
				return true;
		}
		s->at = at;
	}
	return false;
}

static int parse(struct script *s)
{
	bool found = false;
	int r = is_shell(s) && !memchr(s->at, '\0', (size_t)(s->end - s->at)) ? 0
									      : CC_WRAPPER_UNSURE;

	while (r == 0 && s->at < s->end) {
		skip_blanks(s);
		if (s->at == s->end || skip(s, "\n"))
			continue;
		if (*s->at == '#') {
			skip_line(s);
		} else if (!found && skip(s, "set -e")) {
			r = at_end(s) && (s->at == s->end || *s->at == '\n') ? 0
									     : CC_WRAPPER_UNSURE;
		} else if (found) {
			r = CC_WRAPPER_UNSURE;
		} else {
			found = true;
			r = take_command(s);
		}
	}
	return r == 0 && !found ? CC_WRAPPER_UNSURE : r;
}

/* NULL where dirname and the shell would not agree, or the name is not known. */
static char *directory_of(const char *name)
{
	const char *slash = name ? strrchr(name, '/') : NULL;

	return slash && slash != name && !strstr(name, "//") ? strndup(name, (size_t)(slash - name))
							     : NULL;
}

int cc_wrapper_parse(const char *text, size_t n, const char *name, struct strv *ret_before,
	struct strv *ret_behind)
{
	AUTO(util_free) char *dir = directory_of(name);
	struct script s = {.at = text, .end = text + n, .dir = dir};
	int r = parse(&s);

	for (size_t i = 0; r == 0 && i < s.words.n; i++)
		r = strv_push(i + 1 < s.args ? ret_before : ret_behind, s.words.v[i]);
	strv_fini(&s.words);
	return r == -E2BIG ? CC_WRAPPER_UNSURE : r;
}

/* What a shell reads or takes for a command before it looks at PATH. */
static bool shell_is_told(char *const *envp)
{
	for (; *envp; envp++)
		if (str_starts(*envp, "BASH_ENV=") || str_starts(*envp, "BASH_FUNC_") ||
			str_starts(*envp, "SHELLOPTS=") || str_starts(*envp, "BASHOPTS="))
			return true;
	return false;
}

static bool has_relative_part(const char *path)
{
	for (const char *p = path; p && *p; p += strcspn(p, ":"), p += *p == ':')
		if (*p != '/')
			return true;
	return false;
}

/* What a script finds in $0: the word that it was called by, or the path that PATH led to. */
static const char *name_of(const char *word, const char *script, char *const *envp)
{
	if (strchr(word, '/'))
		return word;
	return has_relative_part(env_get(envp, "PATH")) ? NULL : script;
}

/* One script: the command that it is, and what that leads to. */
static int open_one(const char *script, const char *cwd, char *const *envp, struct strv *argv,
	char **ret_program)
{
	AUTO(buf_fini) struct buf text = BUF_INIT_MAX(CC_WRAPPER_BYTES_MAX);
	AUTO(strv_fini) struct strv words = STRV_INIT, behind = STRV_INIT;
	int r = fs_read_file(script, &text);

	if (r < 0)
		return r == -ENOMEM ? r : CC_WRAPPER_UNSURE;
	r = cc_wrapper_parse(
		buf_str(&text), text.len, name_of(argv->v[0], script, envp), &words, &behind);
	if (r == 0)
		r = strv_push_all(&words, strv_argv(argv) + 1);
	if (r == 0)
		r = strv_push_all(&words, strv_argv(&behind));
	if (r == 0)
		r = child_find_program(words.v[0], env_get(envp, "PATH"), cwd, ret_program);
	if (r != 0)
		return r == -ENOENT ? CC_WRAPPER_UNSURE : r;
	strv_fini(argv);
	*argv = words;
	words = (struct strv)STRV_INIT;
	return 0;
}

int cc_wrapper_unwrap(const char *compiler, char *const *argv, const char *cwd, char *const *envp,
	struct strv *ret_argv, char **ret_compiler)
{
	AUTO(strv_fini) struct strv words = STRV_INIT;
	AUTO(util_free) char *program = strdup(compiler);
	int r = program ? strv_push_all(&words, argv) : -ENOMEM;

	if (r == 0 && shell_is_told(envp))
		return CC_WRAPPER_UNSURE;
	for (int depth = 0; r == 0 && depth < CC_WRAPPER_DEPTH_MAX; depth++) {
		char *next = NULL;

		r = open_one(program, cwd, envp, &words, &next);
		if (r != 0)
			return r;
		free(program);
		program = next;
		if (cc_compiler_registered(env_get(envp, "DISTCC_COMPILERS"), words.v[0],
			    program) != CC_FAMILY_UNKNOWN) {
			*ret_argv = words;
			words = (struct strv)STRV_INIT;
			*ret_compiler = TAKE_PTR(program);
			return 0;
		}
	}
	return r < 0 ? r : CC_WRAPPER_UNSURE;
}
