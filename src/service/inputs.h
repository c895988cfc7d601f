/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "cas/lease.h"
#include "reapi/action.h"
#include "reapi/plan.h"
#include "service/fault.h"

/*
 * What an action brings: its Command and its tree, found in the store, and made a directory. All of
 * it is for the pool.
 *
 *	inputs_read ─► (held in the store) ─► inputs_build ─► the job ─► inputs_verify ─► inputs_fini
 */
enum {
	INPUTS_ENTRIES_MAX = 1 << 18,  /* of the tree */
	INPUTS_MEMORY_MAX = 128 << 20, /* of one action: Command, paths */
	INPUTS_MESSAGE_MAX = 16 << 20, /* an Action, a Command */
};

struct inputs {
	struct reapi_arena arena; /* of all below */
	struct reapi_command command;
	struct reapi_plan plan;
	struct cas_lease *lease; /* all blobs of the plan; outputs may be added */
	const char **paths;      /* of each of the plan's entries; "" is the root */
	uint32_t *by_path;       /* the plan's entries, by their paths */
};

void inputs_init(struct inputs *in);
/* The tree has been removed, or was never made. */
void inputs_fini(struct inputs *in);

/* Append a blob; what is at most INPUTS_MESSAGE_MAX long. 0, FAULT; one that is missing is noted. */
int inputs_blob(struct cas *cas, const struct reapi_digest *d, const char *what, struct buf *ret,
	struct fault *f) MUST_CHECK;

/* Command and tree, each checked, and held. All that is missing is found at once. 0, FAULT. */
int inputs_read(struct inputs *in, struct cas *cas, const struct reapi_action *action,
	struct fault *f) MUST_CHECK;

/* What a path of the tree is. Links are not followed: what is behind one is INPUTS_BEHIND. */
enum inputs_kind { INPUTS_NONE, INPUTS_DIRECTORY, INPUTS_FILE, INPUTS_SYMLINK, INPUTS_BEHIND };
enum inputs_kind inputs_find(const struct inputs *in, const char *path);

struct inputs_place {
	int dir_fd;       /* in which… */
	const char *name; /* … this directory is made */
	uid_t uid;        /* whose directories are */
	gid_t gid;
	bool private; /* nothing may be linked to the store */
};

/*
 * The tree, with the directories that lead to outputs. What was made when it fails is there to be
 * removed. 0, FAULT.
 */
int inputs_build(struct inputs *in, const struct inputs_place *at, struct fault *f) MUST_CHECK;

/* After the job: were the store's blobs left alone? 0, FAULT. */
int inputs_verify(struct inputs *in, struct fault *f) MUST_CHECK;

/* Where an output is, from the root, by the text of its path alone. In the arena. NULL: no memory. */
const char *inputs_path(struct inputs *in, const char *path);
