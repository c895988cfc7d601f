/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The hosts list is read token by token: comments and blanks are skipped, a token that starts with
 * "--" or is "+zeroconf" sets something for the whole list, and every other one is a machine.
 * Which kind of machine is decided as distcc 3.4 decides it, in this order:
 *
 *	grpc://, grpcs://       Remote Execution; behind "cache=" only a cache of it. No token of
 *	                        distcc 3.4's begins like that and is valid there
 *	an '@' anywhere         ssh
 *	localhost, localhost/N  this machine, without the network
 *	all else                TCP; so "localhost:3632" and "localhost,lzo" are TCP to this machine
 *
 * distcc 3.4 takes the beginning of a number or of an option for the whole and ignores what
 * follows ("a/3x", "a,lzox", "a,lzo/8", a port of 70000). Here these are errors, as are names that
 * start with '-' (ssh would take one for an option): a list that says something else than its
 * writer meant is found at once, with the mend in the message. A list that keeps to the grammar
 * means what it meant there.
 */

#include "sched/hosts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/fs.h"
#include "base/path.h"

enum {
	SLOTS_REMOTE = 4,
	SLOTS_LOCALHOST = 2,
	NAME_LEN_MAX = 255, /* of a DNS name; longer is nothing that resolves */
	SHOWN_MAX = 100,    /* bytes of a token that an error message repeats */
};

#define SEPARATORS " \t\n\f\r"

#define REX_PLAIN "grpc://"
#define REX_TLS "grpcs://"
#define CACHE "cache="

/* What the parser of one token works on; error is where a complaint goes. */
struct token {
	const char *text; /* whole */
	const char *p;    /* what is left */
	struct buf *error;
};

/* The message ends up on a terminal: no control character of the token may. */
static int bad(const struct token *t, const char *mend)
{
	char shown[SHOWN_MAX + 1];
	size_t n = strnlen(t->text, SHOWN_MAX);
	int r;

	for (size_t i = 0; i < n; i++)
		shown[i] = (unsigned char)t->text[i] < ' ' || t->text[i] == 0x7f ? '?' : t->text[i];
	shown[n] = '\0';
	buf_clear(t->error);
	r = buf_printf(t->error, "bad entry \"%s%s\" in the hosts list: %s", shown,
		t->text[n] ? "..." : "", mend);
	return r < 0 ? r : HOSTS_BAD;
}

/* Take the number that is the next n bytes: 1 to max, digits only. */
static int take_number(struct token *t, size_t n, uint64_t max, const char *mend, uint64_t *ret)
{
	char digits[24];
	uint64_t v;

	if (n >= sizeof(digits))
		return bad(t, mend);
	memcpy(digits, t->p, n);
	digits[n] = '\0';
	if (str_to_u64(digits, max, &v) < 0 || v == 0)
		return bad(t, mend);
	t->p += n;
	*ret = v;
	return 0;
}

static int take_slots(struct token *t, unsigned *ret)
{
	uint64_t v = 0;
	int r = take_number(t, strcspn(t->p, ":/,"), HOSTS_SLOTS_MAX,
		"the number of slots behind '/' or '=' must be 1 to 100000, as in host/8", &v);

	if (r == 0)
		*ret = (unsigned)v;
	return r;
}

static int take_port(struct token *t, uint16_t *ret)
{
	size_t n = strcspn(t->p, "/,");
	uint64_t v = 0;
	int r;

	if (memchr(t->p, ':', n))
		return bad(t, "an IPv6 address needs brackets, as in [fe80::1]:3632");
	r = take_number(t, n, UINT16_MAX,
		"the port behind ':' must be a number from 1 to 65535, as in host:3632", &v);
	if (r == 0)
		*ret = (uint16_t)v;
	return r;
}

static int check_name(const struct token *t, const char *name, size_t n)
{
	if (n == 0 && str_starts(t->p, "::"))
		return bad(t, "an IPv6 address needs brackets, as in [::1]");
	if (n == 0)
		return bad(t, "the host name is missing");
	if (n > NAME_LEN_MAX)
		return bad(t, "the host name is longer than 255 bytes");
	if (name[0] == '-' || name[0] == '+')
		return bad(t, "neither a host name nor one of --localslots=N, "
			      "--localslots_cpp=N, --randomize, +zeroconf");
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)name[i] <= ' ' || name[i] == 0x7f || name[i] == '@')
			return bad(t, "the host name has a character that no name has");
	return 0;
}

