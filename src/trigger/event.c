/* The kinds of event.h. They differ in what they wait for, so a kind is a row of texts: its
 * members, which of them must be there, and its sentence. Common to all are the options "debounce"
 * (wait until nothing more has come for so long), "throttle" (at most one run each so long) and
 * "batch" (so many events for one run).
 *
 * A filter is an object of texts that must be equal to the event's members of those names; a number
 * or a boolean in an event is compared as its text, since the text form of a trigger has nothing
 * else. */
#include "trigger/event.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/signal_name.h"
#include "base/text.h"
#include "trigger/kind.h"
#include "trigger/member.h"

enum { TEXT_MAX_SIZE = 4096, FILTER_MAX = 32 };
#define SETTLE_US INT64_C(1000000)

struct event {
  struct trigger base;
  int64_t debounce_us, throttle_us;
  int batch; /* 0: many with a debounce or a throttle, else one */
  int64_t settle_us;
  char *subject; /* the job, event, glob, signal or database; NULL for on_start */
  char *detail;  /* the outcome or table; or NULL */
  struct json_document *filter;
};

static const char *const outcomes[] = {"succeeded", "failed", "finished", NULL};

/* ---- reading ---- */

static void destroy(struct trigger *trigger)
{
  struct event *event = (struct event *)trigger;
  free(event->subject);
  free(event->detail);
  json_free(event->filter);
  free(event);
}

static enum error_code read_text(const struct json *value, const char *name, char **out,
                                 struct error *error)
{
  const char *text = NULL;
  enum error_code code = member_text(value, name, &text, error);
  if (code)
    return code;
  if (!text || !*text)
    return error_set(error, ERROR_INVALID, "\"%s\" is missing", name);
  if (strlen(text) > TEXT_MAX_SIZE)
    return error_set(error, ERROR_LIMIT, "\"%s\" is longer than %d bytes", name, TEXT_MAX_SIZE);
  *out = memory_strdup(text);
  return ERROR_OK;
}

static enum error_code read_delivery(struct event *event, const struct json *value,
                                     struct error *error)
{
  int64_t batch = 0;
  enum error_code code = member_length(value, "debounce", &event->debounce_us, error);
  if (!code)
    code = member_length(value, "throttle", &event->throttle_us, error);
  if (!code && event->throttle_us && event->debounce_us)
    code = error_set(error, ERROR_INVALID,
                     "both debounce and throttle: debounce waits for a pause, throttle does not");
  if (!code)
    code = member_integer(value, "batch", 1, EVENT_BATCH_MAX, &batch, error);
  event->batch = (int)batch;
  return code;
}

static enum error_code read_on_start(struct trigger *trigger, const struct json *value,
                                     const char *zone, struct error *error)
{
  (void)trigger, (void)value, (void)zone, (void)error;
  return ERROR_OK;
}

static enum error_code read_after_job(struct trigger *trigger, const struct json *value,
                                      const char *zone, struct error *error)
{
  struct event *event = (struct event *)trigger;
  const char *outcome = outcomes[0];
  char hint[128];
  (void)zone;
  enum error_code code = read_text(value, "job", &event->subject, error);
  if (!code)
    code = member_text(value, "outcome", &outcome, error);
  for (size_t i = 0; !code && outcomes[i]; i++)
    if (strcmp(outcomes[i], outcome) == 0)
      event->detail = memory_strdup(outcome);
  if (!code && !event->detail)
    code = error_set(error, ERROR_INVALID,
                     "outcome \"%.60s\" is none of succeeded, failed, finished%s", outcome,
                     text_did_you_mean(hint, outcome, outcomes));
  return code ? code : read_delivery(event, value, error);
}

static void put_scalar(struct buffer *out, const struct json *value)
{
  struct json_writer writer = {.out = out};
  if (value->type == JSON_STRING)
    buffer_append(out, value->as.string.data, value->as.string.size);
  else
    json_write_tree(&writer, value);
}

