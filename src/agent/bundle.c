/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/bundle.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/path.h"
#include "reapi/action.h"

enum { NAME_HEX = 16, COMMAND_MEMORY = 16 << 20 };

/* The first error stands, and nothing is done after it. */
struct writer {
	const struct bundle *b;
	struct reapi_command command;
	const char *dir;
	struct buf left_out; /* names of outputs */
	size_t bytes;
	int error;
};

static void write_file(struct writer *w, const char *name, mode_t mode, const struct buf *data)
{
	AUTO(util_free) char *path = path_join(w->dir, name);
	AUTO(util_free) char *above = path ? path_dir(path) : NULL;
	AUTO(util_close) int fd = -1;

	if (w->error < 0)
		return;
	w->error = above ? fs_mkdirs(above, 0700) : -ENOMEM;
	if (w->error < 0)
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	w->error = fd < 0 ? -errno : fs_write_all(fd, buf_str(data), data->len);
}

/* The list of what was read, which nobody but us asked for. */
static bool is_ours(const struct bundle *b, const struct rex_output *o)
{
	return b->action->deps_ours && str_eq(o->path, b->action->deps);
}

/* ---- what is told in words ---- */

/* For a shell: in quotes, and those in it outside of them. */
static int quote(struct buf *b, const char *text)
{
	int r = buf_append_char(b, '\'');

	for (const char *p = text; r == 0 && *p; p++)
		r = *p == '\'' ? buf_append_str(b, "'\\''") : buf_append_char(b, *p);
	return r == 0 ? buf_append_char(b, '\'') : r;
}

static int quote_all(struct buf *b, const char *before, char *const *list, const char *after)
{
	int r = 0;

	for (size_t i = 0; r == 0 && list[i]; i++) {
		r = buf_append_str(b, before);
		if (r == 0)
			r = quote(b, list[i]);
		if (r == 0)
			r = buf_append_str(b, after);
	}
	return r;
}

static int tell_command(const struct writer *w, struct buf *ret)
{
	const struct reapi_command *c = &w->command;
	int r = buf_printf(ret, "directory /%s\n", c->working_directory);

	if (r == 0)
		r = quote_all(ret, "argument ", c->arguments, "\n");
	if (r == 0)
		r = quote_all(ret, "environment ", c->environment, "\n");
	for (size_t i = 0; r == 0 && i < c->n_outputs; i++)
		r = buf_printf(ret, "output %s\n", c->outputs[i].path);
	for (size_t i = 0; r == 0 && i < c->n_properties; i++)
		r = buf_printf(
			ret, "platform %s=%s\n", c->properties[i].name, c->properties[i].value);
	return r;
}

static int tell_inputs(const struct writer *w, struct buf *ret)
{
	const struct exact_action *a = w->b->action;
	int r = 0;

	for (size_t i = 0; r == 0 && i < a->n_blobs; i++) {
		const struct exact_blob *blob = &a->blobs[i];
		char hex[REAPI_HASH_HEX + 1];

		reapi_digest_hex(&blob->digest, hex);
		if (blob->path)
			r = buf_printf(ret, "%s %" PRIu64 " %s\n", hex, (uint64_t)blob->digest.size,
				blob->path);
	}
	return r;
}

static int tell_readme(const struct writer *w, struct buf *ret)
{
	const struct bundle *b = w->b;
	char hex[REAPI_HASH_HEX + 1];
	int r;

	reapi_digest_hex(&b->action->digest, hex);
	r = buf_printf(ret,
		"%s was compiled twice with the same inputs, on %s and here, and differs in\n"
		"%s. Compiled here once more it came out as here.\n\n"
		"compiler   %s\ndirectory  %s\naction     %s/%" PRIu64 "\n"
		"status     there %d, here %d\n\n"
		"\"reproduce\" compiles it again, in its own directory, and compares.\n",
		b->source, b->where, b->difference, b->compiler, b->cwd, hex,
		(uint64_t)b->action->digest.size, b->there->exit_code, b->here->exit_code);
	if (r == 0 && w->left_out.len > 0)
		r = buf_printf(ret, "\nToo large to be kept here:\n%s", buf_str(&w->left_out));
	return r;
}

