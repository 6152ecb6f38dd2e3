/* Texts without certain values: each occurrence becomes `***`. A set holds the values; a text is
 * gone through once, whatever their number: pairs of bytes with which none of them begins are
 * passed at the cost of a bit's look-up. The longest value that fits wins.
 *
 * A value is also found as JSON and Lua write it between quotes, line by line, and where a text was
 * cut off within it: at its end, and before an ellipsis. Values of fewer than REDACT_SIZE_MIN bytes
 * are not looked for: every text would hold some. One thread. */
#ifndef BASE_REDACT_H
#define BASE_REDACT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

enum { REDACT_SIZE_MIN = 4 };

struct redact;

struct redact *redact_create(void);
/* Forgets the values, so that no later memory shows them. NULL is fine. */
void redact_destroy(struct redact *set);

/* `name` says in messages which it is. Nothing when it is there already. */
void redact_add(struct redact *set, const char *name, const char *value, size_t size);

/* The name of the first value in the text; NULL: it holds none. */
const char *redact_find(const struct redact *set, const char *text, size_t size);

/* Appends the text without the values. */
void redact_append(const struct redact *set, const char *text, size_t size, struct buffer *out);

/* The same for JSON, which stays JSON: in strings and keys; a number that shows one is a string
 * then. */
void redact_append_json(const struct redact *set, const char *json, size_t size,
                        struct buffer *out);

/* The same for a text that nobody has cut, or not yet: a value's beginning alone stays. */
void redact_append_whole(const struct redact *set, const char *text, size_t size,
                         struct buffer *out);

/* Of all that is looked for, in bytes; 0: nothing. */
size_t redact_longest(const struct redact *set);

#endif
