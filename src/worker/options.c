/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * One table says of each option its name, its value, what it means to people (--help is made from
 * it) and which function applies it.
 */

#include "worker/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpus.h"
#include "worker/exit.h"

enum { JOBS_MAX = 4096, PORT_MAX = 65535, NICE_MAX = 19, SECONDS_MAX = 1 << 30 };
/* Of the store, in bytes: less would hold no toolchain; more is no file system. */
#define STORE_SIZE_MIN ((uint64_t)16 << 20)
#define STORE_SIZE_MAX ((uint64_t)1 << 60)
#define STORE_SIZE_DEFAULT ((uint64_t)10 << 30)

enum { NICE_DEFAULT = 5, PORT_DEFAULT = 3632, SPARE_JOBS = 2, OOM_MAX = 1000 };
/* getopt's values of options without a letter: the row's index from here on. */
enum { ROW_BASE = 256 };

struct row {
	const char *name;
	char letter;
	const char *value; /* its name in --help; NULL: the option takes none */
	const char *help;  /* NULL: not shown in --help */
	/* 0, or a sentence's worth of -errno: -EINVAL, -ERANGE, -ENOMEM, -ENOTSUP (said already) */
	int (*apply)(struct options *o, const struct row *row, const char *value);
	size_t offset;
	uint64_t min, max;
};

static void *member(struct options *o, const struct row *row)
{
	return (char *)o + row->offset;
}

static int set_true(struct options *o, const struct row *row, const char *value)
{
	*(bool *)member(o, row) = true;
	return 0;
}

static int set_text(struct options *o, const struct row *row, const char *value)
{
	*(const char **)member(o, row) = value;
	return 0;
}

static int set_number(struct options *o, const struct row *row, const char *value)
{
	uint64_t n;
	int r = str_to_u64(value, row->max, &n);

	if (r < 0 || n < row->min)
		return -ERANGE;
	*(uint64_t *)member(o, row) = n;
	return 0;
}

/* Bytes, or with a letter behind the number 2^10, 2^20, … of them. */
static int set_size(struct options *o, const struct row *row, const char *value)
{
	static const char units[] = "KMGT";
	size_t n = strlen(value);
	const char *unit = n > 0 ? strchr(units, value[n - 1]) : NULL;
	unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
	AUTO(util_free) char *number = strndup(value, n - (unit != NULL));
	uint64_t v;

	if (!number)
		return -ENOMEM;
	if (str_to_u64(number, row->max >> shift, &v) < 0 || v << shift < row->min)
		return -EINVAL;
	*(uint64_t *)member(o, row) = v << shift;
	return 0;
}

static int set_mode(struct options *o, const struct row *row, const char *value)
{
	o->mode = (enum options_mode)row->min;
	return 0;
}

static int set_oom_score_adj(struct options *o, const struct row *row, const char *value)
{
	bool negative = value[0] == '-';
	uint64_t n;

	if (str_to_u64(value + negative, OOM_MAX, &n) < 0)
		return -EINVAL;
	o->oom_score_adj = negative ? -(int)n : (int)n;
	o->has_oom_score_adj = true;
	return 0;
}

static int set_log_level(struct options *o, const struct row *row, const char *value)
{
	return log_level_parse(value, &o->log_level) ? 0 : -EINVAL;
}

static int set_verbose(struct options *o, const struct row *row, const char *value)
{
	o->log_level = LOG_LEVEL_DEBUG;
	return 0;
}

static int set_wizard(struct options *o, const struct row *row, const char *value)
{
	o->mode = OPTIONS_MODE_DAEMON;
	o->no_detach = o->log_stderr = true;
	o->log_level = LOG_LEVEL_DEBUG;
	return 0;
}

static int add_allow(struct options *o, const struct row *row, const char *value)
{
	o->allow_given = true;
	return acl_add(&o->allow, value);
}

static int add_private(struct options *o, const struct row *row, const char *value)
{
	o->allow_given = true;
	return acl_add_private(&o->allow);
}

static int add_listen(struct options *o, const struct row *row, const char *value)
{
	return strv_push(&o->listen, value);
}

static int add_adopted(struct options *o, const struct row *row, const char *value)
{
	return strv_push(&o->adopt, value);
}

static int add_toolchain(struct options *o, const struct row *row, const char *value)
{
	return strv_push(&o->toolchains, value);
}

