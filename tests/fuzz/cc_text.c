/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "cc/pragmas.h"
#include "cc/split.h"

/*
 * Any text in an allocation of its own size. What is found without directives is found with them,
 * but for what only the plain mode asks; and a blank line behind changes nothing.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const unsigned same = CC_TEXT_PRAGMA_TARGET | CC_TEXT_INCBIN;
	AUTO(util_free) char *text = malloc(size + 1);
	unsigned plain, directives;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\n';
	plain = cc_text_scan((const char *)data, size, false);
	directives = cc_text_scan((const char *)data, size, true);
	if ((plain & same) & ~directives)
		abort();
	if (plain & ~cc_text_scan(text, size + 1, false))
		abort();
	cc_source_loses_pragmas((const char *)data, size);
	return 0;
}
