/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Commands and Actions, read: what somebody else wants to have run here. Everything that a worker
 * would do with a field is checked first (paths that are made, looked for and read, names of
 * environment variables, what execve takes), so that a struct reapi_command can be acted on as it
 * stands. Order and repetition, which only matter to digests, are not held against a client.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reapi/action.h"
#include "reapi/message.h"
#include "reapi/path.h"

enum { NANOS_MAX = 999999999 };

static int too_many(const char *what, size_t max, struct reapi_violation *v)
{
	return reapi_violate(v, REAPI_TOO_BIG, "the command has more than %zu %s", max, what);
}

static int out_of_memory(const struct reapi_arena *a, struct reapi_violation *v)
{
	return a->exhausted ? reapi_violate(v, REAPI_TOO_BIG, "the message is too big") : -ENOMEM;
}

static int take_arguments(
	re_command *m, struct reapi_arena *a, struct reapi_command *c, struct reapi_violation *v)
{
	if (m->n_arguments == 0 || m->arguments[0][0] == '\0')
		return reapi_violate(v, REAPI_INVALID, "the command has no program to run");
	if (m->n_arguments > REAPI_ARGUMENTS_MAX)
		return too_many("arguments", REAPI_ARGUMENTS_MAX, v);
	for (size_t i = 0; i < m->n_arguments; i++)
		if (strlen(m->arguments[i]) > REAPI_ARGUMENT_MAX)
			return reapi_violate(v, REAPI_TOO_BIG,
				"argument %zu is longer than %d bytes", i, REAPI_ARGUMENT_MAX);
	c->arguments = reapi_arena_calloc(a, m->n_arguments + 1, sizeof(*c->arguments));
	if (!c->arguments)
		return out_of_memory(a, v);
	memcpy(c->arguments, m->arguments, m->n_arguments * sizeof(*c->arguments));
	c->n_arguments = m->n_arguments;
	return 0;
}

static int by_variable(const void *a, const void *b)
{
	return strcmp((*(re_command_environment_variable *const *)a)->name,
		(*(re_command_environment_variable *const *)b)->name);
}

static int check_variable(const re_command_environment_variable *e, struct reapi_violation *v)
{
	if (e->name[0] == '\0' || strchr(e->name, '='))
		return reapi_violate(v, REAPI_INVALID,
			"the name of an environment variable is empty or has a '=': \"%s\"",
			e->name);
	if (strlen(e->name) + strlen(e->value) + 1 > REAPI_ARGUMENT_MAX)
		return reapi_violate(v, REAPI_TOO_BIG,
			"environment variable %.64s is longer than %d bytes", e->name,
			REAPI_ARGUMENT_MAX);
	return 0;
}

static char *pair(struct reapi_arena *a, const re_command_environment_variable *e)
{
	size_t name = strlen(e->name), value = strlen(e->value);
	char *p = reapi_arena_alloc(a, name + value + 2);

	if (!p)
		return NULL;
	memcpy(p, e->name, name);
	p[name] = '=';
	memcpy(p + name + 1, e->value, value + 1);
	return p;
}

static int take_environment(
	re_command *m, struct reapi_arena *a, struct reapi_command *c, struct reapi_violation *v)
{
	size_t n = m->n_environment_variables;

	if (n > REAPI_ENVIRONMENT_MAX)
		return too_many("environment variables", REAPI_ENVIRONMENT_MAX, v);
	c->environment = reapi_arena_calloc(a, n + 1, sizeof(*c->environment));
	if (!c->environment)
		return out_of_memory(a, v);
	if (n > 0)
		qsort(m->environment_variables, n, sizeof(*m->environment_variables), by_variable);
	for (size_t i = 0; i < n; i++) {
		const re_command_environment_variable *e = m->environment_variables[i];
		int r = check_variable(e, v);

		if (r != 0)
			return r;
		if (i > 0 && str_eq(m->environment_variables[i - 1]->name, e->name))
			return reapi_violate(v, REAPI_INVALID,
				"environment variable %.64s is there twice", e->name);
		c->environment[i] = pair(a, e);
		if (!c->environment[i])
			return out_of_memory(a, v);
	}
	c->n_environment = n;
	return 0;
}

static int add_outputs(struct reapi_command *c, enum reapi_output_kind kind, const char *what,
	char *const *paths, size_t n, struct reapi_violation *v)
{
	for (size_t i = 0; i < n; i++) {
		int r = reapi_output_check(what, c->working_directory, paths[i], v);

		if (r != 0)
			return r;
		c->outputs[c->n_outputs++] = (struct reapi_output){kind, paths[i]};
	}
	return 0;
}

static int by_path(const void *a, const void *b)
{
	const struct reapi_output *x = a, *y = b;
	int c = strcmp(x->path, y->path);

	return c != 0 ? c : (int)x->kind - (int)y->kind;
}

static void unite_outputs(struct reapi_command *c)
{
	size_t kept = 0;

	qsort(c->outputs, c->n_outputs, sizeof(*c->outputs), by_path);
	for (size_t i = 0; i < c->n_outputs; i++)
		if (kept == 0 || !str_eq(c->outputs[kept - 1].path, c->outputs[i].path))
			c->outputs[kept++] = c->outputs[i];
	c->n_outputs = kept;
}

