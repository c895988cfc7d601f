/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <openssl/types.h>

#include "net/tls.h"

/* Between tls.c and tls_context.c. */
SSL_CTX *tls_context_ssl(const struct tls_context *c);
bool tls_context_is_client(const struct tls_context *c);
