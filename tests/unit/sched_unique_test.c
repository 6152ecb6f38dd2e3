/* Jobs of which one of each key is pending. */
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "support/world.h"

#define EXISTING "\"existing\":true"

static struct world open_world(void)
{
  struct world w;
  world_open(&w, NULL);
  world_save(&w, "a", "{\"functions\":[\"f\",\"g\"]}");
  return w;
}

static bool answer_has(struct world *w, const char *spec, const char *part)
{
  char *text = world_ask(w, "add_job", spec);
  if (strncmp(text, "error", 5) == 0 && strncmp(part, "error", 5) != 0)
    fail_msg("%s", text);
  bool has = strstr(text, part) != NULL;
  free(text);
  return has;
}

static int count_jobs(struct world *w)
{
  char *text = world_ask(w, "list", "{\"limit\":1000}");
  struct json_document *document;
  assert_int_equal(json_parse(text, strlen(text), &document, NULL), ERROR_OK);
  int count = (int)json_get(json_root(document), "jobs")->count;
  json_free(document);
  free(text);
  return count;
}

static void the_same_call_is_added_once(void **state)
{
  struct world w = open_world();
  (void)state;
  assert_false(answer_has(
      &w, "{\"func\":\"a.f\",\"args\":[{\"a\":1,\"b\":2}],\"trigger\":\"in 1h\",\"unique\":true}",
      EXISTING));
  assert_true(answer_has(
      &w, "{\"func\":\"a.f\",\"args\":[{\"b\":2,\"a\":1}],\"trigger\":\"in 2h\",\"unique\":true}",
      EXISTING));
  assert_int_equal(count_jobs(&w), 1);
  static const char *const others[] = {
      "{\"func\":\"a.f\",\"args\":[{\"a\":1,\"b\":3}],\"trigger\":\"in 1h\",\"unique\":true}",
      "{\"func\":\"a.f\",\"trigger\":\"in 1h\",\"unique\":true}",
      "{\"func\":\"a.g\",\"args\":[{\"a\":1,\"b\":2}],\"trigger\":\"in 1h\",\"unique\":true}",
      "{\"id\":\"c\",\"run\":{\"argv\":[\"ls\"]},\"trigger\":\"in 1h\",\"unique\":true}",
      "{\"id\":\"d\",\"run\":{\"argv\":[\"ls\",\"-l\"]},\"trigger\":\"in 1h\",\"unique\":true}",
  };
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
    assert_false(answer_has(&w, others[i], EXISTING));
  assert_int_equal(count_jobs(&w), 6);
  assert_true(answer_has(
      &w, "{\"id\":\"e\",\"run\":{\"argv\":[\"ls\"]},\"trigger\":\"in 1h\",\"unique\":true}",
      "\"id\":\"c\""));
  world_close(&w);
}

static void a_claimed_one_is_not_pending(void **state)
{
  static const char spec[] = "{\"func\":\"a.f\",\"trigger\":\"in 1h\",\"unique\":true}";
  struct world w = open_world();
  (void)state;
  assert_false(answer_has(&w, spec, EXISTING));
  world_pass(&w, 59 * MINUTE);
  assert_true(answer_has(&w, spec, EXISTING));
  world_pass(&w, MINUTE);
  assert_int_equal(world_run_count(&w), 1); /* it runs, and does not see what comes now */
  assert_false(answer_has(&w, spec, EXISTING));
  assert_true(answer_has(&w, spec, EXISTING));
  world_finish_all(&w);
  world_close(&w);
}

