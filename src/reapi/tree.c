/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * A tree that is being made: nodes in an arena, each in the list of its directory, and one table
 * that finds a node by its directory and name. Paths of a compile are of few directories, so that
 * the last ones are remembered by their whole paths and most files cost two look-ups.
 *
 * finish goes through the directories depth first. A directory's children are sorted when all of
 * them have their digests; its bytes are appended to one buffer and hashed there. If the digest is
 * known already (two directories of equal content), the bytes are taken back. So blobs come out
 * children before parents, each once, and in reverse they are in topological order, which is what
 * a Tree message wants.
 *
 * The table is keyed by a number drawn for each tree: names come from jobs, too.
 */

#include "reapi/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "reapi/arena.h"
#include "reapi/encode.h"
#include "reapi/path.h"

/*
 * A name in a directory, for as long as the tree remembers. It is part of the tree at hand if it
 * has its epoch; else it is what was there in an earlier one.
 */
struct reapi_node {
	uint64_t epoch;
	uint64_t version;      /* of what it is: no other value has it, of no node */
	struct encode_node is; /* a directory's digest is known after finish */
	bool asked_for;        /* directory: added as such, and not only as part of a path */
	uint64_t hash;
	struct reapi_node *parent;
	struct reapi_node *sibling; /* the list of the parent's children, newest first */
	struct reapi_node *children;
	size_t n_children;
	struct made *made; /* directory: the messages that were made of it, the latest first */
};

/* A Directory: these children, in its order, when they were of these versions. */
struct made {
	struct made *next;
	uint64_t version; /* of a directory that is this */
	struct reapi_props props;
	struct reapi_tree_blob blob;
	size_t n;
	struct made_of {
		const struct reapi_node *node;
		uint64_t version;
	} children[]; /* and behind them the bytes */
};

enum {
	MADE_MAX = 8, /* messages remembered of each directory */
	REMEMBERED_BYTES =
		32 * 1024 * 1024, /* of names, and of messages: past it all is forgotten */
	REMEMBERED_NODES = REAPI_TREE_NODES_MAX,
};

enum { RECENT = 64 };

struct recent {
	const char *path; /* NULL: none */
	size_t len;
	struct reapi_node *dir;
};

struct reapi_tree {
	struct reapi_arena arena; /* nodes, names, targets */
	struct reapi_node *root;
	uint64_t epoch, versions;
	size_t n_nodes;      /* of the tree at hand */
	size_t n_remembered; /* these, and those of earlier ones */
	size_t made_bytes;
	struct reapi_node **table; /* open addressing, at most half full */
	size_t n_slots;            /* a power of two, or 0 */
	uint64_t key;

	struct recent recent[RECENT]; /* directories that were added to, by the hash of the path */

	/* After finish. */
	struct reapi_hasher hasher;
	struct buf bytes;  /* of the Directory that is being made */
	size_t bytes_used; /* by all of them */
	struct reapi_tree_blob *blobs;
	size_t n_blobs, cap_blobs;
	size_t *index; /* blobs by digest: number + 1 */
	size_t n_index;
	const struct reapi_node **scratch; /* children that are being sorted */
	size_t cap_scratch;
};

/* Two multiplications and their high halves for each eight bytes; key makes it nobody's to guess. */
static uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_of(
	const struct reapi_tree *t, const struct reapi_node *dir, const char *s, size_t n)
{
	uint64_t h = mix(t->key ^ (uint64_t)(uintptr_t)dir, 0x9e3779b97f4a7c15u) ^ n;

	while (n > 0) {
		uint64_t w = 0;
		size_t take = MIN(n, sizeof(w));

		memcpy(&w, s, take);
		h = mix(h ^ w ^ t->key, 0xd6e8feb86659fd93u ^ h);
		s += take;
		n -= take;
	}
	return h;
}

static int make_root(struct reapi_tree *t)
{
	struct reapi_node *root = reapi_arena_calloc(&t->arena, 1, sizeof(*root));

	if (!root)
		return -ENOMEM;
	root->epoch = ++t->epoch;
	root->is.kind = ENCODE_DIRECTORY;
	root->is.name = "";
	t->root = root;
	t->n_nodes = t->n_remembered = 1;
	memset(t->recent, 0, sizeof(t->recent));
	return 0;
}

