/* Scripts that come, change, fail and go; crashes; a full disk. */
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sched/script.h"
#include "store/sqlite_store.h"
#include "support/scratch.h"
#include "support/world.h"

static const char two[] = "{\"jobs\":[{\"id\":\"x\",\"run\":true,\"trigger\":\"every 10m\"},"
                          "{\"id\":\"y\",\"run\":true,\"trigger\":\"every 10m\"}]}";

static void reload_keeps_what_is_unchanged(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", two);
  world_live(&w, 7 * MINUTE);
  world_save(&w, "a",
             "{\"jobs\":[{\"id\":\"x\",\"run\":true,\"trigger\":\"every 10m\",\"timeout\":5,"
             "\"where\":\"jobs/a.lua:9\"},"
             "{\"id\":\"z\",\"run\":true,\"trigger\":\"every 1h\"}]}");
  world_expect(&w, "show", "{\"job\":\"x\"}", "next_run_at", "2026-01-01T00:10:00.000000Z");
  world_expect(&w, "show", "{\"job\":\"x\"}", "timeout", "5s");
  world_expect(&w, "show", "{\"job\":\"y\"}", "error", "error: not_found: there is no job \"y\"");
  world_expect(&w, "show", "{\"job\":\"z\"}", "next_run_at", "2026-01-01T01:07:00.000000Z");
  world_close(&w);
}

static void a_broken_save_changes_nothing(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", two);
  world_save(&w, "a", "jobs/a.lua:3: unexpected symbol");
  world_expect(&w, "show", "{\"job\":\"y\"}", "state", "active");
  world_save(&w, "a", "{\"jobs\":[{\"id\":\"x\",\"run\":true,\"triger\":\"every 1s\"}]}");
  world_expect(&w, "show", "{\"job\":\"y\"}", "state", "active");
  char *text = world_ask(&w, "scripts", "{}");
  assert_non_null(strstr(text, "unknown option \\\"triger\\\", did you mean \\\"trigger\\\"?"));
  free(text);
  world_pass(&w, 10 * MINUTE);
  assert_int_equal(world_run_count(&w), 2);
  world_save(&w, "a", two);
  text = world_ask(&w, "scripts", "{}");
  assert_null(strstr(text, "triger"));
  free(text);
  world_close(&w);
}

/* What the turn has stored is in force, although a newer source came in the same turn. */
static void a_load_counts_that_is_overtaken_in_its_turn(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", "{\"jobs\":[{\"id\":\"x\",\"run\":true,\"trigger\":\"every 1h\"}]}");
  world_save_twice(&w, "a", two, "jobs/a.lua:3: unexpected symbol");
  world_expect(&w, "show", "{\"job\":\"y\"}", "state", "active");
  struct message *retire = world_take(&w, MESSAGE_RETIRE);
  assert_int_equal(retire->as.retire.generation, 1);
  message_destroy(retire);
  assert_null(world_take(&w, MESSAGE_RETIRE));
  world_pass(&w, 10 * MINUTE);
  assert_int_equal(world_run_count(&w), 2);
  assert_int_equal(w.runs.first->as.run.generation, 2);
  char *text = world_ask(&w, "scripts", "{}");
  assert_non_null(strstr(text, "unexpected symbol"));
  free(text);
  world_save_twice(&w, "a", "jobs/a.lua:4: unexpected symbol", two);
  text = world_ask(&w, "scripts", "{}");
  assert_null(strstr(text, "unexpected symbol"));
  free(text);
  world_close(&w);
}

static void an_id_moves_from_file_to_file(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", two);
  world_save(&w, "b", "{\"jobs\":[{\"id\":\"y\",\"run\":true,\"trigger\":\"every 10m\"}]}");
  char *text = world_ask(&w, "scripts", "{}");
  assert_non_null(strstr(text, "job \\\"y\\\" is already declared at a"));
  free(text);
  world_save(&w, "a", "{\"jobs\":[{\"id\":\"x\",\"run\":true,\"trigger\":\"every 10m\"}]}");
  world_expect(&w, "show", "{\"job\":\"y\"}", "script", "b");
  world_close(&w);
}

