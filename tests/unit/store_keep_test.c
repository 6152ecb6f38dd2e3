/* What is kept beside jobs and runs: scripts and their revisions, logs, skips, scripts' own keys.
 */
#include "unit/store_fixture.h"

static bool note_script(void *context, const struct script *script)
{
  char word[256];
  snprintf(word, sizeof word, "%s/%d/%s/%s/%s/%lld", script->name, script->origin,
           script->path ? script->path : "-", script->version, script->error ? script->error : "-",
           (long long)script->loaded_us);
  return note(context, word);
}

static void scripts(void **state)
{
  (void)state;
  struct script script = {.name = "orders", .path = "jobs/orders.lua", .loaded_us = 5};
  memcpy(script.version, "0123456789abcdef0123456789abcdef", SCRIPT_VERSION_SIZE);
  struct script added = {.name = "added", .origin = SCRIPT_ADDED};
  begin();
  OK(store_put_script(store, &script, &error));
  OK(store_put_script(store, &added, &error));
  script.error = "broken";
  OK(store_put_script(store, &script, &error)); /* takes the place of the first */
  commit();
  struct seen seen = {0};
  OK(store_each_script(store, note_script, &seen, &error));
  assert_string_equal(seen.text, "added/1/-//-/0 "
                                 "orders/0/jobs/orders.lua/0123456789abcdef0123456789abcdef/"
                                 "broken/5");
  begin();
  OK(store_remove_script(store, "added", &error));
  FAILS(ERROR_NOT_FOUND, store_remove_script(store, "added", &error));
  assert_string_equal(error.text, "no script \"added\"");
  commit();
  seen = (struct seen){.left = 1};
  OK(store_each_script(store, note_script, &seen, &error));
  assert_non_null(strstr(seen.text, "orders/"));
}

static bool note_revision(void *context, const struct script_revision *revision)
{
  char word[32];
  snprintf(word, sizeof word, "%lld", (long long)revision->number);
  return note(context, word);
}

static void revisions(void **state)
{
  (void)state;
  struct script script = {.name = "s", .origin = SCRIPT_ADDED};
  int64_t number;
  begin();
  OK(store_put_script(store, &script, &error));
  for (int i = 1; i <= 25; i++) {
    char source[32];
    int size = snprintf(source, sizeof source, "return %d", i);
    OK(store_add_source(store, "s", source, (size_t)size, i, &number, &error));
    assert_int_equal(number, i);
    OK(store_add_source(store, "s", source, (size_t)size, i, &number, &error));
    assert_int_equal(number, i); /* the same adds none */
  }
  OK(store_add_source(store, "other", "a\0b", 3, 77, &number, &error));
  assert_int_equal(number, 1);
  commit();
  struct seen seen = {0};
  OK(store_each_revision(store, "s", note_revision, &seen, &error));
  assert_string_equal(seen.text, "25 24 23 22 21 20 19 18 17 16 15 14 13 12 11 10 9 8 7 6");
  seen = (struct seen){.left = 2};
  OK(store_each_revision(store, "s", note_revision, &seen, &error));
  assert_string_equal(seen.text, "25 24");

  const struct {
    const char *script;
    int64_t number, found;
    const char *source;
    size_t size;
  } cases[] = {
      {"s", 0, 25, "return 25", 9},
      {"s", 6, 6, "return 6", 8},
      {"other", 0, 1, "a\0b", 3},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct script_revision revision;
    char version[SCRIPT_VERSION_SIZE];
    OK(store_get_source(store, cases[i].script, cases[i].number, &revision, &error));
    assert_int_equal(revision.number, cases[i].found);
    assert_int_equal(revision.size, cases[i].size);
    assert_memory_equal(revision.source, cases[i].source, cases[i].size);
    script_hash(cases[i].source, cases[i].size, version);
    assert_string_equal(revision.version, version);
    free(revision.source);
  }
  struct script_revision revision;
  FAILS(ERROR_NOT_FOUND, store_get_source(store, "s", 5, &revision, &error));
  assert_string_equal(error.text, "no revision 5 of script \"s\" is kept");
  begin();
  OK(store_remove_script(store, "s", &error));
  commit();
  FAILS(ERROR_NOT_FOUND, store_get_source(store, "s", 0, &revision, &error));
  assert_string_equal(error.text, "no source of script \"s\" is kept");
}

static bool note_line(void *context, const struct log_line *line)
{
  char word[64];
  snprintf(word, sizeof word, "%lld/%d/%d/%lld/%s", (long long)line->sequence, line->attempt,
           line->level, (long long)line->at_us, line->text);
  return note(context, word);
}

