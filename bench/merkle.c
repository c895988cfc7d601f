/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * What the Merkle tree of one compile costs: 400 files in 40 directories, as a C++ file with a
 * framework or two reads them. Prints a JSON line for each part: the median of processor time and of
 * instructions over the rounds (-1 where the kernel does not count them for us).
 */

#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "reapi/action.h"
#include "reapi/plan.h"
#include "reapi/tree.h"

enum { FILES = 400, ROUNDS = 501, PATH = 96 };

static const char *const tops[] = {"usr/include", "usr/include/c++/12", "usr/include/c++/12/bits",
	"usr/include/x86_64-linux-gnu/bits", "usr/lib/gcc/x86_64-linux-gnu/12/include",
	"home/user/project/src", "home/user/project/include/project",
	"home/user/project/third_party/library/include"};

static char paths[FILES][PATH];
static struct reapi_digest digests[FILES];

static void make_input(void)
{
	for (unsigned i = 0; i < FILES; i++) {
		unsigned dir = i / 10; /* 40 of them, and files in runs, as a compiler reads them */

		snprintf(paths[i], PATH, "%s/part%u/header_number_%u.h", tops[dir % 8], dir / 8, i);
		if (reapi_digest_of(paths[i], strlen(paths[i]), &digests[i]) < 0)
			abort();
		digests[i].size = 1000 + i * 37;
	}
}

static int counter(void)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_HARDWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_HW_INSTRUCTIONS,
		.exclude_kernel = 1,
		.exclude_hv = 1};

	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct part {
	const char *name;
	double us[ROUNDS], instructions[ROUNDS];
	double start_us;
};

static int perf = -1;

static void begin(struct part *p)
{
	if (perf >= 0) {
		ioctl(perf, PERF_EVENT_IOC_RESET, 0);
		ioctl(perf, PERF_EVENT_IOC_ENABLE, 0);
	}
	p->start_us = now_us();
}

static void end(struct part *p, int round)
{
	uint64_t n = 0;

	p->us[round] = now_us() - p->start_us;
	p->instructions[round] = -1;
	if (perf >= 0 && ioctl(perf, PERF_EVENT_IOC_DISABLE, 0) == 0 &&
		read(perf, &n, sizeof(n)) == (ssize_t)sizeof(n))
		p->instructions[round] = (double)n;
}

static void print(struct part *p, size_t directories, size_t bytes)
{
	qsort(p->us, ROUNDS, sizeof(double), by_value);
	qsort(p->instructions, ROUNDS, sizeof(double), by_value);
	printf("{\"part\": \"%s\", \"files\": %d, \"directories\": %zu, \"bytes\": %zu, "
	       "\"us\": %.1f, \"us_least\": %.1f, \"instructions\": %.0f}\n",
		p->name, FILES, directories, bytes, p->us[ROUNDS / 2], p->us[0],
		p->instructions[ROUNDS / 2]);
}

static void add_all(struct reapi_tree *t, const struct reapi_props *props)
{
	for (size_t i = 0; i < FILES; i++)
		if (reapi_tree_add_file(t, paths[i], &digests[i], false, props, NULL) != 0)
			abort();
}

static void action(const struct reapi_digest *root)
{
	static char *const arguments[] = {(char *)"/usr/bin/g++", (char *)"-O2", (char *)"-c",
		(char *)"x.cc", (char *)"-o", (char *)"x.o", NULL};
	static char *const environment[] = {(char *)"PATH=/usr/bin", (char *)"LC_ALL=C", NULL};
	static const struct reapi_output outputs[] = {
		{REAPI_OUTPUT_FILE, "x.o"}, {REAPI_OUTPUT_FILE, "x.d"}};
	const struct reapi_command_spec spec = {.arguments = arguments,
		.environment = environment,
		.outputs = outputs,
		.n_outputs = 2,
		.outputs_as = REAPI_OUTPUTS_BOTH};
	struct reapi_action_spec a = {.input_root = *root};
	AUTO(buf_fini) struct buf b = BUF_INIT;
	struct reapi_digest d;

	if (reapi_command_make(&spec, &b, &a.command, NULL) != 0 ||
		reapi_action_make(&a, &b, &d, NULL) != 0)
		abort();
}

static void walk(const struct buf *message)
{
	struct reapi_plan plan;

	if (reapi_plan_walk_tree(message->data, message->len, NULL, &plan, NULL) != 0)
		abort();
	reapi_plan_fini(&plan);
}

static struct part parts[] = {
	{.name = "add"}, {.name = "finish"}, {.name = "action"}, {.name = "read"}};

static void measure(const struct reapi_props *props)
{
	AUTO(buf_fini) struct buf message = BUF_INIT;
	struct reapi_tree *t;
	size_t n;

	if (reapi_tree_new(&t) < 0)
		abort();
	for (int round = 0; round < ROUNDS; round++) {
		if (reapi_tree_reset(t) < 0)
			abort();
		begin(&parts[0]);
		add_all(t, props);
		end(&parts[0], round);
		begin(&parts[1]);
		if (reapi_tree_finish(t, NULL) != 0)
			abort();
		end(&parts[1], round);
		begin(&parts[2]);
		action(reapi_tree_root(t));
		end(&parts[2], round);
		buf_clear(&message);
		if (reapi_tree_message(t, &message) < 0)
			abort();
		begin(&parts[3]);
		walk(&message);
		end(&parts[3], round);
	}
	(void)reapi_tree_blobs(t, &n);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		print(&parts[i], n, message.len);
	reapi_tree_free(t);
}

int main(void)
{
	const struct reapi_props mtime = {
		.has_mtime = true, .mtime_s = 1700000000, .mtime_ns = 123456789};

	make_input();
	perf = counter();
	measure(NULL);
	measure(&mtime);
	return 0;
}
