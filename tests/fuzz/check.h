/* What must hold of every trigger that can be read, whatever its text: asked by the fuzz targets. A
 * check that fails tells what it found and aborts. */
#ifndef FUZZ_CHECK_H
#define FUZZ_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "trigger/trigger.h"

enum { FUZZ_HEAD_SIZE = 4 };

/* The bytes of an input: the head chooses a zone and a moment, the rest is text. */
struct fuzz_input {
  const char *zone;
  int64_t start_us;
  char *text; /* NUL-terminated, for free(); stops at the first NUL of the input */
};

struct fuzz_input fuzz_read(const uint8_t *data, size_t size);

/* Reads a trigger within the limit of time; NULL when it is refused. Aborts when a refusal has no
 * reason. */
struct trigger *fuzz_trigger_from_text(const char *text, const char *zone);
struct trigger *fuzz_trigger_from_json(const char *json, const char *zone);
/* Of {"kind":KIND,MEMBER:TEXT,"timezone":ZONE} and more, if not NULL, which begins with a comma. */
struct trigger *fuzz_trigger_of(const char *kind, const char *member,
                                const struct fuzz_input *input, const char *more);

/* That parse, print, parse is the identity; that fires come strictly one after the other and none
 * is passed over; that counting agrees with stepping. */
void fuzz_check(struct trigger *trigger, int64_t start_us);

/* That where no clock changes, it fires at the minutes and seconds that match and at no others.
 * Only for wall-clock kinds without options that move or drop fires. */
void fuzz_check_scan(const struct trigger *trigger, int64_t start_us);

/* Both, and frees the trigger (NULL is fine) and the input; what a target ends with. */
enum fuzz_depth { FUZZ_CHECK, FUZZ_CHECK_AND_SCAN };
int fuzz_check_all(struct trigger *trigger, struct fuzz_input *input, enum fuzz_depth depth);

#endif
