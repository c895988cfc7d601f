/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Runs of a rex, by lines on stdin: rex-tool PORT [IO_MS [HOST [OPTION...]]], where OPTION is tls, cache, prove,
 * ca=FILE, cert=FILE, key=FILE, token=FILE or instance=NAME. What describes the next run:
 *
 *	arg WORD          of its command line
 *	file PATH FROM    an input from a file, whose digest is made now
 *	text PATH WORDS   an input from memory
 *	output PATH
 *	timeout MS
 *	no-cache          do_not_cache
 *	skip              skip_cache_lookup
 *	repeat N          it is run so many times more, each from inside the last one's done
 *
 *	lookup            it is only looked up in the action cache
 *	store PATH WORDS  its result with this output is put into the action cache
 *
 * and what is done with it:
 *
 *	run ID            start it, as a number
 *	cancel ID         one that has not ended
 *	sync              say {"sync": true}, when all lines before it have been done
 *	end               free the rex from inside the done of what is the last to end
 *
 * For each run that has ended a line of JSON. At the end of stdin what is left is cancelled.
 */

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/rex_record.h"
#include "reapi/action.h"
#include "reapi/tree.h"

enum { INPUTS_MAX = 8192, ARGS_MAX = 64, JOBS_MAX = 256, SHOWN_MAX = 4096 };

struct job {
	unsigned long id;
	struct rex_run *run;
	struct reapi_tree *tree;
	char *args[ARGS_MAX + 1];
	size_t n_args;
	struct rex_blob inputs[INPUTS_MAX];
	size_t n_inputs;
	char *outputs[REX_OUTPUTS_MAX];
	size_t n_outputs;
	struct buf command, action;
	uint64_t timeout_ms;
	bool no_cache, skip;
	unsigned long repeat;
	struct rex_params params;
	struct rex_blob *blobs;
	enum rex_kind kind;
	struct rex_output kept; /* REX_STORE */
	struct rex_record record;
};

static struct {
	uv_loop_t loop;
	uv_pipe_t in;
	struct rex *rex;
	struct job *next;
	struct job *jobs[JOBS_MAX];
	size_t n_jobs;
	bool ending;
	struct buf line;
	char chunk[4096];
} tool;

static void *must(void *p)
{
	if (!p)
		abort();
	return p;
}

static void die(const char *what)
{
	fprintf(stderr, "rex-tool: %s\n", what);
	exit(2);
}

/* --- jobs --- */

static struct job *next_job(void)
{
	if (!tool.next) {
		tool.next = must(calloc(1, sizeof(*tool.next)));
		if (reapi_tree_new(&tool.next->tree) != 0)
			abort();
	}
	return tool.next;
}

static void job_free(struct job *j)
{
	for (size_t i = 0; i < j->n_args; i++)
		free(j->args[i]);
	for (size_t i = 0; i < j->n_outputs; i++)
		free(j->outputs[i]);
	for (size_t i = 0; i < j->n_inputs; i++) {
		free((void *)j->inputs[i].data);
		free((void *)j->inputs[i].path);
	}
	reapi_tree_free(j->tree);
	buf_fini(&j->command);
	buf_fini(&j->action);
	free(j->blobs);
	free(j->kept.path);
	buf_fini(&j->kept.data);
	free(j);
}

static struct job **find(unsigned long id)
{
	for (size_t i = 0; i < JOBS_MAX; i++)
		if (tool.jobs[i] && tool.jobs[i]->id == id)
			return &tool.jobs[i];
	return NULL;
}

static void add_input(struct job *j, const char *path)
{
	if (reapi_tree_add_file(j->tree, path, &j->inputs[j->n_inputs].digest, false, NULL, NULL) !=
		0)
		die(path);
	if (++j->n_inputs == INPUTS_MAX)
		die("too many inputs");
}

static void add_text(struct job *j, const char *path, const char *text)
{
	struct rex_blob *b = &j->inputs[j->n_inputs];

	b->data = must(strdup(text));
	if (reapi_digest_of(text, strlen(text), &b->digest) < 0)
		abort();
	add_input(j, path);
}

static void add_file(struct job *j, const char *path, const char *from)
{
	struct rex_blob *b = &j->inputs[j->n_inputs];
	struct reapi_hasher h;
	static char piece[1 << 16];
	FILE *f = fopen(from, "re");
	size_t n;

	if (!f || reapi_hasher_init(&h) < 0)
		die(from);
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
		if (reapi_hasher_update(&h, piece, n) < 0)
			abort();
	fclose(f);
	if (reapi_hasher_finish(&h, &b->digest) < 0)
		abort();
	reapi_hasher_fini(&h);
	b->path = must(strdup(from));
	add_input(j, path);
}

/* --- what came of them --- */

static void print_bytes(const char *name, const struct buf *b)
{
	printf(", \"%s_size\": %zu, \"%s\": \"", name, b->len, name);
	for (size_t i = 0; i < MIN(b->len, (size_t)SHOWN_MAX); i++)
		printf("%02x", (unsigned char)b->data[i]);
	putchar('"');
}

