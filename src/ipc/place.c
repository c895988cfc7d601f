/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ipc/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/env.h"
#include "base/fs.h"

/* FNV-1a: only tells places apart, and two that collide are still both this user's. */
static uint64_t mix(uint64_t hash, uint64_t v)
{
	for (int i = 0; i < 8; i++, v >>= 8)
		hash = (hash ^ (v & 0xff)) * UINT64_C(0x100000001b3);
	return hash;
}

/* struct statx of statx(2), which not every libc declares. */
struct statx_abi {
	uint32_t mask;
	uint32_t unused[35];
	uint64_t mnt_id;
	uint64_t spare[13];
};

enum {
	STATX_ABI_MNT_ID = 0x1000,        /* Linux 5.8 */
	STATX_ABI_MNT_ID_UNIQUE = 0x4000, /* 6.8: and never used again */
};

/* What is mounted at our root: no two mount namespaces share it. */
static int root_mount(uint64_t *ret)
{
	enum { WANTED = STATX_ABI_MNT_ID | STATX_ABI_MNT_ID_UNIQUE };
	struct statx_abi st = {0};

	if (syscall(SYS_statx, AT_FDCWD, "/", 0, WANTED, &st) < 0)
		return -errno;
	if (!(st.mask & WANTED))
		return -EOPNOTSUPP;
	*ret = st.mnt_id;
	return 0;
}

/* The network namespace's, by any socket in it (Linux 5.14). */
static int network_cookie(int socket, uint64_t *ret)
{
	enum { SO_NETNS_COOKIE_ABI = 71 };
	socklen_t len = sizeof(*ret);

	return getsockopt(socket, SOL_SOCKET, SO_NETNS_COOKIE_ABI, ret, &len) < 0 ? -errno : 0;
}

static uint64_t mix_file(uint64_t hash, const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 ? hash : mix(mix(hash, st.st_dev), st.st_ino);
}

/* /proc is asked only where the kernel knows no other way: each process's part of it is made when it
 * is looked at. */
static uint64_t identity(int socket)
{
	uint64_t hash = mix_file(UINT64_C(0xcbf29ce484222325), "/"), id;

	hash = root_mount(&id) == 0 ? mix(hash, id) : mix_file(hash, "/proc/self/ns/mnt");
	return network_cookie(socket, &id) == 0 ? mix(hash, id)
						: mix_file(hash, "/proc/self/ns/net");
}

static char *directory(char *const *envp, bool *ret_anybodys)
{
	const char *own = env_get(envp, "DISTCC_DIR");
	const char *runtime = env_get(envp, "XDG_RUNTIME_DIR");
	char *s;
	int n;

	if (own && *own)
		n = asprintf(&s, "%s/run", own);
	else if (runtime && *runtime)
		n = asprintf(&s, "%s/distcc", runtime);
	else
		n = asprintf(&s, "/tmp/distcc-%ld", (long)geteuid());
	*ret_anybodys = !(own && *own) && !(runtime && *runtime);
	return n < 0 ? NULL : s;
}

int ipc_place_name(char *const *envp, struct ipc_place *ret)
{
	AUTO(ipc_place_close) struct ipc_place p = IPC_PLACE_INIT;
	uint64_t id;

	p.path = directory(envp, &p.anybodys);
	if (!p.path)
		return -ENOMEM;
	p.stream = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* Where one of the standard descriptors is closed, it stays closed for the compiler. */
	if (p.stream >= 0 && p.stream <= STDERR_FILENO) {
		int fd = fcntl(p.stream, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

		close(p.stream);
		p.stream = fd;
	}
	if (p.stream < 0)
		return -errno;
	id = identity(p.stream);
	snprintf(p.socket, sizeof(p.socket), "agent-%016llx.sock", (unsigned long long)id);
	snprintf(p.start, sizeof(p.start), "agent-%016llx.start", (unsigned long long)id);
	snprintf(p.lock, sizeof(p.lock), "agent-%016llx.lock", (unsigned long long)id);
	*ret = p;
	p = (struct ipc_place)IPC_PLACE_INIT;
	return 0;
}

static int open_directory(const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int ipc_place_open(char *const *envp, struct ipc_place *p)
{
	const char *own = env_get(envp, "DISTCC_DIR");
	struct stat st;
	int r;

	p->dir = open_directory(p->path);
	if (p->dir < 0) {
		r = own && *own ? fs_mkdirs(own, 0777) : 0;
		if (r == 0)
			r = fs_private_dir(p->path);
		if (r < 0)
			return r;
		p->dir = open_directory(p->path);
		if (p->dir < 0)
			return p->dir;
	}
	if (fstat(p->dir, &st) == 0 && st.st_uid == geteuid() && !(st.st_mode & 077))
		return 0;
	util_close(&p->dir);
	return -EPERM;
}

void ipc_place_close(struct ipc_place *p)
{
	util_close(&p->dir);
	util_close(&p->stream);
	util_free(&p->path);
}

int ipc_place_address(const struct ipc_place *p, struct sockaddr_un *ret)
{
	size_t size = sizeof(ret->sun_path);

	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	/* A relative name would mean something else to the agent, whose working directory is "/". */
	if (p->path[0] == '/' &&
		(size_t)snprintf(ret->sun_path, size, "%s/%s", p->path, p->socket) < size)
		return 0;
	if (p->dir < 0)
		return -ENAMETOOLONG;
	snprintf(ret->sun_path, size, "/proc/self/fd/%d/%s", p->dir, p->socket);
	return 0;
}