/* Files are read in no order that a person has chosen. */
static void what_another_script_declares_may_come_later(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a",
             "{\"jobs\":[{\"id\":\"p\",\"run\":true,\"pool\":\"slow\"},"
             "{\"id\":\"q\",\"run\":true,\"pool\":\"fast\"}]}");
  world_expect(&w, "show", "{\"job\":\"p\"}", "error",
               "error: not_found: there is no job \"p\" (script a does not load)");
  int loads = w.loads;
  world_save(&w, "b", two);
  assert_int_equal(w.loads, loads + 1); /* for which nothing is tried again */
  world_save(&w, "c", "{\"pools\":{\"slow\":1}}");
  assert_int_equal(w.loads, loads + 3);
  free(world_ask(&w, "set_pool", "{\"name\":\"fast\",\"slots\":2}"));
  world_settle(&w);
  world_expect(&w, "show", "{\"job\":\"p\"}", "state", "active");
  world_expect(&w, "show", "{\"job\":\"q\"}", "state", "active");
  loads = w.loads;
  free(world_ask(&w, "set_pool", "{\"name\":\"fast\",\"slots\":3}"));
  world_settle(&w);
  assert_int_equal(w.loads, loads);
  world_close(&w);
}

static void a_run_of_a_removed_job_can_be_cancelled(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", two);
  world_pass(&w, 10 * MINUTE);
  world_save(&w, "a", NULL);
  message_list_deinit(&w.others);
  world_expect(&w, "cancel_run", "{\"run\":\"x\"}", "state", "cancelling");
  world_expect(&w, "cancel_run", "{\"run\":\"y@2026-01-01T00:10:00Z\"}", "run",
               "y@2026-01-01T00:10:00Z");
  struct message *told = world_take(&w, MESSAGE_CANCEL), *other = world_take(&w, MESSAGE_CANCEL);
  assert_int_equal(told->as.cancel.reason, TOLD_CANCELLED);
  assert_int_equal(told->as.cancel.grace_us, 10 * SECOND);
  message_destroy(told);
  message_destroy(other);
  for (int i = 0; i < 2; i++) /* who insists is heard once */
    world_expect(&w, "cancel_run", "{\"run\":\"x\",\"now\":true}", "state", "cancelling");
  told = world_take(&w, MESSAGE_CANCEL);
  assert_int_equal(told->as.cancel.grace_us, 0);
  message_destroy(told);
  assert_null(world_take(&w, MESSAGE_CANCEL));
  world_finish_all(&w);
  world_expect(&w, "cancel_run", "{\"run\":\"x\"}", "error",
               "error: not_found: there is no job or run \"x\"");
  world_close(&w);
}

static void a_script_that_goes_takes_its_jobs(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", two);
  world_pass(&w, 10 * MINUTE);
  assert_int_equal(world_run_count(&w), 2);
  world_save(&w, "a", NULL);
  world_expect(&w, "list", "{}", "jobs", "[]");
  world_finish_all(&w); /* runs in progress end in peace */
  world_close(&w);
}

static void a_script_may_go_before_it_is_loaded(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save_briefly(&w, "a", two);
  world_expect(&w, "list", "{}", "jobs", "[]");
  world_save(&w, "a", two);
  world_pass(&w, 10 * MINUTE);
  assert_int_equal(world_run_count(&w), 2);
  world_finish_all(&w);
  world_close(&w);
}

static void a_removed_job_is_not_retried(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a",
             "{\"jobs\":[{\"id\":\"x\",\"run\":true,\"trigger\":\"every 10m\",\"retry\":5}]}");
  world_pass(&w, 10 * MINUTE);
  assert_int_equal(world_run_count(&w), 1);
  world_finish(&w, RUN_FAILED, NULL, "no");
  world_expect(&w, "status", "{}", "runs.pending", "1");
  world_save(&w, "a", NULL);
  world_expect(&w, "status", "{}", "runs.pending", "0");
  world_pass(&w, HOUR);
  assert_int_equal(world_run_count(&w), 0);
  world_close(&w);
}

