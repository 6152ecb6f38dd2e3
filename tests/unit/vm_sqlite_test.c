/* SQLite as scripts see it: values there and back, mistakes and their sentences, transactions of
 * several calls, and what happens to a database when its call or its state goes. */
#include "support/unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "support/scratch.h"
#include "support/vm_unit.h"
#include "vm/api_sqlite_files.h"

static char *folder;

static struct vm_options options(void)
{
  return (struct vm_options){.folder = folder};
}

#define MEMORY "local db = sqlite.open(':memory:') "
#define TABLE  MEMORY "db:exec('CREATE TABLE t(id INTEGER PRIMARY KEY, a UNIQUE, b)') "

static void test_values(void **state)
{
  (void)state;
  static const struct eval_case cases[] = {
      {MEMORY "return db:value('SELECT 1 + ?', 41)", "42"},
      {MEMORY "return db:value('SELECT ?', 9007199254740993)", "9007199254740993"},
      {MEMORY "return db:value('SELECT ?', math.mininteger)", "-9223372036854775808"},
      {MEMORY "return math.type(db:value('SELECT ?', 2.0))", "float"},
      {MEMORY "return db:value('SELECT ?', 0.1)", "0.1"},
      {MEMORY "return #db:value('SELECT ?', 'a\\0b\\0')", "4"},
      {MEMORY "return db:value('SELECT typeof(?)', 'a')", "text"},
      {MEMORY "return db:value('SELECT typeof(?)', sqlite.blob('a\\0\\255'))", "blob"},
      {MEMORY "return db:value('SELECT length(?)', sqlite.blob(''))", "0"},
      {MEMORY "return db:value('SELECT ?', sqlite.blob('\\255\\0')) == '\\255\\0'", "true"},
      {MEMORY "return db:value('SELECT typeof(?)', nil)", "null"},
      {MEMORY "return db:value('SELECT typeof(?)', json.null)", "null"},
      {MEMORY "return db:value('SELECT ? + ?', true, false)", "1"},
      {MEMORY "return db:value('SELECT ?1 || ?1 || ?2', 'a', 'b')", "aab"},
      {MEMORY "return db:value('SELECT :a || @b || $c', { a = 1, b = 2, c = 3 })", "123"},
      {MEMORY "return db:value('SELECT ? || ?', { 'x', 'y' })", "xy"},
      {MEMORY "return db:value('SELECT 1 WHERE 0')", "nil"},
      {MEMORY "return db:row('SELECT 1 WHERE 0')", "nil"},
      {MEMORY "local r = db:row('SELECT 1 AS one, NULL AS two, \"x\" AS three') "
              "return r.one .. tostring(r.two) .. r.three",
       "1nilx"},
      {MEMORY "return #db:all('SELECT 1 WHERE 0')", "0"},
      {TABLE "return db:exec('INSERT INTO t(a) VALUES (1), (2), (3)')", "3"},
      {TABLE "return db:exec('CREATE TABLE u(x)')", "0"},
      {TABLE "db:exec('INSERT INTO t(a) VALUES (1)') return db:exec('SELECT 1')", "0"},
      {TABLE
       "return db:exec('INSERT INTO t(a) VALUES (1); INSERT INTO t(a) VALUES (2), (3); -- end')",
       "3"},
      {TABLE "db:exec('INSERT INTO t(id, a) VALUES (70, ?)', 'x') return db:last_insert_id()",
       "70"},
      {TABLE "return db:value('INSERT INTO t(a) VALUES (5), (6) RETURNING a') .. "
             "db:value('SELECT count(*) FROM t')",
       "52"},
      {MEMORY "local t = {} for row in db:rows('WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT "
              "i + 1 FROM n WHERE i < 1000) SELECT i FROM n WHERE i > ?', 0) do t[#t + 1] = row.i "
              "end return #t .. ' ' .. t[1000]",
       "1000 1000"},
      {TABLE
       "for row in db:rows('SELECT :x AS v, :x AS w', { x = 'text' }) do return row.v .. row.w "
       "end",
       "texttext"},
      {MEMORY
       "local next_row = db:rows('SELECT 7 AS v') return next_row().v .. tostring(next_row())",
       "7nil"},
      {MEMORY "return db:value('SELECT ?', (time.parse('2026-03-01T00:00:00Z')))",
       "2026-03-01T00:00:00.000000Z"},
      {MEMORY "return coroutine.wrap(function() return db:value('SELECT 8') end)()", "8"},
      {TABLE "db:exec('INSERT INTO t(a) VALUES (1), (2)') local n = 0 for row in db:rows('SELECT * "
             "FROM t') do n = n + db:exec('UPDATE t SET b = ? WHERE id = ?', row.a, row.id) end "
             "return n .. db:value('SELECT sum(b) FROM t')",
       "23"},
      /* A statement that is kept has the columns of the table as it is now. */
      {TABLE "db:exec('INSERT INTO t VALUES (1, 2, 3)') local function all() local rows = "
             "db:all('SELECT * FROM t') return #rows .. json.encode(rows[1]) end local before = "
             "all() db:exec('ALTER TABLE t ADD COLUMN c DEFAULT 4') return before .. all()",
       "1{\"a\":2,\"b\":3,\"id\":1}1{\"a\":2,\"b\":3,\"c\":4,\"id\":1}"},
      {TABLE "db:exec('INSERT INTO t VALUES (1, 2, 3)') local function columns() local n = 0 for "
             "row in db:rows('SELECT * FROM t') do for _ in pairs(row) do n = n + 1 end end return "
             "n end local before = columns() db:exec('ALTER TABLE t DROP COLUMN b') return before "
             ".. columns()",
       "32"},
  };
  CHECK_CASES(cases, options(), 0);
}