/* The filter as an object of texts. */
static enum error_code read_filter_object(struct event *event, const struct json *filter,
                                          struct error *error)
{
  struct buffer texts = {0}, text = {0};
  struct json_writer writer = {.out = &texts};
  enum error_code code = ERROR_OK;
  if (filter->count == 0 || filter->count > FILTER_MAX)
    return error_set(error, ERROR_INVALID, "\"filter\" must have 1 to %d members", FILTER_MAX);
  json_begin_object(&writer);
  json_each(member, filter) {
    if (member->type == JSON_OBJECT || member->type == JSON_ARRAY)
      code = error_set(error, ERROR_INVALID,
                       "\"filter\": the value of \"%.60s\" must be a text, "
                       "a number or a boolean",
                       member->key);
    buffer_clear(&text);
    put_scalar(&text, member);
    json_key(&writer, member->key);
    json_write_string(&writer, text.data ? text.data : "", text.size);
  }
  json_end_object(&writer);
  if (!code)
    code = json_parse(texts.data, texts.size, &event->filter, error);
  buffer_deinit(&texts);
  buffer_deinit(&text);
  return code;
}

static enum error_code read_filter(struct event *event, const struct json *value,
                                   struct error *error)
{
  const struct json *filter = member_find(value, "filter");
  struct json_document *document = NULL;
  enum error_code code = ERROR_OK;
  if (!filter)
    return ERROR_OK;
  if (filter->type == JSON_STRING) {
    code = json_parse(filter->as.string.data, filter->as.string.size, &document, error);
    if (code)
      return error_prefix(error, "\"filter\"");
    filter = json_root(document);
  }
  if (filter->type == JSON_OBJECT)
    code = read_filter_object(event, filter, error);
  else
    code = error_set(error, ERROR_INVALID, "\"filter\" must be an object, not %s",
                     json_type_name(filter->type));
  json_free(document);
  return code;
}

static enum error_code read_on_event(struct trigger *trigger, const struct json *value,
                                     const char *zone, struct error *error)
{
  struct event *event = (struct event *)trigger;
  (void)zone;
  enum error_code code = read_text(value, "event", &event->subject, error);
  if (!code)
    code = read_filter(event, value, error);
  return code ? code : read_delivery(event, value, error);
}

static enum error_code check_absolute(const char *name, const char *path, struct error *error)
{
  if (*path == '/')
    return ERROR_OK;
  return error_set(error, ERROR_INVALID, "%s \"%.200s\" must begin with /", name, path);
}

static enum error_code read_on_file(struct trigger *trigger, const struct json *value,
                                    const char *zone, struct error *error)
{
  struct event *event = (struct event *)trigger;
  (void)zone;
  event->settle_us = SETTLE_US;
  enum error_code code = read_text(value, "glob", &event->subject, error);
  if (!code)
    code = check_absolute("glob", event->subject, error);
  if (!code)
    code = member_length(value, "settle", &event->settle_us, error);
  return code ? code : read_delivery(event, value, error);
}

static enum error_code read_on_signal(struct trigger *trigger, const struct json *value,
                                      const char *zone, struct error *error)
{
  struct event *event = (struct event *)trigger;
  char *text = NULL;
  int number;
  (void)zone;
  enum error_code code = read_text(value, "signal", &text, error);
  if (code)
    return code;
  code = signal_parse(text, &number, error);
  if (!code && signal_is_reserved(number))
    code = error_set(error, ERROR_INVALID, "signal %s cannot be waited for: %s", text,
                     signal_is_reserved(number));
  if (!code)
    event->subject = memory_strdup(signal_name(number));
  free(text);
  return code ? code : read_delivery(event, value, error);
}

