/* A table of an application, whose connections are here, watched by sensors. */
#include "sensor_bench.h"

#include <sqlite3.h>
#include <unistd.h>

#include "sensor/table_key.h"
#include "sensor/table_log_internal.h"

static char source_text[300];

static const char *source_of(const struct bench *bench, const char *table)
{
  snprintf(source_text, sizeof source_text,
           "{\"kind\":\"on_change\",\"database\":\"%s/app.db\",\"table\":\"%s\"}", bench->root,
           table);
  return source_text;
}

static sqlite3 *open_database(const struct bench *bench)
{
  char path[100];
  sqlite3 *db;
  snprintf(path, sizeof path, "%s/app.db", bench->root);
  assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
  sqlite3_busy_timeout(db, 5000);
  return db;
}

static void run(sqlite3 *db, const char *sql)
{
  char *message = NULL;
  if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
    fail_msg("%s: %s", sql, message);
}

static int64_t ask(sqlite3 *db, const char *sql)
{
  sqlite3_stmt *statement;
  int64_t value = -1;
  if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
      sqlite3_step(statement) == SQLITE_ROW)
    value = sqlite3_column_int64(statement, 0);
  sqlite3_finalize(statement);
  return value;
}

/* Runs the loop until the answer is as expected. */
static void expect_answer(struct bench *bench, sqlite3 *db, const char *sql, int64_t expected)
{
  int64_t end = clock_monotonic_us() + BENCH_WAIT_US;
  while (ask(db, sql) != expected && clock_monotonic_us() < end)
    bench_run(bench, 20);
  assert_int_equal(ask(db, sql), expected);
}

#define LOGGED   "SELECT count(*) FROM moonbeat_changes"
#define LEFT     "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'moonbeat%'"
#define TRIGGERS "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'"

static sqlite3 *begin(struct bench *bench, const char *mode)
{
  sqlite3 *db = open_database(bench);
  char pragma[60];
  snprintf(pragma, sizeof pragma, "PRAGMA journal_mode = %s", mode);
  run(db, pragma);
  run(db, "CREATE TABLE orders(id INTEGER PRIMARY KEY, status TEXT);"
          "INSERT INTO orders VALUES (1, 'old')");
  sensors_set(bench->sensors, "k", source_of(bench, "orders"), NULL);
  bench_expect(bench, "begun\n");
  return db;
}

static void change_all_ways(struct bench *bench, const char *mode)
{
  sqlite3 *db = begin(bench, mode);
  run(db, "INSERT INTO orders VALUES (2, 'new'), (3, 'new')");
  bench_expect(bench, "insert 2\ninsert 3\n");
  run(db, "UPDATE orders SET status = 'paid' WHERE id < 3");
  bench_expect(bench, "update 1\nupdate 2\n");
  run(db, "DELETE FROM orders WHERE id = 1; UPDATE orders SET id = 7 WHERE id = 2");
  bench_expect(bench, "delete 1\ndelete 2\ninsert 7\n");
  run(db, "BEGIN; INSERT INTO orders VALUES (8, 'no'); ROLLBACK");
  bench_expect_nothing(bench);
  run(db, "INSERT INTO orders(status) VALUES ('x')");
  assert_int_equal(sqlite3_last_insert_rowid(db), 8);
  assert_int_equal(sqlite3_changes(db), 1);
  bench_expect(bench, "insert 8\n");
  sqlite3_close(db);
}

static void test_changes_with_wal(void **state)
{
  change_all_ways(*state, "WAL");
}

static void test_changes_with_rollback_journal(void **state)
{
  change_all_ways(*state, "DELETE");
}

