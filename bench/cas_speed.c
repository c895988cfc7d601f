/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "cas/lease.h"
#include "cas/slot.h"
#include "cas/state.h"
#include "cas/upload.h"

/*
 *	cas-speed DIRECTORY
 *
 * What the store costs, on the file system of DIRECTORY (which is made and removed), as JSON lines:
 * "what", and either "mb_s" with its ratio to SHA-256 in the same run, or "us" for each item of n,
 * or "ms". cpu: of this process, user and system, for the whole.
 */

enum {
	MIB = 1 << 20,
	LARGE = 4 * MIB,
	N_LARGE = 32,
	SMALL = 2000,
	N_SMALL = 10000,
	INPUTS = 600,
	ROUNDS = 20,
	MILLION = 1000000,
};

static void require(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(EXIT_FAILURE);
}

struct mark {
	double wall, cpu;
};

static double seconds(const struct timeval *t)
{
	return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

static struct mark mark(void)
{
	struct timespec t;
	struct rusage u;

	clock_gettime(CLOCK_MONOTONIC, &t);
	getrusage(RUSAGE_SELF, &u);
	return (struct mark){.wall = (double)t.tv_sec + (double)t.tv_nsec / 1e9,
		.cpu = seconds(&u.ru_utime) + seconds(&u.ru_stime)};
}

static struct mark since(struct mark m)
{
	struct mark now = mark();

	return (struct mark){.wall = now.wall - m.wall, .cpu = now.cpu - m.cpu};
}

static double sha_mb_s;

static void say_rate(const char *what, uint64_t bytes, struct mark m)
{
	double rate = (double)bytes / 1e6 / m.wall;

	printf("{\"what\": \"%s\", \"mb_s\": %.0f, \"of_sha256\": %.2f, \"cpu_ms\": %.0f}\n", what,
		rate, sha_mb_s > 0 ? rate / sha_mb_s : 1.0, m.cpu * 1e3);
	fflush(stdout);
}

static void say_each(const char *what, uint64_t n, struct mark m)
{
	printf("{\"what\": \"%s\", \"n\": %" PRIu64
	       ", \"us\": %.2f, \"cpu_us\": %.2f, \"ms\": %.2f}\n",
		what, n, m.wall * 1e6 / (double)n, m.cpu * 1e6 / (double)n, m.wall * 1e3);
	fflush(stdout);
}

static char store[256], job[256];

static struct cas *open_store(const char *boot)
{
	const struct cas_options o = {
		.root = store, .max_bytes = (uint64_t)64 << 30, .boot_id = boot};
	struct cas *c;

	require(cas_open(&o, &c) == 0, "cas_open");
	return c;
}

static void fill(char *p, size_t n, uint64_t x)
{
	for (size_t i = 0; i + 8 <= n; i += 8) {
		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		memcpy(p + i, &x, 8);
	}
}

static void sha(const char *large)
{
	struct cas_digest d;
	struct mark m = mark();

	for (int i = 0; i < N_LARGE; i++)
		require(cas_digest_of(large, LARGE, &d) == 0, "cas_digest_of");
	m = since(m);
	sha_mb_s = (double)N_LARGE * LARGE / 1e6 / m.wall;
	say_rate("sha256", (uint64_t)N_LARGE * LARGE, m);
}

static void upload(struct cas *c, const struct cas_digest *d, const char *bytes)
{
	const struct cas_upload_request q = {.owner = 1, .key = "k", .digest = *d};
	struct cas_upload *u;

	require(cas_upload_begin(c, &q, &u) == 0, "cas_upload_begin");
	for (size_t at = 0; at < LARGE; at += 1 << 14)
		require(cas_upload_write(u, at, bytes + at, 1 << 14) == 0, "cas_upload_write");
	require(cas_upload_finish(u) == 0, "cas_upload_finish");
}

static void read_all(struct cas *c, const char *what, const struct cas_digest *v, char *buffer)
{
	struct mark m = mark();

	for (int i = 0; i < 2 * N_LARGE; i++) {
		AUTO(util_close) int fd = -1;
		ssize_t n;

		require(cas_blob_open(c, &v[i], &fd) == 0, "cas_blob_open");
		do {
			n = read(fd, buffer, MIB);
		} while (n > 0);
	}
	say_rate(what, (uint64_t)2 * N_LARGE * LARGE, since(m));
}

/* Of the machine: another boot than the one that has it open. */
static void leave_as_after_crash(void)
{
	struct state s = {.epoch = 1, .trusted = 1, .boot = "a"};
	AUTO(util_close) int dir = open(store, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	require(state_write(dir, &s) == 0, "state");
}

static void large(char *bytes, char *buffer)
{
	struct cas_digest *v = calloc((size_t)2 * N_LARGE, sizeof(*v));
	struct cas *c = open_store("a");
	struct mark m, sum = {.wall = 0};

	require(v, "calloc");
	for (int i = 0; i < 2 * N_LARGE; i++) {
		fill(bytes, LARGE, (uint64_t)i);
		require(cas_digest_of(bytes, LARGE, &v[i]) == 0, "cas_digest_of");
		m = mark();
		if (i < N_LARGE)
			require(cas_put(c, &v[i], bytes) == 0, "cas_put");
		else
			upload(c, &v[i], bytes);
		m = since(m);
		sum.wall += m.wall;
		sum.cpu += m.cpu;
		if (i % N_LARGE != N_LARGE - 1)
			continue;
		say_rate(i < N_LARGE ? "put 4 MiB" : "upload 4 MiB by 16 KiB",
			(uint64_t)N_LARGE * LARGE, sum);
		sum = (struct mark){.wall = 0};
	}
	read_all(c, "read 4 MiB", v, buffer);
	require(cas_close(c) == 0, "cas_close");
	leave_as_after_crash();
	c = open_store("b");
	read_all(c, "read 4 MiB, the first time after a crash", v, buffer);
	free(v);
	require(cas_close(c) == 0, "cas_close");
}

static void small(char *bytes, struct cas_digest *v)
{
	struct cas *c = open_store("a");
	struct mark m;
	int fd;

	m = mark();
	for (int i = 0; i < N_SMALL; i++) {
		fill(bytes, SMALL, (uint64_t)i + 1000);
		require(cas_digest_of(bytes, SMALL, &v[i]) == 0, "cas_digest_of");
		require(cas_put(c, &v[i], bytes) == 0, "cas_put");
	}
	say_each("put 2 kB", N_SMALL, since(m));
	m = mark();
	for (int i = 0; i < N_SMALL; i++)
		require(cas_has(c, &v[i]) == 0, "cas_has");
	say_each("has", N_SMALL, since(m));
	m = mark();
	for (int i = 0; i < N_SMALL; i++) {
		require(cas_blob_open(c, &v[i], &fd) == 0, "cas_blob_open");
		close(fd);
	}
	say_each("open and close", N_SMALL, since(m));
	require(cas_close(c) == 0, "cas_close");
}

static void materialise(const struct cas_digest *v, unsigned flags, const char *what)
{
	struct cas *c = open_store("a");
	struct mark m, made = {.wall = 0}, checked = made, freed = made;
	size_t altered;

	require(mkdir(job, 0700) == 0, job);
	for (int r = 0; r < ROUNDS; r++) {
		int dir = open(job, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		struct cas_lease *l;
		char name[16];

		require(cas_lease_new(c, &l) == 0, "cas_lease_new");
		m = mark();
		for (int i = 0; i < INPUTS; i++) {
			snprintf(name, sizeof(name), "%d", i);
			require(cas_materialise(l, &v[i], dir, name, flags, NULL) == 0, name);
		}
		m = since(m);
		made.wall += m.wall;
		made.cpu += m.cpu;
		m = mark();
		require(cas_lease_verify(l, &altered) == 0, "cas_lease_verify");
		m = since(m);
		checked.wall += m.wall;
		checked.cpu += m.cpu;
		cas_lease_removing(l);
		for (int i = 0; i < INPUTS; i++) {
			snprintf(name, sizeof(name), "%d", i);
			require(unlinkat(dir, name, 0) == 0, name);
		}
		m = mark();
		cas_lease_free(l);
		m = since(m);
		freed.wall += m.wall;
		freed.cpu += m.cpu;
		close(dir);
	}
	say_each(what, (uint64_t)INPUTS * ROUNDS, made);
	if (flags & CAS_LINK) {
		say_each("verify a link", (uint64_t)INPUTS * ROUNDS, checked);
		say_each("end its lease", (uint64_t)INPUTS * ROUNDS, freed);
	}
	require(rmdir(job) == 0, job);
	require(cas_close(c) == 0, "cas_close");
}

/* An index of a million records, written by its own rules; no files. */
static void write_million(bool clean)
{
	struct state s = {.clean = clean, .epoch = 1, .trusted = 1, .boot = "a"};
	uint8_t *bytes = calloc(MILLION + 1, SLOT_SIZE);
	AUTO(util_close) int dir = open(store, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO(util_close) int fd = openat(dir, "index", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	require(bytes && fd >= 0, "index");
	slot_encode_header(bytes);
	for (uint64_t i = 0; i < MILLION; i++) {
		struct slot slot = {
			.digest.size = i % 50000, .use = i * 7919 % MILLION, .epoch = 1};

		fill((char *)slot.digest.hash, CAS_HASH_SIZE, i * i + 1);
		slot_encode(&slot, bytes + (i + 1) * SLOT_SIZE);
	}
	require(fs_write_all(fd, bytes, (size_t)(MILLION + 1) * SLOT_SIZE) == 0, "write");
	require(state_write(dir, &s) == 0, "state");
	free(bytes);
}

static long resident_kib(void)
{
	AUTO(buf_fini) struct buf b = BUF_INIT;
	const char *at;

	require(fs_read_file("/proc/self/status", &b) == 0, "/proc/self/status");
	at = strstr(buf_str(&b), "VmRSS:");
	return at ? strtol(at + strlen("VmRSS:"), NULL, 10) : 0;
}

static void million(bool clean)
{
	struct cas_stats stats;
	struct cas *c;
	struct mark m;
	long before;

	write_million(clean);
	before = resident_kib();
	m = mark();
	c = open_store("b");
	m = since(m);
	cas_stats(c, &stats);
	require(stats.entries == MILLION, "entries");
	printf("{\"what\": \"memory of a million entries\", \"mib\": %ld}\n",
		(resident_kib() - before) / 1024);
	say_each(clean ? "open, a million, clean" : "open, a million, after a crash", 1, m);
	m = mark();
	require(cas_close(c) == 0, "cas_close");
	say_each("close, a million", 1, since(m));
}

/* The files of `small`, found without an index. */
static void search(void)
{
	struct cas_stats stats;
	char path[300];
	struct cas *c;
	struct mark m;
	bool more = true;

	snprintf(path, sizeof(path), "%s/index", store);
	require(unlink(path) == 0, path);
	c = open_store("b");
	m = mark();
	while (more)
		require(cas_maintain(c, 1000, &more) == 0, "cas_maintain");
	m = since(m);
	cas_stats(c, &stats);
	say_each("find a file without record", stats.adopted, m);
	require(cas_close(c) == 0, "cas_close");
}

int main(int argc, char **argv)
{
	struct cas_digest *v = calloc(N_SMALL, sizeof(*v));
	char *bytes = malloc(LARGE), *buffer = malloc(MIB);

	if (argc != 2) {
		fprintf(stderr, "usage: cas-speed DIRECTORY\n");
		return 2;
	}
	require(v && bytes && buffer, "malloc");
	log_to_fd(-1);
	require(mkdir(argv[1], 0700) == 0, argv[1]);
	snprintf(store, sizeof(store), "%s/store", argv[1]);
	snprintf(job, sizeof(job), "%s/job", argv[1]);
	fill(bytes, LARGE, 1);
	sha(bytes);
	large(bytes, buffer);
	small(bytes, v);
	materialise(v, CAS_LINK, "link");
	materialise(v, 0, "copy 2 kB");
	search();
	million(true);
	million(false);
	require(fs_remove_tree(argv[1]) == 0, argv[1]);
	free(v);
	free(bytes);
	free(buffer);
	return EXIT_SUCCESS;
}