static void test_mistakes(void **state)
{
  (void)state;
  static const struct eval_case cases[] = {
      {MEMORY "db:value('SELECT ?', { [0] = 1 })",
       "!t.lua:1: db:value: parameters are names or a list without gaps, and [0] is neither"},
      {MEMORY "db:value('SELECT ?', { [-1] = 'x' })",
       "!t.lua:1: db:value: parameters are names or a list without gaps, and [-1] is neither"},
      {"sqlite.open(nil)", "!t.lua:1: sqlite.open: path must be a string, got nil"},
      {"sqlite.open('')", "!t.lua:1: sqlite.open: path is empty"},
      {"sqlite.open('x', { readony = true })",
       "!t.lua:1: sqlite.open: unknown option \"readony\", did you mean \"readonly\"?"},
      {"sqlite.open('x', { busy_timeout = '5 parsecs' })", "!t.lua:1: sqlite.open: busy_timeout: "},
      {"sqlite.open('none.db', { create = false })",
       "!t.lua:1: sqlite.open: cannot open none.db: No such file or directory"},
      {"sqlite.open('none/a.db')",
       "!t.lua:1: sqlite.open: cannot open none/a.db: No such file or directory"},
      {"fs.write('text.txt', ('no database\\n'):rep(100)) sqlite.open('text.txt')",
       "!t.lua:1: sqlite.open: cannot open text.txt: file is not a database"},
      {MEMORY "db:exec('SELEC 1')",
       "!t.lua:1: db:exec: near \"SELEC\": syntax error in \"SELEC 1\""},
      {MEMORY "db:exec('SELECT ?')",
       "!t.lua:1: db:exec: the statement takes 1 parameter, got 0 in \"SELECT ?\""},
      {MEMORY "db:value('SELECT ?', 1, 2)",
       "!t.lua:1: db:value: the statement takes 1 parameter, got 2 in \"SELECT ?\""},
      {MEMORY "db:exec('SELECT 1; SELECT ?', 1)",
       "!t.lua:1: db:exec: several statements, where one is expected, in \"SELECT 1; SELECT ?\""},
      {MEMORY "db:value('')", "!t.lua:1: db:value: there is no statement in \"\""},
      {MEMORY "db:value('SELECT :name', { nmae = 1 })",
       "!t.lua:1: db:value: parameter :name was not given"},
      {MEMORY "db:value('SELECT :name', { name = 1, naem = 1 })",
       "!t.lua:1: db:value: there is no parameter :naem, did you mean \"name\"? in"},
      {MEMORY "db:value('SELECT ?', { a = 1 })", "!t.lua:1: db:value: parameter 1 has no name"},
      {MEMORY "db:value('SELECT ?', print)",
       "!t.lua:1: db:value: parameter 1: a function cannot be stored"},
      {MEMORY "db:value('SELECT ?, ?', 1, {})",
       "!t.lua:1: db:value: parameter 2: a table cannot be stored"},
      {MEMORY "db:value('SELECT ?', { {} })",
       "!t.lua:1: db:value: parameter 1: a table cannot be stored"},
      {MEMORY "db:value(12)", "!t.lua:1: db:value: sql must be a string, got number"},
      {MEMORY "db.value('SELECT 1')",
       "!t.lua:1: db:value: a database is needed, got string; write db:method(...)"},
      {MEMORY "db:value('CREATE TABLE t(a)')",
       "!t.lua:1: db:value: a statement without rows (db:exec runs it) in \"CREATE TABLE t(a)\""},
      {TABLE "db:exec('INSERT INTO t(a) VALUES (1)') db:exec('INSERT INTO t(a) VALUES (1)')",
       "!t.lua:1: db:exec: UNIQUE constraint failed: t.a in \"INSERT INTO t(a) VALUES (1)\""},
      {MEMORY "db:close() db:close() db:value('SELECT 1')",
       "!t.lua:1: db:value: the database is closed"},
      {MEMORY "for _ in db:rows('WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
              "SELECT i FROM n') do db:close() end",
       "!t.lua:1: db:rows: the database is closed"},
      {MEMORY "db:all('WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT "
              "zeroblob(1000000) FROM n')",
       "!t.lua:1: db:all: over the limit of 64 MiB of rows"},
      {MEMORY "db:exec(\"ATTACH ? AS x\", 'y')",
       "!t.lua:1: db:exec: ATTACH takes the name of a file written out, as '...' in \"ATTACH ? AS "
       "x\""},
      {MEMORY "for _ in ipairs(setmetatable({}, { __index = function() return db:value('SELECT 1') "
              "end })) do end",
       "!t.lua:1: db:value cannot wait here"},
      {MEMORY "db:transaction(1)",
       "!t.lua:1: db:transaction: action must be a function, got number"},
      {"local db = sqlite.open(':memory:') db:exec('CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE "
       "TABLE c(p REFERENCES p)') db:exec('INSERT INTO c VALUES (1)')",
       "!t.lua:1: db:exec: FOREIGN KEY constraint failed"},
  };
  CHECK_CASES(cases, options(), 0);
}

