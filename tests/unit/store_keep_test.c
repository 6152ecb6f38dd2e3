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

static bool note_key(void *context, const struct kv_entry *entry)
{
  char word[64];
  snprintf(word, sizeof word, "%s:%s=%s", entry->script, entry->key, entry->value);
  return note(context, word);
}

static void put_value(const char *script, const char *key, const char *value, int64_t expires_us)
{
  OK(store_kv_set(store, &(struct kv_entry){script, key, value, expires_us}, &error));
}

static void check_value(const char *script, const char *key, int64_t now_us, const char *expected)
{
  char *value;
  int64_t expires_us;
  OK(store_kv_get(store, script, key, now_us, &value, &expires_us, &error));
  if (expected)
    assert_string_equal(value, expected);
  else
    assert_null(value);
  free(value);
}

static void check_keys(struct kv_listing listing, int stop, const char *expected)
{
  struct seen seen = {.left = stop};
  OK(store_kv_each(store, &listing, note_key, &seen, &error));
  assert_string_equal(seen.text, expected);
}

static void keys(void **state)
{
  (void)state;
  static const char *const sets[][3] = {
      {"s", "b", "1"}, {"s", "a/2", "2"}, {"s", "a/1", "3"},   {"s", "a", "4"},    {"t", "a", "5"},
      {"s", "b", "6"}, {"", "a/9", "0"},  {"s", "a\xff", "7"}, {"s", "gone", "8"}, {"s", "", "9"},
  };
  begin();
  for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++)
    put_value(sets[i][0], sets[i][1], sets[i][2], KV_FOR_EVER);
  OK(store_kv_delete(store, "s", "gone", &error));
  OK(store_kv_delete(store, "s", "never", &error));
  commit();
  check_value("s", "b", 0, "6");
  check_value("t", "a", 0, "5");
  check_value("s", "", 0, "9");
  check_value("s", "gone", 0, NULL);
  check_value("u", "a", 0, NULL);
  check_keys((struct kv_listing){.script = "s", .prefix = "a"}, 0,
             "s:a=4 s:a/1=3 s:a/2=2 s:a\xff=7");
  check_keys((struct kv_listing){.script = "s", .prefix = "a/"}, 0, "s:a/1=3 s:a/2=2");
  check_keys((struct kv_listing){.script = "s", .prefix = ""}, 2, "s:=9 s:a=4");
  check_keys((struct kv_listing){.script = "s", .prefix = "\xff"}, 0, "");
  check_keys((struct kv_listing){.script = "s", .prefix = "a", .after_key = "a/1"}, 0,
             "s:a/2=2 s:a\xff=7");
  check_keys((struct kv_listing){.script = "s", .prefix = "b", .after_key = "a"}, 0, "s:b=6");
  check_keys((struct kv_listing){.prefix = "a/"}, 0, ":a/9=0 s:a/1=3 s:a/2=2");
  check_keys((struct kv_listing){.prefix = "a", .after_script = "s", .after_key = "a/2"}, 0,
             "s:a\xff=7 t:a=5");
}