static enum error_code read_on_change(struct trigger *trigger, const struct json *value,
                                      const char *zone, struct error *error)
{
  struct event *event = (struct event *)trigger;
  (void)zone;
  enum error_code code = read_text(value, "database", &event->subject, error);
  if (!code)
    code = check_absolute("database", event->subject, error);
  if (!code)
    code = read_text(value, "table", &event->detail, error);
  return code ? code : read_delivery(event, value, error);
}

/* ---- writing ---- */

/* Whether the text form can say it as `filter=(name=value)`. */
static bool is_plain_filter(const struct json *filter)
{
  json_each(member, filter) {
    const char *c = member->key;
    if (!islower((unsigned char)*c) || strcmp(c, "kind") == 0)
      return false;
    while (islower((unsigned char)*c) || isdigit((unsigned char)*c) || *c == '_')
      c++;
    if (*c)
      return false;
  }
  return true;
}

static void put_filter(struct json_writer *writer, const struct json *filter)
{
  struct buffer text = {0};
  struct json_writer inner = {.out = &text};
  json_key(writer, "filter");
  if (is_plain_filter(filter)) {
    json_write_tree(writer, filter);
    return;
  }
  json_write_tree(&inner, filter);
  json_write_text(writer, text.data);
  buffer_deinit(&text);
}

/* The members that say what it waits for; all of them, or those of the key. */
static void put_subject(const struct event *event, struct json_writer *writer, bool is_key)
{
  const struct trigger_kind *kind = event->base.kind;
  if (event->subject)
    json_put_text(writer, kind->members[0], event->subject);
  if (kind == &on_file_kind)
    member_put_length(writer, "settle", event->settle_us);
  if (kind == &on_change_kind || (kind == &after_job_kind && !is_key))
    json_put_text(writer, kind->members[1], event->detail);
  if (event->filter && !is_key)
    put_filter(writer, json_root(event->filter));
}

static void to_json(const struct trigger *trigger, struct json_writer *writer)
{
  const struct event *event = (const struct event *)trigger;
  put_subject(event, writer, false);
  if (event->debounce_us)
    member_put_length(writer, "debounce", event->debounce_us);
  if (event->throttle_us)
    member_put_length(writer, "throttle", event->throttle_us);
  member_put_count(writer, "batch", event->batch);
}

static void put_key(const struct trigger *trigger, struct json_writer *writer)
{
  put_subject((const struct event *)trigger, writer, true);
}

static void explain(const struct trigger *trigger, struct buffer *out)
{
  const struct event *event = (const struct event *)trigger;
  const struct trigger_kind *kind = trigger->kind;
  const char *text = event->subject;
  if (kind == &on_start_kind)
    buffer_append_text(out, "When moonbeat starts");
  else if (kind == &after_job_kind)
    buffer_printf(out, "After job \"%s\" has %s", text, event->detail);
  else if (kind == &on_event_kind)
    buffer_printf(out, "On event \"%s\"", text);
  else if (kind == &on_signal_kind)
    buffer_printf(out, "On signal %s", text);
  else if (kind == &on_change_kind)
    buffer_printf(out, "When rows of table \"%s\" in %s change", event->detail, text);
  else
    buffer_printf(out, "When a file %s is created or changed", text);
  if (kind == &on_file_kind && event->settle_us) {
    buffer_append_text(out, " and settled for ");
    member_say_length(out, event->settle_us);
  }
  const char *separator = " with ";
  json_each(member, event->filter ? json_root(event->filter) : NULL) {
    buffer_printf(out, "%s%s \"%s\"", separator, member->key, json_text(member, ""));
    separator = " and ";
  }
  if (event->debounce_us) {
    buffer_append_text(out, ", once quiet for ");
    member_say_length(out, event->debounce_us);
  }
  if (event->throttle_us) {
    buffer_append_text(out, ", at most once in ");
    member_say_length(out, event->throttle_us);
  }
  if (event->batch > 1)
    buffer_printf(out, ", up to %d in one run", event->batch);
}

/* ---- what happens ---- */