static void a_recurring_one_is_pending_until_it_is_removed(void **state)
{
  static const char spec[] =
      "{\"id\":\"x\",\"func\":\"a.f\",\"trigger\":\"every 1h\",\"unique\":{\"key\":\"k\"}}";
  static const char other[] =
      "{\"id\":\"y\",\"func\":\"a.f\",\"trigger\":\"every 1h\",\"unique\":{\"key\":\"k\"}}";
  struct world w = open_world();
  (void)state;
  assert_false(answer_has(&w, spec, EXISTING));
  world_live(&w, 3 * HOUR);
  assert_true(answer_has(&w, other, EXISTING));
  free(world_ask(&w, "remove_job", "{\"job\":\"x\"}"));
  assert_false(answer_has(&w, other, EXISTING));
  world_close(&w);
}

static void the_key_is_filled_in(void **state)
{
  struct world w = open_world();
  (void)state;
#define ORDER(id, args)                                                                            \
  "{\"id\":\"" id "\",\"func\":\"a.f\",\"args\":" args                                             \
  ",\"trigger\":\"in 1h\",\"unique\":{\"key\":\"order-{1}\"}}"
  assert_false(answer_has(&w, ORDER("x", "[42,\"a\"]"), EXISTING));
  assert_true(answer_has(&w, ORDER("y", "[42,\"b\"]"), EXISTING));
  assert_false(answer_has(&w, ORDER("z", "[43,\"b\"]"), EXISTING));
  assert_true(answer_has(&w, ORDER("u", "[]"), "error: invalid: job \"u\": unique: key"));
  assert_int_equal(count_jobs(&w), 2);
  world_close(&w);
}

static void the_period_ends_it(void **state)
{
  static const char spec[] = "{\"func\":\"a.f\",\"trigger\":\"in 1d\",\"unique\":{\"key\":\"k\","
                             "\"period\":\"10m\"}}";
  struct world w = open_world();
  (void)state;
  assert_false(answer_has(&w, spec, EXISTING));
  world_pass(&w, 10 * MINUTE - 1);
  assert_true(answer_has(&w, spec, EXISTING));
  world_pass(&w, 1);
  assert_false(answer_has(&w, spec, EXISTING));
  assert_true(answer_has(&w, spec, EXISTING));
  assert_int_equal(count_jobs(&w), 2);
  world_close(&w);
}

static void replace_takes_the_place(void **state)
{
  struct world w = open_world();
  (void)state;
#define REPLACE(id, args)                                                                          \
  "{" id "\"func\":\"a.f\",\"args\":" args ",\"trigger\":\"in 1h\",\"unique\":{\"key\":\"k\","     \
  "\"on_conflict\":\"replace\"}}"
  assert_false(answer_has(&w, REPLACE("\"id\":\"x\",", "[1]"), EXISTING));
  world_pass(&w, 30 * MINUTE);
  assert_false(answer_has(&w, REPLACE("\"id\":\"y\",", "[2]"), EXISTING));
  world_expect(&w, "show", "{\"job\":\"x\"}", "error", "error: not_found: there is no job \"x\"");
  assert_false(answer_has(&w, REPLACE("", "[3]"), EXISTING)); /* keeps the id */
  world_expect(&w, "show", "{\"job\":\"y\"}", "args", "[3]");
  world_expect(&w, "show", "{\"job\":\"y\"}", "next_run_at", "2026-01-01T01:30:00.000000Z");
  assert_int_equal(count_jobs(&w), 1);
  /* Nothing is removed for one that cannot be added. */
  free(world_ask(&w, "add_job", "{\"id\":\"z\",\"func\":\"a.f\",\"trigger\":\"in 1h\"}"));
  assert_true(answer_has(&w, REPLACE("\"id\":\"z\",", "[4]"), "error: exists"));
  assert_true(answer_has(&w,
                         "{\"id\":\"v\",\"func\":\"a.f\",\"trigger\":\"cron 0 0 30 2 *\","
                         "\"unique\":{\"key\":\"k\",\"on_conflict\":\"replace\"}}",
                         "error: invalid"));
  assert_int_equal(count_jobs(&w), 2);
  world_pass(&w, HOUR);
  assert_int_equal(world_run_count(&w), 2);
  world_finish_all(&w);
  world_close(&w);
}

