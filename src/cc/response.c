/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cc/response.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/path.h"

/*
 * gcc and clang read a response file alike: words are parted by blanks and ends of line; a word
 * may be quoted, wholly or in part, by ' or "; a backslash takes the next character as it is,
 * inside quotes of both kinds as well. Names in nested files are relative to the working
 * directory, not to the file. They part ways (found by trying gcc 12 and clang 14) over empty
 * words, a backslash before an end of line or of file, form feeds, NULs, a byte order mark, and
 * quotes without an end; there, and over files that cannot be read, we are unsure.
 */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* One word from text + *pos; CC_RESPONSE_UNSURE; -ENOMEM. */
static int split_word(const char *text, size_t n, size_t *pos, struct buf *word)
{
	char quote = '\0';
	size_t i = *pos;

	for (; i < n && (quote || !is_blank(text[i])); i++) {
		char c = text[i];
		int r;

		if (c == '\0' || c == '\f' || c == '\v')
			return CC_RESPONSE_UNSURE;
		if (quote ? c == quote : (c == '\'' || c == '"')) {
			quote = quote ? '\0' : c;
			continue;
		}
		if (c == '\\') {
			if (++i == n || text[i] == '\n' || text[i] == '\r' || text[i] == '\0')
				return CC_RESPONSE_UNSURE;
			c = text[i];
		}
		r = buf_append_char(word, c);
		if (r < 0)
			return r == -E2BIG ? CC_RESPONSE_UNSURE : r;
	}
	*pos = i;
	return quote || word->len == 0 ? CC_RESPONSE_UNSURE : 0;
}

int cc_response_split(const char *text, size_t n, struct strv *ret)
{
	AUTO(buf_fini) struct buf word = BUF_INIT_MAX(CC_RESPONSE_BYTES_MAX);
	size_t pos = 0;

	if (n >= 2 && ((unsigned char)text[0] == 0xef || (unsigned char)text[0] >= 0xfe))
		return CC_RESPONSE_UNSURE;
	for (;;) {
		int r;

		while (pos < n && is_blank(text[pos]))
			pos++;
		if (pos == n)
			return 0;
		if (ret->n >= CC_RESPONSE_ARGS_MAX)
			return CC_RESPONSE_UNSURE;
		buf_clear(&word);
		r = split_word(text, n, &pos, &word);
		if (r != 0)
			return r;
		r = strv_push_n(ret, word.data, word.len);
		if (r < 0)
			return r;
	}
}

struct expansion {
	const char *cwd;
	struct strv *out;
	size_t bytes;
	size_t depth;
	struct {
		dev_t dev;
		ino_t ino;
	} open[CC_RESPONSE_DEPTH_MAX];
	char *fault;
};

static int expand(struct expansion *e, char *const *argv);

/* 0: text holds the file; CC_RESPONSE_UNSURE; -ENOMEM. Notes the file as open. */
static int read_file(struct expansion *e, const char *name, struct buf *text)
{
	AUTO(util_free) char *path = path_join(e->cwd, name);
	AUTO(util_close) int fd = -1;
	struct stat st;
	int r;

	if (!path)
		return -ENOMEM;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return CC_RESPONSE_UNSURE;
	for (size_t i = 0; i < e->depth; i++)
		if (e->open[i].dev == st.st_dev && e->open[i].ino == st.st_ino)
			return CC_RESPONSE_UNSURE;
	if (e->depth == CC_RESPONSE_DEPTH_MAX)
		return CC_RESPONSE_UNSURE;
	r = fs_read_fd(fd, text);
	if (r < 0)
		return r == -ENOMEM ? r : CC_RESPONSE_UNSURE;
	e->bytes += text->len;
	if (e->bytes > CC_RESPONSE_BYTES_MAX)
		return CC_RESPONSE_UNSURE;
	e->open[e->depth].dev = st.st_dev;
	e->open[e->depth].ino = st.st_ino;
	return 0;
}

static int expand_file(struct expansion *e, const char *name)
{
	AUTO(buf_fini) struct buf text = BUF_INIT_MAX(CC_RESPONSE_BYTES_MAX);
	AUTO(strv_fini) struct strv words = STRV_INIT;
	int r = read_file(e, name, &text);

	if (r == 0)
		r = cc_response_split(buf_str(&text), text.len, &words);
	if (r != 0)
		return r;
	e->depth++;
	r = expand(e, strv_argv(&words));
	e->depth--;
	return r;
}

static int expand(struct expansion *e, char *const *argv)
{
	for (; *argv; argv++) {
		int r;

		if ((*argv)[0] != '@') {
			r = strv_push(e->out, *argv);
			if (r == -E2BIG || (r == 0 && e->out->n > CC_RESPONSE_ARGS_MAX))
				r = CC_RESPONSE_UNSURE;
		} else {
			r = expand_file(e, *argv + 1);
		}
		if (r == CC_RESPONSE_UNSURE && !e->fault)
			e->fault = strdup(*argv);
		if (r != 0)
			return r;
	}
	return 0;
}

int cc_response_expand(char *const *argv, const char *cwd, struct strv *ret, char **ret_file)
{
	struct expansion e = {.cwd = cwd, .out = ret};
	int r = expand(&e, argv);

	if (r == CC_RESPONSE_UNSURE && !e.fault)
		return -ENOMEM;
	if (r == CC_RESPONSE_UNSURE)
		*ret_file = e.fault;
	else
		free(e.fault);
	return r;
}
