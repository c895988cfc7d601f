/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sandbox/rlimits.h"

#include <errno.h>
#include <sys/resource.h>

enum { CPU_GRACE_S = 2, LOCKED_BYTES = 64 << 10 };

/* Never more than there is already; both limits, so that nothing can be raised again. */
static int set(int resource, uint64_t soft, uint64_t hard)
{
	struct rlimit l;

	if (getrlimit(resource, &l) < 0)
		return -errno;
	l.rlim_max = MIN(l.rlim_max, (rlim_t)hard);
	l.rlim_cur = MIN(l.rlim_max, (rlim_t)soft);
	return setrlimit(resource, &l) < 0 ? -errno : 0;
}

static int set_wanted(int resource, uint64_t value)
{
	return value > 0 ? set(resource, value, value) : 0;
}

int rlimits_set(const struct sandbox_limits *l)
{
	int r = set(RLIMIT_CORE, 0, 0);

	if (r == 0)
		r = set(RLIMIT_MEMLOCK, LOCKED_BYTES, LOCKED_BYTES);
	if (r == 0)
		r = set(RLIMIT_MSGQUEUE, 0, 0);
	/* SIGXCPU first, which tells why; SIGKILL for who takes no notice. */
	if (r == 0 && l->cpu_s > 0)
		r = set(RLIMIT_CPU, l->cpu_s, l->cpu_s + CPU_GRACE_S);
	if (r == 0)
		r = set_wanted(RLIMIT_FSIZE, l->file_bytes);
	if (r == 0)
		r = set_wanted(RLIMIT_NOFILE, l->open_files);
	if (r == 0)
		r = set_wanted(RLIMIT_STACK, l->stack_bytes);
	/* The init of the job's pid namespace counts too. */
	if (r == 0 && l->processes > 0)
		r = set_wanted(RLIMIT_NPROC, l->processes + 1);
	return r;
}

int rlimits_set_last(const struct sandbox_limits *l)
{
	return set_wanted(RLIMIT_AS, l->address_bytes);
}
