/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"

int secret_bad(char **ret_why, const char *fmt, ...)
{
	char *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	*ret_why = text;
	return SECRET_BAD;
}

int secret_read(const char *path, const char *secret, struct buf *ret, char **ret_why)
{
	AUTO(util_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return secret_bad(ret_why, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return secret_bad(ret_why, "%s: not a regular file", path);
	if (secret && (st.st_mode & S_IRWXO))
		return secret_bad(ret_why, "%s: others can get at this %s: chmod o-rwx %s", path,
			secret, path);
	r = fs_read_fd(fd, ret);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return secret_bad(
			ret_why, "%s: %s", path, r == -E2BIG ? "too large" : strerror(-r));
	return 0;
}

void secret_fini(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->cap);
	buf_fini(b);
}