static void extend_moves_the_pending_one(void **state)
{
  static const char spec[] = "{\"func\":\"a.f\",\"args\":[1],\"trigger\":\"in 10m\",\"unique\":{"
                             "\"key\":\"k\",\"period\":\"1h\",\"on_conflict\":\"extend\"}}";
  struct world w = open_world();
  (void)state;
  assert_false(answer_has(&w, spec, EXISTING));
  for (int i = 0; i < 6; i++) {
    world_pass(&w, 9 * MINUTE);
    assert_true(answer_has(&w, spec, EXISTING));
  }
  assert_int_equal(world_run_count(&w), 0);
  assert_int_equal(count_jobs(&w), 1);
  world_pass(&w, 10 * MINUTE);
  assert_int_equal(world_run_count(&w), 1);
  assert_true(answer_has(&w,
                         "{\"func\":\"a.f\",\"unique\":{\"key\":\"k\",\"on_conflict\":"
                         "\"extend\"}}",
                         "error: invalid: a job: unique.on_conflict"));
  world_finish_all(&w);
  world_close(&w);
}

static void many_at_once(void **state)
{
  struct world w = open_world();
  (void)state;
#define MANY(args, more)                                                                           \
  "{\"func\":\"a.f\",\"args\":" args ",\"trigger\":\"in 1h\",\"unique\":true}" more
  world_expect(&w, "add_jobs",
               "{\"jobs\":[" MANY("[1]", ",") MANY("[2]", ",") MANY("[1]", ",") MANY("[1]", "]}"),
               "added", "2");
  world_expect(&w, "add_jobs", "{\"jobs\":[" MANY("[2]", ",") MANY("[3]", "]}"), "existing", "1");
  assert_int_equal(count_jobs(&w), 3);
  /* One that is wrong: nothing is added, and what was there before stays. */
  char *text = world_ask(&w, "add_jobs",
                         "{\"jobs\":[" MANY("[2]", ",") MANY("[4]", ",") "{\"func\":\"a.h\"}]}");
  assert_non_null(strstr(text, "job 3 of 3: job \"a.h\""));
  free(text);
  assert_int_equal(count_jobs(&w), 3);
  free(world_ask(&w, "add_job", "{\"id\":\"x\",\"func\":\"a.f\"}"));
  text = world_ask(&w, "add_jobs",
                   "{\"jobs\":[{\"id\":\"x\",\"func\":\"a.g\",\"replace_existing\":true},"
                   "{\"id\":\"y\",\"func\":\"a.h\"}]}");
  assert_non_null(strstr(text, "job 2 of 2"));
  free(text);
  assert_int_equal(count_jobs(&w), 4);
  world_expect(&w, "show", "{\"job\":\"x\"}", "func", "f");
  world_close(&w);
}

