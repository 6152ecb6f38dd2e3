/* Operations, whatever they do: asked for wrongly, and of several that are to say the same. */
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "store/sqlite_store.h"
#include "support/scratch.h"
#include "support/world.h"

static void a_text_holds_no_nul(void **state)
{
  static const struct {
    const char *operation, *params, *answer;
  } cases[] = {
      {"list", "{\"tag\":\"a\\u0000b\"}", "tag"},
      {"kv_get", "{\"key\":\"a\\u0000b\"}", "key"},
      {"emit", "{\"event\":\"a\\u0000\"}", "event"},
      {"set_pool", "{\"name\":\"\\u0000\",\"slots\":1}", "name"},
      {"remove_script", "{\"name\":\"a\\u0000\"}", "name"},
  };
  struct world w;
  (void)state;
  world_open(&w, NULL);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char wanted[100];
    snprintf(wanted, sizeof wanted, "error: usage: %s holds a NUL byte", cases[i].answer);
    char *answer = world_ask(&w, cases[i].operation, cases[i].params);
    if (strcmp(answer, wanted) != 0)
      fail_msg("%s %s: %s", cases[i].operation, cases[i].params, answer);
    free(answer);
  }
  world_close(&w);
}

/* What is of another type is not passed over as if it were not given: who lists one page after the
 * other would begin anew, and who asks for few would be told of all. */
static void no_value_is_one_of_another_type(void **state)
{
  static const char text[] = "a string", flag[] = "true or false",
                    number[] = "a whole number from 0";
  static const struct {
    const char *operation, *params, *name, *what;
  } cases[] = {
      {"list", "{\"after\":5}", "after", text},
      {"list", "{\"state\":[]}", "state", text},
      {"list", "{\"tag\":true}", "tag", text},
      {"list", "{\"script\":{}}", "script", text},
      {"runs", "{\"state\":5}", "state", text},
      {"runs", "{\"before\":5}", "before", text},
      {"kv_keys", "{\"prefix\":5}", "prefix", text},
      {"kv_keys", "{\"after\":5}", "after", text},
      {"kv_list", "{\"prefix\":5}", "prefix", text},
      {"kv_list", "{\"script\":5}", "script", text},
      {"kv_list", "{\"after\":5}", "after", text},
      {"kv_list", "{\"after\":\"x\",\"after_script\":5}", "after_script", text},
      {"pools", "{\"name\":5}", "name", text},
      {"cancel_run", "{\"run\":5}", "run", text},
      {"list", "{\"late\":1}", "late", flag},
      {"kv_set", "{\"key\":\"x\",\"value\":1,\"keep_ttl\":1}", "keep_ttl", flag},
      {"kv_list", "{\"shared\":\"yes\"}", "shared", flag},
      {"kv_get", "{\"key\":\"x\",\"shared\":\"yes\"}", "shared", flag},
      {"cancel_run", "{\"run\":\"a\",\"now\":\"yes\"}", "now", flag},
      {"skips", "{\"job\":\"j\",\"offset\":\"5\"}", "offset", number},
      {"skips", "{\"job\":\"j\",\"offset\":-5}", "offset", number},
      {"skips", "{\"job\":\"j\",\"offset\":0.5}", "offset", number},
      {"show_script", "{\"name\":\"a\",\"revision\":\"1\"}", "revision", number},
      {"rollback_script", "{\"name\":\"a\",\"revision\":\"1\"}", "revision", number},
  };
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", "{\"jobs\":[{\"id\":\"j\",\"run\":true}]}");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char wanted[100];
    snprintf(wanted, sizeof wanted, "error: usage: %s must be %s", cases[i].name, cases[i].what);
    char *answer = world_ask(&w, cases[i].operation, cases[i].params);
    if (strcmp(answer, wanted) != 0)
      fail_msg("%s %s: %s", cases[i].operation, cases[i].params, answer);
    free(answer);
  }
  world_expect(&w, "skips", "{\"job\":\"j\",\"offset\":0.0,\"limit\":6.0}", "skips", "[]");
  world_expect(&w, "set_pool", "{\"name\":\"p\",\"slots\":2.0}", "name", "p");
  free(world_ask(&w, "kv_set", "{\"key\":\"x\",\"value\":1}"));
  world_expect(&w, "kv_list", "{\"after\":null,\"script\":null,\"prefix\":null}", "entries",
               "[{\"script\":null,\"key\":\"x\",\"size\":1,\"value\":1}]");
  world_close(&w);
}