static bool matches_outcome(const char *outcome, const struct json *event)
{
  const char *state = json_text(json_get(event, "state"), "");
  if (strcmp(outcome, "finished") == 0)
    return true;
  bool succeeded = strcmp(state, "succeeded") == 0;
  return strcmp(outcome, "succeeded") == 0 ? succeeded
                                           : !succeeded && strcmp(state, "cancelled") != 0;
}

bool event_matches(const struct trigger *source, const struct json *event)
{
  const struct event *wanted = (const struct event *)source;
  bool matches = true;
  if (source->kind == &after_job_kind)
    return matches_outcome(wanted->detail, event);
  json_each(member, wanted->filter ? json_root(wanted->filter) : NULL) {
    struct buffer text = {0};
    const struct json *value = json_get(event, member->key);
    if (value)
      put_scalar(&text, value);
    matches = matches && value && strcmp(text.data ? text.data : "", json_text(member, "")) == 0;
    buffer_deinit(&text);
  }
  return matches;
}

int64_t event_debounce_us(const struct trigger *source)
{
  return source->kind == &lua_kind ? 0 : ((const struct event *)source)->debounce_us;
}

int64_t event_throttle_us(const struct trigger *source)
{
  return source->kind == &lua_kind ? 0 : ((const struct event *)source)->throttle_us;
}

int event_batch(const struct trigger *source)
{
  const struct event *event = (const struct event *)source;
  if (source->kind == &lua_kind)
    return 1;
  if (event->batch)
    return event->batch;
  return event->debounce_us || event->throttle_us ? EVENT_BATCH_OF_BURST : 1;
}

/* ---- the kinds ---- */

static bool next(const struct trigger *trigger, int64_t after_us, int64_t *next_us)
{
  (void)trigger, (void)after_us, (void)next_us;
  return false;
}

/* A kind, the member that its word introduces, which is the subject, and the other members. */
#define EVENT_KIND(kind_name, subject, ...)                                                        \
  static enum error_code kind_name##_from_json(const struct json *value, const char *zone,         \
                                               struct trigger **trigger, struct error *error)      \
  {                                                                                                \
    return member_read_all(&kind_name##_kind, sizeof(struct event), read_##kind_name, value, zone, \
                           trigger, error);                                                        \
  }                                                                                                \
  static const char *const kind_name##_members[] = {subject, __VA_ARGS__};                         \
  const struct trigger_kind kind_name##_kind = {.name = #kind_name,                                \
                                                .members = kind_name##_members,                    \
                                                .words = kind_name##_words,                        \
                                                .from_json = kind_name##_from_json,                \
                                                .destroy = destroy,                                \
                                                .to_json = to_json,                                \
                                                .put_key = put_key,                                \
                                                .next = next,                                      \
                                                .explain = explain}

static const struct trigger_word on_start_words[] = {{"on_start", NULL}, {"@reboot", NULL}, {0}};
static const struct trigger_word after_job_words[] = {{"after_job", "job"}, {0}};
static const struct trigger_word on_event_words[] = {{"on_event", "event"}, {0}};
static const struct trigger_word on_file_words[] = {{"on_file", "glob"}, {0}};
static const struct trigger_word on_signal_words[] = {{"on_signal", "signal"}, {0}};
static const struct trigger_word on_change_words[] = {{"on_change", "database"}, {0}};

EVENT_KIND(on_start, NULL, NULL);
EVENT_KIND(after_job, "job", "outcome", "debounce", "throttle", "batch", NULL);
EVENT_KIND(on_event, "event", "filter", "debounce", "throttle", "batch", NULL);
EVENT_KIND(on_file, "glob", "settle", "debounce", "throttle", "batch", NULL);
EVENT_KIND(on_signal, "signal", "debounce", "throttle", "batch", NULL);
EVENT_KIND(on_change, "database", "table", "debounce", "throttle", "batch", NULL);
