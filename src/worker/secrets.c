/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "worker/secrets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "worker/exit.h"

/* Its real place: a mask covers what a link leads to. -errno. */
static int hide(struct secrets *s, const char *path)
{
	char *real = realpath(path, NULL);

	if (!real)
		return -errno;
	s->owned[s->n_files] = real;
	s->files[s->n_files++] = real;
	return 0;
}

static int complain(int r, const char *option, const char *why)
{
	fprintf(stderr, "distccd: --%s: %s\n", option, why ? why : "out of memory");
	return r == -ENOMEM ? WORKER_EXIT_OUT_OF_MEMORY : WORKER_EXIT_BAD_ARGUMENTS;
}

int secrets_load(const struct options *o, struct secrets *ret)
{
	struct secrets s = SECRETS_INIT;
	AUTO(util_free) char *why = NULL;
	int r = 0;

	if (o->tls_cert) {
		const struct tls_files files = {
			.cert = o->tls_cert, .key = o->tls_key, .ca = o->tls_client_ca};

		r = tls_server(&files, false, &s.tls, &why);
		if (r == 0)
			r = hide(&s, o->tls_key);
		if (r != 0)
			r = complain(r, "tls-cert", why);
	}
	if (r == 0 && o->token_file) {
		r = tokens_load(o->token_file, &s.tokens, &why);
		s.has_tokens = r == 0;
		if (r == 0)
			r = hide(&s, o->token_file);
		if (r != 0)
			r = complain(r, "token-file", why);
	}
	if (r != 0)
		secrets_fini(&s);
	else
		*ret = s;
	return r;
}

void secrets_fini(struct secrets *s)
{
	tls_context_free(TAKE_PTR(s->tls));
	tokens_fini(&s->tokens);
	for (size_t i = 0; i < s->n_files; i++)
		util_free(&s->owned[i]);
	s->n_files = 0;
}
