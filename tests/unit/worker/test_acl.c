/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "worker/acl.h"

static struct sockaddr_storage address(const char *text)
{
	struct sockaddr_storage ss = {0};
	struct sockaddr_in *in = (struct sockaddr_in *)&ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ss;

	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
	} else {
		assert_int_equal(inet_pton(AF_INET6, text, &in6->sin6_addr), 1);
		in6->sin6_family = AF_INET6;
	}
	return ss;
}

static bool allows(const struct acl *a, const char *text)
{
	struct sockaddr_storage ss = address(text);

	return acl_allows(a, (struct sockaddr *)&ss);
}

static void test_nets(void **state)
{
	static const struct {
		const char *net, *peer;
		bool allowed;
	} cases[] = {
		{"10.0.0.0/8", "10.255.0.1", true},
		{"10.0.0.0/8", "11.0.0.1", false},
		{"192.168.1.128/25", "192.168.1.128", true},
		{"192.168.1.128/25", "192.168.1.127", false},
		{"192.168.1.7", "192.168.1.7", true},
		{"192.168.1.7", "192.168.1.8", false},
		{"192.168.1.7/31", "192.168.1.6", true},
		{"0.0.0.0/0", "8.8.8.8", true},
		{"0.0.0.0/0", "::1", false},
		{"0.0.0.0/0", "2001:db8::1", false},
		{"10.0.0.0/8", "::ffff:10.1.2.3", true},
		{"::/0", "10.1.2.3", false},
		{"::/0", "::ffff:10.1.2.3", false},
		{"::/0", "2001:db8::1", true},
		{"2001:db8::/33", "2001:db8:7fff::1", true},
		{"2001:db8::/33", "2001:db8:8000::1", false},
		{"::1", "::1", true},
		{"::1", "::2", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(acl_fini) struct acl a = {0};

		assert_int_equal(acl_add(&a, cases[i].net), 0);
		if (allows(&a, cases[i].peer) != cases[i].allowed)
			fail_msg("%s for %s", cases[i].net, cases[i].peer);
	}
}

static void test_bad_nets(void **state)
{
	static const char *const cases[] = {"", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/x",
		"10.0.0.0/-1", "10.0.0", "example.org", "::/129", "::1 ", "10.0.0.0/8/8",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee:ffff"};
	AUTO(acl_fini) struct acl a = {0};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(acl_add(&a, cases[i]), -EINVAL);
	assert_int_equal(a.n, 0);
}

static void test_sets(void **state)
{
	static const struct {
		const char *peer;
		bool loopback, private;
	} cases[] = {
		{"127.0.0.1", true, true},
		{"127.9.9.9", true, true},
		{"::1", true, true},
		{"::ffff:127.0.0.1", true, true},
		{"10.1.1.1", false, true},
		{"172.31.0.1", false, true},
		{"172.32.0.1", false, false},
		{"192.168.3.4", false, true},
		{"fe80::1", false, true},
		{"fd00::1", false, true},
		{"8.8.8.8", false, false},
		{"2001:db8::1", false, false},
	};
	AUTO(acl_fini) struct acl none = {0};
	AUTO(acl_fini) struct acl loopback = {0};
	AUTO(acl_fini) struct acl private = {0};

	assert_int_equal(acl_add_loopback(&loopback), 0);
	assert_int_equal(acl_add_private(&private), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_false(allows(&none, cases[i].peer));
		assert_int_equal(allows(&loopback, cases[i].peer), cases[i].loopback);
		assert_int_equal(allows(&private, cases[i].peer), cases[i].private);
	}
}

static void test_other_families(void **state)
{
	struct sockaddr_storage local = {.ss_family = AF_UNIX};
	AUTO(acl_fini) struct acl a = {0};

	assert_int_equal(acl_add(&a, "0.0.0.0/0"), 0);
	assert_int_equal(acl_add(&a, "::/0"), 0);
	assert_false(acl_allows(&a, (struct sockaddr *)&local));
}

static void test_same_address(void **state)
{
	struct sockaddr_storage a = address("10.0.0.1"), b = address("::ffff:10.0.0.1"),
				c = address("10.0.0.2");

	((struct sockaddr_in *)&a)->sin_port = 1;
	assert_true(acl_same_address((struct sockaddr *)&a, (struct sockaddr *)&b));
	assert_false(acl_same_address((struct sockaddr *)&a, (struct sockaddr *)&c));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nets),
		cmocka_unit_test(test_bad_nets),
		cmocka_unit_test(test_sets),
		cmocka_unit_test(test_other_families),
		cmocka_unit_test(test_same_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
