/* SQLite for Lua: calls that wait for a job on a database. Arguments and rows are
 * api_sqlite_value.c, the queue is api_sqlite_connection.c, the database itself
 * api_sqlite_session.c; lua/moonbeat/sqlite.lua is the face.
 *
 * A database is a userdata that holds its connection; a cursor is one that holds it too. One that
 * was finalized holds none, and is not out of the world yet: a weak table has its keys until the
 * next collection. Whatever is wrong raises, as `db:exec: UNIQUE constraint failed: orders.id in
 * "INSERT ..."`. */
#include <lauxlib.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/descriptors.h"
#include "base/memory.h"
#include "vm/api_args.h"
#include "vm/api_sqlite_connection.h"
#include "vm/api_sqlite_files.h"
#include "vm/api_sqlite_value.h"
#include "vm/state.h"
#include "vm/vm.h"

#define DATABASE "sqlite.database"
#define CURSOR   "sqlite.cursor"

enum { BUSY_TIMEOUT_US = 5000000, DATABASES_MAX = 256 };

struct cursor {
  struct sqlite_connection *connection;
  struct sqlite_cursor *cursor; /* NULL: closed */
  struct sqlite_rows rows;      /* the lot that is being read; names for all */
  bool has_ended;
};

struct query_wait {
  struct sqlite_wait sqlite; /* first */
  struct sqlite_connection *connection;
  const char *function; /* "db:exec", for messages; static */
  int (*push)(lua_State *L, struct sqlite_job *job);
};

/* ---- waiting ---- */

static void cancel(struct wait *wait)
{
  sqlite_connection_cancel((struct sqlite_wait *)wait);
}

static int finish(lua_State *L, struct wait *wait)
{
  struct query_wait *query = (struct query_wait *)wait;
  struct sqlite_job *job = &query->sqlite.job;
  if (job->code)
    return args_fail(L, "%s: %s", query->function, job->error.text);
  return query->push(L, job);
}

static void release(struct wait *wait)
{
  struct query_wait *query = (struct query_wait *)wait;
  struct sqlite_job *job = &query->sqlite.job;
  /* A cursor whose call was killed before it got it. */
  if (job->task == TASK_CURSOR_OPEN && job->cursor)
    sqlite_connection_close_cursor(query->connection, job->cursor);
  sqlite_job_deinit(job);
  free(query);
}

static const struct wait_kind sqlite_kind = {"sqlite", cancel, finish, release, false, true};

/* NULL: it was finalized. */
static struct sqlite_connection *database_at(lua_State *L, int index, const char *function)
{
  struct sqlite_connection **owner = luaL_testudata(L, index, DATABASE);
  if (!owner)
    args_fail(L, "%s: a database is needed, got %s; write db:method(...)", function,
              luaL_typename(L, index));
  return *owner;
}

static struct sqlite_connection *open_database_at(lua_State *L, int index, const char *function)
{
  struct sqlite_connection *connection = database_at(L, index, function);
  if (!connection || !sqlite_connection_is_open(connection))
    args_fail(L, "%s: the database is closed", function);
  return connection;
}

/* A job to be filled in and started; after wait_check, so that nothing raises in between. */
static struct query_wait *create_query(const char *function, enum sqlite_task task,
                                       int (*push)(lua_State *L, struct sqlite_job *job))
{
  struct query_wait *query = memory_alloc(sizeof *query);
  query->function = function;
  query->push = push;
  query->sqlite.job.task = task;
  return query;
}

static int start(lua_State *L, struct sqlite_connection *connection, struct query_wait *query)
{
  query->connection = connection;
  sqlite_connection_queue(L, connection, &query->sqlite);
  return wait_begin(L, &query->sqlite.wait, &sqlite_kind);
}

