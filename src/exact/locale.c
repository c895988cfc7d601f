/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Locale data and message catalogues. A locale's name is LANGUAGE[_TERRITORY][.CODESET][@MODIFIER];
 * the C library looks under that name and under every shorter one, with the codeset also spelled
 * in small letters without punctuation ("utf8"). What is there of all these is taken.
 *
 * Only UTF-8: for another codeset modules of iconv would be loaded.
 */

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/env.h"
#include "base/fs.h"
#include "base/path.h"
#include "exact/inquiry.h"

#define LOCALES "/usr/lib/locale"

enum { CATALOGUE_MAX = 16 << 20 }; /* bytes */

static const char *value_of(char *const *envp, const char *category)
{
	const char *const names[] = {"LC_ALL", category, "LANG"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *value = env_get(envp, names[i]);

		if (value && *value)
			return value;
	}
	return "C";
}

static bool is_plain(const char *name)
{
	return str_eq(name, "C") || str_eq(name, "POSIX");
}

struct name {
	char *language, *territory, *codeset, *normal, *modifier; /* "" where missing */
};

static void name_fini(struct name *n)
{
	free(n->language);
	free(n->territory);
	free(n->codeset);
	free(n->normal);
	free(n->modifier);
}

/* A part with the character that it begins with; *text moves behind it. */
static char *part(const char **text, char first, const char *ends)
{
	const char *start = *text;
	size_t n = 0;

	if (first == '\0' || *start == first)
		n = (first != '\0') + strcspn(start + (first != '\0'), ends);
	*text = start + n;
	return strndup(start, n);
}

static char *normalize(const char *codeset)
{
	char *normal = strdup(codeset);
	size_t n = 0;

	if (!normal)
		return NULL;
	for (const char *c = codeset; *c; c++)
		if (isalnum((unsigned char)*c) || *c == '.')
			normal[n++] = (char)tolower((unsigned char)*c);
	normal[n] = '\0';
	return normal;
}

static int split(const char *text, struct name *ret)
{
	ret->language = part(&text, '\0', "_.@");
	ret->territory = part(&text, '_', ".@");
	ret->codeset = part(&text, '.', "@");
	ret->modifier = part(&text, '@', "");
	ret->normal = ret->codeset ? normalize(ret->codeset) : NULL;
	if (!ret->language || !ret->territory || !ret->modifier || !ret->normal)
		return -ENOMEM;
	return 0;
}

static bool is_utf8(const char *normal)
{
	return str_eq(normal, ".utf8");
}

static int push_new(struct strv *l, const struct name *n, unsigned shape)
{
	const char *const codesets[] = {n->codeset, n->normal, ""};
	AUTO(buf_fini) struct buf b = BUF_INIT;
	int r = buf_printf(&b, "%s%s%s%s", n->language, shape & 1 ? "" : n->territory,
		codesets[(shape >> 2) % ARRAY_SIZE(codesets)], shape & 2 ? "" : n->modifier);

	if (r == 0 && !strv_has(l, b.data))
		r = strv_push(l, b.data);
	return r;
}

/* All names under which one may lie. */
static int variants(const struct name *n, struct strv *ret)
{
	int r = 0;

	for (unsigned shape = 0; r == 0 && shape < 12; shape++)
		r = push_new(ret, n, shape);
	return r;
}

/* From the entry of its head: "Content-Type: text/plain; charset=UTF-8". */
static int check_catalogue(struct inquiry *i, const char *path)
{
	static const char head[] = "charset=";
	AUTO(buf_fini) struct buf b = BUF_INIT_MAX(CATALOGUE_MAX);
	const char *charset;
	int r = fs_read_file(path, &b);

	if (r < 0)
		return r == -ENOMEM ? r : inquiry_unknown(i, "%s cannot be read", path);
	charset = memmem(buf_str(&b), b.len, head, strlen(head));
	if (charset && strncasecmp(charset + strlen(head), "UTF-8\n", strlen("UTF-8\n")) != 0)
		return inquiry_unknown(i, "%s is not in UTF-8", path);
	return 0;
}

/* "gcc-12.mo", "libc.mo": a catalogue of what a compile runs. */
static bool is_catalogue(const char *file)
{
	static const char *const domains[] = {
		"gcc", "cpplib", "gas", "binutils", "bfd", "opcodes", "libc"};
	size_t n = strcspn(file, "-.");

	for (size_t k = 0; str_ends(file, ".mo") && k < ARRAY_SIZE(domains); k++)
		if (strlen(domains[k]) == n && memcmp(file, domains[k], n) == 0)
			return true;
	return false;
}

