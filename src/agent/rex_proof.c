/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/rex_proof.h"

#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/fs.h"
#include "reapi/action.h"
#include "reapi/tree.h"

#define PLACE ".distcc-root/ld.so"

enum { LOADER_MAX = 8 << 20, SALT = 16 };

struct rex_proof {
	struct reapi_tree *tree;
	struct buf loader, command, action;
	struct rex_blob *blobs;
	size_t n_blobs;
	struct reapi_digest digest;
	struct rex_run *run;
};

/* The name of our own loader, from our own program headers. */
static int take_interpreter(struct dl_phdr_info *info, size_t size, void *ret)
{
	for (size_t i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_INTERP)
			*(const char **)ret =
				(const char *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
	return 1; /* the program itself is the first */
}

static int make_tree(struct rex_proof *p, struct reapi_digest *ret_loader)
{
	const char *interpreter = NULL;
	int r;

	dl_iterate_phdr(take_interpreter, &interpreter);
	if (!interpreter)
		return -ENOEXEC;
	p->loader.max = LOADER_MAX;
	r = fs_read_file(interpreter, &p->loader);
	if (r == 0)
		r = reapi_digest_of(buf_str(&p->loader), p->loader.len, ret_loader);
	if (r == 0)
		r = reapi_tree_new(&p->tree);
	if (r == 0)
		r = reapi_tree_add_file(p->tree, PLACE, ret_loader, true, NULL, NULL);
	return r == 0 ? reapi_tree_finish(p->tree, NULL) : r;
}

static int make_action(struct rex_proof *p, struct reapi_digest *ret_command)
{
	static const struct reapi_property properties[] = {
		{"OSFamily", "linux"}, {REX_PROOF_HEADER, "input"}};
	char *const arguments[] = {(char *)"/" PLACE, (char *)"--version", NULL};
	const struct reapi_command_spec command = {.arguments = arguments,
		.properties = properties,
		.n_properties = ARRAY_SIZE(properties),
		.outputs_as = REAPI_OUTPUTS_NEW};
	char salt[SALT];
	/* So that no answer is an old one. */
	struct reapi_action_spec action = {.do_not_cache = true,
		.salt = salt,
		.salt_size = sizeof(salt),
		.properties = properties,
		.n_properties = ARRAY_SIZE(properties)};
	int r = reapi_command_make(&command, &p->command, ret_command, NULL);

	if (r == 0 && getrandom(salt, sizeof(salt), 0) != sizeof(salt))
		r = -EIO;
	if (r != 0)
		return r;
	action.command = *ret_command;
	action.input_root = *reapi_tree_root(p->tree);
	return reapi_action_make(&action, &p->action, &p->digest, NULL);
}

static int make(struct rex_proof *p)
{
	struct reapi_digest loader, command;
	const struct reapi_tree_blob *directories;
	size_t n;
	int r = make_tree(p, &loader);

	if (r == 0)
		r = make_action(p, &command);
	if (r != 0)
		return r < 0 ? r : -EINVAL;
	directories = reapi_tree_blobs(p->tree, &n);
	p->blobs = calloc(n + 3, sizeof(*p->blobs));
	if (!p->blobs)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		p->blobs[p->n_blobs++] = (struct rex_blob){
			.digest = directories[i].digest, .data = directories[i].data};
	p->blobs[p->n_blobs++] = (struct rex_blob){.digest = loader, .data = p->loader.data};
	p->blobs[p->n_blobs++] = (struct rex_blob){.digest = command, .data = p->command.data};
	p->blobs[p->n_blobs++] = (struct rex_blob){.digest = p->digest, .data = p->action.data};
	return 0;
}

/* ---- what comes of it ---- */

static void on_done(void *data, struct rex_result *res)
{
	struct rex *r = data;
	const char *detail = res->outcome == REX_FAILED ? res->detail : "";

	r->proof->run = NULL;
	if (res->outcome == REX_DONE && res->exit_code == 0 &&
		memmem(buf_str(&res->out), res->out.len, "ld.so", strlen("ld.so"))) {
		r->root = REX_ROOT_INPUT;
	} else if (res->outcome == REX_DONE || res->outcome == REX_FAILED) {
		r->root = REX_ROOT_OTHER;
		snprintf(r->root_detail, sizeof(r->root_detail),
			"what it executes does not have its input root as root directory%s%s",
			*detail ? ": " : "", detail);
	} else {
		/* That says nothing of it: whoever comes next asks again. */
		r->root = REX_ROOT_UNKNOWN;
		rex_fail_unproved(r, res->outcome, res->detail);
	}
	rex_proof_free(TAKE_PTR(r->proof));
	rex_turn_soon(r);
}

int rex_proof_start(struct rex *r)
{
	struct rex_params params = {.kind = REX_EXECUTE, .skip_cache = true};
	struct rex_proof *p = calloc(1, sizeof(*p));
	int q = p ? make(p) : -ENOMEM;

	if (q == 0) {
		params.action = p->digest;
		params.blobs = p->blobs;
		params.n_blobs = p->n_blobs;
		q = rex_start(r, &params, on_done, r, &p->run);
	}
	if (q < 0) {
		rex_proof_free(p);
		return q;
	}
	r->proof = p;
	r->root = REX_ROOT_ASKED;
	return 0;
}

void rex_proof_free(struct rex_proof *p)
{
	if (!p)
		return;
	if (p->run)
		rex_cancel(p->run);
	reapi_tree_free(p->tree);
	buf_fini(&p->loader);
	buf_fini(&p->command);
	buf_fini(&p->action);
	free(p->blobs);
	free(p);
}

bool rex_proof_is(const struct rex_proof *p, const struct rex_run *run)
{
	return p && p->run == run;
}
