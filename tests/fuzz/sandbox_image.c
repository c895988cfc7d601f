/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What a helper reads. Whatever it takes, it can be told again, and that is the same. */

#include <stdlib.h>
#include <string.h>

#include "sandbox/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(buf_fini) struct buf again = BUF_INIT;
	struct image_job job;

	if (image_decode(data, size, &job) < 0)
		return 0;
	if (!job.plan.argv[0] || image_encode(&job, &again) < 0)
		abort();
	if (again.len != size || memcmp(again.data, data, size) != 0)
		abort();
	image_job_fini(&job);
	return 0;
}