static void free_made(struct reapi_tree *t, struct made *m)
{
	t->made_bytes -= sizeof(*m) + m->n * sizeof(m->children[0]) + m->blob.size;
	free(m);
}

/* Of all nodes; the root is in no table. */
static void forget_made(struct reapi_tree *t)
{
	for (size_t i = 0; i <= t->n_slots; i++) {
		struct reapi_node *node = i < t->n_slots ? t->table[i] : t->root;

		while (node && node->made) {
			struct made *m = node->made;

			node->made = m->next;
			free_made(t, m);
		}
	}
}

int reapi_tree_new(struct reapi_tree **ret)
{
	struct reapi_tree *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	reapi_arena_init(&t->arena, REAPI_TREE_BYTES_MAX);
	t->bytes.max = REAPI_TREE_BYTES_MAX;
	if (getrandom(&t->key, sizeof(t->key), 0) != (ssize_t)sizeof(t->key))
		t->key = (uint64_t)(uintptr_t)t;
	r = reapi_hasher_init(&t->hasher);
	if (r == 0)
		r = make_root(t);
	if (r < 0) {
		reapi_tree_free(t);
		return r;
	}
	*ret = t;
	return 0;
}

void reapi_tree_free(struct reapi_tree *t)
{
	if (!t)
		return;
	forget_made(t);
	reapi_arena_fini(&t->arena);
	reapi_hasher_fini(&t->hasher);
	buf_fini(&t->bytes);
	free(t->table);
	free(t->blobs);
	free(t->index);
	free(t->scratch);
	free(t);
}

int reapi_tree_reset(struct reapi_tree *t)
{
	forget_made(t);
	t->root = NULL;
	reapi_arena_reset(&t->arena);
	if (t->n_slots > 0)
		memset(t->table, 0, t->n_slots * sizeof(*t->table));
	t->n_blobs = 0;
	return make_root(t);
}

int reapi_tree_again(struct reapi_tree *t, bool *ret_forgotten)
{
	struct reapi_node *root = t->root;

	*ret_forgotten = t->arena.used > REMEMBERED_BYTES || t->made_bytes > REMEMBERED_BYTES ||
			 t->n_remembered > REMEMBERED_NODES;
	if (*ret_forgotten)
		return reapi_tree_reset(t);
	t->n_blobs = 0;
	t->n_nodes = 1;
	root->epoch = ++t->epoch;
	root->children = NULL;
	root->n_children = 0;
	root->asked_for = false;
	root->is.props = (struct reapi_props){.has_mode = false};
	return 0;
}

static void table_put(struct reapi_tree *t, struct reapi_node *node)
{
	size_t i = node->hash & (t->n_slots - 1);

	while (t->table[i])
		i = (i + 1) & (t->n_slots - 1);
	t->table[i] = node;
}

static int table_reserve(struct reapi_tree *t)
{
	size_t n_slots = MAX(t->n_slots * 2, (size_t)256), n_old = t->n_slots;
	struct reapi_node **old = t->table, **table;

	if ((t->n_remembered + 1) * 2 <= t->n_slots)
		return 0;
	table = calloc(n_slots, sizeof(*table));
	if (!table)
		return -ENOMEM;
	t->table = table;
	t->n_slots = n_slots;
	for (size_t i = 0; i < n_old; i++)
		if (old[i])
			table_put(t, old[i]);
	free(old);
	return 0;
}

static struct reapi_node *find(const struct reapi_tree *t, const struct reapi_node *dir,
	const char *name, size_t n, uint64_t hash)
{
	if (t->n_slots == 0)
		return NULL;
	for (size_t i = hash & (t->n_slots - 1); t->table[i]; i = (i + 1) & (t->n_slots - 1)) {
		struct reapi_node *node = t->table[i];

		if (node->hash == hash && node->parent == dir && node->is.name_len == n &&
			memcmp(node->is.name, name, n) == 0)
			return node;
	}
	return NULL;
}

static int out_of_memory(const struct reapi_tree *t, struct reapi_violation *v)
{
	if (!t->arena.exhausted)
		return -ENOMEM;
	return reapi_violate(
		v, REAPI_TOO_BIG, "the tree takes more than %d bytes", REAPI_TREE_BYTES_MAX);
}

static int check_room(const struct reapi_tree *t, struct reapi_violation *v)
{
	return t->n_nodes < REAPI_TREE_NODES_MAX
		       ? 0
		       : reapi_violate(v, REAPI_TOO_BIG, "the tree has more than %d entries",
				 REAPI_TREE_NODES_MAX);
}

