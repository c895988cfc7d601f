/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scan/memo.h"

void memo_free(struct memo *m)
{
	if (!m)
		return;
	for (uint32_t i = 0; i < m->n; i++)
		free(m->entries[i]);
	free(m->entries);
	free(m);
}

/* Where the next entry goes. */
static int place(struct memo *m, struct memo_entry ***ret)
{
	if (m->n == MEMO_ENTRIES_MAX) {
		*ret = &m->entries[m->next];
		m->next = (m->next + 1) % MEMO_ENTRIES_MAX;
		return 0;
	}
	if (m->n == m->cap) {
		uint32_t cap = m->cap ? m->cap * 2 : 1;
		struct memo_entry **v = reallocarray(m->entries, cap, sizeof(*v));

		if (!v)
			return -ENOMEM;
		m->entries = v;
		m->cap = cap;
	}
	*ret = &m->entries[m->n];
	m->entries[m->n++] = NULL;
	return 0;
}

/* Into e, which has room for one more. */
static void copy_reads(struct memo_entry *e, const struct memo_read *reads)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < e->n_reads; i++)
		if (reads[i].macro != 0)
			e->reads[n++] = reads[i];
	for (uint32_t i = 0; i < e->n_reads; i++)
		if (reads[i].macro == 0)
			e->reads[n++] = reads[i];
	e->reads[n] = (struct memo_read){0};
}

int memo_add(struct memo **m, const struct memo_entry *e, const struct memo_read *reads,
	const struct memo_probe *probes, struct memo_entry **ret)
{
	size_t reads_size = (e->n_reads + 1u) * sizeof(*reads);
	size_t probes_size = e->n_probes * sizeof(*probes);
	struct memo_entry *copy = malloc(sizeof(*copy) + reads_size + probes_size);
	struct memo_entry **at;
	int r = copy ? 0 : -ENOMEM;

	if (r == 0 && !*m)
		*m = calloc(1, sizeof(**m));
	if (r == 0)
		r = *m ? place(*m, &at) : -ENOMEM;
	if (r < 0) {
		free(copy);
		return r;
	}
	*copy = *e;
	copy_reads(copy, reads);
	if (probes_size > 0)
		memcpy((struct memo_probe *)memo_probes(copy), probes, probes_size);
	free(*at);
	*at = *ret = copy;
	(*m)->last = (uint32_t)(at - (*m)->entries);
	return 0;
}