static void test_event(void **state)
{
  struct bench *bench = *state;
  struct json_document *document;
  char path[100];
  sqlite3 *db = begin(bench, "WAL");
  run(db, "INSERT INTO orders VALUES (2, 'new')");
  bench_expect(bench, "insert 2\n");
  assert_int_equal(json_parse(bench->events, strlen(bench->events), &document, NULL), 0);
  const struct json *event = json_root(document)->as.first;
  snprintf(path, sizeof path, "%s/app.db", bench->root);
  assert_string_equal(json_text(json_get(event, "database"), ""), path);
  assert_string_equal(json_text(json_get(event, "table"), ""), "orders");
  assert_int_equal(strlen(json_text(json_get(event, "at"), "")),
                   strlen("2026-11-21T00:00:00.000Z"));
  json_free(document);
  sqlite3_close(db);
}

static void test_tables_without_rowid(void **state)
{
  struct bench *bench = *state;
  sqlite3 *db = open_database(bench);
  run(db, "CREATE TABLE \"it's \"\"odd\"(a, \"b'\" , v, PRIMARY KEY(\"b'\", a)) WITHOUT ROWID;"
          "CREATE TABLE hidden(rowid TEXT, _rowid_ TEXT)");
  sensors_set(bench->sensors, "k", source_of(bench, "it's \\\"odd"), NULL);
  bench_expect(bench, "begun\n");
  run(db, "INSERT INTO \"it's \"\"odd\" VALUES (1, 'it''s, so', 0), (x'00fF', 2.5, 0)");
  bench_expect(bench, "insert [\"it's, so\",1]\ninsert [2.5,\"00ff\"]\n");
  run(db, "UPDATE \"it's \"\"odd\" SET v = 1 WHERE a = 1; UPDATE \"it's \"\"odd\" SET a = 'é'");
  bench_expect(bench, "update [\"it's, so\",1]\ndelete [2.5,\"00ff\"]\ninsert [2.5,\"é\"]\n"
                      "delete [\"it's, so\",1]\ninsert [\"it's, so\",\"é\"]\n");
  sensors_set(bench->sensors, "k", source_of(bench, "hidden"), NULL);
  bench_expect(bench, "begun\n");
  run(db, "INSERT INTO hidden VALUES ('a', 'b')");
  bench_expect(bench, "insert 1\n");
  sqlite3_close(db);
}

static void test_keys(void **state)
{
  (void)state;
  static const char *const cases[][2] = {
      {"NULL", "[null]"},
      {"-9223372036854775808,9223372036854775807", "[-9223372036854775808,9223372036854775807]"},
      {"'',',',''''", "[\"\",\",\",\"'\"]"},
      {"X'',x'0AfF',1.5e10", "[\"\",\"0aff\",15000000000.0]"},
      {"9.0e+999,-9.0e+999,1", "[null,null,1]"},
      {"'open", "[\"open\"]"},
      {"", "[]"},
      {"?", "[0]"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct buffer text = {0};
    struct json_writer writer = {.out = &text};
    table_key_write(&writer, cases[i][0]);
    assert_string_equal(text.data, cases[i][1]);
    buffer_deinit(&text);
  }
}

static void test_changes_while_down(void **state)
{
  struct bench *bench = *state;
  sqlite3 *db = begin(bench, "WAL");
  bench_close(bench);
  run(db, "INSERT INTO orders VALUES (2, 'new')");
  sqlite3_close(db); /* the application ends as well */
  bench->is_slow = true;
  bench_restart(bench, source_of(bench, "orders"));
  bench_expect(bench, "insert 2\n");
  bench_restart(bench, source_of(bench, "orders"));
  bench_expect(bench, "insert 2\n");
  bench_acknowledge(bench);
  bench_restart(bench, source_of(bench, "orders"));
  bench_expect_nothing(bench);
  assert_null(bench->problem);
}

static void test_many_in_order(void **state)
{
  struct bench *bench = *state;
  struct buffer expected = {0};
  sqlite3 *db = begin(bench, "WAL");
  run(db, "CREATE TABLE other(a)");
  sensors_set(bench->sensors, "o", source_of(bench, "other"), NULL);
  expect_answer(bench, db, "SELECT count(*) FROM moonbeat_readers", 2);
  run(db, "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 260) "
          "INSERT INTO orders SELECT i, '' FROM n");
  run(db, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) "
          "INSERT INTO other SELECT i FROM n");
  run(db, "DELETE FROM orders WHERE id = 1");
  for (int i = 10; i <= 260; i++)
    buffer_printf(&expected, "insert %d\n", i);
  buffer_append_text(&expected, "delete 1\n");
  bench_expect(bench, expected.data);
  buffer_deinit(&expected);
  sqlite3_close(db);
}

