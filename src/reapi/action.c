/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Commands and Actions, made. The standard wants what has no order of its own sorted by UTF-8 bytes,
 * so that equal work has equal digests. What was made is read back as a server would, so that nothing
 * leaves that would be refused.
 */

#include "reapi/action.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reapi/message.h"

enum {
	/* What the messages may take beside their text, which the limits of the reader bound. */
	MAKE_MEMORY = 64 * 1024 * 1024,
};

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static size_t count(char *const *v)
{
	size_t n = 0;

	while (v && v[n])
		n++;
	return n;
}

/* Pointers to the same strings, sorted, each once. */
static int sorted(struct reapi_arena *a, char *const *from, size_t n, char ***ret, size_t *ret_n)
{
	char **v = reapi_arena_calloc(a, n + 1, sizeof(*v));
	size_t kept = 0;

	if (!v)
		return -ENOMEM;
	if (n > 0)
		memcpy(v, from, n * sizeof(*v));
	qsort(v, n, sizeof(*v), by_text);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || !str_eq(v[kept - 1], v[i]))
			v[kept++] = v[i];
	*ret = v;
	*ret_n = kept;
	return 0;
}

static int set_environment(struct reapi_arena *a, const struct reapi_command_spec *spec,
	re_command *c, struct reapi_violation *v)
{
	size_t n = count(spec->environment);
	char **pairs;
	int r = sorted(a, spec->environment, n, &pairs, &n);

	if (r < 0)
		return r;
	c->environment_variables = reapi_arena_calloc(a, n, sizeof(*c->environment_variables));
	if (!c->environment_variables)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const char *equals = strchr(pairs[i], '=');
		re_command_environment_variable *e = reapi_arena_alloc(a, sizeof(*e));

		if (!equals)
			return reapi_violate(v, REAPI_INVALID,
				"an environment variable has no '=': %s", pairs[i]);
		if (!e)
			return -ENOMEM;
		*e = (re_command_environment_variable)RE_INIT(COMMAND__ENVIRONMENT_VARIABLE);
		e->name = reapi_arena_strndup(a, pairs[i], (size_t)(equals - pairs[i]));
		e->value = (char *)equals + 1;
		if (!e->name)
			return -ENOMEM;
		c->environment_variables[c->n_environment_variables++] = e;
	}
	return 0;
}

static int by_variable(const void *a, const void *b)
{
	return strcmp((*(re_command_environment_variable *const *)a)->name,
		(*(re_command_environment_variable *const *)b)->name);
}

/* The paths of outputs that are directories, or of those that are not, or of all. */
enum which { FILES = 1, DIRECTORIES = 2, ALL = 3 };

static int set_paths(struct reapi_arena *a, const struct reapi_command_spec *spec, enum which which,
	char ***ret, size_t *ret_n)
{
	char **v = reapi_arena_calloc(a, spec->n_outputs, sizeof(*v));
	size_t n = 0;

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < spec->n_outputs; i++) {
		bool directory = spec->outputs[i].kind == REAPI_OUTPUT_DIRECTORY;

		if (which & (directory ? DIRECTORIES : FILES))
			v[n++] = (char *)spec->outputs[i].path;
	}
	return sorted(a, v, n, ret, ret_n);
}

static int set_outputs(struct reapi_arena *a, const struct reapi_command_spec *spec, re_command *c)
{
	int r = 0;

	if (spec->outputs_as & REAPI_OUTPUTS_NEW)
		r = set_paths(a, spec, ALL, &c->output_paths, &c->n_output_paths);
	if (r == 0 && (spec->outputs_as & REAPI_OUTPUTS_OLD))
		r = set_paths(a, spec, FILES, &c->output_files, &c->n_output_files);
	if (r == 0 && (spec->outputs_as & REAPI_OUTPUTS_OLD))
		r = set_paths(
			a, spec, DIRECTORIES, &c->output_directories, &c->n_output_directories);
	return r;
}

static int by_property(const void *a, const void *b)
{
	const re_platform_property *x = *(re_platform_property *const *)a;
	const re_platform_property *y = *(re_platform_property *const *)b;
	int c = strcmp(x->name, y->name);

	return c != 0 ? c : strcmp(x->value, y->value);
}

static re_platform *platform(
	struct reapi_arena *a, const struct reapi_property *properties, size_t n)
{
	re_platform *p = reapi_arena_alloc(a, sizeof(*p));

	if (!p)
		return NULL;
	*p = (re_platform)RE_INIT(PLATFORM);
	p->properties = reapi_arena_calloc(a, n, sizeof(*p->properties));
	if (!p->properties)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		re_platform_property *property = reapi_arena_alloc(a, sizeof(*property));