static void cut_off_runs_run_again_or_not(void **state)
{
  struct world w;
  (void)state;
  const char *script =
      "{\"jobs\":[{\"id\":\"again\",\"run\":true,\"trigger\":\"every 1h\"},"
      "{\"id\":\"once\",\"run\":true,\"trigger\":\"every 1h\",\"delivery\":\"at_most_once\"}]}";
  world_open(&w, scratch_path("store.db"));
  world_save(&w, "a", script);
  world_pass(&w, HOUR);
  assert_int_equal(world_run_count(&w), 2);
  w.now_us += SECOND;
  world_crash(&w);
  world_save(&w, "a", script);
  assert_int_equal(world_run_count(&w), 1);
  assert_string_equal(w.runs.first->as.run.job_id, "again");
  assert_int_equal(w.runs.first->as.run.attempt.number, 2);
  world_finish_all(&w);
  world_expect(&w, "run", "{\"run\":\"again\"}", "state", "succeeded");
  world_expect(&w, "run", "{\"run\":\"once\"}", "state", "interrupted");
  world_expect(&w, "show", "{\"job\":\"once\"}", "next_run_at", "2026-01-01T02:00:00.000000Z");
  world_close(&w);
}

/* A job that goes while its progress is not yet written leaves housekeeping nothing to do for ever.
 */
static void housekeeping_comes_to_rest(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", two);
  world_pass(&w, 10 * MINUTE);
  world_save(&w, "a", NULL);
  world_finish_all(&w);
  w.now_us += MINUTE;
  for (int i = 0; sched_idle(w.sched, w.now_us) >= 0; i++)
    assert_true(i < 100);
  world_close(&w);
}

static void many_runs_that_last_are_marked_in_steps(void **state)
{
  struct world w;
  struct buffer specs = {0};
  (void)state;
  world_open(&w, NULL);
  buffer_append_text(&specs, "{\"jobs\":[");
  for (int i = 0; i < 10000; i++)
    buffer_printf(&specs, "%s{\"id\":\"o%d\",\"run\":{\"shell\":\"true\"},\"trigger\":\"in 1m\"}",
                  i ? "," : "", i);
  buffer_append_text(&specs, "]}");
  world_expect(&w, "add_jobs", specs.data, "added", "10000");
  buffer_deinit(&specs);
  world_pass(&w, MINUTE);
  world_pass(&w, 6 * SECOND);
  world_keep_house(&w); /* their jobs' progress is written */
  w.now_us += 6 * SECOND;
  assert_true(world_keep_house(&w) >= 4);
  w.now_us += 6 * SECOND;
  assert_true(world_keep_house(&w) < 4);
  world_close(&w);
}

/* A run that outlives the watermark, and one that a stop cuts off, are both found by the next
 * start. */
