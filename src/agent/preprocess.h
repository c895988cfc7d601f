/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <uv.h>

#include "base/buf.h"
#include "base/warden.h"

/*
 * One run of the preprocessor: its output goes to memory (a memfd, never a file), its messages
 * too. It leads a process group of its own, guarded by the warden.
 */

enum { PREPROCESS_TEXT_MAX = 1 << 30, PREPROCESS_ERR_MAX = 16 << 20 };

/* Text in memory that belongs to nobody else: mapped from a memfd or a file. */
struct preprocess_text {
	char *data; /* NULL: none */
	size_t len;
};

void preprocess_text_fini(struct preprocess_text *t);

/* Already preprocessed input (.i): the file itself. -errno; -EFBIG. */
int preprocess_text_map(const char *path, struct preprocess_text *ret) MUST_CHECK;

struct preprocess_result {
	int status; /* wait status; -1 if its output could not be had */
	uint64_t cpu_us;
	struct preprocess_text text; /* the receiver's from now on */
	struct buf err;              /* likewise */
};

struct preprocess;
typedef void (*preprocess_done_fn)(void *data, struct preprocess_result *result);

/* mask: the user's umask, for the .d. done is called exactly once, never from inside, not at all
 * after preprocess_cancel. */
int preprocess_start(uv_loop_t *loop, struct warden *warden, const char *compiler,
	char *const *argv, char *const *envp, const char *cwd, unsigned mask,
	preprocess_done_fn done, void *data, struct preprocess **ret) MUST_CHECK;

/*
 * End it. When it is gone, unlink_path (may be NULL) is removed: a dying preprocessor could make
 * the file anew before that. Takes the path over.
 */
void preprocess_cancel(struct preprocess *p, char *unlink_path);