/* A node of a name that is not remembered; it is in no tree yet. */
static int node_new(struct reapi_tree *t, struct reapi_node *dir, const char *name, size_t n,
	uint64_t hash, struct reapi_node **ret, struct reapi_violation *v)
{
	struct reapi_node *node;
	int r = table_reserve(t);

	if (r < 0)
		return r;
	node = reapi_arena_calloc(&t->arena, 1, sizeof(*node));
	if (!node)
		return out_of_memory(t, v);
	node->is.name = reapi_arena_strndup(&t->arena, name, n);
	if (!node->is.name)
		return out_of_memory(t, v);
	node->is.name_len = n;
	node->hash = hash;
	node->parent = dir;
	t->n_remembered++;
	table_put(t, node);
	*ret = node;
	return 0;
}

/* It becomes part of the tree, as its parent is. */
static void node_link(struct reapi_tree *t, struct reapi_node *node)
{
	node->epoch = t->epoch;
	node->sibling = node->parent->children;
	node->parent->children = node;
	node->parent->n_children++;
	t->n_nodes++;
}

static void become_directory(struct reapi_tree *t, struct reapi_node *node)
{
	node->is = (struct encode_node){
		.kind = ENCODE_DIRECTORY, .name = node->is.name, .name_len = node->is.name_len};
	node->asked_for = false;
	node->children = NULL;
	node->n_children = 0;
	node_link(t, node);
}

static int conflict(const char *path, struct reapi_violation *v)
{
	return reapi_violate(v, REAPI_CONFLICT,
		"the path, or one that leads to it, is in the tree as something else: %s", path);
}

/* The directory, and those that lead to it, come into the tree. */
static int enter(struct reapi_tree *t, struct reapi_node *dir, struct reapi_violation *v)
{
	int r;

	if (dir->epoch == t->epoch)
		return dir->is.kind == ENCODE_DIRECTORY ? 0 : conflict(dir->is.name, v);
	r = enter(t, dir->parent, v);
	if (r == 0)
		r = check_room(t, v);
	if (r == 0)
		become_directory(t, dir);
	return r;
}

/* The directory that the first n bytes of path lead to; made where it is not there. */
static int directory(struct reapi_tree *t, const char *path, size_t n, struct reapi_node **ret,
	struct reapi_violation *v)
{
	struct recent *recent = &t->recent[hash_of(t, t->root, path, n) % RECENT];
	struct reapi_node *dir = t->root;

	if (recent->path && n == recent->len && memcmp(path, recent->path, n) == 0) {
		*ret = recent->dir;
		return enter(t, recent->dir, v);
	}
	for (size_t at = 0; at < n;) {
		const char *end = memchr(path + at, '/', n - at);
		size_t len = end ? (size_t)(end - path) - at : n - at;
		uint64_t hash = hash_of(t, dir, path + at, len);
		struct reapi_node *node = find(t, dir, path + at, len, hash);

		if (!node || node->epoch != t->epoch) {
			int r = check_room(t, v);

			if (r == 0 && !node)
				r = node_new(t, dir, path + at, len, hash, &node, v);
			if (r != 0)
				return r;
			become_directory(t, node);
		}
		if (node->is.kind != ENCODE_DIRECTORY)
			return conflict(path, v);
		dir = node;
		at += len + 1;
	}
	*ret = dir;
	/* Without memory for it it is walked to again. */
	*recent = (struct recent){reapi_arena_strndup(&t->arena, path, n), n, dir};
	return 0;
}

static bool props_eq(const struct reapi_props *a, const struct reapi_props *b)
{
	return a->has_mtime == b->has_mtime && a->has_mode == b->has_mode &&
	       (!a->has_mode || a->mode == b->mode) &&
	       (!a->has_mtime || (a->mtime_s == b->mtime_s && a->mtime_ns == b->mtime_ns));
}

static bool same(const struct encode_node *a, const struct encode_node *b)
{
	if (a->kind != b->kind || !props_eq(&a->props, &b->props))
		return false;
	if (a->kind == ENCODE_SYMLINK)
		return a->target_len == b->target_len &&
		       memcmp(a->target, b->target, a->target_len) == 0;
	return a->executable == b->executable && reapi_digest_eq(&a->digest, &b->digest);
}