static void print_outputs(const struct rex_result *r)
{
	printf(", \"outputs\": {");
	for (size_t i = 0; i < r->n_outputs; i++) {
		const struct rex_output *o = &r->outputs[i];
		struct reapi_digest d;
		char hex[REAPI_HASH_HEX + 1];

		if (reapi_digest_of(buf_str(&o->data), o->data.len, &d) < 0)
			abort();
		reapi_digest_hex(&d, hex);
		printf("%s\"%s\": [%zu, \"%s\", %s]", i ? ", " : "", o->path, o->data.len, hex,
			o->executable ? "true" : "false");
	}
	printf("}");
}

static void print_detail(const char *s)
{
	printf(", \"detail\": \"");
	for (; *s; s++)
		printf("%s%c", *s == '"' || *s == '\\' ? "\\" : "", *s);
	putchar('"');
}

static void finish(void);

static void on_done(void *data, struct rex_result *r)
{
	struct job *j = data, **at;

	if (j->repeat > 0 && r->outcome == REX_DONE) {
		j->repeat--;
		if (rex_start(tool.rex, &j->params, on_done, j, &j->run) < 0)
			die("not started");
		return;
	}
	printf("{\"id\": %lu, \"outcome\": \"%s\", \"address\": \"%s\", \"cached\": %s, "
	       "\"exit_code\": %d, \"up\": %ju, \"down\": %ju, \"queued_ms\": %ju, \"run_ms\": "
	       "%ju",
		j->id, rex_outcome_name(r->outcome), r->address, r->cached ? "true" : "false",
		r->exit_code, (uintmax_t)r->bytes_up, (uintmax_t)r->bytes_down,
		(uintmax_t)r->queued_ms, (uintmax_t)r->run_ms);
	print_detail(r->detail);
	print_bytes("stdout", &r->out);
	print_bytes("stderr", &r->err);
	print_outputs(r);
	printf("}\n");
	at = find(j->id);
	assert(at);
	*at = NULL;
	job_free(j);
	if (--tool.n_jobs == 0 && tool.ending)
		finish();
}

/* --- starting them --- */

static void make_command(struct job *j, struct reapi_digest *ret)
{
	struct reapi_output outputs[REX_OUTPUTS_MAX];
	char path[] = "PATH=/usr/bin:/bin";
	char *environment[] = {path, NULL};
	const struct reapi_command_spec spec = {
		.arguments = j->args,
		.environment = environment,
		.outputs = outputs,
		.n_outputs = j->n_outputs,
		.outputs_as = REAPI_OUTPUTS_BOTH,
	};

	for (size_t i = 0; i < j->n_outputs; i++)
		outputs[i] =
			(struct reapi_output){.kind = REAPI_OUTPUT_FILE, .path = j->outputs[i]};
	if (reapi_command_make(&spec, &j->command, ret, NULL) != 0)
		die("no command");
}

/* What is put into the cache: an output, and something said. */
static void make_record(struct job *j, struct rex_params *p)
{
	static char said[] = "kept\n";
	struct rex_result result = {
		.outputs = &j->kept, .n_outputs = 1, .out = {.data = said, .len = 5}};

	if (rex_record_make(&result, &j->record) < 0)
		die("no record");
	p->record = &j->record;
	p->blobs = j->record.blobs;
	p->n_blobs = j->record.n_blobs;
}

static void start(struct job *j)
{
	struct reapi_action_spec spec = {.timeout_ms = j->timeout_ms, .do_not_cache = j->no_cache};
	const struct reapi_tree_blob *directories;
	struct rex_params p = {.outputs = (const char *const *)j->outputs,
		.n_outputs = j->n_outputs,
		.skip_cache = j->skip};
	size_t n, at = 0;

	if (reapi_tree_finish(j->tree, NULL) != 0)
		die("no tree");
	make_command(j, &spec.command);
	spec.input_root = *reapi_tree_root(j->tree);
	if (reapi_action_make(&spec, &j->action, &p.action, NULL) != 0)
		die("no action");
	directories = reapi_tree_blobs(j->tree, &n);
	j->blobs = must(calloc(n + j->n_inputs + 2, sizeof(*j->blobs)));
	for (size_t i = 0; i < n; i++)
		j->blobs[at++] = (struct rex_blob){
			.digest = directories[i].digest, .data = directories[i].data};
	for (size_t i = 0; i < j->n_inputs; i++)
		j->blobs[at++] = j->inputs[i];
	j->blobs[at++] = (struct rex_blob){.digest = spec.command, .data = j->command.data};
	j->blobs[at++] = (struct rex_blob){.digest = p.action, .data = j->action.data};
	p.blobs = j->blobs;
	p.n_blobs = at;
	p.kind = j->kind;
	if (p.kind == REX_STORE)
		make_record(j, &p);
	j->params = p;
	if (rex_start(tool.rex, &p, on_done, j, &j->run) < 0)
		die("not started");
	tool.n_jobs++;
}

