/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/path.h"
#include "failing.h"
#include "sched/hosts.h"

#define TCP HOSTS_MODE_TCP
#define SSH HOSTS_MODE_SSH
#define LOCAL HOSTS_MODE_LOCAL

enum { L = 1, C = 2, D = 4, A = 8 }; /* lzo, cpp, down, auth */

static unsigned flags_of(const struct hosts_entry *e)
{
	return (e->lzo ? L : 0u) | (e->cpp ? C : 0u) | (e->down ? D : 0u) | (e->auth ? A : 0u);
}

static void expect_str(const char *got, const char *want)
{
	if (want)
		assert_string_equal(got ? got : "(null)", want);
	else
		assert_null(got);
}

static void one_entry(void **state)
{
	static const struct {
		const char *token;
		enum hosts_mode mode;
		const char *name;
		unsigned port, slots, flags;
		const char *user, *command;
	} cases[] = {
		{"localhost", LOCAL, "localhost", 0, 2, 0, NULL, NULL},
		{"localhost/7", LOCAL, "localhost", 0, 7, 0, NULL, NULL},
		{"localhost,lzo", TCP, "localhost", 3632, 4, L, NULL, NULL},
		{"localhost:3632", TCP, "localhost", 3632, 4, 0, NULL, NULL},
		{"localhost:1/2", TCP, "localhost", 1, 2, 0, NULL, NULL},
		{"LOCALHOST", TCP, "LOCALHOST", 3632, 4, 0, NULL, NULL},
		{"localhosts", TCP, "localhosts", 3632, 4, 0, NULL, NULL},
		{"red", TCP, "red", 3632, 4, 0, NULL, NULL},
		{"red.example.com:4000", TCP, "red.example.com", 4000, 4, 0, NULL, NULL},
		{"red/8", TCP, "red", 3632, 8, 0, NULL, NULL},
		{"red/100000", TCP, "red", 3632, 100000, 0, NULL, NULL},
		{"red/007", TCP, "red", 3632, 7, 0, NULL, NULL},
		{"red:4000/8", TCP, "red", 4000, 8, 0, NULL, NULL},
		{"red/8:4000", TCP, "red", 4000, 8, 0, NULL, NULL},
		{"red:65535", TCP, "red", 65535, 4, 0, NULL, NULL},
		{"red,lzo", TCP, "red", 3632, 4, L, NULL, NULL},
		{"red,lzo,lzo", TCP, "red", 3632, 4, L, NULL, NULL},
		{"red/8:4000,lzo,cpp,down,auth", TCP, "red", 4000, 8, L | C | D | A, NULL, NULL},
		{"red,cpp,lzo", TCP, "red", 3632, 4, L | C, NULL, NULL},
		{"red,auth=me", TCP, "red", 3632, 4, A, NULL, NULL},
		{"red,auth=", TCP, "red", 3632, 4, A, NULL, NULL},
		{"red,down,auth=a/b,lzo", TCP, "red", 3632, 4, D | A | L, NULL, NULL},
		{"127.0.0.1", TCP, "127.0.0.1", 3632, 4, 0, NULL, NULL},
		{"[::1]", TCP, "::1", 3632, 4, 0, NULL, NULL},
		{"[::1]:44/3,lzo", TCP, "::1", 44, 3, L, NULL, NULL},
		{"[fe80::1%eth0]/3:44", TCP, "fe80::1%eth0", 44, 3, 0, NULL, NULL},
		{"anonymous", TCP, "anonymous", 3632, 4, 0, NULL, NULL},
		{"@red", SSH, "red", 0, 4, 0, NULL, NULL},
		{"me@red", SSH, "red", 0, 4, 0, "me", NULL},
		{"me@red/3:/opt/bin/distccd,lzo", SSH, "red", 0, 3, L, "me", "/opt/bin/distccd"},
		{"me@red:dir/3", SSH, "red", 0, 4, 0, "me", "dir/3"},
		{"me@red:", SSH, "red", 0, 4, 0, "me", NULL},
		{"me@red:,lzo", SSH, "red", 0, 4, L, "me", NULL},
		{"me@[::1]/2:x", SSH, "::1", 0, 2, 0, "me", "x"},
		{"me@red:/opt/a@1/distccd", SSH, "red", 0, 4, 0, "me", "/opt/a@1/distccd"},
		{"me@localhost", SSH, "localhost", 0, 4, 0, "me", NULL},
		/* An '@' anywhere makes it ssh, wherever the writer may have meant it. */
		{"red:44@blue", SSH, "blue", 0, 4, 0, "red:44", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(buf_fini) struct buf error = BUF_INIT;
		AUTO(hosts_fini) struct hosts h = {.v = NULL};

		print_message("%s\n", cases[i].token);
		assert_int_equal(hosts_parse(cases[i].token, &h, &error), 0);
		assert_int_equal(error.len, 0);
		assert_int_equal(h.n, 1);
		assert_string_equal(h.v[0].definition, cases[i].token);
		assert_int_equal(h.v[0].mode, cases[i].mode);
		expect_str(h.v[0].name, cases[i].name);
		expect_str(h.v[0].user, cases[i].user);
		expect_str(h.v[0].command, cases[i].command);
		assert_int_equal(h.v[0].port, cases[i].port);
		assert_int_equal(h.v[0].slots, cases[i].slots);
		assert_int_equal(flags_of(&h.v[0]), cases[i].flags);
		assert_int_equal(hosts_total_slots(&h), cases[i].slots);
	}
}

static void one_server(void **state)
{
	static const struct {
		const char *token, *name, *instance;
		unsigned port, slots;
		bool cache, tls, read_only, down;
		const char *ca, *cert, *key, *bearer;
	} cases[] = {
		{"grpc://red", "red", "", 3632, 4},
		{"grpcs://red", "red", "", 443, 4, .tls = true},
		{"grpc://red:8980", "red", "", 8980, 4},
		{"grpc://red/", "red", "", 3632, 4},
		{"grpc://red:1/main", "red", "main", 1, 4},
		{"grpc://red/a/b:c@d,slots=7", "red", "a/b:c@d", 3632, 7},
		{"grpc://[::1]:44/x,slots=100000,down", "::1", "x", 44, 100000, .down = true},
		{"grpcs://red,ca=/a,cert=/b/c,key=/d,token=/e", "red", "", 443, 4, .tls = true,
			.ca = "/a", .cert = "/b/c", .key = "/d", .bearer = "/e"},
		{"grpc://red,token=/t,slots=2", "red", "", 3632, 2, .bearer = "/t"},
		{"cache=grpc://red", "red", "", 3632, 4, .cache = true},
		{"cache=grpcs://red:1/i,ro,ca=/a", "red", "i", 1, 4, .cache = true, .tls = true,
			.read_only = true, .ca = "/a"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(buf_fini) struct buf error = BUF_INIT;
		AUTO(hosts_fini) struct hosts h = {.v = NULL};
		const struct hosts_entry *e;
		struct hosts_entry copy;

		print_message("%s\n", cases[i].token);
		assert_int_equal(hosts_parse(cases[i].token, &h, &error), 0);
		assert_int_equal(h.n, cases[i].cache ? 0 : 1);
		assert_int_equal(h.n_caches, cases[i].cache ? 1 : 0);
		assert_int_equal(hosts_total_slots(&h), cases[i].cache ? 0 : cases[i].slots);
		assert_int_equal(hosts_entry_copy(cases[i].cache ? h.caches : h.v, &copy), 0);
		e = &copy;
		assert_int_equal(e->mode, HOSTS_MODE_REX);
		assert_string_equal(e->definition, cases[i].token);
		expect_str(e->name, cases[i].name);
		expect_str(e->instance, cases[i].instance);
		assert_int_equal(e->port, cases[i].port);
		assert_int_equal(e->slots, cases[i].slots);
		assert_int_equal(e->tls, cases[i].tls);
		assert_int_equal(e->down, cases[i].down);
		assert_int_equal(e->read_only, cases[i].read_only);
		expect_str(e->files.ca, cases[i].ca);
		expect_str(e->files.cert, cases[i].cert);
		expect_str(e->files.key, cases[i].key);
		expect_str(e->files.token, cases[i].bearer);
		assert_null(e->user);
		hosts_entry_fini(&copy);
	}
}

static void caches_are_no_hosts(void **state)
{
	AUTO(buf_fini) struct buf error = BUF_INIT;
	AUTO(hosts_fini) struct hosts h = {.v = NULL};

	assert_int_equal(
		hosts_parse("red cache=grpc://a grpc://b cache=grpcs://c,ro", &h, &error), 0);
	assert_int_equal(h.n, 2);
	assert_int_equal(h.n_caches, 2);
	assert_string_equal(h.v[0].name, "red");
	assert_string_equal(h.v[1].name, "b");
	assert_string_equal(h.caches[0].name, "a");
	assert_string_equal(h.caches[1].name, "c");
	assert_int_equal(hosts_total_slots(&h), 8);
}

/* Each is refused, with the token and these words of the mend in one line. */
static void bad_entry(void **state)
{
	static const struct {
		const char *token, *mend;
	} cases[] = {
		{"red/0", "slots"},
		{"red/", "slots"},
		{"red/x", "slots"},
		{"red/-1", "slots"},
		{"red/+3", "slots"},
		{"red/3x", "slots"},
		{"red/100001", "slots"},
		{"red/18446744073709551617", "slots"},
		{"red/000000000000000000000000000001", "slots"},
		{"red/3/4", "slots is given twice"},
		{"red:", "port"},
		{"red:x", "port"},
		{"red:0", "port"},
		{"red:65536", "port"},
		{"red:70000", "port"},
		{"red:/3", "port"},
		{"red:99/4:77", "port is given twice"},
		{"::1", "[::1]"},
		{"fe80::1", "brackets"},
		{"[::1", "bracket"},
		{"[]", "name is missing"},
		{"[::1]x", "may follow"},
		{":44", "name is missing"},
		{"/4", "name is missing"},
		{",lzo", "name is missing"},
		{"@", "name is missing"},
		{"me@", "name is missing"},
		{"me@/3", "name is missing"},
		{"me@red/0", "slots"},
		{"me@red/3/4", "may follow"},
		{"me@-oProxyCommand=x", "neither a host name"},
		{"me@red@blue", "character"},
		{"red,", "options are"},
		{"red,lzo,", "options are"},
		{"red,lzox", "options are"},
		{"red,lz", "options are"},
		{"red,LZO", "options are"},
		{"red,authx", "options are"},
		{"red,lzo/3", "before the options"},
		{"red,lzo:44", "before the options"},
		{"red,cpp", ",lzo,cpp"},
		{"me@red,cpp", ",lzo,cpp"},
		{"localhost/", "slots"},
		{"localhost/0", "slots"},
		{"localhost/2,lzo", "127.0.0.1"},
		{"localhost/2:44", "127.0.0.1"},
		{"grpc://", "name is missing"},
		{"grpc://:1", "name is missing"},
		{"grpc:///x", "name is missing"},
		{"grpc://me:secret@red", "token=FILE"},
		{"grpc://red:x", "port"},
		{"grpc://red:70000", "port"},
		{"grpc://[::1]x", "may follow the name"},
		{"grpc://::1", "brackets"},
		{"grpc://-red", "neither a host name"},
		{"grpc://red,8", "slots=N"},
		{"grpc://red,slots=0", "slots"},
		{"grpc://red,slots=2/x", "may follow"},
		{"grpc://red,lzo", "slots=N"},
		{"grpc://red,ro", "slots=N"},
		{"grpc://red,", "slots=N"},
		{"grpc://red,downer", "slots=N"},
		{"grpc://red,token=t", "absolute"},
		{"grpcs://red,ca=", "absolute"},
		{"grpcs://red,ca=/a,ca=/b", "given twice"},
		{"grpcs://red,cert=/a", "needs its key"},
		{"grpcs://red,key=/a", "needs its key"},
		{"grpc://red,ca=/a", "grpcs://"},
		{"grpc:/red", "port"},
		{"http://red", "port"},
		{"cache=", "a cache is a URL"},
		{"cache=red", "a cache is a URL"},
		{"cache=http://red", "a cache is a URL"},
		{"cache=grpc://red,slots=1", "options of a cache"},
		{"cache=grpc://red,rox", "options of a cache"},
		{"--localslots", "--localslots=8"},
		{"--localslots=", "slots"},
		{"--localslots=0", "slots"},
		{"--localslots=x", "slots"},
		{"--localslots=2,lzo", "may follow"},
		{"--localslots_cpp=0", "slots"},
		{"--foo", "--randomize"},
		{"-j", "--randomize"},
		{"+zeroconfig", "+zeroconf"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(buf_fini) struct buf error = BUF_INIT;
		AUTO(buf_fini) struct buf text = BUF_INIT;
		struct hosts h = {.n = 77};

		print_message("%s\n", cases[i].token);
		assert_int_equal(buf_printf(&text, "good %s fine", cases[i].token), 0);
		assert_int_equal(buf_append_str(&error, "old"), 0);
		assert_int_equal(hosts_parse(text.data, &h, &error), HOSTS_BAD);
		assert_int_equal(h.n, 77);
		assert_non_null(strstr(error.data, cases[i].mend));
		assert_non_null(strstr(error.data, cases[i].token));
		assert_null(strpbrk(error.data, "\n"));
		assert_false(str_starts(error.data, "old"));
	}
}

static void whole_list(void **state)
{
	static const char text[] = "# the rack\n"
				   "--randomize --localslots=3\t--localslots_cpp/9 red#comment\r\n"
				   "\f blue/2 # red green\n"
				   "red +zeroconf localhost #";
	AUTO(buf_fini) struct buf error = BUF_INIT;
	AUTO(hosts_fini) struct hosts h = {.v = NULL};

	assert_int_equal(hosts_parse(text, &h, &error), 0);
	assert_int_equal(h.n, 4);
	assert_string_equal(h.v[0].name, "red");
	assert_string_equal(h.v[1].name, "blue");
	assert_string_equal(h.v[2].name, "red");
	assert_int_equal(h.v[3].mode, HOSTS_MODE_LOCAL);
	assert_true(h.randomize);
	assert_true(h.zeroconf);
	assert_int_equal(h.local_slots, 3);
	assert_int_equal(h.local_cpp_slots, 9);
	/* Local slots are not in what -j prints. */
	assert_int_equal(hosts_total_slots(&h), 4 + 2 + 4 + 2);
}

static void nothing_listed(void **state)
{
	static const char *const texts[] = {"", " \t\r\n\f", "#red", "#red\n#", "# a\r\n"};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		AUTO(buf_fini) struct buf error = BUF_INIT;
		AUTO(hosts_fini) struct hosts h = {.n = 1};

		assert_int_equal(hosts_parse(texts[i], &h, &error), 0);
		assert_int_equal(h.n, 0);
		assert_int_equal(hosts_total_slots(&h), 0);
		hosts_shuffle(&h, 1);
	}
}

static void at_most_so_many_caches(void **state)
{
	AUTO(buf_fini) struct buf text = BUF_INIT;
	AUTO(buf_fini) struct buf error = BUF_INIT;
	struct hosts h;

	for (size_t i = 0; i < HOSTS_CACHES_MAX; i++)
		assert_int_equal(buf_append_str(&text, "cache=grpc://red "), 0);
	assert_int_equal(hosts_parse(buf_str(&text), &h, &error), 0);
	hosts_fini(&h);
	assert_int_equal(buf_append_str(&text, "cache=grpc://red"), 0);
	assert_int_equal(hosts_parse(buf_str(&text), &h, &error), HOSTS_BAD);
	assert_non_null(strstr(buf_str(&error), "8 caches"));
}

static void at_most_so_many(void **state)
{
	AUTO(buf_fini) struct buf text = BUF_INIT;
	AUTO(buf_fini) struct buf error = BUF_INIT;
	struct hosts h;

	for (int i = 0; i < HOSTS_MAX; i++)
		assert_int_equal(buf_append_str(&text, "h/100000 "), 0);
	assert_int_equal(hosts_parse(text.data, &h, &error), 0);
	assert_int_equal(h.n, HOSTS_MAX);
	assert_int_equal(hosts_total_slots(&h), (unsigned)HOSTS_MAX * HOSTS_SLOTS_MAX);
	hosts_fini(&h);
	assert_int_equal(buf_append_str(&text, "--randomize last"), 0);
	assert_int_equal(hosts_parse(text.data, &h, &error), HOSTS_BAD);
	assert_non_null(strstr(error.data, "\"last\""));
}

static void long_token(void **state)
{
	AUTO(buf_fini) struct buf text = BUF_INIT;
	AUTO(buf_fini) struct buf error = BUF_INIT;
	struct hosts h;

	for (int i = 0; i < 256; i++)
		assert_int_equal(buf_append_char(&text, 'a'), 0);
	assert_int_equal(hosts_parse(text.data, &h, &error), HOSTS_BAD);
	assert_true(error.len < 200);
	assert_int_equal(hosts_parse(text.data + 1, &h, &error), 0);
	hosts_fini(&h);
}

/* What a terminal could obey does not reach the message. */
static void control_characters(void **state)
{
	AUTO(buf_fini) struct buf error = BUF_INIT;
	struct hosts h;

	assert_int_equal(hosts_parse("r\x1b[0md\x7f", &h, &error), HOSTS_BAD);
	assert_non_null(strstr(error.data, "\"r?[0md?\""));
	assert_non_null(strstr(error.data, "character"));
}

static void shuffle(void **state)
{
	unsigned first[4] = {0};

	for (uint64_t seed = 0; seed < 400; seed++) {
		AUTO(buf_fini) struct buf error = BUF_INIT;
		AUTO(hosts_fini) struct hosts h = {.v = NULL};
		unsigned seen = 0;

		assert_int_equal(hosts_parse("a b c d", &h, &error), 0);
		hosts_shuffle(&h, seed);
		for (size_t i = 0; i < h.n; i++)
			seen |= 1u << (h.v[i].name[0] - 'a');
		assert_int_equal(seen, 15);
		first[h.v[0].name[0] - 'a']++;
	}
	for (size_t i = 0; i < ARRAY_SIZE(first); i++)
		assert_in_range(first[i], 60, 140);
}

static void out_of_memory(void **state)
{
	for (unsigned n = 1; failing_start(n); n++) {
		AUTO(buf_fini) struct buf error = BUF_INIT;
		AUTO(hosts_fini) struct hosts h = {.v = NULL};
		int good = hosts_parse("localhost me@red:run [::1]/2 grpcs://red,token=/t "
				       "cache=grpcs://red/i,ca=/a,cert=/c,key=/k",
			&h, &error);
		struct hosts none;
		int r = hosts_parse("red red/0", &none, &error);
		bool failed = failing_stop();

		assert_true(good == 0 || good == -ENOMEM);
		assert_true(r == HOSTS_BAD || r == -ENOMEM);
		assert_int_equal(good == 0 && r == HOSTS_BAD, !failed);
		assert_int_equal(h.n, good == 0 ? 4 : 0);
		assert_int_equal(h.n_caches, good == 0 ? 1 : 0);
	}
}

/* A directory with home/.distcc/hosts, dir/hosts and etc/distcc/hosts. */
struct tree {
	char *root;
	char home[200], dir[200], etc[200];
};

static void put(const struct tree *t, const char *name, const char *content)
{
	AUTO(util_free) char *path = path_join(t->root, name);
	AUTO(util_free) char *parent = path_dir(path);
	FILE *f;

	assert_int_equal(fs_mkdirs(parent, 0700), 0);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fputs(content, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void tree_new(struct tree *t)
{
	char name[] = "/tmp/test_hosts_XXXXXX";

	t->root = strdup(mkdtemp(name));
	assert_non_null(t->root);
	snprintf(t->home, sizeof(t->home), "HOME=%s/home", t->root);
	snprintf(t->dir, sizeof(t->dir), "DISTCC_DIR=%s/dir", t->root);
	snprintf(t->etc, sizeof(t->etc), "%s/etc", t->root);
}

static void tree_free(struct tree *t)
{
	assert_int_equal(fs_remove_tree(t->root), 0);
	free(t->root);
}

static void expect_found(char *const *envp, const char *etc, int want, const char *text)
{
	AUTO(buf_fini) struct buf found = BUF_INIT;
	AUTO(buf_fini) struct buf error = BUF_INIT;

	assert_int_equal(hosts_find(envp, etc, &found, &error), want);
	assert_int_equal(error.len > 0, want == HOSTS_BAD);
	assert_string_equal(buf_str(&found), text);
}

static void find_order(void **state)
{
	AUTO(tree_free) struct tree t;
	char *const none[] = {NULL};
	char *const home[] = {t.home, NULL};
	char *const both[] = {t.home, t.dir, NULL};
	char *const empty_dir[] = {t.home, (char *)"DISTCC_DIR=", NULL};
	char *const list[] = {t.dir, (char *)"DISTCC_HOSTS=red", NULL};
	char *const nowhere[] = {t.dir, (char *)"DISTCC_HOSTS=", NULL};

	tree_new(&t);
	expect_found(both, t.etc, HOSTS_NONE, "");
	put(&t, "etc/distcc/hosts", "etc");
	expect_found(none, t.etc, 0, "etc");
	expect_found(none, NULL, HOSTS_NONE, "");
	expect_found(home, t.etc, 0, "etc");
	put(&t, "home/.distcc/hosts", "home");
	expect_found(home, t.etc, 0, "home");
	expect_found(empty_dir, t.etc, 0, "home");
	/* DISTCC_DIR stands in place of ~/.distcc, not before it. */
	expect_found(both, t.etc, 0, "etc");
	put(&t, "dir/hosts", "");
	expect_found(both, t.etc, 0, "");
	expect_found(list, t.etc, 0, "red");
	expect_found(nowhere, t.etc, 0, "");
}

static void find_bad(void **state)
{
	AUTO(tree_free) struct tree t;
	AUTO(util_free) char *path = NULL;
	AUTO(util_free) char *big = calloc(1, HOSTS_FILE_MAX + 2);
	char *const home[] = {t.home, NULL};

	tree_new(&t);
	put(&t, "etc/distcc/hosts", "etc");
	put(&t, "home/.distcc/hosts/x", "");
	expect_found(home, t.etc, HOSTS_BAD, "");

	path = path_join(t.root, "home/.distcc/hosts");
	assert_int_equal(fs_remove_tree(path), 0);
	memset(big, ' ', HOSTS_FILE_MAX + 1);
	put(&t, "home/.distcc/hosts", big);
	expect_found(home, t.etc, HOSTS_BAD, "");
	big[HOSTS_FILE_MAX] = '\0';
	put(&t, "home/.distcc/hosts", big);
	expect_found(home, t.etc, 0, big);
	assert_int_equal(truncate(path, HOSTS_FILE_MAX - 1), 0);
	assert_int_equal(truncate(path, HOSTS_FILE_MAX), 0);
	expect_found(home, t.etc, HOSTS_BAD, "");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_entry),
		cmocka_unit_test(one_server),
		cmocka_unit_test(caches_are_no_hosts),
		cmocka_unit_test(at_most_so_many_caches),
		cmocka_unit_test(bad_entry),
		cmocka_unit_test(whole_list),
		cmocka_unit_test(nothing_listed),
		cmocka_unit_test(at_most_so_many),
		cmocka_unit_test(long_token),
		cmocka_unit_test(control_characters),
		cmocka_unit_test(shuffle),
		cmocka_unit_test(out_of_memory),
		cmocka_unit_test(find_order),
		cmocka_unit_test(find_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
