/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"

/* Events are told apart by a small table; two that collide only share a budget. */
enum { LIMIT_SLOTS = 64 };

static struct {
	const char *program;
	enum log_level level;
	int fd;
	bool to_syslog;
	struct {
		const char *event;
		time_t since;
		unsigned count;
		unsigned held;
	} limits[LIMIT_SLOTS];
} state = {.program = "distcc", .level = LOG_LEVEL_NOTICE, .fd = STDERR_FILENO};

static const struct {
	const char *word;
	enum log_level level;
} level_words[] = {
	{"emerg", LOG_LEVEL_EMERG},
	{"emergency", LOG_LEVEL_EMERG},
	{"alert", LOG_LEVEL_ALERT},
	{"crit", LOG_LEVEL_CRIT},
	{"critical", LOG_LEVEL_CRIT},
	{"err", LOG_LEVEL_ERROR},
	{"error", LOG_LEVEL_ERROR},
	{"warn", LOG_LEVEL_WARNING},
	{"warning", LOG_LEVEL_WARNING},
	{"note", LOG_LEVEL_NOTICE},
	{"notice", LOG_LEVEL_NOTICE},
	{"info", LOG_LEVEL_INFO},
	{"debug", LOG_LEVEL_DEBUG},
};

bool log_level_parse(const char *word, enum log_level *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(level_words); i++) {
		if (str_eq(level_words[i].word, word)) {
			*ret = level_words[i].level;
			return true;
		}
	}
	return false;
}

void log_init(const char *program, enum log_level level)
{
	state.program = program;
	state.level = level;
}

void log_set_level(enum log_level level)
{
	state.level = level;
}

void log_to_fd(int fd)
{
	state.fd = fd;
	state.to_syslog = false;
}

int log_to_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);

	if (fd < 0)
		return -errno;
	log_to_fd(fd);
	return 0;
}

void log_to_syslog(void)
{
	openlog(state.program, LOG_PID, LOG_DAEMON);
	state.to_syslog = true;
}

bool log_enabled(enum log_level level)
{
	return level <= state.level;
}

static const char *severity(enum log_level level)
{
	if (level <= LOG_LEVEL_CRIT)
		return "CRITICAL! ";
	if (level == LOG_LEVEL_ERROR)
		return "ERROR: ";
	return level == LOG_LEVEL_WARNING ? "Warning: " : "";
}

/* Whether this one passes; *ret_held is how many of its kind were held back before it. */
static bool within_rate(const char *event, unsigned *ret_held)
{
	unsigned hash = 5381, slot;
	struct timespec now;

	for (const char *p = event; *p; p++)
		hash = hash * 33 + (unsigned char)*p;
	slot = hash % LIMIT_SLOTS;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	*ret_held = 0;
	if (!state.limits[slot].event || now.tv_sec - state.limits[slot].since >= LOG_WINDOW_S) {
		*ret_held = state.limits[slot].held;
		state.limits[slot].event = event;
		state.limits[slot].since = now.tv_sec;
		state.limits[slot].count = 0;
		state.limits[slot].held = 0;
	}
	if (state.limits[slot].count >= LOG_BURST) {
		state.limits[slot].held++;
		return false;
	}
	state.limits[slot].count++;
	return true;
}

void log_event(enum log_level level, const char *event, const char *fmt, ...)
{
	char line[LOG_LINE_MAX];
	unsigned held = 0;
	size_t head, len;
	int saved = errno;
	va_list ap;

	if (!log_enabled(level))
		return;
	/* A worker's one line per job at notice is its record: only what may be noise is limited.
	 */
	if (level != LOG_LEVEL_NOTICE && level != LOG_LEVEL_DEBUG && !within_rate(event, &held))
		return;
	head = (size_t)snprintf(line, sizeof(line) / 2, "%s[%ld] (%s) %s", state.program,
		(long)getpid(), event, severity(level));
	head = MIN(head, sizeof(line) / 2 - 1);
	va_start(ap, fmt);
	vsnprintf(line + head, sizeof(line) - head - 1, fmt, ap);
	va_end(ap);
	len = strlen(line);
	if (held > 0 && len + 40 < sizeof(line))
		len += (size_t)snprintf(line + len, 39, " (%u like it held back)", held);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	if (state.to_syslog) {
		syslog((int)level, "%s", line + head);
	} else if (state.fd >= 0) {
		line[len] = '\n';
		if (fs_write_all(state.fd, line, len + 1) < 0) {
			/* A log that cannot be written has nowhere to say so. */
		}
	}
	errno = saved;
}