/* SQL that reaches into the process's memory, or beyond the database. */
static void test_unsafe(void **state)
{
  (void)state;
  static const struct eval_case cases[] = {
      {MEMORY "db:value(\"SELECT fts3_tokenizer('simple', x'4141414141414141')\")",
       "!t.lua:1: db:value: not authorized to use function: fts3_tokenizer in"},
      {MEMORY "db:value(\"SELECT FTS3_Tokenizer('simple', ?)\", sqlite.blob('AAAAAAAA'))",
       "!t.lua:1: db:value: not authorized to use function: FTS3_Tokenizer in"},
      {MEMORY "db:exec('CREATE VIRTUAL TABLE t USING fts3(x, tokenize=porter)') "
              "db:exec('INSERT INTO t VALUES (?)', 'running') "
              "return db:value(\"SELECT x FROM t WHERE t MATCH 'runs'\")",
       "running"},
      {MEMORY "db:exec(\"PRAGMA temp_store_directory = '/tmp'\")",
       "!t.lua:1: db:exec: PRAGMA temp_store_directory holds for the whole process in"},
      {MEMORY "db:value('PRAGMA main.Mmap_Size = 1000000')",
       "!t.lua:1: db:value: PRAGMA mmap_size would let who cuts the file short end the process in"},
      {"return sqlite.open('u.db'):value('PRAGMA mmap_size')", "0"},
  };
  CHECK_CASES(cases, options(), 0);
}

static void test_transactions(void **state)
{
  (void)state;
  static const struct eval_case cases[] = {
      {TABLE "local a, b = db:transaction(function(d, x) d:exec('INSERT INTO t(a) VALUES (?)', x) "
             "return 'r', x end, 9) return a .. b .. db:value('SELECT a FROM t')",
       "r99"},
      {TABLE
       "local ok, e = pcall(db.transaction, db, function() db:exec('INSERT INTO t(a) VALUES "
       "(1)') error('no') end) return tostring(ok) .. e .. db:value('SELECT count(*) FROM t')",
       "falset.lua:1: no0"},
      {TABLE
       "db:transaction(function() db:exec('INSERT INTO t(a) VALUES (1)') pcall(db.transaction, "
       "db, function() db:exec('INSERT INTO t(a) VALUES (2)') error('x') end) "
       "db:transaction(function() db:exec('INSERT INTO t(a) VALUES (3)') end) end) return "
       "db:value('SELECT group_concat(a) FROM t')",
       "1,3"},
      {TABLE "db:transaction(function() coroutine.wrap(function() db:exec('INSERT INTO t(a) VALUES "
             "(4)') end)() end) return db:value('SELECT a FROM t')",
       "4"},
      {MEMORY "db:exec('CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(p REFERENCES p "
              "DEFERRABLE INITIALLY DEFERRED)') local ok, e = pcall(db.transaction, db, function() "
              "db:exec('INSERT INTO c VALUES (1)') end) return tostring(ok) .. db:value('SELECT "
              "count(*) FROM c') .. e",
       "false0t.lua:1: db:transaction: FOREIGN KEY constraint failed in \"COMMIT\""},
      /* One that SQLite has rolled back is over for all that follows in it, and for nothing else.
       */
      {TABLE "local ok, e = pcall(db.transaction, db, function() db:exec('INSERT INTO t(a) VALUES "
             "(1)') pcall(db.exec, db, 'INSERT OR ROLLBACK INTO t(a) VALUES (1)') db:exec('INSERT "
             "INTO t(a) VALUES (2)') end) return e .. db:value('SELECT count(*) FROM t')",
       "t.lua:1: db:exec: the transaction was rolled back meanwhile in \"INSERT INTO t(a) VALUES "
       "(2)\"0"},
      {TABLE
       "db:exec('BEGIN') db:transaction(function() db:exec('INSERT INTO t(a) VALUES (1)') end) "
       "db:exec('COMMIT') db:exec('INSERT INTO t(a) VALUES (2)') db:transaction(function() "
       "db:exec('COMMIT') db:exec('BEGIN') end) return db:value('SELECT count(*) FROM t')",
       "2"},
  };
  CHECK_CASES(cases, options(), 0);
}