static int check_props(const struct reapi_props *props, struct reapi_violation *v)
{
	if (props->has_mode && props->mode > 07777)
		return reapi_violate(
			v, REAPI_INVALID, "the mode is more than permissions: 0%o", props->mode);
	if (props->has_mtime && props->mtime_ns > 999999999)
		return reapi_violate(
			v, REAPI_INVALID, "the mtime has %u nanoseconds", props->mtime_ns);
	return 0;
}

/* What was there already: nothing is changed. */
static int again(const struct reapi_node *node, const struct encode_node *wanted, const char *path,
	struct reapi_violation *v)
{
	if (!same(&node->is, wanted))
		return conflict(path, v);
	return reapi_violate(v, REAPI_DUPLICATE, "the path is in the tree already: %s", path);
}

/* A file or a link, at a node that is not in the tree yet, in a directory that is. */
static int become_leaf(struct reapi_tree *t, struct reapi_node *node, struct encode_node *wanted,
	struct reapi_violation *v)
{
	if (!node->version || !same(&node->is, wanted)) {
		wanted->name = node->is.name;
		wanted->name_len = node->is.name_len;
		if (wanted->kind == ENCODE_SYMLINK)
			wanted->target =
				reapi_arena_strndup(&t->arena, wanted->target, wanted->target_len);
		if (wanted->kind == ENCODE_SYMLINK && !wanted->target)
			return out_of_memory(t, v);
		node->is = *wanted;
		node->version = ++t->versions;
	}
	node_link(t, node);
	return 0;
}

static int add_leaf(struct reapi_tree *t, const char *path, struct encode_node *wanted,
	struct reapi_violation *v)
{
	const char *slash = strrchr(path, '/');
	size_t dir_len = slash ? (size_t)(slash - path) : 0;
	const char *name = slash ? slash + 1 : path;
	struct reapi_node *dir, *node;
	uint64_t hash;
	size_t n;
	int r = directory(t, path, dir_len, &dir, v);

	if (r != 0)
		return r;
	n = strlen(name);
	hash = hash_of(t, dir, name, n);
	node = find(t, dir, name, n, hash);
	if (node && node->epoch == t->epoch)
		return again(node, wanted, path, v);
	r = check_room(t, v);
	if (r == 0 && !node)
		r = node_new(t, dir, name, n, hash, &node, v);
	return r != 0 ? r : become_leaf(t, node, wanted, v);
}

int reapi_tree_add_file(struct reapi_tree *t, const char *path, const struct reapi_digest *digest,
	bool executable, const struct reapi_props *props, struct reapi_violation *v)
{
	struct encode_node wanted = {
		.kind = ENCODE_FILE, .executable = executable, .digest = *digest};
	int r = reapi_path_check("the path", path, v);

	if (props)
		wanted.props = *props;
	if (r == 0)
		r = check_props(&wanted.props, v);
	return r == 0 ? add_leaf(t, path, &wanted, v) : r;
}

struct reapi_node *reapi_tree_node(const struct reapi_tree *t, const char *path)
{
	struct reapi_node *node = t->root;
	size_t n;

	for (; node && *path; path += n + (path[n] == '/')) {
		n = strcspn(path, "/");
		node = find(t, node, path, n, hash_of(t, node, path, n));
	}
	return node && node->epoch == t->epoch ? node : NULL;
}

int reapi_tree_add_file_at(struct reapi_tree *t, struct reapi_node *node,
	const struct reapi_digest *digest, bool executable, const struct reapi_props *props,
	struct reapi_violation *v)
{
	struct encode_node wanted = {
		.kind = ENCODE_FILE, .executable = executable, .digest = *digest};
	int r;

	if (props)
		wanted.props = *props;
	r = check_props(&wanted.props, v);
	if (r == 0 && node->epoch == t->epoch)
		return again(node, &wanted, node->is.name, v);
	if (r == 0)
		r = enter(t, node->parent, v);
	if (r == 0)
		r = check_room(t, v);
	return r == 0 ? become_leaf(t, node, &wanted, v) : r;
}

int reapi_tree_add_symlink(struct reapi_tree *t, const char *path, const char *target,
	const struct reapi_props *props, struct reapi_violation *v)
{
	struct encode_node wanted = {
		.kind = ENCODE_SYMLINK, .target = target, .target_len = strlen(target)};
	int r = reapi_path_check("the path", path, v);

	if (props)
		wanted.props = *props;
	if (r == 0)
		r = reapi_target_check(target, v);
	if (r == 0)
		r = check_props(&wanted.props, v);
	return r == 0 ? add_leaf(t, path, &wanted, v) : r;
}

