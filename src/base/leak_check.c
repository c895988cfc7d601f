/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Builds with gcc's AddressSanitizer only. At a program's exit LeakSanitizer looks for pointers in
 * the data of everything that is loaded, and so in the sanitizers' own, where none of ours is: two
 * tables of 8 MB, never touched before, whose page faults are half of a short program's life. It
 * walks them by dl_iterate_phdr(3), within another such walk that holds the linker's lock. So these
 * two are left out of a walk within a walk; whoever else asks is told everything.
 */

#include <dlfcn.h>
#include <link.h>
#include <string.h>

/* The first walk is before the sanitizer is ready for code that it is to watch. */
#define UNWATCHED __attribute__((no_sanitize("address", "undefined")))

typedef int visit_fn(struct dl_phdr_info *info, size_t size, void *data);
typedef int walk_fn(visit_fn *visit, void *data);

struct walk {
	visit_fn *visit;
	void *data;
};

static __thread int depth;

UNWATCHED static int visit_others(struct dl_phdr_info *info, size_t size, void *data)
{
	const struct walk *w = data;

	if (depth > 1 &&
		(strstr(info->dlpi_name, "/libasan.so") || strstr(info->dlpi_name, "/libubsan.so")))
		return 0;
	return w->visit(info, size, w->data);
}

UNWATCHED int dl_iterate_phdr(visit_fn *visit, void *data)
{
	static walk_fn *walk;
	struct walk w = {visit, data};
	int result;

	if (!walk)
		walk = (walk_fn *)dlsym(RTLD_NEXT, "dl_iterate_phdr");
	depth++;
	result = walk(visit_others, &w);
	depth--;
	return result;
}
