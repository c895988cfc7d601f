/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "agent/rex.h"
#include "base/strv.h"
#include "reapi/tree.h"

/*
 * A command for a server's own machine, as a Remote Execution action: no more is known of that
 * machine than that the command's name may be on its PATH. One file at most goes along, and one
 * comes back, both in the input root, where it is run.
 */

struct text_action {
	struct reapi_digest digest;
	struct rex_blob blobs[4]; /* Action, Command, the root, the file */
	size_t n_blobs;
	const char *output; /* as given */
	struct reapi_tree *tree;
	struct buf command, action;
};

struct text_action_params {
	char *const *argv;
	/* Whose locale the messages are in; the rest does not travel. */
	char *const *envp;
	const char *input; /* a base name, of text; NULL: none */
	const void *text;  /* stays where it is as long as the action does */
	size_t text_len;
	const char *output; /* a base name; NULL: none */
	/* What the command is on that machine, as far as is known: another one's results are not
	 * ours. NULL: not known. */
	const char *version;
};

/* 0; a positive outcome of reapi/: it is nothing that can be told a server; -errno. */
int text_action_make(const struct text_action_params *p, struct text_action *ret) MUST_CHECK;
void text_action_fini(struct text_action *a); /* also of a zeroed one */