/* Whatever it is that is wrong, and whatever was changed before it. */
static void many_are_all_added_or_none(void **state)
{
#define TAKES(id, key, conflict)                                                                   \
  "{\"id\":\"" id "\",\"func\":\"a.g\",\"trigger\":\"in 2h\",\"unique\":{\"key\":\"" key           \
  "\",\"on_conflict\":\"" conflict "\"}}"
#define PLAIN(id, more) "{\"id\":\"" id "\",\"func\":\"a.g\",\"trigger\":\"in 2h\"" more "}"
  static const char *const lists[] = {
      TAKES("x", "k", "replace") "," PLAIN("n", "") "," PLAIN("n", ""),
      TAKES("n", "k", "replace") "," PLAIN("m", "") "," PLAIN("n", ""),
      TAKES("n", "k", "extend") "," PLAIN("n", "") "," PLAIN("n", ""),
      TAKES("n", "free", "skip") "," PLAIN("m", "") "," PLAIN("m", ""),
      PLAIN("y", ",\"replace_existing\":true") "," PLAIN("n", "") "," PLAIN("n", ""),
      PLAIN("y", ",\"replace_existing\":true") "," TAKES("n", "l", "skip") "," TAKES("n", "o",
                                                                                     "skip"),
      PLAIN("z", "") "," PLAIN("n", "") "," PLAIN("z", ""),
      PLAIN("n", "") "," PLAIN("m", "") "," PLAIN("n", ""),
      TAKES("n", "k", "replace") "," PLAIN("m", "") "," PLAIN("m", ",\"pool\":\"none\""),
  };
  (void)state;
  for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
    struct world w = open_world();
    free(world_ask(&w, "add_job", "{\"id\":\"z\",\"func\":\"a.f\",\"trigger\":\"in 1s\"}"));
    world_pass(&w, SECOND);
    world_finish_all(&w);
    free(world_ask(&w, "add_job",
                   "{\"id\":\"x\",\"func\":\"a.f\",\"trigger\":\"in 1h\",\"unique\":{\"key\":"
                   "\"k\"}}"));
    free(world_ask(&w, "add_job", "{\"id\":\"y\",\"func\":\"a.f\",\"trigger\":\"in 1h\"}"));
    char *before = world_ask(&w, "list", "{}"),
         *params = memory_printf("{\"jobs\":[%s]}", lists[i]);
    char *answer = world_ask(&w, "add_jobs", params);
    if (strncmp(answer, "error", 5) != 0 || !strstr(answer, "job 3 of 3: "))
      fail_msg("%s: %s", params, answer);
    free(answer);
    free(params);
    char *after = world_ask(&w, "list", "{}");
    assert_string_equal(after, before);
    free(before);
    free(after);
    assert_true(answer_has(&w, TAKES("v", "k", "skip"), "\"id\":\"x\""));
    assert_false(answer_has(&w, TAKES("v", "free", "skip"), EXISTING));
    world_pass(&w, HOUR);
    assert_int_equal(world_run_count(&w), 2);
    world_finish_all(&w);
    world_close(&w);
  }
}