		if (!property)
			return NULL;
		*property = (re_platform_property)RE_INIT(PLATFORM__PROPERTY);
		property->name = (char *)properties[i].name;
		property->value = (char *)properties[i].value;
		p->properties[p->n_properties++] = property;
	}
	qsort(p->properties, n, sizeof(*p->properties), by_property);
	return p;
}

static int fill_command(struct reapi_arena *a, const struct reapi_command_spec *spec, re_command *c,
	struct reapi_violation *v)
{
	int r;

	c->n_arguments = count(spec->arguments);
	c->arguments = (char **)spec->arguments;
	if (spec->working_directory)
		c->working_directory = (char *)spec->working_directory;
	r = set_environment(a, spec, c, v);
	if (r != 0)
		return r;
	/* "A=" sorts behind "A-=" as text, and before it as name. */
	if (c->n_environment_variables > 0)
		qsort(c->environment_variables, c->n_environment_variables,
			sizeof(*c->environment_variables), by_variable);
	r = set_outputs(a, spec, c);
	if (r == 0)
		r = sorted(a, spec->node_properties, count(spec->node_properties),
			&c->output_node_properties, &c->n_output_node_properties);
	if (r == 0 && spec->n_properties > 0) {
		c->platform = platform(a, spec->properties, spec->n_properties);
		r = c->platform ? 0 : -ENOMEM;
	}
	return r;
}

/* Append the message; on any error nothing is. */
static int finish(const ProtobufCMessage *m, struct buf *ret, struct reapi_digest *ret_digest)
{
	size_t before = ret->len;
	int r = reapi_pack(m, ret);

	return r == 0 ? reapi_digest_of(buf_str(ret) + before, ret->len - before, ret_digest) : r;
}

int reapi_command_make(const struct reapi_command_spec *spec, struct buf *ret,
	struct reapi_digest *ret_digest, struct reapi_violation *v)
{
	AUTO(reapi_arena_fini) struct reapi_arena a;
	re_command c = RE_INIT(COMMAND);
	struct reapi_command parsed;
	struct reapi_digest digest;
	size_t before = ret->len;
	int r;

	reapi_arena_init(&a, MAKE_MEMORY);
	r = fill_command(&a, spec, &c, v);
	if (r == 0)
		r = finish(&c.base, ret, &digest);
	if (r == 0) {
		reapi_arena_reset(&a);
		r = reapi_command_parse(&a, ret->data + before, ret->len - before, &parsed, v);
	}
	if (r == -ENOMEM && a.exhausted)
		r = reapi_violate(v, REAPI_TOO_BIG, "the command is too big");
	if (r != 0) {
		if (ret->data)
			ret->len = before;
		return r;
	}
	*ret_digest = digest;
	return 0;
}

int reapi_action_make(const struct reapi_action_spec *spec, struct buf *ret,
	struct reapi_digest *ret_digest, struct reapi_violation *v)
{
	AUTO(reapi_arena_fini) struct reapi_arena a;
	pb_duration timeout = PB_INIT(DURATION);
	struct reapi_digest_message command, root;
	re_action m = RE_INIT(ACTION);
	struct reapi_action parsed;
	struct reapi_digest digest;
	size_t before = ret->len;
	int r;

	reapi_arena_init(&a, MAKE_MEMORY);
	reapi_digest_to_proto(&spec->command, &command);
	reapi_digest_to_proto(&spec->input_root, &root);
	m.command_digest = &command.message;
	m.input_root_digest = &root.message;
	m.do_not_cache = spec->do_not_cache;
	m.salt = (ProtobufCBinaryData){.len = spec->salt_size, .data = (uint8_t *)spec->salt};
	timeout.seconds = (int64_t)(spec->timeout_ms / 1000);
	timeout.nanos = (int32_t)(spec->timeout_ms % 1000) * 1000000;
	m.timeout = spec->timeout_ms > 0 ? &timeout : NULL;
	if (spec->n_properties > 0) {
		m.platform = platform(&a, spec->properties, spec->n_properties);
		if (!m.platform)
			return -ENOMEM;
	}
	r = finish(&m.base, ret, &digest);
	if (r == 0) {
		reapi_arena_reset(&a);
		r = reapi_action_parse(&a, ret->data + before, ret->len - before, &parsed, v);
	}
	if (r != 0) {
		if (ret->data)
			ret->len = before;
		return r;
	}
	*ret_digest = digest;
	return 0;
}
