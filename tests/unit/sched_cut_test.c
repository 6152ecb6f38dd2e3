/* How much of the logs of a job is kept: the oldest go, in pieces, the runs stay; what has been
 * written is known after a crash too. */
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "support/scratch.h"
#include "support/world.h"

enum { LINE_BYTES = 60000, LINES = 20 };

/* As a world keeps; see world.c. */
enum { LOGS_KEPT = 8 << 20, PER_RUN = LINE_BYTES * LINES, RUNS_KEPT = LOGS_KEPT / PER_RUN };

static const char source[] = "{\"jobs\":[{\"id\":\"t\",\"run\":true,\"trigger\":\"every 1m\"}]}";

static void write_log(struct world *w, int lines)
{
  const struct message *run = w->runs.first;
  for (int i = 0; i < lines; i++) {
    struct message *m = message_create(MESSAGE_LOG, run->to, ADDRESS_SCHEDULER);
    m->as.log.attempt = run->as.run.attempt;
    m->as.log.text = memory_printf("%0*d", LINE_BYTES, i);
    world_tell(w, m);
  }
}

static void run_once(struct world *w)
{
  world_pass(w, MINUTE);
  write_log(w, LINES);
  world_finish_all(w);
}

static struct job_progress progress_of(struct world *w)
{
  struct stored_job stored = {0};
  assert_int_equal(store_find_job(w->store, "t", &stored, NULL), ERROR_OK);
  struct job_progress progress = stored.progress;
  stored_job_deinit(&stored);
  return progress;
}

static bool is_there(struct world *w, int minute)
{
  char *params = memory_printf("{\"run\":\"t@2026-01-01T00:%02d:00Z\",\"limit\":1}", minute);
  char *answer = world_ask(w, "logs", params);
  bool is_removed = strstr(answer, "\"removed\":true") != NULL;
  assert_int_equal(is_removed, strstr(answer, "\"lines\":[]") != NULL);
  free(answer);
  free(params);
  return !is_removed;
}

static void the_oldest_logs_go(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", source);
  for (int i = 0; i < 3 * RUNS_KEPT; i++)
    run_once(&w);
  world_keep_house(&w);
  int kept = (int)(progress_of(&w).log_bytes / PER_RUN);
  assert_in_range(kept, RUNS_KEPT, RUNS_KEPT + 1); /* one is let be, as it is little */
  assert_int_equal(progress_of(&w).log_bytes, (int64_t)kept * PER_RUN);
  assert_int_equal(world_history(&w, "t", "succeeded"), 3 * RUNS_KEPT);
  for (int minute = 1; minute <= 3 * RUNS_KEPT; minute++)
    assert_int_equal(is_there(&w, minute), minute > 3 * RUNS_KEPT - kept);
  world_close(&w);
}

static void the_newest_stays_however_long(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", source);
  run_once(&w);
  world_pass(&w, MINUTE);
  write_log(&w, LOGS_KEPT / LINE_BYTES * 2);
  world_finish_all(&w);
  world_keep_house(&w);
  assert_false(is_there(&w, 1));
  assert_true(is_there(&w, 2));
  world_close(&w);
}

static void a_crash_changes_nothing(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, scratch_path("store.db"));
  world_save(&w, "a", source);
  run_once(&w);
  world_pass(&w, MINUTE);
  write_log(&w, LINES);
  world_crash(&w);
  assert_int_equal(progress_of(&w).log_bytes, PER_RUN);
  world_save(&w, "a", source);
  write_log(&w, LINES); /* the run that was cut off, once more */
  world_finish_all(&w);
  assert_int_equal(progress_of(&w).log_bytes, 3 * PER_RUN);
  world_close(&w);
}

/* They cannot be cut, which must not be tried for ever. */
static void many_open_runs_stay(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a",
             "{\"jobs\":[{\"id\":\"t\",\"run\":true,\"overlap\":\"allow\","
             "\"trigger\":\"every 1s\"}]}");
  for (int i = 0; i < 1200; i++)
    world_pass(&w, SECOND);
  w.now_us += MINUTE;
  world_keep_house(&w);
  assert_in_range(progress_of(&w).runs_kept, 1200, 1202);
  world_close(&w);
}

static void emit(struct world *w, int times)
{
  for (int i = 0; i < times; i++) {
    free(world_ask(w, "emit", "{\"event\":\"e\"}"));
    world_finish_all(w);
  }
}

/* What a rate has counted is known although more is cut, in memory and after a crash. */
static void what_a_rate_counts_is_kept(void **state)
{
  static const char jobs[] = "{\"jobs\":[{\"id\":\"t\",\"run\":true,\"trigger\":\"on_event e\","
                             "\"overlap\":\"allow\",\"rate\":\"1150/2h\"}]}";
  (void)state;
  for (int is_crashed = 0; is_crashed < 2; is_crashed++) {
    struct world w;
    world_open(&w, is_crashed ? scratch_path("store.db") : NULL);
    world_save(&w, "a", jobs);
    emit(&w, 1150);
    world_pass(&w, MINUTE);
    world_keep_house(&w); /* folds, and cuts */
    if (is_crashed) {
      world_crash(&w);
      world_save(&w, "a", jobs);
    }
    for (int i = 0; i < 50; i++)
      free(world_ask(&w, "emit", "{\"event\":\"e\"}"));
    assert_int_equal(world_run_count(&w), 0);
    world_pass(&w, 2 * HOUR);
    assert_int_equal(world_run_count(&w), 50);
    world_finish_all(&w);
    world_close(&w);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_oldest_logs_go),         cmocka_unit_test(the_newest_stays_however_long),
      cmocka_unit_test(a_crash_changes_nothing),    cmocka_unit_test(many_open_runs_stay),
      cmocka_unit_test(what_a_rate_counts_is_kept),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
