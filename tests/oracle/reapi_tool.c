/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "reapi/action.h"
#include "reapi/message.h"
#include "reapi/plan.h"
#include "reapi/status.h"
#include "reapi/tree.h"

/*
 * For the oracle tests, from standard input to standard output:
 *
 *	reapi-tool tree      lines of fields parted by tabs: "file PATH HASH SIZE X MTIME MODE",
 *	                     "link PATH TARGET MTIME MODE", "dir PATH MTIME MODE"; MTIME is "S.NS" and
 *	                     MODE octal, "-" for none. Prints the digest of each Directory, the root's
 *	                     last, and then that of the Tree message.
 *	reapi-tool command   lines "arg TEXT", "env NAME=VALUE", "cwd PATH", "file PATH",
 *	                     "directory PATH", "any PATH", "property NAME VALUE", "wish NAME", "as N".
 *	                     Prints the digest, and that of an Action with it.
 *	reapi-tool pack      "TYPE SIZE\n" and a message, again and again; each is unpacked, and
 *	                     packed and printed the same way
 *	reapi-tool plan      a Tree message; prints "KIND PATH" of each entry
 *	reapi-tool missing HASH SIZE …   prints the status for these missing blobs, packed
 */

static void die(const char *what)
{
	fprintf(stderr, "reapi-tool: %s\n", what);
	exit(1);
}

static void print_digest(const struct reapi_digest *d)
{
	char hex[REAPI_HASH_HEX + 1];

	reapi_digest_hex(d, hex);
	printf("%s %" PRIu64 "\n", hex, d->size);
}

/* The fields of a line, "" where there are no more. */
static void cut(char *line, char *ret[8])
{
	line[strcspn(line, "\n")] = '\0';
	for (int i = 0; i < 8; i++) {
		ret[i] = line;
		line += strcspn(line, "\t");
		if (*line)
			*line++ = '\0';
	}
}

static struct reapi_props props(const char *mtime, const char *mode)
{
	struct reapi_props p = {.has_mode = false};
	long long s;
	unsigned ns;

	if (sscanf(mtime, "%lld.%u", &s, &ns) == 2) {
		p.has_mtime = true;
		p.mtime_s = s;
		p.mtime_ns = ns;
	}
	if (*mode && !str_eq(mode, "-")) {
		p.has_mode = true;
		p.mode = (uint32_t)strtoul(mode, NULL, 8);
	}
	return p;
}

static struct reapi_digest digest(const char *hash, const char *size)
{
	struct reapi_digest d;

	if (reapi_digest_parse(hash, strlen(hash), strtoll(size, NULL, 10), &d, NULL) != 0)
		die("no digest");
	return d;
}

static int add(struct reapi_tree *t, char *f[8], struct reapi_violation *v)
{
	if (str_eq(f[0], "file")) {
		struct reapi_digest d = digest(f[2], f[3]);
		struct reapi_props p = props(f[5], f[6]);

		return reapi_tree_add_file(t, f[1], &d, str_eq(f[4], "x"), &p, v);
	}
	if (str_eq(f[0], "link")) {
		struct reapi_props p = props(f[3], f[4]);

		return reapi_tree_add_symlink(t, f[1], f[2], &p, v);
	}
	struct reapi_props p = props(f[2], f[3]);

	return reapi_tree_add_directory(t, f[1], &p, v);
}

static int tree(void)
{
	AUTO(buf_fini) struct buf message = BUF_INIT;
	AUTO(util_free) char *line = NULL;
	const struct reapi_tree_blob *blobs;
	struct reapi_violation v = {.text = ""};
	struct reapi_digest d;
	struct reapi_tree *t;
	size_t cap = 0, n;

	if (reapi_tree_new(&t) < 0)
		return 1;
	while (getline(&line, &cap, stdin) > 0) {
		char *f[8];

		cut(line, f);
		if (add(t, f, &v) != 0)
			die(v.text);
	}
	if (reapi_tree_finish(t, &v) != 0 || reapi_tree_message(t, &message) < 0 ||
		reapi_digest_of(message.data, message.len, &d) < 0)
		die(v.text);
	blobs = reapi_tree_blobs(t, &n);
	for (size_t i = 0; i < n; i++)
		print_digest(&blobs[i].digest);
	print_digest(&d);
	reapi_tree_free(t);
	return 0;
}

enum { LIST_MAX = 1000 };

