/* What happens next, drawn: time passes, somebody asks for something, or something goes wrong. */
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/sometimes.h"
#include "sim/life_internal.h"

static void mend(void *context, struct sim *sim)
{
  struct life *life = context;
  disk_trouble(life->disk, 0);
  disk_slow(life->disk, 0);
  life->is_slow = life->is_unreadable = false;
  life->well_us = life_steady_us(life);
  if (life->trouble_us)
    witness_fault(life->witness, "disk", life->trouble_us, sim_now_us(sim));
  life->trouble_us = 0;
}

/* Until somebody mends it. */
static void note_trouble(struct life *life)
{
  life->report->faults++;
  if (!life->trouble_us)
    life->trouble_us = sim_now_us(life->sim);
}

static void break_disk(struct life *life)
{
  static const int kinds[] = {DISK_IS_FULL,      DISK_IS_FULL,     DISK_HAS_QUOTA,
                              DISK_FAILS_WRITES, DISK_FAILS_SYNCS, DISK_FAILS_READS};
  note_trouble(life);
  if (life->is_stopping)
    sometimes("the disk has trouble while the daemon stops");
  int kind = kinds[draw_below(&life->draw, 6)];
  life->was_broken = true;
  life_say(life, "the disk has trouble %d", kind);
  life->is_unreadable = kind == DISK_FAILS_READS;
  disk_trouble(life->disk, kind);
  sim_call_later(life->sim, draw_size(&life->draw, 100000) * 1000, mend, life);
  if (draw_chance(&life->draw, 40))
    guest_change(life, false);
}

static void slow_disk(struct life *life)
{
  note_trouble(life);
  sometimes("the disk is slow");
  life->is_slow = true;
  disk_slow(life->disk, draw_size(&life->draw, 2000) * 1000);
  sim_call_later(life->sim, draw_below(&life->draw, 2 * MINUTE), mend, life);
}

static void note_shown(struct life *life)
{
  int64_t now_us = sim_now_us(life->sim);
  for (int i = 0; i < JOBS; i++)
    if (life->jobs[i].shown_us < now_us)
      life->jobs[i].shown_us = now_us;
}

static void set_clock_by(struct life *life, int64_t step_us)
{
  life->report->faults++;
  life_say(life, "the clock is set by %lld us", (long long)step_us);
  witness_clock(life->witness, step_us, sim_now_us(life->sim));
  note_shown(life);
  zones_clock_set(life, step_us);
  life->clock_us += step_us;
  if (step_us > 0)
    life->forward_us += step_us;
  else
    life->set_back_us = life_steady_us(life);
  sim_set_clock(life->sim, step_us);
  guest_clock_set(life, step_us);
}

static void set_clock(struct life *life)
{
  int64_t step_us = draw_size(&life->draw, 100 * 1000 * 1000) * 1000;
  if (draw_chance(&life->draw, 50)) {
    if (draw_chance(&life->draw, 40)) /* not far: what has just run may be due again */
      step_us = draw_below(&life->draw, MINUTE);
    step_us = -step_us;
    sometimes("the clock is set back");
  } else {
    sometimes("the clock is set forward");
  }
  set_clock_by(life, step_us);
  if (step_us < 0 && draw_chance(&life->draw, 75))
    client_change_some(life);
}

/* And somebody sets the clock meanwhile: that can be heard, and not be stored. */
static void break_disk_and_time(struct life *life)
{
  break_disk(life);
  if (draw_chance(&life->draw, 25) && life_go_on(life, draw_below(&life->draw, SECOND)) &&
      !life->is_unreadable)
    set_clock_by(life, draw_below(&life->draw, 2 * HOUR) - HOUR);
}

