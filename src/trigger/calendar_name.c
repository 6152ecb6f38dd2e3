/* What calendars' names mean in this process.
 *
 * A name, once known, is a slot that is never moved or freed, so a trigger holds the slot and reads
 * its meaning without a lock. A definition that was replaced may still be in use by a reader on
 * another thread; it is kept until the process ends, since definitions are few: what is defined
 * once more, as all that is stored is when a script fails to load, is the one that is kept. */
#include <ctype.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "trigger/calendar.h"

struct calendar_name {
  struct calendar_name *next;
  char *text;
  _Atomic(const struct calendar *) meaning;
};

/* Every definition that ever was. */
struct kept {
  char *text; /* as calendar_to_json() writes it */
  struct calendar *calendar;
  UT_hash_handle hh; /* by text */
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct calendar_name *names; /* only ever prepended to, under the mutex */
static struct kept *kept;

static enum error_code check_name(const char *name, struct error *error)
{
  size_t size = 0;
  while (isalnum((unsigned char)name[size]) || (name[size] && strchr("_-.", name[size])))
    size++;
  if (name[size] || size == 0)
    return error_set(error, ERROR_INVALID,
                     "the name \"%.60s\" must be of letters, digits, _, - and .", name);
  if (size > CALENDAR_NAME_MAX_SIZE)
    return error_set(error, ERROR_LIMIT, "the name is longer than %d bytes",
                     CALENDAR_NAME_MAX_SIZE);
  return ERROR_OK;
}

static struct calendar_name *find(const char *name) /* under the mutex */
{
  struct calendar_name *slot = names;
  while (slot && strcmp(slot->text, name) != 0)
    slot = slot->next;
  return slot;
}

static struct calendar_name *find_or_add(const char *name) /* under the mutex */
{
  struct calendar_name *slot = find(name);
  if (slot)
    return slot;
  slot = memory_alloc(sizeof *slot);
  slot->text = memory_strdup(name);
  slot->next = names;
  names = slot;
  return slot;
}

/* The calendar, which it takes, or the one that says the same. */
static const struct calendar *keep(struct calendar *calendar) /* under the mutex */
{
  struct buffer text = {0};
  struct json_writer writer = {.out = &text};
  struct kept *entry;
  calendar_to_json(calendar, &writer);
  HASH_FIND_STR(kept, text.data, entry);
  if (entry) {
    calendar_destroy(calendar);
    buffer_deinit(&text);
    return entry->calendar;
  }
  entry = memory_alloc(sizeof *entry);
  entry->text = buffer_take(&text);
  entry->calendar = calendar;
  HASH_ADD_KEYPTR(hh, kept, entry->text, strlen(entry->text), entry);
  return calendar;
}

enum error_code calendar_define(const char *name, const struct json *definition,
                                struct error *error)
{
  struct calendar *calendar;
  enum error_code code = check_name(name, error);
  if (!code)
    code = calendar_from_json(definition, &calendar, error);
  if (code) {
    error_prefix(error, "calendar \"%.60s\"", name);
    return code;
  }
  pthread_mutex_lock(&mutex);
  atomic_store_explicit(&find_or_add(name)->meaning, keep(calendar), memory_order_release);
  pthread_mutex_unlock(&mutex);
  return ERROR_OK;
}

void calendar_undefine(const char *name)
{
  pthread_mutex_lock(&mutex);
  struct calendar_name *slot = find(name);
  if (slot)
    atomic_store_explicit(&slot->meaning, NULL, memory_order_release);
  pthread_mutex_unlock(&mutex);
}

enum error_code calendar_reserve(const char *name, struct error *error)
{
  enum error_code code = check_name(name, error);
  if (code) {
    error_prefix(error, "calendar");
    return code;
  }
  pthread_mutex_lock(&mutex);
  find_or_add(name);
  pthread_mutex_unlock(&mutex);
  return ERROR_OK;
}

static enum error_code unknown(const char *name, struct error *error) /* under the mutex */
{
  size_t count = 1;
  char hint[128];
  for (const struct calendar_name *slot = names; slot; slot = slot->next)
    count++;
  const char **known = memory_alloc(count * sizeof *known);
  for (const struct calendar_name *slot = names; slot; slot = slot->next)
    known[--count - 1] = slot->text;
  error_set(error, ERROR_INVALID, "unknown calendar \"%.60s\"%s", name,
            text_did_you_mean(hint, name, known));
  free(known);
  return ERROR_INVALID;
}

enum error_code calendar_find(const char *name, const struct calendar_name **found,
                              struct error *error)
{
  pthread_mutex_lock(&mutex);
  *found = find(name);
  enum error_code code = *found ? ERROR_OK : unknown(name, error);
  pthread_mutex_unlock(&mutex);
  return code;
}

const struct calendar_name *calendar_next_defined(const struct calendar_name *name)
{
  pthread_mutex_lock(&mutex);
  const struct calendar_name *next = name ? name->next : names;
  pthread_mutex_unlock(&mutex);
  while (next && !calendar_name_meaning(next))
    next = next->next;
  return next;
}

const char *calendar_name_text(const struct calendar_name *name)
{
  return name->text;
}

const struct calendar *calendar_name_meaning(const struct calendar_name *name)
{
  return atomic_load_explicit(&name->meaning, memory_order_acquire);
}
