/* Options as rows of a table: a name, how its value is read and where it goes. So a name, its
 * reader and the "did you mean" of a wrong name cannot drift apart, and a table within an option
 * ("retry", "limits") is read as the options themselves are. Private to src/model. */
#ifndef MODEL_JOB_FIELD_H
#define MODEL_JOB_FIELD_H

#include <stddef.h>

#include "base/error.h"
#include "base/json.h"

enum field_kind {
  FIELD_TEXT,     /* char * */
  FIELD_BOOLEAN,  /* bool */
  FIELD_COUNT,    /* int32_t, 1 to 1000000 */
  FIELD_DURATION, /* int64_t, in microseconds; a millisecond at least */
  FIELD_DELAY,    /* the same, may be 0 */
  FIELD_SIZE,     /* int64_t, in bytes: 4096 or "256M" */
  FIELD_CHOICE,   /* an enum, the index of a name in `names` */
  FIELD_RATE,     /* struct rate */
  FIELD_STRINGS,  /* char *: the JSON of a list of strings, or of one; NULL for an empty list */
  FIELD_CUSTOM,   /* `read` gets the struct that the table is read into */
  FIELD_ELSEWHERE /* read by somebody else */
};

struct field {
  const char *name;
  enum field_kind kind;
  size_t offset;
  const char *const *names;
  enum error_code (*read)(void *owner, const struct json *value, struct error *error);
};

/* Reads the members of an object into `owner`, each once. The names in errors begin with `prefix`
 * ("" or "retry."). */
enum error_code fields_read(void *owner, const struct field *fields, size_t count,
                            const char *prefix, const struct json *object, struct error *error);

/* One value, under the name that errors show. */
enum error_code field_read(void *owner, const struct field *field, const char *name,
                           const struct json *value, struct error *error);

/* "NAME must be WANTED, not TYPE". */
enum error_code field_want(const struct json *value, const char *name, const char *wanted,
                           struct error *error);

/* One of `names` (NULL at the end), whose index is put into *choice. */
enum error_code field_choice(const struct json *value, const char *name, const char *const *names,
                             int *choice, struct error *error);

#endif