/* What is drawn next may meet it while runs end. */
static void stop(struct life *life)
{
  int64_t grace_us = draw_chance(&life->draw, 25) ? 0 : draw_below(&life->draw, 20 * SECOND);
  if (life->is_stopping)
    sometimes("a daemon that stops is told so once more");
  if (life->trouble_us)
    sometimes("a daemon is told to stop while its disk has trouble");
  life_stop(life, grace_us);
  if (draw_chance(&life->draw, 50))
    life_go_on(life, draw_below(&life->draw, grace_us + SECOND));
}

static void die(struct life *life)
{
  if (life->is_stopping)
    sometimes("a daemon dies while it stops");
  switch (draw_below(&life->draw, 4)) {
  case 0:
    life_say(life, "the daemon is killed");
    life_recover(life);
    break;
  case 1:
    life->lose_after = (int)draw_below(&life->draw, 20);
    break;
  default:
    sometimes("the disk dies in the middle");
    disk_die_after(life->disk, draw_below(&life->draw, 40));
    break;
  }
}

/* An update of the system, of which the daemon hears; and it may not survive that. */
static void update_zones(struct life *life)
{
  if (life->trouble_us || life->is_stopping || !zones_shift(life))
    return;
  int kind = (int)draw_below(&life->draw, 10);
  if (kind < 3)
    die(life);
  else if (kind < 5)
    break_disk(life);
  if (life_go_on(life, SECOND))
    zones_meet(life);
}

static void reload(struct life *life)
{
  switch (draw_below(&life->draw, 4)) {
  case 0:
    sometimes("a script is broken");
    life_say(life, "the script is broken");
    life_save(life, memory_strdup("syntax error"));
    break;
  case 1:
    life_say(life, "the script is changed");
    life_save(life, client_source(life));
    break;
  case 2:
    update_zones(life);
    return;
  default:
    life_save(life, memory_strdup(life->source));
    break;
  }
  life_go_on(life, 0);
}

static void check_dues(struct life *life)
{
  if (life->is_unreadable)
    return;
  zones_meet(life);
  for (int i = 0; i < JOBS; i++) {
    const struct booked *job = &life->jobs[i];
    int64_t cursor_us;
    if (job->is_there && !job->is_paused && !zones_is_pending(life, job) &&
        client_cursor(life, job, &cursor_us))
      book_check_dues(life_db(life), job, cursor_us);
  }
  client_check(life);
  /* Time enough for a script that takes long to load. */
  if (!life->trouble_us && !life->is_stopping && life_go_on(life, 7 * SECOND))
    guest_check_all_done(life);
}

void fate_step(struct life *life)
{
  int kind = (int)draw_below(&life->draw, 100);
  if (kind < 35)
    life_go_on(life, draw_below(&life->draw, 3 * SECOND));
  else if (kind < 37)
    stop(life);
  else if (kind < 40)
    guest_change(life, false);
  else if (kind < 50)
    life_go_on(life, draw_below(&life->draw, 2 * MINUTE));
  else if (kind < 52)
    life_go_on(life, draw_below(&life->draw, 20 * MINUTE));
  else if (kind < 70)
    client_act(life);
  else if (kind < 75)
    causes_tell(life);
  else if (kind < 80)
    worker_haunt(life);
  else if (kind < 84)
    reload(life);
  else if (kind < 87)
    sim_leap(life->sim, draw_size(&life->draw, 100 * 1000) * SECOND);
  else if (kind < 90)
    set_clock(life);
  else if (kind < 93)
    break_disk_and_time(life);
  else if (kind < 95)
    slow_disk(life);
  else if (kind < 99)
    die(life);
  else
    check_dues(life);
}

/* What waits in the store is of a time to come, and nobody is to wait for that. */
static void begin_in_the_past(struct life *life)
{
  causes_tell(life);
  if (!life_go_on(life, SECOND / 10))
    return;
  set_clock_by(life, -draw_below(&life->draw, 12 * HOUR));
  life_recover(life);
}

