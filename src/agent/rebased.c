/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/rebased.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exact/rebase.h"

struct change {
	const struct exact_action *a;
	const char *from, *to;
	char **reason;
};

static int doubt(struct change *c, const char *what, const char *name)
{
	if (asprintf(c->reason, "DISTCC_BASEDIR: %s in %s", what, name) < 0) {
		*c->reason = NULL;
		return -ENOMEM;
	}
	return REBASED_DOUBTED;
}

/* Sections that are compressed hide what is in them. All of an ELF file, of either class. */
static bool may_hide(const char *data, size_t n)
{
	union {
		Elf32_Ehdr narrow;
		Elf64_Ehdr wide;
	} h;
	uint64_t offset, count, size;
	bool wide;

	if (n < EI_NIDENT || memcmp(data, ELFMAG, SELFMAG) != 0)
		return false;
	wide = data[EI_CLASS] == ELFCLASS64;
	if (data[EI_DATA] != ELFDATA2LSB || n < sizeof(h))
		return true;
	memcpy(&h, data, sizeof(h));
	offset = wide ? h.wide.e_shoff : h.narrow.e_shoff;
	count = wide ? h.wide.e_shnum : h.narrow.e_shnum;
	size = wide ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
	/* Sections past what the header can count are counted elsewhere. */
	if (count == 0 || offset > n || count > (n - offset) / size)
		return true;
	for (uint64_t i = 0; i < count; i++) {
		union {
			Elf32_Shdr narrow;
			Elf64_Shdr wide;
		} s;

		memcpy(&s, data + offset + i * size, size);
		if ((wide ? s.wide.sh_flags : s.narrow.sh_flags) & SHF_COMPRESSED)
			return true;
	}
	return false;
}

static int copy(const struct buf *from, struct buf *ret)
{
	ret->max = REX_OUTPUT_BYTES_MAX;
	return buf_append(ret, buf_str(from), from->len);
}

static int change_text(struct change *c, const struct buf *text, const char *name, struct buf *ret)
{
	int r;

	ret->max = REX_OUTPUT_BYTES_MAX;
	r = rebase_text(buf_str(text), text->len, c->from, c->to, ret);
	if (r == 0 && rebase_occurs(buf_str(ret), ret->len, c->from))
		r = doubt(c, "its name is not alone", name);
	return r;
}

static int change_deps(struct change *c, const struct rex_output *o, struct buf *ret)
{
	int r;

	/* One that only we read needs no line breaks. */
	if (c->a->deps_ours)
		return change_text(c, &o->data, o->path, ret);
	r = rebase_depfile(c->a->family, buf_str(&o->data), o->data.len, c->from, c->to, ret);
	if (r == REBASE_UNKNOWN)
		return doubt(c, "lines are not broken as expected", o->path);
	if (r == 0 && rebase_occurs(buf_str(ret), ret->len, c->from))
		r = doubt(c, "its name is not alone", o->path);
	return r;
}

static int change_output(struct change *c, const struct rex_output *o, struct rex_output *ret)
{
	const char *data = buf_str(&o->data);

	*ret = (struct rex_output){.path = strdup(o->path), .executable = o->executable};
	if (!ret->path)
		return -ENOMEM;
	if (str_eq(o->path, c->a->deps))
		return change_deps(c, o, &ret->data);
	if (rebase_occurs(data, o->data.len, c->from))
		return doubt(c, "its name is", o->path);
	if (may_hide(data, o->data.len))
		return doubt(c, "its name could be hidden", o->path);
	return copy(&o->data, &ret->data);
}

static int change_all(struct change *c, const struct rex_result *r, struct rex_result *ret)
{
	int e;

	ret->outputs = calloc(r->n_outputs + 1, sizeof(*ret->outputs));
	e = ret->outputs ? change_text(c, &r->err, "messages", &ret->err) : -ENOMEM;
	if (e == 0)
		e = change_text(c, &r->out, "messages", &ret->out);
	/* Its paths are told apart by who reads them. */
	ret->looked = r->looked;
	ret->lookups.part = r->lookups.part;
	if (e == 0 && r->looked)
		e = copy(&r->lookups.list, &ret->lookups.list);
	for (size_t i = 0; e == 0 && i < r->n_outputs; i++) {
		ret->n_outputs++;
		e = change_output(c, &r->outputs[i], &ret->outputs[i]);
	}
	return e;
}

int rebased(const struct exact_action *a, const struct rex_result *r, enum rebased_way way,
	struct rex_result *ret, char **ret_reason)
{
	struct change c = {.a = a,
		.from = way == REBASED_TO_USER ? REBASE_DIRECTORY : a->base,
		.to = way == REBASED_TO_USER ? a->base : REBASE_DIRECTORY,
		.reason = ret_reason};
	struct rex_result changed = {.outcome = r->outcome,
		.detail = "",
		.address = "",
		.cached = r->cached,
		.exit_code = r->exit_code};
	int e = change_all(&c, r, &changed);

	if (e == 0)
		*ret = changed;
	else
		rex_result_fini(&changed);
	return e;
}