/* What is told at once is bounded by its size, too. */
static void test_long_keys(void **state)
{
  enum { KEYS = 20, SIZE = 300000 };
  struct bench *bench = *state;
  struct buffer expected = {0};
  sqlite3 *db = open_database(bench);
  run(db, "CREATE TABLE long(key TEXT PRIMARY KEY) WITHOUT ROWID");
  sensors_set(bench->sensors, "k", source_of(bench, "long"), NULL);
  bench_expect(bench, "begun\n");
  run(db, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20) "
          "INSERT INTO long SELECT printf('%0300000d', i) FROM n");
  for (int i = 1; i <= KEYS; i++)
    buffer_printf(&expected, "insert [\"%0*d\"]\n", SIZE, i);
  bench_expect(bench, expected.data);
  assert_true(bench->longest < (size_t)KEYS * SIZE / 2);
  buffer_deinit(&expected);
  sqlite3_close(db);
}

static void test_log_is_cleaned(void **state)
{
  struct bench *bench = *state;
  bench->is_slow = true;
  sqlite3 *db = begin(bench, "WAL");
  run(db, "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 89) "
          "INSERT INTO orders SELECT i, '' FROM n");
  while (!bench->offered)
    bench_run(bench, 10);
  bench_run(bench, 2500);
  assert_int_equal(ask(db, LOGGED), 80);
  bench_acknowledge(bench);
  expect_answer(bench, db, LOGGED, 0);
  sqlite3_close(db);
}

static void hear_other(void *context, const char *key, const struct sensor_news *news)
{
  struct buffer *heard = context;
  (void)key;
  if (news->events)
    buffer_append_text(heard, news->position);
}

static void test_two_readers(void **state)
{
  struct bench *bench = *state;
  struct buffer heard = {0};
  sqlite3 *db = begin(bench, "WAL");
  struct sensors *others = sensors_open(&bench->loop, "another", hear_other, &heard);
  sensors_set(others, "k", source_of(bench, "ORDERS"), NULL);
  expect_answer(bench, db, "SELECT count(*) FROM moonbeat_readers", 2);
  run(db, "INSERT INTO orders VALUES (2, 'new')");
  bench_expect(bench, "insert 2\n");
  while (!heard.size)
    bench_run(bench, 10);
  bench_run(bench, 2500); /* ours is noted, the other's is not */
  assert_int_equal(ask(db, LOGGED), 1);
  sensors_acknowledge(others, "k", heard.data);
  expect_answer(bench, db, LOGGED, 0);
  sensors_set(others, "k", NULL, NULL);
  expect_answer(bench, db, "SELECT count(*) FROM moonbeat_readers", 1);
  assert_int_equal(ask(db, TRIGGERS), 3);
  run(db, "INSERT INTO orders VALUES (3, 'new')");
  bench_expect(bench, "insert 3\n");
  sensors_set(bench->sensors, "k", NULL, NULL);
  expect_answer(bench, db, LEFT, 0);
  assert_null(bench->problem);
  sensors_close(others);
  sqlite3_close(db);
  bench_run(bench, 50);
  buffer_deinit(&heard);
}

