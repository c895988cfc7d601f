/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * A list of what is refused and not of what is allowed: jobs are compilers of any make, linkers,
 * interpreters and people's own tests, and a new libc may use a new call tomorrow. The namespaces,
 * the lack of capabilities and no_new_privs are what holds a job; the filter takes kernel surface
 * away from it, above all that which user namespaces open to everybody.
 *
 * clone3 passes its flags in memory, where a filter cannot look: it is refused as if the kernel
 * had none (ENOSYS), and every libc falls back to clone, whose flags are seen.
 */

#include "sandbox/filter.h"

#include "config.h"

#include <errno.h>

#if HAVE_SECCOMP

#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fs.h"
#include "sandbox/lookups.h"

/* By name: what this libseccomp does not know yet, or this processor has not, is left out. */
static const char *const refused[] = {
	/* mounts and roots */
	"mount",
	"umount",
	"umount2",
	"pivot_root",
	"chroot",
	"open_tree",
	"move_mount",
	"fsopen",
	"fsconfig",
	"fsmount",
	"fspick",
	"mount_setattr",
	"open_tree_attr",
	"statmount",
	"listmount",
	"quotactl",
	"quotactl_fd",
	"fanotify_init",
	"fanotify_mark",
	"swapon",
	"swapoff",
	/* other processes, and namespaces (clone: below) */
	"ptrace",
	"process_vm_readv",
	"process_vm_writev",
	"process_madvise",
	"pidfd_getfd",
	"kcmp",
	"unshare",
	"setns",
	/* by way of file handles, out of any mount */
	"open_by_handle_at",
	"name_to_handle_at",
	/* kernel subsystems that are large, young or privileged */
	"bpf",
	"perf_event_open",
	"userfaultfd",
	"io_uring_setup",
	"io_uring_enter",
	"io_uring_register",
	"keyctl",
	"add_key",
	"request_key",
	"lookup_dcookie",
	"vmsplice",
	"migrate_pages",
	"move_pages",
	"mbind",
	"set_mempolicy",
	"set_mempolicy_home_node",
	"memfd_secret",
	/* the machine */
	"kexec_load",
	"kexec_file_load",
	"init_module",
	"finit_module",
	"delete_module",
	"reboot",
	"acct",
	"syslog",
	"iopl",
	"ioperm",
	"modify_ldt",
	"vm86",
	"vm86old",
	"vhangup",
	"nfsservctl",
	"settimeofday",
	"stime",
	"clock_settime",
	"clock_settime64",
	"adjtimex",
	"clock_adjtime",
	"clock_adjtime64",
	"sethostname",
	"setdomainname",
	"ioprio_set",
};

static int refuse_names(scmp_filter_ctx ctx)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		int number = seccomp_syscall_resolve_name(refused[i]), r;

		if (number == __NR_SCMP_ERROR)
			continue;
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), number, 0);
		if (r < 0 && r != -EDOM)
			return r;
	}
	return 0;
}

#define FILTER_NAMESPACES                                                              \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
		CLONE_NEWPID | CLONE_NEWNET)

static int refuse_namespaces(scmp_filter_ctx ctx)
{
	int r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

	for (unsigned bit = 1U << 7; r == 0 && bit <= 1U << 30; bit <<= 1)
		if (bit & FILTER_NAMESPACES)
			r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
				SCMP_A0(SCMP_CMP_MASKED_EQ, bit, bit));
	return r;
}

/* Typing into a terminal that somebody else reads. */
static int refuse_ioctls(scmp_filter_ctx ctx)
{
	static const unsigned requests[] = {TIOCSTI, TIOCLINUX};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(requests); i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
			SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, requests[i]));
	return r;
}

static int refuse_masked(scmp_filter_ctx ctx, int number, uint64_t mask, uint64_t value)
{
	return seccomp_rule_add(
		ctx, SCMP_ACT_ERRNO(EPERM), number, 1, SCMP_A0(SCMP_CMP_MASKED_EQ, mask, value));
}

/*
 * Let through: native, 32-bit (setarch i386), either without address randomisation, and the
 * question which it is, ~0. That is: where bit 31 is clear, no other bit but those two; where it
 * is set, no bit that is clear.
 */
