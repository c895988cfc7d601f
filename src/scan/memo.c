/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scan/memo.h"

void memo_free(struct memo *m)
{
	if (!m)
		return;
	while (m->first) {
		struct memo_entry *e = m->first;

		m->first = e->next;
		free(e);
	}
	free(m);
}

static void drop_last(struct memo *m)
{
	struct memo_entry **at = &m->first;

	while ((*at)->next)
		at = &(*at)->next;
	free(*at);
	*at = NULL;
	m->n--;
}

int memo_add(struct memo **m, const void *facts, int64_t value, const struct memo_read *reads,
	uint32_t n_reads)
{
	struct memo_entry *e = malloc(sizeof(*e) + n_reads * sizeof(*reads));

	if (!e)
		return -ENOMEM;
	if (!*m)
		*m = calloc(1, sizeof(**m));
	if (!*m) {
		free(e);
		return -ENOMEM;
	}
	if ((*m)->n >= MEMO_ENTRIES_MAX)
		drop_last(*m);
	*e = (struct memo_entry){
		.next = (*m)->first, .facts = facts, .value = value, .n_reads = n_reads};
	if (n_reads > 0)
		memcpy(e->reads, reads, n_reads * sizeof(*reads));
	(*m)->first = e;
	(*m)->n++;
	return 0;
}
