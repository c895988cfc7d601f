/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <sys/types.h>

#include "base/buf.h"
#include "base/util.h"

/*
 * What one job gets, and all it gets. A plan is only looked at during sandbox_start: nothing of it
 * is kept, and everything it points to stays the caller's.
 *
 * Two kinds of root:
 *
 *	INPUT	the prepared directory `input` is "/". Added to it are /dev, /proc and /tmp (with
 *		what input has in its own tmp).
 *	HOST	"/" holds the host's SANDBOX_HOST_PATHS, read-only, and nothing else of the host (so
 *		no /home, /root, /run, /srv, /sys or /var, and no store), with a /tmp, /var/tmp,
 *		/dev and /proc of the job's own; `input` is the working tree, at SANDBOX_WORK_DIR.
 *
 * Input files, in either, cannot be changed by a job. `input` is the lower layer of an overlay
 * whose upper layer is the job's scratch: a tmpfs of limited size, gone with the job. A job may
 * chmod and write what looks like an input; what it writes to is a copy in its scratch. So input
 * may be made of hard links to the store and may be used for several jobs, also at once. The fd
 * that sandbox_result gives shows the tree as the job left it.
 *
 * With SANDBOX_INPUT_PRIVATE (for kernels that have no overlay for users) input itself is the
 * writable tree. It must share no inode with anything then: copies or reflinks, no hard links.
 */

#define SANDBOX_WORK_DIR "/work"
#define SANDBOX_HOSTNAME "distcc"
/* Default of host_paths; those that are links on the host (/bin on many) are the same links. */
#define SANDBOX_HOST_PATHS \
	"/bin", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/sbin", "/usr"

enum {
	SANDBOX_UID = 1000, /* and gid: who the job is, to itself */
	SANDBOX_PATH_MAX = 4096,
	SANDBOX_ARGS_MAX = 1 << 16,  /* arguments, and variables */
	SANDBOX_LIST_MAX = 1024,     /* binds, masks, host paths */
	SANDBOX_PLAN_MAX = 16 << 20, /* bytes of everything in a plan */
};

enum sandbox_root { SANDBOX_ROOT_INPUT, SANDBOX_ROOT_HOST };
enum sandbox_inputs { SANDBOX_INPUT_OVERLAY, SANDBOX_INPUT_PRIVATE };

/*
 * A directory or file of the host at a place in the job's tree (absolute, as the job sees it; no
 * component may be a link). Made where it is missing. Read-only by a mount that the job cannot
 * change, so source may hold hard links to the store, and may be bound into many jobs at once.
 */
struct sandbox_bind {
	const char *source; /* absolute */
	const char *target;
	bool writable;
};

/* 0: no limit, but for scratch and files, where 0 is the default. */
struct sandbox_limits {
	uint64_t wall_ms;
	uint64_t cpu_s;         /* of each process */
	uint64_t file_bytes;    /* of each file, stdout and stderr included */
	uint64_t scratch_bytes; /* all that the job may write, together */
	uint64_t scratch_files;
	uint64_t processes; /* threads count */
	uint64_t open_files;
	uint64_t address_bytes; /* of each process */
	uint64_t stack_bytes;
	uint64_t memory_bytes; /* of all together, scratch included; where there is a cgroup */
	uint64_t cpu_percent;  /* 100: one processor; where there is a cgroup */
};

#define SANDBOX_SCRATCH_BYTES_DEFAULT ((uint64_t)1 << 30)
#define SANDBOX_SCRATCH_FILES_DEFAULT ((uint64_t)1 << 16)

struct sandbox_plan {
	enum sandbox_root root;
	enum sandbox_inputs inputs;
	const char *input; /* absolute path of a directory; NULL (HOST only): an empty one */
	const struct sandbox_bind *binds; /* in this order */
	size_t n_binds;
	/* HOST: paths that are empty for the job, though they are below a host path or a bind. */
	const char *const *masks;
	size_t n_masks;
	const char *const *host_paths; /* NULL: SANDBOX_HOST_PATHS. Missing ones are left out. */
	size_t n_host_paths;

	/* argv[0] with a '/' is a path from cwd; without one it is searched in envp's PATH. */
	char *const *argv;
	char *const *envp; /* exactly the job's environment */
	const char *cwd; /* absolute as the job sees it, or from the working tree; NULL: its top */
	int fd_in, fd_out, fd_err; /* -1: /dev/null */
	/* What it looked for in vain is written to fd_lookups when it has ended, as
	 * sandbox/lookups.h says; nothing where that cannot be found out, or it was killed. */
	bool lookups;
	int fd_lookups;
	bool loopback; /* lo is up, and internet sockets can be made */

	struct sandbox_limits limits;
};

/* 0; -EINVAL: no argv, a path that is not as described; -E2BIG: over a maximum above. */
int sandbox_plan_check(const struct sandbox_plan *p) MUST_CHECK;