static int add_catalogues(struct inquiry *i, const char *dir)
{
	AUTO(util_free) char *full = path_join(dir, "LC_MESSAGES");
	DIR *d = full ? opendir(full) : NULL;
	struct dirent *e;
	int r = full ? 0 : -ENOMEM;

	while (d && r == 0 && (e = readdir(d))) {
		AUTO(util_free) char *path = NULL;

		if (!is_catalogue(e->d_name))
			continue;
		path = path_join(full, e->d_name);
		r = path ? check_catalogue(i, path) : -ENOMEM;
		if (r == 0)
			r = inquiry_optional(i, path);
	}
	if (d)
		closedir(d);
	return r;
}

/* Below the system's directories and the compiler's own. */
static int add_messages(struct inquiry *i, const struct strv *names)
{
	AUTO(util_free) char *bin = path_dir(i->driver);
	AUTO(util_free) char *own = bin ? path_join(bin, "../share/locale") : NULL;
	const char *const bases[] = {"/usr/share/locale", "/usr/share/locale-langpack", own};
	int r = own ? 0 : -ENOMEM;

	for (size_t k = 0; r == 0 && k < ARRAY_SIZE(bases) * names->n; k++) {
		AUTO(util_free) char *dir = path_join(bases[k / names->n], names->v[k % names->n]);

		r = dir ? add_catalogues(i, dir) : -ENOMEM;
	}
	return r;
}

static int add_data(struct inquiry *i, const struct strv *names)
{
	int r = inquiry_optional(i, LOCALES "/locale-archive");

	if (r == 0)
		r = inquiry_optional(i, "/usr/share/locale/locale.alias");
	for (size_t k = 0; r == 0 && k < names->n; k++) {
		AUTO(util_free) char *dir = path_join(LOCALES, names->v[k]);

		r = dir ? inquiry_optional_tree(i, dir) : -ENOMEM;
	}
	return r;
}

/* What iconv knows to be there, UTF-8 itself being built in. */
static int add_conversions(struct inquiry *i)
{
	static const char cache[] = "gconv/gconv-modules.cache";
	AUTO(util_free) char *path = i->libc_dir ? path_join(i->libc_dir, cache) : NULL;
	AUTO(util_free) char *usr = path ? path_join("/usr", path + 1) : NULL;
	int r;

	if (!i->libc_dir)
		return 0;
	if (!path || !usr)
		return -ENOMEM;
	r = inquiry_optional(i, path);
	return r == 0 ? inquiry_optional(i, usr) : r;
}

static int names_of(struct inquiry *i, const char *locale, bool message, struct strv *ret)
{
	AUTO(name_fini) struct name n = {.language = NULL};
	int r = split(locale, &n);

	if (r == 0 && strchr(locale, '/'))
		return inquiry_unknown(i, "the locale %s", locale);
	if (r == 0 && !message && !is_utf8(n.normal))
		return inquiry_unknown(i, "the character set of the locale %s", locale);
	return r == 0 ? variants(&n, ret) : r;
}

static int add_category(struct inquiry *i, const char *locale)
{
	AUTO(strv_fini) struct strv names = STRV_INIT;
	int r = names_of(i, locale, false, &names);

	return r == 0 ? add_data(i, &names) : r;
}

/* LANGUAGE is asked before the locale, if there is any. */
static int add_languages(struct inquiry *i, const char *locale)
{
	const char *languages = env_get(i->q->envp, "LANGUAGE");
	AUTO(strv_fini) struct strv names = STRV_INIT;
	AUTO(util_free) char *list = strdup(languages ? languages : "");
	char *save = NULL;
	int r = list ? names_of(i, locale, true, &names) : -ENOMEM;

	for (char *one = r == 0 ? strtok_r(list, ":", &save) : NULL; r == 0 && one;
		one = strtok_r(NULL, ":", &save))
		r = names_of(i, one, true, &names);
	return r == 0 ? add_messages(i, &names) : r;
}

int locale_add(struct inquiry *i)
{
	const char *ctype = value_of(i->q->envp, "LC_CTYPE");
	const char *messages = value_of(i->q->envp, "LC_MESSAGES");
	int r = 0;

	if (!is_plain(ctype)) {
		r = add_category(i, ctype);
		if (r == 0)
			r = add_conversions(i);
	}
	if (r == 0 && !is_plain(messages)) {
		r = add_category(i, messages);
		if (r == 0)
			r = add_languages(i, messages);
	}
	return r;
}
