/* Clients: what they ask for, and what they remember of the answers. One operation is under way at
 * a time. The book changes when it is acknowledged; when the daemon dies before the answer, the
 * store is asked whether it has happened, which must be wholly or not at all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/sometimes.h"
#include "sim/life_internal.h"
#include "time/instant.h"
#include "time/zone.h"

/* ---- asking ---- */

static struct message *take_reply(struct life *life, uint64_t tag)
{
  struct message_list rest = {0};
  struct message *m, *found = NULL;
  while ((m = message_list_pop(&life->replies)))
    if (m->tag == tag)
      found = m;
    else
      message_destroy(m);
  life->replies = rest;
  return found;
}

static bool may_be_refused(enum error_code code)
{
  return code == ERROR_FULL || code == ERROR_CONFLICT || code == ERROR_BUSY ||
         code == ERROR_NOT_FOUND || code == ERROR_LIMIT || code == ERROR_SCRIPT ||
         code == ERROR_UNAVAILABLE; /* it is stopping */
}

/* NULL: the daemon has died meanwhile. */
static struct message *await_reply(struct life *life, uint64_t tag)
{
  int64_t from_us = sim_now_us(life->sim);
  struct message *reply;
  if (!life_go_on(life, 0))
    return NULL;
  while (!(reply = take_reply(life, tag))) {
    if (sim_now_us(life->sim) > from_us + 10 * MINUTE)
      blame("an operation is not answered within ten minutes");
    if (!life_step(life))
      return NULL;
  }
  return reply;
}

enum told client_ask(struct life *life, const char *operation, const char *params, char **result)
{
  int64_t from_us = sim_now_us(life->sim), begin = witness_begin(life->witness);
  bool is_noted = life->is_noted;
  if (is_noted) {
    life->asked.operation = operation;
    life->asked.params = params;
    life->asked.begin = begin;
    life->asked.sent_us = from_us;
  }
  struct message *reply = await_reply(life, sim_request(life->sim, operation, params));
  if (result)
    *result = NULL;
  life->asked.operation = NULL;
  if (is_noted)
    witness_operation(life->witness, begin, operation, params, from_us, sim_now_us(life->sim),
                      reply);
  if (!reply)
    return TOLD_NEVER;
  enum error_code code = reply->as.reply.code;
  if (code)
    life_say(life, "%s %s: %s", operation, params, reply->as.reply.text);
  if (code && !may_be_refused(code))
    blame("%s %s: %s", operation, params, reply->as.reply.text);
  if (!code && result) {
    *result = reply->as.reply.text;
    reply->as.reply.text = NULL;
  }
  message_destroy(reply);
  return code ? TOLD_REFUSED : TOLD_DONE;
}

static enum told ask_about(struct life *life, const char *operation, const struct booked *job,
                           char **result)
{
  char *params = memory_printf("{\"job\":\"%s\"}", job->id);
  enum told told = client_ask(life, operation, params, result);
  free(params);
  return told;
}

static int64_t read_instant(const struct json *value)
{
  const struct zone *utc;
  int64_t us;
  if (!value || value->type != JSON_STRING)
    return INT64_MAX;
  if (zone_find("UTC", &utc, NULL) || instant_parse(value->as.string.data, utc, &us, NULL))
    blame("%s is no instant", value->as.string.data);
  return us;
}

/* One that is paused or in error does not show how far it is; its row does. */
static int64_t read_cursor(struct life *life, const struct booked *job, const char *shown)
{
  struct json_document *document;
  if (json_parse(shown, strlen(shown), &document, NULL))
    blame("%s", shown);
  const struct json *root = json_root(document);
  const char *state = json_text(json_get(root, "state"), "");
  int64_t us = INT64_MAX;
  if (strcmp(state, "active") == 0)
    us = read_instant(json_get(root, "next_run_at"));
  else if (strcmp(state, "finished") != 0)
    us = book_query(life_db(life), "SELECT next_us FROM job_progress WHERE number = ?", job->number,
                    0, INT64_MAX);
  json_free(document);
  return us;
}

static bool ask_cursor(struct life *life, const struct booked *job, int64_t *cursor_us)
{
  char *shown = NULL;
  if (ask_about(life, "show", job, &shown) != TOLD_DONE)
    return false;
  *cursor_us = read_cursor(life, job, shown);
  free(shown);
  return true;
}

