/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "exact/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_REMEMBERED = 32 * 1024 * 1024 }; /* bytes; past it they are forgotten */

static struct exact_names *names_new(void)
{
	struct exact_names *n = malloc(sizeof(*n));

	if (!n)
		return NULL;
	n->users = 1;
	reapi_arena_init(&n->arena, REAPI_TREE_BYTES_MAX);
	return n;
}

void exact_names_unref(struct exact_names *n)
{
	if (!n || atomic_fetch_sub(&n->users, 1) > 1)
		return;
	reapi_arena_fini(&n->arena);
	free(n);
}

struct exact_memory *exact_memory_new(void)
{
	return calloc(1, sizeof(struct exact_memory));
}

void exact_memory_free(struct exact_memory *m)
{
	if (!m)
		return;
	reapi_tree_free(m->tree);
	exact_names_unref(m->names);
	free(m->places);
	free(m->twins);
	free(m);
}

static int start_over(struct exact_memory *m)
{
	reapi_tree_free(TAKE_PTR(m->tree));
	exact_names_unref(TAKE_PTR(m->names));
	free(TAKE_PTR(m->places));
	m->n_places = 0;
	m->names = names_new();
	return m->names ? reapi_tree_new(&m->tree) : -ENOMEM;
}

static int room_for_twins(struct exact_memory *m, size_t n)
{
	size_t n_twins = MAX(m->n_twins, (size_t)1024);
	struct exact_twin *twins;

	while (n_twins < n * 2)
		n_twins *= 2;
	if (n_twins == m->n_twins)
		return 0;
	twins = calloc(n_twins, sizeof(*twins));
	if (!twins)
		return -ENOMEM;
	free(m->twins);
	m->twins = twins;
	m->n_twins = n_twins;
	return 0;
}

int exact_memory_begin(struct exact_memory *m, const struct scanner *s, size_t n)
{
	bool forgotten = true;
	int r = 0;

	m->round++;
	if (m->tree && !m->spoilt && m->views == scanner_views(s) &&
		m->names->arena.used <= NAMES_REMEMBERED)
		r = reapi_tree_again(m->tree, &forgotten);
	if (r == 0 && forgotten)
		r = start_over(m);
	m->spoilt = r < 0;
	m->views = scanner_views(s);
	return r < 0 ? r : room_for_twins(m, n);
}

struct exact_place *exact_memory_place(struct exact_memory *m, const struct scan_path *path)
{
	size_t n = MAX(m->n_places, (size_t)1024);
	struct exact_place *places;

	if (path->id < m->n_places)
		return &m->places[path->id];
	while (n <= path->id)
		n *= 2;
	places = reallocarray(m->places, n, sizeof(*places));
	if (!places)
		return NULL;
	memset(places + m->n_places, 0, (n - m->n_places) * sizeof(*places));
	m->places = places;
	m->n_places = n;
	return &places[path->id];
}

static int name_place(struct exact_memory *m, const struct scan_path *path, const char *real,
	struct exact_place *place)
{
	place->generation = 0;
	place->node = NULL;
	place->scanner_real = real;
	if (!place->spelled)
		place->spelled = reapi_arena_strndup(&m->names->arena, path->path, path->len);
	if (!place->spelled)
		return -ENOMEM;
	place->plain = !strstr(path->path, "//") && !strstr(path->path, "/./");
	place->real = str_eq(real, place->spelled)
			      ? place->spelled
			      : reapi_arena_strndup(&m->names->arena, real, strlen(real));
	return place->real ? 0 : -ENOMEM;
}

struct exact_place *exact_memory_file(
	struct exact_memory *m, struct scanner *s, struct scan_path *path)
{
	struct exact_place *place = exact_memory_place(m, path);
	const char *real;

	/* A path that may lead elsewhere was proved anew, and is of another generation by now. */
	if (!place || (path->watched && place->generation == path->generation))
		return place;
	real = scanner_real(s, path);
	if (!real)
		return NULL;
	/* The scanner keeps each of these for as long as its paths. */
	if (place->scanner_real != real && name_place(m, path, real, place) < 0)
		return NULL;
	place->generation = path->watched ? path->generation : 0;
	return place;
}
