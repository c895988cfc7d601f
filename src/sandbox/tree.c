/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Why an overlay. A blob's owner may chmod and write it through any hard link, and without root a
 * job's user is the blob's owner; so permissions protect nothing, and only a mount does.
 *
 *	a read-only bind, with writable ones for the outputs' directories: inputs and outputs share
 *	directories (x.c and x.o; a linker's parameter file), and jobs make files beside inputs
 *	copies or reflinks, owned by the job: safe, and four times the CPU of links on a tmpfs, seven
 *	times on ext4; nothing limits what is written; kept as SANDBOX_INPUT_PRIVATE
 *	files of another user: needs root
 *	an overlay on a tmpfs: links may stay links, one real limit for all that is written, the
 *	input tree is never changed and serves the next job; 1 ms of 11 for a job that does nothing
 *
 * All that a job may write is in one tmpfs, the scratch, whose size is the job's limit:
 *
 *	lower/   the input tree, mounted read-only
 *	upper/   what the job changes in it; made beforehand: INPUT's dev/, proc/ and tmp/
 *	ovl/     overlayfs's own
 *	root/    INPUT: the overlay of the two. HOST: a small directory of mount points, with the
 *	         overlay at work/
 *	tmp/     HOST: /tmp and /var/tmp;  dev/  HOST: /dev;  empty/, empty-file: what masks
 *
 * What is in upper before the overlay is mounted hides what the input has of the same name, unless
 * both are directories. So an input root with a link for a /dev does not lead anybody astray.
 * Every other place to mount something at is looked for without crossing a link.
 *
 * The scratch has to be attached somewhere until the job's root is entered. That is /proc: there
 * always is one, and no more use is made of the host's. Nobody but the process that does this sees
 * it, and after pivot_root none of it can be reached but the root.
 */

#include "sandbox/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/mountfd.h"
#include "sandbox/relpath.h"

#define SCRATCH_AT "/proc"

static int open_all(struct tree *t)
{
	const struct sandbox_plan *p = &t->job->plan;
	unsigned input = MOUNTFD_RECURSIVE;

	if (p->inputs == SANDBOX_INPUT_OVERLAY)
		input |= MOUNTFD_READ_ONLY;
	t->input = -1;
	if (p->input) {
		t->input = mountfd_copy(AT_FDCWD, p->input, input);
		if (t->input < 0)
			return t->input;
	}
	for (size_t i = 0; i < p->n_binds; i++) {
		t->binds[i] = mountfd_copy(AT_FDCWD, p->binds[i].source,
			MOUNTFD_RECURSIVE | (p->binds[i].writable ? 0 : MOUNTFD_READ_ONLY));
		if (t->binds[i] < 0)
			return t->binds[i];
	}
	return 0;
}

/* A host path that is a link stays one; one that is missing is left out (-1). */
static int open_hosts(struct tree *t)
{
	const struct sandbox_plan *p = &t->job->plan;

	for (size_t i = 0; i < p->n_host_paths; i++) {
		struct stat st;

		t->hosts[i] = -1;
		if (lstat(p->host_paths[i], &st) < 0 || S_ISLNK(st.st_mode))
			continue;
		t->hosts[i] = mountfd_copy(
			AT_FDCWD, p->host_paths[i], MOUNTFD_RECURSIVE | MOUNTFD_READ_ONLY);
		if (t->hosts[i] < 0)
			return t->hosts[i];
	}
	return 0;
}

int tree_open(struct tree *t, const struct image_job *job, enum sandbox_step *step)
{
	int r;

	*t = (struct tree){.job = job, .input = -1, .scratch = -1, .root = -1, .work = -1};
	t->binds = calloc(job->plan.n_binds + 1, sizeof(*t->binds));
	t->hosts = calloc(job->plan.n_host_paths + 1, sizeof(*t->hosts));
	*step = SANDBOX_STEP_INPUT;
	if (!t->binds || !t->hosts)
		return -ENOMEM;
	r = open_all(t);
	if (r == 0) {
		*step = SANDBOX_STEP_HOST;
		r = open_hosts(t);
	}
	if (r == 0) {
		*step = SANDBOX_STEP_DEV;
		r = dev_open(t->devices);
	}
	return r;
}

static int make_dir(int at, const char *name, mode_t mode)
{
	if (mkdirat(at, name, 0700) < 0 || fchmodat(at, name, mode, 0) < 0)
		return -errno;
	return 0;
}

static int make_scratch(struct tree *t)
{
	static const char *const names[] = {"lower", "upper", "ovl", "root", "empty"};
	const struct sandbox_limits *l = &t->job->plan.limits;
	AUTO(util_close) int mount = -1;
	char size[24], files[24];
	const struct mountfd_option options[] = {
		{"size", size}, {"nr_inodes", files}, {"mode", "0755"}};
	int r;

	snprintf(size, sizeof(size), "%llu", (unsigned long long)l->scratch_bytes);
	snprintf(files, sizeof(files), "%llu", (unsigned long long)l->scratch_files);
	mount = mountfd_new("tmpfs", options, ARRAY_SIZE(options), 0);
	if (mount < 0)
		return mount;
	r = mountfd_attach_at(mount, AT_FDCWD, SCRATCH_AT);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(names); i++)
		r = make_dir(mount, names[i], 0755);
	if (r == 0)
		t->scratch = TAKE_FD(mount);
	return r;
}

