/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * A probe is one host:
 *
 *	RESOLVING ──► RESOLVED ──► CONNECTING ──► COMPILING ──► DONE
 *	    │             │             │ next address │          ▲
 *	    └──► MISSING ─┴─────────────┴──────────────┴──────────┘
 *
 * Hosts that were named are asked for all at once. Those of a format are asked for a few at a time,
 * and their answers are taken in the order of their numbers, because a missing one ends the search:
 * so that the result does not depend on which answer came first. With -m the order counts too, as
 * the first host that is there says which others belong to it.
 */

#include "monitor/lsdistcc_scan.h"

#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "net/dial.h"

enum { ADDRESSES_MAX = 8, LOOKUPS_MAX = 3, DISCARD_SIZE = 4096 };

enum state { RESOLVING, RESOLVED, MISSING, CONNECTING, COMPILING, DONE };

struct scan;

struct probe {
	struct scan *scan;
	char *name;
	enum state state;
	uv_timer_t timer; /* until the name is asked for again; until the compile is given up */
	unsigned lookups, pending;

	struct sockaddr_storage v[ADDRESSES_MAX];
	size_t n, at;
	char address[DIAL_ADDRESS_TEXT]; /* v[at] as text */
	uint64_t since_ms;
	struct dial *dial;

	uv_tcp_t tcp;
	uv_write_t write;
	char reply[LSDISTCC_REPLY_SIZE];
	size_t reply_len;
};

/* One question to the resolver: there may be more than one of a probe's on the way. */
struct lookup {
	uv_getaddrinfo_t req;
	struct probe *probe;
};

struct scan {
	const struct lsdistcc_options *o;
	const char *domain;
	uv_loop_t loop;
	uv_timer_t deadline;
	struct buf request; /* of the compile, the same for all */

	struct probe *v[LSDISTCC_HOSTS_MAX];
	size_t n;                          /* started */
	size_t total;                      /* to start */
	size_t resolving;                  /* of those started */
	size_t open;                       /* not DONE */
	uint64_t missing;                  /* of a format */
	bool ended;                        /* no more of a format's names count */
	bool found;                        /* any name */
	struct sockaddr_storage reference; /* for -m; its family is AF_UNSPEC until it is known */
	int error;
};

