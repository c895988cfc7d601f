/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Certificates and keys, and what is wrong with them. Most people meet TLS by a file that is not
 * as it should be, so each way to be wrong has its own sentence; OpenSSL's words are only for what
 * we have not thought of.
 */

#include "net/tls_context.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/secret.h"

enum { FILE_MAX = 4 << 20, CHAIN_MAX = 16 };

struct tls_context {
	SSL_CTX *ssl;
	bool client, http1;
};

static const unsigned char alpn_h2[] = "\x02h2";

static int bad(char **ret_why, const char *fmt, ...) PRINTF_LIKE(2, 3);
static int bad(char **ret_why, const char *fmt, ...)
{
	char *text;
	va_list ap;
	int n;

	ERR_clear_error();
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	*ret_why = text;
	return TLS_BAD_FILES;
}

/* ---- files ---- */

static void free_bio(BIO **bio)
{
	BIO_free(*bio);
}

/* A passphrase would have to be asked for, and nobody is there. */
static int no_passphrase(char *to, int size, int writing, void *data)
{
	*(bool *)data = true;
	return -1;
}

/* The next certificate; NULL at the end, and where there is something that is none. */
static X509 *next_certificate(BIO *bio, bool *ret_broken)
{
	bool asked = false;
	X509 *x = PEM_read_bio_X509(bio, NULL, no_passphrase, &asked);

	*ret_broken = !x && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE;
	ERR_clear_error();
	return x;
}

