/* The parts of `moonbeat next`: cli_next.c reads what is asked and gathers the fires, the others
 * find warnings and write the answer. Main thread. */
#ifndef CTL_CLI_NEXT_H
#define CTL_CLI_NEXT_H

#include "ctl/cli_common.h"
#include "time/zone.h"
#include "trigger/trigger.h"

/* Something that a person should know of a trigger. */
struct next_warning {
  const char *kind;        /* "gap", "overlap", "never" */
  int64_t transition_s;    /* of a gap or an overlap: the first second after it */
  int64_t first_s, last_s; /* the wall-clock times concerned, local seconds */
  char *message;           /* heap */
};

struct next_answer {
  const char *job, *state;       /* NULL: a trigger by itself */
  const struct trigger *trigger; /* anchored; NULL: the job has none */
  const char *kind;              /* "cron" */
  char *text, *sentence;         /* its text form, what it means; heap */
  const struct zone *zone;       /* in which times are shown */
  int64_t *fires_us;             /* heap */
  size_t count, capacity;
  /* Why there are no more: there are more than asked for; the next one is behind the range; it
   * ends; it was not found. */
  enum { NEXT_HAS_MORE, NEXT_RANGE_ENDS, NEXT_ENDS, NEXT_GAVE_UP } end;
  struct next_warning *warnings; /* heap */
  size_t warning_count;
};

/* Fills the warnings: what changes of the clock do to it within the range, of which two years are
 * looked at, and whether it fires at all from `from_us` on. */
void next_find_warnings(struct next_answer *answer, int64_t from_us, int64_t until_us);

/* As a table with sentences, as one JSON object, as an iCalendar file with an event for each fire.
 */
void next_put_table(struct cli *cli, const struct next_answer *answer);
void next_put_json(struct cli *cli, const struct next_answer *answer);
void next_put_calendar(struct buffer *out, const struct next_answer *answer, int64_t now_us);

/* `moonbeat next --batch [FILE]`. */
enum error_code next_batch(struct cli *cli);

#endif