static int set_sandbox(struct options *o, const struct row *row, const char *value)
{
	static const char *const modes[] = {
		[CONFINE_AUTO] = "auto", [CONFINE_ALWAYS] = "always", [CONFINE_NEVER] = "never"};

	for (unsigned i = 0; i < ARRAY_SIZE(modes); i++) {
		if (str_eq(value, modes[i])) {
			o->sandbox = (enum confine_mode)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int ignore(struct options *o, const struct row *row, const char *value)
{
	return 0;
}

static int not_built_in(struct options *o, const struct row *row, const char *value)
{
	fprintf(stderr, "distccd: --%s is not built into this distccd\n", row->name);
	return -ENOTSUP;
}

#define AT(m) .offset = offsetof(struct options, m)

static const struct row rows[] = {
	{"help", 0, NULL, "print this and exit", set_true, AT(help)},
	{"version", 0, NULL, "print the version and exit", set_true, AT(version)},
	{"daemon", 0, NULL, "serve a port (the default, unless stdin is a socket)", set_mode,
		.min = OPTIONS_MODE_DAEMON},
	{"inetd", 0, NULL, "serve the one client on stdin and stdout", set_mode,
		.min = OPTIONS_MODE_INETD},
	{"port", 'p', "PORT", "TCP port (default 3632; 0: any that is free)", set_number, AT(port),
		0, PORT_MAX},
	{"port-file", 0, "FILE", "write the port to FILE when clients can connect", set_text,
		AT(port_file)},
	{"listen", 0, "ADDRESS", "listen on this address only (may be repeated)", add_listen},
	{"allow", 'a', "IP[/BITS]", "serve this network (may be repeated; default: loopback only)",
		add_allow},
	{"allow-private", 0, NULL, "serve loopback and private networks", add_private},
	{"tls-cert", 0, "FILE", "serve gRPC over TLS with this certificate (PEM)", set_text,
		AT(tls_cert)},
	{"tls-key", 0, "FILE", "the private key of that certificate (PEM)", set_text, AT(tls_key)},
	{"tls-client-ca", 0, "FILE", "serve only clients with a certificate signed by one of these",
		set_text, AT(tls_client_ca)},
	{"token-file", 0, "FILE", "serve only gRPC clients that show one of these bearer tokens",
		set_text, AT(token_file)},
	{"store", 0, "DIR", "serve Remote Execution, and keep files and results in DIR", set_text,
		AT(store)},
	{"store-size", 0, "SIZE", "bytes of the store at most, with K, M, G or T (default 10G)",
		set_size, AT(store_size), STORE_SIZE_MIN, STORE_SIZE_MAX},
	{"adopt", 0, "COMPILER",
		"take the files of COMPILER into the store, so that clients need not send them "
		"(may "
		"be repeated)",
		add_adopted},
	{"own-results", 0, NULL, "let no client add a result to the action cache", set_true,
		AT(own_results)},
	{"instance", 0, "NAME", "the instance name that is served (default: any)", set_text,
		AT(instance)},
	{"sandbox", 0, "auto|always|never",
		"isolate the compilers of distcc clients (default auto: where the host can)",
		set_sandbox},
	{"toolchain", 0, "DIR", "show DIR to compilers in the sandbox, read-only (may be repeated)",
		add_toolchain},
	{"jobs", 'j', "N", "run at most N compilers at once (default: processors plus 2)",
		set_number, AT(jobs), 1, JOBS_MAX},
	{"nice", 'N', "N", "be nicer by N (default 5)", set_number, AT(nice), 0, NICE_MAX},
	{"oom-score-adj", 0, "N", "let the kernel's out-of-memory killer prefer us by N",
		set_oom_score_adj},
	{"job-lifetime", 0, "SECONDS", "kill a compiler that runs longer (default 0: never)",
		set_number, AT(job_lifetime_s), 0, SECONDS_MAX},
	{"lifetime", 0, "SECONDS", "exit after this time (default 0: never)", set_number,
		AT(lifetime_s), 0, SECONDS_MAX},
	{"user", 0, "NAME", "when started by root, run as NAME (default distcc, then nobody)",
		set_text, AT(user)},
	{"pid-file", 'P', "FILE", "write the process id to FILE, remove it at exit", set_text,
		AT(pid_file)},
	{"no-detach", 0, NULL, "stay in the foreground", set_true, AT(no_detach)},
	{"no-fork", 0, NULL, NULL, ignore},
	{"no-fifo", 0, NULL, NULL, ignore},
	{"log-file", 0, "FILE", "log to FILE (default: syslog)", set_text, AT(log_file)},
	{"log-stderr", 0, NULL, "log to stderr", set_true, AT(log_stderr)},
	{"log-level", 0, "LEVEL",
		"emergency, alert, critical, error, warning, notice, info or debug (default "
		"notice)",
		set_log_level},
	{"verbose", 0, NULL, "log at level debug", set_verbose},
	{"wizard", 'W', NULL, "--daemon --no-detach --log-stderr --verbose", set_wizard},
	{"enable-tcp-insecure", 0, NULL,
		"run whatever a client names, not only compilers in the masquerade directory",
		set_true, AT(insecure)},
	{"make-me-a-botnet", 0, NULL, "the same as --enable-tcp-insecure", set_true, AT(insecure)},
	{"stats", 0, NULL, NULL, not_built_in},
	{"stats-port", 0, "PORT", NULL, not_built_in},
	{"zeroconf", 0, NULL, NULL, not_built_in},
};

static int apply(struct options *o, const struct row *row, const char *value)
{
	switch (row->apply(o, row, value)) {
	case 0:
		return 0;
	case -ERANGE:
		fprintf(stderr, "distccd: --%s=%s: expected a number from %lu to %lu\n", row->name,
			value, (unsigned long)row->min, (unsigned long)row->max);
		return WORKER_EXIT_BAD_ARGUMENTS;
	case -EINVAL:
		if (row->apply == set_size) {
			fprintf(stderr,
				"distccd: --%s=%s: expected a number of bytes, at least %luM, with "
				"K, "
				"M, G or T for larger units\n",
				row->name, value, (unsigned long)(row->min >> 20));
			return WORKER_EXIT_BAD_ARGUMENTS;
		}
		fprintf(stderr, "distccd: --%s=%s: expected %s (see --help)\n", row->name, value,
			row->value);
		return WORKER_EXIT_BAD_ARGUMENTS;
	case -ENOTSUP:
		return WORKER_EXIT_BAD_ARGUMENTS;
	default:
		fprintf(stderr, "distccd: --%s: out of memory\n", row->name);
		return WORKER_EXIT_OUT_OF_MEMORY;
	}
}

static const struct row *row_of(int value)
{
	if (value >= ROW_BASE)
		return &rows[value - ROW_BASE];
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].letter == value)
			return &rows[i];
	return NULL;
}

/* Options that need each other. NULL: all is well. */
static const char *missing(const struct options *o)
{
	if (o->tls_cert && !o->tls_key)
		return "--tls-cert needs --tls-key";
	if (o->tls_key && !o->tls_cert)
		return "--tls-key needs --tls-cert";
	if (o->tls_client_ca && !o->tls_cert)
		return "--tls-client-ca needs --tls-cert and --tls-key";
	if (o->instance && !o->store)
		return "--instance needs --store";
	if (o->own_results && !o->store)
		return "--own-results needs --store";
	if (o->adopt.n > 0 && !o->store)
		return "--adopt needs --store";
	if (o->store && !*o->store)
		return "--store needs the name of a directory";
	return NULL;
}

int worker_options_parse(int argc, char **argv, struct options *ret)
{
	struct option longs[ARRAY_SIZE(rows) + 1] = {0};
	char shorts[2 * ARRAY_SIZE(rows) + 1], *s = shorts;
	struct options o = {.jobs = cpus_usable() + SPARE_JOBS,
		.nice = NICE_DEFAULT,
		.port = PORT_DEFAULT,
		.store_size = STORE_SIZE_DEFAULT,
		.log_level = LOG_LEVEL_NOTICE};
	const char *why;
	int c, r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		longs[i] = (struct option){.name = rows[i].name,
			.has_arg = rows[i].value ? required_argument : no_argument,
			.val = ROW_BASE + (int)i};
		if (rows[i].letter) {
			*s++ = rows[i].letter;
			if (rows[i].value)
				*s++ = ':';
		}
	}
	*s = '\0';
	optind = 1;
	while (r == 0 && (c = getopt_long(argc, argv, shorts, longs, NULL)) >= 0) {
		const struct row *row = c == '?' ? NULL : row_of(c);

		r = row ? apply(&o, row, optarg) : WORKER_EXIT_BAD_ARGUMENTS;
	}
	why = r == 0 ? missing(&o) : NULL;
	if (why) {
		fprintf(stderr, "distccd: %s (see --help)\n", why);
		r = WORKER_EXIT_BAD_ARGUMENTS;
	}
	if (r == 0 && o.mode != OPTIONS_MODE_INETD && !o.allow_given && acl_add_loopback(&o.allow))
		r = WORKER_EXIT_OUT_OF_MEMORY;
	if (r != 0) {
		worker_options_fini(&o);
		return r;
	}
	*ret = o;
	return 0;
}

void worker_options_fini(struct options *o)
{
	acl_fini(&o->allow);
	strv_fini(&o->listen);
	strv_fini(&o->toolchains);
	strv_fini(&o->adopt);
}

void worker_options_help(FILE *to)
{
	fprintf(to, "Usage: distccd [OPTION...]\n"
		    "Compiles for distcc clients.\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char left[64];

		if (!rows[i].help)
			continue;
		snprintf(left, sizeof(left), "%c%c%s --%s%s%s", rows[i].letter ? '-' : ' ',
			rows[i].letter ? rows[i].letter : ' ', rows[i].letter ? "," : " ",
			rows[i].name, rows[i].value ? "=" : "", rows[i].value ? rows[i].value : "");
		fprintf(to, "  %-30s  %s\n", left, rows[i].help);
	}
}
