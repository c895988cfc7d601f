/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/cpus.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"

static unsigned by_affinity(void)
{
	enum { MASK_CPUS = 8192 };
	size_t size = CPU_ALLOC_SIZE(MASK_CPUS);
	cpu_set_t *set = CPU_ALLOC(MASK_CPUS);
	int n = 0;

	if (set && sched_getaffinity(0, size, set) == 0)
		n = CPU_COUNT_S(size, set);
	CPU_FREE(set);
	if (n <= 0)
		n = (int)sysconf(_SC_NPROCESSORS_ONLN);
	return n > 0 ? (unsigned)n : 1;
}

/* "QUOTA PERIOD" or "max PERIOD": whole processors, rounded up; 0 where there is no limit. */
static unsigned quota_of(const char *group)
{
	AUTO(buf_fini) struct buf path = BUF_INIT, text = BUF_INIT_MAX(256);
	unsigned long long quota, period;

	if (buf_printf(&path, "/sys/fs/cgroup%s/cpu.max", group) < 0 ||
		fs_read_file(path.data, &text) < 0)
		return 0;
	if (sscanf(buf_str(&text), "%llu %llu", &quota, &period) != 2 || period == 0)
		return 0;
	return (unsigned)MAX(MIN((quota + period - 1) / period, 8192ULL), 1ULL);
}

unsigned cpus_usable(void)
{
	AUTO(buf_fini) struct buf text = BUF_INIT_MAX(1 << 16);
	unsigned n = by_affinity();
	char *group, *end;

	if (fs_read_file("/proc/self/cgroup", &text) < 0)
		return n;
	group = strstr(buf_str(&text), "0::/");
	if (!group)
		return n;
	group += strlen("0::");
	end = strchrnul(group, '\n');
	/* Every level above may set a limit, and the least one counts. */
	for (;;) {
		unsigned q;

		*end = '\0';
		q = quota_of(str_eq(group, "/") ? "" : group);
		if (q > 0 && q < n)
			n = q;
		end = strrchr(group, '/');
		if (!end || group[1] == '\0')
			return n;
		if (end == group)
			end++;
	}
}
