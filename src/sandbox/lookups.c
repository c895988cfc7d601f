/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 *	filter: TRACE(i) ─► stop: which call, its arguments ─► PTRACE_SYSCALL
 *	                    stop: what it came to; a path that was not there is noted ─► PTRACE_CONT
 *
 * Everything else that stops a process goes on as it would have: signals are handed to it, new
 * children are attached by the kernel and come with a SIGSTOP that is the kernel's own.
 *
 * Paths are kept in one piece of memory, in the order they came, with a hash table of where each
 * begins. What has no room is left out, and the list is said to be a part.
 */

#include "sandbox/lookups.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"

enum {
	TABLE = 2 * LOOKUPS_MAX, /* a power of two, never full */
	PATH_BYTES = 4096,
	PAGE = 4096, /* the smallest there is: what is readable ends at a page's end */
	SYSCALL_STOP = SIGTRAP | 0x80,
};

/* A thread that has been seen, and the call that it is in. */
struct task {
	pid_t pid;
	int call; /* -1: none */
	uint64_t args[6];
};

struct lookups {
	bool tracing, part;
	struct task *tasks;
	size_t n_tasks, cap_tasks;
	struct buf text; /* as it is written, but for the first character */
	size_t n;
	uint32_t table[TABLE]; /* 1 + where an entry begins in text; 0: none */
};

int lookups_new(struct lookups **ret)
{
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	(*ret)->text.max = LOOKUPS_BYTES_MAX;
	return 0;
}

void lookups_free(struct lookups *l)
{
	if (!l)
		return;
	free(l->tasks);
	buf_fini(&l->text);
	free(l);
}

/* --- the list --- */

static uint32_t hash(const char *s, size_t n)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)s[i]) * 16777619u;
	return h;
}

/* Where entry is or belongs. */
static uint32_t *place(struct lookups *l, const char *entry)
{
	uint32_t i = hash(entry, strlen(entry)) % TABLE;

	while (l->table[i] && !str_eq(l->text.data + l->table[i] - 1, entry))
		i = (i + 1) % TABLE;
	return &l->table[i];
}

static void note(struct lookups *l, const char *entry)
{
	size_t at = l->text.len;
	uint32_t *where = place(l, entry);

	if (*where)
		return;
	if (l->n == LOOKUPS_MAX || buf_append(&l->text, entry, strlen(entry) + 1) < 0) {
		l->part = true;
		return;
	}
	l->n++;
	*where = (uint32_t)at + 1;
}

/* --- a path in another process --- */

/* Of at most PATH_BYTES with the NUL. 0, or what cannot be read: -EFAULT, -ENAMETOOLONG. */
static int read_text(pid_t pid, uint64_t address, char ret[PATH_BYTES])
{
	size_t n = 0;

	while (n < PATH_BYTES) {
		size_t page = PAGE - (address + n) % PAGE, size = MIN(page, PATH_BYTES - n);
		struct iovec here = {.iov_base = ret + n, .iov_len = size};
		struct iovec there = {
			.iov_base = (void *)(uintptr_t)(address + n), .iov_len = size};
		ssize_t got = process_vm_readv(pid, &here, 1, &there, 1, 0);

		if (got <= 0)
			return -EFAULT;
		if (memchr(ret + n, '\0', (size_t)got))
			return 0;
		n += (size_t)got;
	}
	return -ENAMETOOLONG;
}

/* The directory that a relative path of this call starts from. Bytes, or -errno. */
static ssize_t starts_from(
	const struct task *t, const struct lookups_call *c, char *ret, size_t size)
{
	char link[64];
	int fd = c->dir ? (int)t->args[c->path - 1] : AT_FDCWD;
	ssize_t n;

	if (fd == AT_FDCWD)
		snprintf(link, sizeof(link), "/proc/%ld/cwd", (long)t->pid);
	else
		snprintf(link, sizeof(link), "/proc/%ld/fd/%d", (long)t->pid, fd);
	n = readlink(link, ret, size);
	if (n < 0)
		return -errno;
	return n > 0 && (size_t)n < size && *ret == '/' ? n : -ENAMETOOLONG;
}

static void note_call(struct lookups *l, const struct task *t)
{
	const struct lookups_call *c = &lookups_calls[t->call];
	bool link = c->link || (c->flags && (t->args[c->flags] & c->nofollow));
	char path[PATH_BYTES], entry[1 + PATH_BYTES + 1 + PATH_BYTES];
	ssize_t n = 0;

	if (read_text(t->pid, t->args[c->path], path) < 0) {
		l->part = true;
		return;
	}
	if (!*path)
		return;
	entry[0] = link ? LOOKUPS_LINK : LOOKUPS_FOLLOWED;
	if (*path != '/')
		n = starts_from(t, c, entry + 1, PATH_BYTES);
	if (n < 0) {
		l->part = true;
		return;
	}
	snprintf(entry + 1 + n, sizeof(entry) - 1 - (size_t)n, "%s%s", n > 0 ? "/" : "", path);
	note(l, entry);
}

