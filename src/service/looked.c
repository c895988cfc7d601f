/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "service/looked.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "sandbox/lookups.h"

enum { ENTRY_MIN = 3 }; /* how, "/", NUL */

static int split(struct buf *text, struct reapi_lookup **ret, size_t *ret_n)
{
	struct reapi_lookup *v = calloc(text->len / ENTRY_MIN + 1, sizeof(*v));
	char *end = text->data + text->len;
	size_t n = 0;

	if (!v)
		return -ENOMEM;
	for (char *p = text->data + 1; end - p >= ENTRY_MIN; p += strlen(p) + 1)
		v[n++] = (struct reapi_lookup){.path = p + 1, .link = *p == LOOKUPS_LINK};
	*ret = v;
	*ret_n = n;
	return 0;
}

int looked_read(int fd, struct reapi_lookups *ret)
{
	AUTO(buf_fini) struct buf text = BUF_INIT_MAX(LOOKUPS_BYTES_MAX + 2);
	AUTO(util_free) struct reapi_lookup *v = NULL;
	size_t n = 0;
	int r;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	r = fs_read_fd(fd, &text);
	if (r < 0)
		return r;
	if (text.len == 0)
		return LOOKED_NOT;
	*ret = (struct reapi_lookups){.part = *text.data != LOOKUPS_WHOLE};
	r = split(&text, &v, &n);
	return r < 0 ? r : reapi_lookups_make(v, n, ret);
}