static int refuse_personalities(scmp_filter_ctx ctx)
{
	static const uint32_t fine = 0x00008 | 0x40000, top = UINT32_C(1) << 31;
	int r = 0;

	for (uint32_t bit = 1; r == 0 && bit < top; bit <<= 1) {
		if (!(bit & fine))
			r = refuse_masked(ctx, SCMP_SYS(personality), top | bit, bit);
		if (r == 0)
			r = refuse_masked(ctx, SCMP_SYS(personality), top | bit, top);
	}
	return r;
}

/* Families are small numbers: each that is not fine, and the range above them. */
static int refuse_sockets(scmp_filter_ctx ctx, bool network)
{
	enum { FAMILIES = 64 };
	int r = seccomp_rule_add(
		ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_GE, FAMILIES));

	for (unsigned family = 0; r == 0 && family < FAMILIES; family++) {
		if (family == AF_UNIX || (network && (family == AF_INET || family == AF_INET6)))
			continue;
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1,
			SCMP_A0(SCMP_CMP_EQ, family));
	}
	return r;
}

/* 32-bit programs, where the processor runs them, are under the same filter. */
static int add_architectures(scmp_filter_ctx ctx)
{
	int r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));

	if (r == 0 && seccomp_arch_native() == SCMP_ARCH_X86_64)
		r = seccomp_arch_add(ctx, SCMP_ARCH_X86);
	if (r == 0 && seccomp_arch_native() == SCMP_ARCH_AARCH64)
		r = seccomp_arch_add(ctx, SCMP_ARCH_ARM);
	return r;
}

static int add_rules(scmp_filter_ctx ctx, bool network)
{
	int r = add_architectures(ctx);

	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r == 0)
		r = refuse_names(ctx);
	if (r == 0)
		r = refuse_namespaces(ctx);
	if (r == 0)
		r = refuse_ioctls(ctx);
	if (r == 0)
		r = refuse_personalities(ctx);
	return r == 0 ? refuse_sockets(ctx, network) : r;
}

static int export(scmp_filter_ctx ctx, struct buf *ret)
{
	AUTO(util_close) int fd = memfd_create("filter", MFD_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = seccomp_export_bpf(ctx, fd);
	if (r < 0)
		return r;
	return lseek(fd, 0, SEEK_SET) < 0 ? -errno : fs_read_fd(fd, ret);
}

static int trace_call(scmp_filter_ctx ctx, uint16_t i)
{
	const struct lookups_call *c = &lookups_calls[i];
	int number = seccomp_syscall_resolve_name(c->name), r;

	if (number == __NR_SCMP_ERROR)
		return 0;
	if (c->empty)
		r = seccomp_rule_add(ctx, SCMP_ACT_TRACE(i), number, 1,
			SCMP_CMP(c->flags, SCMP_CMP_MASKED_EQ, c->empty, 0));
	else
		r = seccomp_rule_add(ctx, SCMP_ACT_TRACE(i), number, 0);
	return r == -EDOM ? 0 : r;
}

/* What an architecture that is not known calls is refused by the other filter. */
static int add_lookups(scmp_filter_ctx ctx)
{
	int r = add_architectures(ctx);

	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ALLOW);
	for (uint16_t i = 0; r == 0 && i < LOOKUPS_CALLS; i++)
		r = trace_call(ctx, i);
	return r;
}

int filter_make_lookups(struct buf *ret)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int r;

	if (!ctx)
		return -ENOMEM;
	r = add_lookups(ctx);
	if (r == 0)
		r = export(ctx, ret);
	seccomp_release(ctx);
	return r;
}

int filter_make(bool network, struct buf *ret)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int r;

	if (!ctx)
		return -ENOMEM;
	r = add_rules(ctx, network);
	if (r == 0)
		r = export(ctx, ret);
	seccomp_release(ctx);
	return r;
}

#else

int filter_make(bool network, struct buf *ret)
{
	return -ENOSYS;
}

int filter_make_lookups(struct buf *ret)
{
	return -ENOSYS;
}

#endif