bool client_cursor(struct life *life, const struct booked *job, int64_t *cursor_us)
{
  /* A turn answers before it fires; on a slow disk time goes on meanwhile, and behind it. */
  int64_t before_us;
  for (int i = 0; i < 20; i++) {
    if (!ask_cursor(life, job, &before_us))
      return false;
    int64_t now_us = sim_now_us(life->sim);
    if (!ask_cursor(life, job, cursor_us))
      return false;
    if (before_us == *cursor_us && sim_now_us(life->sim) == now_us)
      return true;
  }
  return false;
}

/* ---- what has happened ---- */

int64_t client_number(struct life *life, const char *id)
{
  sqlite3_stmt *row;
  int64_t number = 0;
  sqlite3_prepare_v2(life_db(life), "SELECT number FROM jobs WHERE id = ?", -1, &row, NULL);
  sqlite3_bind_text(row, 1, id, -1, SQLITE_STATIC);
  if (sqlite3_step(row) == SQLITE_ROW)
    number = sqlite3_column_int64(row, 0);
  sqlite3_finalize(row);
  return number;
}

static bool has_name(struct life *life, const struct booked *job, int64_t revision)
{
  char *name = memory_printf("%%\"name\":\"r%lld\"%%", (long long)revision);
  sqlite3_stmt *row;
  sqlite3_prepare_v2(life_db(life), "SELECT 1 FROM jobs WHERE number = ? AND spec LIKE ?", -1, &row,
                     NULL);
  sqlite3_bind_int64(row, 1, job->number);
  sqlite3_bind_text(row, 2, name, -1, SQLITE_STATIC);
  bool has = sqlite3_step(row) == SQLITE_ROW;
  sqlite3_finalize(row);
  free(name);
  return has;
}

static bool has_happened(struct life *life, const struct doubt *doubt)
{
  int64_t number = doubt->job->is_there ? doubt->job->number : client_number(life, doubt->added.id);
  int64_t state =
      book_query(life_db(life), "SELECT state FROM job_progress WHERE number = ?", number, 0, -1);
  switch (doubt->kind) {
  case DOUBT_ADD:
    return number != 0;
  case DOUBT_CHANGE:
    return has_name(life, doubt->job, doubt->revision);
  case DOUBT_REMOVE:
    return client_number(life, doubt->job->id) == 0;
  case DOUBT_PAUSE:
    return state == JOB_PAUSED;
  case DOUBT_RESUME:
    return state != JOB_PAUSED;
  default:
    return false;
  }
}

/* The first due time that the job has since then, as far as its rows tell. */
static int64_t first_trace(struct life *life, const struct booked *job, int64_t since_us)
{
  return book_query(
      life_db(life),
      "SELECT min(us) FROM ("
      "SELECT next_us us FROM job_progress WHERE number = ?1 UNION ALL "
      "SELECT scheduled_us FROM runs WHERE job = ?1 AND scheduled_us >= ?2 AND cause = 0 "
      "UNION ALL SELECT first_us FROM skips WHERE job = ?1 AND first_us >= ?2)",
      job->number, since_us, INT64_MAX);
}

/* It was in force at some moment from at_us on (a turn before may have waited for the disk), and
 * told its first due time. */
static void note_begin(struct life *life, const struct doubt *doubt, struct booked *job)
{
  int64_t first_us = doubt->first_us ? doubt->first_us : first_trace(life, job, doubt->at_us);
  struct dues missed = {0};
  job->from_us = first_us;
  if (doubt->first_us)
    rule_dues(&job->rule, sim_now_us(life->sim), first_us, &missed);
  if (missed.count)
    blame("%s: is said to be due first at %lld, and is at %lld", job->id, (long long)first_us,
          (long long)missed.us[0]);
  free(missed.us);
}

/* A trigger that is the same goes on as if nothing had been said. */
static bool is_same_rule(const struct rule *old, const struct rule *new)
{
  char *text = rule_trigger(old), *other = rule_trigger(new);
  bool is_same = strcmp(text, other) == 0;
  free(text);
  free(other);
  return is_same;
}

static void note_done(struct life *life)
{
  const struct doubt *doubt = &life->doubt;
  struct booked *job = doubt->job;
  switch (doubt->kind) {
  case DOUBT_ADD:
    *job = doubt->added;
    job->is_there = true;
    job->number = client_number(life, job->id);
    job->revision = doubt->revision;
    note_begin(life, doubt, job);
    break;
  case DOUBT_CHANGE:
    job->revision = doubt->revision;
    if (is_same_rule(&job->rule, &doubt->rule))
      break;
    booked_change(job, &doubt->rule, doubt->at_us, doubt->cursor_us);
    job->is_blurred |= life->is_slow; /* it is not known when exactly */
    note_begin(life, doubt, job);
    break;
  case DOUBT_REMOVE:
    job->is_there = false;
    witness_gone(life->witness, job->id, job->number, sim_now_us(life->sim));
    break;
  case DOUBT_PAUSE:
  case DOUBT_RESUME:
    job->is_paused = doubt->kind == DOUBT_PAUSE;
    break;
  case DOUBT_NONE:
    break;
  }
}

