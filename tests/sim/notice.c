#include "sim/notice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/sometimes.h"
#include "sim/life_internal.h"
#include "time/instant.h"

struct notice {
  char job[16];
  struct run_key key;
  int32_t attempt;
  enum run_told reason;
};

struct notices {
  struct notice *list; /* that were given, and nobody has heard of */
  size_t count, capacity;
};

struct notices *notices_create(void)
{
  return memory_alloc(sizeof(struct notices));
}

void notices_destroy(struct notices *notices)
{
  free(notices->list);
  free(notices);
}

void notice_given(struct life *life, const struct attempt *attempt, const char *job_id,
                  enum run_told reason)
{
  struct notices *notices = life->notices;
  if (notices->count == notices->capacity) {
    notices->capacity = notices->capacity ? notices->capacity * 2 : 64;
    notices->list = memory_resize(notices->list, notices->capacity * sizeof *notices->list);
  }
  struct notice *notice = &notices->list[notices->count++];
  *notice = (struct notice){.key = attempt->key, .attempt = attempt->number, .reason = reason};
  snprintf(notice->job, sizeof notice->job, "%s", job_id);
}

static void name_job(struct life *life, int64_t number, char name[16])
{
  sqlite3_stmt *row = book_ask(life_db(life), "SELECT id FROM jobs WHERE number = ?", number, 0);
  bool is_there = book_step(life_db(life), row);
  snprintf(name, 16, "%s", is_there ? (const char *)sqlite3_column_text(row, 0) : "");
  sqlite3_finalize(row);
}

/* A job that is gone is known to nobody by its number: it is left out here, and when its event
 * comes. */
void notice_sent(struct life *life, const struct message *cancel)
{
  char name[16];
  if (cancel->as.cancel.grace_us <= 0 || cancel->as.cancel.reason == TOLD_STOPPING)
    return;
  name_job(life, cancel->as.cancel.attempt.key.job, name);
  notice_given(life, &cancel->as.cancel.attempt, name, cancel->as.cancel.reason);
}

static bool is_of(const struct notice *notice, const char *job, int64_t scheduled_us,
                  int64_t attempt, const char *reason)
{
  return (!notice->job[0] || strcmp(notice->job, job) == 0) &&
         notice->key.scheduled_us == scheduled_us && notice->attempt == attempt &&
         strcmp(run_told_name(notice->reason), reason) == 0;
}

void notice_heard(struct life *life, const struct json *event)
{
  struct notices *notices = life->notices;
  const char *job = json_text(json_get(event, "job"), ""),
             *reason = json_text(json_get(event, "reason"), ""),
             *at = json_text(json_get(event, "scheduled_at"), "");
  int64_t attempt = json_integer(json_get(event, "attempt"), 0), scheduled_us;
  const struct zone *utc;
  if (zone_find("UTC", &utc, NULL) || instant_parse(at, utc, &scheduled_us, NULL))
    blame("%s is no instant", at);
  for (size_t i = 0; i < notices->count; i++) {
    if (!is_of(&notices->list[i], job, scheduled_us, attempt, reason))
      continue;
    if (strcmp(reason, "soft_timeout") == 0)
      sometimes("it is heard that a soft time-out is over");
    else
      sometimes("it is heard that a run was told to end");
    notices->list[i] = notices->list[--notices->count];
    return;
  }
  blame(
      "%s: it is heard that attempt %lld of its run of %s was told to end (%s), which it was not, "
      "or once",
      job, (long long)attempt, at, reason);
}

void notices_check(struct life *life)
{
  const struct notices *notices = life->notices;
  if (notices->count == 0)
    return;
  const struct notice *notice = &notices->list[0];
  char at[INSTANT_TEXT_SIZE];
  instant_format(at, notice->key.scheduled_us);
  blame("%s: attempt %d of its run of %s was told to end (%s), and nobody hears of it", notice->job,
        notice->attempt, at, run_told_name(notice->reason));
}

void notices_forget(struct life *life)
{
  life->notices->count = 0;
}