static void test_reader_long_gone(void **state)
{
  struct bench *bench = *state;
  sqlite3 *db = begin(bench, "WAL");
  run(db, "CREATE TABLE other(a)");
  sensors_set(bench->sensors, "o", source_of(bench, "other"), NULL);
  expect_answer(bench, db, TRIGGERS, 6);
  bench_close(bench);
  run(db, "INSERT INTO other VALUES (1);"
          "UPDATE moonbeat_readers SET seen_at = seen_at - 31 * 86400 WHERE \"table\" = 'other'");
  bench_restart(bench, source_of(bench, "orders"));
  run(db, "INSERT INTO orders VALUES (2, 'new')");
  bench_expect(bench, "insert 2\n");
  expect_answer(bench, db, TRIGGERS, 3);
  expect_answer(bench, db, LOGGED, 0);
  sqlite3_close(db);
}

static void test_ended_in_a_later_life(void **state)
{
  struct bench *bench = *state;
  sqlite3 *db = begin(bench, "WAL");
  bench_close(bench);
  run(db, "INSERT INTO orders VALUES (2, 'new')");
  assert_int_equal(ask(db, LOGGED), 1);
  bench_restart(bench, source_of(bench, "orders"));
  sensors_set(bench->sensors, "k", NULL, NULL);
  expect_answer(bench, db, LEFT, 0);
  assert_string_equal(bench_heard(bench), "");
  sqlite3_close(db);
}

/* What the end takes away is not what the next watching of the same table has made. */
static void test_set_again_at_once(void **state)
{
  struct bench *bench = *state;
  sqlite3 *db = begin(bench, "WAL");
  for (int i = 0; i < 5; i++) {
    sensors_set(bench->sensors, "k", NULL, NULL);
    bench_run(bench, (uint64_t)i);
    sensors_set(bench->sensors, "k", source_of(bench, "orders"), NULL);
    bench_expect(bench, "begun\n");
    run(db, "INSERT INTO orders(status) VALUES ('new')");
    char expected[40];
    snprintf(expected, sizeof expected, "insert %d\n", i + 2);
    bench_expect(bench, expected);
  }
  sqlite3_close(db);
}

struct writer {
  uv_thread_t thread;
  const struct bench *bench;
  int count;
};

static void insert_rows(void *context)
{
  struct writer *writer = context;
  sqlite3 *db = open_database(writer->bench);
  char sql[100];
  run(db, "PRAGMA synchronous = OFF");
  for (int i = 1; i <= writer->count; i++) {
    snprintf(sql, sizeof sql, "INSERT INTO orders VALUES (%d, 'new')", i);
    run(db, sql);
    if (i % 7 == 0)
      uv_sleep(1);
  }
  sqlite3_close(db);
}

/* Rows come all the time, the program is ended and started all the time. */
static void exactly_once(struct bench *bench, const char *mode, int count)
{
  struct writer writer = {.bench = bench, .count = count};
  sqlite3 *db = begin(bench, mode);
  run(db, "DELETE FROM orders");
  bench_expect(bench, "delete 1\n");
  uv_thread_create(&writer.thread, insert_rows, &writer);
  for (uint64_t i = 0; i < 25; i++) {
    bench_run(bench, i * 17 % 160);
    bench_restart(bench, source_of(bench, "orders"));
    assert_null(bench->problem);
  }
  uv_thread_join(&writer.thread);
  bench_expect_each(bench, "insert ", count);
  expect_answer(bench, db, LOGGED, 0);
  sqlite3_close(db);
}

static void test_exactly_once_with_wal(void **state)
{
  exactly_once(*state, "WAL", 5000);
}

static void test_exactly_once_with_rollback_journal(void **state)
{
  exactly_once(*state, "DELETE", 1500);
}