void client_resolve(struct life *life)
{
  if (life->doubt.kind == DOUBT_NONE)
    return;
  if (has_happened(life, &life->doubt)) {
    sometimes("an operation without an answer has happened");
    note_done(life);
  } else {
    sometimes("an operation without an answer has not happened");
  }
  life->doubt.kind = DOUBT_NONE;
}

/* Asks for what life->doubt says. */
static void ask_for(struct life *life, const char *operation, const char *params)
{
  life->report->operations++;
  life_say(life, "%s %s", operation, params);
  char *result = NULL;
  life->is_noted = true;
  enum told told = client_ask(life, operation, params, &result);
  life->is_noted = false;
  switch (told) {
  case TOLD_DONE:
    life->report->acknowledged++;
    if (life->doubt.kind == DOUBT_ADD || life->doubt.kind == DOUBT_CHANGE)
      life->doubt.first_us = read_cursor(life, life->doubt.job, result);
    note_done(life);
    break;
  case TOLD_REFUSED:
    sometimes("an operation is refused");
    break;
  case TOLD_NEVER: /* resolved in the recovery */
    break;
  }
  life->doubt.kind = DOUBT_NONE;
  free(result);
}

/* ---- operations ---- */

static void add(struct life *life, struct booked *job)
{
  struct doubt *doubt = &life->doubt;
  int64_t now_us = sim_now_us(life->sim);
  *doubt = (struct doubt){.job = job, .at_us = now_us, .revision = ++life->last_revision};
  cast_job(life, "x", (int)++life->last_number, &doubt->added);
  char *spec = cast_spec(&doubt->added, &doubt->added.rule, doubt->revision);
  doubt->kind = DOUBT_ADD;
  ask_for(life, "add_job", spec);
  free(spec);
}

static void change(struct life *life, struct booked *job)
{
  struct doubt *doubt = &life->doubt;
  struct rule rule;
  int64_t cursor_us;
  if (job->segment_count >= SEGMENTS_MAX || zones_is_pending(life, job) ||
      !client_cursor(life, job, &cursor_us))
    return;
  int64_t now_us = sim_now_us(life->sim);
  cast_rule(life, &rule);
  if (job->rule.kind == RULE_INTERVAL && draw_chance(&life->draw, 40)) {
    rule =
        job->rule; /* every second time is the same: after the clock was set back, one that was */
    rule.period_us *= 2;
  }
  *doubt = (struct doubt){.job = job,
                          .rule = rule,
                          .revision = ++life->last_revision,
                          .at_us = now_us,
                          .cursor_us = cursor_us};
  char *trigger = rule_trigger(&rule);
  char *params = memory_printf("{\"job\":\"%s\",\"changes\":{\"name\":\"r%lld\",\"trigger\":%s}}",
                               job->id, (long long)doubt->revision, trigger);
  doubt->kind = DOUBT_CHANGE;
  ask_for(life, "modify_job", params);
  free(params);
  free(trigger);
}

static void ask_simply(struct life *life, enum doubt_kind kind, struct booked *job)
{
  char *params = memory_printf("{\"job\":\"%s\"}", job->id);
  life->doubt = (struct doubt){.kind = kind, .job = job};
  ask_for(life,
          kind == DOUBT_REMOVE  ? "remove_job"
          : kind == DOUBT_PAUSE ? "pause_job"
                                : "resume_job",
          params);
  free(params);
}

/* A list that is wrong behind a job that it replaces: the job stays as it is. */
static void add_wrongly(struct life *life, const struct booked *job)
{
  static const char twice[] = "{\"id\":\"twice\",\"func\":\"a.f\"}";
  struct rule rule;
  cast_rule(life, &rule);
  char *spec = cast_spec(job, &rule, life->last_revision);
  char *params = memory_printf("{\"jobs\":[%.*s,\"replace_existing\":true},%s,%s]}",
                               (int)strlen(spec) - 1, spec, twice, twice);
  struct message *reply = await_reply(life, sim_request(life->sim, "add_jobs", params));
  life_say(life, "add_jobs %s: %s", params, reply ? reply->as.reply.text : "no answer");
  enum error_code code = reply ? reply->as.reply.code : ERROR_EXISTS;
  if (code != ERROR_EXISTS && !may_be_refused(code))
    blame("add_jobs %s: %s", params, reply->as.reply.text);
  if (reply)
    message_destroy(reply);
  free(params);
  free(spec);
}