/* db sql parameter... */
static int start_sql(lua_State *L, const char *function, enum sqlite_task task,
                     int (*push)(lua_State *L, struct sqlite_job *job))
{
  size_t size;
  struct sqlite_connection *connection = open_database_at(L, 1, function);
  const char *sql = args_string(L, 2, function, "sql", &size);
  sqlite_check_parameters(L, 3, function);
  wait_check(L, function);
  struct query_wait *query = create_query(function, task, push);
  query->sqlite.job.sql = memory_copy(sql, size);
  query->sqlite.job.sql_size = size;
  sqlite_take_parameters(L, 3, &query->sqlite.job);
  return start(L, connection, query);
}

static int start_plain(lua_State *L, const char *function, enum sqlite_task task, bool is_outermost,
                       int (*push)(lua_State *L, struct sqlite_job *job))
{
  struct sqlite_connection *connection = open_database_at(L, 1, function);
  wait_check(L, function);
  struct query_wait *query = create_query(function, task, push);
  query->sqlite.job.is_outermost = is_outermost;
  return start(L, connection, query);
}

/* ---- results ---- */

static int push_nothing(lua_State *L, struct sqlite_job *job)
{
  (void)L, (void)job;
  return 0;
}

static int push_changes(lua_State *L, struct sqlite_job *job)
{
  lua_pushinteger(L, job->changes);
  return 1;
}

static int push_all(lua_State *L, struct sqlite_job *job)
{
  lua_Integer count = 0;
  lua_newtable(L);
  int list = lua_gettop(L), first = sqlite_push_names(L, &job->rows);
  while (sqlite_push_row(L, &job->rows, first))
    lua_rawseti(L, list, ++count);
  lua_settop(L, list);
  return 1;
}

static int push_row(lua_State *L, struct sqlite_job *job)
{
  if (!sqlite_push_row(L, &job->rows, sqlite_push_names(L, &job->rows)))
    lua_pushnil(L);
  return 1;
}

static int push_first(lua_State *L, struct sqlite_job *job)
{
  struct sqlite_value value = {.type = CELL_NULL};
  sqlite_rows_next(&job->rows, &value);
  sqlite_push_value(L, &value);
  return 1;
}

static int push_outermost(lua_State *L, struct sqlite_job *job)
{
  lua_pushboolean(L, job->is_outermost);
  return 1;
}

static int push_self(lua_State *L, struct sqlite_job *job)
{
  (void)job;
  lua_pushvalue(L, -1); /* the database on top, as l_open left it */
  return 1;
}

/* ---- cursors ---- */

static void close_cursor(struct cursor *cursor)
{
  if (cursor->cursor)
    sqlite_connection_close_cursor(cursor->connection, cursor->cursor);
  cursor->cursor = NULL;
  cursor->has_ended = true;
  sqlite_rows_deinit(&cursor->rows);
  cursor->rows.read = 0;
}

/* Of the lot that is there. (-- row) or (--) */
static bool push_next(lua_State *L, struct cursor *cursor)
{
  if (cursor->rows.read >= cursor->rows.cells.size)
    return false;
  return sqlite_push_row(L, &cursor->rows, sqlite_push_names(L, &cursor->rows));
}

static int push_next_lot(lua_State *L, struct sqlite_job *job)
{
  struct cursor *cursor = lua_touserdata(L, lua_upvalueindex(1));
  if (!cursor->cursor)
    return 0; /* closed meanwhile */
  struct sqlite_rows *rows = &cursor->rows;
  if (rows->read < rows->cells.size) { /* of a lot that another call asked for */
    buffer_append(&rows->cells, job->rows.cells.data, job->rows.cells.size);
  } else {
    buffer_deinit(&rows->cells);
    rows->cells = job->rows.cells;
    rows->read = 0;
    job->rows.cells = (struct buffer){0};
  }
  cursor->has_ended = job->has_ended;
  if (!push_next(L, cursor))
    lua_pushnil(L);
  return 1;
}

