/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/job_inside.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/env.h"
#include "exact/rebase.h"

enum { HOSTS_TOLD = 6, TEXT_MAX = 4096 };

void job_story_begin(struct job *j)
{
	if (j->request->flags & IPC_STORY)
		story_begin(&j->story, uv_hrtime());
}

void job_story(struct job *j, const char *label, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;

	if (!j->story.wanted)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	story_add(&j->story, uv_hrtime(), label, text);
}

static void tell_words(struct job *j, const char *label, char *const *words)
{
	AUTO(buf_fini) struct buf text = BUF_INIT;

	for (; *words; words++)
		if (buf_printf(&text, "%s%s", text.len ? " " : "", *words) < 0)
			return;
	story_add(&j->story, uv_hrtime(), label, buf_str(&text));
}

static const char *kind_text(const struct cc_command *c)
{
	switch (c->kind) {
	case CC_KIND_COMPILE:
		return c->assembly ? "it compiles one source to assembly text"
				   : "it compiles one source";
	case CC_KIND_PREPROCESS:
		return "it only preprocesses";
	case CC_KIND_LINK:
		return "it links";
	case CC_KIND_OTHER:
		break;
	}
	return "it is no compile of one source";
}

static void tell_outputs(struct job *j)
{
	AUTO(buf_fini) struct buf text = BUF_INIT;

	for (size_t i = 0; i < j->command.n_outputs; i++) {
		const char *path = j->command.outputs[i].path;

		if (buf_printf(&text, "%s%s", i ? " " : "", path ? path : "(a name not known)") < 0)
			return;
	}
	if (text.len > 0)
		story_add(&j->story, uv_hrtime(), "outputs", buf_str(&text));
}

void job_story_command(struct job *j)
{
	static const char *const families[] = {[CC_FAMILY_UNKNOWN] = "no compiler that we know",
		[CC_FAMILY_GCC] = "gcc",
		[CC_FAMILY_CLANG] = "clang"};
	const struct cc_command *c = &j->command;

	if (!j->story.wanted)
		return;
	tell_words(j, "command", j->request->argv);
	job_story(j, "directory", "%s", j->request->cwd);
	job_story(j, "compiler", "%s, taken for %s", j->request->compiler, families[c->family]);
	job_story(
		j, "kind", "%s%s%s", kind_text(c), c->input ? ": " : "", c->input ? c->input : "");
	tell_outputs(j);
	job_story(j, "exact way", "%s",
		!j->settings.exact       ? "not wanted: DISTCC_EXACT=0"
		: cc_command_is_exact(c) ? "possible, as far as the command tells"
					 : "not for this command");
	job_story(j, "plain way", "%s%s%s%s",
		c->reason == CC_REMOTE_OK ? "possible, as far as the command tells" : "not: ",
		c->reason == CC_REMOTE_OK ? "" : cc_reason_sentence(c->reason),
		c->detail ? ": " : "", c->detail ? c->detail : "");
}

static void tell_host(struct job *j, const struct fleet_host *h)
{
	uint64_t now = job_now_ms(j);
	char job_time[64] = "no job yet", rests[64] = "";

	if (h->job_ms > 0)
		snprintf(job_time, sizeof(job_time), "%.0f ms a job", h->job_ms);
	if (h->backoff_until_ms > now)
		snprintf(rests, sizeof(rests), ", rests for %llu ms more: it failed",
			(unsigned long long)(h->backoff_until_ms - now));
	job_story(j, "", "%s: %u of %u slots busy, %s%s%s", h->entry.definition, h->in_use,
		h->entry.slots, job_time,
		cluster_may_ask(&j->agent->cluster, &h->entry, now) ? ""
								    : ", not for the exact way",
		rests);
}

void job_story_hosts(struct job *j)
{
	if (!j->story.wanted)
		return;
	job_story(j, "hosts", "%zu that may be asked%s%s%s", j->n_fleet,
		j->local_too ? ", and localhost" : "", j->local_reason ? ": " : "",
		j->local_reason ? j->local_reason : "");
	for (size_t i = 0; i < j->n_fleet && i < HOSTS_TOLD; i++)
		tell_host(j, j->fleet[i]);
	if (j->n_fleet > HOSTS_TOLD)
		job_story(j, "", "and %zu more", j->n_fleet - HOSTS_TOLD);
}

static uint64_t blob_bytes(const struct exact_action *a)
{
	uint64_t n = 0;

	for (size_t i = 0; i < a->n_blobs; i++)
		n += a->blobs[i].digest.size;
	return n;
}