/* Whatever else there is, before it, behind it and in other scripts. */
static void keys_are_not_searched_for(void **state)
{
  (void)state;
  begin();
  for (int i = 0; i < 3000; i++) {
    char key[16], script[] = {(char)('p' + i % 3), 0};
    snprintf(key, sizeof key, "%c%d", "akz"[i / 3 % 3], i);
    put_value(script, key, "0", KV_FOR_EVER);
  }
  put_value("", "m1", "1", KV_FOR_EVER);
  put_value("p", "m1", "2", KV_FOR_EVER);
  put_value("p", "m2", "3", KV_FOR_EVER);
  put_value("r", "m3", "4", KV_FOR_EVER);
  commit();
  static const struct {
    const char *script, *after_script, *after_key;
    int stop;
    const char *expected;
  } cases[] = {
      {NULL, NULL, NULL, 0, ":m1=1 p:m1=2 p:m2=3 r:m3=4"},
      {NULL, NULL, NULL, 2, ":m1=1 p:m1=2"},
      {NULL, "p", "m1", 2, "p:m2=3 r:m3=4"},
      {NULL, "p", "m2", 0, "r:m3=4"},
      {NULL, "p", "a", 0, "p:m1=2 p:m2=3 r:m3=4"},
      {NULL, "p", "z", 0, "r:m3=4"},
      {NULL, "o", "m9", 0, "p:m1=2 p:m2=3 r:m3=4"},
      {NULL, "r", "m3", 0, ""},
      {NULL, NULL, "m1", 0, "p:m1=2 p:m2=3 r:m3=4"},
      {"p", NULL, NULL, 0, "p:m1=2 p:m2=3"},
      {"q", NULL, NULL, 0, ""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    count_steps();
    check_keys((struct kv_listing){.prefix = "m",
                                   .script = cases[i].script,
                                   .after_script = cases[i].after_script,
                                   .after_key = cases[i].after_key},
               cases[i].stop, cases[i].expected);
    assert_true(count_steps() < 300);
  }
}

static void values_end(void **state)
{
  int removed;
  (void)state;
  begin();
  for (int i = 0; i < 5; i++) {
    char key[8];
    snprintf(key, sizeof key, "k%d", i);
    put_value("s", key, "1", 10 + i);
  }
  put_value("s", "stays", "1", KV_FOR_EVER);
  commit();
  check_value("s", "k0", 9, "1");
  check_value("s", "k0", 10, NULL);
  check_keys((struct kv_listing){.script = "s", .prefix = "", .now_us = 13}, 0, "s:k4=1 s:stays=1");
  begin();
  OK(store_kv_expire(store, 13, 3, &removed, &error));
  assert_int_equal(removed, 3);
  OK(store_kv_expire(store, 13, 3, &removed, &error));
  assert_int_equal(removed, 1);
  OK(store_kv_expire(store, 13, 3, &removed, &error));
  assert_int_equal(removed, 0);
  commit();
  check_keys((struct kv_listing){.script = "s", .prefix = "", .now_us = 0}, 0, "s:k4=1 s:stays=1");
}

static void expect_pool(const char *name, int64_t slots, int64_t declared, const char *script)
{
  struct stored_pool pool;
  OK(store_get_pool(store, name, &pool, &error));
  assert_string_equal(pool.name, name);
  assert_int_equal(pool.slots, slots);
  assert_int_equal(pool.declared, declared);
  if (script)
    assert_string_equal(pool.script, script);
  else
    assert_null(pool.script);
  stored_pool_deinit(&pool);
}

static void pools(void **state)
{
  struct stored_pool pool;
  (void)state;
  begin();
  OK(store_put_pool(store, &(struct stored_pool){"db", 3, 2, "orders"}, &error));
  OK(store_put_pool(store, &(struct stored_pool){"db2", 1, -1, NULL}, &error));
  expect_pool("db", 3, 2, "orders");
  expect_pool("db2", 1, -1, NULL);
  OK(store_put_pool(store, &(struct stored_pool){"db", 0, -1, NULL}, &error));
  OK(store_remove_pool(store, "db2", &error));
  commit();
  expect_pool("db", 0, -1, NULL);
  FAILS(ERROR_NOT_FOUND, store_get_pool(store, "db2", &pool, &error));
  assert_string_equal(error.text, "no pool \"db2\"");
  assert_int_equal(pool.declared, -1);
  assert_null(pool.script);
}

static void expect_calendar(const char *name, const char *definition, const char *script)
{
  struct stored_calendar calendar;
  OK(store_get_calendar(store, name, &calendar, &error));
  assert_string_equal(calendar.name, name);
  assert_string_equal(calendar.definition, definition);
  if (script)
    assert_string_equal(calendar.script, script);
  else
    assert_null(calendar.script);
  stored_calendar_deinit(&calendar);
}

static void calendars(void **state)
{
  struct stored_calendar calendar;
  (void)state;
  begin();
  OK(store_put_calendar(store, &(struct stored_calendar){"closed", "{}", "shop"}, &error));
  OK(store_put_calendar(store, &(struct stored_calendar){"open", "[]", NULL}, &error));
  expect_calendar("closed", "{}", "shop");
  expect_calendar("open", "[]", NULL);
  OK(store_put_calendar(store, &(struct stored_calendar){"closed", "[1]", NULL}, &error));
  OK(store_remove_calendar(store, "open", &error));
  commit();
  expect_calendar("closed", "[1]", NULL);
  FAILS(ERROR_NOT_FOUND, store_get_calendar(store, "open", &calendar, &error));
  assert_string_equal(error.text, "no calendar \"open\"");
  assert_null(calendar.definition);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(scripts),    TEST(revisions), TEST(logs),
      TEST(skips),      TEST(keys),      TEST(keys_are_not_searched_for),
      TEST(values_end), TEST(pools),     TEST(calendars),
  };
  return run_suite(tests, sizeof tests / sizeof tests[0], true);
}
