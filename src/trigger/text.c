/* The text form: `WORD value name=value name=value ...`.
 *
 * A line is read into the tree of the JSON form and written from it, so there is one reader and one
 * writer of triggers. Values need no quotes: an option begins at a space followed by `name=`, in
 * small letters, and what stands up to the next one is its value, spaces included
 * (`start=2026-03-29 02:30 timezone=Europe/Berlin`). A value that this would cut, or that begins
 * with a quote or a parenthesis, stands in double quotes, with \" and \\ inside. In parentheses
 * stands a whole trigger, as in `any_of (cron 0 9 * * *) (every 5h)`, or a group of options:
 * `except=(weekdays=sat,sun)`. The word may be left out before a cron expression, which begins with
 * a digit, `*`, `@`, `H`, or `CRON_TZ=`. Errors end with the column, in characters from 1. Pure. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "trigger/kind.h"

enum { TEXT_MAX_SIZE = 128 << 10, NODES_MAX = 4096, WORDS_MAX = 64, DEPTH_MAX = 8 };

struct reader {
  const char *begin, *at;
  struct json *node; /* the next free one */
  char *out;         /* where the next key or value goes */
  int depth;         /* of parentheses */
};

static enum error_code read_trigger(struct reader *reader, struct json *object,
                                    struct error *error);

/* Adds where in the line it is; returns ERROR_INVALID. */
static enum error_code at_column(const struct reader *reader, const char *at, struct error *error)
{
  size_t column = 1;
  for (const char *c = reader->begin; c < at; c++)
    column += ((unsigned char)*c & 0xc0) != 0x80;
  if (error) {
    size_t size = strlen(error->text);
    snprintf(error->text + size, sizeof error->text - size, ", column %zu", column);
  }
  return ERROR_INVALID;
}

static bool is_space(char c)
{
  return c == ' ' || (c >= '\t' && c <= '\r');
}

static void skip_spaces(struct reader *reader)
{
  while (is_space(*reader->at))
    reader->at++;
}

static bool is_at_end(const struct reader *reader)
{
  return !*reader->at || (reader->depth > 0 && *reader->at == ')');
}

/* The size of a `name=` that begins at `at`, without the sign; 0 when none does. */
static size_t member_size(const char *at)
{
  size_t size = 0;
  while (islower((unsigned char)at[size]) ||
         (size && (at[size] == '_' || isdigit((unsigned char)at[size]))))
    size++;
  return size && at[size] == '=' ? size : 0;
}

static const char *keep(struct reader *reader, const char *text, size_t size)
{
  char *kept = reader->out;
  memcpy(kept, text, size);
  kept[size] = '\0';
  reader->out += size + 1;
  return kept;
}

static struct json *add_child(struct reader *reader, struct json *parent, const char *key,
                              enum json_type type)
{
  struct json **end = &parent->as.first;
  while (*end)
    end = &(*end)->next;
  *end = reader->node++;
  **end = (struct json){.type = type, .key = key};
  parent->count++;
  return *end;
}

static void add_text(struct reader *reader, struct json *parent, const char *key, const char *text)
{
  struct json *node = add_child(reader, parent, key, JSON_STRING);
  node->as.string.data = text;
  node->as.string.size = strlen(text);
}

/* A value without quotes: up to the next option, the end, or the parenthesis that closes the group;
 * without the spaces around it. */
static const char *read_plain(struct reader *reader)
{
  const char *begin = reader->at, *end = begin;
  int open = 0;
  while (!is_at_end(reader) && !member_size(reader->at)) {
    while (*reader->at && !is_space(*reader->at)) {
      if (reader->depth > 0 && *reader->at == ')' && open-- == 0)
        return keep(reader, begin, (size_t)(reader->at - begin));
      open += *reader->at++ == '(';
    }
    end = reader->at;
    skip_spaces(reader);
  }
  return keep(reader, begin, (size_t)(end - begin));
}

static enum error_code read_quoted(struct reader *reader, const char **value, struct error *error)
{
  const char *begin = reader->at;
  char *out = reader->out;
  *value = out;
  for (reader->at++; *reader->at && *reader->at != '"'; reader->at++) {
    if (*reader->at == '\\' && (reader->at[1] == '"' || reader->at[1] == '\\'))
      reader->at++;
    *out++ = *reader->at;
  }
  *out++ = '\0';
  reader->out = out;
  if (!*reader->at) {
    error_set(error, ERROR_INVALID, "a quote is not closed: \"%.40s", *value);
    return at_column(reader, begin, error);
  }
  reader->at++;
  if (is_at_end(reader) || is_space(*reader->at))
    return ERROR_OK;
  error_set(error, ERROR_INVALID, "a space is missing behind the quote of \"%.40s\"", *value);
  return at_column(reader, reader->at, error);
}

