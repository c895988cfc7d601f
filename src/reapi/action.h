/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/buf.h"
#include "base/strv.h"
#include "reapi/arena.h"
#include "reapi/digest.h"

/*
 * Commands and Actions, made and read. What is made is canonical: equal input in any order, equal
 * bytes, equal digest.
 */
enum {
	REAPI_ARGUMENTS_MAX = 1 << 16,
	REAPI_ARGUMENT_MAX = (128 << 10) - 1, /* bytes of one; execve takes no more */
	REAPI_ENVIRONMENT_MAX = 4096,         /* variables */
	REAPI_OUTPUTS_MAX = 1 << 16,
	REAPI_PROPERTIES_MAX = 256, /* of a platform */
	REAPI_SALT_MAX = 4096,      /* bytes */
};

struct reapi_property {
	const char *name;
	const char *value;
};

/* What the outputs that a client names may be. */
enum reapi_output_kind {
	REAPI_OUTPUT_ANY,       /* output_paths */
	REAPI_OUTPUT_FILE,      /* output_files */
	REAPI_OUTPUT_DIRECTORY, /* output_directories */
};

struct reapi_output {
	enum reapi_output_kind kind;
	const char *path; /* from the working directory: reapi_output_check */
};

/* Which of the fields for outputs a Command gets: servers before 2.1 know only the older ones. */
enum reapi_outputs_as {
	REAPI_OUTPUTS_NEW = 1,
	REAPI_OUTPUTS_OLD = 2,
	REAPI_OUTPUTS_BOTH = 3,
};

struct reapi_command_spec {
	char *const *arguments;             /* NULL-terminated */
	char *const *environment;           /* "NAME=value", NULL-terminated; NULL: none */
	const char *working_directory;      /* NULL or "": the input root */
	const struct reapi_output *outputs; /* ANY counts as FILE for the older fields */
	size_t n_outputs;
	const struct reapi_property *properties; /* of the platform; for servers before 2.2 */
	size_t n_properties;
	char *const *node_properties; /* NULL-terminated names; NULL: none */
	enum reapi_outputs_as outputs_as;
};

/*
 * Append the Command and say its digest. Of equal output paths one is kept; the first of equal
 * environment names is an error, as it is for the reader.
 * 0; REAPI_INVALID, REAPI_TOO_BIG: as reapi_command_parse would say; -ENOMEM, -E2BIG, -EIO.
 */
int reapi_command_make(const struct reapi_command_spec *spec, struct buf *ret,
	struct reapi_digest *ret_digest, struct reapi_violation *v) MUST_CHECK;

struct reapi_action_spec {
	struct reapi_digest command;
	struct reapi_digest input_root;
	uint64_t timeout_ms; /* 0: none */
	bool do_not_cache;
	const void *salt;
	size_t salt_size;
	const struct reapi_property *properties;
	size_t n_properties;
};
int reapi_action_make(const struct reapi_action_spec *spec, struct buf *ret,
	struct reapi_digest *ret_digest, struct reapi_violation *v) MUST_CHECK;

/* A Command that was checked. All of it is in the arena that it was parsed into. */
struct reapi_command {
	char **arguments; /* NULL-terminated; at least one, and that is not empty */
	size_t n_arguments;
	char **environment; /* "NAME=value", sorted by name, NULL-terminated */
	size_t n_environment;
	const char *working_directory; /* "" is the input root */
	struct reapi_output *outputs;  /* sorted by path, no path twice */
	size_t n_outputs;
	bool outputs_are_new; /* they came as output_paths: answer with output_symlinks */
	struct reapi_property *properties; /* as sent: see reapi_property_get */
	size_t n_properties;
	char **node_properties; /* names that the client wants of outputs; NULL-terminated */
	int directory_format;   /* RE_ENUM(COMMAND__OUTPUT_DIRECTORY_FORMAT__…) */
};

/*
 * data is copied. Lists need not be sorted. Where output_paths are given the older fields are
 * ignored; of a path given twice the first stands, and a path may lead to another's place.
 * 0; REAPI_INVALID; REAPI_TOO_BIG; -ENOMEM.
 */
int reapi_command_parse(struct reapi_arena *a, const void *data, size_t n,
	struct reapi_command *ret, struct reapi_violation *v) MUST_CHECK;

struct reapi_action {
	struct reapi_digest command;
	struct reapi_digest input_root;
	bool has_timeout;
	bool do_not_cache;
	bool has_platform; /* if not, that of the Command counts */
	uint64_t timeout_ms;
	const void *salt;
	size_t salt_size;
	struct reapi_property *properties; /* as sent */
	size_t n_properties;
};
int reapi_action_parse(struct reapi_arena *a, const void *data, size_t n, struct reapi_action *ret,
	struct reapi_violation *v) MUST_CHECK;

/* The value of the first property of this name, or NULL. */
const char *reapi_property_get(const struct reapi_property *properties, size_t n, const char *name);