/* A host name, or an address in brackets, which are taken off. */
static int take_name(struct token *t, char **ret)
{
	bool brackets = *t->p == '[';
	const char *name = t->p + brackets;
	size_t n = strcspn(name, brackets ? "]" : "/:,");
	int r;

	if (brackets && name[n] != ']')
		return bad(t, "the bracket of the IPv6 address is not closed, as in [::1]");
	r = check_name(t, name, n);
	if (r != 0)
		return r;
	*ret = strndup(name, n);
	if (!*ret)
		return -ENOMEM;
	t->p = name + n + brackets;
	return 0;
}

static int take_option(struct token *t, struct hosts_entry *e)
{
	const char *word = t->p;
	size_t n = strcspn(word, ",");
	const struct {
		const char *word;
		bool *flag;
	} options[] = {{"lzo", &e->lzo}, {"cpp", &e->cpp}, {"down", &e->down}, {"auth", &e->auth}};

	t->p += n;
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		if (n == strlen(options[i].word) && memcmp(word, options[i].word, n) == 0) {
			*options[i].flag = true;
			return 0;
		}
	}
	if (str_starts(word, "auth=")) {
		e->auth = true;
		return 0;
	}
	if (memchr(word, '/', n) || memchr(word, ':', n))
		return bad(t, "the slots and the port come before the options, as in host/8,lzo");
	return bad(t, "the options are ,lzo ,cpp ,down ,auth and ,auth=NAME");
}

static int take_options(struct token *t, struct hosts_entry *e)
{
	int r;

	while (*t->p == ',') {
		t->p++;
		r = take_option(t, e);
		if (r != 0)
			return r;
	}
	if (*t->p != '\0')
		return bad(t, "only '/', ':' or ',' may follow a bracket or a number");
	if (e->cpp && !e->lzo)
		return bad(t, "pump mode needs compression: write ,lzo,cpp");
	return 0;
}

static int parse_tcp(struct token *t, struct hosts_entry *e)
{
	bool have_slots = false, have_port = false;
	int r;

	e->mode = HOSTS_MODE_TCP;
	r = take_name(t, &e->name);
	while (r == 0 && (*t->p == '/' || *t->p == ':')) {
		bool slots = *t->p++ == '/';
		bool *have = slots ? &have_slots : &have_port;

		if (*have)
			return bad(t, slots ? "the number of slots is given twice"
					    : "the port is given twice");
		*have = true;
		r = slots ? take_slots(t, &e->slots) : take_port(t, &e->port);
	}
	return r == 0 ? take_options(t, e) : r;
}

static int parse_ssh(struct token *t, struct hosts_entry *e)
{
	const char *at = strchr(t->p, '@');
	int r;

	e->mode = HOSTS_MODE_SSH;
	e->port = 0;
	if (at > t->p) {
		e->user = strndup(t->p, (size_t)(at - t->p));
		if (!e->user)
			return -ENOMEM;
	}
	t->p = at + 1;
	r = take_name(t, &e->name);
	if (r == 0 && *t->p == '/') {
		t->p++;
		r = take_slots(t, &e->slots);
	}
	if (r == 0 && *t->p == ':') {
		size_t n = strcspn(++t->p, ",");

		/* "user@host:" names no command, so the default one is run. */
		if (n > 0) {
			e->command = strndup(t->p, n);
			if (!e->command)
				return -ENOMEM;
		}
		t->p += n;
	}
	return r == 0 ? take_options(t, e) : r;
}