/* Sends it in the turn that is to come. */
static uint64_t put(struct world *w, struct message_list *in, const char *op, const char *params)
{
  struct message *m = message_create(MESSAGE_REQUEST, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  m->tag = ++w->last_tag;
  m->as.request.op = memory_strdup(op);
  m->as.request.params = memory_strdup(params);
  message_list_append(in, m);
  return m->tag;
}

static void expect_answer(struct message_list *out, uint64_t tag, const char *part)
{
  for (const struct message *m = out->first; m; m = m->next)
    if (m->kind == MESSAGE_REPLY && m->tag == tag && strstr(m->as.reply.text, part))
      return;
  fail_msg("no answer to %d with %s", (int)tag, part);
}

/* What is asked behind `op`, in the turn that does it. */
static void expect_counts(struct world *w, const char *op, const char *params, int pending,
                          int running)
{
  struct message_list in = {0}, out = {0};
  struct error error;
  char part[64];
  snprintf(part, sizeof part, "\"running\":%d,\"pending\":%d}", running, pending);
  put(w, &in, op, params);
  uint64_t pulse = put(w, &in, "pulse", "{}"), status = put(w, &in, "status", "{}");
  if (sched_turn(w->sched, w->now_us, &in, &out, &error) != ERROR_OK)
    fail_msg("%s", error.text);
  expect_answer(&out, pulse, part);
  snprintf(part, sizeof part, "\"runs\":{\"pending\":%d,\"running\":%d}", pending, running);
  expect_answer(&out, status, part);
  for (struct message *m; (m = message_list_pop(&out));)
    if (m->kind == MESSAGE_RUN)
      message_list_append(&w->runs, m);
    else
      message_destroy(m);
}

/* A run is open until it has ended, and running when it has begun, whoever asks. */
static void open_runs_are_counted_alike(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  free(world_ask(&w, "add_job",
                 "{\"id\":\"x\",\"run\":{\"shell\":\"true\"},\"retry\":{\"delay\":\"1h\"}}"));
  expect_counts(&w, "run_now", "{\"job\":\"x\"}", 1, 0);
  world_tell_started(&w);
  expect_counts(&w, "locks", "{}", 0, 1);
  world_finish(&w, RUN_FAILED, NULL, "no");
  expect_counts(&w, "locks", "{}", 1, 0);
  expect_counts(&w, "cancel_run", "{\"run\":\"x\"}", 0, 0);
  world_close(&w);
}

/* Asks page after page; how many there were, and how many runs were on them. */
static int count_pages(struct world *w, const char *params, int *found)
{
  char *before = NULL;
  int pages = 0;
  *found = 0;
  do {
    struct json_document *document;
    char *asked = before ? memory_printf("{%s,\"before\":\"%s\"}", params, before)
                         : memory_printf("{%s}", params);
    char *answer = world_ask(w, "runs", asked);
    assert_int_equal(json_parse(answer, strlen(answer), &document, NULL), ERROR_OK);
    *found += (int)json_get(json_root(document), "runs")->count;
    free(before);
    before = memory_strdup(json_text(json_get(json_root(document), "next"), NULL));
    json_free(document);
    free(answer);
    free(asked);
    pages++;
  } while (before);
  return pages;
}

/* No turn goes through all runs there are for the sake of a few. */
static void a_page_ends_when_much_was_looked_at(void **state)
{
  struct world w;
  int found;
  (void)state;
  world_open(&w, NULL);
  free(world_ask(&w, "add_job", "{\"id\":\"x\",\"run\":{\"shell\":\"true\"}}"));
  free(world_ask(&w, "run_now", "{\"job\":\"x\"}"));
  world_finish(&w, RUN_FAILED, NULL, "no");
  free(world_ask(&w, "add_job",
                 "{\"id\":\"y\",\"run\":{\"shell\":\"true\"},\"trigger\":\"every 1s\","
                 "\"coalesce\":\"all\",\"replay_limit\":12000,\"overlap\":\"allow\","
                 "\"max_instances\":12000}"));
  world_pass(&w, 11000 * SECOND);
  world_finish_all(&w);
  assert_in_range(count_pages(&w, "\"state\":\"failed\"", &found), 3, 4);
  assert_int_equal(found, 1);
  assert_in_range(count_pages(&w, "\"state\":\"failed\",\"job\":\"y\"", &found), 3, 4);
  assert_int_equal(found, 0);
  world_close(&w);
}

/* Those that a turn takes come at the same microsecond, and each is a run. */
static void as_many_run_at_once_as_are_asked_for(void **state)
{
  enum { RUNS = 3000 };
  struct world w;
  struct message_list in = {0};
  (void)state;
  world_open(&w, NULL);
  free(world_ask(&w, "add_job",
                 "{\"id\":\"x\",\"run\":{\"shell\":\"true\"},\"overlap\":\"allow\"}"));
  for (int i = 0; i < RUNS; i++) {
    struct message *m = message_create(MESSAGE_REQUEST, ADDRESS_FRONT, ADDRESS_SCHEDULER);
    m->as.request.op = memory_strdup("run_now");
    m->as.request.params = memory_strdup("{\"job\":\"x\"}");
    message_list_append(&in, m);
  }
  world_tell_all(&w, &in);
  for (const struct message *m = w.replies.first; m; m = m->next)
    if (m->as.reply.code)
      fail_msg("%s", m->as.reply.text);
  assert_int_equal(world_run_count(&w), RUNS);
  world_close(&w);
}

static void ask(struct message_list *in, uint64_t tag, const char *op, const char *params)
{
  struct message *m = message_create(MESSAGE_REQUEST, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  m->tag = tag;
  m->as.request.op = memory_strdup(op);
  m->as.request.params = memory_strdup(params);
  message_list_append(in, m);
}

static void count(void *context)
{
  ++*(int *)context;
}

/* That a turn is taken back for each is what it costs; that it is for all in one turn would cost
 * those before each of them once more, while nobody else is served. */
static void a_turn_is_taken_back_for_one_refusal(void **state)
{
  enum { REFUSED = 50 };
  struct message_list in = {0}, out = {0};
  struct world w;
  int undone = 0;
  (void)state;
  world_open(&w, NULL);
  free(world_ask(&w, "add_job",
                 "{\"id\":\"x\",\"run\":{\"shell\":\"true\"},\"overlap\":\"allow\"}"));
  for (int i = 0; i < REFUSED; i++) {
    ask(&in, 2 * (uint64_t)i + 1, "add_jobs",
        "{\"jobs\":[{\"id\":\"x\",\"run\":{\"shell\":\"false\"},\"replace_existing\":true},{}]}");
    ask(&in, 2 * (uint64_t)i + 2, "run_now", "{\"job\":\"x\"}");
  }
  sqlite3_rollback_hook(w.store->db, count, &undone);
  for (uint64_t tag = 1; tag <= 2 * REFUSED;) {
    undone = 0;
    assert_int_equal(sched_turn(w.sched, w.now_us, &in, &out, NULL), ERROR_OK);
    assert_in_range(undone, 0, 1);
    struct message *m;
    while ((m = message_list_pop(&out))) {
      if (m->kind == MESSAGE_REPLY) {
        assert_int_equal(m->tag, tag);
        assert_int_equal(m->as.reply.code, tag % 2 ? ERROR_INVALID : ERROR_OK);
        tag++;
      }
      message_destroy(m);
    }
    assert_true(tag > 2 * REFUSED || sched_wake_us(w.sched, w.now_us) <= w.now_us);
  }
  assert_int_equal(world_history(&w, "x", NULL), REFUSED);
  world_close(&w);
}

/* Nor for each who finds no room. */
static void one_who_finds_no_room_speaks_for_the_others(void **state)
{
  enum { REFUSED = 50 };
  struct message_list in = {0}, out = {0};
  struct world w;
  struct message *m;
  int undone = 0, answered = 0;
  (void)state;
  world_open(&w, scratch_path("store.db"));
  free(world_ask(&w, "add_job", "{\"id\":\"x\",\"run\":{\"shell\":\"true\"}}"));
  world_fill_disk(&w);
  for (int i = 0; i < REFUSED; i++) {
    char *params = memory_printf("{\"id\":\"%d\",\"run\":{\"shell\":\"%08000d\"}}", i, 0);
    ask(&in, 2 * (uint64_t)i + 1, "add_job", params);
    ask(&in, 2 * (uint64_t)i + 2, "show", "{\"job\":\"x\"}");
    free(params);
  }
  sqlite3_rollback_hook(w.store->db, count, &undone);
  assert_int_equal(sched_turn(w.sched, w.now_us, &in, &out, NULL), ERROR_OK);
  assert_in_range(undone, 1, 2);
  for (; (m = message_list_pop(&out)); message_destroy(m))
    if (m->kind == MESSAGE_REPLY) {
      assert_int_equal(m->as.reply.code, m->tag % 2 ? ERROR_FULL : ERROR_OK);
      answered++;
    }
  assert_int_equal(answered, 2 * REFUSED);
  world_close(&w);
}

/* Nobody hears of the first job, which was there for a moment. */
static void what_is_refused_has_never_been(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  char *before = world_ask(&w, "events", "{}");
  world_expect(&w, "add_jobs",
               "{\"jobs\":[{\"id\":\"a\",\"run\":{\"shell\":\"true\"},\"trigger\":\"every 1h\"},"
               "{\"id\":\"b\",\"run\":{\"shell\":\"true\"},\"trigger\":7}]}",
               "error",
               "error: invalid: job 2 of 2: job \"b\": trigger must be a trigger such as "
               "cron(\"0 9 * * *\") or its text, not an integer");
  char *after = world_ask(&w, "events", "{}");
  assert_string_equal(before, after);
  free(before);
  free(after);
  world_close(&w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_text_holds_no_nul),
      cmocka_unit_test(no_value_is_one_of_another_type),
      cmocka_unit_test(open_runs_are_counted_alike),
      cmocka_unit_test(a_page_ends_when_much_was_looked_at),
      cmocka_unit_test(as_many_run_at_once_as_are_asked_for),
      cmocka_unit_test(a_turn_is_taken_back_for_one_refusal),
      cmocka_unit_test(one_who_finds_no_room_speaks_for_the_others),
      cmocka_unit_test(what_is_refused_has_never_been),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
