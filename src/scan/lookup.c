/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scan/hashset.h"
#include "scan/unit.h"

/*
 * Where a name in an #include leads. The directories are walked as the compiler walks them, over
 * the file view, in which a name that is not there costs no system call; on top lies a table of
 * (search list, where to begin, name) for what was found before, which holds until the view's
 * generation changes. The list of the table's entries that a unit used is also the list of what
 * must not be there: every candidate before the one that was found.
 */

enum { TABLE_FIRST = 1 << 12, LOOKUPS_MAX = 4 << 20 };

static int grow_table(void *table, uint32_t *n, uint32_t used, uint32_t (*hash)(const void *entry))
{
	void ***at = table;
	uint32_t more = *n ? *n * 2 : TABLE_FIRST;
	void **slots;

	if (*n && used < *n / 2)
		return 0;
	slots = calloc(more, sizeof(void *));
	if (!slots)
		return -ENOMEM;
	for (uint32_t i = 0; i < *n; i++) {
		uint32_t k;

		if (!(*at)[i])
			continue;
		for (k = hash((*at)[i]) & (more - 1); slots[k]; k = (k + 1) & (more - 1))
			;
		slots[k] = (*at)[i];
	}
	free(*at);
	*at = slots;
	*n = more;
	return 0;
}

/* A path of the view is the same pointer as long as there are look-ups. */
static uint32_t hash_key(
	uint64_t serial, uint32_t start, const struct scan_path *dir, uint32_t name, bool system)
{
	uint64_t h = (serial << 1 | system) * 0x9e3779b97f4a7c15u;

	h = (h ^ start) * 0xff51afd7ed558ccdu;
	h = (h ^ (uintptr_t)dir ^ (uint64_t)name << 32) * 0xc4ceb9fe1a85ec53u;
	return (uint32_t)(h >> 32);
}

static uint32_t hash_lookup(const void *entry)
{
	const struct lookup *l = entry;

	return hash_key(l->serial, l->start, l->dir, l->name, l->dir_system);
}

static uint32_t hash_node(const void *entry)
{
	const struct node *n = entry;

	return (uint32_t)(((uint64_t)n->ino ^ (uint64_t)n->dev << 40) * 0x9e3779b97f4a7c15u >> 32);
}

void lookup_forget(struct scanner *s)
{
	for (uint32_t i = 0; i < s->n_lookups; i++)
		free(s->lookups[i]);
	while (s->all_nodes) {
		struct node *n = s->all_nodes;

		s->all_nodes = n->next;
		free(n);
	}
	while (s->all_files) {
		struct file *f = s->all_files;

		s->all_files = f->next;
		free(f);
	}
	looked_in_forget(s);
	free(s->lookups);
	free(s->nodes);
	s->lookups = NULL;
	s->nodes = NULL;
	s->n_lookups = s->lookups_used = s->n_nodes = s->nodes_used = 0;
	s->n_used = s->n_once = s->n_absent = 0;
	s->n_pch = 0;
	s->search = NULL;
}

/* Zeroes, that begin with a cache line. */
static void *alloc_line(size_t size)
{
	size_t n = (size + UNIT_LINE - 1) / UNIT_LINE * UNIT_LINE;
	void *p = aligned_alloc(UNIT_LINE, n);

	return p ? memset(p, 0, n) : NULL;
}

int lookup_file(struct scanner *s, struct scan_path *p, struct file **ret)
{
	struct file *f = p->user;

	if (!f) {
		f = alloc_line(sizeof(*f));
		if (!f)
			return -ENOMEM;
		f->path = p;
		f->next = s->all_files;
		s->all_files = f;
		p->user = f;
	}
	lookup_begin(s, f);
	*ret = f;
	return 0;
}

static int directory_of(struct scanner *s, struct file *f, struct scan_path **ret)
{
	const char *path = f->path->path;
	const char *slash = strrchr(path, '/');
	int e = 0;

	if (!f->dir) {
		size_t n = slash == path ? 1 : (size_t)(slash - path);

		e = scan_fs_path(&s->fs, "/", 1, path, n, &f->dir);
	}
	*ret = f->dir;
	return e;
}