/* Tries the statement; why it is refused, without the folder and without the statement. */
#define ATTACH(sql)                                                                                \
  "local db = sqlite.open 'a.db' "                                                                 \
  "local folder = db:value('SELECT file FROM pragma_database_list'):match '.*/' "                  \
  "local ok, text = pcall(db.exec, db, " sql ") if ok then return ok end "                         \
  "local at = text:find(folder, 1, true) "                                                         \
  "return (text:sub(1, at - 1) .. text:sub(at + #folder)):match 'db:exec: (.-) in \"'"
#define OWN_SOCKET "it is the socket on which the daemon is spoken to"
#define OWN_STORE  " is the scheduler's own store, which scripts may not open"

static void test_files(void **state)
{
  (void)state;
  static const struct eval_case cases[] = {
      {"local db = sqlite.open('a.db') db:exec('CREATE TABLE t(a)') local mode = db:value('PRAGMA "
       "journal_mode') db:close() return mode",
       "wal"},
      {"local db = sqlite.open('a.db', { readonly = true }) return db:value('SELECT count(*) FROM "
       "t')",
       "0"},
      {"local db = sqlite.open('a.db', { readonly = true }) db:exec('DROP TABLE t')",
       "!t.lua:1: db:exec: attempt to write a readonly database"},
      {"local db = sqlite.open('a.db') return select(2, fs.read('a.db'))",
       "read a.db: it is a database in use, which other access would unlock; use sqlite, whose "
       "VACUUM INTO makes a copy"},
      {"local db = sqlite.open('a.db') local copy = db:value('SELECT file FROM "
       "pragma_database_list') .. '.copy' db:exec('VACUUM INTO ?', copy) db:close() "
       "return #fs.read('a.db') > 0 and fs.exists(copy)",
       "true"},
      {ATTACH("'ATTACH [' .. folder .. 'b.db] AS b'"), "true"},
      {ATTACH("'ATTACH [' .. folder .. './store.db] AS x'"), "./store.db" OWN_STORE},
      {ATTACH("'ATTACH [' .. folder .. 'link.db] AS x'"), "link.db" OWN_STORE},
      {ATTACH("'ATTACH [' .. folder .. 'hard.db] AS x'"), "hard.db" OWN_STORE},
      {ATTACH("'ATTACH [' .. folder .. 'store.db-shm] AS x'"), "store.db-shm" OWN_STORE},
      {ATTACH("'ATTACH [file:' .. folder .. 'store.db] AS x'"),
       "file:store.db is a URI, which is not accepted: write the file's path"},
      {ATTACH("'VACUUM INTO \\'file:' .. folder .. '%73tore.db?vfs=unix-none\\''"),
       "file:%73tore.db?vfs=unix-none is a URI, which is not accepted: write the file's path"},
      {"sqlite.open('file:store.db', { create = false })",
       "!t.lua:1: sqlite.open: cannot open file:store.db: No such file or directory"},
      {"sqlite.open('store.db-wal')", "!t.lua:1: sqlite.open: store.db-wal is the scheduler's own"},
      {"sqlite.open('store.db')",
       "!t.lua:1: sqlite.open: store.db is the scheduler's own store, which scripts may not open"},
      {"return select(2, fs.write('store.db', 'x'))",
       "write store.db: it is the scheduler's own store"},
      {"return select(2, fs.append('store.db-wal', 'x'))",
       "append to store.db-wal: it is the scheduler's own store"},
      {"return select(2, fs.remove('store.db-lock'))",
       "remove store.db-lock: it is the scheduler's own store"},
      {"return select(2, fs.rename('store.db', 'x.db'))",
       "rename store.db to x.db: it is the scheduler's own store"},
      {"fs.write('x', '') return select(2, fs.rename('x', 'store.db-journal'))",
       "rename x to store.db-journal: it is the scheduler's own store"},
      {"return select(2, fs.remove('control.sock'))", "remove control.sock: " OWN_SOCKET},
      {"return select(2, fs.rename('control.sock', 'y'))", "rename control.sock to y: " OWN_SOCKET},
      {"fs.write('x', '') return select(2, fs.rename('x', './control.sock'))",
       "rename x to ./control.sock: " OWN_SOCKET},
      {"return fs.remove('sockets/control.sock')", "true"},
      {"return select(2, fs.remove('.', { recursive = true })):match ': .*'",
       ": it holds the scheduler's own store"},
      {"fs.mkdir('data/deep', { parents = true }) local db = sqlite.open('data/deep/d.db') "
       "local problem = select(2, fs.rename('data', 'gone')) db:close() "
       "return (problem:gsub('%S+/data', 'data'))",
       "rename data to gone: it holds a database in use, data/deep/d.db"},
      {"return select(2, fs.rename('data/deep/d.db', 'e.db')) or fs.remove('e.db')", "true"},
  };
  char *store = memory_printf("%s/store.db", folder), *hard = memory_printf("%s/hard.db", folder);
  char *soft = memory_printf("%s/link.db", folder);
  char *near = memory_printf("%s/control.sock", folder);
  char *sockets = memory_printf("%s/sockets", folder);
  char *far = memory_printf("%s/control.sock", sockets);
  fclose(fopen(store, "w"));
  assert_int_equal(mknod(near, S_IFSOCK | 0600, 0), 0);
  assert_int_equal(mkdir(sockets, 0700), 0);
  assert_int_equal(mknod(far, S_IFSOCK | 0600, 0), 0);
  assert_int_equal(link(store, hard), 0);
  assert_int_equal(symlink("store.db", soft), 0);
  sqlite_files_set_store(store);
  CHECK_CASES(cases, options(), 0);
  free(store);
  free(hard);
  free(soft);
  free(near);
  free(far);
  free(sockets);
}

