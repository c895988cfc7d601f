/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ipc/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
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

static uint64_t identity(void)
{
	static const char *const what[] = {"/", "/proc/self/ns/mnt", "/proc/self/ns/net"};
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(what); i++) {
		if (stat(what[i], &st) < 0)
			continue;
		hash = mix(hash, st.st_dev);
		hash = mix(hash, st.st_ino);
	}
	return hash;
}

static char *directory(char *const *envp)
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
	return n < 0 ? NULL : s;
}

int ipc_place_open(char *const *envp, struct ipc_place *ret)
{
	AUTO(util_free) char *dir = directory(envp);
	uint64_t id = identity();
	struct ipc_place p;
	struct stat st;
	int r;

	if (!dir)
		return -ENOMEM;
	p.dir = open(dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (p.dir < 0) {
		const char *own = env_get(envp, "DISTCC_DIR");

		r = own && *own ? fs_mkdirs(own, 0777) : 0;
		if (r == 0)
			r = fs_private_dir(dir);
		if (r < 0)
			return r;
		p.dir = open(dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (p.dir < 0)
			return -errno;
	}
	if (fstat(p.dir, &st) < 0 || st.st_uid != geteuid() || (st.st_mode & 077)) {
		close(p.dir);
		return -EPERM;
	}
	snprintf(p.socket, sizeof(p.socket), "agent-%016llx.sock", (unsigned long long)id);
	snprintf(p.start, sizeof(p.start), "agent-%016llx.start", (unsigned long long)id);
	snprintf(p.lock, sizeof(p.lock), "agent-%016llx.lock", (unsigned long long)id);
	*ret = p;
	return 0;
}

void ipc_place_close(struct ipc_place *p)
{
	util_close(&p->dir);
}

void ipc_place_address(const struct ipc_place *p, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/%s", p->dir, p->socket);
}
