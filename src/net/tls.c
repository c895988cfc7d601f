/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * OpenSSL between two memories.
 *
 *	tls_feed(data) ─► bio_read ─► SSL_read ─► plaintext
 *	tls_write ─► SSL_write ─► bio_write ─► output ─► tls_output, tls_consumed
 *
 * The BIO is our own: it reads from the bytes of the tls_feed under way, where OpenSSL's memory BIO
 * would copy them first, and appends to a buf with a limit. OpenSSL keeps an unfinished record
 * itself, and SSL_read is called until it wants more, so when tls_feed returns nothing of its data
 * is left to be read.
 *
 * A session is in one of these states; failed and shut are for ever:
 *
 *	handshake ──► ready ──► shut (the peer's close_notify)
 *	    └───────────┴─────► failed (reason)
 *
 * TLS 1.3, or 1.2 without renegotiation and compression. No tickets and no early data: connections
 * live long, so that resuming one gains little, and early data could be replayed.
 */

#include "net/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/tls_context.h"

enum { READ_PIECE = 16 << 10 };

enum state { HANDSHAKE, READY, SHUT, FAILED };

struct tls {
	SSL *ssl;
	enum state state;
	int error;       /* of FAILED */
	bool closed;     /* our close_notify is in the output */
	bool overflowed; /* output would have passed its limit */
	const uint8_t *in;
	size_t in_left;
	struct buf out;
	size_t out_at;
	enum tls_protocol protocol;
	char peer[TLS_NAME_MAX];
	char reason[TLS_NAME_MAX];
};

/* ---- the BIO ---- */

static int bio_read(BIO *bio, char *to, size_t n, size_t *ret_n)
{
	struct tls *t = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (t->in_left == 0) {
		BIO_set_retry_read(bio);
		return 0;
	}
	*ret_n = MIN(n, t->in_left);
	memcpy(to, t->in, *ret_n);
	t->in += *ret_n;
	t->in_left -= *ret_n;
	return 1;
}

static int bio_write(BIO *bio, const char *from, size_t n, size_t *ret_n)
{
	struct tls *t = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (buf_append(&t->out, from, n) < 0) {
		t->overflowed = true;
		return 0;
	}
	*ret_n = n;
	return 1;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
	return command == BIO_CTRL_FLUSH;
}

/* Made once, and kept to the end of the process. */
static BIO_METHOD *bio_method(void)
{
	static BIO_METHOD *method;

	if (!method) {
		BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "tls");

		if (m && BIO_meth_set_read_ex(m, bio_read) && BIO_meth_set_write_ex(m, bio_write) &&
			BIO_meth_set_ctrl(m, bio_control))
			method = m;
		else
			BIO_meth_free(m);
	}
	return method;
}

/* ---- beginning and end ---- */

/* The server's certificate must be for this name, which is also told to it. */
static int expect_name(SSL *ssl, const char *name)
{
	struct in6_addr address;
	bool number =
		inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1;

	if (number)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) ? 0 : -ENOMEM;
	if (!*name || strlen(name) >= TLS_NAME_MAX)
		return -EINVAL;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (!SSL_set_tlsext_host_name(ssl, name) || !SSL_set1_host(ssl, name))
		return -EINVAL;
	return 0;
}

static int attach_bio(struct tls *t)
{
	BIO_METHOD *method = bio_method();
	BIO *bio = method ? BIO_new(method) : NULL;

	if (!bio)
		return -ENOMEM;
	BIO_set_data(bio, t);
	BIO_set_init(bio, 1);
	SSL_set_bio(t->ssl, bio, bio);
	return 0;
}

static void step(struct tls *t);

int tls_new(struct tls_context *c, const char *server_name, struct tls **ret)
{
	struct tls *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	t->out = (struct buf)BUF_INIT_MAX(TLS_OUTPUT_MAX);
	t->ssl = SSL_new(tls_context_ssl(c));
	r = t->ssl ? attach_bio(t) : -ENOMEM;
	if (r == 0 && tls_context_is_client(c))
		r = server_name ? expect_name(t->ssl, server_name) : -EINVAL;
	if (r < 0) {
		ERR_clear_error();
		tls_free(t);
		return r;
	}
	if (tls_context_is_client(c)) {
		SSL_set_connect_state(t->ssl);
		step(t);
	} else {
		SSL_set_accept_state(t->ssl);
	}
	*ret = t;
	return 0;
}

