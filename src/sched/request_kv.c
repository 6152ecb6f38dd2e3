/* Operations on what scripts keep. Each is one step of a turn, so that nothing comes between its
 * reading and its writing: counters and compare-and-set need no lock, and what they have written is
 * durable when they are answered.
 *
 * A script reads and writes its own values, or with `shared` those of all; a client names the
 * script. Values are compared as the JSON text that they are kept as. Scheduler thread. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sched/request.h"
#include "sched/turn.h"
#include "sched/view.h"
#include "time/duration.h"

enum { KEY_MAX = 512, VALUE_MAX = 512 << 10, KEYS_PAGE = 1000, VALUES_PAGE = 200 };

/* Whose values are meant, and which. */
struct place {
  const char *script, *key;
};

static const char *find_scope(struct request *r)
{
  const char *asking = (*r->message)->as.request.script;
  const struct json *named = json_get(r->params, "script");
  bool is_shared;
  if (request_switch(r, "shared", &is_shared))
    return NULL;
  if (is_shared && !named)
    return "";
  if (asking && !named)
    return asking;
  if (!asking)
    return named ? request_text(r, "script") : "";
  error_set(r->error, ERROR_USAGE, "a script has its own values and the shared ones, no others");
  return NULL;
}

static bool find_place(struct request *r, struct place *place)
{
  place->script = find_scope(r);
  place->key = place->script ? request_text(r, "key") : NULL;
  if (!place->key)
    return false;
  size_t size = strlen(place->key);
  if (size > 0 && size <= KEY_MAX)
    return true;
  error_set(r->error, size ? ERROR_LIMIT : ERROR_USAGE,
            size ? "a key of %zu bytes is over the limit of %d" : "a key must not be empty", size,
            KEY_MAX);
  return false;
}

/* When the value ends: as `ttl` says; else as the one before, if it is to keep that. */
static enum error_code read_end(struct request *r, int64_t before_us, int64_t *expires_us)
{
  const struct json *ttl = json_get(r->params, "ttl");
  int64_t us;
  bool is_kept;
  enum error_code code = request_switch(r, "keep_ttl", &is_kept);
  *expires_us = is_kept ? before_us : KV_FOR_EVER;
  if (code || !ttl || ttl->type == JSON_NULL)
    return code;
  code = duration_from_json(ttl, &us, r->error);
  if (code)
    return error_prefix(r->error, "ttl");
  if (us == 0)
    return error_set(r->error, ERROR_USAGE, "ttl must be longer than 0");
  *expires_us = r->s->now_us + us;
  return ERROR_OK;
}

/* The JSON that is kept; NULL for none. */
static char *value_text(const struct json *value)
{
  struct buffer text = {0};
  struct json_writer writer = {.out = &text};
  if (!value || value->type == JSON_NULL)
    return NULL;
  json_write_tree(&writer, value);
  return buffer_take(&text);
}

static enum error_code write(struct request *r, const struct place *place, const char *value,
                             int64_t expires_us)
{
  enum error_code code;
  if (value && strlen(value) > VALUE_MAX)
    return error_set(r->error, ERROR_LIMIT, "the value of \"%s\" has %zu bytes, the limit is %d",
                     place->key, strlen(value), VALUE_MAX);
  if (value)
    code = store_kv_set(
        r->s->store,
        &(struct kv_entry){
            .script = place->script, .key = place->key, .value = value, .expires_us = expires_us},
        r->error);
  else
    code = store_kv_delete(r->s->store, place->script, place->key, r->error);
  sched_failed(r->s, code, r->error);
  return code;
}

static enum error_code get(struct request *r)
{
  struct place place;
  char *value;
  int64_t expires_us;
  if (!find_place(r, &place))
    return r->error->code;
  enum error_code code = store_kv_get(r->s->store, place.script, place.key, r->s->now_us, &value,
                                      &expires_us, r->error);
  if (code)
    return code;
  json_begin_object(r->result);
  json_put_raw(r->result, "value", value);
  if (expires_us != KV_FOR_EVER)
    view_put_instant(r->result, "expires_at", expires_us, KV_FOR_EVER);
  json_end_object(r->result);
  free(value);
  return ERROR_OK;
}

