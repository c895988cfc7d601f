/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/buf.h"

/*
 * The hosts list, in distcc 3.4's grammar:
 *
 *	LOCAL  = localhost[/N] | --localslots=N | --localslots_cpp=N
 *	SSH    = [USER]@HOST[/N][:COMMAND][OPTS]
 *	TCP    = HOST[:PORT][/N][OPTS] | HOST[/N][:PORT][OPTS] | [IPv6][/N][:PORT][OPTS]
 *	OPTS   = (,lzo | ,cpp | ,down | ,auth[=NAME])*
 *	GLOBAL = --randomize          ZEROCONF = +zeroconf
 *
 * and beside it, for servers of the Remote Execution API:
 *
 *	REX    = URL[,slots=N][,down][FILES]
 *	CACHE  = cache=URL[,ro][FILES]
 *	URL    = (grpc|grpcs)://(HOST | [IPv6])[:PORT][/INSTANCE]
 *	FILES  = (,ca=FILE | ,cert=FILE | ,key=FILE | ,token=FILE)*
 *
 * REX executes; a cache only keeps results, takes no slot and is no host: it is in a list of its
 * own. INSTANCE may have slashes, FILE is absolute. grpcs is TLS: ca signs the server's
 * certificate, cert and key are the client's; the file of token has a bearer token.
 *
 * '#' to the end of the line is a comment; blanks, tabs, newlines, form feeds separate.
 * Slots: 4 for a remote host, 2 for localhost, 4 local without any localhost, 8 for local cpp.
 * Ports: 3632; of grpcs 443, as the URLs of clusters have it.
 */

enum {
	HOSTS_PORT_DEFAULT = 3632,
	HOSTS_PORT_TLS = 443,
	HOSTS_MAX = 10000,
	HOSTS_CACHES_MAX = 8,
	HOSTS_INSTANCE_MAX = 255,
	HOSTS_SLOTS_MAX = 100000,
	HOSTS_FILE_MAX = 1 << 20,
};

enum hosts_mode { HOSTS_MODE_TCP, HOSTS_MODE_SSH, HOSTS_MODE_LOCAL, HOSTS_MODE_REX };

/* What a server is met with; absolute paths, or NULL: not said. */
struct hosts_files {
	char *ca, *cert, *key, *token;
};

struct hosts_entry {
	enum hosts_mode mode;
	char *definition;     /* the token, verbatim: what --show-hosts prints */
	char *name;           /* host name or address, brackets of IPv6 taken off; "localhost" */
	char *user, *command; /* ssh; may be NULL */
	uint16_t port;
	unsigned slots;
	bool lzo, cpp, down, auth;
	/* HOSTS_MODE_REX, and caches, which are of this mode too. */
	char *instance; /* "": none */
	bool tls, read_only;
	struct hosts_files files;
};

struct hosts {
	struct hosts_entry *v;
	size_t n;
	struct hosts_entry *caches;
	size_t n_caches;
	unsigned local_slots;     /* 0: not said */
	unsigned local_cpp_slots; /* 0: not said */
	bool randomize, zeroconf;
};

enum { HOSTS_BAD = 1 }; /* *error says what, where and the mend, in one line */

/* 0, HOSTS_BAD, or -ENOMEM. */
int hosts_parse(const char *text, struct hosts *ret, struct buf *error) MUST_CHECK;
void hosts_fini(struct hosts *h);

/* An entry that outlives its list. -ENOMEM. */
int hosts_entry_copy(const struct hosts_entry *e, struct hosts_entry *ret) MUST_CHECK;
void hosts_entry_fini(struct hosts_entry *e);

/* As --randomize does, with a seed of the caller's. */
void hosts_shuffle(struct hosts *h, uint64_t seed);

/* Sum of all hosts' slots: what "distcc -j" prints. */
unsigned hosts_total_slots(const struct hosts *h);

enum { HOSTS_NONE = 2 };

/*
 * The text of the hosts list: DISTCC_HOSTS, $DISTCC_DIR/hosts (or ~/.distcc/hosts), then
 * sysconfdir/distcc/hosts. 0, HOSTS_NONE, HOSTS_BAD (too large, unreadable: *error), -ENOMEM.
 */
int hosts_find(char *const *envp, const char *sysconfdir, struct buf *ret_text,
	struct buf *error) MUST_CHECK;