static struct message *request(const char *operation, const char *params, uint64_t client)
{
  struct message *m = message_create(MESSAGE_REQUEST, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  m->tag = client;
  m->as.request.op = memory_strdup(operation);
  m->as.request.params = memory_strdup(params);
  m->as.request.client = client;
  return m;
}

/* Each is answered once, and in its order, those behind a refused one in the turns that follow. */
static void a_refusal_leaves_the_others_of_its_turn(void **state)
{
  static const char wrong[] = "{\"jobs\":[" PLAIN("x", ",\"replace_existing\":true") "," PLAIN(
      "n", "") "," PLAIN("n", "") "]}";
  struct world w = open_world();
  struct message_list in = {0}, out = {0};
  struct buffer answers = {0};
  (void)state;
  free(world_ask(&w, "add_job", "{\"id\":\"x\",\"func\":\"a.f\",\"trigger\":\"in 1h\"}"));
  message_list_append(&in, request("add_job", PLAIN("a", ""), 1));
  message_list_append(&in, request("add_jobs", wrong, 2));
  message_list_append(&in, request("add_job", PLAIN("n", ""), 3));
  message_list_append(&in, request("add_jobs", wrong, 4));
  message_list_append(&in, request("run_now", "{\"job\":\"a\"}", 5));
  do {
    assert_int_equal(sched_turn(w.sched, w.now_us, &in, &out, NULL), ERROR_OK);
    for (struct message *m; (m = message_list_pop(&out));) {
      if (m->kind == MESSAGE_REPLY)
        buffer_printf(&answers, "%d%s ", (int)m->tag, m->as.reply.code ? " refused" : "");
      message_list_append(m->kind == MESSAGE_RUN ? &w.runs : &w.others, m);
    }
  } while (sched_wake_us(w.sched, w.now_us) <= w.now_us);
  assert_string_equal(answers.data, "1 2 refused 3 4 refused 5 ");
  buffer_deinit(&answers);
  assert_int_equal(world_run_count(&w), 1);
  world_finish_all(&w);
  assert_int_equal(count_jobs(&w), 3);
  world_expect(&w, "show", "{\"job\":\"x\"}", "func", "f");
  world_close(&w);
}

static void a_change_takes_the_key_along(void **state)
{
  struct world w = open_world();
  (void)state;
  assert_false(answer_has(&w, ORDER("x", "[1]"), EXISTING));
  assert_false(answer_has(&w, ORDER("y", "[2]"), EXISTING));
  char *text = world_ask(&w, "modify_job", "{\"job\":\"x\",\"changes\":{\"args\":[2]}}");
  assert_string_equal(text, "error: exists: job \"x\": job \"y\" has the same unique key");
  free(text);
  world_expect(&w, "modify_job", "{\"job\":\"x\",\"changes\":{\"args\":[3]}}", "args", "[3]");
  assert_false(answer_has(&w, ORDER("u", "[1]"), EXISTING));
  assert_true(answer_has(&w, ORDER("v", "[3]"), "\"id\":\"x\""));
  world_expect(&w, "modify_job", "{\"job\":\"x\",\"changes\":{\"unique\":null}}", "unique", "null");
  assert_false(answer_has(&w, ORDER("v", "[3]"), EXISTING));
  world_close(&w);
}

/* Who has lost the key to a later one, its period being over, can be changed all the same, and does
 * not take it back by that. */
static void a_change_leaves_a_key_that_was_taken_over(void **state)
{
#define PERIOD(id)                                                                                 \
  "{\"id\":\"" id "\",\"func\":\"a.f\",\"trigger\":\"in 1d\",\"unique\":{\"key\":\"k\","           \
  "\"period\":\"10m\"}}"
  struct world w = open_world();
  (void)state;
  assert_false(answer_has(&w, PERIOD("x"), EXISTING));
  world_pass(&w, 11 * MINUTE);
  assert_false(answer_has(&w, PERIOD("y"), EXISTING));
  world_expect(&w, "modify_job", "{\"job\":\"x\",\"changes\":{\"tags\":[\"t\"]}}", "id", "x");
  world_expect(&w, "reschedule_job", "{\"job\":\"x\",\"trigger\":\"in 2d\"}", "id", "x");
  assert_true(answer_has(&w, PERIOD("z"), "\"id\":\"y\""));
  /* One that is over is pending again by a new trigger, which the key forbids. */
  world_expect(&w, "modify_job",
               "{\"job\":\"y\",\"changes\":{\"trigger\":\"in 1h\",\"unique\":{\"key\":\"k\"}}}",
               "id", "y");
  world_pass(&w, HOUR);
  world_finish_all(&w);
  assert_false(answer_has(&w, PERIOD("z"), EXISTING));
  char *text = world_ask(&w, "reschedule_job", "{\"job\":\"y\",\"trigger\":\"in 1h\"}");
  assert_string_equal(text, "error: exists: job \"y\": job \"z\" has the same unique key");
  free(text);
  world_close(&w);
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_same_call_is_added_once),
      cmocka_unit_test(a_claimed_one_is_not_pending),
      cmocka_unit_test(a_recurring_one_is_pending_until_it_is_removed),
      cmocka_unit_test(the_key_is_filled_in),
      cmocka_unit_test(the_period_ends_it),
      cmocka_unit_test(replace_takes_the_place),
      cmocka_unit_test(extend_moves_the_pending_one),
      cmocka_unit_test(many_at_once),
      cmocka_unit_test(many_are_all_added_or_none),
      cmocka_unit_test(a_refusal_leaves_the_others_of_its_turn),
      cmocka_unit_test(a_change_takes_the_key_along),
      cmocka_unit_test(a_change_leaves_a_key_that_was_taken_over),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
