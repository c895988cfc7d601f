/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/util.h"

/*
 * One line per event, in distcc 3.4's frame with the event's stable name where distcc puts a
 * function's:
 *
 *	distccd[812] (job-refused) Warning: peer=10.0.0.7:4312 reason=not-allowed
 *
 * Severity words are distcc's ("CRITICAL! ", "ERROR: ", "Warning: ", or none). The text is
 * key=value pairs or a sentence; control characters in it are written as '?'.
 * An event (other than at notice, the record of a daemon's work, and debug) that repeats more than
 *LOG_BURST times within LOG_WINDOW_S seconds is held back, and how many were is said with the next
 *one that passes.
 */

enum log_level { /* syslog's numbers */
	LOG_LEVEL_EMERG = 0,
	LOG_LEVEL_ALERT = 1,
	LOG_LEVEL_CRIT = 2,
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_NOTICE = 5,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

enum { LOG_BURST = 50, LOG_WINDOW_S = 10, LOG_LINE_MAX = 4096 };

/* distcc 3.4's words: emerg emergency alert crit critical err error warn warning note notice info
 * debug. False: not one of them. */
bool log_level_parse(const char *word, enum log_level *ret);

/* Program name in each line; until a sink is named, lines at or above the level go to stderr. */
void log_init(const char *program, enum log_level level);
void log_set_level(enum log_level level);
void log_to_fd(int fd);                       /* the descriptor stays the caller's; -1: nowhere */
int log_to_file(const char *path) MUST_CHECK; /* appended to, made with 0666 & ~umask */
void log_to_syslog(void);
bool log_enabled(enum log_level level);

void log_event(enum log_level level, const char *event, const char *fmt, ...) PRINTF_LIKE(3, 4);