static int l_next(lua_State *L) /* -> row | nil; upvalue 1 is the cursor; waits at times */
{
  struct cursor *cursor = lua_touserdata(L, lua_upvalueindex(1));
  if (push_next(L, cursor))
    return 1;
  if (cursor->has_ended) {
    close_cursor(cursor);
    lua_pushnil(L);
    return 1;
  }
  if (!sqlite_connection_is_open(cursor->connection))
    return args_fail(L, "db:rows: the database is closed");
  wait_check(L, "db:rows");
  struct query_wait *query = create_query("db:rows", TASK_CURSOR_NEXT, push_next_lot);
  query->sqlite.job.cursor = cursor->cursor;
  return start(L, cursor->connection, query);
}

static int l_cursor_close(lua_State *L) /* cursor -> */
{
  close_cursor(luaL_checkudata(L, 1, CURSOR));
  return 0;
}

static int l_cursor_gc(lua_State *L) /* cursor -> */
{
  struct cursor *cursor = luaL_checkudata(L, 1, CURSOR);
  if (!cursor->connection)
    return 0;
  close_cursor(cursor);
  sqlite_connection_release(cursor->connection);
  cursor->connection = NULL;
  return 0;
}

/* -> next nil nil cursor, as a generic `for` wants it */
static int push_cursor(lua_State *L, struct sqlite_job *job)
{
  struct cursor *cursor = lua_newuserdatauv(L, sizeof *cursor, 0);
  *cursor = (struct cursor){.connection = *(struct sqlite_connection **)lua_touserdata(L, 1)};
  sqlite_connection_hold(cursor->connection);
  luaL_setmetatable(L, CURSOR);
  cursor->cursor = job->cursor;
  job->cursor = NULL;
  cursor->rows = job->rows;
  cursor->has_ended = job->has_ended;
  job->rows = (struct sqlite_rows){0};
  lua_pushvalue(L, -1);
  lua_pushcclosure(L, l_next, 1);
  lua_insert(L, -2);
  lua_pushnil(L);
  lua_pushnil(L);
  lua_rotate(L, -3, 2);
  return 4;
}

/* ---- raw functions ---- */

/* Each holds up to three descriptors. */
static void check_count(lua_State *L)
{
  struct error error;
  const struct vm *vm = vm_of(L);
  int most = descriptors_share(DATABASES_MAX);
  if (vm->databases >= most)
    lua_gc(L, LUA_GCCOLLECT); /* some may be in use no more */
  if (vm->databases >= most)
    args_fail(L, "sqlite.open: this script has %d databases open already", most);
  if (descriptors_ask(&error))
    args_fail(L, "sqlite.open: %s", error.text);
}

static int
l_open(lua_State *L) /* path is_readonly creates busy_timeout enforces_keys -> db; waits */
{
  const char *shown = args_string(L, 1, "sqlite.open", "path", NULL);
  int64_t busy_timeout_us = args_duration_us(L, 4, "sqlite.open", "busy_timeout", BUSY_TIMEOUT_US);
  wait_check(L, "sqlite.open");
  check_count(L);
  sqlite_files_set_store(args_raw_string(L, lua_upvalueindex(1), "store_path"));
  struct sqlite_connection **owner = lua_newuserdatauv(L, sizeof *owner, 0);
  *owner = NULL;
  luaL_setmetatable(L, DATABASE);
  bool is_memory = strcmp(shown, ":memory:") == 0;
  struct sqlite_options options = {
      .path = is_memory ? memory_strdup(shown)
                        : args_path(L, lua_upvalueindex(1), 1, "sqlite.open", "path"),
      .shown = memory_strdup(shown),
      .folder = memory_strdup(args_jobs_folder(L, lua_upvalueindex(1))),
      .is_readonly = lua_toboolean(L, 2),
      .creates = lua_toboolean(L, 3),
      .busy_timeout_us = busy_timeout_us,
      .enforces_keys = lua_toboolean(L, 5),
  };
  lua_getfield(L, lua_upvalueindex(1), "copies_databases");
  options.is_copy = lua_toboolean(L, -1);
  lua_pop(L, 1);
  *owner = sqlite_connection_create(L, &options);
  return start(L, *owner, create_query("sqlite.open", TASK_OPEN, push_self));
}

static int l_exec(lua_State *L) /* db sql parameter... -> changes; waits, as do those below */
{
  return start_sql(L, "db:exec", TASK_EXEC, push_changes);
}