/* dev, proc and tmp of an INPUT root, below the upper layer or in a private tree. */
static int make_own_dirs(struct tree *t, int at)
{
	AUTO(util_close) int dev = -1;
	AUTO(util_close) int proc = -1;
	AUTO(util_close) int tmp = -1;

	proc = relpath_make_dirs(at, "proc");
	tmp = relpath_make_dirs(at, "tmp");
	dev = relpath_make_dirs(at, "dev");
	if (proc < 0 || tmp < 0 || dev < 0)
		return MIN(proc, MIN(tmp, dev));
	if (fchmodat(at, "tmp", 01777, 0) < 0)
		return -errno;
	return dev_fill(dev, t->devices);
}

/* The input tree at path, writable. Its top in *ret_fd. */
static int mount_overlay(struct tree *t, const char *path, int *ret_fd)
{
	static const struct mountfd_option options[] = {
		{"lowerdir", SCRATCH_AT "/lower"},
		{"upperdir", SCRATCH_AT "/upper"},
		{"workdir", SCRATCH_AT "/ovl"},
		{"userxattr", NULL},
	};
	/* Only in a user namespace is this needed, and only there can the other kind not be. */
	size_t n = ARRAY_SIZE(options) - !(t->job->mechanisms & ISOLATION_USER);
	AUTO(util_close) int mount = -1;
	int r;

	if (t->input >= 0) {
		r = mountfd_attach_at(t->input, t->scratch, "lower");
		if (r < 0)
			return r;
	}
	mount = mountfd_new("overlay", options, n, 0);
	if (mount < 0)
		return mount;
	r = mountfd_attach_at(mount, t->scratch, path);
	if (r == 0)
		*ret_fd = TAKE_FD(mount);
	return r;
}

/* The working tree at path of the scratch: overlay, or the private tree itself, or nothing yet. */
static int mount_work(struct tree *t, const char *path, int *ret_fd)
{
	AUTO(util_close) int mount = -1;
	int r;

	if (t->input >= 0 && t->job->plan.inputs == SANDBOX_INPUT_OVERLAY)
		return mount_overlay(t, path, ret_fd);
	mount = t->input >= 0 ? TAKE_FD(t->input) : mountfd_copy(t->scratch, "upper", 0);
	if (mount < 0)
		return mount;
	r = mountfd_attach_at(mount, t->scratch, path);
	if (r == 0)
		*ret_fd = TAKE_FD(mount);
	return r;
}

