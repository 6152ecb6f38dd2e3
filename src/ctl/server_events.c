/* What clients hear without asking each time: events they subscribed to, and what print() writes in
 * their console session. */
#include "ctl/server_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "model/event_name.h"
#include "time/instant.h"

static void free_filter(const struct subscription *subscription)
{
  for (size_t i = 0; i < subscription->event_count; i++)
    free(subscription->events[i]);
  free(subscription->events);
  free(subscription->job);
  free(subscription->run);
}

void subscription_clear(struct connection *connection)
{
  struct subscription *subscription = &connection->subscription;
  free_filter(subscription);
  if (subscription->on)
    connection->server->subscribers--;
  *subscription = (struct subscription){0};
}

static enum error_code read_events(struct subscription *subscription, const struct json *events,
                                   struct error *error)
{
  bool wants_all = !events || events->type == JSON_NULL;
  if (!wants_all && events->type != JSON_ARRAY)
    return error_set(error, ERROR_INVALID, "events must be an array of names");
  if (!wants_all)
    subscription->events = memory_alloc((events->count + 1) * sizeof(char *));
  json_each(event, wants_all ? NULL : events) {
    const char *name = json_text(event, "");
    if (strcmp(name, "*") == 0)
      wants_all = true;
    else if (event_pattern_check(name, error))
      return ERROR_INVALID;
    else
      subscription->events[subscription->event_count++] = memory_strdup(name);
  }
  subscription->wants_all = wants_all;
  return ERROR_OK;
}

/* The job or the run that all events must be about; NULL: about any. */
static enum error_code read_subject(const struct json *params, const char *name, char **subject,
                                    struct error *error)
{
  const struct json *value = json_get(params, name);
  if (value && value->type != JSON_NULL && value->type != JSON_STRING)
    return error_set(error, ERROR_INVALID, "%s must be a string, not %s", name,
                     json_type_name(value->type));
  *subject = memory_strdup(json_text(value, NULL));
  return ERROR_OK;
}

enum error_code subscription_set(struct connection *connection, const struct json *params,
                                 struct error *error)
{
  static const char *const known[] = {"events", "job", "run", NULL};
  json_each(member, params) {
    const char *const *name = known;
    while (*name && strcmp(*name, member->key) != 0)
      name++;
    char hint[128];
    if (!*name)
      return error_set(error, ERROR_INVALID, "subscribe: unknown parameter \"%s\"%s", member->key,
                       text_did_you_mean(hint, member->key, known));
  }
  struct subscription subscription = {
      .on = true,
      .lost = connection->subscription.lost,
  };
  enum error_code code = read_subject(params, "job", &subscription.job, error);
  if (!code)
    code = read_subject(params, "run", &subscription.run, error);
  if (!code)
    code = read_events(&subscription, json_get(params, "events"), error);
  if (code) {
    free_filter(&subscription);
    return code;
  }
  subscription_clear(connection);
  connection->subscription = subscription;
  connection->server->subscribers++;
  return ERROR_OK;
}

static bool wants_name(const struct subscription *subscription, const char *name)
{
  if (subscription->wants_all)
    return true;
  for (size_t i = 0; i < subscription->event_count; i++)
    if (text_matches(subscription->events[i], name))
      return true;
  return false;
}

static bool wants_about(const struct subscription *subscription, const struct json *event)
{
  const char *job = subscription->job, *run = subscription->run;
  return (!job || strcmp(job, json_text(json_get(event, "job"), "")) == 0) &&
         (!run || strcmp(run, json_text(json_get(event, "run"), "")) == 0);
}

static void append_on_one_line(struct buffer *frame, const char *json)
{
  buffer_printf(frame, "{\"event\":%s}", json);
  for (char *end = frame->data; (end = strpbrk(end, "\r\n"));)
    *end = ' ';
}

/* An event like others, whatever was subscribed to. */
void events_tell_lost(struct connection *connection)
{
  struct buffer frame = {0};
  struct json_writer writer = {.out = &frame};
  char at[INSTANT_TEXT_SIZE];
  int64_t lost = connection->subscription.lost;
  connection->subscription.lost = 0;
  instant_format(at, clock_wall_us());
  json_begin_object(&writer);
  json_key(&writer, "event");
  json_begin_object(&writer);
  json_put_text(&writer, "event", "scheduler_events_lost");
  json_put_text(&writer, "at", at);
  json_put_integer(&writer, "count", lost);
  json_put_text(&writer, "text", "this client reads too slowly");
  json_end_object(&writer);
  json_end_object(&writer);
  connection_push(connection, frame.data, frame.size);
  buffer_deinit(&frame);
}

/* From the first loss on until it has caught up nothing is sent, so that what is missing is in one
 * place. */
static void publish_to(struct connection *connection, const struct buffer *frame)
{
  struct subscription *subscription = &connection->subscription;
  if (subscription->lost && !connection_is_filling(connection))
    events_tell_lost(connection);
  if (subscription->lost || connection_is_full(connection))
    subscription->lost++;
  else
    connection_push(connection, frame->data, frame->size);
}

void events_publish(struct server *server, const struct message *message)
{
  const char *name = message->as.event.name, *json = message->as.event.json;
  struct json_document *parsed = NULL;
  struct buffer frame = {0};
  struct connection *next;
  for (struct connection *connection = server->connections; connection; connection = next) {
    next = connection->next; /* sending may close it */
    const struct subscription *subscription = &connection->subscription;
    if (!subscription->on || !wants_name(subscription, name))
      continue;
    if (subscription->job || subscription->run) {
      if (!parsed && json_parse(json, strlen(json), &parsed, NULL))
        break;
      if (!wants_about(subscription, json_root(parsed)))
        continue;
    }
    if (frame.size == 0)
      append_on_one_line(&frame, json);
    publish_to(connection, &frame);
  }
  buffer_deinit(&frame);
  json_free(parsed);
}

void events_print(struct server *server, const struct message *message)
{
  struct connection *connection = server->connections;
  while (connection && connection->console != message->as.console.session)
    connection = connection->next;
  if (connection)
    events_print_to(connection, message->as.console.text);
}

void events_print_to(struct connection *connection, const char *text)
{
  struct buffer frame = {0};
  struct json_writer writer = {.out = &frame};
  json_begin_object(&writer);
  json_put_text(&writer, "print", text);
  json_end_object(&writer);
  connection_push(connection, frame.data, frame.size);
  buffer_deinit(&frame);
}
