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

#include "base/strv.h"
#include "monitor/lsdistcc.h"
#include "wire/distcc.h"

/* The words of a command line, after the program's name. */
static int parse(
	const char *words, struct strv *argv, struct lsdistcc_options *ret, struct buf *error)
{
	assert_int_equal(strv_push(argv, "lsdistcc"), 0);
	while (*words) {
		size_t n = strcspn(words, " ");

		assert_int_equal(strv_push_n(argv, words, n), 0);
		words += n + (words[n] == ' ');
	}
	return lsdistcc_parse(strv_argv(argv), ret, error);
}

static void defaults(void **state)
{
	AUTO(strv_fini) struct strv argv = STRV_INIT;
	AUTO(buf_fini) struct buf error = BUF_INIT;
	struct lsdistcc_options o;

	assert_int_equal(parse("", &argv, &o, &error), 0);
	assert_int_equal(o.total_s, 7);
	assert_int_equal(o.dns_retry_ms, 500);
	assert_int_equal(o.connect_ms, 900);
	assert_int_equal(o.compile_ms, 1500);
	assert_int_equal(o.overlap, 1);
	assert_int_equal(o.gap, 0);
	assert_int_equal(o.bits, 0);
	assert_int_equal(o.port, 3632);
	assert_int_equal(o.protocol, 1);
	assert_null(o.compiler);
	assert_string_equal(o.format, "distcc%d");
	assert_false(o.latency || o.numeric || o.show_down || o.domain || o.verbose);
}

static void all_options(void **state)
{
	AUTO(strv_fini) struct strv argv = STRV_INIT;
	AUTO(buf_fini) struct buf error = BUF_INIT;
	struct lsdistcc_options o;

	assert_int_equal(parse("-t1 -h2 -c3 -k4 -m5 -o6 -g7 -r8 -P3 -pg++-12 -l -nx -dvv -v red -l",
				 &argv, &o, &error),
		wire_lzo_available() ? 0 : LSDISTCC_BAD);
	if (!wire_lzo_available())
		return;
	assert_int_equal(o.total_s, 1);
	assert_int_equal(o.dns_retry_ms, 2);
	assert_int_equal(o.connect_ms, 3);
	assert_int_equal(o.compile_ms, 4);
	assert_int_equal(o.bits, 5);
	assert_int_equal(o.overlap, 6);
	assert_int_equal(o.gap, 7);
	assert_int_equal(o.port, 8);
	assert_int_equal(o.protocol, 3);
	assert_string_equal(o.compiler, "g++-12");
	assert_true(o.latency && o.numeric && o.show_down && o.domain);
	assert_int_equal(o.verbose, 3);
	assert_null(o.format);
	assert_string_equal(o.hosts[0], "red");
	/* All is a host after the first. */
	assert_string_equal(o.hosts[1], "-l");
	assert_null(o.hosts[2]);
}

static void hosts_or_format(void **state)
{
	static const struct {
		const char *words, *format;
	} cases[] = {
		{"red", NULL},
		{"red%d", "red%d"},
		{"-l red%02d.lan", "red%02d.lan"},
		{"red%d blue%d", NULL},
		{"red%s", NULL},
		{"fe80::1%eth0", NULL},
		{"-- -odd%d", "-odd%d"},
		{"-l --", "distcc%d"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(strv_fini) struct strv argv = STRV_INIT;
		AUTO(buf_fini) struct buf error = BUF_INIT;
		struct lsdistcc_options o;

		print_message("%s\n", cases[i].words);
		assert_int_equal(parse(cases[i].words, &argv, &o, &error), 0);
		if (cases[i].format)
			assert_string_equal(o.format, cases[i].format);
		else
			assert_null(o.format);
	}
}

static void bad_options(void **state)
{
	static const char *const cases[] = {"-q", "-", "--nothelp", "-r", "-rx", "-r0", "-r65536",
		"-r-1", "-r1x", "-P0", "-P4", "-P", "-p", "-h", "-h0", "-m129", "-t", "-c1.5",
		"-lq", "-r1l", "-o501", "-t99999999999999999999"};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(strv_fini) struct strv argv = STRV_INIT;
		AUTO(buf_fini) struct buf error = BUF_INIT;
		struct lsdistcc_options o;

		print_message("%s\n", cases[i]);
		assert_int_equal(parse(cases[i], &argv, &o, &error), LSDISTCC_BAD);
		assert_non_null(strstr(error.data, cases[i]));
		assert_null(strchr(error.data, '\n'));
	}
}

