/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "cas/ac.h"
#include "cas/lease.h"
#include "cas/upload.h"
#include "store_kit.h"

/*
 *	crash [SEED [ROUNDS]]
 *
 * In each round a child loads one and the same store from several threads (puts, uploads, links,
 * drops, action results, maintenance, under a cap that makes it evict all the time) and is killed
 * by SIGKILL at some moment, sometimes while it is still opening it. Then the store is opened
 * here, in some rounds as if the machine had been started anew, and has to be right: whatever it
 * serves is what its digest says, no action is a hit whose blobs are not there, and when all is
 * settled what it counts is what a scan of the directories finds.
 */

enum {
	BLOBS = 400,
	ACTIONS = 50,
	REFS = 5,
	THREADS = 4,
	CAP = 4 << 20,
	AC_CAP = 16 << 10,
	ROUNDS = 50,
	KILL_AFTER_MAX_US = 40000,
};

#define CHECK(condition)                                                                      \
	do {                                                                                  \
		if (!(condition)) {                                                           \
			fprintf(stderr, "%s:%d: %s (round %u, seed %" PRIu64 ")\n", __FILE__, \
				__LINE__, #condition, round_now, seed);                       \
			exit(EXIT_FAILURE);                                                   \
		}                                                                             \
	} while (0)

static unsigned round_now;
static uint64_t seed;

static uint64_t next_random(uint64_t *x)
{
	*x = *x * 6364136223846793005ULL + 1442695040888963407ULL;
	return *x >> 33;
}

static size_t size_of(uint64_t n)
{
	return n % 10 == 0 ? n * 997 % 300000 : n * 131 % 20000;
}

static struct cas_digest digests[BLOBS];

struct load {
	struct cas *c;
	struct ac *a;
	int job_fd;
	uint64_t random;
	unsigned number;
};

static void upload(struct load *l, const struct cas_digest *d, const struct buf *b)
{
	char key[32];
	struct cas_upload *u;
	int r;

	snprintf(key, sizeof(key), "%u", (unsigned)(next_random(&l->random) % 8));
	r = cas_upload_begin(l->c,
		&(struct cas_upload_request){.owner = l->number, .key = key, .digest = *d}, &u);
	if (r != 0)
		return;
	for (uint64_t at = cas_upload_committed(u); r == 0 && at < b->len; at += 5000)
		r = cas_upload_write(u, at, b->data + at, MIN((uint64_t)5000, b->len - at));
	if (r == 0)
		r = cas_upload_finish(u);
	else
		cas_upload_abort(u);
	CHECK(r == 0 || r == CAS_NO_SPACE);
}

static void run_job(struct load *l)
{
	struct cas_lease *lease;
	unsigned made = 0;
	char name[64];

	CHECK(cas_lease_new(l->c, &lease) == 0);
	for (unsigned i = 0; i < 10; i++) {
		uint64_t r = next_random(&l->random);
		int q;

		snprintf(name, sizeof(name), "%u-%u", l->number, made);
		unlinkat(l->job_fd, name, 0);
		q = cas_materialise(lease, &digests[r % BLOBS], l->job_fd, name,
			CAS_LINK | (r & 1024 ? CAS_EXECUTABLE : 0), NULL);
		CHECK(q == 0 || q == CAS_MISSING || q == CAS_NO_SPACE);
		made += q == 0;
	}
	cas_lease_removing(lease);
	for (unsigned i = 0; i < made; i++) {
		snprintf(name, sizeof(name), "%u-%u", l->number, i);
		CHECK(unlinkat(l->job_fd, name, 0) == 0);
	}
	cas_lease_free(lease);
}

static struct cas_digest action_key(uint64_t n)
{
	AUTO(buf_fini) struct buf b = BUF_INIT;
	struct cas_digest d;

	kit_blob(1000000 + n, 64, &b, &d);
	return d;
}

static void put_action(struct load *l)
{
	uint64_t n = next_random(&l->random) % ACTIONS;
	struct cas_digest key = action_key(n);
	char result[32];

	for (uint64_t i = n; i < n + REFS; i++) {
		AUTO(buf_fini) struct buf b = BUF_INIT;
		struct cas_digest d;
		int r;

		kit_blob(i, size_of(i), &b, &d);
		r = cas_put(l->c, &d, b.data);
		CHECK(r == 0 || r == CAS_NO_SPACE);
	}
	snprintf(result, sizeof(result), "result %" PRIu64, n);
	CHECK(ac_put(l->a, &key, result, strlen(result), &digests[n], REFS) == 0);
}

static void *load_main(void *arg)
{
	struct load *l = arg;
	AUTO(buf_fini) struct buf b = BUF_INIT;

	for (;;) {
		uint64_t what = next_random(&l->random) % 100;
		uint64_t n = next_random(&l->random) % BLOBS;
		struct cas_digest d;
		bool more;
		int r = 0;

		kit_blob(n, size_of(n), &b, &d);
		if (what < 50)
			r = cas_put(l->c, &d, b.data);
		else if (what < 75)
			upload(l, &d, &b);
		else if (what < 85)
			run_job(l);
		else if (what < 88)
			r = cas_drop(l->c, &d);
		else if (what < 96)
			put_action(l);
		else if (l->number == 0)
			r = cas_maintain(l->c, 100, &more);
		CHECK(r == 0 || r == CAS_MISSING || r == CAS_NO_SPACE);
	}
	return NULL;
}

static int open_both(const char *root, const char *boot, struct cas **ret_c, struct ac **ret_a)
{
	char path[128];
	struct cas_options o = {.max_bytes = CAP, .boot_id = boot};
	int r;

	snprintf(path, sizeof(path), "%s/store", root);
	o.root = path;
	r = cas_open(&o, ret_c);
	return r == 0 ? ac_open(*ret_c, AC_CAP, ret_a) : r;
}

static void child(const char *root, const char *boot, int ready_fd, uint64_t random)
{
	struct load loads[THREADS];
	struct cas *c;
	struct ac *a;
	char path[128];
	pthread_t thread;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (random % 8 == 0)
		CHECK(write(ready_fd, "1", 1) == 1);
	CHECK(open_both(root, boot, &c, &a) == 0);
	snprintf(path, sizeof(path), "%s/job", root);
	for (unsigned i = 0; i < THREADS; i++) {
		loads[i] = (struct load){.c = c,
			.a = a,
			.job_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
			.random = random + i,
			.number = i};
		CHECK(loads[i].job_fd >= 0);
		if (i > 0)
			CHECK(pthread_create(&thread, NULL, load_main, &loads[i]) == 0);
	}
	if (random % 8 != 0)
		CHECK(write(ready_fd, "1", 1) == 1);
	load_main(&loads[0]);
}

static void run_and_kill(const char *root, const char *boot, uint64_t *x)
{
	uint64_t us = next_random(x) % KILL_AFTER_MAX_US, random = next_random(x);
	const struct timespec moment = {.tv_nsec = (long)us * 1000};
	int ready[2], status;
	pid_t pid;
	char byte;

	CHECK(pipe2(ready, O_CLOEXEC) == 0);
	fflush(NULL);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		child(root, boot, ready[1], random);
		_exit(EXIT_FAILURE);
	}
	close(ready[1]);
	CHECK(read(ready[0], &byte, 1) == 1);
	nanosleep(&moment, NULL); /* the random moment: nothing is waited for */
	CHECK(kill(pid, SIGKILL) == 0);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	close(ready[0]);
}