static void open_runs_are_found_by_the_next_start(void **state)
{
  struct world w;
  (void)state;
  const char *script = "{\"jobs\":[{\"id\":\"long\",\"run\":true,\"trigger\":\"in 1s\"},"
                       "{\"id\":\"t\",\"run\":true,\"trigger\":\"every 1m\"}]}";
  world_open(&w, scratch_path("store.db"));
  world_save(&w, "a", script);
  world_pass(&w, SECOND);
  struct message *long_run = message_list_pop(&w.runs); /* never finished by the test */
  assert_string_equal(long_run->as.run.job_id, "long");
  for (int i = 0; i < 10; i++) {
    world_live(&w, MINUTE);
    world_finish_all(&w);
    sched_idle(w.sched, w.now_us + 10 * SECOND);
  }
  world_crash(&w);
  world_save(&w, "a", script);
  assert_int_equal(world_run_count(&w), 1);
  assert_int_equal(w.runs.first->as.run.attempt.number, 2);

  /* The stop cuts it off once more. */
  struct message_list in = {0};
  struct message *run = message_list_pop(&w.runs);
  struct message *stop = message_create(MESSAGE_STOP, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  struct message *finish = message_create(MESSAGE_FINISHED, run->to, ADDRESS_SCHEDULER);
  finish->as.finished.attempt = run->as.run.attempt;
  finish->as.finished.state = RUN_INTERRUPTED;
  message_list_append(&in, stop);
  message_list_append(&in, finish);
  struct message_list out = {0};
  assert_int_equal(sched_turn(w.sched, w.now_us, &in, &out, NULL), ERROR_OK);
  assert_true(sched_stopped(w.sched));
  message_list_deinit(&out);
  message_destroy(run);
  message_destroy(long_run);
  world_crash(&w);
  world_save(&w, "a", script);
  assert_int_equal(world_run_count(&w), 1);
  assert_int_equal(w.runs.first->as.run.attempt.number, 3);
  world_finish_all(&w);
  world_expect(&w, "run", "{\"run\":\"long\"}", "state", "succeeded");
  world_close(&w);
}

/* What claims moved and nobody has written yet is found again, whether or not a part was written.
 */
static void progress_follows_the_claims(void **state)
{
  struct world w;
  (void)state;
  const char *script = "{\"jobs\":[{\"id\":\"t\",\"run\":true,\"trigger\":\"every 1s\"},"
                       "{\"id\":\"o\",\"run\":true,\"trigger\":\"in 2s\"}],\"functions\":[\"f\"]}";
  world_open(&w, scratch_path("store.db"));
  world_save(&w, "a", script);
  for (int round = 1; round <= 5; round++) {
    for (int i = 0; i < 4; i++) {
      world_live(&w, SECOND);
      world_finish_all(&w);
    }
    if (round % 2 == 0) { /* some of it is written */
      w.now_us += 500000;
      sched_idle(w.sched, w.now_us + 10 * SECOND);
      world_live(&w, 500000);
      world_finish_all(&w);
    }
    world_expect(&w, "status", "{}", "jobs.finished", "1");
    world_crash(&w);
    world_save(&w, "a", script);
    world_finish_all(&w);
  }
  world_live(&w, 0);
  world_finish_all(&w);
  assert_int_equal(world_history(&w, "t", "succeeded"), 22);
  assert_int_equal(world_skipped(&w, "t", "misfire"), 0);
  assert_int_equal(world_history(&w, "o", NULL), 1);
  world_expect(&w, "show", "{\"job\":\"t\"}", "next_run_at", "2026-01-01T00:00:23.000000Z");
  world_expect(&w, "show", "{\"job\":\"o\"}", "state", "finished");
  world_close(&w);
}

static void an_old_version_stays_over_a_restart(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, scratch_path("store.db"));
  world_save(&w, "a", two);
  world_crash(&w);
  world_save(&w, "a", "jobs/a.lua:1: syntax error");
  world_pass(&w, 10 * MINUTE);
  assert_int_equal(world_run_count(&w), 2);
  world_finish_all(&w);
  world_close(&w);
}

static void a_script_that_never_loaded_breaks_its_jobs_only(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", "{\"jobs\":[],\"functions\":[\"f\"]}");
  world_expect(&w, "add_job", "{\"id\":\"j\",\"func\":\"a.g\",\"trigger\":\"in 1h\"}", "error",
               "error: not_found: job \"j\": script a has no function \"g\"");
  free(world_ask(&w, "add_job", "{\"id\":\"j\",\"func\":\"a.f\",\"trigger\":\"in 1h\"}"));
  world_save(&w, "a", NULL);
  world_pass(&w, HOUR);
  world_expect(&w, "show", "{\"job\":\"j\"}", "state", "error");
  world_expect(&w, "show", "{\"job\":\"j\"}", "error", "there is no script \"a\"");
  world_save(&w, "a", "{\"jobs\":[],\"functions\":[\"f\"]}");
  assert_int_equal(world_run_count(&w), 1);
  world_close(&w);
}