static void test_what_cannot_be_watched(void **state)
{
  struct bench *bench = *state;
  sensors_set(bench->sensors, "k", source_of(bench, "orders"), NULL);
  bench_expect_problem(bench, "there is no file");
  bench_shell(bench, "echo 'this is not a database, however long it may be' > new; mv new app.db");
  bench_expect_problem(bench, "app.db is not an SQLite database");
  bench_shell(bench, "rm app.db; mkdir app.db");
  bench_expect_problem(bench, "app.db is not a file");
  bench_shell(bench, "rmdir app.db");
  sqlite3 *db = open_database(bench);
  run(db, "CREATE TABLE order_s(a); CREATE VIEW seen AS SELECT * FROM order_s");
  bench_expect_problem(bench, "has no table \"orders\", did you mean \"order_s\"?");
  run(db, "CREATE TABLE orders(a)");
  bench_expect(bench, "begun\n");
  assert_null(bench->problem);
  sensors_set(bench->sensors, "k", source_of(bench, "seen"), NULL);
  bench_expect_problem(bench, "is a view: only plain tables can be watched");
  sensors_set(bench->sensors, "o", source_of(bench, "orders"), NULL);
  expect_answer(bench, db, TRIGGERS, 3);
  sensors_set(bench->sensors, "k", source_of(bench, "moonbeat_readers"), NULL);
  bench_expect_problem(bench, "is an internal table: only plain tables can be watched");
  sqlite3_close(db);
}

static void test_table_made_anew(void **state)
{
  struct bench *bench = *state;
  sqlite3 *db = begin(bench, "WAL");
  run(db, "BEGIN; CREATE TABLE next(id INTEGER PRIMARY KEY); DROP TABLE orders;"
          "ALTER TABLE next RENAME TO orders; COMMIT");
  bench_expect_problem(bench, "changes of table \"orders\"");
  bench_expect_problem(bench, NULL);
  run(db, "INSERT INTO orders VALUES (2)");
  bench_expect(bench, "insert 2\n");
  run(db, "ALTER TABLE orders RENAME TO former");
  bench_expect_problem(bench, "has no table \"orders\"");
  run(db, "CREATE TABLE orders(a)");
  bench_expect_problem(bench, NULL);
  run(db, "INSERT INTO former VALUES (3); INSERT INTO orders VALUES ('x')");
  bench_expect(bench, "insert 1\n");
  sqlite3_close(db);
}

static void test_file_replaced(void **state)
{
  struct bench *bench = *state;
  sqlite3 *db = begin(bench, "DELETE");
  run(db, "INSERT INTO orders VALUES (2, 'new')");
  bench_expect(bench, "insert 2\n");
  sqlite3_close(db);
  bench_shell(bench, "mv app.db app.old");
  bench_expect_problem(bench, "there is no file");
  db = open_database(bench);
  run(db, "CREATE TABLE orders(a)");
  bench_expect_problem(bench, NULL);
  run(db, "INSERT INTO orders VALUES (3)");
  bench_expect(bench, "insert 1\n");
  sqlite3_close(db);
}

static void copy_database(sqlite3 *from, sqlite3 *to)
{
  sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
  assert_int_equal(sqlite3_backup_step(backup, -1), SQLITE_DONE);
  assert_int_equal(sqlite3_backup_finish(backup), SQLITE_OK);
}

/* The log in it goes back with it, and numbers are used again. */
static void test_database_put_back(void **state)
{
  struct bench *bench = *state;
  sqlite3 *db = begin(bench, "WAL"), *kept;
  assert_int_equal(sqlite3_open(":memory:", &kept), SQLITE_OK);
  copy_database(db, kept);
  run(db, "INSERT INTO orders VALUES (2, 'new'), (3, 'new'), (4, 'new')");
  bench_expect(bench, "insert 2\ninsert 3\ninsert 4\n");
  sqlite3_close(db);
  db = open_database(bench); /* for ThreadSanitizer, to whom a copy there and back is a circle */
  copy_database(kept, db);
  bench_expect_problem(bench, "changes of table \"orders\"");
  bench_expect_problem(bench, NULL);
  run(db, "INSERT INTO orders VALUES (5, 'new')");
  bench_expect(bench, "insert 5\n");
  sqlite3_close(kept);
  sqlite3_close(db);
}

