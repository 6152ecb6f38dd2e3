/* Small questions about text: is it UTF-8, what is the nearest known name, how is it shown safely.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/* Strict UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing over U+10FFFF). On failure
 * `*bad_offset`, if given, is where the first wrong sequence begins. */
bool text_is_utf8(const char *text, size_t size, size_t *bad_offset);

/* Bytes of the UTF-8 sequence that begins at `text` (1 to 4), 0 when it is not valid. */
size_t text_utf8_length(const char *text, size_t size);

/* Appends the text with control characters, C1 controls, bidi controls and invalid bytes written as
 * escapes (\n, \x1b, \u202e), so that a terminal shows it and does nothing else. */
void text_append_visible(struct buffer *out, const char *text, size_t size);

/* Appends the text. Of one that is longer than `most` bytes the beginning and the end stay, whole
 * characters, in `most` bytes with the mark between them that tells how much is left out. `most` is
 * at least 200. */
void text_append_abridged(struct buffer *out, const char *text, size_t size, size_t most);

/* Takes a text and gives it back, NULL too, abridged likewise. */
char *text_abridge(char *text, size_t most);

/* The name of `names` (NULL-terminated) that is nearest to `wrong` by edit distance with
 * transpositions, if one is near enough to be meant; else NULL. */
const char *text_nearest(const char *wrong, const char *const *names);

/* `, did you mean "daily"?` for messages; "" when nothing is near. Points into `out`. */
const char *text_did_you_mean(char out[128], const char *wrong, const char *const *names);

/* Whether `text` begins with it; NULL does not. */
bool text_begins_with(const char *text, const char *beginning);

/* Whether `text` fits a pattern in which * stands for any bytes and ? for any one. */
bool text_matches(const char *pattern, const char *text);

#endif
