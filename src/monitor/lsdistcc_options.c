/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Options as in distcc 3.4: a letter with its value glued on. Options end at the first argument
 * that does not start with '-': all that follow are hosts. One table is both parser and help.
 */

#include <errno.h>
#include <string.h>

#include "monitor/lsdistcc.h"
#include "sched/hosts.h"
#include "wire/distcc.h"

enum kind { FLAG, COUNT, NUMBER, WORD };

struct option {
	char letter;
	enum kind kind;
	const char *value; /* its name in the help */
	size_t at;         /* in struct lsdistcc_options */
	uint64_t min, max;
	const char *help;
};

#define AT(member) offsetof(struct lsdistcc_options, member)

static const struct option options[] = {
	{'l', FLAG, "", AT(latency), 0, 0, "append the latency in milliseconds"},
	{'n', FLAG, "", AT(numeric), 0, 0, "print addresses, not names"},
	{'x', FLAG, "", AT(show_down), 0, 0, "print hosts that do not serve too, with \",down\""},
	{'t', NUMBER, "SEC", AT(total_s), 0, 86400, "end after so many seconds [7]; 0: never"},
	{'h', NUMBER, "MS", AT(dns_retry_ms), 1, 3600000,
		"ask again for a name after so long [500]"},
	{'c', NUMBER, "MS", AT(connect_ms), 0, 3600000,
		"give up connecting after so long [900]; 0: do not connect"},
	{'k', NUMBER, "MS", AT(compile_ms), 0, 3600000,
		"give up a compile after so long [1500]; 0: do not compile"},
	{'m', NUMBER, "BITS", AT(bits), 0, 128,
		"only hosts whose address starts as the first one's [0]"},
	{'o', NUMBER, "N", AT(overlap), 0, LSDISTCC_HOSTS_MAX,
		"look up so many names of FORMAT ahead [1]"},
	{'g', NUMBER, "N", AT(gap), 0, LSDISTCC_HOSTS_MAX,
		"go on after so many missing names of FORMAT [0]"},
	{'r', NUMBER, "PORT", AT(port), 1, UINT16_MAX, "port [3632]"},
	{'P', NUMBER, "VERSION", AT(protocol), 1, 3,
		"version of the protocol: 2 is \",lzo\", 3 \",lzo,cpp\" [1]"},
	{'p', WORD, "COMPILER", AT(compiler), 0, 0, "have each host compile a line with COMPILER"},
	{'d', FLAG, "", AT(domain), 0, 0, "append this host's domain to the names of FORMAT"},
	{'v', COUNT, "", AT(verbose), 0, 0, "say on standard error what is done"},
};

static const struct lsdistcc_options defaults = {
	.total_s = 7,
	.dns_retry_ms = 500,
	.connect_ms = 900,
	.compile_ms = 1500,
	.overlap = 1,
	.port = HOSTS_PORT_DEFAULT,
	.protocol = 1,
};

int lsdistcc_help(struct buf *ret)
{
	int r = buf_append_str(ret,
		"Usage: lsdistcc [OPTION]... [FORMAT | HOST...]\n"
		"Print, as a hosts list, those of the HOSTs that serve; or of the hosts that "
		"FORMAT\n"
		"names, with the numbers from 1 in the place of its %d, up to the first that is\n"
		"missing. The default FORMAT is distcc%d.\n\n");

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(options); i++)
		r = buf_printf(ret, "  -%c%-10s %s\n", options[i].letter, options[i].value,
			options[i].help);
	return r == 0 ? buf_printf(ret, "  %-12s %s\n", "--help", "show this") : r;
}

static int bad(struct buf *error, const char *arg, const char *what)
{
	int r;

	buf_clear(error);
	r = buf_printf(error, "\"%s\" %s; see lsdistcc --help", arg, what);
	return r < 0 ? r : LSDISTCC_BAD;
}

static const struct option *find_option(char letter)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (options[i].letter == letter)
			return &options[i];
	return NULL;
}

/* One argument: flags, and at most one option with a value, which ends it. */
static int parse_argument(const char *arg, struct lsdistcc_options *o, struct buf *error)
{
	for (const char *p = arg + 1; *p; p++) {
		const struct option *opt = find_option(*p);
		void *at;
		int r;

		if (!opt)
			return bad(error, arg, "is no option");
		at = (char *)o + opt->at;
		switch (opt->kind) {
		case FLAG:
			*(bool *)at = true;
			continue;
		case COUNT:
			++*(uint64_t *)at;
			continue;
		case WORD:
			if (p[1] == '\0')
				return bad(error, arg, "needs a value behind the letter");
			*(const char **)at = p + 1;
			return 0;
		case NUMBER:
			r = str_to_u64(p + 1, opt->max, at);
			if (r < 0 || *(uint64_t *)at < opt->min)
				return bad(error, arg, "needs a fitting number behind the letter");
			return 0;
		}
	}
	return arg[1] ? 0 : bad(error, arg, "is no option");
}

static size_t count(char *const *v)
{
	size_t n = 0;

	while (v[n])
		n++;
	return n;
}

int lsdistcc_parse(char *const *argv, struct lsdistcc_options *ret, struct buf *error)
{
	struct lsdistcc_options o = defaults;
	char *const *arg = argv + 1;
	int r;

	for (; *arg && **arg == '-'; arg++) {
		if (str_eq(*arg, "--help"))
			return LSDISTCC_HELP;
		if (str_eq(*arg, "--")) {
			arg++;
			break;
		}
		r = parse_argument(*arg, &o, error);
		if (r != 0)
			return r;
	}
	if (o.compiler && o.protocol > 1 && !wire_lzo_available())
		return bad(error, "-p", "needs -P1, as this lsdistcc was built without LZO");
	o.hosts = arg;
	if (count(arg) > LSDISTCC_HOSTS_MAX)
		return bad(error, arg[LSDISTCC_HOSTS_MAX], "is one more than 500 hosts");
	if (!arg[0])
		o.format = "distcc%d";
	else if (!arg[1] && lsdistcc_is_format(arg[0]))
		o.format = arg[0];
	*ret = o;
	return 0;
}