static unsigned check_blobs(struct cas *c)
{
	unsigned served = 0;

	for (uint64_t n = 0; n < BLOBS; n++) {
		AUTO(buf_fini) struct buf want = BUF_INIT, got = BUF_INIT;
		struct cas_digest d;
		int r;

		kit_blob(n, size_of(n), &want, &d);
		r = cas_blob_read(c, &d, 0, UINT64_MAX, &got);
		CHECK(r == 0 || r == CAS_MISSING);
		if (r == CAS_MISSING)
			continue;
		served++;
		CHECK(got.len == want.len);
		CHECK(memcmp(buf_str(&got), want.data, got.len) == 0);
	}
	return served;
}

static unsigned check_actions(struct cas *c, struct ac *a)
{
	unsigned hits = 0;

	for (uint64_t n = 0; n < ACTIONS; n++) {
		AUTO(buf_fini) struct buf got = BUF_INIT;
		struct cas_digest key = action_key(n);
		char want[32];
		int r = ac_get(a, &key, &got);

		CHECK(r == 0 || r == CAS_MISSING);
		if (r == CAS_MISSING)
			continue;
		hits++;
		snprintf(want, sizeof(want), "result %" PRIu64, n);
		CHECK(str_eq(buf_str(&got), want));
		for (size_t i = 0; i < REFS; i++)
			CHECK(cas_has(c, &digests[n + i]) == 0);
	}
	return hits;
}