int lookup_node(struct scanner *s, struct file *f)
{
	const struct scan_inode *inode = f->path->inode;
	struct node key = {.dev = inode->dev, .ino = inode->ino};
	struct node *n;
	uint32_t i;
	int e;

	if (f->node)
		return 0;
	e = grow_table(&s->nodes, &s->n_nodes, s->nodes_used, hash_node);
	if (e < 0)
		return e;
	for (i = hash_node(&key) & (s->n_nodes - 1); s->nodes[i]; i = (i + 1) & (s->n_nodes - 1))
		if (s->nodes[i]->dev == key.dev && s->nodes[i]->ino == key.ino)
			break;
	n = s->nodes[i];
	if (!n) {
		n = malloc(sizeof(*n));
		if (!n)
			return -ENOMEM;
		*n = key;
		n->next = s->all_nodes;
		s->all_nodes = s->nodes[i] = n;
		s->nodes_used++;
	}
	if (n->unit != s->epoch) {
		n->unit = s->epoch;
		n->read = n->once = n->ended = false;
		e = directory_of(s, f, &n->dir);
	}
	f->node = n;
	return e;
}

/* Where the search begins: see struct lookup. dir: to be looked in before, or NULL. */
struct search_from {
	uint32_t start;
	struct scan_path *dir;
	bool dir_system;
};

static int current_directory(struct scanner *s, struct scan_path **ret)
{
	struct frame *f = &s->frames[s->n_frames - 1];
	int e;

	if (!s->clang)
		return directory_of(s, f->file, ret);
	e = lookup_node(s, f->file);
	*ret = e == 0 ? f->file->node->dir : NULL;
	return e;
}

static int where_to_begin(struct scanner *s, const char *name, bool angled, bool next,
	bool command_line, struct search_from *ret)
{
	const struct frame *f = &s->frames[s->n_frames - 1];

	*ret = (struct search_from){.start = angled ? (uint32_t)s->search->n_quote : 0};
	if (*name == '/') {
		ret->start = UINT32_MAX;
		return 0;
	}
	if (next && s->n_frames > 1) {
		if (f->next_to >= 0) {
			ret->start = (uint32_t)f->next_to + 1;
			return 0;
		}
		if (f->found == FOUND_CURRENT && !s->clang) {
			ret->start = 0;
			return 0;
		}
	}
	if (angled)
		return 0;
	if (command_line)
		return scan_fs_path(&s->fs, s->plan->cwd, strlen(s->plan->cwd), ".", 1, &ret->dir);
	ret->dir_system = f->system && !s->clang;
	return current_directory(s, &ret->dir);
}

/* One candidate: 0, *ret_there. */
static int candidate(struct scanner *s, struct scan_path *p, bool *ret_there)
{
	int e = scan_fs_prove(&s->fs, p);

	if (e < 0)
		return e;
	*ret_there = p->kind == SCAN_FILE;
	if (p->kind == SCAN_OTHER)
		return unit_unknown(s, "%s is not a regular file", p->path);
	if (p->kind == SCAN_UNREADABLE)
		return unit_unknown(s, "%s cannot be read", p->path);
	return 0;
}

/*
 * gcc: a system header goes by its real path where that is shorter than dir + "/" + name, dir as
 * gcc spells it: often relative, and so shorter than our own.
 */
static int shorter(struct scanner *s, size_t dir_len, const char *name, struct scan_path **p)
{
	const char *real = scan_fs_real(&s->fs, *p);

	if (!real || strlen(real) >= dir_len + strlen(name))
		return real ? 0 : -ENOMEM;
	return scan_fs_path(&s->fs, "/", 1, real, strlen(real), p);
}