/* Both in one turn. */
static void who_is_paused_stays_so_when_its_script_has_come(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", "{\"jobs\":[],\"functions\":[\"f\"]}");
  free(world_ask(&w, "add_job", "{\"id\":\"j\",\"func\":\"a.f\",\"trigger\":\"every 1m\"}"));
  world_save(&w, "a", NULL);
  world_pass(&w, HOUR);
  world_expect(&w, "show", "{\"job\":\"j\"}", "state", "error");
  struct message *pause = message_create(MESSAGE_REQUEST, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  pause->as.request.op = memory_strdup("pause_job");
  pause->as.request.params = memory_strdup("{\"job\":\"j\"}");
  world_save_meanwhile(&w, "a", "{\"jobs\":[],\"functions\":[\"f\"]}", pause);
  world_expect(&w, "show", "{\"job\":\"j\"}", "state", "paused");
  world_close(&w);
}

/* What was claimed and has not begun waits as its job does. */
static void a_run_waits_for_its_script(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, scratch_path("store.db"));
  world_save(&w, "a", "{\"jobs\":[],\"functions\":[\"f\"]}");
  free(world_ask(&w, "add_job",
                 "{\"id\":\"j\",\"func\":\"a.f\",\"trigger\":\"in 1s\","
                 "\"retry\":{\"attempts\":3,\"delay\":\"5s\"}}"));
  world_pass(&w, SECOND);
  world_finish(&w, RUN_FAILED, NULL, "not this time");
  world_save(&w, "a", NULL);
  world_pass(&w, MINUTE);
  assert_int_equal(world_run_count(&w), 0);
  world_expect(&w, "show", "{\"job\":\"j\"}", "state", "error");
  world_expect(&w, "show", "{\"job\":\"j\"}", "error", "there is no script \"a\"");
  char *shown = world_ask(&w, "run", "{\"run\":\"j\"}"), *id = strstr(shown, "j@");
  assert_non_null(id);
  *strchr(id, '"') = '\0';
  char *params = memory_printf("{\"job\":\"%s\"}", id), *why = world_ask(&w, "why", params);
  assert_non_null(strstr(why, "there is no script"));
  free(shown);
  free(params);
  free(why);
  world_save(&w, "a", "{\"jobs\":[],\"functions\":[\"f\"]}");
  assert_int_equal(world_run_count(&w), 1);
  world_crash(&w); /* it is cut off, and its script is gone when the daemon is there again */
  world_save(&w, "a", NULL);
  world_pass(&w, MINUTE);
  assert_int_equal(world_run_count(&w), 0);
  world_save(&w, "a", "{\"jobs\":[],\"functions\":[\"f\"]}");
  assert_int_equal(world_run_count(&w), 1);
  world_finish(&w, RUN_SUCCEEDED, NULL, NULL);
  world_expect(&w, "show", "{\"job\":\"j\"}", "state", "finished");
  world_close(&w);
}

static struct message *request_too_large(void)
{
  struct buffer specs = {0};
  buffer_append_text(&specs, "{\"jobs\":[");
  for (int i = 0; i < 3000; i++)
    buffer_printf(&specs, "%s{\"id\":\"o%d\",\"func\":\"a.f\",\"trigger\":\"in 1h\"}", i ? "," : "",
                  i);
  buffer_append_text(&specs, "]}");
  struct message *add = message_create(MESSAGE_REQUEST, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  add->as.request.op = strdup("add_jobs");
  add->as.request.params = buffer_take(&specs);
  return add;
}

/* A turn that finds no room, with a message besides what is too large. */
static void turn_without_room(struct world *w, struct message *message)
{
  struct message_list in = {0}, out = {0};
  message_list_append(&in, message);
  message_list_append(&in, request_too_large());
  assert_int_equal(sched_turn(w->sched, w->now_us, &in, &out, NULL), ERROR_OK);
  struct message *reply = message_list_pop(&out);
  assert_int_equal(reply->kind, MESSAGE_REPLY);
  assert_int_equal(reply->as.reply.code, ERROR_FULL);
  message_destroy(reply);
  assert_null(message_list_pop(&out));
}

static void a_full_disk_delays_a_removal(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, scratch_path("store.db"));
  world_save(&w, "a", "{\"jobs\":[],\"functions\":[\"f\"]}");
  world_save(&w, "b", two);
  world_limit_pages(&w, 1);
  struct message *gone = message_create(MESSAGE_SOURCE, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  gone->as.source.script = strdup("b");
  turn_without_room(&w, gone);
  world_limit_pages(&w, 1000000);
  world_pass(&w, 2 * SECOND);
  world_expect(&w, "list", "{}", "jobs", "[]");
  struct message *retire = world_take(&w, MESSAGE_RETIRE);
  assert_non_null(retire);
  message_destroy(retire);
  world_close(&w);
}

static void a_full_disk_is_waited_for(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, scratch_path("store.db"));
  world_save(&w, "a",
             "{\"jobs\":[{\"id\":\"t\",\"run\":true,\"trigger\":\"every 1s\"}],"
             "\"functions\":[\"f\"]}");
  world_pass(&w, SECOND);
  world_limit_pages(&w, 1);
  /* A finish comes with what does not fit: it must not be lost. */
  struct message *run = message_list_pop(&w.runs);
  struct message *finish = message_create(MESSAGE_FINISHED, run->to, ADDRESS_SCHEDULER);
  finish->as.finished.attempt = run->as.run.attempt;
  finish->as.finished.state = RUN_SUCCEEDED;
  message_destroy(run);
  turn_without_room(&w, finish);
  world_limit_pages(&w, 1000000);
  world_pass(&w, 2 * SECOND);
  assert_int_equal(world_history(&w, "t", "succeeded"), 1);
  assert_int_equal(world_run_count(&w), 1);
  world_expect(&w, "status", "{}", "jobs.active", "1");
  world_close(&w);
}

