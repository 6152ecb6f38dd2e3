/* Operations on locks: what is asked is read and checked here; lock.c answers when the turn is
 * committed, or later. Scheduler thread. */
#include <string.h>

#include "base/memory.h"
#include "sched/lock.h"
#include "sched/request.h"
#include "time/duration.h"

enum { NAME_MAX_SIZE = 255, LOCKS_SHOWN = 1000 };

static const char *read_name(struct request *r)
{
  const char *name = request_text(r, "name");
  if (!(*r->message)->as.request.call) {
    error_set(r->error, ERROR_USAGE, "only scripts and consoles hold locks");
    return NULL;
  }
  if (name && (!*name || strlen(name) > NAME_MAX_SIZE)) {
    error_set(r->error, ERROR_USAGE, "the name of a lock must have 1 to %d bytes", NAME_MAX_SIZE);
    return NULL;
  }
  return name;
}

static enum error_code read_length(struct request *r, const char *param, int64_t otherwise,
                                   int64_t *us)
{
  const struct json *value = json_get(r->params, param);
  *us = otherwise;
  if (!value || value->type == JSON_NULL)
    return ERROR_OK;
  if (duration_from_json(value, us, r->error))
    return error_prefix(r->error, "%s", param);
  return ERROR_OK;
}

static enum error_code read_ttl(struct request *r, int64_t *us)
{
  enum error_code code = read_length(r, "ttl", 0, us);
  const struct json *ttl = json_get(r->params, "ttl");
  if (!code && *us == 0 && ttl && ttl->type != JSON_NULL)
    code = error_set(r->error, ERROR_USAGE, "ttl must be longer than 0");
  return code;
}

static enum error_code order(struct request *r, struct lock_order *order, const char *name)
{
  order->name = memory_strdup(name);
  order->request = *r->message;
  *r->message = NULL;
  lock_add_order(r->s, order);
  return ERROR_OK;
}

static enum error_code take(struct request *r)
{
  struct lock_order o = {.what = LOCK_TAKE};
  const char *name = read_name(r);
  enum error_code code =
      name ? read_length(r, "wait", LOCK_WAIT_FOR_EVER, &o.wait_us) : r->error->code;
  if (!code)
    code = read_ttl(r, &o.ttl_us);
  return code ? code : order(r, &o, name);
}

static enum error_code release(struct request *r)
{
  struct lock_order o = {.what = LOCK_RELEASE};
  const char *name = read_name(r);
  enum error_code code = name ? request_number(r, "fence", &o.fence) : r->error->code;
  return code ? code : order(r, &o, name);
}

static enum error_code renew(struct request *r)
{
  struct lock_order o = {.what = LOCK_RENEW};
  const char *name = read_name(r);
  enum error_code code = name ? request_number(r, "fence", &o.fence) : r->error->code;
  if (!code)
    code = read_ttl(r, &o.ttl_us);
  return code ? code : order(r, &o, name);
}

/* Who waits for a lock is told to end. */
static enum error_code leave(struct request *r)
{
  struct lock_order o = {.what = LOCK_LEAVE};
  return order(r, &o, NULL);
}

/* A call that is no run and has asked for locks is over. */
static enum error_code release_all(struct request *r)
{
  struct lock_order o = {.what = LOCK_PARTY_ENDS};
  return order(r, &o, NULL);
}

static enum error_code locks(struct request *r)
{
  json_begin_object(r->result);
  json_put_integer(r->result, "count", (int64_t)lock_count(r->s));
  json_key(r->result, "locks");
  json_begin_array(r->result);
  lock_put_all(r->s, r->result, LOCKS_SHOWN);
  json_end_array(r->result);
  json_end_object(r->result);
  return ERROR_OK;
}

static const char *const none[] = {NULL};
static const char *const take_params[] = {"name", "wait", "ttl", NULL};
static const char *const release_params[] = {"name", "fence", NULL};
static const char *const renew_params[] = {"name", "fence", "ttl", NULL};

const struct request_operation request_lock_operations[] = {
    {"lock", take, take_params, CHANGES},
    {"unlock", release, release_params, CHANGES},
    {"renew_lock", renew, renew_params, CHANGES},
    {"leave_lock", leave, none, CHANGES},
    {"unlock_all", release_all, none, CHANGES},
    {"locks", locks, none, ASKS},
    {0},
};
