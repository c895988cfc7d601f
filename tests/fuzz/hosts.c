/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The hosts list: what it accepts keeps the promises of its header. */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sched/hosts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_entry(const struct hosts_entry *e)
{
	assert(e->definition && *e->definition && !strpbrk(e->definition, " \t\r\n\f#"));
	assert(e->name && *e->name && *e->name != '-' && !strchr(e->name, '@'));
	assert(e->slots >= 1 && e->slots <= HOSTS_SLOTS_MAX);
	assert((e->port != 0) == (e->mode == HOSTS_MODE_TCP || e->mode == HOSTS_MODE_REX));
	assert((e->instance != NULL) == (e->mode == HOSTS_MODE_REX));
	assert(e->tls || (!e->files.ca && !e->files.cert && !e->files.key));
	assert(!e->files.cert == !e->files.key);
	assert(!e->files.token || *e->files.token == '/');
	assert(e->mode == HOSTS_MODE_SSH || (!e->user && !e->command));
	assert(!e->cpp || e->lzo);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(util_free) char *text = strndup((const char *)data, size);
	AUTO(buf_fini) struct buf error = BUF_INIT;
	struct hosts h;
	int r;

	if (!text)
		return 0;
	r = hosts_parse(text, &h, &error);
	assert((r == HOSTS_BAD) == (error.len > 0));
	if (r != 0)
		return 0;
	assert(h.n <= HOSTS_MAX);
	for (size_t i = 0; i < h.n; i++)
		check_entry(&h.v[i]);
	assert(h.n_caches <= HOSTS_CACHES_MAX);
	for (size_t i = 0; i < h.n_caches; i++) {
		check_entry(&h.caches[i]);
		assert(h.caches[i].mode == HOSTS_MODE_REX && !h.caches[i].down);
	}
	hosts_shuffle(&h, size);
	assert(hosts_total_slots(&h) >= h.n);
	hosts_fini(&h);
	return 0;
}
