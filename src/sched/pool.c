/* Pools: names with a number of slots, which runs of the jobs that name them take. Declared by
 * scripts, or set at run time; kept in the store. What a person set at run time stays until the
 * script declares another number than before. Fewer slots than runs have taken end no run: the next
 * one begins when there is room. */
#include "sched/pool.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "model/pool.h"
#include "sched/event.h"
#include "sched/orphans.h"
#include "sched/request.h"
#include "sched/script.h"
#include "sched/topic.h"
#include "sched/turn.h"
#include "sched/view.h"

/* ---- what there is ---- */

static bool take_stored(void *context, const struct stored_pool *stored)
{
  gate_set_pool(context, stored->name, stored->slots);
  return true;
}

void pools_recover(struct sched *s)
{
  struct error error;
  for (struct gate *gate = s->gates; gate; gate = gate->hh.next)
    gate->slots = -1;
  sched_failed(s, store_each_pool(s->store, take_stored, s, &error), &error);
  s->pools_changed = false;
}

bool pool_exists(struct sched *s, const char *name)
{
  const struct gate *gate = gate_find(s, GATE_POOL, name);
  return (gate && gate->slots >= 0) || json_get(s->pools_declared, name);
}

enum error_code pool_refuse_unknown(struct sched *s, const char *name, struct error *error)
{
  const char **names = memory_alloc((HASH_COUNT(s->gates) + 1) * sizeof *names);
  size_t count = 0;
  char hint[128];
  for (const struct gate *gate = s->gates; gate; gate = gate->hh.next)
    if (gate->kind == GATE_POOL && gate->slots >= 0)
      names[count++] = gate_name(gate);
  const char *near = text_did_you_mean(hint, name, names);
  if (*near)
    error_set(error, ERROR_INVALID, "there is no pool \"%s\"%s", name, near);
  else
    error_set(error, ERROR_INVALID,
              "there is no pool \"%s\": a script declares one by pool(\"%s\", SLOTS), and "
              "`moonbeat set pool %s SLOTS` makes one",
              name, name, name);
  free(names);
  return ERROR_INVALID;
}

/* stored_pool_deinit() it in any case. */
static bool find_stored(struct sched *s, const char *name, struct stored_pool *pool)
{
  struct error error;
  enum error_code code = store_get_pool(s->store, name, pool, &error);
  return code != ERROR_NOT_FOUND && !sched_failed(s, code, &error);
}

/* Below 0: it is gone. */
static void set_slots(struct sched *s, const char *name, int64_t slots)
{
  const struct gate *gate = gate_find(s, GATE_POOL, name);
  bool was_there = gate && gate->slots >= 0, is_other = slots != (gate ? gate->slots : -1);
  s->pools_changed = true;
  gate_set_pool(s, name, slots);
  if (slots >= 0 && !was_there)
    script_provide(s);
  if (!is_other || !event_wanted(s, "scheduler_pool_changed", EVENT_RARE))
    return;
  struct buffer out = {0};
  struct json_writer writer;
  event_begin(s, &out, &writer, "scheduler_pool_changed");
  json_put_text(&writer, "pool", name);
  json_key(&writer, "slots");
  if (slots < 0)
    json_write_null(&writer);
  else
    json_write_integer(&writer, slots);
  event_end(s, &out, &writer, "scheduler_pool_changed", EVENT_RARE);
}

static void put(struct sched *s, const struct stored_pool *pool)
{
  struct error error;
  if (!sched_failed(s, store_put_pool(s->store, pool, &error), &error))
    set_slots(s, pool->name, pool->slots);
}

static void remove_one(struct sched *s, const char *name)
{
  struct error error;
  if (!sched_failed(s, store_remove_pool(s->store, name, &error), &error))
    set_slots(s, name, -1);
}

/* ---- declared by scripts ---- */

enum error_code pools_declare(struct sched *s, struct script_entry *script,
                              const struct json *pools, struct error *error)
{
  s->pools_declared = pools;
  json_each(slots, pools) {
    int64_t count;
    enum error_code code = pool_check(slots->key, strlen(slots->key), slots, &count, error);
    struct stored_pool old;
    find_stored(s, slots->key, &old);
    bool is_mine = old.script && strcmp(old.script, script->script.name) == 0;
    if (!code && !is_mine && script_declares(s, old.script, "pools", slots->key)) {
      code = error_set(error, ERROR_EXISTS, "pool \"%s\" is already declared by script %s",
                       slots->key, old.script);
      script->conflict = true;
    }
    stored_pool_deinit(&old);
    if (code)
      return error_prefix(error, "%s", script->script.path);
  }
  return ERROR_OK;
}

static void settle_one(struct sched *s, const char *script, const struct json *slots)
{
  struct stored_pool old;
  int64_t count = 0;
  json_whole(slots, &count); /* it is one: that was checked */
  bool is_said_before = find_stored(s, slots->key, &old) && old.declared == count;
  bool is_mine = old.script && strcmp(old.script, script) == 0;
  if (!is_mine || !is_said_before)
    put(s, &(struct stored_pool){slots->key, is_said_before ? old.slots : count, count, script});
  stored_pool_deinit(&old);
}