void tls_free(struct tls *t)
{
	if (!t)
		return;
	SSL_free(t->ssl);
	buf_fini(&t->out);
	free(t);
}

/* ---- what failed ---- */

static void fail(struct tls *t, int error, const char *reason)
{
	if (t->state == FAILED)
		return;
	t->state = FAILED;
	t->error = error;
	snprintf(t->reason, sizeof(t->reason), "%s", reason);
}

/* From OpenSSL's queue of errors, of which the first is the cause. */
static void fail_from_queue(struct tls *t)
{
	unsigned long e = ERR_peek_error();
	const char *text = ERR_reason_error_string(e);
	long verified = SSL_get_verify_result(t->ssl);
	char reason[TLS_NAME_MAX];

	if (t->overflowed) {
		fail(t, -ENOBUFS, "the peer does not read what we answer");
	} else if (ERR_GET_REASON(e) == ERR_R_MALLOC_FAILURE) {
		fail(t, -ENOMEM, "out of memory");
	} else if (ERR_GET_REASON(e) == SSL_R_CERTIFICATE_VERIFY_FAILED && verified != X509_V_OK) {
		snprintf(reason, sizeof(reason), "the peer's certificate was refused: %s",
			X509_verify_cert_error_string(verified));
		fail(t, -EPROTO, reason);
	} else {
		fail(t, -EPROTO, text ? text : "not TLS as we know it");
	}
	ERR_clear_error();
}

/* ---- steps ---- */

/* Names come from certificates: whatever a CA has signed. */
static void set_peer(struct tls *t, const unsigned char *name, int n)
{
	size_t at = 0;

	for (int i = 0; i < n && at < sizeof(t->peer) - 1; i++)
		t->peer[at++] = name[i] < ' ' || name[i] >= 0x7f ? '?' : (char)name[i];
	t->peer[at] = '\0';
}

static bool common_name(struct tls *t, X509 *cert)
{
	X509_NAME *subject = X509_get_subject_name(cert);
	int i = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	ASN1_STRING *s;

	if (i < 0)
		return false;
	s = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i));
	set_peer(t, ASN1_STRING_get0_data(s), ASN1_STRING_length(s));
	return t->peer[0] != '\0';
}

static void alternative_name(struct tls *t, X509 *cert)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);

	for (int i = 0; names && i < sk_GENERAL_NAME_num(names) && !t->peer[0]; i++) {
		int type;
		ASN1_STRING *s = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);

		if (type == GEN_DNS || type == GEN_EMAIL || type == GEN_URI)
			set_peer(t, ASN1_STRING_get0_data(s), ASN1_STRING_length(s));
	}
	GENERAL_NAMES_free(names);
}

static void finish_handshake(struct tls *t)
{
	const unsigned char *name;
	unsigned n;
	X509 *cert = SSL_get0_peer_certificate(t->ssl);

	SSL_get0_alpn_selected(t->ssl, &name, &n);
	if (n == 2 && memcmp(name, "h2", 2) == 0)
		t->protocol = TLS_PROTOCOL_H2;
	else if (n > 0)
		t->protocol = TLS_PROTOCOL_HTTP1;
	if (cert && !common_name(t, cert))
		alternative_name(t, cert);
	t->state = READY;
	if (!SSL_is_server(t->ssl) && t->protocol != TLS_PROTOCOL_H2) {
		fail(t, -EPROTO, "the server did not choose h2: it does not speak gRPC");
		tls_close(t);
	}
}

/* The handshake, as far as the input goes. */
static void step(struct tls *t)
{
	int r;

	ERR_clear_error();
	r = SSL_do_handshake(t->ssl);
	if (r == 1)
		finish_handshake(t);
	else if (SSL_get_error(t->ssl, r) != SSL_ERROR_WANT_READ)
		fail_from_queue(t);
}