static void logs(void **state)
{
  (void)state;
  struct run_key key = {100, 1}, other = {100, 2};
  begin();
  for (int64_t i = 1; i <= 3; i++) {
    struct log_line line = {.sequence = i, .attempt = 1, .level = 2, .at_us = 10 * i, .text = "x"};
    OK(store_add_log(store, key, &line, &error));
  }
  struct log_line line = {.sequence = 1, .attempt = 2, .level = 0, .at_us = 5, .text = ""};
  OK(store_add_log(store, other, &line, &error));
  FAILS(ERROR_CONFLICT, store_add_log(store, other, &line, &error));
  commit();
  struct seen seen = {0};
  OK(store_each_log(store, key, 0, note_line, &seen, &error));
  assert_string_equal(seen.text, "1/1/2/10/x 2/1/2/20/x 3/1/2/30/x");
  seen = (struct seen){.left = 1};
  OK(store_each_log(store, key, 1, note_line, &seen, &error));
  assert_string_equal(seen.text, "2/1/2/20/x");
  seen = (struct seen){0};
  OK(store_each_log(store, other, 0, note_line, &seen, &error));
  assert_string_equal(seen.text, "1/2/0/5/");
}

static bool note_skip(void *context, const struct skip *skip)
{
  char word[96];
  snprintf(word, sizeof word, "%lld:%lld-%lld*%lld/%s/%lld", (long long)skip->job,
           (long long)skip->first_us, (long long)skip->last_us, (long long)skip->count,
           skip_reason_name(skip->reason), (long long)skip->recorded_us);
  return note(context, word);
}

static void skips(void **state)
{
  (void)state;
  struct skip skip = {
      .job = 1, .first_us = 5, .last_us = 9, .count = 3, .reason = SKIP_OVERLAP, .recorded_us = 20};
  struct skip other = {.job = 2, .first_us = 1, .last_us = 1, .count = 1, .recorded_us = 21};
  begin();
  OK(store_add_skip(store, &skip, NULL, &error));
  OK(store_add_skip(store, &other, NULL, &error));
  skip.reason = SKIP_PAUSED;
  skip.recorded_us = 22;
  OK(store_add_skip(store, &skip, NULL, &error));
  commit();
  struct seen seen = {0};
  OK(store_each_skip_of(store, 1, note_skip, &seen, &error));
  assert_string_equal(seen.text, "1:5-9*3/paused/22 1:5-9*3/overlap/20");
  seen = (struct seen){.left = 1};
  OK(store_each_skip_of(store, 1, note_skip, &seen, &error));
  assert_string_equal(seen.text, "1:5-9*3/paused/22");
  seen = (struct seen){0};
  OK(store_each_skip_of(store, 3, note_skip, &seen, &error));
  assert_string_equal(seen.text, "");
}

static bool note_key(void *context, const char *key, const char *value)
{
  char word[64];
  snprintf(word, sizeof word, "%s=%s", key, value);
  return note(context, word);
}

static void keys(void **state)
{
  (void)state;
  static const struct {
    const char *script, *key, *value;
  } sets[] = {
      {"s", "b", "1"}, {"s", "a/2", "2"},   {"s", "a/1", "3"},    {"s", "a", "4"},
      {"t", "a", "5"}, {"s", "b", "6"},     {"s", "a\xff", "7"},  {"s", "gone", "8"},
      {"s", "", "9"},  {"s", "gone", NULL}, {"s", "never", NULL},
  };
  begin();
  for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++)
    OK(store_kv_set(store, sets[i].script, sets[i].key, sets[i].value, &error));
  commit();
  static const struct {
    const char *script, *key, *value;
  } gets[] = {
      {"s", "b", "6"}, {"t", "a", "5"}, {"s", "", "9"}, {"s", "gone", NULL}, {"u", "a", NULL}};
  for (size_t i = 0; i < sizeof gets / sizeof gets[0]; i++) {
    char *value;
    OK(store_kv_get(store, gets[i].script, gets[i].key, &value, &error));
    if (gets[i].value)
      assert_string_equal(value, gets[i].value);
    else
      assert_null(value);
    free(value);
  }
  static const struct {
    const char *prefix;
    int stop;
    const char *seen;
  } lists[] = {
      {"a", 0, "a=4 a/1=3 a/2=2 a\xff=7"},
      {"a/", 0, "a/1=3 a/2=2"},
      {"", 2, "=9 a=4"},
      {"\xff", 0, ""},
      {"b", 0, "b=6"},
  };
  for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
    struct seen seen = {.left = lists[i].stop};
    OK(store_kv_each(store, "s", lists[i].prefix, note_key, &seen, &error));
    assert_string_equal(seen.text, lists[i].seen);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(scripts), TEST(revisions), TEST(logs), TEST(skips), TEST(keys),
  };
  return run_suite(tests, sizeof tests / sizeof tests[0], true);
}