/* A weak table has its keys for a while after they were finalized: whatever is done with such a
 * database is answered as for a closed one, and its cursors have ended. */
#define FINALIZED(made, use)                                                                       \
  MEMORY "local weak, ends = setmetatable({}, { __mode = 'k' }), {} "                              \
         "for i = 1, 3000 do " made " weak[object] = i object = nil "                              \
         "for object in pairs(weak) do local ok, text = pcall(function() " use " end) "            \
         "if not ok then return text end end collectgarbage 'step' end return 'never finalized'"

static void test_finalized(void **state)
{
  (void)state;
  static const struct eval_case cases[] = {
      {FINALIZED("local object = sqlite.open ':memory:'", "object:value 'SELECT 1'"),
       "t.lua:1: db:value: the database is closed"},
      {FINALIZED("local object = sqlite.open ':memory:'", "for _ in object:rows 'SELECT 1' do end"),
       "t.lua:1: db:rows: the database is closed"},
      {FINALIZED("local object = sqlite.open ':memory:'", "object:last_insert_id()"),
       "t.lua:1: db:last_insert_id: the database is closed"},
      {FINALIZED("local object = sqlite.open ':memory:'", "object:close() object:value 'SELECT 1'"),
       "t.lua:1: db:value: the database is closed"},
      {"local weak = setmetatable({}, { __mode = 'k' }) local db = sqlite.open ':memory:' "
       "for i = 1, 2000 do local step, _, _, closing = db:rows 'SELECT 1' weak[closing] = i "
       "closing = nil step = nil for cursor in pairs(weak) do local c <close> = cursor end "
       "collectgarbage 'step' end return db:value 'SELECT 2'",
       "2"},
  };
  CHECK_CASES(cases, options(), 0);
}

/* A state whose calls share a database, in the global `db`. */
static struct vm *open_shared(struct bench *bench)
{
  bench_open(bench);
  struct vm *vm = bench_vm_with(bench, options());
  struct piece *setup = piece_start(vm, TABLE "_G.db = db", 0);
  piece_wait(bench, setup);
  piece_free(setup);
  return vm;
}

