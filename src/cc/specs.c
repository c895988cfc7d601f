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
 * Texts for links are passed over. Where a text that may be for compiles has something in it that
 * is not known to be harmless, all of it is not.
 */

enum { WORD_MAX = 64 }; /* bytes of a line that are shown in a reason */

struct specs {
	struct strv *includes;
	char **ret_reason;
	bool within; /* the text of a spec */
	bool link;   /* which is for links */
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

static bool is_for_links(const char *name, size_t n)
{
	static const char *const names[] = {"link", "lib", "libgcc", "startfile", "endfile",
		"link_gcc_c_sequence", "link_libgcc", "link_ssp", "link_command", "link_gomp"};

	return is_one_of(name, n, names, ARRAY_SIZE(names));
}

/* Those that gcc has besides, and that change which programs are run, and where they are looked
 * for. Names that it does not have are text for others to use. */
static bool is_deeper(const char *name, size_t n)
{
	static const char *const names[] = {"asm_final", "cross_compile", "driver_self_specs",
		"invoke_as", "linker", "linker_plugin_file", "lto_gcc", "lto_wrapper",
		"md_exec_prefix", "md_startfile_prefix", "md_startfile_prefix_1", "multilib",
		"multilib_defaults", "multilib_exclusions", "multilib_extra", "multilib_matches",
		"multilib_options", "multilib_reuse", "post_link", "self_spec",
		"startfile_prefix_spec", "sysroot_hdrs_suffix_spec", "sysroot_spec",
		"sysroot_suffix_spec", "trad_capable_cpp", "version"};

	return is_one_of(name, n, names, ARRAY_SIZE(names));
}

/* An option in a text: one that does no more than the same in the user's command would, or that a
 * question for macros and search directories shows. */
static bool is_harmless_option(const char *word, size_t n)
{
	static const char *const prefixes[] = {
		"-isystem", "-m", "-W", "-O", "-std=", "-g", "-l", "-ftls-model="};
	static const char *const plain[] = {"-fno-builtin", "-ffreestanding", "-fshort-enums",
		"-fno-short-enums", "-fomit-frame-pointer", "-fno-exceptions", "-fno-rtti",
		"-funsigned-char", "-fsigned-char", "-ffunction-sections", "-fdata-sections",
		"-fno-common", "-fcommon", "-fno-pic", "-fno-PIC", "-fno-pie", "-fno-PIE", "-fPIC",
		"-fpic", "-fPIE", "-fpie", "-fno-plt", "-pthread"};

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (starts(word, n, prefixes[i]))
			return true;
	return is_one_of(word, n, plain, ARRAY_SIZE(plain));
}

/*
 * The condition of a %{…}: of options that belong to the question (scan/plan_options.c), which
 * those with other letters may not.
 */
static bool is_asked_for(const char *condition, size_t n)
{
	static const char *const options[] = {"m", "f", "p", "O", "r", "-", "specs=", "std="};
	bool asked = n > 0;

	for (size_t i = 0; asked && i < n; i++) {
		size_t k = 0;

		i += condition[i] == '!';
		while (k < ARRAY_SIZE(options) && !starts(condition + i, n - i, options[k]))
			k++;
		asked = k < ARRAY_SIZE(options);
		while (i < n && condition[i] != '|' && condition[i] != '&')
			i++;
	}
	return asked;
}

/* "%{…", "%(NAME)", "%:FUNCTION(": how many characters are to be passed over; 0: not known. */
static size_t pass_percent(const char *at, size_t n)
{
	static const char replace[] = "%:replace-outfile(";
	size_t end = 0;

	if (n >= 2 && at[1] == '{') {
		while (end < n && !strchr(":}", at[end]))
			end++;
		return is_asked_for(at + 2, end - 2) ? end : 0;
	}
	if (n >= 2 && at[1] == '(') {
		while (end < n && at[end] != ')')
			end++;
		return end;
	}
	end = strlen(replace);
	return starts(at, n, replace) ? end : 0;
}

/* A line of a text that may be for compiles. */
static int look_at(struct specs *s, const char *line, size_t n)
{
	bool at_start = true;

	for (size_t i = 0; i < n;) {
		size_t step = 1;

		if (line[i] == '%') {
			step = pass_percent(line + i, n - i);
			if (step == 0)
				return doubt(s, line, n);
		} else if (line[i] == '-' && at_start) {
			while (i + step < n && !strchr(" \t{};:|%", line[i + step]))
				step++;
			if (!is_harmless_option(line + i, step))
				return doubt(s, line, n);
		} else if (strchr("<>@|\\", line[i])) {
			return doubt(s, line, n);
		}
		at_start = strchr(" \t{};:|)", line[i + step - 1]) != NULL;
		i += step;
	}
	return 0;
}

static const char *behind(const char *line, size_t n, const char *word)
{
	size_t m = strlen(word);

	return n > m && memcmp(line, word, m) == 0 && (line[m] == ' ' || line[m] == '\t') ? line + m
											  : NULL;
}

/* A line that begins with '%'. */
static int directive(struct specs *s, const char *line, size_t n)
{
	const char *rest = behind(line, n, "%include"), *open, *close;

	if (behind(line, n, "%rename"))
		return 0;
	rest = rest ? rest : behind(line, n, "%include_noerr");
	open = rest ? memchr(rest, '<', n - (size_t)(rest - line)) : NULL;
	close = open ? memchr(open, '>', n - (size_t)(open - line)) : NULL;
	if (!close || close == open + 1)
		return doubt(s, line, n);
	return strv_push_n(s->includes, open + 1, (size_t)(close - open - 1));
}

static int header(struct specs *s, const char *line, size_t n)
{
	const char *colon = memchr(line, ':', n);
	size_t name = colon ? (size_t)(colon - line - 1) : 0;

	if (name == 0 || is_deeper(line + 1, name))
		return doubt(s, line, n);
	s->within = true;
	s->link = is_for_links(line + 1, name);
	/* What follows the colon in the same line is text. */
	return s->link ? 0 : look_at(s, colon + 1, n - name - 2);
}

static int take_line(struct specs *s, const char *line, size_t n)
{
	while (n > 0 && isspace((unsigned char)line[n - 1]))
		n--;
	if (n == 0) {
		s->within = false;
		return 0;
	}
	/* A link's text is gcc's to read, whatever is in it; no line of it begins another spec. */
	if (s->within && s->link)
		return *line == '*' ? doubt(s, line, n) : 0;
	if (*line == '*')
		return header(s, line, n);
	if (s->within)
		return look_at(s, line, n);
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
