#include "sim/guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/sometimes.h"
#include "sim/life_internal.h"

static const char script[] = "b", path[] = "jobs/b.lua", broken[] = "syntax error";

struct guest {
  char *source;          /* NULL: there is no file */
  int64_t saved_us;      /* when one came that is good, after there was none */
  bool may_go, may_come; /* its jobs, since it was certain that the scheduler has heard of all */
};

struct guest *guest_create(void)
{
  return memory_alloc(sizeof(struct guest));
}

void guest_destroy(struct guest *guest)
{
  free(guest->source);
  free(guest);
}

struct booked *guest_find(struct life *life, const char *id)
{
  for (int i = 0; i < GUESTS; i++)
    if (life->guests[i].is_there && strcmp(life->guests[i].id, id) == 0)
      return &life->guests[i];
  return NULL;
}

/* ---- the file ---- */

static char *good_source(struct life *life)
{
  struct buffer out = {0};
  buffer_append_text(&out, "{\"functions\":[\"work\"],\"jobs\":[");
  for (int i = 0; i < GUESTS; i++) {
    char *spec = cast_spec(&life->guests[i], &life->guests[i].rule, ++life->last_revision);
    buffer_printf(&out, "%s%s", i ? "," : "", spec);
    free(spec);
  }
  buffer_append_text(&out, "],\"listeners\":");
  ears_put(script, &out);
  buffer_append_text(&out, "}");
  return buffer_take(&out);
}

static bool is_good(const struct guest *guest)
{
  return guest->source && strcmp(guest->source, broken) != 0;
}

bool guest_is_good(const struct life *life)
{
  return is_good(life->guest);
}

/* Takes the source. */
static void put_file(struct life *life, char *source)
{
  struct guest *guest = life->guest;
  bool was_good = is_good(guest);
  free(guest->source);
  guest->source = source;
  if (!source)
    guest->may_go = true;
  if (is_good(guest))
    guest->may_come = true;
  if (is_good(guest) && !was_good)
    guest->saved_us = sim_now_us(life->sim);
  life->unread = 0;
  witness_file(life->witness, script, source, sim_now_us(life->sim));
}