/* The length of a directory's spelling with the '/' behind it; of the includer's: NULL. */
static int spelled_len(struct scanner *s, const char *dir_name, size_t *ret)
{
	size_t n = dir_name ? strlen(dir_name) : 0;
	const char *slash;
	int e;

	if (dir_name) {
		*ret = n + (n > 0 && dir_name[n - 1] != '/');
		return 0;
	}
	e = lookup_spelling(s, &s->frames[s->n_frames - 1]);
	slash = e == 0 ? strrchr(buf_str(&s->scratch), '/') : NULL;
	*ret = slash ? (size_t)(slash - s->scratch.data) + 1 : 0;
	return e;
}

/* dir_name: of a directory of the list; NULL: it is the includer's. */
static int found_in(struct scanner *s, struct lookup *l, struct scan_path *p, int32_t found,
	const char *dir_name, bool system, const char *name)
{
	struct scan_path *as = p;
	size_t dir_len;
	int e = 0;

	if (system && !s->clang && found != FOUND_ABSOLUTE) {
		e = spelled_len(s, dir_name, &dir_len);
		if (e == 0)
			e = shorter(s, dir_len, name, &as);
	}
	if (e == 0 && as != p)
		e = scan_fs_prove(&s->fs, as);
	if (e == 0 && as->kind != SCAN_FILE)
		as = p;
	if (e == 0)
		e = lookup_file(s, as, &l->file);
	l->shortened = as != p;
	l->watched = l->watched && as->watched;
	l->found = found;
	return e;
}

static int walk(struct scanner *s, struct lookup *l)
{
	const char *name = intern_text(&s->names, l->name);
	size_t len = intern_len(&s->names, l->name);
	struct scan_path *p;
	bool there = false;
	int e;

	l->file = NULL;
	l->head = 0;
	l->found = FOUND_NOWHERE;
	l->watched = true;
	if (l->start == UINT32_MAX || l->dir) {
		const struct scan_path *d = l->dir;

		e = scan_fs_path(&s->fs, d ? d->path : "/", d ? d->len : 1, name, len, &p);
		if (e == 0)
			e = candidate(s, p, &there);
		if (e != 0)
			return e;
		l->watched = p->watched;
		if (there)
			return found_in(s, l, p, d ? FOUND_CURRENT : FOUND_ABSOLUTE, NULL,
				l->dir_system, name);
	}
	for (uint32_t i = l->start; i < s->search->n; i++) {
		const struct scan_search_dir *d = &s->search->dirs[i];

		e = scan_fs_path(&s->fs, d->path->path, d->path->len, name, len, &p);
		if (e == 0)
			e = candidate(s, p, &there);
		if (e != 0)
			return e;
		l->watched = l->watched && p->watched;
		if (there)
			return found_in(s, l, p, (int32_t)i, d->name, d->system, name);
	}
	return 0;
}

/* Is l what is remembered of this search? */
static inline bool is_of(const struct scanner *s, const struct lookup *l,
	const struct search_from *from, uint32_t name)
{
	return l->name == name && l->dir == from->dir && l->start == from->start &&
	       l->serial == s->search->serial && l->dir_system == from->dir_system;
}

static int entry(
	struct scanner *s, const struct search_from *from, uint32_t name, struct lookup **ret)
{
	uint64_t serial = s->search->serial;
	struct lookup *l;
	uint32_t i;
	int e = grow_table(&s->lookups, &s->n_lookups, s->lookups_used, hash_lookup);