void pools_settle(struct sched *s, const struct script_entry *script, const struct json *pools,
                  bool is_good)
{
  s->pools_declared = NULL;
  if (!is_good)
    return;
  json_each(slots, pools)
    if (!s->failure)
      settle_one(s, script->script.name, slots);
  if (!s->failure)
    pools_drop(s, script->script.name, pools);
}

static void drop_unused(struct sched *s, const char *name)
{
  if (!topic_of_pool(s, name))
    remove_one(s, name);
}

static bool see(void *context, const struct stored_pool *stored)
{
  return orphans_see(context, stored->name, stored->script);
}

void pools_drop(struct sched *s, const char *script, const struct json *pools)
{
  struct orphans orphans = {.script = script, .declared = pools};
  struct error error;
  sched_failed(s, store_each_pool(s->store, see, &orphans, &error), &error);
  orphans_drop(s, &orphans, drop_unused);
}

/* ---- operations ---- */

static void put_holder(void *context, const struct open_run *run)
{
  view_write_run_id(context, run->entry->job->id, run->key.scheduled_us);
}

struct listing {
  struct sched *s;
  struct json_writer *writer;
  const char *only; /* NULL: all */
  bool found;
};

static bool view(void *context, const struct stored_pool *stored)
{
  struct listing *listing = context;
  struct json_writer *writer = listing->writer;
  const struct gate *gate = gate_find(listing->s, GATE_POOL, stored->name);
  if (listing->only && strcmp(listing->only, stored->name) != 0)
    return true;
  listing->found = true;
  json_begin_object(writer);
  json_put_text(writer, "name", stored->name);
  json_put_integer(writer, "slots", stored->slots);
  json_put_integer(writer, "used", gate ? gate->used : 0);
  json_put_integer(writer, "waiting",
                   gate ? (int64_t)(gate->waiting.entries.count + gate->waiting.runs.count) : 0);
  json_put_text(writer, "script", stored->script);
  json_key(writer, "declared");
  if (stored->declared < 0)
    json_write_null(writer);
  else
    json_write_integer(writer, stored->declared);
  json_key(writer, "runs");
  json_begin_array(writer);
  if (gate)
    gate_each_holder(listing->s, gate, put_holder, writer);
  json_end_array(writer);
  json_end_object(writer);
  return true;
}

static enum error_code pools(struct request *r)
{
  struct listing listing = {.s = r->s, .writer = r->result};
  enum error_code code = request_optional_text(r, "name", &listing.only);
  if (code)
    return code;
  json_begin_object(r->result);
  json_key(r->result, "pools");
  json_begin_array(r->result);
  code = store_each_pool(r->s->store, view, &listing, r->error);
  json_end_array(r->result);
  json_end_object(r->result);
  if (!code && listing.only && !listing.found) {
    pool_refuse_unknown(r->s, listing.only, r->error);
    code = r->error->code = ERROR_NOT_FOUND;
  }
  return code;
}

static void put_name(struct request *r, const char *name)
{
  json_begin_object(r->result);
  json_put_text(r->result, "name", name);
  json_end_object(r->result);
}

static enum error_code set_pool(struct request *r)
{
  const char *name = request_text(r, "name");
  const struct json *slots = json_get(r->params, "slots");
  if (!name)
    return r->error->code;
  if (!slots)
    return error_set(r->error, ERROR_USAGE, "slots must be a whole number");
  int64_t count;
  if (pool_check(name, strlen(name), slots, &count, r->error))
    return r->error->code;
  struct stored_pool pool;
  find_stored(r->s, name, &pool);
  pool.slots = count;
  put(r->s, &pool);
  stored_pool_deinit(&pool);
  put_name(r, name);
  return ERROR_OK;
}

static enum error_code remove_pool(struct request *r)
{
  const char *name = request_text(r, "name");
  if (!name)
    return r->error->code;
  struct stored_pool old;
  enum error_code code = ERROR_OK;
  if (!find_stored(r->s, name, &old)) {
    pool_refuse_unknown(r->s, name, r->error);
    code = r->error->code = ERROR_NOT_FOUND;
  } else if (script_declares(r->s, old.script, "pools", name)) {
    code = error_set(r->error, ERROR_CONFLICT, "pool \"%s\" is declared by script %s", name,
                     old.script);
  } else if (topic_of_pool(r->s, name)) {
    size_t count = topic_of_pool(r->s, name)->count;
    code = error_set(r->error, ERROR_CONFLICT, "pool \"%s\" is used by %zu job%s", name, count,
                     count == 1 ? "" : "s");
  } else {
    remove_one(r->s, name);
  }
  stored_pool_deinit(&old);
  if (!code)
    put_name(r, name);
  return code;
}

static const char *const name_param[] = {"name", NULL};
static const char *const set_params[] = {"name", "slots", NULL};

const struct request_operation request_pool_operations[] = {
    {"pools", pools, name_param, ASKS},
    {"set_pool", set_pool, set_params, CHANGES},
    {"remove_pool", remove_pool, name_param, CHANGES},
    {0},
};