static int take_outputs(
	re_command *m, struct reapi_arena *a, struct reapi_command *c, struct reapi_violation *v)
{
	size_t n = m->n_output_paths;
	int r;

	c->outputs_are_new = n > 0;
	if (!c->outputs_are_new)
		n = m->n_output_files + m->n_output_directories;
	if (n > REAPI_OUTPUTS_MAX)
		return too_many("outputs", REAPI_OUTPUTS_MAX, v);
	c->outputs = reapi_arena_calloc(a, n, sizeof(*c->outputs));
	if (!c->outputs)
		return out_of_memory(a, v);
	if (c->outputs_are_new) {
		r = add_outputs(c, REAPI_OUTPUT_ANY, "an output path", m->output_paths, n, v);
	} else {
		r = add_outputs(c, REAPI_OUTPUT_FILE, "an output file", m->output_files,
			m->n_output_files, v);
		if (r == 0)
			r = add_outputs(c, REAPI_OUTPUT_DIRECTORY, "an output directory",
				m->output_directories, m->n_output_directories, v);
	}
	if (r == 0)
		unite_outputs(c);
	return r;
}

static int take_platform(const re_platform *m, struct reapi_arena *a, struct reapi_property **ret,
	size_t *ret_n, struct reapi_violation *v)
{
	struct reapi_property *properties;
	size_t n = m ? m->n_properties : 0;

	if (n > REAPI_PROPERTIES_MAX)
		return too_many("platform properties", REAPI_PROPERTIES_MAX, v);
	properties = reapi_arena_calloc(a, n, sizeof(*properties));
	if (!properties)
		return out_of_memory(a, v);
	for (size_t i = 0; i < n; i++) {
		if (m->properties[i]->name[0] == '\0')
			return reapi_violate(v, REAPI_INVALID, "a platform property has no name");
		properties[i].name = m->properties[i]->name;
		properties[i].value = m->properties[i]->value;
	}
	*ret = properties;
	*ret_n = n;
	return 0;
}

static int take_directory(const re_command *m, struct reapi_command *c, struct reapi_violation *v)
{
	c->working_directory = m->working_directory;
	return m->working_directory[0]
		       ? reapi_path_check("the working directory", m->working_directory, v)
		       : 0;
}

static int take_rest(
	re_command *m, struct reapi_arena *a, struct reapi_command *c, struct reapi_violation *v)
{
	size_t n = m->n_output_node_properties;

	if (n > REAPI_PROPERTIES_MAX)
		return too_many("node properties", REAPI_PROPERTIES_MAX, v);
	c->node_properties = reapi_arena_calloc(a, n + 1, sizeof(*c->node_properties));
	if (!c->node_properties)
		return out_of_memory(a, v);
	for (size_t i = 0; i < n; i++)
		c->node_properties[i] = m->output_node_properties[i];
	/* Formats that we do not know are the first, says the standard. */
	c->directory_format = (int)m->output_directory_format;
	if (!protobuf_c_enum_descriptor_get_value(
		    RE_TYPE(command__output_directory_format), c->directory_format))
		c->directory_format = RE_ENUM(COMMAND__OUTPUT_DIRECTORY_FORMAT__TREE_ONLY);
	return take_platform(m->platform, a, &c->properties, &c->n_properties, v);
}

int reapi_command_parse(struct reapi_arena *a, const void *data, size_t n,
	struct reapi_command *ret, struct reapi_violation *v)
{
	struct reapi_command c = {.n_arguments = 0};
	re_command *m;
	int r = reapi_unpack(a, RE_TYPE(command), data, n, &m, v);

	if (r == 0)
		r = take_arguments(m, a, &c, v);
	if (r == 0)
		r = take_environment(m, a, &c, v);
	if (r == 0)
		r = take_directory(m, &c, v);
	if (r == 0)
		r = take_outputs(m, a, &c, v);
	if (r == 0)
		r = take_rest(m, a, &c, v);
	if (r == 0)
		*ret = c;
	return r;
}

static int take_timeout(
	const pb_duration *m, struct reapi_action *action, struct reapi_violation *v)
{
	if (!m)
		return 0;
	if (m->seconds < 0 || m->nanos < 0 || m->nanos > NANOS_MAX)
		return reapi_violate(v, REAPI_INVALID, "the timeout is negative, or no duration");
	action->has_timeout = true;
	/* A nanosecond is a timeout too, and longer than none. */
	if (__builtin_mul_overflow((uint64_t)m->seconds, 1000, &action->timeout_ms) ||
		__builtin_add_overflow(action->timeout_ms, ((uint64_t)m->nanos + 999999) / 1000000,
			&action->timeout_ms))
		action->timeout_ms = UINT64_MAX;
	return 0;
}

int reapi_action_parse(struct reapi_arena *a, const void *data, size_t n, struct reapi_action *ret,
	struct reapi_violation *v)
{
	struct reapi_action action = {.has_timeout = false};
	re_action *m;
	int r = reapi_unpack(a, RE_TYPE(action), data, n, &m, v);

	if (r == 0)
		r = reapi_digest_from_proto(m->command_digest, &action.command, v);
	if (r == 0)
		r = reapi_digest_from_proto(m->input_root_digest, &action.input_root, v);
	if (r == 0)
		r = take_timeout(m->timeout, &action, v);
	if (r == 0)
		r = take_platform(m->platform, a, &action.properties, &action.n_properties, v);
	if (r != 0)
		return r;
	if (m->salt.len > REAPI_SALT_MAX)
		return reapi_violate(
			v, REAPI_TOO_BIG, "the salt is longer than %d bytes", REAPI_SALT_MAX);
	action.do_not_cache = m->do_not_cache;
	action.has_platform = m->platform != NULL;
	action.salt = m->salt.data;
	action.salt_size = m->salt.len;
	*ret = action;
	return 0;
}

const char *reapi_property_get(const struct reapi_property *properties, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(properties[i].name, name))
			return properties[i].value;
	return NULL;
}
