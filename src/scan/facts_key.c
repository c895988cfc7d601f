/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/path.h"
#include "cc/specs.h"
#include "scan/facts_run.h"
#include "scan/facts_store.h"
#include "scan/plan.h"

/*
 * The key of a compiler's facts: words separated by blanks, each NAME=VALUE with what is not
 * printable in VALUE written as %XX:
 *
 *	questions=2 family=gcc language=c
 *	compiler=/usr/bin/gcc file=DEV:INO:SIZE:MTIME:CTIME
 *	program=/usr/lib/gcc/x86_64-linux-gnu/12/cc1 file=…	gcc: what does the work
 *	cpu=…							where -march=native is said
 *	specs=… file=…						where -specs= names them
 *	plugin=… file=…						where -fplugin= does
 *	cwd=…							where it matters
 *	lists=compiler						where the search lists are asked for
 *	env=… … arg=… …
 *
 * A change in what is asked, or how an answer is read, is a change of FACTS_QUESTIONS.
 */

enum { FACTS_QUESTIONS = 2, CPUINFO_MAX = 1 << 20 };

static bool is_plain(unsigned char c)
{
	return isgraph(c) && c != '%';
}

static int add(struct buf *key, const char *name, const char *value)
{
	int r = key->len ? buf_append_char(key, ' ') : 0;

	if (r == 0)
		r = buf_append_str(key, name);
	if (r == 0)
		r = buf_append_char(key, '=');
	while (r == 0 && *value) {
		size_t n = 0;

		while (is_plain((unsigned char)value[n]))
			n++;
		r = n > 0 ? buf_append(key, value, n)
			  : buf_printf(key, "%%%02x", (unsigned char)*value);
		value += n > 0 ? n : 1;
	}
	return r;
}

static int add_all(struct buf *key, const char *name, const struct strv *values)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < values->n; i++)
		r = add(key, name, values->v[i]);
	return r;
}