/* The second's statements wait for the first's transaction. */
static void test_two_calls(void **state)
{
  (void)state;
  struct bench bench;
  struct vm *vm = open_shared(&bench);
  struct piece *first =
      piece_start(vm,
                  "db:transaction(function() db:exec('INSERT INTO t(a) VALUES (1)') sleep(0.2) "
                  "db:exec('INSERT INTO t(a) VALUES (2)') end) return 'done'",
                  0);
  struct piece *second =
      piece_start(vm, "sleep(0.05) return db:value('SELECT count(*) FROM t')", 0);
  piece_wait(&bench, second);
  piece_wait(&bench, first);
  assert_string_equal(first->result, "done");
  assert_string_equal(second->result, "2");
  assert_true(first->ended_us <= second->ended_us + 20000);
  piece_free(first);
  piece_free(second);
  vm_destroy(vm);
  bench_close(&bench);
}

/* Who waits for the transaction's end finds no database. */
static void test_closed_in_transaction(void **state)
{
  (void)state;
  struct bench bench;
  struct vm *vm = open_shared(&bench);
  struct piece *closing =
      piece_start(vm, "return pcall(db.transaction, db, function() sleep(0.2) db:close() end)", 0);
  struct piece *waiting =
      piece_start(vm, "sleep(0.05) return select(2, pcall(db.transaction, db, function() end))", 0);
  piece_wait(&bench, waiting);
  piece_wait(&bench, closing);
  assert_non_null(strstr(waiting->result, "the database is closed"));
  piece_free(closing);
  piece_free(waiting);
  vm_destroy(vm);
  bench_close(&bench);
}

/* Each row goes to one of them, though both ask for the next lot when one is read. */
static void test_cursor_read_by_two(void **state)
{
  (void)state;
  static const char reading[] = "while step() do read = read + 1 sleep(0.0001) end";
  struct bench bench;
  struct vm *vm = open_shared(&bench);
  struct piece *one =
      piece_start(vm,
                  "step = db:rows('WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
                  "WHERE i < 1000) SELECT i FROM n') read = 0",
                  0);
  piece_wait(&bench, one);
  piece_free(one);
  one = piece_start(vm, reading, 0);
  struct piece *other = piece_start(vm, reading, 0);
  piece_wait(&bench, one);
  piece_wait(&bench, other);
  piece_free(one);
  piece_free(other);
  other = piece_start(vm, "return read", 0);
  piece_wait(&bench, other);
  assert_string_equal(other->result, "1000");
  piece_free(other);
  vm_destroy(vm);
  bench_close(&bench);
}

/* The next rows of a cursor wait for the end of a transaction, in which it is closed, or read to
 * its end. */
static void test_cursor_ended_by_another(void **state)
{
  (void)state;
  static const char *const bodies[] = {"do local ended <close> = cursor end",
                                       "for _ in step do end"};
  for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
    struct bench bench;
    struct vm *vm = open_shared(&bench);
    char *source = memory_printf("local a, b step, a, b, cursor = db:rows('WITH RECURSIVE n(i) AS "
                                 "(SELECT 1 UNION ALL SELECT "
                                 "i + 1 FROM n WHERE i < 1000) SELECT i FROM n') "
                                 "db:transaction(function() sleep(0.1) %s end)",
                                 bodies[i]);
    struct piece *ending = piece_start(vm, source, 0);
    struct piece *waiting =
        piece_start(vm, "sleep(0.05) local n = 0 while step() do n = n + 1 end return n", 0);
    piece_wait(&bench, waiting);
    piece_wait(&bench, ending);
    assert_string_equal(ending->error, "");
    assert_string_equal(waiting->result, "256"); /* the first lot */
    piece_free(ending);
    piece_free(waiting);
    free(source);
    vm_destroy(vm);
    bench_close(&bench);
  }
}

/* A call that dies in its transaction, in a wait of another kind or in its own: rolled back, and
 * whoever stands in line goes on. */
static void test_killed_in_transaction(void **state)
{
  (void)state;
  static const char *const bodies[] = {
      "sleep(60)",
      "while true do end",
      "db:value('WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) "
      "FROM n')",
  };
  for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
    struct bench bench;
    bench_open(&bench);
    struct vm *vm = bench_vm_with(&bench, options());
    struct piece *setup = piece_start(vm, TABLE "_G.db = db", 0);
    piece_wait(&bench, setup);
    char *source = memory_printf(
        "db:transaction(function() db:exec('INSERT INTO t(a) VALUES (1)') %s end)", bodies[i]);
    struct piece *first = piece_start(vm, source, 300000);
    struct piece *second =
        piece_start(vm, "sleep(0.05) return db:value('SELECT count(*) FROM t')", 0);
    piece_wait(&bench, second);
    assert_int_equal(first->outcome, VM_TIMED_OUT);
    assert_string_equal(second->result, "0");
    piece_free(setup);
    piece_free(first);
    piece_free(second);
    free(source);
    vm_destroy(vm);
    bench_close(&bench);
  }
}

