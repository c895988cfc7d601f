/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <string.h>

#include "reapi/path.h"
#include "reapi/plan.h"

int reapi_props_from_proto(
	const re_node_properties *m, struct reapi_props *ret, struct reapi_violation *v)
{
	struct reapi_props props = {.has_mode = false};

	if (m && m->mtime) {
		if (m->mtime->nanos < 0 || m->mtime->nanos > 999999999)
			return reapi_violate(v, REAPI_INVALID,
				"an mtime has %" PRId32 " nanoseconds", m->mtime->nanos);
		props.has_mtime = true;
		props.mtime_s = m->mtime->seconds;
		props.mtime_ns = (uint32_t)m->mtime->nanos;
	}
	if (m && m->unix_mode) {
		props.has_mode = true;
		props.mode = m->unix_mode->value & 07777;
	}
	*ret = props;
	return 0;
}

/* One list, sorted and without twins: previous is the name before this one, or NULL. */
static int check_order(
	const char *what, const char *previous, const char *name, struct reapi_violation *v)
{
	int c = previous ? strcmp(previous, name) : -1;

	if (c == 0)
		return reapi_violate(v, REAPI_INVALID, "two %s have the name %s", what, name);
	if (c > 0)
		return reapi_violate(v, REAPI_INVALID, "%s are not sorted by name: %s before %s",
			what, previous, name);
	return 0;
}

static int check_name(const char *what, const char *name, struct reapi_violation *v)
{
	return reapi_name_check(what, name, strlen(name), v);
}

static int check_file(const re_file_node *f, struct reapi_violation *v)
{
	struct reapi_digest digest;
	struct reapi_props props;
	int r = check_name("the name of a file", f->name, v);

	if (r == 0)
		r = reapi_digest_from_proto(f->digest, &digest, v);
	return r == 0 ? reapi_props_from_proto(f->node_properties, &props, v) : r;
}

static int check_subdirectory(const re_directory_node *d, struct reapi_violation *v)
{
	struct reapi_digest digest;
	int r = check_name("the name of a directory", d->name, v);

	return r == 0 ? reapi_digest_from_proto(d->digest, &digest, v) : r;
}

static int check_symlink(const re_symlink_node *s, struct reapi_violation *v)
{
	struct reapi_props props;
	int r = check_name("the name of a link", s->name, v);

	if (r == 0)
		r = reapi_target_check(s->target, v);
	return r == 0 ? reapi_props_from_proto(s->node_properties, &props, v) : r;
}

static int check_lists(const re_directory *d, struct reapi_violation *v)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < d->n_files; i++) {
		r = check_file(d->files[i], v);
		if (r == 0 && i > 0)
			r = check_order("files", d->files[i - 1]->name, d->files[i]->name, v);
	}
	for (size_t i = 0; r == 0 && i < d->n_directories; i++) {
		r = check_subdirectory(d->directories[i], v);
		if (r == 0 && i > 0)
			r = check_order("directories", d->directories[i - 1]->name,
				d->directories[i]->name, v);
	}
	for (size_t i = 0; r == 0 && i < d->n_symlinks; i++) {
		r = check_symlink(d->symlinks[i], v);
		if (r == 0 && i > 0)
			r = check_order("links", d->symlinks[i - 1]->name, d->symlinks[i]->name, v);
	}
	return r;
}

/* No name in two of the lists, which are sorted: all three are gone through at once. */
static int check_across(const re_directory *d, struct reapi_violation *v)
{
	size_t f = 0, s = 0, k = 0;

	for (;;) {
		const char *name[] = {f < d->n_files ? d->files[f]->name : NULL,
			s < d->n_directories ? d->directories[s]->name : NULL,
			k < d->n_symlinks ? d->symlinks[k]->name : NULL};
		const char *least = NULL;
		unsigned times = 0;

		for (size_t i = 0; i < ARRAY_SIZE(name); i++)
			if (name[i] && (!least || strcmp(name[i], least) < 0))
				least = name[i];
		if (!least)
			return 0;
		f += name[0] && str_eq(name[0], least) && ++times;
		s += name[1] && str_eq(name[1], least) && ++times;
		k += name[2] && str_eq(name[2], least) && ++times;
		if (times > 1)
			return reapi_violate(v, REAPI_INVALID,
				"a name is that of a file, a directory or a link at once: %s",
				least);
	}
}

int reapi_directory_check(const re_directory *d, struct reapi_violation *v)
{
	struct reapi_props props;
	int r = check_lists(d, v);

	if (r == 0)
		r = check_across(d, v);
	return r == 0 ? reapi_props_from_proto(d->node_properties, &props, v) : r;
}