static bool same(const char *a, const char *b)
{
  return a && b ? strcmp(a, b) == 0 : a == b;
}

/* With `expected`, only if that is what is kept now. */
static enum error_code set(struct request *r)
{
  struct place place;
  char *found;
  int64_t expires_us;
  if (!find_place(r, &place))
    return r->error->code;
  enum error_code code = store_kv_get(r->s->store, place.script, place.key, r->s->now_us, &found,
                                      &expires_us, r->error);
  if (code)
    return code;
  const struct json *expected = json_get(r->params, "expected");
  char *wanted = value_text(expected), *value = value_text(json_get(r->params, "value"));
  if (expected && !same(found, wanted))
    code = error_set(r->error, ERROR_CONFLICT, "\"%s\" has another value by now", place.key);
  if (!code)
    code = read_end(r, expires_us, &expires_us);
  if (!code)
    code = write(r, &place, value, expires_us);
  if (!code) {
    json_begin_object(r->result);
    json_end_object(r->result);
  }
  free(found);
  free(wanted);
  free(value);
  return code;
}

/* ---- counters ---- */

static bool is_number(const struct json *value)
{
  return value && (value->type == JSON_INTEGER || value->type == JSON_NUMBER);
}

/* Integers stay integers as long as both are. */
static enum error_code add(struct json_writer *sum, const struct json *to, const struct json *by,
                           const char *key, struct error *error)
{
  int64_t whole = 0;
  if ((!to || to->type == JSON_INTEGER) && by->type == JSON_INTEGER) {
    if (__builtin_add_overflow(json_integer(to, 0), by->as.integer, &whole))
      return error_set(error, ERROR_LIMIT, "\"%s\" would be beyond what an integer can hold", key);
    json_write_integer(sum, whole);
    return ERROR_OK;
  }
  double number = json_number(to, 0) + json_number(by, 0);
  if (!isfinite(number))
    return error_set(error, ERROR_LIMIT, "\"%s\" would be beyond what a number can hold", key);
  json_write_number(sum, number);
  return ERROR_OK;
}

static enum error_code put_sum(struct request *r, const struct place *place, const char *before,
                               const struct json *by, struct buffer *sum)
{
  struct json_document *document = NULL;
  struct json_writer writer = {.out = sum};
  enum error_code code =
      before ? json_parse(before, strlen(before), &document, r->error) : ERROR_OK;
  const struct json *to = document ? json_root(document) : NULL;
  if (!code && to && !is_number(to))
    code = error_set(r->error, ERROR_INVALID, "\"%s\" holds %s, not a number", place->key,
                     json_type_name(to->type));
  if (!code)
    code = add(&writer, to, by, place->key, r->error);
  json_free(document);
  return code;
}

/* An end is set with the first value and stays, so that a counter of one hour is one of an hour. */
static enum error_code incr(struct request *r)
{
  static const struct json one = {.type = JSON_INTEGER, .as.integer = 1};
  const struct json *by = json_get(r->params, "by");
  struct place place;
  char *before;
  int64_t expires_us;
  struct buffer sum = {0};
  if (!find_place(r, &place))
    return r->error->code;
  if (by && !is_number(by))
    return error_set(r->error, ERROR_USAGE, "by must be a number, not %s",
                     json_type_name(by->type));
  enum error_code code = store_kv_get(r->s->store, place.script, place.key, r->s->now_us, &before,
                                      &expires_us, r->error);
  if (code)
    return code;
  code = put_sum(r, &place, before, by ? by : &one, &sum);
  if (!code && !before)
    code = read_end(r, KV_FOR_EVER, &expires_us);
  if (!code)
    code = write(r, &place, sum.data, expires_us);
  if (!code) {
    json_begin_object(r->result);
    json_put_raw(r->result, "value", sum.data);
    json_end_object(r->result);
  }
  free(before);
  buffer_deinit(&sum);
  return code;
}

