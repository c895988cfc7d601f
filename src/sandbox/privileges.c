/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sandbox/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CAPABILITIES_MAX = 64 };

static int set_capabilities(uint32_t all)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
		{.effective = 0},
		{.effective = 0},
	};

	if (all) {
		if (syscall(SYS_capget, &head, data) < 0)
			return -errno;
		data[0].effective = data[0].permitted;
		data[1].effective = data[1].permitted;
	}
	return syscall(SYS_capset, &head, data) < 0 ? -errno : 0;
}

int privileges_become(uid_t uid, gid_t gid)
{
	/* Refused (EPERM) in a user namespace that a user has made. */
	if (setgroups(0, NULL) < 0 && errno != EPERM)
		return -errno;
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || syscall(SYS_setresgid, gid, gid, gid) < 0 ||
		syscall(SYS_setresuid, uid, uid, uid) < 0)
		return -errno;
	return set_capabilities(1);
}

/* Those that may never be had again. EINVAL: past the last one that this kernel knows. */
static int drop_bounding(void)
{
	for (unsigned long cap = 0; cap < CAPABILITIES_MAX; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return errno == EINVAL ? 0 : -errno;
	return 0;
}

int privileges_drop(void)
{
	static const unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED |
					  SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED |
					  SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
					  SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
	int r = drop_bounding();

	/* A helper without namespaces, of a daemon without privileges, has nothing to drop. */
	if (r < 0 && r != -EPERM)
		return r;
	if (r == 0 && prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) < 0)
		return -errno;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	r = set_capabilities(0);
	if (r < 0)
		return r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

int privileges_filter(const void *program, size_t len)
{
	struct sock_fprog prog = {
		.len = (unsigned short)(len / sizeof(struct sock_filter)),
		.filter = (struct sock_filter *)program,
	};

	/* Nothing is inside a job that speculation could be used to read. */
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW,
		       &prog) < 0
		       ? -errno
		       : 0;
}
