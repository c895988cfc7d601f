/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <sys/types.h>

#include "base/util.h"

/*
 * What a job looks for in vain: every path that a system call of it or of its children did not find
 * (ENOENT, ENOTDIR). Whoever knows the machine that the job's root is a copy of can then tell
 * whether something is missing in the copy.
 *
 * By ptrace, with a filter that stops at the calls of lookups_calls alone (SECCOMP_RET_TRACE): what
 * a call came to is known only when it has ended, which a seccomp notification does not tell. The
 * tracer is the job's first process (init.c), so that nothing has to be found or killed: when it is
 * gone the namespace is, and PTRACE_O_EXITKILL says it again. It needs no privilege. A job that is
 * watched stops twice for each such call, some 10 us.
 *
 * Paths are told as the job spelled them, relative ones behind the directory that they start from.
 * Not seen: a call that is given AT_EMPTY_PATH (it is about a descriptor, and glibc's fstat).
 */

enum {
	LOOKUPS_MAX = 1 << 15,       /* paths, each told once; more of them: it is a part */
	LOOKUPS_BYTES_MAX = 4 << 20, /* of all paths */
	LOOKUPS_TASKS_MAX = 4096,    /* threads at a time; what more of them do is not seen */
};

/*
 * The list as it is written: LOOKUPS_WHOLE or LOOKUPS_PART, then for each path one of
 * LOOKUPS_FOLLOWED (a link at its end would have been followed) or LOOKUPS_LINK (the link itself
 * was asked for), the path, which is absolute, and a NUL.
 */
enum {
	LOOKUPS_WHOLE = 'w',
	LOOKUPS_PART = 'p',
	LOOKUPS_FOLLOWED = '+',
	LOOKUPS_LINK = '-',
};

/* A system call that looks for a path. Its place in the list is what the filter calls it. */
struct lookups_call {
	const char *name;
	unsigned path;     /* which argument; before it, where dir is set, the directory's */
	bool dir;          /* descriptor, or AT_FDCWD */
	bool link;         /* a link at the end is never followed */
	unsigned flags;    /* which argument has them; 0: none */
	unsigned nofollow; /* the flag that has the same meaning as link */
	unsigned empty;    /* with this flag it is not looked at */
};
enum { LOOKUPS_CALLS = 21 };
extern const struct lookups_call lookups_calls[LOOKUPS_CALLS];

/* --- the tracer --- */

struct lookups;

int lookups_new(struct lookups **ret) MUST_CHECK; /* -ENOMEM */
void lookups_free(struct lookups *l);             /* NULL is fine */

/* In the job's process, before it is one; it stops then, in either case. False: it cannot be traced,
 * and must not load the filter (each call that the filter knows would fail). */
bool lookups_begin_job(void);
/* In its parent: waits for that stop, and lets it go on. -errno: it is gone. */
int lookups_watch(struct lookups *l, pid_t pid) MUST_CHECK;

/* One of the job's processes has stopped, by waitpid: note what there is, and let it go on. */
void lookups_stopped(struct lookups *l, pid_t pid, int status);
void lookups_gone(struct lookups *l, pid_t pid);

/* Nothing where the job was not traced. -errno. */
int lookups_write(const struct lookups *l, int fd) MUST_CHECK;