static void too_many_hosts(void **state)
{
	AUTO(strv_fini) struct strv argv = STRV_INIT;
	AUTO(buf_fini) struct buf error = BUF_INIT;
	struct lsdistcc_options o;

	for (int i = 0; i <= LSDISTCC_HOSTS_MAX; i++)
		assert_int_equal(strv_push(&argv, "red"), 0);
	assert_int_equal(lsdistcc_parse(strv_argv(&argv), &o, &error), 0);
	assert_int_equal(strv_push(&argv, "last"), 0);
	assert_int_equal(lsdistcc_parse(strv_argv(&argv), &o, &error), LSDISTCC_BAD);
	assert_non_null(strstr(error.data, "\"last\""));
}

/* Each letter of the help is an option, and --help is asked for anywhere before the hosts. */
static void help(void **state)
{
	AUTO(buf_fini) struct buf text = BUF_INIT;
	AUTO(buf_fini) struct buf error = BUF_INIT;
	AUTO(strv_fini) struct strv argv = STRV_INIT;
	struct lsdistcc_options o;
	unsigned n = 0;

	assert_int_equal(lsdistcc_help(&text), 0);
	assert_true(str_starts(text.data, "Usage: lsdistcc"));
	for (const char *p = text.data; (p = strstr(p, "\n  -")); p++) {
		const char *line_end = strchr(p + 1, '\n');

		assert_true(line_end - p < 100);
		n++;
	}
	assert_int_equal(n, strlen("lnxthckmogrPpdv") + 1);
	assert_int_equal(parse("-l --help red", &argv, &o, &error), LSDISTCC_HELP);
}