static int lock_behind_commit(unsigned kind, void *other, void *statement, void *taken)
{
  const char *sql = sqlite3_sql(statement);
  (void)kind;
  (void)taken;
  if (sql && strcmp(sql, "COMMIT") == 0)
    sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL);
  return 0;
}

/* What was missing is told, however the next one to write comes in between. */
static void test_locked_behind_an_install(void **state)
{
  struct bench *bench = *state;
  sqlite3 *db = open_database(bench);
  char *path = memory_printf("%s/app.db", bench->root);
  struct table_log *log = table_log_create(path, "orders", "reader");
  int64_t position = 0;
  bool has_changed, has_opened, has_gap, is_told = false;
  struct error error;
  run(db, "PRAGMA journal_mode = DELETE; CREATE TABLE orders(a)");
  assert_int_equal(table_log_check(log, &has_changed, &has_opened, &error), ERROR_OK);
  assert_int_equal(table_log_install(log, true, &position, &has_gap, &error), ERROR_OK);
  run(db, "DROP TRIGGER moonbeat_insert_orders; INSERT INTO orders VALUES (1)");
  sqlite3_trace_v2(log->db, SQLITE_TRACE_PROFILE, lock_behind_commit, db);
  for (int i = 0; i < 2; i++) {
    if (table_log_install(log, false, &position, &has_gap, &error) == ERROR_OK)
      is_told = is_told || has_gap;
    sqlite3_trace_v2(log->db, 0, NULL, NULL);
    sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
  }
  assert_true(is_told);
  table_log_destroy(log);
  free(path);
  sqlite3_close(db);
}

static void test_locked_for_long(void **state)
{
  struct bench *bench = *state;
  sqlite3 *db = begin(bench, "DELETE");
  run(db, "BEGIN EXCLUSIVE; INSERT INTO orders VALUES (2, 'new')");
  bench_run(bench, 1000);
  assert_null(bench->problem);
  bench_expect_problem(bench, "is locked by another program");
  run(db, "COMMIT");
  bench_expect(bench, "insert 2\n");
  assert_null(bench->problem);
  run(db, "BEGIN IMMEDIATE");
  sensors_set(bench->sensors, "k", NULL, NULL);
  bench_run(bench, 500);
  run(db, "COMMIT");
  expect_answer(bench, db, LEFT, 0);
  sqlite3_close(db);
}

static void test_closed_during_work(void **state)
{
  struct bench *bench = *state;
  sqlite3 *db = begin(bench, "WAL");
  bench_close(bench);
  bench_open(bench);
  for (int i = 0; i < 30; i++) {
    sensors_set(bench->sensors, "k", source_of(bench, "orders"), i % 2 ? bench->position : NULL);
    run(db, "INSERT INTO orders(status) VALUES ('new')");
    for (int turn = 0; turn < i % 7; turn++)
      bench_run(bench, (uint64_t)turn);
    if (i % 3 == 1)
      sensors_set(bench->sensors, "k", NULL, NULL);
    bench_close(bench);
    free(bench->offered);
    bench->offered = NULL;
    bench_open(bench);
  }
  sqlite3_close(db);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, bench_setup, bench_teardown)
      TEST(changes_with_wal),
      TEST(changes_with_rollback_journal),
      TEST(event),
      TEST(tables_without_rowid),
      TEST(keys),
      TEST(changes_while_down),
      TEST(many_in_order),
      TEST(long_keys),
      TEST(log_is_cleaned),
      TEST(two_readers),
      TEST(reader_long_gone),
      TEST(ended_in_a_later_life),
      TEST(set_again_at_once),
      TEST(exactly_once_with_wal),
      TEST(exactly_once_with_rollback_journal),
      TEST(what_cannot_be_watched),
      TEST(table_made_anew),
      TEST(file_replaced),
      TEST(database_put_back),
      TEST(locked_behind_an_install),
      TEST(locked_for_long),
      TEST(closed_during_work),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