int reapi_tree_add_directory(struct reapi_tree *t, const char *path,
	const struct reapi_props *props, struct reapi_violation *v)
{
	struct reapi_props wanted = {.has_mode = false};
	struct reapi_node *dir;
	int r = *path ? reapi_path_check("the path", path, v) : 0;

	if (props)
		wanted = *props;
	if (r == 0)
		r = check_props(&wanted, v);
	if (r == 0)
		r = directory(t, path, strlen(path), &dir, v);
	if (r != 0)
		return r;
	if (dir->asked_for)
		return props_eq(&dir->is.props, &wanted)
			       ? reapi_violate(v, REAPI_DUPLICATE,
					 "the path is in the tree already: %s", path)
			       : conflict(path, v);
	dir->asked_for = true;
	dir->is.props = wanted;
	return 0;
}

/* In the order of a Directory's bytes: files, directories, links, and each by name. */
static int by_kind_and_name(const void *a, const void *b)
{
	const struct encode_node *x = &(*(const struct reapi_node *const *)a)->is;
	const struct encode_node *y = &(*(const struct reapi_node *const *)b)->is;
	int c;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	c = memcmp(x->name, y->name, MIN(x->name_len, y->name_len));
	return c != 0 ? c : (x->name_len > y->name_len) - (x->name_len < y->name_len);
}

static int sort_children(struct reapi_tree *t, const struct reapi_node *dir)
{
	size_t n = 0;

	if (dir->n_children > t->cap_scratch) {
		size_t cap = MAX(dir->n_children, t->cap_scratch * 2);
		const struct reapi_node **scratch = realloc(t->scratch, cap * sizeof(*scratch));

		if (!scratch)
			return -ENOMEM;
		t->scratch = scratch;
		t->cap_scratch = cap;
	}
	for (const struct reapi_node *child = dir->children; child; child = child->sibling)
		t->scratch[n++] = child;
	if (n > 1)
		qsort(t->scratch, n, sizeof(*t->scratch), by_kind_and_name);
	return 0;
}

/* Where the blob of this digest is in the index, or where it belongs. */
static size_t *index_slot(const struct reapi_tree *t, const struct reapi_digest *digest)
{
	size_t i = reapi_digest_key(digest) & (t->n_index - 1);

	while (t->index[i] && !reapi_digest_eq(&t->blobs[t->index[i] - 1].digest, digest))
		i = (i + 1) & (t->n_index - 1);
	return &t->index[i];
}

/* Room for one more blob. */
static int blobs_reserve(struct reapi_tree *t)
{
	size_t cap = MAX(t->cap_blobs * 2, (size_t)64);
	struct reapi_tree_blob *blobs;
	size_t *index;

	if (t->n_blobs < t->cap_blobs)
		return 0;
	blobs = realloc(t->blobs, cap * sizeof(*blobs));
	if (!blobs)
		return -ENOMEM;
	t->blobs = blobs;
	index = calloc(cap * 2, sizeof(*index));
	if (!index)
		return -ENOMEM;
	free(t->index);
	t->index = index;
	t->n_index = cap * 2;
	t->cap_blobs = cap;
	for (size_t i = 0; i < t->n_blobs; i++)
		*index_slot(t, &t->blobs[i].digest) = i + 1;
	return 0;
}

/* A Directory's bytes. */
static int encode(struct reapi_tree *t, const struct reapi_node *dir)
{
	int r = sort_children(t, dir);

	buf_clear(&t->bytes);
	for (size_t i = 0; r == 0 && i < dir->n_children; i++)
		r = reapi_encode_node(&t->scratch[i]->is, &t->bytes);
	return r == 0 ? reapi_encode_directory_props(&dir->is.props, &t->bytes) : r;
}

/* Was it made of just these? As many are in it as the directory has, so they are all. */
static bool is_made_of(
	const struct reapi_tree *t, const struct made *m, const struct reapi_node *dir)
{
	if (m->n != dir->n_children || !props_eq(&m->props, &dir->is.props))
		return false;
	for (size_t i = 0; i < m->n; i++)
		if (m->children[i].node->epoch != t->epoch ||
			m->children[i].node->version != m->children[i].version)
			return false;
	return true;
}