void job_story_prepared(struct job *j, const struct prepare_result *result)
{
	static const char *const from[] = {[TOOLCHAINS_MEMORY] = "all as they were",
		[TOOLCHAINS_DATABASE] = "all as they were, by the database",
		[TOOLCHAINS_ASKED] = "found by asking the compiler"};
	const struct prepare_facts *f = &result->facts;
	const struct exact_action *a = &result->action;
	char digest[REAPI_HASH_HEX + 1];

	if (!j->story.wanted)
		return;
	if (f->files > 0)
		job_story(j, "scan",
			"%zu files are read (%llu bytes), %zu names must not be there: %.2f ms",
			f->files, (unsigned long long)f->bytes, f->absent,
			(double)f->scan_us / 1000);
	if (f->toolchain_files > 0)
		job_story(j, "toolchain", "%zu files and links, %s: %.2f ms", f->toolchain_files,
			from[f->toolchain_from], (double)f->toolchain_us / 1000);
	if (result->outcome == 0) {
		reapi_digest_hex(&a->digest, digest);
		job_story(j, "action", "%s", digest);
		job_story(j, "", "its root, command and files are %zu blobs, %llu bytes",
			a->n_blobs, (unsigned long long)blob_bytes(a));
		if (a->base)
			job_story(j, "", "as if %s were %s", a->base, REBASE_DIRECTORY);
		else if (result->not_based)
			job_story(j, "", "%s", result->not_based);
		job_story(j, "cache", "%s",
			result->hit       ? "its result is kept here"
			: j->agent->store ? "no result is kept here"
					  : "there is none: DISTCC_CACHE_SIZE, DISTCC_CACHE_DIR");
	}
	job_story(j, "prepared", "%.2f ms of CPU for all of this", (double)result->cpu_us / 1000);
}

void job_story_answered(struct job *j, const struct rex_result *res)
{
	if (!j->story.wanted)
		return;
	job_story(j, "answer", "%s: sent %llu bytes, got %llu", rex_outcome_text(res->outcome),
		(unsigned long long)res->bytes_up, (unsigned long long)res->bytes_down);
	if (res->outcome != REX_DONE)
		return;
	job_story(j, "", "%s %s; exit status %d", res->address,
		res->cached ? "had the result" : "compiled it", res->exit_code);
	if (!res->cached)
		job_story(j, "", "queued for %llu ms, run for %llu ms",
			(unsigned long long)res->queued_ms, (unsigned long long)res->run_ms);
}

void job_story_outputs(struct job *j, const struct rex_result *res)
{
	if (!j->story.wanted)
		return;
	job_story(j, "check", "the compiler read what was foreseen");
	for (size_t i = 0; i < res->n_outputs; i++)
		if (!(j->action.deps_ours && str_eq(res->outputs[i].path, j->action.deps)))
			job_story(j, "written", "%s: %zu bytes", res->outputs[i].path,
				res->outputs[i].data.len);
}

/* Why it is run here, in a sentence where there is one. */
static void local_reason(const struct job *j, char *ret, size_t size)
{
	const struct cc_command *c = &j->command;
	bool by_command =
		c->reason != CC_REMOTE_OK && str_eq(j->local_reason, cc_reason_name(c->reason));

	if (by_command)
		snprintf(ret, size, "%s%s%s", cc_reason_sentence(c->reason), c->detail ? ": " : "",
			c->detail ? c->detail : "");
	else
		snprintf(ret, size, "%s%s%s",
			j->local_reason ? j->local_reason : "it is this machine's",
			j->excluded ? ": " : "", j->excluded ? j->excluded : "");
}

static void outcome(struct job *j, char *ret, size_t size)
{
	const struct history_record *r = job_record(j);
	char reason[512];

	if (r->remote && str_eq(r->reason, "cached")) {
		snprintf(ret, size, "not compiled: its result was kept %s%s",
			str_eq(r->where, "cache") ? "here" : "by ",
			str_eq(r->where, "cache") ? "" : r->where);
	} else if (r->remote && str_eq(r->reason, "joined")) {
		snprintf(ret, size,
			"not compiled: the result is that of another job, which was at "
			"the same compile");
	} else if (r->remote && str_eq(r->reason, "exact")) {
		snprintf(ret, size,
			"compiled on %s in %llu ms (prepared here in %llu ms, sent %llu "
			"bytes, got %llu)",
			r->where, (unsigned long long)(job_now_ms(j) - j->remote_started_ms),
			(unsigned long long)r->cpu_ms, (unsigned long long)r->bytes_up,
			(unsigned long long)r->bytes_down);
	} else if (r->remote) {
		snprintf(ret, size,
			"compiled on %s in %llu ms (preprocessed here in %llu ms, sent %llu "
			"bytes, got %llu)",
			r->where, (unsigned long long)(job_now_ms(j) - j->remote_started_ms),
			(unsigned long long)r->cpu_ms, (unsigned long long)r->bytes_up,
			(unsigned long long)r->bytes_down);
	} else {
		local_reason(j, reason, sizeof(reason));
		snprintf(ret, size, "run here: %s", reason);
	}
}

void job_story_end(struct job *j)
{
	char text[1024];

	outcome(j, text, sizeof(text));
	story_end(&j->story, uv_hrtime(), "end", text);
	if (j->request->flags & IPC_EXPLAIN)
		(void)!buf_printf(&j->log, "distcc: %s: %s\n", job_source_name(j), text);
}