static enum error_code read_options(struct reader *reader, struct json *object,
                                    struct error *error);

/* What stands in parentheses, a trigger or options, as the members of `object`. */
static enum error_code read_group(struct reader *reader, struct json *object, struct error *error)
{
  const char *begin = reader->at++;
  if (++reader->depth > DEPTH_MAX) {
    error_set(error, ERROR_INVALID, "parentheses are nested more than %d deep", DEPTH_MAX);
    return at_column(reader, begin, error);
  }
  skip_spaces(reader);
  enum error_code code = member_size(reader->at) ? read_options(reader, object, error)
                                                 : read_trigger(reader, object, error);
  if (code)
    return code;
  if (*reader->at != ')') {
    error_set(error, ERROR_INVALID, "a parenthesis is not closed: \"%.40s\"", begin);
    return at_column(reader, begin, error);
  }
  reader->at++;
  reader->depth--;
  return ERROR_OK;
}

/* `name=value ...` up to the end. */
static enum error_code read_options(struct reader *reader, struct json *object, struct error *error)
{
  for (skip_spaces(reader); !is_at_end(reader); skip_spaces(reader)) {
    size_t size = member_size(reader->at);
    if (!size) {
      error_set(error, ERROR_INVALID, "expected an option such as name=value at \"%.40s\"",
                reader->at);
      return at_column(reader, reader->at, error);
    }
    const char *key = keep(reader, reader->at, size), *value;
    enum error_code code = ERROR_OK;
    reader->at += size + 1;
    skip_spaces(reader);
    if (*reader->at == '(') {
      code = read_group(reader, add_child(reader, object, key, JSON_OBJECT), error);
    } else if (*reader->at == '"') {
      code = read_quoted(reader, &value, error);
      if (!code)
        add_text(reader, object, key, value);
    } else {
      add_text(reader, object, key, read_plain(reader));
    }
    if (code)
      return code;
  }
  return ERROR_OK;
}

static void unknown_word(const char *word, size_t size, struct error *error)
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
}

/* `H` and `CRON_TZ=` begin an expression as digits and signs do. */
static bool is_expression(const char *at)
{
  return !isalpha((unsigned char)*at) || (*at == 'H' && !isalpha((unsigned char)at[1])) ||
         !strncmp(at, "CRON_TZ=", 8) || !strncmp(at, "TZ=", 3);
}

/* The kind and member that the line's first word stands for; moves behind the word. */
static enum error_code read_word(struct reader *reader, const struct trigger_kind **kind,
                                 const struct trigger_word **word, struct error *error)
{
  bool is_macro = *reader->at == '@'; /* @reboot is a word, others are expressions */
  size_t size = is_macro;
  *kind = &cron_kind;
  *word = cron_kind.words;
  if (is_expression(reader->at) && !is_macro)
    return ERROR_OK;
  while (isalnum((unsigned char)reader->at[size]) || reader->at[size] == '_')
    size++;
  for (size_t i = 0; trigger_kinds[i]; i++)
    for (const struct trigger_word *w = trigger_kinds[i]->words; w->word; w++)
      if (strlen(w->word) == size && !memcmp(w->word, reader->at, size)) {
        *kind = trigger_kinds[i];
        *word = w;
        reader->at += size;
        return ERROR_OK;
      }
  if (is_macro)
    return ERROR_OK;
  unknown_word(reader->at, strcspn(reader->at, " \t\r\n)"), error);
  return at_column(reader, reader->at, error);
}

/* What stands between the word and the options. */
static enum error_code read_head(struct reader *reader, struct json *object,
                                 const struct trigger_kind *kind, const struct trigger_word *word,
                                 struct error *error)
{
  skip_spaces(reader);
  if (kind->is_nested) {
    struct json *of = add_child(reader, object, word->member, JSON_ARRAY);
    for (; *reader->at == '('; skip_spaces(reader)) {
      enum error_code code = read_group(reader, add_child(reader, of, NULL, JSON_OBJECT), error);
      if (code)
        return code;
    }
    return ERROR_OK;
  }
  if (!word->member)
    return ERROR_OK;
  const char *value;
  if (*reader->at != '"')
    value = read_plain(reader);
  else if (read_quoted(reader, &value, error))
    return ERROR_INVALID;
  add_text(reader, object, word->member, value);
  return ERROR_OK;
}