static void append_request(struct message_list *in, uint64_t tag, const char *operation,
                           const char *params)
{
  struct message *m = message_create(MESSAGE_REQUEST, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  m->tag = tag;
  m->as.request.op = strdup(operation);
  m->as.request.params = strdup(params);
  message_list_append(in, m);
}

static int count_answers(const struct world *w, uint64_t tag)
{
  int count = 0;
  for (const struct message *m = w->replies.first; m; m = m->next)
    count += m->tag == tag;
  return count;
}

/* After it has changed something. */
#define REFUSED                                                                                    \
  "{\"jobs\":[{\"id\":\"j\",\"replace_existing\":true,\"run\":{\"shell\":\"false\"}},"             \
  "{\"id\":\"k\",\"func\":\"none.f\"}]}"

/* A turn with one that is refused after it has changed something is done once more without it. */
static void turn_twice(struct world *w, const char *operation, const char *params)
{
  struct message_list in = {0};
  world_expect(w, "add_job", "{\"id\":\"j\",\"run\":{\"shell\":\"true\"}}", "id", "j");
  append_request(&in, 101, operation, params);
  append_request(&in, 102, "add_jobs", REFUSED);
  world_tell_all(w, &in);
  char *reply = world_answer(w, 102);
  assert_memory_equal(reply, "error: not_found", 16);
  free(reply);
}

/* The turn that is done once more without it finds no room. */
static void who_is_refused_waits_for_no_room(void **state)
{
  struct world w;
  struct message_list in = {0}, out = {0};
  (void)state;
  world_open(&w, scratch_path("store.db"));
  world_save(&w, "a", "{\"jobs\":[],\"functions\":[\"f\"]}");
  world_expect(&w, "add_job", "{\"id\":\"j\",\"run\":{\"shell\":\"true\"}}", "id", "j");
  world_limit_pages(&w, 1);
  append_request(&in, 102, "add_jobs", REFUSED);
  message_list_append(&in, request_too_large());
  assert_int_equal(sched_turn(w.sched, w.now_us, &in, &out, NULL), ERROR_OK);
  struct message *reply = message_list_pop(&out);
  assert_int_equal(reply->tag, 102);
  assert_int_equal(reply->as.reply.code, ERROR_NOT_FOUND);
  message_destroy(reply);
  assert_int_equal(sched_turn(w.sched, w.now_us, &in, &out, NULL), ERROR_OK);
  reply = message_list_pop(&out);
  assert_int_equal(reply->as.reply.code, ERROR_FULL);
  message_destroy(reply);
  assert_null(out.first);
  world_close(&w);
}

static void who_adds_a_script_is_answered_once(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  turn_twice(&w, "add_script", "{\"name\":\"n\",\"source\":\"{}\"}");
  assert_int_equal(count_answers(&w, 101), 1);
  world_close(&w);
}

static void a_reload_is_kept_once(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  turn_twice(&w, "reload", "{}");
  struct message *rescan = world_take(&w, MESSAGE_RESCAN);
  assert_null(world_take(&w, MESSAGE_RESCAN));
  struct message *scanned = message_create(MESSAGE_SCANNED, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  scanned->tag = rescan->tag;
  message_destroy(rescan);
  assert_int_equal(count_answers(&w, 101), 0);
  world_tell(&w, scanned);
  assert_int_equal(count_answers(&w, 101), 1);
  assert_null(w.sched->script_waits);
  world_close(&w);
}

/* What a start has to say is said, whatever becomes of the first turn. */
static void a_first_turn_that_is_taken_back_loads_scripts(void **state)
{
  (void)state;
  for (int is_full = 0; is_full < 2; is_full++) {
    struct world w;
    world_open(&w, scratch_path("store.db"));
    free(world_ask(&w, "add_script", "{\"name\":\"n\",\"source\":\"{}\"}"));
    free(world_ask(&w, "add_job", "{\"id\":\"o\",\"run\":{\"shell\":\"true\"}}"));
    world_crash(&w);
    int loads = w.loads;
    if (is_full)
      world_fill_disk(&w);
    else
      free(world_ask(&w, "add_jobs",
                     "{\"jobs\":[{\"id\":\"o\",\"run\":{\"shell\":\"false\"},"
                     "\"replace_existing\":true},{\"id\":\"wrong\"}]}"));
    world_limit_pages(&w, 1 << 20);
    world_pass(&w, 2 * SECOND);
    assert_int_equal(w.loads, loads + 1);
    assert_int_equal(script_find(w.sched, "n")->loading, 0);
    world_close(&w);
  }
}

static void lock_store(void *other)
{
  sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL);
}

/* The disk is full, and somebody else has the store when those who ask are answered one by one. */
static void add_in_vain(struct world *w, const char *name)
{
  sqlite3 *other;
  struct message_list in = {0};
  char *params = memory_printf("{\"name\":\"%s\",\"source\":\"no {}\"}", name);
  assert_int_equal(sqlite3_open(w->path, &other), SQLITE_OK);
  sqlite3_busy_timeout(w->store->db, 0);
  sqlite3_rollback_hook(w->store->db, lock_store, other);
  world_limit_pages(w, 1);
  append_request(&in, 101, "add_script", params);
  message_list_append(&in, request_too_large());
  world_tell_all(w, &in);
  char *reply = world_answer(w, 101);
  assert_memory_equal(reply, "error: busy", 11);
  sqlite3_rollback_hook(w->store->db, NULL, NULL);
  sqlite3_close(other);
  world_limit_pages(w, 1 << 20);
  world_pass(w, 2 * SECOND);
  free(reply);
  free(params);
}

static void a_script_that_is_refused_is_not_loading(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, scratch_path("store.db"));
  world_save(&w, "a", "{\"jobs\":[],\"functions\":[\"f\"]}");
  add_in_vain(&w, "n");
  assert_null(script_find(w.sched, "n"));
  free(world_ask(&w, "add_script", "{\"name\":\"n\",\"source\":\"{}\"}"));
  add_in_vain(&w, "n");
  const struct script_entry *script = script_find(w.sched, "n");
  assert_int_equal(script->loading, 0);
  assert_string_equal(script->source, "{}");
  assert_string_equal(script->version, script->script.version);
  world_close(&w);
}

