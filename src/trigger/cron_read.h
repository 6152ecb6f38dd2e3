/* What the readers of cron dialects share: values by number or by name, ranges with steps, and
 * errors that say the column. A dialect moves a `struct cron_reader` over the text as it was
 * written, so that columns count from where the writer's text begins. Pure; any thread. Private to
 * src/trigger. */
#ifndef TRIGGER_CRON_READ_H
#define TRIGGER_CRON_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "trigger/cron_fields.h"

struct cron_reader {
  const char *begin; /* column 1 */
  const char *at;
};

/* What a field holds. */
struct cron_part {
  const char *name; /* for messages: "day of month" */
  int32_t low, high;
  int32_t twin;             /* a value behind `high` that means `low` too; 0: none */
  int32_t step_max;         /* 0: no step may be over the span of its range */
  bool is_step_in_span;     /* besides, one of a range `a-b` may not, but for 1 */
  const char *const *names; /* in small letters, NULL-terminated; NULL: only numbers */
  int32_t first_name;       /* the value of names[0] */
  char suffix;              /* a capital letter that may follow a name; 0: none */
  bool is_circular;         /* "fri-mon" goes over the end; else a range backwards is an error */
};

/* The values low, low + step, ... up to high; of a circular part high may be over the part's high,
 * where the values begin again with its low. */
struct cron_range {
  int32_t low, high, step;
  bool is_single; /* a value, without a range or a step */
  bool is_star;   /* `*`, or what has no bounds otherwise */
};

extern const char *const cron_month_names[]; /* "jan" first */

/* `*`, `a`, `a-b`. */
enum error_code cron_read_bounds(struct cron_reader *reader, const struct cron_part *part,
                                 struct cron_range *range, struct error *error);

/* `*`, `a`, `a-b`, each with `/n` behind; `a/n` goes up to the part's high. What follows is left to
 * the caller. */
enum error_code cron_read_range(struct cron_reader *reader, const struct cron_part *part,
                                struct cron_range *range, struct error *error);

/* `/n` if there is one. */
enum error_code cron_read_step(struct cron_reader *reader, const struct cron_part *part,
                               struct cron_range *range, struct error *error);

/* A number from `low` to `high`; messages call it `what`. */
enum error_code cron_read_number(struct cron_reader *reader, const char *what, int32_t low,
                                 int32_t high, int32_t *value, struct error *error);

/* A number or a name of the part. */
enum error_code cron_read_value(struct cron_reader *reader, const struct cron_part *part,
                                int32_t *value, struct error *error);

/* The range's values as bits; for parts whose high is under 64. */
uint64_t cron_range_mask(const struct cron_part *part, const struct cron_range *range);

/* A range of years into special->years, or a `*` without a step over 1, which sets
 * *is_all. */
enum error_code cron_read_years(struct cron_reader *reader, const struct cron_part *part,
                                struct cron_special *special, bool *is_all, struct error *error);

/* ERROR_INVALID with the column of `where` at the end of the message. */
enum error_code cron_read_refuse(const struct cron_reader *reader, const char *where,
                                 struct error *error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Adds ", column N", where `at` stands in the text that begins at `begin`, to a message; returns
 * its code. */
enum error_code cron_read_add_column(const char *begin, const char *at, struct error *error);

/* "NAME: a value is missing" at the end of an item, else "NAME: "xyz" is not understood". */
enum error_code cron_read_refuse_rest(const struct cron_reader *reader, const char *name,
                                      struct error *error);

static inline bool cron_is_space(char c)
{
  return c == ' ' || (c >= '\t' && c <= '\r');
}

/* At a space, a comma or the end of the text. */
static inline bool cron_read_is_end(const struct cron_reader *reader)
{
  return !*reader->at || *reader->at == ',' || cron_is_space(*reader->at);
}

static inline void cron_read_skip_spaces(struct cron_reader *reader)
{
  while (cron_is_space(*reader->at))
    reader->at++;
}

static inline void cron_read_skip_word(struct cron_reader *reader)
{
  while (*reader->at && !cron_is_space(*reader->at))
    reader->at++;
}

/* Copies without spaces at the ends and with single ones between; `out` has room for `text`. The
 * number of bytes. */
size_t cron_read_spaced(char *out, const char *text);

#endif
