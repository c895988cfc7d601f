/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "fs_stub.h"
#include "planned.h"
#include "scan/facts_parse.h"
#include "scan/facts_run.h"
#include "scan/search.h"

enum { LINES_EACH = 50, OPTIONS_MAX = 14 };

static const char *const compilers[] = {"/usr/bin/gcc", "/usr/bin/clang"};
static const char *const languages[] = {"c", "c++"};

/* What the search directories are made of, below the working directory. */
static const char *const directories[] = {"a", "a/inner", "b", "c", "d"};
static const char *const links[][2] = {{"a", "link"}, {"b", "d/link"}, {"link", "again"},
	{"/usr/include", "sys"}, {"none", "dangling"}};
static const char *const names[] = {"a", "b", "c", "d", "a/", "./a", "a/../b", "a/inner", "link",
	"link/", "d/link", "again", "link/../c", "sys", "dangling", "file", "none", "none/x",
	"/usr/include", "/usr/include/", "/usr/local/include", "/usr/include/x86_64-linux-gnu", ".",
	"b//", "/usr/lib/../include", "link/inner"};
static const char *const options[] = {"-I", "-iquote", "-isystem", "-idirafter"};

struct fixture {
	char dir[64];
	struct scan_facts_store *store;
};

static int set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));
	int fd;

	assert_non_null(x);
	strcpy(x->dir, "/tmp/distcc-search-XXXXXX");
	assert_non_null(mkdtemp(x->dir));
	assert_int_equal(chdir(x->dir), 0);
	for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
		assert_int_equal(mkdir(directories[i], 0700), 0);
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		assert_int_equal(symlink(links[i][0], links[i][1]), 0);
	fd = creat("file", 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(scan_facts_open(NULL, &x->store), 0);
	*state = x;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *x = *state;

	scan_facts_close(x->store);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(fs_remove_tree(x->dir), 0);
	free(x);
	return 0;
}

/* The lists as the compiler itself makes them for the whole command. */
static void ask(const struct scan_plan *plan, struct facts_lists *ret)
{
	struct strv args = STRV_INIT;
	struct facts_reply reply = FACTS_REPLY_INIT;

	assert_int_equal(strv_push_all(&args, strv_argv(&plan->search_args)), 0);
	assert_int_equal(strv_push(&args, "-x"), 0);
	assert_int_equal(strv_push(&args, cc_language_word(plan->language)), 0);
	assert_int_equal(
		strv_push_all(&args, (char *[]){(char *)"-E", (char *)"-v", (char *)"-", NULL}), 0);
	assert_int_equal(facts_run(plan, &args, "", 0, &reply), 0);
	assert_int_equal(facts_parse_lists(buf_str(&reply.err), reply.err.len, "", ret), 0);
	strv_fini(&args);
	facts_reply_fini(&reply);
}

static void print_lists(const char *text, const struct facts_lists *l, const struct scan_search *s)
{
	fprintf(stderr, "%s\n", text);
	for (size_t i = 0; i < l->quote.n; i++)
		fprintf(stderr, "  compiler \"%s\"\n", l->quote.v[i]);
	for (size_t i = 0; i < l->bracket.n; i++)
		fprintf(stderr, "  compiler <%s>\n", l->bracket.v[i]);
	for (size_t i = 0; i < s->n; i++)
		fprintf(stderr, i < s->n_quote ? "  ours \"%s\"\n" : "  ours <%s>\n",
			s->dirs[i].name);
}

static bool equal(const struct facts_lists *l, const struct scan_search *s)
{
	if (l->quote.n != s->n_quote || l->bracket.n != s->n - s->n_quote)
		return false;
	for (size_t i = 0; i < s->n; i++) {
		const char *name = i < s->n_quote ? l->quote.v[i] : l->bracket.v[i - s->n_quote];

		if (!str_eq(name, s->dirs[i].name))
			return false;
	}
	return true;
}

static void compare(struct fixture *x, const char *text, char *const *envp)
{
	const struct scan_search *search;
	const struct scan_facts *facts;
	struct scan_search_cache *cache;
	struct facts_lists lists;
	struct planned planned;
	struct scan_fs fs;
	char *reason = NULL;

	fs_stub_init(&fs, false);
	assert_int_equal(scan_search_cache_new(&fs, &cache), 0);
	assert_int_equal(planned_from_text(&planned, text, x->dir, envp), 0);
	if (scan_facts_get(x->store, &planned.plan, &facts, &reason) != 0)
		fail_msg("%s: %s", text, reason);
	assert_int_equal(scan_search_get(cache, facts, &planned.plan, &search, &reason), 0);
	ask(&planned.plan, &lists);
	if (!equal(&lists, search)) {
		print_lists(text, &lists, search);
		fail();
	}
	for (size_t i = 0; i < search->n; i++)
		assert_int_equal(search->dirs[i].path->path[0], '/');
	facts_lists_fini(&lists);
	planned_fini(&planned);
	scan_search_cache_free(cache);
	fs_stub_fini(&fs);
}