static int l_all(lua_State *L) /* db sql parameter... -> rows */
{
  return start_sql(L, "db:all", TASK_ALL, push_all);
}

static int l_row(lua_State *L) /* db sql parameter... -> row|nil */
{
  return start_sql(L, "db:row", TASK_ROW, push_row);
}

static int l_value(lua_State *L) /* db sql parameter... -> value */
{
  return start_sql(L, "db:value", TASK_VALUE, push_first);
}

static int l_rows(lua_State *L) /* db sql parameter... -> next nil nil cursor */
{
  return start_sql(L, "db:rows", TASK_CURSOR_OPEN, push_cursor);
}

static int l_begin(lua_State *L) /* db -> is_outermost */
{
  return start_plain(L, "db:transaction", TASK_BEGIN, false, push_outermost);
}

static int l_commit(lua_State *L) /* db is_outermost -> */
{
  return start_plain(L, "db:transaction", TASK_COMMIT, lua_toboolean(L, 2), push_nothing);
}

static int l_rollback(lua_State *L) /* db is_outermost -> */
{
  return start_plain(L, "db:transaction", TASK_ROLLBACK, lua_toboolean(L, 2), push_nothing);
}

static int l_close(lua_State *L) /* db -> */
{
  struct sqlite_connection *connection = database_at(L, 1, "db:close");
  if (!connection || !sqlite_connection_is_open(connection))
    return 0;
  wait_check(L, "db:close");
  sqlite_connection_set_closing(connection);
  return start(L, connection, create_query("db:close", TASK_CLOSE, push_nothing));
}

static int l_last_insert_id(lua_State *L) /* db -> rowid */
{
  const char *function = "db:last_insert_id";
  struct sqlite_connection *connection = database_at(L, 1, function);
  if (!connection)
    return args_fail(L, "%s: the database is closed", function);
  lua_pushinteger(L, sqlite_connection_last_insert_id(connection));
  return 1;
}

static int l_database_gc(lua_State *L) /* db -> */
{
  struct sqlite_connection **owner = luaL_checkudata(L, 1, DATABASE);
  if (*owner)
    sqlite_connection_release(*owner);
  *owner = NULL;
  return 0;
}

static int l_blob(lua_State *L) /* text -> blob */
{
  args_string(L, 1, "sqlite.blob", "bytes", NULL);
  lua_newuserdatauv(L, 0, 1);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1);
  luaL_setmetatable(L, BLOB_CLASS);
  return 1;
}

void api_sqlite_open(lua_State *L) /* raw -- raw */
{
  static const luaL_Reg functions[] = {{"sqlite_open", l_open},
                                       {"sqlite_exec", l_exec},
                                       {"sqlite_all", l_all},
                                       {"sqlite_row", l_row},
                                       {"sqlite_value", l_value},
                                       {"sqlite_rows", l_rows},
                                       {"sqlite_begin", l_begin},
                                       {"sqlite_commit", l_commit},
                                       {"sqlite_rollback", l_rollback},
                                       {"sqlite_close", l_close},
                                       {"sqlite_last_insert_id", l_last_insert_id},
                                       {"sqlite_blob", l_blob},
                                       {NULL, NULL}};
  args_open(L);
  args_set_functions(L, functions);
  lua_pushliteral(L, SQLITE_VERSION);
  lua_setfield(L, -2, "sqlite_version");
  luaL_newmetatable(L, BLOB_CLASS);
  luaL_newmetatable(L, CURSOR);
  lua_pushcfunction(L, l_cursor_gc);
  lua_setfield(L, -2, "__gc");
  lua_pushcfunction(L, l_cursor_close);
  lua_setfield(L, -2, "__close");
  luaL_newmetatable(L, DATABASE);
  lua_pushcfunction(L, l_database_gc);
  lua_setfield(L, -2, "__gc");
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "__index");
  lua_setfield(L, -5, "sqlite_methods");
  lua_pop(L, 3);
}