#define ENDLESS                                                                                    \
  "'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n'"
#define ENDLESS_WRITE                                                                              \
  "'INSERT INTO t(b) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT 1 FROM n) SELECT max(i) "   \
  "FROM n'"

/* A statement that is given up because its run is to end, and an error that the script keeps: what
 * follows is in the transaction, or is not done at all. */
static void test_told_in_transaction(void **state)
{
  (void)state;
  static const struct {
    const char *statement, *expected;
  } cases[] = {
      {"db:value(" ENDLESS ")", "true 1,2"},
      {"db:exec(" ENDLESS_WRITE ")", "false none"},
      {"db:transaction(function() db:exec(" ENDLESS_WRITE ") end)", "false none"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct bench bench;
    bench_open(&bench);
    struct vm *vm = bench_vm_with(&bench, options());
    char *source = memory_printf(
        TABLE "local ok = pcall(db.transaction, db, function() db:exec('INSERT INTO t(a) VALUES "
              "(1)') log.info('waits') pcall(function() %s end) pcall(function() "
              "db:transaction(function() db:exec('INSERT INTO t(b) VALUES (0)') error() end) end) "
              "db:exec('INSERT INTO t(a) VALUES (2)') end) return tostring(ok) .. ' ' .. "
              "(db:value('SELECT group_concat(a) FROM t') or 'none')",
        cases[i].statement);
    struct piece *piece = piece_start(vm, source, 0);
    while (piece->outcome == VM_RUNNING && piece->log.size == 0)
      uv_run(&bench.loop, UV_RUN_NOWAIT);
    int64_t began_us = clock_monotonic_us();
    while (clock_monotonic_us() - began_us < 50000)
      uv_run(&bench.loop, UV_RUN_NOWAIT);
    vm_call_tell(&piece->call, TOLD_CANCELLED, 0);
    piece_wait(&bench, piece);
    assert_string_equal(piece->error, "");
    assert_string_equal(piece->result, cases[i].expected);
    piece_free(piece);
    free(source);
    vm_destroy(vm);
    bench_close(&bench);
  }
}

static void test_cancel_of_endless_query(void **state)
{
  (void)state;
  static const char *const sources[] = {
      MEMORY "db:value(" ENDLESS ")",
      MEMORY "for _ in db:rows(" ENDLESS ") do end",
      MEMORY "db:exec(" ENDLESS ")",
  };
  struct bench bench;
  bench_open(&bench);
  for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
    struct vm *vm = bench_vm_with(&bench, options());
    struct piece *piece = piece_start(vm, sources[i], 100000);
    int64_t began_us = clock_monotonic_us();
    piece_wait(&bench, piece);
    assert_int_equal(piece->outcome, VM_TIMED_OUT);
    vm_destroy(vm);
    while (bench.loop.active_reqs.count > 0) /* until the pool's thread is free again */
      uv_run(&bench.loop, UV_RUN_NOWAIT);
    assert_in_range(clock_monotonic_us() - began_us, 90000, 1000000);
    piece_free(piece);
  }
  bench_close(&bench);
}

/* States that go with work in flight and rows half read. */
static void test_state_closed_early(void **state)
{
  (void)state;
  static const char *const sources[] = {
      MEMORY "db:value(" ENDLESS ")",
      "sqlite.open('b.db')",
      "local db = sqlite.open('b.db') for r in db:rows('WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
      "SELECT i + 1 FROM n) SELECT i FROM n') do if r.i == 1000 then sleep(10) end end",
  };
  for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
    for (uint64_t delay_us = 0; delay_us < 40000; delay_us = delay_us * 2 + 500) {
      struct bench bench;
      bench_open(&bench);
      struct vm *vm = bench_vm_with(&bench, options());
      struct piece *piece = piece_start(vm, sources[i], 0);
      int64_t began_us = clock_monotonic_us();
      while ((uint64_t)(clock_monotonic_us() - began_us) < delay_us)
        uv_run(&bench.loop, UV_RUN_NOWAIT);
      vm_kill_all(vm);
      vm_destroy(vm);
      bench_close(&bench); /* asserts that no handle is left */
      piece_free(piece);
    }
}

/* ---- locks of others ---- */

/* Twelve that write while another holds the file: more than there are threads, one of which the
 * holder needs to let go of it. */