static void cancel_open(struct life *life)
{
  sqlite3_stmt *row;
  struct buffer ids = {0};
  sqlite3_prepare_v2(life_db(life),
                     "SELECT j.id, r.scheduled_us FROM runs r JOIN jobs j ON j.number = r.job"
                     " WHERE r.state < 2",
                     -1, &row, NULL);
  while (sqlite3_step(row) == SQLITE_ROW) {
    run_format_id(&ids, (const char *)sqlite3_column_text(row, 0), sqlite3_column_int64(row, 1));
    buffer_append_byte(&ids, '\n');
  }
  sqlite3_finalize(row);
  const char *id = ids.data;
  for (size_t i = 0; i < ids.size; i++) {
    if (ids.data[i] != '\n')
      continue;
    ids.data[i] = '\0';
    char *params = memory_printf("{\"run\":\"%s\",\"now\":true}", id);
    client_ask(life, "cancel_run", params, NULL);
    free(params);
    id = ids.data + i + 1;
  }
  buffer_deinit(&ids);
}

static bool is_settled(struct life *life)
{
  int64_t now_us = sim_now_us(life->sim), cursor_us;
  if (book_query(life_db(life), "SELECT count(*) FROM runs WHERE state < 2", 0, 0, 0))
    return false;
  for (int i = 0; i < JOBS; i++)
    if (life->jobs[i].is_there &&
        (!client_cursor(life, &life->jobs[i], &cursor_us) || cursor_us <= now_us))
      return false;
  return true;
}

/* A moment at which nothing is open and nothing due; jobs with a rate may leave none. */
static void settle(struct life *life)
{
  for (int i = 0; i < 200; i++) {
    if (is_settled(life)) {
      witness_settled(life->witness, sim_now_us(life->sim));
      return;
    }
    life_go_on(life, SECOND / 10);
  }
}

void fate_calm_down(struct life *life)
{
  life_say(life, "calm");
  life->is_calm = true;
  life->lose_after = -1;
  disk_die_after(life->disk, -1);
  mend(life, life->sim);
  if (disk_is_dead(life->disk))
    life_recover(life);
  while (life->is_stopping)
    life_go_on(life, SECOND);
  if (draw_chance(&life->draw, 30))
    begin_in_the_past(life);
  life_save(life, client_source(life));
  guest_stay(life);
  life_go_on(life, 2 * SECOND);
  /* Runs of jobs that are gone have no name to cancel them by. */
  if (book_query(life_db(life),
                 "SELECT count(*) FROM runs WHERE state < 2 AND job NOT IN "
                 "(SELECT number FROM jobs)",
                 0, 0, 0))
    life_recover(life);
  life_go_on(life, 2 * SECOND);
  cancel_open(life);
  client_resume_all(life);
  for (int i = 0; i < 60; i++)
    life_go_on(life, 5 * SECOND);
  zones_meet(life);
  zones_check_all_met(life);
  for (int i = 0; i < JOBS; i++) {
    const struct booked *job = &life->jobs[i];
    int64_t cursor_us;
    if (!job->is_there)
      continue;
    if (!client_cursor(life, job, &cursor_us))
      blame("%s: nobody answers", job->id);
    if (cursor_us < sim_now_us(life->sim) - 90 * SECOND) {
      char *why = NULL, *params = memory_printf("{\"job\":\"%s\"}", job->id);
      client_ask(life, "why", params, &why);
      blame("%s: waits for ever, with %s since %lld s: %s", job->id, job->options,
            (long long)((sim_now_us(life->sim) - cursor_us) / SECOND), why);
    }
    life->report->dues += book_check_dues(life_db(life), job, cursor_us);
    life->report->skips +=
        book_query(life_db(life), "SELECT sum(count) FROM skips WHERE job = ?", job->number, 0, 0);
  }
  client_check(life);
  guest_check_all_done(life);
  causes_check_all_done(life);
  tide_check_all_done(life);
  ears_check_all_done(life->ears);
  settle(life);
}