static void formats(void **state)
{
	static const struct {
		const char *format;
		unsigned i;
		const char *name; /* NULL: no format */
	} cases[] = {
		{"distcc%d", 1, "distcc1"},
		{"%d", 500, "500"},
		{"a%ib", 7, "a7b"},
		{"a%ub", 7, "a7b"},
		{"a%3db", 7, "a  7b"},
		{"a%03db", 7, "a007b"},
		{"a%003db", 7, "a007b"},
		{"a%0db", 7, "a7b"},
		{"a%02d", 123, "a123"},
		{"a%%%d%%", 7, "a%7%"},
		{"", 1, NULL},
		{"a", 1, NULL},
		{"a%%", 1, NULL},
		{"a%", 1, NULL},
		{"a%d%d", 1, NULL},
		{"a%d%", 1, NULL},
		{"a%s", 1, NULL},
		{"a%n%d", 1, NULL},
		{"a%-3d", 1, NULL},
		{"a%100d", 1, NULL},
		{"a%99999999999d", 1, NULL},
		{"a%ld", 1, NULL},
		{"a%*d", 1, NULL},
		{"a%.3d", 1, NULL},
		{"a%1$d", 1, NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(buf_fini) struct buf name = BUF_INIT;
		AUTO(buf_fini) struct buf full = BUF_INIT;

		print_message("%s\n", cases[i].format);
		assert_int_equal(lsdistcc_is_format(cases[i].format), cases[i].name != NULL);
		if (!cases[i].name)
			continue;
		assert_int_equal(lsdistcc_name(cases[i].format, cases[i].i, NULL, &name), 0);
		assert_string_equal(name.data, cases[i].name);
		assert_int_equal(lsdistcc_name(cases[i].format, cases[i].i, "lan", &full), 0);
		assert_true(str_starts(full.data, name.data));
		assert_string_equal(full.data + name.len, ".lan");
	}
}

static void domains(void **state)
{
	const char *const names[] = {NULL, "", "host", "host.", "host.b.example", "x.c"};

	assert_null(lsdistcc_domain(names, 4));
	assert_string_equal(lsdistcc_domain(names, 5), "b.example");
	assert_string_equal(lsdistcc_domain(names, 6), "b.example");
}

static struct sockaddr_storage address(const char *text)
{
	struct sockaddr_storage s = {.ss_family = strchr(text, ':') ? AF_INET6 : AF_INET};
	void *at = s.ss_family == AF_INET ? (void *)&((struct sockaddr_in *)&s)->sin_addr
					  : (void *)&((struct sockaddr_in6 *)&s)->sin6_addr;

	assert_int_equal(inet_pton(s.ss_family, text, at), 1);
	return s;
}

static void same_net(void **state)
{
	static const struct {
		const char *a, *b;
		unsigned bits; /* as many as they have in common */
	} cases[] = {
		{"127.0.0.1", "127.0.0.1", 128},
		{"127.0.0.1", "127.0.0.0", 31},
		{"127.0.0.1", "127.0.1.1", 23},
		{"10.0.0.1", "11.0.0.1", 7},
		{"10.0.0.1", "138.0.0.1", 0},
		{"::1", "::1", 128},
		{"::1", "::", 127},
		{"fe80::1", "fe80::8000:0:0:1", 64},
		{"fe80::1", "7e80::1", 0},
	};
	struct sockaddr_storage four = address("0.0.0.0"), six = address("::");
	struct sockaddr_storage other = {.ss_family = AF_UNIX};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct sockaddr_storage a = address(cases[i].a), b = address(cases[i].b);

		for (unsigned bits = 0; bits <= 128; bits++) {
			bool same = bits <= cases[i].bits;

			assert_int_equal(lsdistcc_same_net((struct sockaddr *)&a,
						 (struct sockaddr *)&b, bits),
				same);
			assert_int_equal(lsdistcc_same_net((struct sockaddr *)&b,
						 (struct sockaddr *)&a, bits),
				same);
		}
	}
	assert_false(lsdistcc_same_net((struct sockaddr *)&four, (struct sockaddr *)&six, 0));
	assert_false(lsdistcc_same_net((struct sockaddr *)&other, (struct sockaddr *)&other, 0));
}

