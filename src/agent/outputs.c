/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/outputs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/path.h"

void outputs_drop_deps(struct outputs *o)
{
	if (o->deps_temp)
		unlink(o->deps_temp);
}

char *outputs_take_deps_temp(struct outputs *o)
{
	if (o->deps_temp)
		warden_release_path(o->warden, o->deps_temp);
	return TAKE_PTR(o->deps_temp);
}

void outputs_fini(struct outputs *o)
{
	outputs_drop_deps(o);
	free(outputs_take_deps_temp(o));
	util_free(&o->object);
	util_free(&o->deps_target);
}

static int name_deps(struct outputs *o, const char *cwd, const char *deps, uint64_t serial)
{
	AUTO(util_free) char *target = path_join(cwd, deps);
	AUTO(util_free) char *dir = target ? path_dir(target) : NULL;
	struct stat st;

	if (!dir)
		return -ENOMEM;
	if (lstat(target, &st) == 0 && !S_ISREG(st.st_mode))
		return -EINVAL;
	if (asprintf(&o->deps_temp, "%s/.%.180s.distcc-%ld-%llu", dir, path_base(target),
		    (long)getpid(), (unsigned long long)serial) < 0) {
		o->deps_temp = NULL;
		return -ENOMEM;
	}
	o->deps_target = TAKE_PTR(target);
	warden_guard_path(o->warden, o->deps_temp);
	return 0;
}

int outputs_init(struct warden *warden, const char *cwd, const char *object, const char *deps,
	unsigned umask, uint64_t serial, struct outputs *ret)
{
	struct outputs o = {.warden = warden, .object = path_join(cwd, object), .umask = umask};
	int r = o.object ? 0 : -ENOMEM;

	if (r == 0 && deps)
		r = name_deps(&o, cwd, deps, serial);
	if (r < 0) {
		outputs_fini(&o);
		return r;
	}
	*ret = o;
	return 0;
}

static int write_object(const struct outputs *o, const struct buf *object)
{
	AUTO(fs_output_abort) struct fs_output file = FS_OUTPUT_INIT;
	int r = fs_output_open(o->object, 0666 & ~(mode_t)o->umask, &file);

	if (r == 0)
		r = fs_write_all(file.fd, buf_str(object), object->len);
	return r < 0 ? r : fs_output_commit(&file);
}

int outputs_publish(struct outputs *o, const struct buf *object)
{
	int r = write_object(o, object);

	if (r < 0 || !o->deps_temp)
		return r;
	if (rename(o->deps_temp, o->deps_target) < 0)
		return -errno;
	free(outputs_take_deps_temp(o));
	return 0;
}

void outputs_remove_object(const struct outputs *o)
{
	if (o->object)
		unlink(o->object);
}