static void cancel(struct life *life)
{
  const struct booked *job = &life->jobs[draw_below(&life->draw, JOBS)];
  if (!job->is_there)
    return;
  char *params = memory_printf("{\"run\":\"%s\",\"now\":%s}", job->id,
                               draw_chance(&life->draw, 50) ? "true" : "false");
  ask_for(life, "cancel_run", params);
  free(params);
}

void client_act(struct life *life)
{
  struct booked *job = &life->jobs[draw_below(&life->draw, JOBS)];
  int kind = (int)draw_below(&life->draw, 100);
  char *params = NULL;
  life->doubt.kind = DOUBT_NONE;
  if (job->rule.kind == RULE_EVENT && causes_are_open(life)) {
    return;
  } else if (!job->is_there) {
    add(life, job);
  } else if (kind < 20) {
    if (!job->is_declared)
      change(life, job);
  } else if (kind < 30) {
    if (!job->is_declared)
      ask_simply(life, DOUBT_REMOVE, job);
  } else if (kind < 45) {
    if (!job->is_never_paused)
      ask_simply(life, DOUBT_PAUSE, job);
  } else if (kind < 65) {
    ask_simply(life, DOUBT_RESUME, job);
  } else if (kind < 75) {
    params = memory_printf("{\"job\":\"%s\"}", job->id);
    ask_for(life, "run_now", params);
  } else if (kind < 77) {
    ask_for(life, "retry_listener", "{\"listener\":\"a/breaks\"}");
  } else if (kind < 79) {
    if (!job->is_declared)
      add_wrongly(life, job);
  } else if (kind < 85) {
    params = memory_printf("{\"name\":\"p\",\"slots\":%d}", (int)draw_below(&life->draw, 4));
    ask_for(life, "set_pool", params);
  } else {
    cancel(life);
  }
  free(params);
}

void client_change_some(struct life *life)
{
  for (int i = DECLARED; i < JOBS; i++)
    if (life->jobs[i].is_there && draw_chance(&life->draw, 40))
      change(life, &life->jobs[i]);
}

void client_resume_all(struct life *life)
{
  for (int i = 0; i < JOBS; i++)
    if (life->jobs[i].is_there)
      ask_simply(life, DOUBT_RESUME, &life->jobs[i]);
  ask_for(life, "set_pool", "{\"name\":\"p\",\"slots\":50}");
}

/* ---- the script ---- */

char *client_source(struct life *life)
{
  struct buffer out = {0};
  bool is_parallel = life->last_revision / DECLARED % 2 == 0;
  buffer_printf(&out, "{\"parallel\":%s,\"pools\":{\"p\":2},\"jobs\":[",
                is_parallel ? "true" : "false");
  for (int i = 0; i < DECLARED; i++) {
    const struct booked *job = &life->jobs[i];
    char *spec = cast_spec(job, &job->rule, ++life->last_revision);
    buffer_printf(&out, "%s%s", i ? "," : "", spec);
    free(spec);
  }
  char *tide = cast_spec(tide_job(life), &tide_job(life)->rule, ++life->last_revision);
  buffer_printf(&out, ",%s],\"listeners\":", tide);
  free(tide);
  ears_put("a", &out);
  buffer_append_text(&out, "}");
  return buffer_take(&out);
}

void client_begin(struct life *life)
{
  for (int i = 0; i < TIMED; i++)
    cast_job(life, "d", i, &life->jobs[i]);
  causes_cast(life, &life->jobs[TIMED]);
  for (int i = 0; i < DECLARED; i++)
    life->jobs[i].is_declared = life->jobs[i].is_there = true;
  tide_cast(life);
  life->source = client_source(life);
  guest_begin(life);
}

void client_meet_declared(struct life *life)
{
  for (int i = 0; i < DECLARED; i++) {
    struct booked *job = &life->jobs[i];
    job->number = client_number(life, job->id);
    job->from_us = sim_now_us(life->sim);
    if (!job->number)
      blame("%s was declared and is not there", job->id);
  }
  tide_meet_declared(life);
}

/* ---- checking ---- */

void client_check(struct life *life)
{
  book_check_runs(life->book, life_db(life), life->is_calm);
  for (int i = 0; i < JOBS; i++)
    if (life->jobs[i].id[0])
      book_check_job(life_db(life), &life->jobs[i]);
  guest_check(life);
  tide_check(life);
  causes_check(life);
  ears_check(life->ears);
}