	if (e < 0)
		return e;
	i = hash_key(serial, from->start, from->dir, name, from->dir_system) & (s->n_lookups - 1);
	for (; (l = s->lookups[i]); i = (i + 1) & (s->n_lookups - 1)) {
		if (is_of(s, l, from, name)) {
			*ret = l;
			return 0;
		}
	}
	if (s->lookups_used >= LOOKUPS_MAX)
		return unit_unknown(s, "too many names to remember");
	l = alloc_line(sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->serial = serial;
	l->name = name;
	l->dir = from->dir;
	l->start = from->start;
	l->dir_system = from->dir_system;
	s->lookups[i] = l;
	s->lookups_used++;
	*ret = l;
	return 0;
}

static int remember(struct scanner *s, struct lookup *l)
{
	if (l->unit == s->epoch)
		return 0;
	if (s->n_used == s->used_cap) {
		size_t cap = s->used_cap ? s->used_cap * 2 : 256;
		struct lookup **u = reallocarray(s->used, cap, sizeof(struct lookup *));

		if (!u)
			return -ENOMEM;
		s->used = u;
		s->used_cap = cap;
	}
	s->used[s->n_used++] = l;
	l->unit = s->epoch;
	return 0;
}

/*
 * What was found is kept under the place that the search began at, and under the heads of the quote
 * and the bracket chain where it came past them; a later search that begins at one of these, or comes
 * to one, is given the same file.
 */
int32_t lookup_origin(const struct scanner *s, const struct lookup *l)
{
	int32_t bracket = (int32_t)s->search->n_quote, start = (int32_t)l->start;

	if (l->found < 0)
		return l->found;
	return start <= bracket && l->found >= bracket ? bracket : start;
}

int lookup_each_candidate(
	struct scanner *s, const struct lookup *l, lookup_candidate *call, void *arg)
{
	const char *name = intern_text(&s->names, l->name);
	size_t len = intern_len(&s->names, l->name);
	struct scan_path *p;
	uint32_t end = l->found >= 0 ? (uint32_t)l->found + 1 : (uint32_t)s->search->n;
	int e;

	if (l->dir || l->start == UINT32_MAX) {
		const struct scan_path *d = l->dir;

		e = scan_fs_path(&s->fs, d ? d->path : "/", d ? d->len : 1, name, len, &p);
		if (e == 0)
			e = call(
				s, p, l->found == FOUND_CURRENT || l->found == FOUND_ABSOLUTE, arg);
		if (e != 0 || l->found == FOUND_CURRENT || l->start == UINT32_MAX)
			return e;
	}
	for (uint32_t i = l->start; i < end; i++) {
		const struct scan_search_dir *d = &s->search->dirs[i];

		e = scan_fs_path(&s->fs, d->path->path, d->path->len, name, len, &p);
		if (e == 0)
			e = call(s, p, l->found == (int32_t)i, arg);
		if (e != 0)
			return e;
	}
	return 0;
}

struct scan_path *lookup_suffixed(struct scanner *s, const struct scan_path *p, const char *suffix)
{
	AUTO(buf_fini) struct buf path = BUF_INIT;
	struct scan_path *ret;

	if (buf_printf(&path, "%s%s", p->path, suffix) < 0 ||
		scan_fs_path(&s->fs, "/", 1, buf_str(&path), path.len, &ret) < 0)
		return NULL;
	return ret;
}

static int check_pch(struct scanner *s, struct scan_path *p, bool last, void *arg)
{
	struct scan_path *pch = lookup_suffixed(s, p, ".gch");
	struct lookup *l = arg;
	int e = pch ? scan_fs_prove(&s->fs, pch) : -ENOMEM;

	if (e < 0)
		return e;
	if (pch->kind != SCAN_NONE)
		return unit_unknown(s, "a precompiled header: %s", pch->path);
	l->no_pch = l->no_pch && pch->watched;
	return 0;
}

/* What was remembered is brought up to date, and becomes part of the unit. */
static int use(struct scanner *s, struct lookup *l)
{
	int32_t found = l->found;
	uint32_t head = l->head;
	int e;

	if (l->generation != s->fs.generation || (!l->watched && l->epoch != s->fs.epoch)) {
		l->generation = 0;
		l->no_pch = false;
		e = walk(s, l);
		if (e != 0)
			return e;
		if (l->found == found)
			l->head = head;
		l->generation = s->fs.generation;
		l->epoch = s->fs.epoch;
	}
	if (l->file)
		lookup_begin(s, l->file);
	e = remember(s, l);
	if (e == 0 && s->first_include && !s->clang) {
		s->first_include = false;
		s->pch[s->n_pch++] = l;
		if (l->no_pch)
			return 0;
		l->no_pch = l->watched;
		e = lookup_each_candidate(s, l, check_pch, l);
		l->no_pch = l->no_pch && e == 0;
	}
	return e;
}

int lookup_include(struct scanner *s, uint32_t name, bool angled, bool next, bool command_line,
	struct lookup **ret)
{
	struct search_from from;
	int e = where_to_begin(s, intern_text(&s->names, name), angled, next, command_line, &from);

