/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs_stub.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct node {
	struct node *next;
	struct scan_path path;
	struct scan_inode inode;
	char text[SCAN_FS_PATH_MAX];
};

struct scan_fs_state {
	struct node *nodes;
	bool watched;
	unsigned long stats;
};

void fs_stub_init(struct scan_fs *fs, bool watched)
{
	*fs = (struct scan_fs){.generation = 1, .epoch = 1};
	fs->state = calloc(1, sizeof(*fs->state));
	if (!fs->state)
		abort();
	fs->state->watched = watched;
}

void fs_stub_fini(struct scan_fs *fs)
{
	while (fs->state->nodes) {
		struct node *n = fs->state->nodes;

		fs->state->nodes = n->next;
		free(n);
	}
	free(fs->state);
}

unsigned long fs_stub_stats(const struct scan_fs *fs)
{
	return fs->state->stats;
}

int scan_fs_path(struct scan_fs *fs, const char *dir, size_t dir_len, const char *name,
	size_t name_len, struct scan_path **ret)
{
	char text[SCAN_FS_PATH_MAX];
	size_t n = name[0] == '/' ? 0 : dir_len;
	struct node *node;

	if (n + 1 + name_len + 1 > sizeof(text))
		return -ENAMETOOLONG;
	memcpy(text, dir, n);
	if (n > 0 && text[n - 1] != '/')
		text[n++] = '/';
	memcpy(text + n, name, name_len);
	text[n + name_len] = '\0';
	for (node = fs->state->nodes; node; node = node->next)
		if (str_eq(node->text, text))
			break;
	if (!node) {
		node = calloc(1, sizeof(*node));
		if (!node)
			return -ENOMEM;
		strcpy(node->text, text);
		node->path.path = node->text;
		node->path.len = strlen(text);
		node->next = fs->state->nodes;
		fs->state->nodes = node;
	}
	*ret = &node->path;
	return 0;
}

int scan_fs_prove_slow(struct scan_fs *fs, struct scan_path *p)
{
	struct node *node = (struct node *)((char *)p - offsetof(struct node, path));
	struct stat st;

	fs->state->stats++;
	p->generation = fs->generation;
	p->epoch = fs->epoch;
	p->watched = fs->state->watched;
	p->inode = NULL;
	if (stat(p->path, &st) < 0) {
		p->kind = errno == EACCES ? SCAN_UNREADABLE : SCAN_NONE;
		return 0;
	}
	p->kind = S_ISDIR(st.st_mode)   ? SCAN_DIRECTORY
		  : S_ISREG(st.st_mode) ? SCAN_FILE
					: SCAN_OTHER;
	if (p->kind == SCAN_OTHER)
		return 0;
	node->inode = (struct scan_inode){.dev = st.st_dev, .ino = st.st_ino};
	p->inode = &node->inode;
	return 0;
}
