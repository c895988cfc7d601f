/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reapi/violation.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char ellipsis[] = "...";

/* One byte as it is shown. */
static size_t show(unsigned char c, char ret[5])
{
	if (c >= 0x20 && c < 0x7f) {
		ret[0] = (char)c;
		ret[1] = '\0';
		return 1;
	}
	return (size_t)snprintf(ret, 5, "\\x%02x", c);
}

int reapi_violate(struct reapi_violation *v, enum reapi_outcome outcome, const char *fmt, ...)
{
	char raw[REAPI_VIOLATION_MAX];
	size_t room = sizeof(v->text) - sizeof(ellipsis);
	size_t at = 0;
	va_list ap;
	bool cut;
	int n;

	if (!v)
		return (int)outcome;
	va_start(ap, fmt);
	n = vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	cut = n < 0 || (size_t)n >= sizeof(raw);
	for (const char *p = raw; *p; p++) {
		char shown[5];
		size_t len = show((unsigned char)*p, shown);

		if (at + len > room) {
			cut = true;
			break;
		}
		memcpy(v->text + at, shown, len);
		at += len;
	}
	strcpy(v->text + at, cut ? ellipsis : "");
	return (int)outcome;
}