static int read_some(struct tls *t, struct buf *plain, bool *ret_more)
{
	size_t n = 0;
	int r = buf_reserve(plain, READ_PIECE);

	*ret_more = false;
	if (r < 0)
		return r;
	ERR_clear_error();
	if (SSL_read_ex(t->ssl, plain->data + plain->len, READ_PIECE, &n) == 1) {
		plain->len += n;
		plain->data[plain->len] = '\0';
		*ret_more = true;
		return 0;
	}
	switch (SSL_get_error(t->ssl, 0)) {
	case SSL_ERROR_WANT_READ:
		return 0;
	case SSL_ERROR_ZERO_RETURN:
		t->state = SHUT;
		return 0;
	default:
		fail_from_queue(t);
		return 0;
	}
}

int tls_feed(struct tls *t, const void *data, size_t n, struct buf *ret_plain)
{
	bool more = true;
	int r;

	t->in = data;
	t->in_left = n;
	if (t->state == HANDSHAKE)
		step(t);
	while (t->state == READY && more) {
		r = read_some(t, ret_plain, &more);
		if (r < 0)
			fail(t, r, r == -ENOMEM ? "out of memory" : "more than can be taken");
	}
	t->in = NULL;
	t->in_left = 0;
	if (t->state == FAILED)
		return t->error;
	return t->state == SHUT ? TLS_CLOSED : 0;
}

int tls_eof(struct tls *t)
{
	if (t->state == SHUT)
		return 0;
	fail(t, -ECONNRESET, "the connection was closed without a word");
	return -ECONNRESET;
}

/* What n bytes become, at most: each record has a header, a type and a tag. */
static size_t sealed(size_t n)
{
	enum { RECORD = 16 << 10, EXTRA = 5 + 1 + 16 };

	return n + (n / RECORD + 1) * EXTRA;
}

int tls_write(struct tls *t, const void *data, size_t n)
{
	size_t written = 0;

	if (t->state == FAILED || t->closed)
		return -EPIPE;
	if (t->state == HANDSHAKE)
		return -EAGAIN;
	if (n == 0)
		return 0;
	if (n > TLS_OUTPUT_MAX || t->out.len + sealed(n) > TLS_OUTPUT_MAX)
		return -ENOBUFS;
	/* So that the only way to fail in the middle of it is none of memory. */
	if (buf_reserve(&t->out, sealed(n)) < 0)
		return -ENOMEM;
	ERR_clear_error();
	if (SSL_write_ex(t->ssl, data, n, &written) != 1 || written != n) {
		fail_from_queue(t);
		return t->error == -ENOMEM ? -ENOMEM : -EPIPE;
	}
	return 0;
}

void tls_output(struct tls *t, const void **ret_data, size_t *ret_n)
{
	*ret_data = t->out.len > 0 ? t->out.data + t->out_at : NULL;
	*ret_n = t->out.len - t->out_at;
}

void tls_consumed(struct tls *t, size_t n)
{
	t->out_at += MIN(n, t->out.len - t->out_at);
	/* Moved to the front when that costs less than what was sent, or nothing. */
	if (t->out_at < t->out.len && t->out_at < t->out.len / 2)
		return;
	buf_consume(&t->out, t->out_at);
	t->out_at = 0;
	if (t->out.len == 0)
		buf_fini(&t->out);
}

void tls_close(struct tls *t)
{
	if (t->closed)
		return;
	t->closed = true;
	ERR_clear_error();
	/* After an error in OpenSSL it says nothing: the alert is out already. */
	if (t->state != HANDSHAKE && SSL_shutdown(t->ssl) < 0)
		ERR_clear_error();
}

/* ---- what is known ---- */

bool tls_ready(const struct tls *t)
{
	return t->state == READY || t->state == SHUT;
}

enum tls_protocol tls_protocol(const struct tls *t)
{
	return t->protocol;
}

const char *tls_peer(const struct tls *t)
{
	return t->peer;
}

const char *tls_reason(const struct tls *t)
{
	return t->reason;
}

size_t tls_held(const struct tls *t)
{
	return TLS_SESSION_COST + t->out.cap;
}