static void say(const struct probe *p, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void say(const struct probe *p, const char *fmt, ...)
{
	va_list ap;

	if (p->scan->o->verbose == 0)
		return;
	fprintf(stderr, "lsdistcc: %s: ", p->name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static void fail(struct scan *s, int error)
{
	if (s->error == 0)
		s->error = error;
	uv_stop(&s->loop);
}

static void end_probe(struct probe *p)
{
	struct scan *s = p->scan;

	if (p->state == DONE)
		return;
	if (p->state == RESOLVING)
		s->resolving--;
	p->state = DONE;
	uv_timer_stop(&p->timer);
	if (p->dial)
		dial_cancel(TAKE_PTR(p->dial));
	if (--s->open == 0 && (s->ended || s->n == s->total))
		uv_stop(&s->loop);
}

/* The end of a host that is there: its line, unless it is down and nobody wants to know. */
static void report(struct probe *p, bool down)
{
	AUTO(buf_fini) struct buf line = BUF_INIT;
	const struct lsdistcc_options *o = p->scan->o;
	uint64_t latency = o->connect_ms ? uv_now(&p->scan->loop) - p->since_ms : 0;
	int r = 0;

	if (!down || o->show_down)
		r = lsdistcc_line(o, o->numeric ? p->address : p->name, down, latency, &line);
	end_probe(p);
	if (r == 0 && line.len > 0 && (fputs(line.data, stdout) == EOF || fflush(stdout) == EOF))
		r = -errno;
	if (r < 0)
		fail(p->scan, r);
}

static void on_tcp_closed(uv_handle_t *h)
{
	/* The probe lives as long as the scan. */
}

static void end_compile(struct probe *p)
{
	bool good = lsdistcc_reply_good(p->scan->o->protocol, p->reply, p->reply_len);

	say(p, good ? "compiled" : "the compile failed");
	uv_close((uv_handle_t *)&p->tcp, on_tcp_closed);
	report(p, !good);
}

static void on_compile_timeout(uv_timer_t *t)
{
	end_compile(t->data);
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *ret)
{
	/* One loop, and each piece is used up in on_read. */
	static char piece[DISCARD_SIZE];

	*ret = uv_buf_init(piece, sizeof(piece));
}

/* The start of the reply is kept; what follows is taken in so that the server can finish. */
static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *piece)
{
	struct probe *p = stream->data;
	size_t room = sizeof(p->reply) - p->reply_len;

	if (p->state != COMPILING)
		return;
	if (n < 0) {
		end_compile(p);
		return;
	}
	room = MIN(room, (size_t)n);
	memcpy(p->reply + p->reply_len, piece->base, room);
	p->reply_len += room;
}

static void on_written(uv_write_t *w, int status)
{
	/* A server that does not take it all has also closed: on_read sees that. */
}

static void start_compile(struct probe *p, int fd)
{
	struct scan *s = p->scan;
	uv_buf_t request = uv_buf_init(s->request.data, (unsigned)s->request.len);
	int r;

	say(p, "compiling");
	p->state = COMPILING;
	uv_tcp_init(&s->loop, &p->tcp);
	p->tcp.data = p;
	r = uv_tcp_open(&p->tcp, fd);
	if (r < 0)
		util_close(&fd);
	if (r == 0)
		r = uv_read_start((uv_stream_t *)&p->tcp, on_alloc, on_read);
	if (r == 0)
		r = uv_write(&p->write, (uv_stream_t *)&p->tcp, &request, 1, on_written);
	if (r == 0)
		r = uv_timer_start(&p->timer, on_compile_timeout, s->o->compile_ms, 0);
	if (r < 0)
		end_compile(p);
}

static void connect_address(struct probe *p);

static void on_dialled(void *data, const struct dial_result *result)
{
	struct probe *p = data;
	int fd = result->fd;

	p->dial = NULL;
	if (result->outcome != DIAL_CONNECTED) {
		say(p, "no connection: %s", uv_strerror(result->error));
		if (++p->at < p->n)
			connect_address(p);
		else
			report(p, true);
	} else if (p->scan->o->compiler && p->scan->o->compile_ms > 0) {
		start_compile(p, fd);
	} else {
		close(fd);
		report(p, false);
	}
}

static int address_text(struct probe *p, size_t at)
{
	const struct sockaddr *a = (const struct sockaddr *)&p->v[at];
	socklen_t len =
		a->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);

	return getnameinfo(a, len, p->address, sizeof(p->address), NULL, 0, NI_NUMERICHOST) == 0
		       ? 0
		       : -EINVAL;
}

static void connect_address(struct probe *p)
{
	struct dial_params params = {.host = p->address,
		.port = (uint16_t)p->scan->o->port,
		.connect_ms = p->scan->o->connect_ms};
	int r = address_text(p, p->at);

	if (r == 0)
		r = dial_start(&p->scan->loop, &params, on_dialled, p, &p->dial);
	if (r < 0)
		fail(p->scan, r);
	else
		say(p, "connecting to %s", p->address);
}

/* With -m: only addresses that start as the reference does; the first host's is the reference. */
static void keep_matching(struct probe *p)
{
	struct sockaddr *reference = (struct sockaddr *)&p->scan->reference;
	size_t kept = 0;

	if (p->scan->o->bits == 0)
		return;
	if (reference->sa_family == AF_UNSPEC)
		p->scan->reference = p->v[0];
	for (size_t i = 0; i < p->n; i++)
		if (lsdistcc_same_net(reference, (struct sockaddr *)&p->v[i], p->scan->o->bits))
			p->v[kept++] = p->v[i];
	p->n = kept;
}

static void begin(struct probe *p)
{
	struct scan *s = p->scan;

	s->found = true;
	keep_matching(p);
	if (p->n == 0) {
		say(p, "its address starts otherwise than that of the first host");
		end_probe(p);
		return;
	}
	p->state = CONNECTING;
	p->since_ms = uv_now(&s->loop);
	if (s->o->connect_ms > 0)
		connect_address(p);
	else if (address_text(p, 0) < 0)
		fail(s, -EINVAL);
	else
		report(p, false);
}

/* What answers have come, in the order in which they count. */
static void settle(struct scan *s)
{
	bool ordered = s->o->format || s->o->bits > 0;

	for (size_t i = 0; i < s->n; i++) {
		struct probe *p = s->v[i];

		if (p->state == RESOLVING && ordered && !s->ended)
			return;
		if (s->ended && (p->state == RESOLVING || p->state == RESOLVED)) {
			end_probe(p);
		} else if (p->state == RESOLVED) {
			begin(p);
		} else if (p->state == MISSING) {
			end_probe(p);
			s->ended |= s->o->format && ++s->missing > s->o->gap;
		}
	}
}

static void start_lookups(struct scan *s);

/* IPv4 first, as distcc 3.4 knows no other. */
static void take_addresses(struct probe *p, const struct addrinfo *list)
{
	static const int families[] = {AF_INET, AF_INET6};

	for (size_t f = 0; f < ARRAY_SIZE(families); f++)
		for (const struct addrinfo *a = list; a && p->n < ADDRESSES_MAX; a = a->ai_next)
			if (a->ai_family == families[f] && a->ai_addrlen <= sizeof(p->v[0]))
				memcpy(&p->v[p->n++], a->ai_addr, a->ai_addrlen);
}

static void on_looked_up(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
	struct lookup *l = req->data;
	struct probe *p = l->probe;

	free(l);
	p->pending--;
	if (p->state == RESOLVING && status == 0)
		take_addresses(p, list);
	uv_freeaddrinfo(list);
	/* Without an answer, one that is still on the way may be better. */
	if (p->state != RESOLVING || (status == UV_EAI_AGAIN && p->pending > 0))
		return;
	uv_timer_stop(&p->timer);
	if (p->n == 0)
		say(p, "no such host: %s", status < 0 ? uv_strerror(status) : "it has no address");
	p->state = p->n > 0 ? RESOLVED : MISSING;
	p->scan->resolving--;
	settle(p->scan);
	start_lookups(p->scan);
}

static void on_retry(uv_timer_t *t);

static int look_up(struct probe *p)
{
	static const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct scan *s = p->scan;
	struct lookup *l;
	int r;

	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->req.data = l;
	l->probe = p;
	r = uv_getaddrinfo(&s->loop, &l->req, on_looked_up, p->name, NULL, &hints);
	if (r < 0) {
		free(l);
		return r;
	}
	p->pending++;
	say(p, "looking up");
	if (++p->lookups < LOOKUPS_MAX)
		r = uv_timer_start(&p->timer, on_retry, s->o->dns_retry_ms, 0);
	return r;
}

static void on_retry(uv_timer_t *t)
{
	struct probe *p = t->data;
	int r = look_up(p);

	if (r < 0)
		fail(p->scan, r);
}

/* The name of host i: a word of the list without its brackets, or what the format gives. */
static char *name_of(const struct scan *s, size_t i)
{
	AUTO(buf_fini) struct buf name = BUF_INIT;

	if (!s->o->format) {
		const char *word = s->o->hosts[i];
		size_t n = strlen(word);

		return *word == '[' && word[n - 1] == ']' ? strndup(word + 1, n - 2) : strdup(word);
	}
	if (lsdistcc_name(s->o->format, (unsigned)i + 1, s->domain, &name) < 0)
		return NULL;
	return buf_take(&name);
}

static int start_probe(struct scan *s)
{
	struct probe *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	s->v[s->n] = p;
	p->scan = s;
	p->name = name_of(s, s->n);
	if (!p->name)
		return -ENOMEM;
	uv_timer_init(&s->loop, &p->timer);
	p->timer.data = p;
	s->n++;
	s->open++;
	s->resolving++;
	r = look_up(p);
	/* A name that cannot be one (too long, an odd character) is missing like any other. */
	if (r == UV_EINVAL || r == UV_ENAMETOOLONG || r == UV_EAI_NONAME) {
		p->state = MISSING;
		s->resolving--;
		r = 0;
	}
	return r;
}

static void start_lookups(struct scan *s)
{
	int r = 0;

	while (r == 0 && s->error == 0 && !s->ended && s->n < s->total &&
		(!s->o->format || s->resolving <= s->o->overlap)) {
		r = start_probe(s);
		if (r == 0 && s->v[s->n - 1]->state == MISSING)
			settle(s);
	}
	if (r < 0)
		fail(s, r);
	else if (s->open == 0)
		uv_stop(&s->loop);
}

/* Time is up: what has not said that it serves is down. */
static void on_deadline(uv_timer_t *t)
{
	struct scan *s = t->data;

	for (size_t i = 0; i < s->n; i++) {
		struct probe *p = s->v[i];

		if (p->state == COMPILING)
			end_compile(p);
		else if (p->state == CONNECTING)
			report(p, true);
		else
			end_probe(p);
	}
	s->ended = true;
	uv_stop(&s->loop);
}

int lsdistcc_scan(const struct lsdistcc_options *o, const char *domain, bool *ret_found)
{
	static struct scan s;
	int r = uv_loop_init(&s.loop);

	if (r < 0)
		return r;
	s.o = o;
	s.domain = domain;
	s.total = LSDISTCC_HOSTS_MAX;
	if (!o->format)
		for (s.total = 0; o->hosts[s.total];)
			s.total++;
	if (o->compiler)
		r = lsdistcc_request(o->protocol, o->compiler, &s.request);
	uv_timer_init(&s.loop, &s.deadline);
	s.deadline.data = &s;
	if (r == 0 && o->total_s > 0)
		r = uv_timer_start(&s.deadline, on_deadline, o->total_s * 1000, 0);
	if (r < 0)
		return r;
	start_lookups(&s);
	/* With nothing open uv_stop was called already, and this returns at once. */
	uv_run(&s.loop, UV_RUN_DEFAULT);
	*ret_found = s.found;
	return s.error;
}