/* Comes to the front of the list. */
static bool recall(const struct reapi_tree *t, struct reapi_node *dir)
{
	for (struct made **at = &dir->made; *at; at = &(*at)->next) {
		struct made *m = *at;

		if (is_made_of(t, m, dir)) {
			*at = m->next;
			m->next = dir->made;
			dir->made = m;
			return true;
		}
	}
	return false;
}

static void forget_oldest(struct reapi_tree *t, struct reapi_node *dir)
{
	struct made **at = &dir->made;

	for (int n = 0; *at; n++) {
		struct made *m = *at;

		if (n < MADE_MAX) {
			at = &m->next;
			continue;
		}
		*at = m->next;
		free_made(t, m);
	}
}

static int make_directory(struct reapi_tree *t, struct reapi_node *dir)
{
	struct made *m;
	size_t of = dir->n_children * sizeof(m->children[0]);
	int r = encode(t, dir);

	if (r < 0)
		return r;
	m = malloc(sizeof(*m) + of + t->bytes.len);
	if (!m)
		return -ENOMEM;
	*m = (struct made){.next = dir->made, .props = dir->is.props, .n = dir->n_children};
	for (size_t i = 0; i < m->n; i++)
		m->children[i] = (struct made_of){t->scratch[i], t->scratch[i]->version};
	m->blob.size = t->bytes.len;
	m->blob.data = memcpy((char *)m->children + of, buf_str(&t->bytes), t->bytes.len);
	r = reapi_hasher_update(&t->hasher, m->blob.data, m->blob.size);
	if (r == 0)
		r = reapi_hasher_finish(&t->hasher, &m->blob.digest);
	if (r < 0) {
		free(m);
		return r;
	}
	m->version = ++t->versions;
	t->made_bytes += sizeof(*m) + of + m->blob.size;
	dir->made = m;
	forget_oldest(t, dir);
	return 0;
}

static int finish_one(struct reapi_tree *t, struct reapi_node *dir)
{
	size_t *slot;
	int r = blobs_reserve(t);

	if (r == 0 && !recall(t, dir))
		r = make_directory(t, dir);
	if (r < 0)
		return r;
	dir->version = dir->made->version;
	dir->is.digest = dir->made->blob.digest;
	slot = index_slot(t, &dir->is.digest);
	if (*slot)
		return 0;
	t->bytes_used += dir->made->blob.size;
	if (t->bytes_used > REAPI_TREE_BYTES_MAX)
		return -E2BIG;
	t->blobs[t->n_blobs] = dir->made->blob;
	*slot = ++t->n_blobs;
	return 0;
}

/* Depth is bounded by REAPI_PATH_DEPTH. */
static int finish_below(struct reapi_tree *t, struct reapi_node *dir)
{
	for (struct reapi_node *child = dir->children; child; child = child->sibling)
		if (child->is.kind == ENCODE_DIRECTORY) {
			int r = finish_below(t, child);

			if (r < 0)
				return r;
		}
	return finish_one(t, dir);
}

int reapi_tree_finish(struct reapi_tree *t, struct reapi_violation *v)
{
	int r;

	t->n_blobs = t->bytes_used = 0;
	if (t->n_index > 0)
		memset(t->index, 0, t->n_index * sizeof(*t->index));
	r = finish_below(t, t->root);
	if (r == -E2BIG)
		r = reapi_violate(v, REAPI_TOO_BIG,
			"the tree's directories take more than %d bytes", REAPI_TREE_BYTES_MAX);
	if (r != 0)
		t->n_blobs = 0;
	return r;
}

const struct reapi_digest *reapi_tree_root(const struct reapi_tree *t)
{
	return &t->root->is.digest;
}

const struct reapi_tree_blob *reapi_tree_blobs(const struct reapi_tree *t, size_t *ret_n)
{
	*ret_n = t->n_blobs;
	return t->blobs;
}

int reapi_tree_message(const struct reapi_tree *t, struct buf *ret)
{
	/* Tree: root = 1, children = 2. */
	for (size_t i = t->n_blobs; i > 0; i--) {
		const struct reapi_tree_blob *b = &t->blobs[i - 1];
		int r = reapi_encode_bytes(i == t->n_blobs ? 1 : 2, b->data, b->size, ret);

		if (r < 0)
			return r;
	}
	return 0;
}