static void run_next(unsigned long id)
{
	struct job *j = next_job();

	for (size_t i = 0; i < JOBS_MAX; i++) {
		if (tool.jobs[i])
			continue;
		tool.next = NULL;
		tool.jobs[i] = j;
		j->id = id;
		start(j);
		return;
	}
	die("too many jobs");
}

static void cancel(struct job **j)
{
	rex_cancel((*j)->run);
	job_free(*j);
	*j = NULL;
	tool.n_jobs--;
}

/* --- lines --- */

static void on_handle_closed(uv_handle_t *h)
{
}

static void finish(void)
{
	for (size_t i = 0; i < JOBS_MAX; i++)
		if (tool.jobs[i])
			cancel(&tool.jobs[i]);
	if (tool.next)
		job_free(tool.next);
	rex_free(tool.rex);
	uv_close((uv_handle_t *)&tool.in, on_handle_closed);
}

static void do_line(char *line)
{
	char *word = strsep(&line, " "), *rest = line ? line : (char *)"";
	struct job *j = next_job();

	if (str_eq(word, "arg") && j->n_args < ARGS_MAX) {
		j->args[j->n_args++] = must(strdup(rest));
	} else if (str_eq(word, "output") && j->n_outputs < REX_OUTPUTS_MAX) {
		j->outputs[j->n_outputs++] = must(strdup(rest));
	} else if (str_eq(word, "file")) {
		char *path = strsep(&rest, " ");

		add_file(j, path, rest ? rest : "");
	} else if (str_eq(word, "text")) {
		char *path = strsep(&rest, " ");

		add_text(j, path, rest ? rest : "");
	} else if (str_eq(word, "timeout")) {
		j->timeout_ms = strtoul(rest, NULL, 10);
	} else if (str_eq(word, "no-cache")) {
		j->no_cache = true;
	} else if (str_eq(word, "skip")) {
		j->skip = true;
	} else if (str_eq(word, "lookup")) {
		j->kind = REX_LOOKUP;
	} else if (str_eq(word, "store")) {
		j->kind = REX_STORE;
		j->kept.path = must(strdup(strsep(&rest, " ")));
		if (buf_append_str(&j->kept.data, rest ? rest : "") < 0)
			abort();
	} else if (str_eq(word, "repeat")) {
		j->repeat = strtoul(rest, NULL, 10);
	} else if (str_eq(word, "end")) {
		tool.ending = true;
	} else if (str_eq(word, "run")) {
		run_next(strtoul(rest, NULL, 10));
	} else if (str_eq(word, "cancel")) {
		struct job **found = find(strtoul(rest, NULL, 10));

		if (found)
			cancel(found);
	} else if (str_eq(word, "sync")) {
		printf("{\"sync\": true}\n");
	} else {
		die(word);
	}
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
	*buf = uv_buf_init(tool.chunk, sizeof(tool.chunk));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	char *end;

	if (n < 0) {
		finish();
		return;
	}
	if (buf_append(&tool.line, buf->base, (size_t)n) < 0)
		abort();
	while (tool.line.len > 0 && (end = memchr(tool.line.data, '\n', tool.line.len))) {
		*end = '\0';
		do_line(tool.line.data);
		buf_consume(&tool.line, (size_t)(end - tool.line.data) + 1);
	}
}

static void read_option(char *option, struct rex_options *o)
{
	char *word = strsep(&option, "=");
	const struct {
		const char *word;
		const char **to;
	} files[] = {{"ca", &o->files.ca}, {"cert", &o->files.cert}, {"key", &o->files.key},
		{"token", &o->files.token}, {"instance", &o->instance}};

	const struct {
		const char *word;
		bool *flag;
	} flags[] = {{"tls", &o->tls}, {"cache", &o->cache_only}, {"prove", &o->prove_root}};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		if (str_eq(word, flags[i].word)) {
			*flags[i].flag = true;
			return;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (str_eq(word, files[i].word)) {
			*files[i].to = option;
			return;
		}
	}
	die(word);
}

int main(int argc, char **argv)
{
	struct rex_options o = {
		.host = argc > 3 ? argv[3] : "127.0.0.1",
		.port = argc > 1 ? (uint16_t)atoi(argv[1]) : 0,
		.instance = "",
		.resolve_ms = 10000,
		.connect_ms = 2000,
		.io_ms = argc > 2 ? strtoul(argv[2], NULL, 10) : 60000,
	};

	for (int i = 4; i < argc; i++)
		read_option(argv[i], &o);
	setvbuf(stdout, NULL, _IOLBF, 0);
	uv_loop_init(&tool.loop);
	if (rex_new(&tool.loop, &o, &tool.rex) < 0)
		die("no rex");
	uv_pipe_init(&tool.loop, &tool.in, 0);
	if (uv_pipe_open(&tool.in, STDIN_FILENO) < 0 ||
		uv_read_start((uv_stream_t *)&tool.in, on_alloc, on_read) < 0)
		die("no stdin");
	uv_run(&tool.loop, UV_RUN_DEFAULT);
	buf_fini(&tool.line);
	dial_cache_clear();
	return uv_loop_close(&tool.loop) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
