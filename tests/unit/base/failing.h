/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <stdbool.h>

/*
 * Memory that runs out on demand: in a test linked with the `failing` dependency, malloc, calloc,
 * realloc, strdup, strndup, asprintf and vasprintf of our own code fail once when told to.
 *
 *	for (unsigned n = 1; failing_start(n); n++) {
 *		r = what_is_tested();
 *		if (!failing_stop())
 *			... it was not reached: r is success, and the loop ends by itself
 *	}
 */

/* The nth allocation from now fails. False: the last run did not reach its own, so all are done. */
bool failing_start(unsigned n);

/* Back to normal; whether an allocation was made to fail. */
bool failing_stop(void);