static int parse_localhost(struct token *t, struct hosts_entry *e)
{
	int r = 0;

	e->mode = HOSTS_MODE_LOCAL;
	e->port = 0;
	e->slots = SLOTS_LOCALHOST;
	e->name = strdup("localhost");
	if (!e->name)
		return -ENOMEM;
	t->p += strlen("localhost");
	if (*t->p == '/') {
		t->p++;
		r = take_slots(t, &e->slots);
	}
	if (r == 0 && *t->p != '\0')
		return bad(t, "localhost/N is this machine without the network and takes no port "
			      "or option: write 127.0.0.1/N for a worker here");
	return r;
}

static bool is_localhost(const char *text)
{
	return str_eq(text, "localhost") || str_starts(text, "localhost/");
}

static int take_instance(struct token *t, char **ret)
{
	size_t n = strcspn(t->p, ",");

	if (n > HOSTS_INSTANCE_MAX)
		return bad(t, "the instance name is longer than 255 bytes");
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)t->p[i] <= ' ' || t->p[i] == 0x7f)
			return bad(t, "the instance name has a character that none has");
	*ret = strndup(t->p, n);
	t->p += n;
	return *ret ? 0 : -ENOMEM;
}

/* HOST[:PORT][/INSTANCE] */
static int take_server(struct token *t, struct hosts_entry *e)
{
	const char *end = t->p + strcspn(t->p, "/,");
	int r;

	if (memchr(t->p, '@', (size_t)(end - t->p)))
		return bad(t, "a list is shown to many and so has no user or password in it: put a "
			      "token into a file and write ,token=FILE");
	r = take_name(t, &e->name);
	if (r == 0 && *t->p == ':') {
		t->p++;
		r = take_port(t, &e->port);
	}
	if (r == 0 && *t->p == '/') {
		t->p++;
		return take_instance(t, &e->instance);
	}
	if (r == 0 && *t->p != ',' && *t->p != '\0')
		return bad(t, "only ':', '/' or ',' may follow the name, as in "
			      "grpc://host:3632/instance,slots=8");
	e->instance = r == 0 ? strdup("") : NULL;
	return r == 0 && !e->instance ? -ENOMEM : r;
}

/* What stands behind '=', up to the next option. */
static int take_file(struct token *t, char **to)
{
	size_t n = strcspn(t->p, ",");

	if (*t->p != '/')
		return bad(t, "a file is named by its absolute path, as in ,token=/home/me/token");
	if (*to)
		return bad(t, "a file is given twice");
	*to = strndup(t->p, n);
	t->p += n;
	return *to ? 0 : -ENOMEM;
}

static bool take_word(struct token *t, const char *word)
{
	size_t n = strlen(word);

	if (!str_starts(t->p, word) || (word[n - 1] != '=' && t->p[n] && t->p[n] != ','))
		return false;
	t->p += n;
	return true;
}

static int take_rex_option(struct token *t, struct hosts_entry *e, bool cache)
{
	struct {
		const char *word;
		char **to;
	} files[] = {{"ca=", &e->files.ca}, {"cert=", &e->files.cert}, {"key=", &e->files.key},
		{"token=", &e->files.token}};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (take_word(t, files[i].word))
			return take_file(t, files[i].to);
	if (!cache && take_word(t, "slots="))
		return take_slots(t, &e->slots);
	if (!cache && take_word(t, "down"))
		return (e->down = true, 0);
	if (cache && take_word(t, "ro"))
		return (e->read_only = true, 0);
	return bad(t, cache ? "the options of a cache are ,ro ,ca=FILE ,cert=FILE ,key=FILE and "
			      ",token=FILE"
			    : "the options are ,slots=N ,down ,ca=FILE ,cert=FILE ,key=FILE and "
			      ",token=FILE");
}

static bool is_rex(const char *text)
{
	return str_starts(text, REX_PLAIN) || str_starts(text, REX_TLS);
}

