/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cc/specs.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"

/*
 * A file of specs, line by line, as "info gcc" (Spec Files) has it:
 *
 *	%include <FILE>, %include_noerr <FILE>, %rename OLD NEW
 *	*NAME:			and the text of that spec up to an empty line
 *	.SUFFIX: and others	how a kind of source is compiled: not looked into
 *
 * What a text does to a compile is seen by who asks the compiler (-E) with the same specs only if it
 * is one of those that both use: "cpp", "cpp_unique_options", "cc1", "cc1plus". Of these what is known
 * to be harmless is let through. Texts for links are passed over, and no other may use them. Those of
 * other names, which are for links too in the files that there are, may have no more in them than
 * libraries. All else is doubted.
 */

enum { WORD_MAX = 64, NAMES_MAX = 32 }; /* bytes of a line that are shown in a reason */

enum use { NOTHING, LINKS, COMPILES, OTHERS };

struct specs {
	struct strv *includes;
	char **ret_reason;
	enum use use; /* of the text that we are in */
	bool has_text;
	struct strv renamed; /* what texts of COMPILES are called now */
};

static int doubt(struct specs *s, const char *line, size_t n)
{
	if (asprintf(s->ret_reason, "%.*s: what specs do there is not looked into",
		    (int)MIN(n, (size_t)WORD_MAX), line) >= 0)
		return CC_SPECS_UNKNOWN;
	*s->ret_reason = NULL;
	return -ENOMEM;
}

static bool starts(const char *s, size_t n, const char *prefix)
{
	return n >= strlen(prefix) && memcmp(s, prefix, strlen(prefix)) == 0;
}

static bool is_one_of(const char *word, size_t n, const char *const *words, size_t n_words)
{
	for (size_t i = 0; i < n_words; i++)
		if (strlen(words[i]) == n && memcmp(word, words[i], n) == 0)
			return true;
	return false;
}

/* gcc's own names of other uses (gcc -dumpspecs), and what it may have beside these by their kind. */
static bool is_deeper(const char *name, size_t n)
{
	static const char *const names[] = {"cross_compile", "driver_self_specs", "invoke_as",
		"linker", "linker_plugin_file", "lto_gcc", "lto_wrapper", "post_link", "self_spec",
		"startfile_prefix_spec", "trad_capable_cpp", "version"};
	static const char *const kinds[] = {
		"asm", "cc1", "cpp", "md_", "multi", "sysroot", "subtarget"};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (starts(name, n, kinds[i]))
			return true;
	return is_one_of(name, n, names, ARRAY_SIZE(names)) || memchr(name, ' ', n) ||
	       memchr(name, '\t', n);
}

static enum use use_of(const char *name, size_t n)
{
	static const char *const links[] = {"link", "lib", "libgcc", "startfile", "endfile",
		"link_gcc_c_sequence", "link_libgcc", "link_ssp", "link_command", "link_gomp"};
	static const char *const compiles[] = {"cpp", "cpp_unique_options", "cc1", "cc1plus"};

	if (is_one_of(name, n, links, ARRAY_SIZE(links)))
		return LINKS;
	if (is_one_of(name, n, compiles, ARRAY_SIZE(compiles)))
		return COMPILES;
	return is_deeper(name, n) ? NOTHING : OTHERS;
}

/* An option that a question for macros and search directories shows, or that changes neither. */
static bool is_harmless_option(const char *word, size_t n)
{
	static const char *const prefixes[] = {"-m", "-O", "-std=", "-ftls-model="};
	static const char *const plain[] = {"-isystem", "-fno-builtin", "-ffreestanding",
		"-fshort-enums", "-fno-short-enums", "-fomit-frame-pointer", "-fno-exceptions",
		"-fno-rtti", "-funsigned-char", "-fsigned-char", "-ffunction-sections",
		"-fdata-sections", "-fno-common", "-fcommon", "-fno-pic", "-fno-PIC", "-fno-pie",
		"-fno-PIE", "-fPIC", "-fpic", "-fPIE", "-fpie", "-fno-plt", "-pthread"};

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (starts(word, n, prefixes[i]))
			return true;
	return is_one_of(word, n, plain, ARRAY_SIZE(plain));
}

/*
 * The condition of a %{…}: of options that belong to the question (scan/plan_options.c), which others
 * may not.
 */