/* 1: it cannot be looked at. */
static int add_file(struct buf *key, const char *name, const char *path)
{
	struct stat st;
	int r;

	if (stat(path, &st) < 0)
		return 1;
	r = add(key, name, path);
	if (r < 0)
		return r;
	return buf_printf(key, " file=%llx:%llx:%lld:%lld.%09ld:%lld.%09ld",
		(unsigned long long)st.st_dev, (unsigned long long)st.st_ino, (long long)st.st_size,
		(long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec, (long long)st.st_ctim.tv_sec,
		st.st_ctim.tv_nsec);
}

/* Which program the gcc driver runs for a language. */
static const char *program_of(enum cc_language language)
{
	switch (language) {
	case CC_LANGUAGE_CXX:
		return "cc1plus";
	case CC_LANGUAGE_OBJC:
		return "cc1obj";
	case CC_LANGUAGE_OBJCXX:
		return "cc1objplus";
	default:
		return "cc1";
	}
}

/* The one line of the driver's answer that begins like that, without its beginning. */
static int ask_line(struct scan_facts_store *s, const struct scan_plan *plan,
	const struct strv *args, const char *beginning, char **ret, char **ret_reason)
{
	AUTO(facts_reply_fini) struct facts_reply reply = FACTS_REPLY_INIT;
	const char *text, *end;
	int r;

	s->stats.runs++;
	r = facts_run(plan, args, "", 0, &reply);
	if (r == -ENOMEM)
		return r;
	if (r < 0 || reply.status != 0)
		return facts_unknown(plan, ret_reason, "it does not run");
	text = strstr(buf_str(&reply.out), beginning);
	text = text ? text + strlen(beginning) : NULL;
	end = text ? strchr(text, '\n') : NULL;
	if (!end || end == text || (!*beginning && end[1]))
		return facts_unknown(plan, ret_reason, "it does not say where its files are");
	*ret = strndup(text, (size_t)(end - text));
	return *ret ? 0 : -ENOMEM;
}

/* Ask the driver where it has its program; *ret is absolute. */
static int ask_program(
	struct scan_facts_store *s, const struct scan_plan *plan, char **ret, char **ret_reason)
{
	AUTO(strv_fini) struct strv args = STRV_INIT;
	AUTO(util_free) char *said = NULL;
	int r = strv_pushf(&args, "-print-prog-name=%s", program_of(plan->language));

	if (r == 0)
		r = ask_line(s, plan, &args, "", &said, ret_reason);
	if (r == 0 && *said != '/')
		return facts_unknown(plan, ret_reason, "it has no %s", program_of(plan->language));
	if (r == 0)
		*ret = TAKE_PTR(said);
	return r;
}

/* Remembered by what the key says of the driver and the environment. */
static int add_program(struct scan_facts_store *s, const struct scan_plan *plan, struct buf *key,
	char **ret_reason)
{
	AUTO(buf_fini) struct buf id = BUF_INIT;
	struct facts_slot *slot;
	int r = buf_printf(&id, "%s %s", program_of(plan->language), buf_str(key));

	if (r == 0)
		r = add_all(&id, "env", &plan->key_env);
	if (r == 0)
		r = facts_map_put(&s->programs, id.data, id.len, &slot);
	if (r == 0 && !slot->pointer) {
		char *path = NULL;

		r = ask_program(s, plan, &path, ret_reason);
		if (r == 0)
			slot->pointer = path;
	}
	if (r != 0)
		return r;
	r = add_file(key, "program", slot->pointer);
	return r == 1 ? facts_unknown(plan, ret_reason, "its %s is gone", (char *)slot->pointer)
		      : r;
}

struct specs_call {
	struct scan_facts_store *s;
	const struct scan_plan *plan;
	const struct buf *key;
	char **ret_reason;
};

/* The driver's answer to a question about specs, remembered under what, the question and the key. */
static int ask_of_specs(const struct specs_call *c, const char *what, const char *question,
	const char *line, const char **ret)
{
	AUTO(buf_fini) struct buf id = BUF_INIT;
	AUTO(strv_fini) struct strv args = STRV_INIT;
	struct facts_slot *slot;
	int r = buf_printf(&id, "%s %s %s", what, question, buf_str(c->key));

	if (r == 0)
		r = add_all(&id, "env", &c->plan->key_env);
	if (r == 0)
		r = add_all(&id, "arg", &c->plan->key_args);
	if (r == 0)
		r = facts_map_put(&c->s->programs, id.data, id.len, &slot);
	if (r == 0 && !slot->pointer) {
		char *said = NULL;

		r = cc_specs_question(&c->plan->key_args, &args);
		if (r == 0)
			r = strv_push(&args, question);
		if (r == 0)
			r = ask_line(c->s, c->plan, &args, line, &said, c->ret_reason);
		if (r == 0)
			slot->pointer = said;
	}
	if (r == 0)
		*ret = slot->pointer;
	return r;
}

/* In which of the directories where it is looked for there is one of that name: "0100…". */
static int look_for(const char *dirs, const char *cwd, const char *name, struct buf *ret)
{
	AUTO(util_free) char *list = strdup(dirs);
	char *save = NULL;
	int r = list ? 0 : -ENOMEM;

	for (char *dir = list ? strtok_r(list, ":", &save) : NULL; r == 0 && dir;
		dir = strtok_r(NULL, ":", &save)) {
		AUTO(util_free) char *in = path_join(dir, name);
		AUTO(util_free) char *path = in ? path_join(cwd, in) : NULL;

		r = path ? buf_append_char(ret, access(path, R_OK) == 0 ? '1' : '0') : -ENOMEM;
	}
	return r;
}

/*
 * Where the driver finds a file of specs: what it says, or else the name from where we are. What it
 * said holds as long as the same directories of its search have one of that name.
 */
static int find_specs(void *arg, const char *name, char **ret)
{
	static const char libraries[] = "libraries: =";
	const struct specs_call *c = arg;
	AUTO(buf_fini) struct buf where = BUF_INIT;
	AUTO(buf_fini) struct buf question = BUF_INIT;
	const char *dirs, *said;
	int r = ask_of_specs(c, "directories", "-print-search-dirs", libraries, &dirs);

	if (r == 0)
		r = buf_append_str(&where, "specs ");
	if (r == 0)
		r = look_for(dirs, c->plan->cwd, name, &where);
	if (r == 0)
		r = buf_printf(&question, "-print-file-name=%s", name);
	if (r == 0)
		r = ask_of_specs(c, buf_str(&where), question.data, "", &said);
	if (r != 0)
		return r;
	*ret = path_join(c->plan->cwd, said);
	return *ret ? 0 : -ENOMEM;
}

static int add_specs(struct scan_facts_store *s, const struct scan_plan *plan, struct buf *key,
	char **ret_reason)
{
	AUTO(strv_fini) struct strv paths = STRV_INIT;
	struct specs_call c = {.s = s, .plan = plan, .key = key, .ret_reason = ret_reason};
	int r = cc_specs_read(&plan->specs, find_specs, &c, &paths, ret_reason);

	for (size_t i = 0; r == 0 && i < paths.n; i++)
		r = add_file(key, "specs", paths.v[i]);
	return r == 1 && !*ret_reason ? facts_unknown(plan, ret_reason, "its specs are gone") : r;
}

static int add_plugin(
	const struct scan_plan *plan, const char *name, struct buf *key, char **ret_reason)
{
	AUTO(util_free) char *path = path_join(plan->cwd, name);
	int r = path ? add_file(key, "plugin", path) : -ENOMEM;

	return r == 1 ? facts_unknown(plan, ret_reason, "there is no %s", path) : r;
}

/* What /proc/cpuinfo says of the first processor that does not change from moment to moment. */
static int add_cpu(struct buf *key)
{
	static const char *const lines[] = {"vendor_id", "cpu family", "model", "stepping", "flags",
		"CPU implementer", "CPU variant", "CPU part", "CPU revision", "Features",
		"cache size"};
	AUTO(buf_fini) struct buf info = BUF_INIT_MAX(CPUINFO_MAX);
	char *save = NULL;
	unsigned first = 0;
	int r = fs_read_file("/proc/cpuinfo", &info);

	if (r == -ENOMEM)
		return r;
	if (r < 0 || !info.data)
		return add(key, "cpu", "");
	for (char *line = strtok_r(info.data, "\n", &save); r == 0 && line;
		line = strtok_r(NULL, "\n", &save)) {
		if (str_starts(line, "processor") && first++)
			break;
		for (size_t i = 0; r == 0 && i < ARRAY_SIZE(lines); i++)
			if (str_starts(line, lines[i]))
				r = add(key, "cpu", line);
	}
	return r;
}

static int build(struct scan_facts_store *s, const struct scan_plan *plan, struct buf *key,
	char **ret_reason)
{
	int r = buf_printf(key, "questions=%d family=%s", FACTS_QUESTIONS,
		plan->family == CC_FAMILY_CLANG ? "clang" : "gcc");

	if (r == 0)
		r = add_file(key, "compiler", plan->compiler);
	if (r == 1)
		return facts_unknown(plan, ret_reason, "it is not there");
	if (r == 0 && plan->family == CC_FAMILY_GCC)
		r = add_program(s, plan, key, ret_reason);
	if (r == 0)
		r = add(key, "language", cc_language_word(plan->language));
	if (r == 0 && plan->native)
		r = add_cpu(key);
	if (r == 0 && plan->specs.n > 0)
		r = add_specs(s, plan, key, ret_reason);
	for (size_t i = 0; r == 0 && i < plan->plugins.n; i++)
		r = add_plugin(plan, plan->plugins.v[i], key, ret_reason);
	if (r == 0 && (plan->cwd_matters || plan->search_by_compiler))
		r = add(key, "cwd", plan->cwd);
	if (r == 0 && plan->search_by_compiler)
		r = add(key, "lists", "compiler");
	if (r == 0)
		r = add_all(key, "env", &plan->key_env);
	if (r == 0)
		r = add_all(key, "arg",
			plan->search_by_compiler ? &plan->search_args : &plan->key_args);
	return r;
}

int facts_key(
	struct scan_facts_store *s, const struct scan_plan *plan, char **ret, char **ret_reason)
{
	AUTO(buf_fini) struct buf key = BUF_INIT;
	int r = build(s, plan, &key, ret_reason);

	if (r == 0)
		*ret = buf_take(&key);
	return r == -E2BIG ? -ENOMEM : r;
}
