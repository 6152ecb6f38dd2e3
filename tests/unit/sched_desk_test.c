/* Clients' requests are answered in fair order, and a turn stays short whatever is asked. */
#include "support/unit.h"

#include "support/world.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { JOBS = 400 };

static struct world world;

static int set_up(void **state)
{
  (void)state;
  world_open(&world, NULL);
  world_save(
      &world, "s",
      "{\"jobs\":[{\"id\":\"due\",\"run\":true,\"trigger\":\"every 1s\"}],\"functions\":[\"f\"]}");
  for (int i = 0; i < JOBS; i++) {
    char *params = memory_printf("{\"id\":\"job-%03d\",\"func\":\"s.f\",\"args\":[\"%0500d\"],"
                                 "\"trigger\":{\"kind\":\"date\",\"at\":\"2030-01-01T00:00:00Z\"}}",
                                 i, i);
    char *answer = world_ask(&world, "add_job", params);
    if (strncmp(answer, "error", 5) == 0)
      fail_msg("%s", answer);
    free(answer);
    free(params);
  }
  return 0;
}

static int tear_down(void **state)
{
  (void)state;
  world_close(&world);
  return 0;
}

static void ask(struct message_list *in, uint64_t client, uint64_t tag, const char *op,
                const char *params)
{
  struct message *m = message_create(MESSAGE_REQUEST, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  m->tag = tag;
  m->as.request.client = client;
  m->as.request.op = memory_strdup(op);
  m->as.request.params = memory_strdup(params);
  message_list_append(in, m);
}

static struct message_list turn(struct message_list *in)
{
  struct message_list out = {0};
  struct error error;
  if (sched_turn(world.sched, world.now_us, in, &out, &error) != ERROR_OK)
    fail_msg("%s", error.text);
  return out;
}

static int count_kind(const struct message_list *list, enum message_kind kind)
{
  int count = 0;
  for (const struct message *m = list->first; m; m = m->next)
    count += m->kind == kind;
  return count;
}

/* Each such list is larger than a turn's share. */
static void a_turn_answers_its_share(void **state)
{
  (void)state;
  struct message_list in = {0};
  for (uint64_t i = 1; i <= 20; i++)
    ask(&in, i, i, "list", "{\"limit\":1000}");
  world.now_us += SECOND;
  struct message_list out = turn(&in);
  assert_int_equal(count_kind(&out, MESSAGE_REPLY), 1);
  assert_int_equal(count_kind(&out, MESSAGE_RUN), 1); /* nobody's list keeps a job from its time */
  message_list_deinit(&out);
  int answered = 1;
  while (sched_wake_us(world.sched, world.now_us) <= world.now_us) {
    out = turn(&in);
    answered += count_kind(&out, MESSAGE_REPLY);
    message_list_deinit(&out);
  }
  assert_int_equal(answered, 20);
}

static void who_asks_little_comes_first(void **state)
{
  (void)state;
  struct message_list in = {0};
  for (uint64_t i = 1; i <= 10; i++)
    ask(&in, 1, i, "list", "{\"limit\":1000}");
  struct message_list out = turn(&in);
  message_list_deinit(&out);
  ask(&in, 2, 100, "pulse", NULL);
  ask(&in, 3, 200, "list", "{\"limit\":1000}");
  out = turn(&in);
  assert_int_equal(out.first->tag, 100);
  assert_int_equal(out.first->next->tag, 200); /* the other has had one already */
  message_list_deinit(&out);
  uint64_t last = 1;
  while (sched_wake_us(world.sched, world.now_us) <= world.now_us) {
    out = turn(&in);
    for (const struct message *m = out.first; m; m = m->next)
      if (m->kind == MESSAGE_REPLY)
        assert_int_equal(m->tag, ++last); /* each client's in their order */
    message_list_deinit(&out);
  }
  assert_int_equal(last, 10);
}

static void who_has_left_is_asked_nothing(void **state)
{
  (void)state;
  struct message_list in = {0};
  struct message *left = message_create(MESSAGE_LEFT, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  left->tag = 1;
  for (uint64_t i = 1; i <= 5; i++)
    ask(&in, 1, i, "list", "{\"limit\":1000}");
  ask(&in, 1, 6, "pause_job", "{\"job\":\"due\"}");
  message_list_append(&in, left);
  int answered = 0, dropped = 0;
  do {
    struct message_list out = turn(&in);
    for (const struct message *m = out.first; m; m = m->next)
      if (m->kind == MESSAGE_REPLY && m->as.reply.code == ERROR_CANCELLED)
        dropped++;
      else if (m->kind == MESSAGE_REPLY && m->as.reply.code == ERROR_OK)
        answered++;
    message_list_deinit(&out);
  } while (sched_wake_us(world.sched, world.now_us) <= world.now_us);
  assert_int_equal(dropped, 5);
  assert_int_equal(answered, 1);
  world_expect(&world, "show", "{\"job\":\"due\"}", "state", "paused");
}

static void a_full_disk_refuses_in_order(void **state)
{
  (void)state;
  struct message_list in = {0};
  world_limit_pages(&world, 1);
  for (uint64_t i = 1; i <= 3; i++)
    ask(&in, 1, i, i % 2 ? "kv_set" : "list",
        i % 2 ? "{\"script\":\"s\",\"key\":\"k\",\"value\":1}" : "{\"limit\":1000}");
  uint64_t last = 0;
  do {
    struct message_list out = turn(&in);
    for (const struct message *m = out.first; m; m = m->next)
      if (m->kind == MESSAGE_REPLY)
        assert_int_equal(m->tag, ++last);
    message_list_deinit(&out);
  } while (last < 3 && sched_wake_us(world.sched, world.now_us) <= world.now_us);
  assert_int_equal(last, 3);
  world_limit_pages(&world, 1 << 20);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_turn_answers_its_share, set_up, tear_down),
      cmocka_unit_test_setup_teardown(who_asks_little_comes_first, set_up, tear_down),
      cmocka_unit_test_setup_teardown(who_has_left_is_asked_nothing, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_full_disk_refuses_in_order, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