/* The Command's environment alone, so that it is the same for everybody. */
static int tell_script(const struct writer *w, struct buf *ret)
{
	const struct reapi_command *c = &w->command;
	const struct bundle *b = w->b;
	int r;

	r = buf_append_str(ret,
		"#!/bin/sh\n"
		"# Compiles again in the build's own directory, as the build does, and"
		" compares.\n"
		"bundle=$(cd \"$(dirname \"$0\")\" && pwd)\ncd ");
	if (r == 0)
		r = quote(ret, b->cwd);
	if (r == 0)
		r = buf_append_str(ret, " || exit 2\nenv -i");
	for (size_t i = 0; r == 0 && c->environment[i]; i++) {
		/* Of these we have added one. */
		if (str_starts(c->environment[i], "SUNPRO_DEPENDENCIES="))
			continue;
		r = buf_append_char(ret, ' ');
		if (r == 0)
			r = quote(ret, c->environment[i]);
	}
	if (r == 0)
		r = buf_append_char(ret, ' ');
	if (r == 0)
		r = quote(ret, b->compiler);
	if (r == 0)
		r = quote_all(ret, " ", b->argv, "");
	if (r == 0)
		r = buf_append_str(ret, "\necho \"status $?\"\nfor output in");
	for (size_t i = 0; r == 0 && i < b->here->n_outputs; i++) {
		if (is_ours(b, &b->here->outputs[i]))
			continue;
		r = buf_append_char(ret, ' ');
		if (r == 0)
			r = quote(ret, b->here->outputs[i].path);
	}
	return r < 0 ? r
		     : buf_append_str(ret, "; do\n"
					   "\tfor place in here there; do\n"
					   "\t\tcmp \"$output\" \"$bundle/$place/$output\" &&\n"
					   "\t\t\techo \"$output: as $place\"\n"
					   "\tdone\ndone\n");
}

/* ---- the whole ---- */

static void write_text(struct writer *w, const char *name, mode_t mode,
	int (*tell)(const struct writer *, struct buf *))
{
	AUTO(buf_fini) struct buf text = BUF_INIT;

	if (w->error == 0)
		w->error = tell(w, &text);
	write_file(w, name, mode, &text);
}

static void write_output(struct writer *w, const char *side, const struct rex_output *o)
{
	AUTO(util_free) char *name = NULL;

	if (w->error < 0)
		return;
	if (is_ours(w->b, o))
		return;
	if (o->data.len > BUNDLE_BYTES_MAX - w->bytes) {
		w->error = buf_printf(&w->left_out, "%s/%s\n", side, o->path);
		return;
	}
	w->bytes += o->data.len;
	if (asprintf(&name, "%s/%s", side, o->path) < 0) {
		name = NULL;
		w->error = -ENOMEM;
	}
	if (name)
		write_file(w, name, 0600, &o->data);
}

static void write_side(struct writer *w, const char *side, const struct rex_result *r)
{
	const struct {
		const char *name;
		const struct buf *text;
	} said[] = {{"stdout", &r->out}, {"stderr", &r->err}};

	for (size_t i = 0; i < ARRAY_SIZE(said); i++) {
		char name[32];

		snprintf(name, sizeof(name), "%s.%s", side, said[i].name);
		write_file(w, name, 0600, said[i].text);
	}
	for (size_t i = 0; i < r->n_outputs; i++)
		write_output(w, side, &r->outputs[i]);
}

static int write_all(const struct bundle *b, const char *dir)
{
	AUTO(reapi_arena_fini) struct reapi_arena arena;
	const struct buf *command = &b->action->command;
	struct writer w = {.b = b, .dir = dir};
	int r;

	reapi_arena_init(&arena, COMMAND_MEMORY);
	r = reapi_command_parse(&arena, buf_str(command), command->len, &w.command, NULL);
	if (r != 0)
		return r < 0 ? r : -EBADMSG;
	write_text(&w, "command", 0600, tell_command);
	write_text(&w, "inputs", 0600, tell_inputs);
	write_text(&w, "reproduce", 0700, tell_script);
	write_side(&w, "here", b->here);
	write_side(&w, "there", b->there);
	/* The last one: it says what was left out. */
	write_text(&w, "README", 0600, tell_readme);
	buf_fini(&w.left_out);
	return w.error;
}

static size_t count(const char *place)
{
	DIR *d = opendir(place);
	size_t n = 0;

	if (!d)
		return 0;
	for (struct dirent *e = readdir(d); e; e = readdir(d))
		n += *e->d_name != '.';
	closedir(d);
	return n;
}

int bundle_write(const char *place, const struct bundle *b, char **ret)
{
	AUTO(util_free) char *dir = NULL;
	char hex[REAPI_HASH_HEX + 1];
	int r;

	reapi_digest_hex(&b->action->digest, hex);
	if (asprintf(&dir, "%s/%.*s", place, NAME_HEX, hex) < 0) {
		dir = NULL;
		return -ENOMEM;
	}
	if (access(dir, F_OK) < 0) {
		if (count(place) >= BUNDLES_MAX)
			return BUNDLE_FULL;
		r = fs_mkdirs(dir, 0700);
		if (r == 0)
			r = write_all(b, dir);
		if (r < 0) {
			/* What is left of it is of no use. */
			(void)!fs_remove_tree(dir);
			return r;
		}
	}
	*ret = TAKE_PTR(dir);
	return 0;
}