	if (e == 0)
		e = entry(s, &from, name, ret);
	return e != 0 ? e : use(s, *ret);
}

int lookup_of_op(struct scanner *s, struct op *op, struct lookup **ret)
{
	struct search_from from;
	int e;

	if (!lookup_is_of_op(s, op)) {
		e = where_to_begin(s, intern_text(&s->names, op->id), op->flags & OP_ANGLED,
			op->kind == OP_INCLUDE_NEXT, false, &from);
		if (e == 0 && !(op->lookup && is_of(s, op->lookup, &from, op->id)))
			e = entry(s, &from, op->id, &op->lookup);
		if (e != 0)
			return e;
	}
	*ret = op->lookup;
	return use(s, *ret);
}

int lookup_note(struct scanner *s, struct file *f, enum scan_file_role role)
{
	struct scan_result *r = &s->result;

	if (!f->listed) {
		if (r->n_files == s->files_cap) {
			size_t cap = s->files_cap ? s->files_cap * 2 : 256;
			struct scan_result_file *v = reallocarray(r->files, cap, sizeof(*v));

			if (!v)
				return -ENOMEM;
			if (cap > UNIT_FILES_MAX)
				return unit_unknown(s, "more than %d files", UNIT_FILES_MAX);
			r->files = v;
			s->files_cap = cap;
		}
		f->listed = true;
		f->index = (uint32_t)r->n_files++;
		r->files[f->index] = (struct scan_result_file){.path = f->path, .role = role};
	}
	if (role == SCAN_FILE_READ) {
		r->files[f->index].role = role;
		r->files[f->index].content = f->content;
	} else if (role == SCAN_FILE_PROBED && r->files[f->index].role == SCAN_FILE_MERGED) {
		r->files[f->index].role = role;
	}
	return 0;
}

static int reduce_now(
	struct scanner *s, struct file *f, struct scan_content *c, char *data, struct text **ret)
{
	AUTO(util_free) char *bytes = data;
	struct text *t;
	int e = 0;

	if (!bytes)
		e = scan_fs_reread(&s->fs, f->path, &bytes);
	if (e < 0)
		return e;
	e = text_make(&s->maker, bytes, c->size, s->mode, &t);
	if (e == -E2BIG)
		return unit_unknown(s, "%s is too large, or nested too deep", f->path->path);
	if (e < 0)
		return e;
	t->next = c->derived;
	c->derived = *ret = t;
	return unit_slots(s);
}

static struct text *in_mode(const struct scan_content *c, uint32_t mode)
{
	struct text *t = c->derived;

