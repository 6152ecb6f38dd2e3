/* The text form: `WORD value name=value name=value ...`.
 *
 * A line is translated to the JSON form and back, so there is one reader and one writer of
 * triggers. Values need no quotes: an option begins at a space followed by `name=`, and what stands
 * up to the next one is its value, spaces included (`start=2026-03-29 02:30
 * timezone=Europe/Berlin`). The word may be left out before a cron expression, which begins with a
 * digit, `*` or `@`. Pure. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "trigger/kind.h"

enum { TEXT_MAX_SIZE = 2000, WORDS_MAX = 32 };

static const char *skip_spaces(const char *at)
{
  while (isspace((unsigned char)*at))
    at++;
  return at;
}

/* The size of a `name=` that begins at `at`, without the sign; 0 when none does. */
static size_t member_size(const char *at)
{
  size_t size = 0;
  while (isalpha((unsigned char)at[size]) || at[size] == '_')
    size++;
  return at[size] == '=' ? size : 0;
}

/* The text up to the next option or the end, without spaces around it; moves `*at` on. */
static void put_value(struct json_writer *writer, const char *key, size_t key_size, const char **at)
{
  const char *begin = skip_spaces(*at), *end = begin;
  *at = begin;
  while (**at && !member_size(*at)) {
    while (**at && !isspace((unsigned char)**at))
      (*at)++;
    end = *at;
    *at = skip_spaces(*at);
  }
  char *name = memory_copy(key, key_size);
  json_key(writer, name);
  json_write_string(writer, begin, (size_t)(end - begin));
  free(name);
}

static enum error_code unknown_word(const char *word, size_t size, struct error *error)
{
  const char *words[WORDS_MAX] = {0};
  size_t count = 0;
  for (size_t i = 0; trigger_kinds[i]; i++)
    for (const struct trigger_word *w = trigger_kinds[i]->words; w->word; w++)
      if (count < WORDS_MAX - 1)
        words[count++] = w->word;
  char *wrong = memory_copy(word, size > 60 ? 60 : size);
  char hint[128];
  text_did_you_mean(hint, wrong, words);
  error_set(error, ERROR_INVALID, "unknown trigger \"%s\"%s", wrong,
            *hint ? hint : ": write cron, every, in or at");
  free(wrong);
  return ERROR_INVALID;
}

/* The kind and member that the line's first word stands for; moves `*at` behind the word. */
static enum error_code read_word(const char **at, const char **kind, const char **member,
                                 struct error *error)
{
  *kind = "cron";
  *member = "expression";
  if (!isalpha((unsigned char)**at))
    return ERROR_OK;
  size_t size = strcspn(*at, " \t\r\n");
  for (size_t i = 0; trigger_kinds[i]; i++)
    for (const struct trigger_word *w = trigger_kinds[i]->words; w->word; w++)
      if (strlen(w->word) == size && !memcmp(w->word, *at, size)) {
        *kind = trigger_kinds[i]->name;
        *member = w->member;
        *at += size;
        return ERROR_OK;
      }
  return unknown_word(*at, size, error);
}

enum error_code trigger_text_to_json(const char *text, struct buffer *out, struct error *error)
{
  const char *at = skip_spaces(text), *kind, *member;
  struct json_writer writer = {.out = out};
  if (!*at)
    return error_set(error, ERROR_INVALID, "the trigger is empty");
  if (strlen(text) > TEXT_MAX_SIZE)
    return error_set(error, ERROR_LIMIT, "the trigger is longer than %d bytes", TEXT_MAX_SIZE);
  if (read_word(&at, &kind, &member, error))
    return ERROR_INVALID;
  json_begin_object(&writer);
  json_put_text(&writer, "kind", kind);
  put_value(&writer, member, strlen(member), &at);
  while (*at) {
    const char *key = at;
    size_t size = member_size(at);
    at += size + 1;
    put_value(&writer, key, size, &at);
  }
  json_end_object(&writer);
  return ERROR_OK;
}

static const struct trigger_word *word_of(const struct trigger_kind *kind, const struct json *value)
{
  for (const struct trigger_word *w = kind->words; w->word; w++)
    if (json_get(value, w->member))
      return w;
  return kind->words;
}

void trigger_json_to_text(const struct trigger_kind *kind, const struct json *value,
                          struct buffer *out)
{
  const struct trigger_word *head = word_of(kind, value);
  buffer_printf(out, "%s %s", head->word, json_text(json_get(value, head->member), ""));
  json_each(member, value) {
    if (strcmp(member->key, "kind") && strcmp(member->key, head->member))
      buffer_printf(out, " %s=%s", member->key, json_text(member, ""));
  }
}
