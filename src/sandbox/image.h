/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/buf.h"
#include "sandbox/plan.h"

/* What passes between the sandbox and its helper: a job as bytes one way, a report the other. */

enum { IMAGE_CGROUPS_MAX = 3, IMAGE_FILTER_MAX = 64 << 10 };

/* A plan, and what the sandbox adds to it. */
struct image_job {
	struct sandbox_plan plan; /* limits' defaults filled in; fd_* mean nothing here */
	unsigned mechanisms;      /* of enum isolation: what is to be used */
	uid_t uid;                /* on the host */
	gid_t gid;
	const char *cgroups[IMAGE_CGROUPS_MAX]; /* directories to be in; with v2 the only one */
	size_t n_cgroups;
	const void *filter; /* a BPF program */
	size_t filter_len;
	const void *lookups_filter; /* likewise; of none: no look-ups are reported */
	size_t lookups_filter_len;
};

/* Appended to ret. -ENOMEM; -E2BIG: over SANDBOX_PLAN_MAX. */
int image_encode(const struct image_job *job, struct buf *ret) MUST_CHECK;

/* Of an image: the arrays are malloc'ed, strings and filter are the image's. */
int image_decode(const void *data, size_t len, struct image_job *ret) MUST_CHECK; /* -EBADMSG */
void image_job_fini(struct image_job *job); /* only of a decoded one */

/* One, at the end, in one datagram; the tree's descriptor may be with it. */
struct image_report {
	uint32_t size; /* of this struct: a helper of another version is noticed */
	uint32_t step; /* enum sandbox_step */
	int32_t error;
	int32_t status;
	uint32_t timed_out;
	uint64_t setup_ns, wall_ns;
	uint64_t cpu_ns, max_rss; /* as in sandbox_result */
};