static void check_writers(const char *mode, const char *write)
{
  enum { WRITERS = 12 };
  struct bench bench;
  bench_open(&bench);
  struct vm *vm = bench_vm_with(&bench, options());
  char *hold = memory_printf(
      "fs.remove('l.db') local db = sqlite.open('l.db') db:exec('PRAGMA journal_mode=%s') "
      "db:exec('CREATE TABLE t(x)') db:exec('BEGIN EXCLUSIVE') ready = true sleep(0.2) "
      "db:exec('INSERT INTO t VALUES (1)') db:exec('COMMIT') "
      "while (done or 0) < 12 do sleep(0.01) end return db:value('SELECT count(*) FROM t')",
      mode);
  char *source = memory_printf("while not ready do sleep(0.01) end "
                               "local db = sqlite.open('l.db', { busy_timeout = 60 }) %s "
                               "db:close() done = (done or 0) + 1",
                               write);
  struct piece *holder = piece_start(vm, hold, 0), *writers[WRITERS];
  for (int i = 0; i < WRITERS; i++)
    writers[i] = piece_start(vm, source, 0);
  for (int i = 0; i < WRITERS; i++) {
    piece_wait(&bench, writers[i]);
    assert_string_equal(writers[i]->error, "");
    piece_free(writers[i]);
  }
  piece_wait(&bench, holder);
  assert_string_equal(holder->error, "");
  assert_string_equal(holder->result, "25"); /* each writes two rows */
  piece_free(holder);
  vm_destroy(vm);
  bench_close(&bench);
  free(source);
  free(hold);
}

static void test_waiting_for_locks(void **state)
{
  (void)state;
  static const char *const modes[] = {"WAL", "DELETE"};
  static const char *const writes[] = {
      "db:exec('SELECT 1; INSERT INTO t VALUES (2); INSERT INTO t VALUES (3)')",
      "assert(#db:all('INSERT INTO t VALUES (2), (3) RETURNING x') == 2)",
      "local n = 0 for row in db:rows('INSERT INTO t VALUES (2), (3) RETURNING x') do n = n + 1 "
      "end "
      "assert(n == 2)",
      "db:transaction(function() db:exec('INSERT INTO t VALUES (2)') "
      "db:exec('INSERT INTO t VALUES (3)') end)",
  };
  for (size_t i = 0; i < 2; i++)
    for (size_t k = 0; k < sizeof writes / sizeof *writes; k++)
      check_writers(modes[i], writes[k]);
}

static void test_locked_out(void **state)
{
  (void)state;
#define HELD                                                                                       \
  "local a, b = sqlite.open('o.db'), sqlite.open('o.db', { busy_timeout = 0.1 }) "                 \
  "a:exec('CREATE TABLE IF NOT EXISTS t(x); BEGIN IMMEDIATE') local began = time.now() "
  static const struct eval_case fails[] = {
      {HELD "local ok, e = pcall(b.exec, b, 'INSERT INTO t VALUES (1)') return "
            "tostring(time.now() - began > 0.09) .. e",
       "truet.lua:1: db:exec: database is locked in \"INSERT INTO t VALUES (1)\""}};
  static const struct eval_case ends[] = {
      {HELD "sqlite.open('o.db', { busy_timeout = 600 }):exec('INSERT INTO t VALUES (1)')",
       "!took longer than its time-out of 1s"}};
  CHECK_CASES(fails, options(), 0);
  CHECK_CASES(ends, options(), 1000000);
}

static void test_relative_paths_in_sql(void **state)
{
  (void)state;
  static const struct eval_case cases[] = {
      {MEMORY "db:exec(\"ATTACH 'side.db' AS s; CREATE TABLE s.t(x); ATTACH ':memory:' AS m\") "
              "return fs.stat('side.db').type",
       "file"},
      {"sqlite.open('r.db'):exec(\"VACUUM INTO 'copy.db'\") return fs.stat('copy.db').type",
       "file"},
  };
  CHECK_CASES(cases, options(), 0);
}

static int make_folder(void **state)
{
  (void)state;
  folder = scratch_folder();
  return 0;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_values),
      cmocka_unit_test(test_mistakes),
      cmocka_unit_test(test_unsafe),
      cmocka_unit_test(test_transactions),
      cmocka_unit_test(test_files),
      cmocka_unit_test(test_finalized),
      cmocka_unit_test(test_two_calls),
      cmocka_unit_test(test_closed_in_transaction),
      cmocka_unit_test(test_cursor_read_by_two),
      cmocka_unit_test(test_cursor_ended_by_another),
      cmocka_unit_test(test_killed_in_transaction),
      cmocka_unit_test(test_told_in_transaction),
      cmocka_unit_test(test_cancel_of_endless_query),
      cmocka_unit_test(test_state_closed_early),
      cmocka_unit_test(test_waiting_for_locks),
      cmocka_unit_test(test_locked_out),
      cmocka_unit_test(test_relative_paths_in_sql),
  };
  return cmocka_run_group_tests(tests, make_folder, NULL);
}
