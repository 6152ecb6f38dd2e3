/* The queue before a database; see api_sqlite_connection.h.
 *
 * Who owns a transaction is told from SQLite itself after each job: if one is open, it is the
 * call's whose job that was. So BEGIN in a script's own SQL is as good as db:transaction. A call
 * that is killed while it does something else tells nobody, so while a transaction is open a timer
 * looks whether its call still lives.
 *
 * A job that others have locked out is still the one that runs while a timer waits to do it again.
 */
#include "vm/api_sqlite_connection.h"

#include <stdlib.h>

#include "base/memory.h"
#include "vm/call.h"
#include "vm/helper.h"
#include "vm/host.h"
#include "vm/state.h"

enum { LOOK_MS = 100 };

TAILQ_HEAD(wait_queue, sqlite_wait);

struct sqlite_connection {
  struct sqlite_session *session;
  struct helpers *helpers;
  struct vm *vm; /* valid while `holds` > 0 */
  struct helper_work work;
  uv_timer_t timer; /* runs while a transaction is open */
  uv_timer_t pause; /* runs while others lock the running job out */
  int pauses;       /* of that job */
  struct wait_queue queue;
  struct sqlite_wait *running;
  uint64_t owner; /* the call that has a transaction open; 0: none */
  int holds;
  bool is_counted;
  bool is_open, is_closing; /* closing: was asked for by the script */
  int64_t last_insert_id;
};

static void pump(struct sqlite_connection *connection);

/* ---- jobs that nobody waits for ---- */

static void queue_internal(struct sqlite_connection *connection, struct sqlite_job job,
                           bool is_first)
{
  struct sqlite_wait *wait = memory_alloc(sizeof *wait);
  wait->job = job;
  wait->connection = connection;
  if (is_first)
    TAILQ_INSERT_HEAD(&connection->queue, wait, entry);
  else
    TAILQ_INSERT_TAIL(&connection->queue, wait, entry);
  pump(connection);
}

static bool is_internal(const struct sqlite_wait *wait)
{
  return wait->call == 0;
}

static void complete(struct sqlite_wait *wait)
{
  wait->connection = NULL;
  if (is_internal(wait)) {
    sqlite_job_deinit(&wait->job);
    free(wait);
  } else {
    wait_done(&wait->wait);
  }
}

/* ---- the end ---- */

static void on_timer_closed(uv_handle_t *handle)
{
  struct sqlite_connection *connection = handle->data;
  sqlite_session_destroy(connection->session);
  helpers_release(connection->helpers);
  free(connection);
}

static void on_pause_closed(uv_handle_t *handle)
{
  struct sqlite_connection *connection = handle->data;
  uv_close((uv_handle_t *)&connection->timer, on_timer_closed);
}

static void close_if_idle(struct sqlite_connection *connection)
{
  if (connection->holds > 0 || connection->running || !TAILQ_EMPTY(&connection->queue) ||
      uv_is_closing((uv_handle_t *)&connection->pause))
    return;
  if (connection->is_open)
    queue_internal(connection, (struct sqlite_job){.task = TASK_CLOSE}, false);
  else
    uv_close((uv_handle_t *)&connection->pause, on_pause_closed);
}

static void uncount(struct sqlite_connection *connection)
{
  connection->vm->databases -= connection->is_counted;
  connection->is_counted = false;
}

static void cancel_running(struct sqlite_connection *connection);

void sqlite_connection_hold(struct sqlite_connection *connection)
{
  connection->holds++;
}

void sqlite_connection_release(struct sqlite_connection *connection)
{
  if (--connection->holds > 0)
    return;
  uncount(connection);
  connection->vm = NULL;
  if (connection->running && !is_internal(connection->running))
    cancel_running(connection);
  uv_timer_stop(&connection->timer); /* closing rolls back */
  close_if_idle(connection);
}

/* ---- transactions ---- */

static void abandon(struct sqlite_connection *connection, bool is_outermost)
{
  struct sqlite_job job = {.task = TASK_ABANDON, .is_outermost = is_outermost};
  queue_internal(connection, job, true);
}

static bool is_owner_gone(const struct sqlite_connection *connection)
{
  return !connection->vm || !vm_has_call(connection->vm, connection->owner);
}

static void on_look(uv_timer_t *timer)
{
  struct sqlite_connection *connection = timer->data;
  if (connection->running || !connection->vm || !is_owner_gone(connection))
    return;
  uv_timer_stop(timer);
  abandon(connection, true);
}

/* The job was given up. Where its call goes on, that says itself what becomes of its transaction,
 * unless this was its word on it. */
static void give_up_transaction(struct sqlite_connection *connection,
                                const struct sqlite_wait *wait)
{
  enum sqlite_task task = wait->job.task;
  bool is_gone = is_owner_gone(connection);
  if (is_gone || task == TASK_BEGIN || task == TASK_COMMIT || task == TASK_ROLLBACK)
    abandon(connection, is_gone || wait->job.is_outermost);
}

static void set_owner(struct sqlite_connection *connection, const struct sqlite_wait *wait)
{
  uint64_t owner = wait->job.in_transaction ? wait->call ? wait->call : connection->owner : 0;
  if (owner == connection->owner)
    return;
  connection->owner = owner;
  if (owner && connection->holds > 0)
    uv_timer_start(&connection->timer, on_look, LOOK_MS, LOOK_MS);
  else
    uv_timer_stop(&connection->timer);
}

/* ---- the queue ---- */