static int parse_rex(struct token *t, struct hosts_entry *e, bool cache)
{
	int r;

	if (!is_rex(t->p))
		return bad(t, "a cache is a URL, as in cache=grpc://host:3632");
	e->mode = HOSTS_MODE_REX;
	e->tls = str_starts(t->p, REX_TLS);
	e->port = e->tls ? HOSTS_PORT_TLS : HOSTS_PORT_DEFAULT;
	t->p += strlen(e->tls ? REX_TLS : REX_PLAIN);
	r = take_server(t, e);
	while (r == 0 && *t->p == ',') {
		t->p++;
		r = take_rex_option(t, e, cache);
	}
	if (r == 0 && *t->p != '\0')
		return bad(t, "only ',' may follow an option");
	if (r == 0 && !e->tls && (e->files.ca || e->files.cert || e->files.key))
		return bad(t, "certificates are for grpcs://");
	if (r == 0 && !e->files.cert != !e->files.key)
		return bad(t, "a certificate needs its key: write ,cert=FILE,key=FILE");
	return r;
}

void hosts_entry_fini(struct hosts_entry *e)
{
	free(e->definition);
	free(e->name);
	free(e->user);
	free(e->command);
	free(e->instance);
	free(e->files.ca);
	free(e->files.cert);
	free(e->files.key);
	free(e->files.token);
}

static bool copy_text(const char *s, char **ret)
{
	*ret = s ? strdup(s) : NULL;
	return !s || *ret;
}

int hosts_entry_copy(const struct hosts_entry *e, struct hosts_entry *ret)
{
	struct hosts_entry c = *e;
	bool ok = copy_text(e->definition, &c.definition);

	ok = copy_text(e->name, &c.name) && ok;
	ok = copy_text(e->user, &c.user) && ok;
	ok = copy_text(e->command, &c.command) && ok;
	ok = copy_text(e->instance, &c.instance) && ok;
	ok = copy_text(e->files.ca, &c.files.ca) && ok;
	ok = copy_text(e->files.cert, &c.files.cert) && ok;
	ok = copy_text(e->files.key, &c.files.key) && ok;
	ok = copy_text(e->files.token, &c.files.token) && ok;
	if (!ok) {
		hosts_entry_fini(&c);
		return -ENOMEM;
	}
	*ret = c;
	return 0;
}

static int add_entry(struct hosts_entry **v, size_t *n, const struct hosts_entry *e)
{
	/* Doubles at every power of two. */
	if ((*n & (*n - 1)) == 0) {
		size_t cap = *n ? *n * 2 : 1;
		struct hosts_entry *more = realloc(*v, cap * sizeof(*more));

		if (!more)
			return -ENOMEM;
		*v = more;
	}
	(*v)[(*n)++] = *e;
	return 0;
}

static int parse_machine(struct hosts *h, struct token *t)
{
	struct hosts_entry e = {.port = HOSTS_PORT_DEFAULT, .slots = SLOTS_REMOTE};
	bool cache = str_starts(t->text, CACHE);
	int r;

	if (!cache && h->n >= HOSTS_MAX)
		return bad(t, "it is one more than the 10000 hosts that a list may have");
	if (cache && h->n_caches >= HOSTS_CACHES_MAX)
		return bad(t, "it is one more than the 8 caches that a list may have");
	e.definition = strdup(t->text);
	if (!e.definition)
		return -ENOMEM;
	t->p += cache ? strlen(CACHE) : 0;
	if (cache || is_rex(t->text))
		r = parse_rex(t, &e, cache);
	else if (strchr(t->text, '@'))
		r = parse_ssh(t, &e);
	else if (is_localhost(t->text))
		r = parse_localhost(t, &e);
	else
		r = parse_tcp(t, &e);
	if (r == 0)
		r = cache ? add_entry(&h->caches, &h->n_caches, &e) : add_entry(&h->v, &h->n, &e);
	if (r != 0)
		hosts_entry_fini(&e);
	return r;
}

static int parse_local_slots(struct token *t, const char *option, unsigned *ret)
{
	int r;

	t->p += strlen(option);
	if (*t->p != '=' && *t->p != '/')
		return bad(t, "it needs a number, as in --localslots=8");
	t->p++;
	r = take_slots(t, ret);
	if (r == 0 && *t->p != '\0')
		return bad(t, "nothing may follow the number, as in --localslots=8");
	return r;
}

