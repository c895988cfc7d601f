/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/text_action.h"

#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "reapi/action.h"

static const struct reapi_property properties[] = {{"OSFamily", "linux"}};

static int make_tree(const struct text_action_params *p, struct text_action *a)
{
	struct reapi_digest digest;
	const struct reapi_tree_blob *root;
	size_t n;
	int r = reapi_tree_new(&a->tree);

	if (r == 0 && p->input) {
		r = reapi_digest_of(p->text, p->text_len, &digest);
		if (r == 0)
			r = reapi_tree_add_file(a->tree, p->input, &digest, false, NULL, NULL);
		if (r == 0)
			a->blobs[a->n_blobs++] =
				(struct rex_blob){.digest = digest, .data = p->text};
	}
	if (r == 0)
		r = reapi_tree_finish(a->tree, NULL);
	if (r != 0)
		return r;
	root = reapi_tree_blobs(a->tree, &n);
	a->blobs[a->n_blobs++] = (struct rex_blob){.digest = root->digest, .data = root->data};
	return 0;
}

static int make_environment(const struct text_action_params *p, struct strv *ret)
{
	static const char *const kept[] = {"LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_MESSAGES"};
	int r = strv_push(ret, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(kept); i++) {
		const char *value = env_get(p->envp, kept[i]);

		if (value)
			r = strv_pushf(ret, "%s=%s", kept[i], value);
	}
	return r;
}

static int make_command(
	const struct text_action_params *p, struct text_action *a, struct reapi_digest *ret)
{
	AUTO(strv_fini) struct strv envp = STRV_INIT;
	const struct reapi_output output = {REAPI_OUTPUT_FILE, p->output};
	struct reapi_command_spec spec = {.arguments = p->argv,
		.outputs = &output,
		.n_outputs = p->output ? 1 : 0,
		.properties = properties,
		.n_properties = ARRAY_SIZE(properties),
		.outputs_as = REAPI_OUTPUTS_BOTH};
	int r = make_environment(p, &envp);

	spec.environment = strv_argv(&envp);
	return r == 0 ? reapi_command_make(&spec, &a->command, ret, NULL) : r;
}

static int make(const struct text_action_params *p, struct text_action *a)
{
	struct reapi_action_spec spec = {
		.properties = properties, .n_properties = ARRAY_SIZE(properties)};
	struct reapi_digest version;
	int r = make_tree(p, a);

	if (r == 0)
		r = make_command(p, a, &spec.command);
	if (r == 0 && p->version) {
		r = reapi_digest_of(p->version, strlen(p->version), &version);
		spec.salt = version.hash;
		spec.salt_size = sizeof(version.hash);
	}
	if (r != 0)
		return r;
	spec.input_root = *reapi_tree_root(a->tree);
	r = reapi_action_make(&spec, &a->action, &a->digest, NULL);
	if (r != 0)
		return r;
	a->blobs[a->n_blobs++] =
		(struct rex_blob){.digest = spec.command, .data = buf_str(&a->command)};
	a->blobs[a->n_blobs++] =
		(struct rex_blob){.digest = a->digest, .data = buf_str(&a->action)};
	return 0;
}

int text_action_make(const struct text_action_params *p, struct text_action *ret)
{
	struct text_action a = {.output = p->output};
	int r = make(p, &a);

	if (r == 0)
		*ret = a;
	else
		text_action_fini(&a);
	return r;
}

void text_action_fini(struct text_action *a)
{
	reapi_tree_free(a->tree);
	buf_fini(&a->command);
	buf_fini(&a->action);
	*a = (struct text_action){.n_blobs = 0};
}