static void send(struct life *life)
{
  const char *source = life->guest->source;
  struct message *m = message_create(MESSAGE_SOURCE, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  m->as.source.script = memory_strdup(script);
  m->as.source.path = memory_strdup(path);
  m->as.source.text = memory_strdup(source);
  m->as.source.size = source ? strlen(source) : 0;
  sim_tell(life->sim, m);
}

void guest_tell(struct life *life)
{
  if (!life->guest->source)
    return;
  life->unread |= UNREAD_GUEST;
  send(life);
}

void guest_begin(struct life *life)
{
  static const struct rule rules[GUESTS] = {
      {.kind = RULE_INTERVAL, .period_us = 7 * SECOND},
      {.kind = RULE_EVENT, .event = "{\"kind\":\"on_event\",\"event\":\"ping\"}"},
  };
  for (int i = 0; i < GUESTS; i++) {
    struct booked *job = &life->guests[i];
    snprintf(job->id, sizeof job->id, "g%d", i);
    job->options = "\"overlap\":\"allow\",\"max_instances\":3,\"timeout\":\"1m\","
                   "\"retry\":{\"attempts\":3,\"delay\":\"20s\"}";
    job->is_declared = true;
    job->rule = rules[i];
    job->rule.start_us = sim_now_us(life->sim);
  }
  put_file(life, good_source(life));
}

static int64_t count_open(struct life *life, const char *state)
{
  char *sql = memory_printf("SELECT count(*) FROM runs WHERE job IN (?, ?) AND %s", state);
  int64_t count = book_query(life_db(life), sql, life->guests[0].number, life->guests[1].number, 0);
  free(sql);
  return count;
}

static void remove_file(struct life *life, bool is_unseen)
{
  bool can_look = life->guests[0].is_there && !life->is_unreadable;
  if (can_look && count_open(life, "state < 2"))
    sometimes("a file is removed while runs of its jobs are open");
  if (can_look && count_open(life, "state = 0 AND attempt > 1"))
    sometimes("a file is removed while a run of its job waits");
  if (is_unseen)
    sometimes("a file is removed while the daemon is down");
  life_say(life, "the file of %s is removed", script);
  put_file(life, NULL);
}

void guest_change(struct life *life, bool is_unseen)
{
  struct draw *draw = &life->draw;
  if (!life->is_unreadable)
    guest_look(life);
  if (life->guest->source && draw_chance(draw, 60)) {
    remove_file(life, is_unseen);
  } else {
    bool breaks = draw_chance(draw, 20);
    life_say(life, "the file of %s is %s", script, breaks ? "broken" : "saved");
    put_file(life, breaks ? memory_strdup(broken) : good_source(life));
  }
  if (is_unseen)
    return;
  send(life);
  life_go_on(life, 0);
}

void guest_stay(struct life *life)
{
  put_file(life, good_source(life));
  send(life);
}

void guest_clock_set(struct life *life, int64_t step_us)
{
  if (step_us < 0)
    life->guest->saved_us += step_us;
}

/* ---- its jobs ---- */

static void check_gone(struct life *life, const struct booked *job)
{
  if (!life->guest->may_go)
    blame("%s: is gone, and its file is there", job->id);
  if (book_query(life_db(life), "SELECT count(*) FROM pending_events WHERE job = ?", job->number, 0,
                 0))
    blame("%s: is gone, and events wait for it", job->id);
  book_check_sent(life->book, life_db(life), job);
  sometimes("jobs go with their file");
}

static void meet(struct life *life, struct booked *job, int64_t number)
{
  int64_t first_us = book_query(life_db(life),
                                "SELECT min(us) FROM ("
                                "SELECT next_us us FROM job_progress WHERE number = ?1 UNION ALL "
                                "SELECT scheduled_us FROM runs WHERE job = ?1 AND cause = 0 "
                                "UNION ALL SELECT first_us FROM skips WHERE job = ?1)",
                                number, 0, INT64_MAX);
  if (!life->guest->may_come)
    blame("%s: is there, and no file says so", job->id);
  if (number <= job->number)
    blame("%s: is job %lld again", job->id, (long long)number);
  if (first_us < life->guest->saved_us)
    blame("%s: begins with what was due before its file was there", job->id);
  if (job->number)
    sometimes("jobs come back with their file");
  job->number = number;
  job->is_there = true;
  job->from_us = first_us;
  if (job->rule.kind == RULE_EVENT)
    causes_begin_guest(life);
}

void guest_look(struct life *life)
{
  for (int i = 0; i < GUESTS; i++) {
    struct booked *job = &life->guests[i];
    int64_t number = client_number(life, job->id);
    if (job->is_there && number != job->number) {
      job->is_there = false;
      witness_gone(life->witness, job->id, job->number, sim_now_us(life->sim));
      check_gone(life, job);
    }
    if (!job->is_there && number)
      meet(life, job, number);
  }
}

static void check_none_ended(struct life *life)
{
  static const char sql[] = "SELECT scheduled_us FROM runs WHERE error LIKE '%script%' UNION ALL"
                            " SELECT scheduled_us FROM attempts WHERE error LIKE '%script%'";
  int64_t us = book_query(life_db(life), sql, 0, 0, 0);
  if (us)
    blame("a run of %lld has ended for want of its script", (long long)us);
}

void guest_check(struct life *life)
{
  guest_look(life);
  for (int i = 0; i < GUESTS; i++)
    if (life->guests[i].is_there)
      book_check_job(life_db(life), &life->guests[i]);
}

void guest_check_all_done(struct life *life)
{
  struct guest *guest = life->guest;
  guest_check(life);
  for (int i = 0; i < GUESTS; i++) {
    const struct booked *job = &life->guests[i];
    int64_t cursor_us;
    if (job->is_there && !guest->source)
      blame("%s: its file was removed, and it is there", job->id);
    if (!job->is_there && is_good(guest))
      blame("%s: its file is there, and it is not", job->id);
    if (job->is_there && client_cursor(life, job, &cursor_us))
      book_check_dues(life_db(life), job, cursor_us);
  }
  check_none_ended(life);
  guest->may_go = !guest->source;
  guest->may_come = is_good(guest);
}