struct words {
	struct strv arguments, environment, wishes, paths, names, values;
	enum reapi_output_kind kinds[LIST_MAX];
	enum reapi_outputs_as as;
	char *cwd;
};

static int take(struct words *w, char *f[8])
{
	static const char *const kinds[] = {[REAPI_OUTPUT_ANY] = "any",
		[REAPI_OUTPUT_FILE] = "file",
		[REAPI_OUTPUT_DIRECTORY] = "directory"};
	int r = 0;

	if (str_eq(f[0], "arg"))
		return strv_push(&w->arguments, f[1]);
	if (str_eq(f[0], "env"))
		return strv_push(&w->environment, f[1]);
	if (str_eq(f[0], "wish"))
		return strv_push(&w->wishes, f[1]);
	if (str_eq(f[0], "as"))
		w->as = (enum reapi_outputs_as)atoi(f[1]);
	if (str_eq(f[0], "cwd"))
		w->cwd = strdup(f[1]);
	if (str_eq(f[0], "property")) {
		r = strv_push(&w->names, f[1]);
		return r == 0 ? strv_push(&w->values, f[2]) : r;
	}
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (str_eq(f[0], kinds[i]) && w->paths.n < LIST_MAX) {
			w->kinds[w->paths.n] = (enum reapi_output_kind)i;
			r = strv_push(&w->paths, f[1]);
		}
	return r;
}

static void words_fini(struct words *w)
{
	strv_fini(&w->arguments);
	strv_fini(&w->environment);
	strv_fini(&w->wishes);
	strv_fini(&w->paths);
	strv_fini(&w->names);
	strv_fini(&w->values);
	free(w->cwd);
}

static int command(void)
{
	static struct reapi_output outputs[LIST_MAX];
	static struct reapi_property properties[LIST_MAX];
	AUTO(words_fini) struct words w = {.as = REAPI_OUTPUTS_BOTH};
	AUTO(buf_fini) struct buf b = BUF_INIT;
	AUTO(util_free) char *line = NULL;
	struct reapi_violation v = {.text = ""};
	struct reapi_command_spec spec;
	struct reapi_action_spec action = {
		.input_root = reapi_digest_empty, .timeout_ms = 61001, .do_not_cache = true};
	struct reapi_digest d;
	size_t cap = 0;

	while (getline(&line, &cap, stdin) > 0) {
		char *f[8];

		cut(line, f);
		if (take(&w, f) < 0)
			return 1;
	}
	for (size_t i = 0; i < w.paths.n; i++)
		outputs[i] = (struct reapi_output){w.kinds[i], w.paths.v[i]};
	for (size_t i = 0; i < w.names.n && i < LIST_MAX; i++)
		properties[i] = (struct reapi_property){w.names.v[i], w.values.v[i]};
	spec = (struct reapi_command_spec){.arguments = strv_argv(&w.arguments),
		.environment = strv_argv(&w.environment),
		.working_directory = w.cwd,
		.outputs = outputs,
		.n_outputs = w.paths.n,
		.properties = properties,
		.n_properties = w.names.n,
		.node_properties = strv_argv(&w.wishes),
		.outputs_as = w.as};
	if (reapi_command_make(&spec, &b, &action.command, &v) != 0)
		die(v.text);
	print_digest(&action.command);
	action.properties = properties;
	action.n_properties = w.names.n;
	if (reapi_action_make(&action, &b, &d, &v) != 0)
		die(v.text);
	print_digest(&d);
	return 0;
}

/* Of the types that methods take and give, and of those in their fields. */
static const ProtobufCMessageDescriptor *find(
	const ProtobufCMessageDescriptor *type, const char *name)
{
	const ProtobufCMessageDescriptor *found = str_eq(type->name, name) ? type : NULL;

	for (unsigned i = 0; i < type->n_fields && !found; i++)
		if (type->fields[i].type == PROTOBUF_C_TYPE_MESSAGE)
			found = find(type->fields[i].descriptor, name);
	return found;
}

