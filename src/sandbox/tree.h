/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "sandbox/image.h"
#include "sandbox/sandbox.h"

/*
 * A job's root, made in a mount namespace of its own and not yet entered. To be called in order:
 * tree_open as whoever can read the sources, tree_build as the job's user.
 */
struct tree {
	const struct image_job *job;
	int input;  /* mounts that are not attached */
	int *binds; /* of each of the plan's */
	int *hosts;
	int devices[6];
	int scratch; /* O_PATH: the job's tmpfs */
	int root;    /* the new root */
	int work;    /* the working tree; in an INPUT root, the root */
};

/* 0, or -errno with the step that failed. */
int tree_open(struct tree *t, const struct image_job *job, enum sandbox_step *step) MUST_CHECK;
int tree_build(struct tree *t, enum sandbox_step *step) MUST_CHECK;

/* /dev of the job's own, in the directory; descriptors as tree_open made them. */
int dev_open(int devices[6]) MUST_CHECK;
int dev_fill(int dir_fd, const int devices[6]) MUST_CHECK; /* names and links */
int dev_mount(int dir_fd, const int devices[6]) MUST_CHECK;
