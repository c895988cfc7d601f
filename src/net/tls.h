/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/secret.h"
#include "base/buf.h"

/*
 * TLS 1.3 or 1.2 as a filter between bytes and bytes: no socket, no clock. OpenSSL inside.
 *
 *	bytes came from the socket ──tls_feed──►  plaintext
 *	bytes for the socket      ◄─tls_output──  tls_write plaintext
 *
 * The owner, for one connection:
 *	bytes came         tls_feed, whatever it says then tls_output
 *	once tls_ready     tls_write for what there is to say
 *	after any of these while tls_output gives bytes: write them, tls_consumed
 *	to end             tls_close, write what tls_output gives, close the socket
 * How long the handshake may take, and how many bytes may come before tls_ready, is the owner's
 * matter (TLS_HANDSHAKE_BYTES is a fair bound).
 *
 * ALPN: a client offers h2 and takes nothing else. A server takes h2; http/1.1 where the context
 * allows it; and no ALPN at all, which tls_protocol tells. A client that offers only other
 * protocols is refused with no_application_protocol.
 */

enum {
	TLS_OUTPUT_MAX = 4 << 20,      /* what waits for the socket; then tls_write takes nothing */
	TLS_CERTS_MAX = 64 << 10,      /* bytes of the peer's certificates */
	TLS_HANDSHAKE_BYTES = 1 << 17, /* no honest client sends more before tls_ready */
	TLS_SESSION_COST = 48 << 10,   /* what one session holds beside its output, about */
	TLS_NAME_MAX = 256,
};

/* --- certificates: shared by the sessions of a program --- */

struct tls_context;

struct tls_files {
	const char *cert; /* PEM: our certificate, then those between it and a root */
	const char *key;  /* PEM, without a passphrase; others must not be able to read it */
	/* PEM. Server: who may sign the certificates that clients must have; NULL: none are asked
	 * for. Client: who may sign the server's; NULL: those that the system trusts. */
	const char *ca;
};

enum tls_outcome {
	TLS_BAD_FILES = SECRET_BAD, /* of tls_server and tls_client */
	TLS_CLOSED = 2,             /* of tls_feed: the peer has said its last */
};

/*
 * Files are read now and not again (a server that will give up root does this before).
 * TLS_BAD_FILES: *ret_why is one line for people that names the file, what is wrong and how to
 * mend it (owned). -ENOMEM.
 */
int tls_server(const struct tls_files *files, bool http1, struct tls_context **ret,
	char **ret_why) MUST_CHECK;
/* cert and key may be NULL: no certificate of our own. */
int tls_client(const struct tls_files *files, struct tls_context **ret, char **ret_why) MUST_CHECK;
/* Takes NULL. A client's sessions may go on without it; a server's must have ended. */
void tls_context_free(struct tls_context *c);

/* --- one connection --- */

struct tls;

/* server_name: client only: the host that was asked for, name or address; the server's certificate
 * must be for it. -ENOMEM; -EINVAL: not a host name. */
int tls_new(struct tls_context *c, const char *server_name, struct tls **ret) MUST_CHECK;
void tls_free(struct tls *t); /* takes NULL */

/*
 * Bytes came; all of them are taken. What they say is appended to ret_plain, never more than n
 * bytes and one record (16 KiB). 0; TLS_CLOSED, after which nothing more comes; -EPROTO: the
 * peer, or its certificate, is not to be talked to, tls_reason says why, and what is left for
 * tls_output is the alert; -ENOBUFS: the peer makes us answer and does not read; -ENOMEM, -E2BIG
 * of ret_plain. After an error the session is over, and says the same again.
 */
int tls_feed(struct tls *t, const void *data, size_t n, struct buf *ret_plain) MUST_CHECK;

/* The peer closed the connection: 0 after TLS_CLOSED, else -ECONNRESET: what came may be cut off. */
int tls_eof(struct tls *t) MUST_CHECK;

/* All of data becomes output. -EAGAIN: not ready yet; -ENOBUFS: TLS_OUTPUT_MAX would be passed,
 * nothing was taken: write output first; -EPIPE: closed or failed; -ENOMEM. */
int tls_write(struct tls *t, const void *data, size_t n) MUST_CHECK;

/* The bytes to write to the socket now, *ret_n 0 if none; valid until the next call. */
void tls_output(struct tls *t, const void **ret_data, size_t *ret_n);
void tls_consumed(struct tls *t, size_t n);

/* Say that nothing more will come from us. Idempotent. */
void tls_close(struct tls *t);

/* --- what is known of it --- */

bool tls_ready(const struct tls *t); /* the handshake is done, and the peer may be talked to */

enum tls_protocol { TLS_PROTOCOL_NONE, TLS_PROTOCOL_H2, TLS_PROTOCOL_HTTP1 };
enum tls_protocol tls_protocol(const struct tls *t); /* once ready */

/* Once ready: whom the peer's certificate, which was verified, is for (its common name, or else its
 * first alternative name), with control characters as '?'. "" if it has none. */
const char *tls_peer(const struct tls *t);

/* Why it failed, for a log: one line; "" if it did not. */
const char *tls_reason(const struct tls *t);

/* Bytes that it holds, about. */
size_t tls_held(const struct tls *t);
