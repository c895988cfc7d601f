/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "net/tls.h"
#include "worker/options.h"
#include "worker/tokens.h"

/* What clients of gRPC must show, and what we show them: read once, while we may read it. */

enum { SECRETS_FILES = 2 };

struct secrets {
	struct tls_context *tls; /* NULL: TLS is not served */
	bool has_tokens;
	struct tokens tokens;
	/* Files that no job may read, though it may see the directories they are in. */
	const char *files[SECRETS_FILES];
	char *owned[SECRETS_FILES];
	size_t n_files;
};

#define SECRETS_INIT         \
	{                    \
		.n_files = 0 \
	}

/* 0, or a worker_exit code after a line on stderr that names the file, what is wrong and the mend. */
int secrets_load(const struct options *o, struct secrets *ret) MUST_CHECK;
void secrets_fini(struct secrets *s);
