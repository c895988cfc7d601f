/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cc/pragmas.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "cc/markers.h"

/*
 * A list of what survives, not of what is lost: gcc loses the pragmas whose words it expands
 * macros in, and which those are depends on its version and target. The pragmas listed were tried
 * with gcc 12; other words, were they harmless, only cost a preprocessing in full. OpenMP's are
 * listed since commands with -fopenmp never get here.
 */

static const char *const gcc_words[] = {"diagnostic", "error", "ivdep", "novector", "optimize",
	"poison", "pop_options", "push_options", "reset_options", "system_header", "target",
	"unroll", "visibility", "warning", "dependency"};

static const char *const other_words[] = {"GCC", "STDC", "acc", "clang", "comment", "endregion",
	"ident", "intrinsic", "ivdep", "loop", "mark", "nounroll", "novector", "omp", "once",
	"pack", "region", "simd", "unroll", "vector", "warning", "weak"};

static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

/* The next word on the line, behind blanks; its length, 0 if there is none that plain. */
static size_t next_word(const char **p, const char *end)
{
	const char *q = *p;

	while (q < end && (*q == ' ' || *q == '\t'))
		q++;
	*p = q;
	while (q < end && is_word_char(*q))
		q++;
	return (size_t)(q - *p);
}

static bool is_one_of(const char *const *words, size_t n_words, const char *p, size_t n)
{
	for (size_t i = 0; i < n_words; i++)
		if (strlen(words[i]) == n && memcmp(words[i], p, n) == 0)
			return true;
	return false;
}

/* What follows "pragma": not a directive, or one of a known kind? */
static bool survives(const char *p, const char *end)
{
	size_t n = next_word(&p, end);

	if (n == 0)
		return p == end || *p == '\n' || *p == '\r' || *p == '"' || *p == '\'';
	if (!is_one_of(other_words, ARRAY_SIZE(other_words), p, n))
		return false;
	if (n != 3 || memcmp(p, "GCC", 3) != 0)
		return true;
	p += n;
	n = next_word(&p, end);
	return is_one_of(gcc_words, ARRAY_SIZE(gcc_words), p, n);
}

/* Is the word at p a directive's name? A comment or a spliced line before it is taken for one. */
static bool is_directive(const char *source, const char *p)
{
	while (p > source && (p[-1] == ' ' || p[-1] == '\t'))
		p--;
	return p > source && strchr("#:/\\\n", p[-1]);
}

bool cc_source_loses_pragmas(const char *source, size_t n)
{
	static const char word[] = "pragma";
	const char *end = source + n, *p = source;

	while ((p = memmem(p, (size_t)(end - p), word, sizeof(word) - 1))) {
		const char *behind = p + sizeof(word) - 1;

		if (is_directive(source, p) && (behind == end || !is_word_char(*behind)) &&
			!survives(behind, end))
			return true;
		p = behind;
	}
	return false;
}

/* ---- what is known of files ---- */

enum { BUCKETS = 4096 };

struct file {
	struct file *next;
	struct stat st;
	bool loses;
	char path[];
};

struct cc_pragmas {
	struct file *buckets[BUCKETS];
	size_t n;
};

struct cc_pragmas *cc_pragmas_new(void)
{
	return calloc(1, sizeof(struct cc_pragmas));
}

static void forget(struct cc_pragmas *p)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		while (p->buckets[i]) {
			struct file *f = p->buckets[i];

			p->buckets[i] = f->next;
			free(f);
		}
	}
	p->n = 0;
}

void cc_pragmas_free(struct cc_pragmas *p)
{
	if (!p)
		return;
	forget(p);
	free(p);
}

static size_t hash(const char *s)
{
	size_t h = 5381;

	for (; *s; s++)
		h = h * 33 + (unsigned char)*s;
	return h % BUCKETS;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* The entry of path, made if need be. NULL: no memory. */
static struct file *entry_of(struct cc_pragmas *p, const char *path)
{
	size_t h = hash(path);
	struct file *f;

	for (f = p->buckets[h]; f; f = f->next)
		if (str_eq(f->path, path))
			return f;
	if (p->n == CC_PRAGMAS_FILES_MAX)
		forget(p);
	f = calloc(1, sizeof(*f) + strlen(path) + 1);
	if (!f)
		return NULL;
	strcpy(f->path, path);
	f->next = p->buckets[h];
	p->buckets[h] = f;
	p->n++;
	return f;
}

/* What cannot be read counts as losing. */
static int look_into(const char *path, bool *ret_loses)
{
	AUTO(buf_fini) struct buf source = BUF_INIT;
	int r = fs_read_file(path, &source);

	if (r == -ENOMEM)
		return r;
	*ret_loses = r < 0 || cc_source_loses_pragmas(buf_str(&source), source.len);
	return 0;
}

static int check_file(struct cc_pragmas *p, const char *path, bool *ret_loses)
{
	struct file *f;
	struct stat st;
	int r;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode)) {
		*ret_loses = true;
		return 0;
	}
	f = entry_of(p, path);
	if (!f)
		return -ENOMEM;
	if (!same_file(&f->st, &st)) {
		r = look_into(path, &f->loses);
		if (r < 0)
			return r;
		f->st = st;
	}
	*ret_loses = f->loses;
	return 0;
}

/* ---- the files of a text ---- */

struct check {
	struct cc_pragmas *pragmas;
	bool loses;
};

static int check_marker(void *arg, const char *path, bool enters)
{
	struct check *c = arg;
	int r = enters ? check_file(c->pragmas, path, &c->loses) : 0;

	return r == 0 && c->loses ? CC_MARKERS_ENOUGH : r;
}

int cc_pragmas_check(
	struct cc_pragmas *p, const char *text, size_t n, const char *cwd, bool *ret_whole)
{
	struct check c = {.pragmas = p};
	int r = cc_markers_each(text, n, cwd, check_marker, &c);

	if (r >= 0)
		*ret_whole = r == 0 && !c.loses;
	return MIN(r, 0);
}
