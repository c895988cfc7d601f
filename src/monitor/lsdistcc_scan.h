/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "monitor/lsdistcc.h"

/*
 * Ask all hosts at once, and print a line for each as soon as it is known. domain is what names
 * made from a format get appended; NULL: nothing. *ret_found tells whether any name was there.
 * -errno: it could not be done, or not be printed. Once in a process, and the last thing it does:
 * threads may still be waiting for a name server, so it should end by _exit.
 */
int lsdistcc_scan(const struct lsdistcc_options *o, const char *domain, bool *ret_found) MUST_CHECK;
