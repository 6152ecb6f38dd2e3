#include "support/unit.h"

#include "support/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "store/sqlite_store.h"

static void start(struct world *w)
{
  struct error error;
  if (store_open(w->path, &w->store, &error) != ERROR_OK)
    fail_msg("%s", error.text);
  struct sched_options options = {
      .store = w->store,
      .workers = 2,
      .bounds = w->bounds,
      .retention = {.age_us = 30 * DAY, .runs_per_job = 1000, .log_bytes_per_job = 8 << 20}};
  if (sched_create(&options, w->now_us, &w->sched, &error) != ERROR_OK)
    fail_msg("%s", error.text);
}

static void scanned(struct world *w)
{
  struct message_list in = {0}, out = {0};
  message_list_append(&in, message_create(MESSAGE_SCANNED, ADDRESS_FRONT, ADDRESS_SCHEDULER));
  assert_int_equal(sched_turn(w->sched, w->now_us, &in, &out, NULL), ERROR_OK);
  struct message *m;
  while ((m = message_list_pop(&out)))
    message_list_append(&w->others, m);
}

void world_open(struct world *w, char *path)
{
  log_set_level(LOG_OFF);
  *w = (struct world){.path = path, .now_us = WORLD_BEGINS};
  start(w);
  scanned(w);
  world_settle(w);
}

static void forget_messages(struct world *w)
{
  message_list_deinit(&w->runs);
  message_list_deinit(&w->replies);
  message_list_deinit(&w->others);
}

void world_close(struct world *w)
{
  forget_messages(w);
  sched_destroy(w->sched);
  store_close(w->store);
}

void world_crash(struct world *w)
{
  world_close(w);
  start(w);
}

static struct message *answer_load(const struct message *load)
{
  struct message *m = message_create(MESSAGE_LOADED, load->to, ADDRESS_SCHEDULER);
  m->as.loaded.generation = load->as.load.generation;
  m->as.loaded.text = memory_copy(load->as.load.text, load->as.load.size);
  if (load->as.load.text[0] != '{')
    m->as.loaded.code = ERROR_SCRIPT;
  return m;
}

/* One turn; what comes out is sorted, and loads are answered into `in` for the next turn. */
static void turn(struct world *w, struct message_list *in)
{
  struct message_list out = {0};
  struct error error;
  struct message *m;
  if (sched_turn(w->sched, w->now_us, in, &out, &error) != ERROR_OK)
    fail_msg("%s", error.text);
  while ((m = message_list_pop(&out))) {
    if (m->kind == MESSAGE_LOAD) {
      w->loads++;
      message_list_append(in, answer_load(m));
      message_destroy(m);
    } else if (m->kind == MESSAGE_RUN) {
      message_list_append(&w->runs, m);
    } else if (m->kind == MESSAGE_REPLY) {
      message_list_append(&w->replies, m);
    } else {
      message_list_append(&w->others, m);
    }
  }
}

static void settle(struct world *w, struct message_list *in)
{
  for (int i = 0; i < 10000; i++) {
    turn(w, in);
    if (!in->first && sched_wake_us(w->sched, w->now_us) > w->now_us)
      return;
  }
  fail_msg("the scheduler never comes to rest");
}

void world_settle(struct world *w)
{
  struct message_list in = {0};
  settle(w, &in);
}

void world_pass(struct world *w, int64_t us)
{
  w->now_us += us;
  world_settle(w);
}

int world_keep_house(struct world *w)
{
  for (int steps = 0; steps < 10000; steps++)
    if (sched_idle(w->sched, w->now_us) != 0)
      return steps;
  fail_msg("housekeeping never comes to rest");
  return -1;
}

void world_live(struct world *w, int64_t us)
{
  int64_t until_us = w->now_us + us;
  for (;;) {
    int64_t wake_us = sched_wake_us(w->sched, w->now_us);
    if (wake_us > until_us)
      break;
    w->now_us = wake_us > w->now_us ? wake_us : w->now_us;
    world_settle(w);
  }
  w->now_us = until_us;
  world_settle(w);
}

