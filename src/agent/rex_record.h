/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "agent/rex.h"
#include "reapi/proto.h"

/*
 * A result as caches keep it: an ActionResult, and the blobs that it refers to. What was said is in
 * it where that is little.
 */

enum { REX_RECORD_INLINE = 64 << 10, REX_RECORD_BLOBS_MAX = REX_OUTPUTS_MAX + 2 };

struct rex_record {
	re_action_result message;
	struct rex_blob blobs[REX_RECORD_BLOBS_MAX];
	size_t n_blobs;
	/* What message points to. */
	re_output_file files[REX_OUTPUTS_MAX];
	re_output_file *pointers[REX_OUTPUTS_MAX];
	struct reapi_digest_message digests[REX_RECORD_BLOBS_MAX];
};

/* It points into r, and must not move. -E2BIG, -ENOMEM, -EIO. */
int rex_record_make(const struct rex_result *r, struct rex_record *ret) MUST_CHECK;