static const ProtobufCMessageDescriptor *type_of(const char *name)
{
	static const ProtobufCServiceDescriptor *const services[] = {RE_SERVICE(capabilities),
		RE_SERVICE(content_addressable_storage), RE_SERVICE(action_cache),
		RE_SERVICE(execution), BS_SERVICE(byte_stream), LRO_SERVICE(operations),
		HEALTH_SERVICE(health)};
	static const ProtobufCMessageDescriptor *const others[] = {RE_TYPE(action),
		RE_TYPE(command), RE_TYPE(tree), RE_TYPE(execute_response),
		RE_TYPE(execute_operation_metadata), RE_TYPE(request_metadata),
		GR_TYPE(precondition_failure), GR_TYPE(retry_info), GR_TYPE(bad_request)};
	const ProtobufCMessageDescriptor *found = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(services) && !found; i++)
		for (unsigned k = 0; k < services[i]->n_methods && !found; k++) {
			found = find(services[i]->methods[k].input, name);
			if (!found)
				found = find(services[i]->methods[k].output, name);
		}
	for (size_t i = 0; i < ARRAY_SIZE(others) && !found; i++)
		found = find(others[i], name);
	return found;
}

static void read_all(struct buf *b)
{
	if (fs_read_fd(STDIN_FILENO, b) < 0)
		die("cannot read");
}

static void write_all(const struct buf *b)
{
	if (fs_write_all(STDOUT_FILENO, buf_str(b), b->len) < 0)
		die("cannot write");
}

static void pack_one(const char *name, const void *data, size_t n, struct buf *ret)
{
	const ProtobufCMessageDescriptor *type = type_of(name);
	AUTO(reapi_arena_fini) struct reapi_arena a;
	AUTO(buf_fini) struct buf packed = BUF_INIT;
	struct reapi_violation v = {.text = ""};
	ProtobufCMessage *m;

	if (!type)
		die(name);
	reapi_arena_init(&a, reapi_memory_for(n));
	if (reapi_unpack(&a, type, data, n, &m, &v) != 0)
		die(v.text);
	if (reapi_pack(m, &packed) < 0 || buf_printf(ret, "%s %zu\n", name, packed.len) < 0 ||
		buf_append(ret, packed.data, packed.len) < 0)
		die("no memory");
}

static int pack(void)
{
	AUTO(buf_fini) struct buf in = BUF_INIT, out = BUF_INIT;

	read_all(&in);
	for (size_t at = 0; at < in.len;) {
		char name[128];
		int head = 0;
		size_t n;

		if (sscanf(in.data + at, "%127s %zu%n", name, &n, &head) != 2 ||
			n > in.len - at - (size_t)head - 1)
			die("no head");
		at += (size_t)head + 1;
		pack_one(name, in.data + at, n, &out);
		at += n;
	}
	write_all(&out);
	return 0;
}

static int plan(void)
{
	static const char *const kinds[] = {[REAPI_PLAN_DIRECTORY] = "dir",
		[REAPI_PLAN_FILE] = "file",
		[REAPI_PLAN_SYMLINK] = "link"};
	AUTO(buf_fini) struct buf in = BUF_INIT;
	AUTO(reapi_plan_fini) struct reapi_plan p = {.n = 0};
	struct reapi_plan_limits limits = reapi_plan_limits_default;
	struct reapi_violation v = {.text = ""};

	limits.file_bytes = UINT64_MAX;
	read_all(&in);
	if (reapi_plan_walk_tree(buf_str(&in), in.len, &limits, &p, &v) != 0)
		die(v.text);
	for (size_t i = 0; i < p.n; i++) {
		AUTO(buf_fini) struct buf path = BUF_INIT;

		if (reapi_plan_path(&p, i, &path) < 0)
			return 1;
		printf("%s %s\n", kinds[p.entries[i].kind], buf_str(&path));
	}
	return 0;
}

static int missing(char **argv)
{
	AUTO(reapi_arena_fini) struct reapi_arena a;
	AUTO(buf_fini) struct buf out = BUF_INIT;
	struct reapi_digest list[8];
	gr_status *s;
	size_t n = 0;

	for (; argv[0] && argv[1] && n < ARRAY_SIZE(list); argv += 2)
		list[n++] = digest(argv[0], argv[1]);
	reapi_arena_init(&a, 1 << 20);
	s = reapi_status_new_missing(&a, list, n);
	if (!s || !reapi_status_add_retry(&a, s, 2500) || reapi_pack(&s->base, &out) < 0)
		return 1;
	write_all(&out);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && str_eq(argv[1], "tree"))
		return tree();
	if (argc == 2 && str_eq(argv[1], "command"))
		return command();
	if (argc == 2 && str_eq(argv[1], "pack"))
		return pack();
	if (argc == 2 && str_eq(argv[1], "plan"))
		return plan();
	if (argc > 3 && str_eq(argv[1], "missing"))
		return missing(argv + 2);
	return 2;
}