static bool is_asked_for(const char *condition, size_t n)
{
	static const char *const kinds[] = {"m", "O", "specs=", "std=", "ftls-model"};
	static const char *const options[] = {"r", "pthread", "fpic", "fPIC", "fpie", "fPIE",
		"fno-pic", "fno-PIC", "fno-pie", "fno-PIE", "fsigned-char", "funsigned-char",
		"fshort-enums", "fno-short-enums", "-picolibc-prefix=*"};

	for (size_t i = 0; i < n; i++) {
		size_t end, k = 0;

		i += condition[i] == '!';
		for (end = i; end < n && condition[end] != '|' && condition[end] != '&'; end++)
			;
		while (k < ARRAY_SIZE(kinds) && !starts(condition + i, end - i, kinds[k]))
			k++;
		if (k == ARRAY_SIZE(kinds) &&
			!is_one_of(condition + i, end - i, options, ARRAY_SIZE(options)))
			return false;
		i = end;
	}
	return n > 0;
}

/* "%{…:", "%(NAME)": how many characters are to be passed over; 0: not known. */
static size_t pass_percent(const struct specs *s, const char *at, size_t n)
{
	size_t end = 0;

	if (n >= 2 && at[1] == '{') {
		while (end < n && !strchr(":}", at[end]))
			end++;
		return end < n && is_asked_for(at + 2, end - 2) ? end : 0;
	}
	if (n < 2 || at[1] != '(' || s->use != COMPILES)
		return 0;
	while (end < n && at[end] != ')')
		end++;
	for (size_t i = 0; i < s->renamed.n; i++)
		if (strlen(s->renamed.v[i]) == end - 2 &&
			memcmp(s->renamed.v[i], at + 2, end - 2) == 0 && end < n)
			return end + 1;
	return 0;
}

static bool is_end(char c)
{
	return strchr(" \t{}:%", c) != NULL;
}

/* One word, which may be no other than an option, or the directory of an -isystem. */
static bool is_harmless_word(const struct specs *s, const char *word, size_t n, bool directory)
{
	if (directory)
		return *word == '/' || *word == '=';
	if (s->use == OTHERS)
		return starts(word, n, "-l");
	return is_harmless_option(word, n) || (n == 1 && *word == '+');
}

/* A line of a text that may be for compiles. gcc runs a command at the end of each: there is one. */
static int look_at(struct specs *s, const char *line, size_t n)
{
	bool directory = false;

	if (s->has_text)
		return doubt(s, line, n);
	s->has_text = n > 0;
	for (size_t i = 0; i < n;) {
		size_t step = 1;

		if (line[i] == '%') {
			step = pass_percent(s, line + i, n - i);
			if (step == 0 || directory)
				return doubt(s, line, n);
		} else if (!is_end(line[i])) {
			while (i + step < n && !is_end(line[i + step]))
				step++;
			if (memchr(line + i, ';', step) || memchr(line + i, '|', step) ||
				memchr(line + i, '<', step) || memchr(line + i, '>', step) ||
				memchr(line + i, '@', step) || memchr(line + i, '\\', step) ||
				!is_harmless_word(s, line + i, step, directory))
				return doubt(s, line, n);
			directory = step == 8 && memcmp(line + i, "-isystem", 8) == 0;
		} else if (line[i] != ' ' && line[i] != '\t' && directory) {
			return doubt(s, line, n);
		}
		i += step;
	}
	return directory ? doubt(s, line, n) : 0;
}

static const char *behind(const char *line, size_t n, const char *word)
{
	size_t m = strlen(word);

	return n > m && memcmp(line, word, m) == 0 && (line[m] == ' ' || line[m] == '\t') ? line + m
											  : NULL;
}

static size_t count_blanks(const char *at, const char *end)
{
	size_t n = 0;

	while (at + n < end && (at[n] == ' ' || at[n] == '\t'))
		n++;
	return n;
}

static size_t count_name(const char *at, const char *end)
{
	size_t n = 0;

	while (at + n < end && at[n] != ' ' && at[n] != '\t')
		n++;
	return n;
}

/* Behind "%rename": the old name is gone, so what it was for must be known. */
static int take_rename(struct specs *s, const char *line, size_t n, const char *old)
{
	const char *end = line + n, *new;
	size_t n_old, n_new;

	old += count_blanks(old, end);
	n_old = count_name(old, end);
	new = old + n_old + count_blanks(old + n_old, end);
	n_new = count_name(new, end);
	if (n_old == 0 || n_new == 0 || new + n_new != end || use_of(new, n_new) != OTHERS)
		return doubt(s, line, n);
	switch (use_of(old, n_old)) {
	case LINKS:
		return 0;
	case COMPILES:
		return s->renamed.n < NAMES_MAX ? strv_push_n(&s->renamed, new, n_new)
						: doubt(s, line, n);
	default:
		return doubt(s, line, n);
	}
}

