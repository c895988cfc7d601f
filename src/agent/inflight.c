/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/inflight.h"

#include <assert.h>
#include <stddef.h>

void inflight_init(struct inflight *f)
{
	list_init(&f->flights);
}

void inflight_member_init(struct inflight_member *m, inflight_told_fn told)
{
	*m = (struct inflight_member){.told = told};
	list_init(&m->link);
	list_init(&m->followers);
}

bool inflight_join(struct inflight *f, struct inflight_member *m, const struct reapi_digest *action)
{
	assert(list_empty(&m->link));
	m->action = *action;
	LIST_FOR(pos, &f->flights)
	{
		struct inflight_member *first = LIST_ENTRY(pos, struct inflight_member, link);

		if (!reapi_digest_eq(&first->action, action))
			continue;
		list_append(&first->followers, &m->link);
		return true;
	}
	m->leads = true;
	list_append(&f->flights, &m->link);
	return false;
}

/* One at a time, from the front: who is told may leave, and take nobody else with it. */
static void tell_all(
	struct inflight_member *m, enum inflight_word word, const struct rex_result *result)
{
	if (!m->leads)
		return;
	m->leads = false;
	list_unlink(&m->link);
	while (!list_empty(&m->followers)) {
		struct inflight_member *next =
			LIST_ENTRY(m->followers.next, struct inflight_member, link);

		list_unlink(&next->link);
		next->told(next, word, result);
	}
}

void inflight_done(struct inflight_member *m, const struct rex_result *result)
{
	tell_all(m, INFLIGHT_RESULT, result);
}

void inflight_failed(struct inflight_member *m)
{
	tell_all(m, INFLIGHT_ALONE, NULL);
}

void inflight_leave(struct inflight *f, struct inflight_member *m)
{
	struct inflight_member *heir;

	list_unlink(&m->link);
	m->leads = false;
	if (list_empty(&m->followers))
		return;
	heir = LIST_ENTRY(m->followers.next, struct inflight_member, link);
	list_unlink(&heir->link);
	while (!list_empty(&m->followers)) {
		struct list *next = m->followers.next;

		list_unlink(next);
		list_append(&heir->followers, next);
	}
	heir->leads = true;
	list_append(&f->flights, &heir->link);
	heir->told(heir, INFLIGHT_LEAD, NULL);
}
