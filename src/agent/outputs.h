/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/buf.h"
#include "base/warden.h"

/*
 * What a compile done elsewhere leaves here: the object, which takes its place in one step, and
 * the .d, which the preprocessor writes under a name of its own and which is renamed when the
 * object is there. Until then the warden knows of it.
 */
struct outputs {
	struct warden *warden;
	char *object;                  /* absolute */
	char *deps_target, *deps_temp; /* absolute; NULL: none, or published already */
	unsigned umask;
};

void outputs_fini(struct outputs *o); /* also removes a .d that was not published */

/* Names as the command gives them; deps may be NULL. serial: tells jobs of one agent apart.
 * -EINVAL: the .d is to go to something that is not a file. -ENOMEM. */
int outputs_init(struct warden *warden, const char *cwd, const char *object, const char *deps,
	unsigned umask, uint64_t serial, struct outputs *ret) MUST_CHECK;

/* Forget a .d that was begun; the next preprocessor starts it anew. */
void outputs_drop_deps(struct outputs *o);

/* Hand over the .d's temporary name to who removes it later (a dying preprocessor could still
 * write it): NULL if there is none. */
char *outputs_take_deps_temp(struct outputs *o);

int outputs_publish(struct outputs *o, const struct buf *object) MUST_CHECK;

/* After an error: the old object must not pass for a new one. */
void outputs_remove_object(const struct outputs *o);
