/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/story.h"

#include <string.h>

enum { LABEL_COLUMNS = 12 };

void story_begin(struct story *s, uint64_t now_ns)
{
	*s = (struct story){.wanted = true, .began_ns = now_ns};
}

/* The middle is what a long command line, or path, can best do without. */
static int add_shortened(struct buf *line, const char *text, size_t room)
{
	static const char gap[] = " ... ";
	size_t n = strlen(text), part = (room - strlen(gap)) / 2;

	if (n <= room)
		return buf_append_str(line, text);
	if (buf_append(line, text, part) < 0 || buf_append_str(line, gap) < 0)
		return -1;
	return buf_append_str(line, text + n - part);
}

static void add_line(struct story *s, uint64_t now_ns, const char *label, const char *text)
{
	size_t start = s->text.len, room;
	double ms = (double)(now_ns - s->began_ns) / 1e6;
	bool long_label = strlen(label) >= LABEL_COLUMNS;
	int r = buf_printf(
		&s->text, "%9.1f ms  %-*s%s", ms, LABEL_COLUMNS, label, long_label ? " " : "");

	room = STORY_COLUMNS_MAX - MIN(s->text.len - start, (size_t)STORY_COLUMNS_MAX / 2);
	if (r < 0 || add_shortened(&s->text, text, room) < 0) {
		s->text.len = start;
		return;
	}
	for (size_t i = start; i < s->text.len; i++)
		if ((unsigned char)s->text.data[i] < ' ')
			s->text.data[i] = '?';
	if (buf_append_char(&s->text, '\n') < 0)
		s->text.len = start;
	else
		s->lines++;
}

void story_add(struct story *s, uint64_t now_ns, const char *label, const char *text)
{
	if (!s->wanted)
		return;
	/* Two are for the end. */
	if (s->lines + 2 < STORY_LINES_MAX)
		add_line(s, now_ns, label, text);
	else
		s->left_out++;
}

void story_end(struct story *s, uint64_t now_ns, const char *label, const char *text)
{
	if (!s->wanted)
		return;
	if (s->left_out > 0)
		(void)!buf_printf(&s->text,
			"%24s... and %u lines more: DISTCC_VERBOSE=1 has them\n", "", s->left_out);
	add_line(s, now_ns, label, text);
	s->wanted = false;
}

void story_fini(struct story *s)
{
	buf_fini(&s->text);
	*s = (struct story){.wanted = false};
}
