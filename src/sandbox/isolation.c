/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sandbox/isolation.h"

static const struct {
	unsigned bit;
	const char *name;
} names[] = {
	{ISOLATION_USER, "user"},
	{ISOLATION_MOUNT, "mount"},
	{ISOLATION_PID, "pid"},
	{ISOLATION_NET, "net"},
	{ISOLATION_IPC, "ipc"},
	{ISOLATION_UTS, "uts"},
	{ISOLATION_CGROUPNS, "cgroupns"},
	{ISOLATION_OVERLAY, "overlay"},
	{ISOLATION_PROC, "proc"},
	{ISOLATION_SECCOMP, "seccomp"},
};

static const struct {
	unsigned bit;
	const char *name;
} controllers[] = {
	{ISOLATION_MEMORY, "memory"},
	{ISOLATION_PIDS, "pids"},
	{ISOLATION_CPU, "cpu"},
};

bool isolation_suffices(unsigned set)
{
	return (set & ISOLATION_NEEDED) == ISOLATION_NEEDED;
}

static int print_controllers(unsigned set, struct buf *ret)
{
	const char *before = set & ISOLATION_CGROUP_V2 ? "v2:" : "v1:";
	int r = 0;

	if (!(set & ISOLATION_CGROUPS))
		return buf_append_str(ret, " cgroup=no");
	r = buf_append_str(ret, " cgroup=");
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(controllers); i++) {
		if (!(set & controllers[i].bit))
			continue;
		r = buf_printf(ret, "%s%s", before, controllers[i].name);
		before = ",";
	}
	return r;
}

int isolation_print(unsigned set, struct buf *ret)
{
	const char *before = "";
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(names); i++) {
		if (!(set & names[i].bit))
			continue;
		r = buf_printf(ret, "%s%s", before, names[i].name);
		before = " ";
	}
	if (r == 0 && before[0] == '\0')
		r = buf_append_str(ret, "none");
	return r == 0 ? print_controllers(set, ret) : r;
}
