/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The few macros that the whole tree uses.
 *
 * Errors, everywhere: a function returns 0 when it did its work, a negative errno when it could
 * not and the caller can only forward that, and a positive value (named in its header) for an
 * outcome that the caller must handle. Out-parameters come last, are named ret_*, and are written
 * only on success.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/param.h> /* MIN, MAX */

#define MUST_CHECK __attribute__((warn_unused_result))
#define NOINLINE __attribute__((noinline)) /* keeps what is rare out of a hot caller's registers */
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* Run fn(&variable) when the variable's scope ends: "AUTO(buf_fini) struct buf b = BUF_INIT;" */
#define AUTO(fn) __attribute__((cleanup(fn)))

/* Hand over what an AUTO pointer or file descriptor owns. */
#define TAKE_PTR(p)                         \
	({                                  \
		__typeof__(p) taken_ = (p); \
		(p) = NULL;                 \
		taken_;                     \
	})
#define TAKE_FD(fd)                \
	({                         \
		int taken_ = (fd); \
		(fd) = -1;         \
		taken_;            \
	})

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* For AUTO: free what a pointer owns, close a descriptor that is not negative (errno is kept). */
void util_free(void *pointer_to_pointer);
void util_close(int *fd);

/* close_range(2), which not every libc has: close descriptors first to last, or mark them to be closed
 * by exec. -errno. */
int util_close_range(unsigned first, unsigned last, bool on_exec);

bool str_eq(const char *a, const char *b);
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);

/* Decimal number without sign, blanks or rubbish behind it, at most max: 0, or -EINVAL/-ERANGE. */
int str_to_u64(const char *s, uint64_t max, uint64_t *ret) MUST_CHECK;