/* --- tasks --- */

static struct task *find(struct lookups *l, pid_t pid)
{
	for (size_t i = 0; i < l->n_tasks; i++)
		if (l->tasks[i].pid == pid)
			return &l->tasks[i];
	return NULL;
}

/* NULL: too many. */
static struct task *add(struct lookups *l, pid_t pid)
{
	struct task *v;
	size_t cap;

	if (l->n_tasks == l->cap_tasks) {
		cap = l->cap_tasks ? 2 * l->cap_tasks : 16;
		v = cap <= LOOKUPS_TASKS_MAX ? reallocarray(l->tasks, cap, sizeof(*v)) : NULL;
		if (!v) {
			l->part = true;
			return NULL;
		}
		l->tasks = v;
		l->cap_tasks = cap;
	}
	l->tasks[l->n_tasks] = (struct task){.pid = pid, .call = -1};
	return &l->tasks[l->n_tasks++];
}

void lookups_gone(struct lookups *l, pid_t pid)
{
	struct task *t = find(l, pid);

	if (t)
		*t = l->tasks[--l->n_tasks];
}

/* --- stops --- */

static void go_on(pid_t pid, int how, int signal)
{
	/* It fails if the process has been killed meanwhile, which waitpid will tell. */
	(void)ptrace(how, pid, NULL, (void *)(intptr_t)signal);
}

static bool ask(pid_t pid, uint8_t op, struct __ptrace_syscall_info *ret)
{
	long n = ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof(*ret), ret);

	return n > 0 && ret->op == op;
}

/* False: it cannot be told. */
static bool begin_call(struct task *t)
{
	struct __ptrace_syscall_info info;

	if (!ask(t->pid, PTRACE_SYSCALL_INFO_SECCOMP, &info) ||
		info.seccomp.ret_data >= LOOKUPS_CALLS)
		return false;
	t->call = (int)info.seccomp.ret_data;
	for (size_t i = 0; i < ARRAY_SIZE(t->args); i++)
		t->args[i] = info.seccomp.args[i];
	return true;
}

static void end_call(struct lookups *l, struct task *t)
{
	struct __ptrace_syscall_info info;

	if (!ask(t->pid, PTRACE_SYSCALL_INFO_EXIT, &info))
		l->part = true;
	else if (t->call >= 0 && info.exit.is_error &&
		 (info.exit.rval == -ENOENT || info.exit.rval == -ENOTDIR))
		note_call(l, t);
	t->call = -1;
}

void lookups_stopped(struct lookups *l, pid_t pid, int status)
{
	int signal = WSTOPSIG(status), event = status >> 16;
	struct task *t = find(l, pid);

	if (event == PTRACE_EVENT_SECCOMP) {
		bool watched = t && begin_call(t);

		l->part = l->part || !watched;
		go_on(pid, watched ? PTRACE_SYSCALL : PTRACE_CONT, 0);
		return;
	}
	if (signal == SYSCALL_STOP) {
		if (t)
			end_call(l, t);
		signal = 0;
	} else if (event != 0) {
		signal = 0;
	} else if (!t) {
		add(l, pid);
		signal = signal == SIGSTOP ? 0 : signal;
	}
	go_on(pid, PTRACE_CONT, signal);
}

/* --- the beginning and the end --- */

bool lookups_begin_job(void)
{
	bool traced = ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0;

	raise(SIGSTOP);
	return traced;
}

int lookups_watch(struct lookups *l, pid_t pid)
{
	static const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK |
				    PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |
				    PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL;
	int status;

	while (waitpid(pid, &status, WUNTRACED) < 0)
		if (errno != EINTR)
			return -errno;
	if (!WIFSTOPPED(status))
		return -ECHILD;
	l->tracing = ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)options) == 0;
	if (!l->tracing)
		return kill(pid, SIGCONT) < 0 ? -errno : 0;
	add(l, pid);
	go_on(pid, PTRACE_CONT, 0);
	return 0;
}

int lookups_write(const struct lookups *l, int fd)
{
	char first = l->part ? LOOKUPS_PART : LOOKUPS_WHOLE;
	int r;

	if (!l->tracing)
		return 0;
	r = fs_write_all(fd, &first, 1);
	return r < 0 ? r : fs_write_all(fd, buf_str(&l->text), l->text.len);
}
