/* Listeners: states that begin to listen while they live, and people who look how it goes. */
#include "base/memory.h"
#include "sched/request.h"
#include "sched/turn.h"
#include "sched/view.h"

enum { DEAD_SHOWN = 100 };

static uint64_t generation_of(struct request *r)
{
  uint64_t generation = (*r->message)->as.request.generation;
  if (!generation)
    error_set(r->error, ERROR_USAGE, "only scripts and consoles listen");
  return generation;
}

static void put_nothing(struct request *r)
{
  json_begin_object(r->result);
  json_end_object(r->result);
}

static enum error_code listen(struct request *r)
{
  const struct json *spec = json_get(r->params, "listener");
  if (!generation_of(r))
    return r->error->code;
  if (!spec || spec->type != JSON_OBJECT)
    return error_set(r->error, ERROR_USAGE, "listener must be an object");
  enum error_code code = listeners_add(r->s, *r->message, spec, r->error);
  if (!code)
    put_nothing(r);
  return code;
}

/* Without an id: all of the state. */
static enum error_code unlisten(struct request *r)
{
  uint64_t generation = generation_of(r);
  int64_t id;
  enum error_code code = generation ? request_number(r, "id", &id) : r->error->code;
  if (!code && id)
    code = listeners_remove(r->s, generation, id, r->error);
  else if (!code)
    listeners_retire(r->s, generation);
  if (!code)
    put_nothing(r);
  return code;
}

static enum error_code listeners(struct request *r)
{
  json_begin_object(r->result);
  json_key(r->result, "listeners");
  json_begin_array(r->result);
  listeners_each(l, r->s) {
    if (l->is_gone)
      continue;
    json_begin_object(r->result);
    listener_view(l, r->result);
    json_end_object(r->result);
  }
  json_end_array(r->result);
  json_end_object(r->result);
  return ERROR_OK;
}

static struct listener *find(struct request *r)
{
  const char *name = request_text(r, "listener");
  return name ? listener_find(r->s, name, r->error) : NULL;
}

static bool put_dead(void *context, const struct stored_letter *letter)
{
  struct request *r = context;
  json_begin_object(r->result);
  json_put_text(r->result, "event", letter->name);
  json_put_raw(r->result, "content", letter->event);
  json_put_integer(r->result, "deliveries", letter->deliveries);
  view_put_instant(r->result, "died_at", letter->died_us, INT64_MIN);
  json_put_text(r->result, "error", letter->error);
  json_end_object(r->result);
  return r->result->out->size < DEAD_SHOWN * (size_t)10000;
}

static enum error_code listener(struct request *r)
{
  struct listener *l = find(r);
  enum error_code code = ERROR_OK;
  if (!l)
    return r->error->code;
  json_begin_object(r->result);
  listener_view(l, r->result);
  json_key(r->result, "dead_letters");
  json_begin_array(r->result);
  if (l->number)
    code = store_each_dead(r->s->store, l->number, put_dead, r, r->error);
  json_end_array(r->result);
  json_end_object(r->result);
  return code;
}

static enum error_code check_durable(struct request *r, const struct listener *l)
{
  if (l && !l->number)
    return error_set(r->error, ERROR_CONFLICT,
                     "listener %s/%s is not durable: it has no dead letters", l->script,
                     l->spec->name);
  return l ? ERROR_OK : r->error->code;
}

static void put_count(struct request *r, int64_t count)
{
  json_begin_object(r->result);
  json_put_integer(r->result, "count", count);
  json_end_object(r->result);
}

static enum error_code retry(struct request *r)
{
  struct listener *l = find(r);
  int64_t count = 0;
  enum error_code code = check_durable(r, l);
  if (!code && sched_failed(r->s, code = outbox_revive(r->s, l, &count, r->error), r->error))
    return code;
  if (!code)
    put_count(r, count);
  return code;
}

static enum error_code discard(struct request *r)
{
  struct listener *l = find(r);
  int64_t count = 0;
  enum error_code code = check_durable(r, l);
  if (!code &&
      sched_failed(r->s, code = store_trim_dead(r->s->store, l->number, 0, &count, r->error),
                   r->error))
    return code;
  if (code)
    return code;
  listener_touch(r->s, l);
  l->state.dead -= count;
  put_count(r, count);
  return ERROR_OK;
}

static const char *const none[] = {NULL};
static const char *const spec_param[] = {"listener", NULL};
static const char *const id_param[] = {"id", NULL};

const struct request_operation request_listener_operations[] = {
    {"listen", listen, spec_param, CHANGES},
    {"unlisten", unlisten, id_param, CHANGES},
    {"listeners", listeners, none, ASKS},
    {"listener", listener, spec_param, ASKS},
    {"retry_listener", retry, spec_param, CHANGES},
    {"discard_dead_letters", discard, spec_param, CHANGES},
    {0},
};
