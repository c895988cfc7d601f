/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <sys/socket.h>

#include "base/buf.h"

/*
 * lsdistcc asks hosts whether they serve, and prints those that do as a hosts list. What it is told
 * and what it prints is here, without I/O; asking is lsdistcc_scan.h's.
 */

enum {
	LSDISTCC_HOSTS_MAX = 500, /* as in distcc 3.4 */
	LSDISTCC_REPLY_SIZE = 24, /* as much of a reply as says how the compile went */
};

struct lsdistcc_options {
	uint64_t total_s;      /* all has to end by then; 0: whenever it does */
	uint64_t dns_retry_ms; /* ask again for a name after this long */
	uint64_t connect_ms;   /* 0: do not connect */
	uint64_t compile_ms;   /* 0: do not compile */
	uint64_t bits;         /* of the address that the first host found has in common */
	uint64_t overlap;      /* names asked for at a time beyond the first */
	uint64_t gap;          /* missing names that do not end the search */
	uint64_t port;
	uint64_t protocol;    /* 1 to 3 */
	const char *compiler; /* NULL: connecting is proof enough */
	bool latency, numeric, show_down, domain;
	uint64_t verbose;

	const char *format; /* of names to try; NULL: those in hosts */
	char *const *hosts; /* NULL-terminated, of argv */
};

enum { LSDISTCC_HELP = 1, LSDISTCC_BAD = 2 };

/* 0; LSDISTCC_HELP; LSDISTCC_BAD (*error says what is wrong); -ENOMEM. */
int lsdistcc_parse(char *const *argv, struct lsdistcc_options *ret, struct buf *error) MUST_CHECK;

int lsdistcc_help(struct buf *ret) MUST_CHECK;

/* Whether s has one place for a number (%d, %i, %u, with a width up to 99) and nothing else that
 * starts with '%' but "%%". */
bool lsdistcc_is_format(const char *s);

/* The name that such a format gives for number i; appended. */
int lsdistcc_name(const char *format, unsigned i, const char *domain, struct buf *ret) MUST_CHECK;

/* What follows the first dot of the first of these names that has one, or NULL. */
const char *lsdistcc_domain(const char *const *names, size_t n);

/* Whether two addresses are of one family and start with the same bits. */
bool lsdistcc_same_net(const struct sockaddr *a, const struct sockaddr *b, uint64_t bits);

/*
 * The line for a host: host[:port][,lzo[,cpp]][,down][ latency] and a newline, appended. An IPv6
 * address gets brackets, so that the line is an entry of a hosts list.
 */
int lsdistcc_line(const struct lsdistcc_options *o, const char *name, bool down,
	uint64_t latency_ms, struct buf *ret) MUST_CHECK;

/*
 * A compile of one line for this compiler, in the given version of the protocol. -EOPNOTSUPP: the
 * version needs LZO, which this build lacks.
 */
int lsdistcc_request(uint64_t protocol, const char *compiler, struct buf *ret) MUST_CHECK;

/* Whether a reply that starts so is that of a compile that went well. */
bool lsdistcc_reply_good(uint64_t protocol, const char *reply, size_t n);