static void quit(void)
{
	fflush(NULL);
	_exit(EXIT_SUCCESS);
}

static void check(const char *root, const char *boot)
{
	struct cas_stats s;
	uint64_t bytes, files;
	unsigned served, again, hits;
	char path[128];
	struct cas *c;
	struct ac *a;

	CHECK(open_both(root, boot, &c, &a) == 0);
	hits = check_actions(c, a);
	served = check_blobs(c);
	CHECK(kit_settle(c) == 0);
	again = check_blobs(c);
	cas_stats(c, &s);
	if (again != served)
		printf("served %u, then %u; %" PRIu64 " evicted, %" PRIu64 " lost, %" PRIu64
		       " adopted, %" PRIu64 " bad\n",
			served, again, s.evictions, s.lost, s.adopted, s.bad);
	/* Evictions that were not done when it was killed, or what was adopted. */
	CHECK(again == served || (again < served && served - again <= s.evictions));
	snprintf(path, sizeof(path), "%s/store", root);
	kit_count(path, &bytes, &files);
	CHECK(s.bytes == bytes && s.entries == files && s.bytes <= CAP);
	/* Nothing is bad after a mere kill. */
	CHECK(s.bad == 0 && s.pinned == 0 && s.upload_bytes == 0);
	printf("round %2u boot %s: %4" PRIu64 " files, %3u served, %2u actions, %2" PRIu64
	       " adopted, %3" PRIu64 " verified\n",
		round_now, boot, files, served, hits, s.adopted, s.verified);
	/* Every other time it is left as it would be after a kill. */
	ac_close(a);
	if (round_now % 2)
		CHECK(cas_close(c) == 0);
	else
		quit();
}

/* In a process of its own, so that leaving without closing is like being killed. */
static void check_in_child(const char *root, const char *boot)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		check(root, boot);
		quit();
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(status == 0);
}

int main(int argc, char **argv)
{
	uint64_t rounds = ROUNDS, x;
	struct kit_root root;
	char job[128], boot[2] = "a";

	seed = (uint64_t)time(NULL) ^ (uint64_t)getpid() << 32;
	if (argc > 1 && str_to_u64(argv[1], UINT64_MAX, &seed) < 0)
		return 2;
	if (argc > 2 && str_to_u64(argv[2], UINT32_MAX, &rounds) < 0)
		return 2;
	printf("seed %" PRIu64 "\n", seed);
	x = seed;
	log_to_fd(-1);
	for (uint64_t n = 0; n < BLOBS; n++) {
		AUTO(buf_fini) struct buf b = BUF_INIT;

		kit_blob(n, size_of(n), &b, &digests[n]);
	}
	kit_root_make(&root);
	snprintf(job, sizeof(job), "%s/job", root.path);
	CHECK(mkdir(job, 0700) == 0);
	for (round_now = 1; round_now <= rounds; round_now++) {
		run_and_kill(root.path, boot, &x);
		if (next_random(&x) % 3 == 0)
			boot[0] = (char)('a' + next_random(&x) % 26);
		check_in_child(root.path, boot);
	}
	kit_root_remove(&root);
	return EXIT_SUCCESS;
}