static enum error_code read_trigger(struct reader *reader, struct json *object, struct error *error)
{
  const struct trigger_kind *kind;
  const struct trigger_word *word;
  if (is_at_end(reader)) {
    error_set(error, ERROR_INVALID, "the trigger is empty");
    return reader->depth ? at_column(reader, reader->at, error) : ERROR_INVALID;
  }
  enum error_code code = read_word(reader, &kind, &word, error);
  if (code)
    return code;
  add_text(reader, object, "kind", kind->name);
  code = read_head(reader, object, kind, word, error);
  return code ? code : read_options(reader, object, error);
}

/* A node needs a sign of its own in the text, but for the outermost object, and "kind" and the head
 * of each trigger. */
static size_t count_nodes(const char *text)
{
  size_t count = 3;
  for (; *text; text++)
    count += *text == '=' ? 1 : *text == '(' ? 4 : 0;
  return count;
}

enum error_code trigger_text_read(const char *text, struct json **tree, struct error *error)
{
  size_t size = strlen(text);
  *tree = NULL;
  if (size > TEXT_MAX_SIZE)
    return error_set(error, ERROR_LIMIT, "the trigger is longer than %d bytes", TEXT_MAX_SIZE);
  if (!text_is_utf8(text, size, NULL))
    return error_set(error, ERROR_INVALID, "the trigger is not valid UTF-8");
  /* Every key and value ends with a NUL, and takes the place of at least one other byte. */
  size_t nodes = count_nodes(text);
  if (nodes > NODES_MAX)
    return error_set(error, ERROR_LIMIT, "the trigger has too many options and parentheses");
  struct json *root = memory_alloc(nodes * sizeof *root + 2 * size + nodes);
  struct reader reader = {
      .begin = text, .at = text, .node = root + 1, .out = (char *)(root + nodes)};
  *root = (struct json){.type = JSON_OBJECT};
  skip_spaces(&reader);
  enum error_code code = read_trigger(&reader, root, error);
  if (code)
    free(root);
  else
    *tree = root;
  return code;
}

/* ---- writing ---- */

static bool needs_quotes(const char *text)
{
  int open = 0;
  if (!*text || *text == '"' || *text == '(' || is_space(*text))
    return true;
  for (const char *at = text; *at; at++) {
    if (*at == ')' && open-- == 0)
      return true;
    open += *at == '(';
    if (is_space(*at) && (!at[1] || is_space(at[1]) || member_size(at + 1)))
      return true;
  }
  return open > 0 || member_size(text) > 0;
}

static void put_text(struct buffer *out, const char *text)
{
  if (!needs_quotes(text)) {
    buffer_printf(out, "%s", text);
    return;
  }
  buffer_printf(out, "\"");
  for (; *text; text++)
    buffer_printf(out, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
  buffer_printf(out, "\"");
}

static const struct trigger_word *word_of(const struct trigger_kind *kind, const struct json *value)
{
  for (const struct trigger_word *w = kind->words; w->word; w++)
    if (w->member && json_get(value, w->member))
      return w;
  return kind->words;
}

static void put_options(struct buffer *out, const struct json *object, const char *head)
{
  const char *space = head ? " " : "";
  json_each(member, object) {
    if (head && (!strcmp(member->key, "kind") || !strcmp(member->key, head)))
      continue;
    buffer_printf(out, "%s%s=", space, member->key);
    space = " ";
    if (member->type == JSON_OBJECT) {
      buffer_printf(out, "(");
      trigger_text_write(member, out);
      buffer_printf(out, ")");
    } else {
      put_text(out, json_text(member, ""));
    }
  }
}

static void put_head(struct buffer *out, const struct trigger_kind *kind,
                     const struct trigger_word *word, const struct json *value)
{
  if (kind->is_nested)
    json_each(child, value) {
      buffer_printf(out, " (");
      trigger_text_write(child, out);
      buffer_printf(out, ")");
    }
  else if (word->member) {
    buffer_printf(out, " ");
    put_text(out, json_text(value, ""));
  }
}

void trigger_text_write(const struct json *object, struct buffer *out)
{
  const char *name = json_text(json_get(object, "kind"), NULL);
  if (!name) {
    put_options(out, object, NULL);
    return;
  }
  for (size_t i = 0; trigger_kinds[i]; i++) {
    const struct trigger_kind *kind = trigger_kinds[i];
    if (strcmp(kind->name, name) != 0)
      continue;
    const struct trigger_word *word = word_of(kind, object);
    buffer_printf(out, "%s", word->word);
    put_head(out, kind, word, word->member ? json_get(object, word->member) : NULL);
    put_options(out, object, word->member ? word->member : "");
  }
}