static struct message *source_message(const char *script, const char *json)
{
  struct message *m = message_create(MESSAGE_SOURCE, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  m->as.source.script = memory_strdup(script);
  m->as.source.path = memory_printf("jobs/%s.lua", script);
  m->as.source.text = memory_strdup(json);
  m->as.source.size = json ? strlen(json) : 0;
  return m;
}

void world_save(struct world *w, const char *script, const char *json)
{
  struct message_list in = {0};
  message_list_append(&in, source_message(script, json));
  settle(w, &in);
}

void world_save_briefly(struct world *w, const char *script, const char *json)
{
  struct message_list in = {0};
  message_list_append(&in, source_message(script, json));
  message_list_append(&in, source_message(script, NULL));
  settle(w, &in);
}

void world_save_twice(struct world *w, const char *script, const char *json, const char *newer)
{
  struct message_list in = {0};
  message_list_append(&in, source_message(script, json));
  turn(w, &in);
  message_list_append(&in, source_message(script, newer));
  settle(w, &in);
}

void world_save_meanwhile(struct world *w, const char *script, const char *json,
                          struct message *message)
{
  struct message_list in = {0}, both = {0};
  message_list_append(&in, source_message(script, json));
  turn(w, &in);
  message_list_append(&both, message);
  message_list_join(&both, &in);
  settle(w, &both);
}

char *world_answer(struct world *w, uint64_t tag)
{
  struct message_list others = {0};
  char *text = NULL;
  struct message *m;
  while ((m = message_list_pop(&w->replies))) {
    if (m->tag != tag || text) {
      message_list_append(&others, m);
      continue;
    }
    text = m->as.reply.code
               ? memory_printf("error: %s: %s", error_name(m->as.reply.code), m->as.reply.text)
               : memory_strdup(m->as.reply.text);
    message_destroy(m);
  }
  w->replies = others;
  return text;
}

char *world_ask_as(struct world *w, const char *script, const char *operation, const char *params)
{
  struct message_list in = {0};
  struct message *m = message_create(MESSAGE_REQUEST, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  m->tag = ++w->last_tag;
  m->as.request.op = memory_strdup(operation);
  m->as.request.params = memory_strdup(params);
  m->as.request.script = memory_strdup(script);
  message_list_append(&in, m);
  settle(w, &in);
  char *text = world_answer(w, w->last_tag);
  if (!text)
    fail_msg("%s was not answered", operation);
  return text;
}

char *world_ask(struct world *w, const char *operation, const char *params)
{
  return world_ask_as(w, NULL, operation, params);
}

static const struct json *find_path(const struct json *value, const char *path)
{
  char name[128];
  while (value && *path) {
    size_t size = strcspn(path, ".");
    snprintf(name, sizeof name, "%.*s", (int)size, path);
    value = json_get(value, name);
    path += size + (path[size] == '.');
  }
  return value;
}

void world_expect(struct world *w, const char *operation, const char *params, const char *member,
                  const char *value)
{
  char *text = world_ask(w, operation, params);
  struct json_document *document;
  if (json_parse(text, strlen(text), &document, NULL) != ERROR_OK) {
    if (strcmp(member, "error") != 0)
      fail_msg("%s", text);
    assert_string_equal(text, value);
    free(text);
    return;
  }
  const struct json *found = find_path(json_root(document), member);
  struct buffer out = {0};
  struct json_writer writer = {.out = &out};
  if (found && found->type == JSON_STRING)
    buffer_append_text(&out, found->as.string.data);
  else if (found)
    json_write_tree(&writer, found);
  else
    buffer_append_text(&out, "null");
  if (strcmp(out.data, value) != 0)
    fail_msg("%s: %s is %s, expected %s", operation, member, out.data, value);
  buffer_deinit(&out);
  json_free(document);
  free(text);
}

int world_run_count(const struct world *w)
{
  int count = 0;
  for (const struct message *m = w->runs.first; m; m = m->next)
    count++;
  return count;
}

static struct message *finish_of(const struct world *w, const struct message *run,
                                 enum run_state state)
{
  struct message *m = message_create(MESSAGE_FINISHED, run->to, ADDRESS_SCHEDULER);
  m->as.finished.attempt = run->as.run.attempt;
  m->as.finished.state = state;
  m->as.finished.started_us = m->as.finished.finished_us = w->now_us;
  return m;
}

void world_finish(struct world *w, enum run_state state, const char *result, const char *error)
{
  struct message_list in = {0};
  struct message *run = message_list_pop(&w->runs);
  assert_non_null(run);
  struct message *m = finish_of(w, run, state);
  m->as.finished.result = memory_strdup(result);
  m->as.finished.error = memory_strdup(error);
  message_destroy(run);
  message_list_append(&in, m);
  settle(w, &in);
}

void world_finish_all(struct world *w)
{
  struct message_list in = {0};
  struct message *run;
  while ((run = message_list_pop(&w->runs))) {
    message_list_append(&in, finish_of(w, run, RUN_SUCCEEDED));
    message_destroy(run);
  }
  settle(w, &in);
}

int64_t world_skipped(struct world *w, const char *job, const char *reason)
{
  char *params = memory_printf("{\"job\":\"%s\",\"limit\":1000}", job);
  char *text = world_ask(w, "skips", params);
  struct json_document *document;
  int64_t count = 0;
  assert_int_equal(json_parse(text, strlen(text), &document, NULL), ERROR_OK);
  json_each(skip, json_get(json_root(document), "skips"))
    if (strcmp(json_text(json_get(skip, "reason"), ""), reason) == 0)
      count += json_integer(json_get(skip, "count"), 0);
  json_free(document);
  free(text);
  free(params);
  return count;
}

int world_history(struct world *w, const char *job, const char *state)
{
  char *params = memory_printf("{\"job\":\"%s\",\"limit\":1000}", job);
  char *text = world_ask(w, "runs", params);
  struct json_document *document;
  int count = 0;
  assert_int_equal(json_parse(text, strlen(text), &document, NULL), ERROR_OK);
  json_each(run, json_get(json_root(document), "runs"))
    if (!state || strcmp(json_text(json_get(run, "state"), ""), state) == 0)
      count++;
  json_free(document);
  free(text);
  free(params);
  return count;
}

struct message *world_take(struct world *w, enum message_kind kind)
{
  struct message_list rest = {0};
  struct message *m, *found = NULL;
  while ((m = message_list_pop(&w->others)))
    if (!found && m->kind == kind)
      found = m;
    else
      message_list_append(&rest, m);
  w->others = rest;
  return found;
}

void world_tell(struct world *w, struct message *message)
{
  struct message_list in = {0};
  message_list_append(&in, message);
  settle(w, &in);
}

void world_tell_all(struct world *w, struct message_list *messages)
{
  settle(w, messages);
}

void world_tell_started(struct world *w)
{
  for (const struct message *run = w->runs.first; run; run = run->next) {
    struct message *m = message_create(MESSAGE_STARTED, run->to, ADDRESS_SCHEDULER);
    m->as.started.attempt = run->as.run.attempt;
    m->as.started.at_us = w->now_us;
    world_tell(w, m);
  }
}

void world_limit_pages(struct world *w, int pages)
{
  char sql[64];
  snprintf(sql, sizeof sql, "PRAGMA max_page_count=%d", pages);
  sqlite3_exec(w->store->db, sql, NULL, NULL, NULL);
}

void world_fill_disk(struct world *w)
{
  world_limit_pages(w, 1);
  char *big = memory_printf("{\"id\":\"big\",\"run\":{\"shell\":\"%060000d\"}}", 0);
  char *reply = world_ask(w, "add_job", big);
  assert_memory_equal(reply, "error: full", 11);
  free(reply);
  free(big);
}

void world_fill_disk_for_good(struct world *w)
{
  world_limit_pages(w, 1);
  char *large = memory_printf("{\"jobs\":[{\"id\":\"l\",\"run\":{\"shell\":\"%0200000d\"}}]}", 0);
  world_save(w, "large", large);
  free(large);
}