/* A line that begins with '%'. */
static int directive(struct specs *s, const char *line, size_t n)
{
	const char *rest = behind(line, n, "%rename"), *open, *close;

	if (rest)
		return take_rename(s, line, n, rest);
	rest = behind(line, n, "%include");
	rest = rest ? rest : behind(line, n, "%include_noerr");
	open = rest ? memchr(rest, '<', n - (size_t)(rest - line)) : NULL;
	close = open ? memchr(open, '>', n - (size_t)(open - line)) : NULL;
	if (!close || close == open + 1)
		return doubt(s, line, n);
	return strv_push_n(s->includes, open + 1, (size_t)(close - open - 1));
}

/* "*NAME:", with nothing behind it. A name that was given to another text is none of its own. */
static int header(struct specs *s, const char *line, size_t n)
{
	size_t name = n < 3 || line[n - 1] != ':' ? 0 : n - 2;

	for (size_t i = 0; i < s->renamed.n; i++)
		if (strlen(s->renamed.v[i]) == name && memcmp(s->renamed.v[i], line + 1, name) == 0)
			return doubt(s, line, n);
	s->use = name > 0 && !memchr(line + 1, ':', name) ? use_of(line + 1, name) : NOTHING;
	s->has_text = false;
	return s->use == NOTHING ? doubt(s, line, n) : 0;
}

static int take_line(struct specs *s, const char *line, size_t n)
{
	while (n > 0 && isspace((unsigned char)line[n - 1]))
		n--;
	if (n == 0) {
		s->use = NOTHING;
		return 0;
	}
	/* No line of a text begins another spec. */
	if (s->use != NOTHING && *line == '*')
		return doubt(s, line, n);
	/* A link's is gcc's to read, whatever is in it. */
	if (s->use == LINKS)
		return 0;
	if (s->use != NOTHING)
		return look_at(s, line, n);
	if (*line == '*')
		return header(s, line, n);
	if (*line == '#')
		return 0;
	return *line == '%' ? directive(s, line, n) : doubt(s, line, n);
}

int cc_specs_parse(const char *text, size_t n, struct strv *ret_includes, char **ret_reason)
{
	struct specs s = {.includes = ret_includes, .ret_reason = ret_reason};
	const char *end = text + n;
	int r = memchr(text, '\0', n) ? doubt(&s, text, n) : 0;

	while (r == 0 && text < end) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		size_t line = stop ? (size_t)(stop - text) : (size_t)(end - text);

		r = take_line(&s, text, line);
		text += line + (stop != NULL);
	}
	strv_fini(&s.renamed);
	return r == -E2BIG ? -ENOMEM : r;
}

int cc_specs_question(const struct strv *words, struct strv *ret)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < words->n; i++) {
		if (str_starts(words->v[i], "--sysroot="))
			r = strv_push(ret, words->v[i]);
		else if (str_eq(words->v[i], "--sysroot") && i + 1 < words->n)
			r = strv_pushf(ret, "--sysroot=%s", words->v[i + 1]);
	}
	return r;
}

static int read_one(const char *path, struct strv *includes, char **ret_reason)
{
	AUTO(buf_fini) struct buf text = BUF_INIT_MAX(CC_SPECS_BYTES_MAX);
	int r = fs_read_file(path, &text);

	if (r == 0)
		return cc_specs_parse(buf_str(&text), text.len, includes, ret_reason);
	if (r == -ENOMEM || asprintf(ret_reason, "%s: %s", path, strerror(-r)) < 0) {
		*ret_reason = NULL;
		return -ENOMEM;
	}
	return CC_SPECS_UNKNOWN;
}

int cc_specs_read(const struct strv *names, cc_specs_find *find, void *arg, struct strv *ret,
	char **ret_reason)
{
	AUTO(strv_fini) struct strv todo = STRV_INIT;
	int r = 0;

	for (size_t i = 0; r == 0 && i < names->n; i++)
		r = strv_push(&todo, names->v[i]);
	for (size_t i = 0; r == 0 && i < todo.n; i++) {
		AUTO(util_free) char *path = NULL;

		if (i == CC_SPECS_FILES_MAX)
			return doubt(&(struct specs){.ret_reason = ret_reason}, todo.v[i],
				strlen(todo.v[i]));
		r = find(arg, todo.v[i], &path);
		if (r != 0 || strv_has(ret, path))
			continue;
		r = strv_push(ret, path);
		if (r == 0)
			r = read_one(path, &todo, ret_reason);
	}
	return r;
}