	while (t && t->mode != mode)
		t = t->next;
	return t;
}

int lookup_text_slow(struct scanner *s, struct file *f, const struct text **ret)
{
	const struct scan_inode *inode;
	struct scan_content *c;
	char *data = NULL;
	struct text *t;
	int e;

	inode = f->path->inode;
	c = inode->content;
	if (c && f->text && f->serial == c->serial && f->text->mode == s->mode) {
		f->generation = f->path->watched ? s->fs.generation : 0;
		*ret = f->text;
		return 0;
	}
	e = scan_fs_content(&s->fs, f->path, &c, &data);
	if (e == -E2BIG)
		return unit_unknown(s, "%s is too large", f->path->path);
	if (e == -EAGAIN || e == -EACCES || e == -EIO)
		return unit_unknown(s, "%s cannot be read: %s", f->path->path, strerror(-e));
	if (e < 0)
		return e;
	t = in_mode(c, s->mode);
	if (t) {
		free(data);
	} else {
		e = reduce_now(s, f, c, data, &t);
		if (e == -ESTALE || e == -EAGAIN)
			return unit_unknown(s, "%s changes while it is read", f->path->path);
		if (e != 0)
			return e;
	}
	f->content = c;
	f->serial = c->serial;
	f->text = t;
	f->guard = t->guard;
	*ret = t;
	return 0;
}

struct absent_call {
	scan_absent *found;
	void *arg;
};

static int tell_absent(struct scanner *s, struct scan_path *p, bool last, void *arg)
{
	const struct absent_call *c = arg;
	int e = last ? 0 : scan_fs_prove(&s->fs, p);

	return e < 0 || last || p->kind != SCAN_NONE ? e : c->found(c->arg, p);
}

static int tell_pch(struct scanner *s, struct scan_path *p, bool last, void *arg)
{
	struct scan_path *pch = lookup_suffixed(s, p, ".gch");

	return pch ? tell_absent(s, pch, false, arg) : -ENOMEM;
}

int lookup_note_absent(struct scanner *s, struct scan_path *p)
{
	if (s->n_absent == s->absent_cap) {
		size_t cap = s->absent_cap ? s->absent_cap * 2 : 16;
		struct scan_path **v = reallocarray(s->absent, cap, sizeof(*v));

		if (!v)
			return -ENOMEM;
		s->absent = v;
		s->absent_cap = cap;
	}
	s->absent[s->n_absent++] = p;
	return 0;
}

/* By itself, or for directories that would be searched if they were there. */
static int each_noted(struct scanner *s, struct absent_call *c)
{
	int e = 0;

	for (size_t i = 0; i < s->n_absent && e == 0; i++)
		e = tell_absent(s, s->absent[i], false, c);
	for (size_t i = 0; s->search && i < s->search->n_relied && e == 0; i++)
		e = tell_absent(s, s->search->relied[i], false, c);
	return e;
}

int lookup_each_absent(struct scanner *s, scan_absent *found, void *arg)
{
	struct absent_call c = {.found = found, .arg = arg};
	int e = 0;

	if (!s->clang && s->result.n_files > 0)
		e = tell_pch(s, s->result.files[0].path, false, &c);
	for (unsigned i = 0; i < s->n_pch && e == 0; i++)
		e = lookup_each_candidate(s, s->pch[i], tell_pch, &c);
	for (size_t i = 0; i < s->n_used && e == 0; i++)
		e = lookup_each_candidate(s, s->used[i], tell_absent, &c);
	return e == 0 ? each_noted(s, &c) : e;
}

/* dir + "/" + name. */
static int join(struct buf *b, const char *name)
{
	int e = 0;

	if (b->len > 0 && b->data[b->len - 1] != '/')
		e = buf_append_char(b, '/');
	return e < 0 ? e : buf_append_str(b, name);
}

int lookup_spelling(struct scanner *s, const struct frame *f)
{
	struct buf *b = &s->scratch;
	const char *slash;
	int e;

	if (f->shortened) {
		buf_clear(b);
		return buf_append(b, f->file->path->path, f->file->path->len);
	}
	if (f->name == 0 || f->found == FOUND_ABSOLUTE || f->dir_name) {
		buf_clear(b);
		if (f->dir_name) {
			e = buf_append_str(b, f->dir_name);
			return e < 0 || f->name == 0 ? e : join(b, intern_text(&s->names, f->name));
		}
		return buf_append_str(
			b, f->name ? intern_text(&s->names, f->name) : s->plan->input);
	}
	e = lookup_spelling(s, f - 1);
	if (e < 0)
		return e;
	slash = strrchr(buf_str(b), '/');
	b->len = slash ? (size_t)(slash - b->data) + (slash == b->data) : 0;
	if (b->data)
		b->data[b->len] = '\0';
	if (b->len == 0 && s->clang)
		e = buf_append_char(b, '.');
	return e < 0 ? e : join(b, intern_text(&s->names, f->name));
}
