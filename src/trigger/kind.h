/* What a kind of trigger provides. A kind is one file that defines a `const struct trigger_kind`;
 * it is made known by one line in TRIGGER_KINDS. Its struct begins with a `struct trigger`.
 *
 * A kind reads and writes only the JSON form. The text form is the JSON form with less punctuation:
 * the words of `words` introduce one member each, the other members follow as `name=value`, so a
 * kind need not know it (text.c). Private to src/trigger. */
#ifndef TRIGGER_KIND_H
#define TRIGGER_KIND_H

#include "trigger/event.h"
#include "trigger/trigger.h"

/* In the text form `word` introduces the member: "every 1h30m" is {"every":"1h30m"}. Without a
 * member the word stands alone. */
struct trigger_word {
  const char *word, *member;
};

struct trigger_kind {
  const char *name;
  const char *const *members; /* of the JSON form without "kind"; NULL-terminated */
  const struct trigger_word
      *words; /* ends with a NULL word; the first one for a member is written */

  bool is_nested; /* its words introduce an array of triggers, each in parentheses */

  /* `value` is an object whose members are all known. Sets *trigger only on success. */
  enum error_code (*from_json)(const struct json *value, const char *default_zone,
                               struct trigger **trigger, struct error *error);
  /* A text that is of the kind as a whole, which needs no tree; NULL: the kind has none. */
  bool (*is_line)(const char *text);
  enum error_code (*from_line)(const char *text, const char *default_zone, struct trigger **trigger,
                               struct error *error);
  void (*destroy)(struct trigger *trigger); /* NULL: free() is all there is to do */
  /* See trigger_anchor; NULL: nothing is relative. */
  void (*anchor)(struct trigger *trigger, int64_t now_us, const char *seed);
  /* Writes the members, not the braces and not "kind": texts, objects, and the array of a nested
   * word, so that the text form can say them too. */
  void (*to_json)(const struct trigger *trigger, struct json_writer *writer);
  bool (*next)(const struct trigger *trigger, int64_t after_us, int64_t *next_us);
  int64_t (*count)(const struct trigger *trigger, int64_t after_us, int64_t until_us,
                   int64_t *last_us);                     /* NULL: count_fires() of count.h */
  const char *(*timezone)(const struct trigger *trigger); /* NULL: goes by no wall clock */
  /* Appends the sentence of trigger_explain. */
  void (*explain)(const struct trigger *trigger, struct buffer *out);
  /* See trigger_matches_local; NULL: goes by no wall clock. */
  bool (*matches_local)(const struct trigger *trigger, int64_t from_s, int64_t until_s);
  bool (*gave_up)(const struct trigger *trigger, int64_t after_us); /* NULL: never does */
  /* Of what no time sets off (event.h): writes the members of its key. NULL: times set it off. */
  void (*put_key)(const struct trigger *trigger, struct json_writer *writer);
  /* See trigger_each_source; NULL: the trigger itself is the source, if it has a key. */
  void (*each_source)(const struct trigger *trigger, trigger_visitor visit, void *context);
};

struct trigger {
  const struct trigger_kind *kind;
};

/* The table of kinds, in the order in which messages name them: `X_kind` is the variable of kind X.
 */
#define TRIGGER_KINDS(X)                                                                           \
  X(date)                                                                                          \
  X(interval)                                                                                      \
  X(calendar_interval)                                                                             \
  X(daily_interval)                                                                                \
  X(cron)                                                                                          \
  X(quartz)                                                                                        \
  X(cron_fields)                                                                                   \
  X(oncalendar)                                                                                    \
  X(rrule)                                                                                         \
  X(any_of)                                                                                        \
  X(all_of)                                                                                        \
  X(on_start)                                                                                      \
  X(after_job)                                                                                     \
  X(on_event)                                                                                      \
  X(on_file)                                                                                       \
  X(on_signal)                                                                                     \
  X(on_change)                                                                                     \
  X(lua)

#define X(name) extern const struct trigger_kind name##_kind;
TRIGGER_KINDS(X)
#undef X

extern const struct trigger_kind *const trigger_kinds[]; /* ends with NULL */

/* The tree of the JSON form that a line of text means, in one block for free(). */
enum error_code trigger_text_read(const char *text, struct json **tree, struct error *error);
/* The line of text for an object of the JSON form as to_json writes it. */
void trigger_text_write(const struct json *object, struct buffer *out);

#endif