/* Is it one for now? A clock that is wrong shows here first. */
static int check_time(const char *path, const X509 *x, char **ret_why)
{
	struct tm tm;
	char when[32] = "";
	const ASN1_TIME *end = X509_get0_notAfter(x), *start = X509_get0_notBefore(x);
	bool over = X509_cmp_current_time(end) < 0;

	if (!over && X509_cmp_current_time(start) <= 0)
		return 0;
	if (ASN1_TIME_to_tm(over ? end : start, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M", &tm);
	if (over)
		return bad(
			ret_why, "%s: the certificate ended on %s UTC: get a new one", path, when);
	return bad(
		ret_why, "%s: the certificate begins on %s UTC: is the clock right?", path, when);
}

static int load_certificate(SSL_CTX *ssl, const char *path, char **ret_why)
{
	AUTO(buf_fini) struct buf text = BUF_INIT_MAX(FILE_MAX);
	AUTO(free_bio) BIO *bio = NULL;
	int r = secret_read(path, NULL, &text, ret_why), n = 0;
	bool broken = false;
	X509 *x;

	if (r != 0)
		return r;
	bio = BIO_new_mem_buf(buf_str(&text), (int)text.len);
	if (!bio)
		return -ENOMEM;
	while (r == 0 && n < CHAIN_MAX && (x = next_certificate(bio, &broken))) {
		r = n > 0 ? 0 : check_time(path, x, ret_why);
		if (r == 0 && n == 0 && SSL_CTX_use_certificate(ssl, x) != 1)
			r = bad(ret_why, "%s: OpenSSL does not accept this certificate (too weak?)",
				path);
		else if (r == 0 && n > 0 && SSL_CTX_add1_chain_cert(ssl, x) != 1)
			r = -ENOMEM;
		X509_free(x);
		n++;
	}
	if (r == 0 && broken)
		return bad(ret_why, "%s: certificate %d in it is damaged", path, n + 1);
	if (r == 0 && n == 0)
		return bad(ret_why,
			"%s: there is no certificate in it: expected PEM (\"-----BEGIN "
			"CERTIFICATE-----\")",
			path);
	return r;
}

static int load_key(SSL_CTX *ssl, const struct tls_files *f, char **ret_why)
{
	AUTO(secret_fini) struct buf text = BUF_INIT_MAX(FILE_MAX);
	AUTO(free_bio) BIO *bio = NULL;
	int r = secret_read(f->key, "private key", &text, ret_why);
	bool asked = false, fits;
	EVP_PKEY *key;

	if (r != 0)
		return r;
	bio = BIO_new_mem_buf(buf_str(&text), (int)text.len);
	if (!bio)
		return -ENOMEM;
	key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &asked);
	if (asked)
		r = bad(ret_why,
			"%s: the key has a passphrase: remove it with \"openssl pkey -in %s\"",
			f->key, f->key);
	else if (!key)
		r = bad(ret_why,
			"%s: there is no private key in it: expected PEM (\"-----BEGIN PRIVATE "
			"KEY-----\")",
			f->key);
	if (r != 0)
		return r;
	fits = X509_check_private_key(SSL_CTX_get0_certificate(ssl), key) == 1;
	if (!fits)
		r = bad(ret_why, "%s: this is not the key of the certificate in %s", f->key,
			f->cert);
	else if (SSL_CTX_use_PrivateKey(ssl, key) != 1)
		r = bad(ret_why, "%s: OpenSSL does not accept this key", f->key);
	EVP_PKEY_free(key);
	return r;
}

/* Whom we trust. Duplicates in the file are no fault. */
static int load_ca(SSL_CTX *ssl, const char *path, bool ask, char **ret_why)
{
	AUTO(buf_fini) struct buf text = BUF_INIT_MAX(FILE_MAX);
	AUTO(free_bio) BIO *bio = NULL;
	int r = secret_read(path, NULL, &text, ret_why), n = 0;
	bool broken = false;
	X509 *x;

	if (r != 0)
		return r;
	bio = BIO_new_mem_buf(buf_str(&text), (int)text.len);
	if (!bio)
		return -ENOMEM;
	while (r == 0 && (x = next_certificate(bio, &broken))) {
		if (X509_STORE_add_cert(SSL_CTX_get_cert_store(ssl), x) != 1 ||
			(ask && SSL_CTX_add_client_CA(ssl, x) != 1))
			r = -ENOMEM;
		X509_free(x);
		n++;
	}
	if (r == 0 && broken)
		return bad(ret_why, "%s: certificate %d in it is damaged", path, n + 1);
	if (r == 0 && n == 0)
		return bad(ret_why,
			"%s: there is no CA certificate in it: expected PEM (\"-----BEGIN "
			"CERTIFICATE-----\")",
			path);
	return r;
}

/* ---- contexts ---- */

/* The server's choice: h2 before http/1.1, whatever the client likes better. */
static int choose_protocol(SSL *ssl, const unsigned char **ret, unsigned char *ret_n,
	const unsigned char *in, unsigned n, void *data)
{
	static const unsigned char http1[] = "\x08http/1.1";
	const struct tls_context *c = data;
	const unsigned char *ours[] = {alpn_h2, http1};

	for (size_t i = 0; i < (c->http1 ? 2 : 1); i++) {
		for (unsigned at = 0; at < n && at + 1 + in[at] <= n; at += 1U + in[at]) {
			if (in[at] != ours[i][0] || memcmp(in + at, ours[i], in[at] + 1U) != 0)
				continue;
			*ret = in + at + 1;
			*ret_n = in[at];
			return SSL_TLSEXT_ERR_OK;
		}
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/*
 * TLS 1.2 is for clients such as Bazel 2 and others with a gRPC of their time, and only as HTTP/2
 * wants it (RFC 9113, 9.2.2): ephemeral keys, authenticated encryption.
 */
#define CIPHERS_1_2 "ECDHE+AESGCM:ECDHE+CHACHA20"

static int make(bool client, struct tls_context **ret)
{
	struct tls_context *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->client = client;
	c->ssl = SSL_CTX_new(client ? TLS_client_method() : TLS_server_method());
	if (!c->ssl || SSL_CTX_set_min_proto_version(c->ssl, TLS1_2_VERSION) != 1 ||
		SSL_CTX_set_cipher_list(c->ssl, CIPHERS_1_2) != 1 ||
		SSL_CTX_set_num_tickets(c->ssl, 0) != 1) {
		tls_context_free(c);
		ERR_clear_error();
		return -ENOMEM;
	}
	SSL_CTX_set_options(c->ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
	SSL_CTX_set_session_cache_mode(c->ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_cert_list(c->ssl, TLS_CERTS_MAX);
	/* An idle session keeps no buffers of records. */
	SSL_CTX_set_mode(c->ssl, SSL_MODE_RELEASE_BUFFERS);
	*ret = c;
	return 0;
}

static int load(struct tls_context *c, const struct tls_files *f, char **ret_why)
{
	int r = 0;

	if (f->cert)
		r = load_certificate(c->ssl, f->cert, ret_why);
	if (r == 0 && f->cert)
		r = load_key(c->ssl, f, ret_why);
	if (r == 0 && f->ca)
		r = load_ca(c->ssl, f->ca, !c->client, ret_why);
	return r;
}

int tls_server(const struct tls_files *files, bool http1, struct tls_context **ret, char **ret_why)
{
	struct tls_context *c;
	int r = make(false, &c);

	if (r < 0)
		return r;
	c->http1 = http1;
	r = load(c, files, ret_why);
	if (r != 0) {
		tls_context_free(c);
		return r;
	}
	SSL_CTX_set_alpn_select_cb(c->ssl, choose_protocol, c);
	if (files->ca)
		SSL_CTX_set_verify(c->ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	*ret = c;
	return 0;
}

int tls_client(const struct tls_files *files, struct tls_context **ret, char **ret_why)
{
	struct tls_context *c;
	int r = make(true, &c);

	if (r < 0)
		return r;
	r = load(c, files, ret_why);
	if (r == 0 && !files->ca && SSL_CTX_set_default_verify_paths(c->ssl) != 1)
		r = bad(ret_why, "the system's list of CA certificates cannot be read: name one");
	if (r == 0 && SSL_CTX_set_alpn_protos(c->ssl, alpn_h2, sizeof(alpn_h2) - 1) != 0)
		r = -ENOMEM;
	if (r != 0) {
		tls_context_free(c);
		return r;
	}
	SSL_CTX_set_verify(c->ssl, SSL_VERIFY_PEER, NULL);
	*ret = c;
	return 0;
}

void tls_context_free(struct tls_context *c)
{
	if (!c)
		return;
	SSL_CTX_free(c->ssl);
	free(c);
}

SSL_CTX *tls_context_ssl(const struct tls_context *c)
{
	return c->ssl;
}

bool tls_context_is_client(const struct tls_context *c)
{
	return c->client;
}