static void on_work(struct helper_work *work)
{
  struct sqlite_connection *connection = helper_owner(work, struct sqlite_connection, work);
  sqlite_session_perform(connection->session, &connection->running->job);
}

static void take_state(struct sqlite_connection *connection, const struct sqlite_wait *wait)
{
  connection->last_insert_id = wait->job.last_insert_id;
  if (wait->job.task == TASK_OPEN)
    connection->is_open = !wait->job.code;
  else if (wait->job.task == TASK_CLOSE)
    connection->is_open = false;
  set_owner(connection, wait);
}

static void end_running(struct sqlite_connection *connection)
{
  struct sqlite_wait *wait = connection->running;
  connection->running = NULL;
  if (connection->owner && atomic_load(&wait->job.is_cancelled) && connection->owner == wait->call)
    give_up_transaction(connection, wait);
  if (wait->job.task == TASK_CURSOR_OPEN && wait->job.cursor &&
      atomic_load(&wait->job.is_cancelled)) {
    sqlite_connection_close_cursor(connection, wait->job.cursor);
    wait->job.cursor = NULL;
  }
  complete(wait);
  pump(connection);
  close_if_idle(connection);
}

static void on_pause(uv_timer_t *timer)
{
  struct sqlite_connection *connection = timer->data;
  helper_start(connection->helpers, &connection->work);
}

static void pause_running(struct sqlite_connection *connection)
{
  static const uint64_t pauses_ms[] = {1, 2, 5, 10, 15, 20, 25, 25, 50, 100};
  const int last = sizeof pauses_ms / sizeof *pauses_ms - 1;
  int pause = connection->pauses++;
  uv_timer_start(&connection->pause, on_pause, pauses_ms[pause < last ? pause : last], 0);
}

static void on_done(struct helper_work *work, bool was_done)
{
  struct sqlite_connection *connection = helper_owner(work, struct sqlite_connection, work);
  struct sqlite_job *job = &connection->running->job;
  if (was_done && job->is_locked && !atomic_load(&job->is_cancelled)) {
    pause_running(connection);
    return;
  }
  if (was_done && !job->is_locked)
    take_state(connection, connection->running);
  end_running(connection);
}

/* It ends soon, or has ended. */
static void cancel_running(struct sqlite_connection *connection)
{
  sqlite_job_cancel(connection->session, &connection->running->job);
  if (uv_is_active((uv_handle_t *)&connection->pause)) {
    uv_timer_stop(&connection->pause);
    end_running(connection);
  } else {
    helper_cancel(&connection->work);
  }
}

static struct sqlite_wait *next_job(const struct sqlite_connection *connection)
{
  struct sqlite_wait *wait;
  TAILQ_FOREACH(wait, &connection->queue, entry)
    if (!connection->owner || wait->call == connection->owner || is_internal(wait))
      return wait;
  return NULL;
}

static void pump(struct sqlite_connection *connection)
{
  struct sqlite_wait *wait = connection->running ? NULL : next_job(connection);
  if (!wait)
    return;
  TAILQ_REMOVE(&connection->queue, wait, entry);
  connection->running = wait;
  connection->pauses = 0;
  helper_start(connection->helpers, &connection->work);
}

void sqlite_connection_queue(lua_State *L, struct sqlite_connection *connection,
                             struct sqlite_wait *wait)
{
  wait->connection = connection;
  wait->call = vm_get(L)->host->current->number;
  TAILQ_INSERT_TAIL(&connection->queue, wait, entry);
  pump(connection);
}

void sqlite_connection_close_cursor(struct sqlite_connection *connection,
                                    struct sqlite_cursor *cursor)
{
  struct sqlite_wait *wait;
  /* Its end may pass those that wait for a transaction's. */
  TAILQ_FOREACH(wait, &connection->queue, entry)
    if (wait->job.cursor == cursor)
      wait->job.cursor = NULL;
  struct sqlite_job job = {.task = TASK_CURSOR_CLOSE, .cursor = cursor};
  queue_internal(connection, job, false);
}

void sqlite_connection_cancel(struct sqlite_wait *wait)
{
  struct sqlite_connection *connection = wait->connection;
  if (!connection)
    return;
  if (connection->running == wait) {
    cancel_running(connection);
    return;
  }
  TAILQ_REMOVE(&connection->queue, wait, entry);
  complete(wait);
  close_if_idle(connection);
}

bool sqlite_connection_is_open(const struct sqlite_connection *connection)
{
  return connection->is_open && !connection->is_closing;
}

void sqlite_connection_set_closing(struct sqlite_connection *connection)
{
  connection->is_closing = true;
  uncount(connection);
}

int64_t sqlite_connection_last_insert_id(const struct sqlite_connection *connection)
{
  return connection->last_insert_id;
}

struct sqlite_connection *sqlite_connection_create(lua_State *L,
                                                   const struct sqlite_options *options)
{
  struct sqlite_connection *connection = memory_alloc(sizeof *connection);
  connection->session = sqlite_session_create(options);
  connection->vm = vm_of(L);
  connection->vm->databases++;
  connection->is_counted = true;
  connection->helpers = connection->vm->helpers;
  helpers_hold(connection->helpers);
  connection->work = (struct helper_work){.work = on_work, .done = on_done};
  connection->holds = 1;
  TAILQ_INIT(&connection->queue);
  uv_timer_init(wait_loop(L), &connection->timer);
  connection->timer.data = connection;
  uv_timer_init(wait_loop(L), &connection->pause);
  connection->pause.data = connection;
  return connection;
}