static void a_file_that_cannot_be_read_falls_back_in_a_turn_done_twice(void **state)
{
  struct world w;
  struct message_list in = {0};
  (void)state;
  world_open(&w, scratch_path("store.db"));
  world_save(&w, "a", two);
  world_expect(&w, "add_job", "{\"id\":\"j\",\"run\":{\"shell\":\"true\"}}", "id", "j");
  world_crash(&w);
  struct message *m = message_create(MESSAGE_SOURCE, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  m->as.source.script = memory_strdup("a");
  m->as.source.path = memory_strdup("jobs/a.lua");
  m->as.source.problem = memory_strdup("jobs/a.lua cannot be read");
  message_list_append(&in, m);
  message_list_append(&in, message_create(MESSAGE_SCANNED, ADDRESS_FRONT, ADDRESS_SCHEDULER));
  append_request(&in, 102, "add_jobs",
                 "{\"jobs\":[{\"id\":\"j\",\"replace_existing\":true,"
                 "\"run\":{\"shell\":\"false\"}},{\"id\":\"k\"}]}");
  world_tell_all(&w, &in);
  world_expect(&w, "show", "{\"job\":\"x\"}", "state", "active");
  assert_int_equal(script_find(w.sched, "a")->loading, 0);
  assert_int_not_equal(script_find(w.sched, "a")->generation, 0);
  world_close(&w);
}

/* Jobs whose script is being loaded wait in the store. */
static void who_waits_for_a_load_is_not_kept_in_memory(void **state)
{
  enum { JOBS = 10000 };
  struct world w;
  struct buffer specs = {0};
  (void)state;
  world_open(&w, scratch_path("store.db"));
  world_save(&w, "a", "{\"jobs\":[],\"functions\":[\"f\"]}");
  buffer_append_text(&specs, "{\"jobs\":[");
  for (int i = 0; i < JOBS; i++)
    buffer_printf(&specs, "%s{\"id\":\"o%d\",\"func\":\"a.f\",\"trigger\":\"in 1h\"}", i ? "," : "",
                  i);
  buffer_append_text(&specs, "]}");
  world_expect(&w, "add_jobs", specs.data, "added", "10000");
  buffer_deinit(&specs);
  w.now_us += 2 * HOUR;
  world_crash(&w);
  world_settle(&w);
  assert_true(HASH_COUNT(w.sched->entries) < JOBS / 2);
  world_save(&w, "a", "{\"jobs\":[],\"functions\":[\"f\"]}");
  assert_int_equal(world_run_count(&w), JOBS);
  world_close(&w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reload_keeps_what_is_unchanged),
      cmocka_unit_test(a_broken_save_changes_nothing),
      cmocka_unit_test(a_load_counts_that_is_overtaken_in_its_turn),
      cmocka_unit_test(an_id_moves_from_file_to_file),
      cmocka_unit_test(what_another_script_declares_may_come_later),
      cmocka_unit_test(a_run_of_a_removed_job_can_be_cancelled),
      cmocka_unit_test(a_script_that_goes_takes_its_jobs),
      cmocka_unit_test(a_script_may_go_before_it_is_loaded),
      cmocka_unit_test(a_removed_job_is_not_retried),
      cmocka_unit_test(cut_off_runs_run_again_or_not),
      cmocka_unit_test(housekeeping_comes_to_rest),
      cmocka_unit_test(many_runs_that_last_are_marked_in_steps),
      cmocka_unit_test(open_runs_are_found_by_the_next_start),
      cmocka_unit_test(progress_follows_the_claims),
      cmocka_unit_test(an_old_version_stays_over_a_restart),
      cmocka_unit_test(a_script_that_never_loaded_breaks_its_jobs_only),
      cmocka_unit_test(who_is_paused_stays_so_when_its_script_has_come),
      cmocka_unit_test(a_run_waits_for_its_script),
      cmocka_unit_test(who_waits_for_a_load_is_not_kept_in_memory),
      cmocka_unit_test(a_full_disk_delays_a_removal),
      cmocka_unit_test(a_full_disk_is_waited_for),
      cmocka_unit_test(who_is_refused_waits_for_no_room),
      cmocka_unit_test(who_adds_a_script_is_answered_once),
      cmocka_unit_test(a_reload_is_kept_once),
      cmocka_unit_test(a_script_that_is_refused_is_not_loading),
      cmocka_unit_test(a_first_turn_that_is_taken_back_loads_scripts),
      cmocka_unit_test(a_file_that_cannot_be_read_falls_back_in_a_turn_done_twice),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
