/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scan/search_merge.h"

#include <string.h>

/*
 * gcc (gcc/incpath.cc, merge_include_chains): the system chain (-isystem, its own, -idirafter)
 * loses what was in it before; the chain of -I what is in the system chain or was in it before;
 * the chain of -iquote the same, and its last directory if that is also the first one behind it
 * (not if a directory that is not there was named behind it: gcc has not come to that one yet).
 *
 * clang (lib/Frontend or lib/Lex, InitHeaderSearch.cpp): the quote directories lose what was among
 * them before, and nothing else. All others are one list, from which the later of two equal
 * directories goes, but where the later one is a system directory and the earlier is not, the
 * earlier goes.
 */

static bool same(const struct search_entry *a, const struct search_entry *b)
{
	return a->ino == b->ino && a->dev == b->dev;
}

static void drop(struct search_entry *entries, size_t *n, size_t i)
{
	memmove(entries + i, entries + i + 1, (*n - i - 1) * sizeof(*entries));
	--*n;
}

/* The first entry of a group at or behind this one. */
static size_t group_start(const struct search_entry *entries, size_t n, enum search_group group)
{
	size_t i = 0;

	while (i < n && entries[i].group < group)
		i++;
	return i;
}

static bool is_among(
	const struct search_entry *entries, size_t first, size_t end, const struct search_entry *e)
{
	for (size_t i = first; i < end; i++)
		if (same(&entries[i], e))
			return true;
	return false;
}

/*
 * A chain is entries[first .. *end); system and what follows the chain lie behind it. Dropped
 * entries move *end, *system and *n.
 */
static void thin_chain(
	struct search_entry *entries, size_t first, size_t *end, size_t *system, size_t *n)
{
	for (size_t i = first; i < *end;) {
		bool last = entries[i].last && *end < *n && same(&entries[i], &entries[*end]);

		if (!last && !is_among(entries, *system, *n, &entries[i]) &&
			!is_among(entries, first, i, &entries[i])) {
			i++;
			continue;
		}
		drop(entries, n, i);
		--*end;
		--*system;
	}
}

void search_merge_gcc(struct search_entry *entries, size_t *n, size_t *ret_n_quote)
{
	size_t angled = group_start(entries, *n, SEARCH_ANGLED);
	size_t system = group_start(entries, *n, SEARCH_SYSTEM), end;

	for (size_t i = system; i < *n;)
		if (is_among(entries, system, i, &entries[i]))
			drop(entries, n, i);
		else
			i++;
	end = system;
	thin_chain(entries, angled, &end, &system, n);
	thin_chain(entries, 0, &angled, &system, n);
	*ret_n_quote = angled;
}

void search_merge_clang(struct search_entry *entries, size_t *n, size_t *ret_n_quote)
{
	size_t quote = group_start(entries, *n, SEARCH_ANGLED);

	for (size_t i = 0; i < quote;) {
		if (!is_among(entries, 0, i, &entries[i])) {
			i++;
			continue;
		}
		drop(entries, n, i);
		quote--;
	}
	for (size_t i = quote; i < *n;) {
		size_t k = quote;

		while (!same(&entries[k], &entries[i]))
			k++;
		if (k == i)
			i++;
		else
			drop(entries, n, entries[i].dir.system && !entries[k].dir.system ? k : i);
	}
	*ret_n_quote = quote;
}

/* Which is taken up first; the compiler's own stand behind -isystem in their group. */
static bool is_before(const struct search_entry *a, const struct search_entry *b)
{
	static const unsigned char rank[] = {
		[SEARCH_ANGLED] = 0, [SEARCH_AFTER] = 1, [SEARCH_QUOTE] = 2, [SEARCH_SYSTEM] = 3};

	return rank[a->group] < rank[b->group] || (a->group == b->group && a < b);
}

void search_name_by_first(struct search_entry *entries, size_t n)
{
	/* An entry that was given a name has that of the first one: the order does not matter. */
	for (size_t i = 0; i < n; i++) {
		const struct search_entry *first = &entries[i];

		for (size_t k = 0; k < n; k++)
			if (same(&entries[k], &entries[i]) && is_before(&entries[k], first))
				first = &entries[k];
		entries[i].dir.name = first->dir.name;
		entries[i].dir.path = first->dir.path;
	}
}
