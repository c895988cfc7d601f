/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/preprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/fs.h"

enum { KILL_MS = 1000 }; /* between asking a compiler to end and ending it */

struct preprocess {
	uv_poll_t poll;  /* on pidfd */
	uv_timer_t kill; /* runs when it was cancelled */
	unsigned handles;
	int pidfd;
	pid_t pid;
	int out, err; /* memfds */
	struct warden *warden;
	preprocess_done_fn done; /* NULL: cancelled */
	void *data;
	char *unlink_path;
};

void preprocess_text_fini(struct preprocess_text *t)
{
	if (t->data && t->len > 0)
		munmap(t->data, t->len);
	*t = (struct preprocess_text){0};
}

static int map_fd(int fd, struct preprocess_text *ret)
{
	static char nothing[1];
	struct stat st;
	void *p;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size > PREPROCESS_TEXT_MAX)
		return -EFBIG;
	if (st.st_size == 0) {
		*ret = (struct preprocess_text){.data = nothing};
		return 0;
	}
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	*ret = (struct preprocess_text){.data = p, .len = (size_t)st.st_size};
	return 0;
}

/* A file of the user's may shrink while it is mapped: it is copied, and only memfds are mapped. */
int preprocess_text_map(const char *path, struct preprocess_text *ret)
{
	AUTO(util_close) int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	AUTO(util_close) int copy = memfd_create("source", MFD_CLOEXEC);
	AUTO(buf_fini) struct buf b = BUF_INIT_MAX(PREPROCESS_TEXT_MAX);
	struct stat st;
	int r;

	if (file < 0 || copy < 0)
		return -errno;
	if (fstat(file, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	r = fs_read_fd(file, &b);
	if (r == 0)
		r = fs_write_all(copy, b.data, b.len);
	return r < 0 ? r : map_fd(copy, ret);
}

static void on_closed(uv_handle_t *h)
{
	struct preprocess *p = h->data;

	if (p->handles > 0 && --p->handles > 0)
		return;
	util_close(&p->pidfd);
	util_close(&p->out);
	util_close(&p->err);
	if (p->unlink_path)
		unlink(p->unlink_path);
	free(p->unlink_path);
	free(p);
}

static int collect(struct preprocess *p, struct preprocess_result *res)
{
	int r = map_fd(p->out, &res->text);

	res->err.max = PREPROCESS_ERR_MAX;
	if (r == 0 && lseek(p->err, 0, SEEK_SET) < 0)
		r = -errno;
	if (r == 0)
		r = fs_read_fd(p->err, &res->err);
	return r;
}

static void on_ended(uv_poll_t *h, int status, int events)
{
	struct preprocess *p = h->data;
	struct preprocess_result res = {.status = -1};
	preprocess_done_fn done = p->done;
	struct rusage usage;
	pid_t pid;
	int wait;

	/* Whoever is left of its group, while its number is still its own. */
	if (!done)
		child_kill_group(p->pid, SIGKILL);
	while ((pid = wait4(p->pid, &wait, WNOHANG, &usage)) < 0 && errno == EINTR)
		;
	if (pid == 0)
		return;
	if (pid == p->pid) {
		res.status = wait;
		res.cpu_us = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
			     (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
	}
	warden_release_group(p->warden, p->pid);
	if (done && res.status == 0 && collect(p, &res) < 0)
		res.status = -1;
	if (done && res.status > 0 && collect(p, &res) < 0)
		buf_clear(&res.err);
	uv_poll_stop(&p->poll);
	uv_close((uv_handle_t *)&p->poll, on_closed);
	uv_close((uv_handle_t *)&p->kill, on_closed);
	if (done)
		done(p->data, &res);
}

static int spawn(struct preprocess *p, const char *compiler, char *const *argv, char *const *envp,
	const char *cwd, unsigned mask)
{
	mode_t ours;
	int r;

	p->out = memfd_create("preprocessed", MFD_CLOEXEC);
	p->err = memfd_create("messages", MFD_CLOEXEC);
	if (p->out < 0 || p->err < 0)
		return -errno;
	ours = umask(mask);
	r = child_spawn(
		&(struct child_spec){
			.path = compiler,
			.argv = argv,
			.envp = envp,
			.cwd = cwd,
			.fd_in = -1,
			.fd_out = p->out,
			.fd_err = p->err,
			.new_group = true,
		},
		&p->pid);
	umask(ours);
	if (r == 0)
		warden_guard_group(p->warden, p->pid);
	return r;
}

int preprocess_start(uv_loop_t *loop, struct warden *warden, const char *compiler,
	char *const *argv, char *const *envp, const char *cwd, unsigned mask,
	preprocess_done_fn done, void *data, struct preprocess **ret)
{
	struct preprocess *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	*p = (struct preprocess){
		.pidfd = -1, .out = -1, .err = -1, .warden = warden, .done = done, .data = data};
	p->poll.data = p;
	r = spawn(p, compiler, argv, envp, cwd, mask);
	if (r == 0)
		r = child_pidfd(p->pid, &p->pidfd);
	if (r == 0)
		r = uv_poll_init(loop, &p->poll, p->pidfd);
	if (r == 0) {
		uv_timer_init(loop, &p->kill);
		p->kill.data = p;
		p->handles = 2;
	}
	if (r < 0) {
		if (p->pid > 0) {
			child_kill_group(p->pid, SIGKILL);
			waitpid(p->pid, NULL, 0);
			warden_release_group(warden, p->pid);
		}
		on_closed((uv_handle_t *)&p->poll);
		return r;
	}
	r = uv_poll_start(&p->poll, UV_READABLE, on_ended);
	if (r < 0) {
		preprocess_cancel(p, NULL);
		return r;
	}
	*ret = p;
	return 0;
}

static void on_kill_time(uv_timer_t *timer)
{
	struct preprocess *p = timer->data;

	child_kill_group(p->pid, SIGKILL);
}

/* A driver that is asked removes its temporary files. */
void preprocess_cancel(struct preprocess *p, char *unlink_path)
{
	p->done = NULL;
	p->unlink_path = unlink_path;
	child_kill_group(p->pid, SIGTERM);
	if (uv_timer_start(&p->kill, on_kill_time, KILL_MS, 0) < 0)
		child_kill_group(p->pid, SIGKILL);
}
