/* Frames between a worker and an isolated process: what goes in comes out, half a frame is waited
 * for, and nonsense is refused without harm. */
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "exec/isolate_wire.h"

static struct message *make(enum message_kind kind)
{
  struct message *m = message_create(kind, 1, 2);
  m->tag = UINT64_C(0x1122334455667788);
  return m;
}

static const struct attempt attempt = {{-5, 7}, 1234567890123, 3};

static struct message *make_run(void)
{
  struct message *m = make(MESSAGE_RUN);
  m->as.run.attempt = attempt;
  m->as.run.generation = 42;
  m->as.run.job_id = memory_strdup("job");
  m->as.run.func = memory_strdup("");
  m->as.run.args = memory_strdup("[1,2]");
  m->as.run.timeout_us = INT64_MAX;
  m->as.run.limits = (struct job_limits){1, 2, 3};
  m->as.run.env = memory_strdup("{\"A\":\"b\"}");
  return m;
}

static struct message *take_one(struct buffer *buffer, size_t *at)
{
  struct message *message = NULL;
  char *settings;
  assert_int_equal(wire_take(buffer, at, &message, &settings), WIRE_MESSAGE);
  assert_int_equal(message->tag, UINT64_C(0x1122334455667788));
  return message;
}

static void put_and_destroy(struct buffer *buffer, struct message *message)
{
  wire_put(buffer, message);
  message_destroy(message);
}

static void carries_messages(void **state)
{
  (void)state;
  struct buffer buffer = {0};
  size_t at = 0;
  put_and_destroy(&buffer, make_run());
  struct message *m = make(MESSAGE_LOAD);
  m->as.load.text = memory_copy("a\0b", 3);
  m->as.load.size = 3;
  put_and_destroy(&buffer, m);
  m = make(MESSAGE_FINISHED);
  m->as.finished.attempt = attempt;
  m->as.finished.state = RUN_FAILED;
  m->as.finished.started_us = 5;
  m->as.finished.error = memory_strdup("no luck");
  put_and_destroy(&buffer, m);

  m = take_one(&buffer, &at);
  assert_int_equal(m->kind, MESSAGE_RUN);
  assert_memory_equal(&m->as.run.attempt.key, &attempt.key, sizeof attempt.key);
  assert_int_equal(m->as.run.attempt.fence, attempt.fence);
  assert_int_equal(m->as.run.attempt.number, 3);
  assert_int_equal(m->as.run.generation, 42);
  assert_string_equal(m->as.run.job_id, "job");
  assert_string_equal(m->as.run.func, "");
  assert_null(m->as.run.command);
  assert_string_equal(m->as.run.args, "[1,2]");
  assert_true(m->as.run.timeout_us == INT64_MAX);
  assert_int_equal(m->as.run.limits.files, 3);
  assert_string_equal(m->as.run.env, "{\"A\":\"b\"}");
  message_destroy(m);

  m = take_one(&buffer, &at);
  assert_int_equal(m->kind, MESSAGE_LOAD);
  assert_int_equal(m->as.load.size, 3);
  assert_memory_equal(m->as.load.text, "a\0b", 4);
  assert_null(m->as.load.script);
  message_destroy(m);

  m = take_one(&buffer, &at);
  assert_int_equal(m->kind, MESSAGE_FINISHED);
  assert_int_equal(m->as.finished.state, RUN_FAILED);
  assert_null(m->as.finished.result);
  assert_string_equal(m->as.finished.error, "no luck");
  message_destroy(m);

  char *settings;
  assert_int_equal(wire_take(&buffer, &at, &m, &settings), WIRE_NOTHING);
  assert_int_equal(at, buffer.size);
  buffer_deinit(&buffer);
}

static void carries_settings(void **state)
{
  (void)state;
  struct buffer buffer = {0};
  struct message *message;
  char *settings = NULL;
  size_t at = 0;
  wire_put_settings(&buffer, "{}");
  assert_int_equal(wire_take(&buffer, &at, &message, &settings), WIRE_SETTINGS);
  assert_string_equal(settings, "{}");
  free(settings);
  wire_put_alive(&buffer);
  assert_int_equal(wire_take(&buffer, &at, &message, &settings), WIRE_ALIVE);
  assert_int_equal(at, buffer.size);
  buffer_deinit(&buffer);
}

static void waits_for_the_rest(void **state)
{
  (void)state;
  struct buffer whole = {0};
  put_and_destroy(&whole, make_run());
  size_t size = whole.size;
  for (whole.size = 0; whole.size < size; whole.size++) {
    struct message *message;
    char *settings;
    size_t at = 0;
    assert_int_equal(wire_take(&whole, &at, &message, &settings), WIRE_NOTHING);
    assert_int_equal(at, 0);
  }
  buffer_deinit(&whole);
}

/* Any result will do but harm. What is refused must not depend on what is behind it. */
static void survives_nonsense(void **state)
{
  (void)state;
  enum { ROUNDS = 20000 };
  int broken = 0;
  srand(7);
  for (int i = 0; i < ROUNDS; i++) {
    struct buffer buffer = {0};
    put_and_destroy(&buffer, make_run());
    for (int changes = rand() % 4 + 1; changes > 0; changes--)
      buffer.data[(size_t)rand() % buffer.size] = (char)rand();
    struct message *message = NULL;
    char *settings = NULL;
    size_t at = 0;
    switch (wire_take(&buffer, &at, &message, &settings)) {
    case WIRE_MESSAGE:
      message_destroy(message);
      break;
    case WIRE_SETTINGS:
      free(settings);
      break;
    case WIRE_BROKEN:
      broken++;
      break;
    case WIRE_ALIVE:
    case WIRE_NOTHING:
      break;
    }
    buffer_deinit(&buffer);
  }
  assert_true(broken > 100);
}

/* Messages of other kinds stay where they are, and a stranger's are not taken. */
static void refuses_other_kinds(void **state)
{
  (void)state;
  struct buffer buffer = {0};
  struct message *message = make(MESSAGE_STOP), *taken = NULL;
  char *settings;
  size_t at = 0;
  assert_false(wire_put(&buffer, message));
  assert_int_equal(buffer.size, 0);
  message_destroy(message);
  put_and_destroy(&buffer, make(MESSAGE_REPLY));
  int32_t kind = MESSAGE_STOP;
  memcpy(buffer.data + sizeof(uint32_t), &kind, sizeof kind);
  assert_int_equal(wire_take(&buffer, &at, &taken, &settings), WIRE_BROKEN);
  assert_null(taken);
  buffer_deinit(&buffer);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(carries_messages),    cmocka_unit_test(carries_settings),
      cmocka_unit_test(waits_for_the_rest),  cmocka_unit_test(survives_nonsense),
      cmocka_unit_test(refuses_other_kinds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