static int parse_token(struct hosts *h, struct token *t)
{
	if (str_starts(t->text, "--localslots_cpp"))
		return parse_local_slots(t, "--localslots_cpp", &h->local_cpp_slots);
	if (str_starts(t->text, "--localslots"))
		return parse_local_slots(t, "--localslots", &h->local_slots);
	if (str_starts(t->text, "--randomize")) {
		h->randomize = true;
		return 0;
	}
	if (str_eq(t->text, "+zeroconf")) {
		h->zeroconf = true;
		return 0;
	}
	return parse_machine(h, t);
}

int hosts_parse(const char *text, struct hosts *ret, struct buf *error)
{
	AUTO(hosts_fini) struct hosts h = {.v = NULL};

	for (const char *p = text; *p;) {
		size_t n = strcspn(p, SEPARATORS "#");
		AUTO(util_free) char *word = NULL;
		int r;

		if (n == 0) {
			p += *p == '#' ? strcspn(p, "\n") : 1;
			continue;
		}
		word = strndup(p, n);
		if (!word)
			return -ENOMEM;
		r = parse_token(&h, &(struct token){.text = word, .p = word, .error = error});
		if (r != 0)
			return r;
		p += n;
	}
	*ret = h;
	h = (struct hosts){.v = NULL};
	return 0;
}

void hosts_fini(struct hosts *h)
{
	for (size_t i = 0; i < h->n; i++)
		hosts_entry_fini(&h->v[i]);
	for (size_t i = 0; i < h->n_caches; i++)
		hosts_entry_fini(&h->caches[i]);
	free(h->v);
	free(h->caches);
	*h = (struct hosts){.v = NULL};
}

/* splitmix64: any seed, also 0 and a small process id, gives a good sequence. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

void hosts_shuffle(struct hosts *h, uint64_t seed)
{
	for (size_t i = h->n; i > 1; i--) {
		size_t j = next_random(&seed) % i;
		struct hosts_entry e = h->v[i - 1];

		h->v[i - 1] = h->v[j];
		h->v[j] = e;
	}
}

unsigned hosts_total_slots(const struct hosts *h)
{
	unsigned sum = 0;

	for (size_t i = 0; i < h->n; i++)
		sum += h->v[i].slots;
	return sum;
}

/* One hosts file: HOSTS_NONE where there is none. */
static int read_list(const char *path, struct buf *ret_text, struct buf *error)
{
	AUTO(buf_fini) struct buf text = BUF_INIT_MAX(HOSTS_FILE_MAX);
	const char *why;
	int r = fs_read_file(path, &text);

	if (r == -ENOENT || r == -ENOTDIR)
		return HOSTS_NONE;
	if (r == -ENOMEM)
		return r;
	if (r == 0 && strlen(buf_str(&text)) == text.len)
		return buf_append(ret_text, buf_str(&text), text.len);
	if (r == -E2BIG)
		why = "it is larger than 1 MiB";
	else
		why = r < 0 ? strerror(-r) : "it has a NUL byte, so it is not a text";
	buf_clear(error);
	r = buf_printf(error, "the hosts file %s cannot be used: %s", path, why);
	return r < 0 ? r : HOSTS_BAD;
}

/* dir/name of a hosts file, if there is a directory to look in. */
static int read_list_in(const char *dir, const char *name, struct buf *ret_text, struct buf *error)
{
	AUTO(util_free) char *path = NULL;

	if (!dir || !*dir)
		return HOSTS_NONE;
	path = path_join(dir, name);
	return path ? read_list(path, ret_text, error) : -ENOMEM;
}

int hosts_find(char *const *envp, const char *sysconfdir, struct buf *ret_text, struct buf *error)
{
	const char *list = env_get(envp, "DISTCC_HOSTS");
	const char *dir = env_get(envp, "DISTCC_DIR");
	int r;

	/* Set but empty is a list too: the one that says "nowhere". */
	if (list)
		return buf_append_str(ret_text, list);
	if (dir && *dir)
		r = read_list_in(dir, "hosts", ret_text, error);
	else
		r = read_list_in(env_get(envp, "HOME"), ".distcc/hosts", ret_text, error);
	return r == HOSTS_NONE ? read_list_in(sysconfdir, "distcc/hosts", ret_text, error) : r;
}