/* ---- lists, a page at a time ---- */

struct page {
  struct request *r;
  int left;
  char *script, *key; /* the last one of a page that is full */
};

static bool take_place(struct page *page, const struct kv_entry *entry)
{
  if (--page->left > 0)
    return true;
  page->script = memory_strdup(entry->script);
  page->key = memory_strdup(entry->key);
  return false;
}

static bool list_key(void *context, const struct kv_entry *entry)
{
  struct page *page = context;
  json_write_text(page->r->result, entry->key);
  return take_place(page, entry);
}

static bool list_entry(void *context, const struct kv_entry *entry)
{
  struct page *page = context;
  struct json_writer *w = page->r->result;
  json_begin_object(w);
  json_put_text(w, "script", *entry->script ? entry->script : NULL);
  json_put_text(w, "key", entry->key);
  json_put_integer(w, "size", (int64_t)strlen(entry->value));
  if (strlen(entry->value) <= 1000)
    json_put_raw(w, "value", entry->value);
  if (entry->expires_us != KV_FOR_EVER)
    view_put_instant(w, "expires_at", entry->expires_us, KV_FOR_EVER);
  json_end_object(w);
  return take_place(page, entry);
}

static enum error_code list(struct request *r, const struct kv_listing *listing, const char *name,
                            store_kv_visitor visit, int page_size)
{
  struct page page = {.r = r, .left = page_size};
  json_begin_object(r->result);
  json_key(r->result, name);
  json_begin_array(r->result);
  enum error_code code = store_kv_each(r->s->store, listing, visit, &page, r->error);
  json_end_array(r->result);
  if (page.key) {
    json_put_text(r->result, "next_script", page.script);
    json_put_text(r->result, "next", page.key);
  }
  json_end_object(r->result);
  free(page.script);
  free(page.key);
  return code;
}

/* From where on, and what keys. */
static enum error_code read_range(struct request *r, struct kv_listing *listing)
{
  enum error_code code = request_optional_text(r, "prefix", &listing->prefix);
  if (!code)
    code = request_optional_text(r, "after", &listing->after_key);
  if (!listing->prefix)
    listing->prefix = "";
  listing->now_us = r->s->now_us;
  return code;
}

static enum error_code keys(struct request *r)
{
  struct kv_listing listing = {.script = find_scope(r)};
  enum error_code code = listing.script ? read_range(r, &listing) : r->error->code;
  return code ? code : list(r, &listing, "keys", list_key, KEYS_PAGE);
}

/* For clients: with what is in them, of one script, of those shared, or of all. */
static enum error_code entries(struct request *r)
{
  if ((*r->message)->as.request.script)
    return error_set(r->error, ERROR_USAGE, "kv_list is for clients");
  struct kv_listing listing = {0};
  bool is_shared;
  enum error_code code = read_range(r, &listing);
  if (code || (code = request_switch(r, "shared", &is_shared)) ||
      (code = request_optional_text(r, "script", &listing.script)) ||
      (code = request_optional_text(r, "after_script", &listing.after_script)))
    return code;
  if (is_shared)
    listing.script = "";
  return list(r, &listing, "entries", list_entry, VALUES_PAGE);
}

static const char *const get_params[] = {"key", "shared", "script", NULL};
static const char *const set_params[] = {"key",      "value",  "expected", "ttl",
                                         "keep_ttl", "shared", "script",   NULL};
static const char *const incr_params[] = {"key", "by", "ttl", "shared", "script", NULL};
static const char *const keys_params[] = {"prefix", "after", "shared", "script", NULL};
static const char *const list_params[] = {"prefix", "after",  "after_script",
                                          "shared", "script", NULL};

const struct request_operation request_kv_operations[] = {
    {"kv_get", get, get_params, ASKS},       {"kv_set", set, set_params, CHANGES},
    {"kv_incr", incr, incr_params, CHANGES}, {"kv_keys", keys, keys_params, ASKS},
    {"kv_list", entries, list_params, ASKS}, {0},
};