static void lines(void **state)
{
	static const struct {
		const char *name;
		uint64_t port, protocol;
		bool latency, down;
		const char *line;
	} cases[] = {
		{"red", 3632, 1, false, false, "red\n"},
		{"red", 3633, 1, false, false, "red:3633\n"},
		{"red", 3632, 2, false, false, "red,lzo\n"},
		{"red", 3632, 3, false, false, "red,lzo,cpp\n"},
		{"red", 3632, 1, false, true, "red,down\n"},
		{"red", 3632, 1, true, false, "red 17\n"},
		{"red", 4000, 3, true, true, "red:4000,lzo,cpp,down 17\n"},
		{"10.0.0.1", 4000, 1, false, false, "10.0.0.1:4000\n"},
		{"fe80::1%eth0", 3632, 1, false, false, "[fe80::1%eth0]\n"},
		{"::1", 4000, 2, true, false, "[::1]:4000,lzo 17\n"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(buf_fini) struct buf line = BUF_INIT;
		struct lsdistcc_options o = {.port = cases[i].port,
			.protocol = cases[i].protocol,
			.latency = cases[i].latency};

		assert_int_equal(lsdistcc_line(&o, cases[i].name, cases[i].down, 17, &line), 0);
		assert_string_equal(line.data, cases[i].line);
	}
}

/* What is asked for is what a server reads. */
static void requests(void **state)
{
	for (unsigned protocol = WIRE_PLAIN; protocol <= WIRE_LZO; protocol++) {
		AUTO(buf_fini) struct buf bytes = BUF_INIT;
		AUTO(buf_fini) struct buf source = BUF_INIT;
		struct wire_request_reader *reader;
		const struct wire_request *q;
		size_t used;

		if (protocol == WIRE_LZO && !wire_lzo_available()) {
			assert_int_equal(lsdistcc_request(2, "cc", &bytes), -EOPNOTSUPP);
			assert_int_equal(lsdistcc_request(3, "cc", &bytes), -EOPNOTSUPP);
			continue;
		}
		assert_int_equal(lsdistcc_request(protocol, "cc", &bytes), 0);
		assert_int_equal(wire_request_new(&reader), 0);
		assert_int_equal(wire_request_feed(reader, bytes.data, bytes.len, &used), 0);
		q = wire_request_get(reader);
		assert_int_equal(used, bytes.len);
		assert_int_equal(q->state, WIRE_REQUEST_DONE);
		assert_int_equal(q->version, protocol);
		assert_string_equal(q->argv.v[0], "cc");
		assert_true(strv_has(&q->argv, "-c"));
		if (protocol == WIRE_PLAIN)
			assert_int_equal(buf_append(&source, q->source.data, q->source.len), 0);
		else
			assert_int_equal(
				wire_decompress(q->source.data, q->source.len, 1000, &source), 0);
		assert_string_equal(source.data, "int lsdistcc;\n");
		wire_request_free(reader);
	}
}

static void request_3(void **state)
{
	AUTO(buf_fini) struct buf bytes = BUF_INIT;
	AUTO(buf_fini) struct buf source = BUF_INIT;
	static const char head[] = "DIST00000003CDIR00000004/tmpARGC00000005ARGV00000002cc"
				   "ARGV00000002-cARGV0000000alsdistcc.cARGV00000002-o"
				   "ARGV0000000alsdistcc.oNFIL00000001"
				   "NAME0000000f/tmp/lsdistcc.cFILE";

	if (!wire_lzo_available())
		skip();
	assert_int_equal(lsdistcc_request(3, "cc", &bytes), 0);
	assert_true(str_starts(bytes.data, head));
	buf_consume(&bytes, sizeof(head) - 1 + 8);
	assert_int_equal(wire_decompress(bytes.data, bytes.len, 1000, &source), 0);
	assert_string_equal(source.data, "int lsdistcc;\n");
}

static void replies(void **state)
{
	static const struct {
		unsigned protocol;
		const char *reply;
		bool good;
	} cases[] = {
		{1, "DONE00000001STAT00000000SERR00000000", true},
		{1, "DONE00000001STAT00000000", true},
		{3, "DONE00000003STAT00000000", true},
		{1, "DONE00000001STAT0000000", false},
		{1, "DONE00000001", false},
		{1, "", false},
		{1, "DONE00000002STAT00000000", false},
		{1, "DONE00000001STAT00006e00", false},
		{1, "DONE00000001STAT0000000b", false},
		{1, "HTTP/1.1 400 Bad Request\r\n\r\n", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(lsdistcc_reply_good(
					 cases[i].protocol, cases[i].reply, strlen(cases[i].reply)),
			cases[i].good);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(all_options),
		cmocka_unit_test(hosts_or_format),
		cmocka_unit_test(bad_options),
		cmocka_unit_test(too_many_hosts),
		cmocka_unit_test(help),
		cmocka_unit_test(formats),
		cmocka_unit_test(domains),
		cmocka_unit_test(same_net),
		cmocka_unit_test(lines),
		cmocka_unit_test(requests),
		cmocka_unit_test(request_3),
		cmocka_unit_test(replies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
