/* A run's log as the scheduler keeps it. */
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sched/state.h"
#include "store/sqlite_store.h"
#include "support/scratch.h"
#include "support/world.h"

static const char script[] =
    "{\"jobs\":[{\"id\":\"talk\",\"run\":true,\"trigger\":\"0 1 * * *\"}]}";

#define TALK "{\"run\":\"talk\"}"

/* It is 01:00:00 and the job has been given to a worker. */
static void begin(struct world *w)
{
  world_open(w, scratch_path("store.db"));
  world_save(w, "a", script);
  world_pass(w, HOUR);
  assert_int_equal(world_run_count(w), 1);
}

static void say(struct world *w, const char *text)
{
  const struct message *run = w->runs.first;
  struct message *m = message_create(MESSAGE_LOG, run->to, ADDRESS_SCHEDULER);
  m->as.log.attempt = run->as.run.attempt;
  m->as.log.level = 1;
  m->as.log.at_us = w->now_us;
  m->as.log.text = memory_strdup(text);
  world_tell(w, m);
}

/* Each turn in which they do not go into the store is taken back, and with it what it counted. */
static void a_full_disk_loses_no_line(void **state)
{
  struct world w;
  (void)state;
  begin(&w);
  say(&w, "one");
  world_fill_disk(&w);
  char *large = memory_printf("%0200000d", 0);
  say(&w, large);
  say(&w, "three");
  for (int i = 0; i < 20; i++)
    world_pass(&w, SECOND);
  world_limit_pages(&w, 1 << 20);
  world_live(&w, 2 * SECOND);
  world_expect(&w, "logs", TALK, "next", "3");
  char *lines = world_ask(&w, "logs", TALK);
  assert_non_null(strstr(lines, "\"sequence\":2,"));
  assert_non_null(strstr(lines, "three"));
  free(lines);
  world_finish_all(&w);
  int64_t bytes = 0;
  struct error error;
  assert_int_equal(store_ask(w.store, "SELECT log_bytes FROM runs", &bytes, &error), ERROR_OK);
  assert_int_equal(bytes, strlen(large) + strlen("one") + strlen("three"));
  free(large);
  world_close(&w);
}

static size_t count_held(const struct world *w)
{
  size_t count = 0;
  for (const struct message *m = w->sched->held.first; m; m = m->next)
    count++;
  return count;
}

/* What a listener, a trigger or a load says goes to the daemon's own log: there is no store in it.
 */
static void what_is_no_runs_waits_for_no_room(void **state)
{
  struct world w;
  (void)state;
  begin(&w);
  world_fill_disk_for_good(&w);
  size_t held = count_held(&w);
  for (int i = 0; i < 10; i++) {
    struct message *m = message_create(MESSAGE_LOG, ADDRESS_WORKER, ADDRESS_SCHEDULER);
    m->as.log.script = memory_strdup("a");
    m->as.log.text = memory_strdup("heard of it");
    world_tell(&w, m);
    world_pass(&w, SECOND / 4);
  }
  assert_int_equal(count_held(&w), held);
  world_close(&w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_full_disk_loses_no_line),
      cmocka_unit_test(what_is_no_runs_waits_for_no_room),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