/* Random commands, each list compared with the compiler's own. */
static void test_lists_are_the_compilers(void **state)
{
	char *env[] = {(char *)"PATH=/usr/bin:/bin", NULL};
	unsigned seed = getenv("SEED") ? (unsigned)atoi(getenv("SEED")) : (unsigned)time(NULL);

	printf("SEED=%u\n", seed);
	srandom(seed);
	for (size_t c = 0; c < ARRAY_SIZE(compilers); c++)
		for (size_t l = 0; l < ARRAY_SIZE(languages) * LINES_EACH; l++) {
			struct buf text = BUF_INIT;
			size_t n = (size_t)random() % OPTIONS_MAX;

			if (access(compilers[c], X_OK) < 0)
				continue;
			assert_int_equal(buf_printf(&text, "%s -x %s", compilers[c],
						 languages[l % ARRAY_SIZE(languages)]),
				0);
			while (n-- > 0)
				assert_int_equal(
					buf_printf(&text, " %s%s%s",
						options[(size_t)random() % ARRAY_SIZE(options)],
						random() % 2 ? " " : "",
						names[(size_t)random() % ARRAY_SIZE(names)]),
					0);
			assert_int_equal(buf_append_str(&text, " -c x.c"), 0);
			compare(*state, text.data, env);
			buf_fini(&text);
		}
}

/* Options and variables that only the compiler can place. */
static void test_lists_that_are_left_to_the_compiler(void **state)
{
	static const char *const tails[] = {"-I a -I =/usr/include -c x.c",
		"-iprefix a/ -iwithprefix inner -I b -c x.c", "-nostdinc -I a -isystem b -c x.c",
		"-Ia -Wp,-Ib -c x.c", "-x c++ -nostdinc++ -I a -isystem b -c x.c",
		"--sysroot=/ -I a -isystem =b -c x.c",
		"-isysroot / -I a -isystem /usr/include -c x.c"};
	char *env[] = {(char *)"PATH=/usr/bin:/bin", (char *)"CPATH=a:", NULL};

	for (size_t c = 0; c < ARRAY_SIZE(compilers); c++)
		for (size_t i = 0; i < ARRAY_SIZE(tails); i++)
			for (size_t e = 1; e < 3; e++) {
				char text[256];
				char *some[] = {env[0], e == 2 ? env[1] : NULL, NULL};

				if (access(compilers[c], X_OK) < 0)
					continue;
				snprintf(text, sizeof(text), "%s %s", compilers[c], tails[i]);
				compare(*state, text, some);
			}
}

static void test_a_list_holds_until_a_directory_changes(void **state)
{
	char *env[] = {(char *)"PATH=/usr/bin:/bin", NULL};
	const struct scan_search *search;
	struct fixture *x = *state;
	const struct scan_facts *facts;
	struct scan_search_cache *cache;
	struct planned planned;
	struct scan_fs fs;
	char *reason = NULL;
	unsigned long stats;
	uint64_t serial;
	size_t n;

	if (access(compilers[0], X_OK) < 0)
		skip();
	fs_stub_init(&fs, true);
	assert_int_equal(scan_search_cache_new(&fs, &cache), 0);
	assert_int_equal(
		planned_from_text(&planned, "/usr/bin/gcc -Ia -Inew -Ib -c x.c", x->dir, env), 0);
	assert_int_equal(scan_facts_get(x->store, &planned.plan, &facts, &reason), 0);
	assert_int_equal(scan_search_get(cache, facts, &planned.plan, &search, &reason), 0);
	serial = search->serial;
	stats = fs_stub_stats(&fs);
	n = search->n;

	/* a new epoch alone costs nothing where all is watched */
	fs.epoch++;
	assert_int_equal(scan_search_get(cache, facts, &planned.plan, &search, &reason), 0);
	assert_int_equal(search->serial, serial);
	assert_int_equal(fs_stub_stats(&fs), stats);

	/* something has changed, but none of these */
	fs.generation++;
	assert_int_equal(scan_search_get(cache, facts, &planned.plan, &search, &reason), 0);
	assert_int_equal(search->serial, serial);
	assert_true(fs_stub_stats(&fs) > stats);

	assert_int_equal(mkdir("new", 0700), 0);
	fs.generation++;
	assert_int_equal(scan_search_get(cache, facts, &planned.plan, &search, &reason), 0);
	assert_int_not_equal(search->serial, serial);
	assert_int_equal(search->n, n + 1);
	assert_string_equal(search->dirs[1].name, "new");
	assert_false(search->dirs[1].system);

	planned_fini(&planned);
	scan_search_cache_free(cache);
	fs_stub_fini(&fs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists_are_the_compilers),
		cmocka_unit_test(test_lists_that_are_left_to_the_compiler),
		cmocka_unit_test(test_a_list_holds_until_a_directory_changes),
	};

	return cmocka_run_group_tests_name("scan search", tests, set_up, tear_down);
}