static int build_input_root(struct tree *t)
{
	bool overlay = t->job->plan.inputs == SANDBOX_INPUT_OVERLAY;
	AUTO(util_close) int upper = openat(t->scratch, "upper", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (upper < 0)
		return -errno;
	r = make_own_dirs(t, overlay ? upper : t->input);
	if (r == 0)
		r = mount_work(t, "root", &t->root);
	if (r < 0)
		return r;
	t->work = fcntl(t->root, F_DUPFD_CLOEXEC, 0);
	return t->work < 0 ? -errno : 0;
}

/* One host path in the new root: a mount, or the link that it is on the host. */
static int add_host(struct tree *t, int root, size_t i)
{
	const char *path = t->job->plan.host_paths[i];
	char target[SANDBOX_PATH_MAX];
	AUTO(util_close) int at = -1;
	struct stat st;
	ssize_t n;

	if (t->hosts[i] < 0) {
		n = readlink(path, target, sizeof(target) - 1);
		if (n < 0)
			return 0;
		target[n] = '\0';
		return symlinkat(target, root, path + 1) < 0 ? -errno : 0;
	}
	if (fstat(t->hosts[i], &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	at = relpath_make_dirs(root, path + 1);
	return at < 0 ? at : mountfd_attach(t->hosts[i], at);
}

/* A directory of the scratch at a place in the new root. */
static int add_scratch_dir(struct tree *t, int root, const char *name, const char *path)
{
	AUTO(util_close) int at = relpath_make_dirs(root, path);
	AUTO(util_close) int mount = mountfd_copy(t->scratch, name, 0);

	if (at < 0 || mount < 0)
		return MIN(at, mount);
	return mountfd_attach(mount, at);
}

static int fill_host_root(struct tree *t, enum sandbox_step *step)
{
	int r = make_dir(t->root, "work", 0755);

	*step = SANDBOX_STEP_HOST;
	for (size_t i = 0; r == 0 && i < t->job->plan.n_host_paths; i++)
		r = add_host(t, t->root, i);
	if (r == 0)
		r = make_dir(t->root, "proc", 0555);
	if (r == 0)
		r = make_dir(t->scratch, "tmp", 01777);
	if (r == 0)
		r = add_scratch_dir(t, t->root, "tmp", "tmp");
	if (r == 0)
		r = add_scratch_dir(t, t->root, "tmp", "var/tmp");
	return r;
}

static int build_host_root(struct tree *t, enum sandbox_step *step)
{
	AUTO(util_close) int mount = mountfd_copy(t->scratch, "root", 0);
	AUTO(util_close) int dev = -1;
	int r;

	*step = SANDBOX_STEP_SCRATCH;
	if (mount < 0)
		return mount;
	r = mountfd_attach_at(mount, t->scratch, "root");
	if (r < 0)
		return r;
	t->root = TAKE_FD(mount);
	r = fill_host_root(t, step);
	if (r < 0)
		return r;
	*step = SANDBOX_STEP_OVERLAY;
	r = mount_work(t, "root/work", &t->work);
	if (r < 0)
		return r;
	*step = SANDBOX_STEP_DEV;
	r = make_dir(t->scratch, "dev", 0755);
	if (r == 0)
		r = add_scratch_dir(t, t->root, "dev", "dev");
	dev = openat(t->scratch, "dev", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (r < 0 || dev < 0)
		return r < 0 ? r : -errno;
	return dev_fill(dev, t->devices);
}

static int mount_dev(struct tree *t)
{
	AUTO(util_close) int dev = relpath_open(t->root, "dev", O_PATH | O_DIRECTORY);

	return dev < 0 ? dev : dev_mount(dev, t->devices);
}

static int mount_proc(struct tree *t)
{
	AUTO(util_close) int at = -1;
	AUTO(util_close) int proc = -1;

	if (!(t->job->mechanisms & ISOLATION_PROC))
		return 0;
	at = relpath_open(t->root, "proc", O_PATH | O_DIRECTORY);
	if (at < 0)
		return at;
	proc = mountfd_new("proc", NULL, 0, MOUNTFD_READ_ONLY | MOUNTFD_NO_EXEC);
	return proc < 0 ? proc : mountfd_attach(proc, at);
}

/* A mount's target: directories are made, a file's empty name too. */
static int open_target(int root, int mount, const char *path)
{
	AUTO(util_close) int dir = -1;
	AUTO(util_close) int made = -1;
	char above[SANDBOX_PATH_MAX];
	struct stat st;
	char *name;

	if (fstat(mount, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return relpath_make_dirs(root, path);
	snprintf(above, sizeof(above), "%s", path);
	name = strrchr(above, '/');
	if (name)
		*name++ = '\0';
	dir = name ? relpath_make_dirs(root, above) : fcntl(root, F_DUPFD_CLOEXEC, 0);
	if (dir < 0)
		return dir;
	name = name ? name : above;
	made = openat(dir, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0444);
	if (made < 0 && errno != EEXIST)
		return -errno;
	return relpath_open(dir, name, O_PATH);
}

static int add_binds(struct tree *t)
{
	const struct sandbox_plan *p = &t->job->plan;
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->n_binds; i++) {
		AUTO(util_close) int at = open_target(t->root, t->binds[i], p->binds[i].target + 1);

		r = at < 0 ? at : mountfd_attach(t->binds[i], at);
	}
	return r;
}

/* An empty thing of the same kind onto what is at path; nothing where there is none. */
static int mask(struct tree *t, const char *path)
{
	AUTO(util_close) int at = relpath_open(t->root, path + 1, O_PATH);
	AUTO(util_close) int empty = -1;
	struct stat st;

	if (at < 0)
		return at == -ENOENT || at == -ENOTDIR ? 0 : at;
	if (fstat(at, &st) < 0)
		return -errno;
	empty = mountfd_copy(
		t->scratch, S_ISDIR(st.st_mode) ? "empty" : "empty-file", MOUNTFD_READ_ONLY);
	return empty < 0 ? empty : mountfd_attach(empty, at);
}

static int add_masks(struct tree *t)
{
	const struct sandbox_plan *p = &t->job->plan;
	AUTO(util_close) int file = -1;
	int r = 0;

	if (p->n_masks == 0)
		return 0;
	file = openat(t->scratch, "empty-file", O_CREAT | O_WRONLY | O_CLOEXEC, 0444);
	if (file < 0)
		return -errno;
	for (size_t i = 0; r == 0 && i < p->n_masks; i++)
		r = mask(t, p->masks[i]);
	return r;
}

int tree_build(struct tree *t, enum sandbox_step *step)
{
	bool host = t->job->plan.root == SANDBOX_ROOT_HOST;
	int r;

	*step = SANDBOX_STEP_SCRATCH;
	r = make_scratch(t);
	if (r < 0)
		return r;
	*step = SANDBOX_STEP_OVERLAY;
	r = host ? build_host_root(t, step) : build_input_root(t);
	if (r < 0)
		return r;
	*step = SANDBOX_STEP_DEV;
	r = mount_dev(t);
	if (r < 0)
		return r;
	*step = SANDBOX_STEP_PROC;
	r = mount_proc(t);
	if (r < 0)
		return r;
	*step = SANDBOX_STEP_BIND;
	r = add_binds(t);
	if (r < 0 || !host)
		return r;
	*step = SANDBOX_STEP_MASK;
	r = add_masks(t);
	if (r == 0)
		r = mountfd_change(t->root, MOUNTFD_READ_ONLY);
	return r;
}
