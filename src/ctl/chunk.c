/* Each `function`, `do`, `if` and `repeat` has its `end` or `until`; `for` and `while` have those
 * of their `do`. What is no Lua is not found out here: it may seem to go on until the text ends. */
#include "ctl/chunk.h"

#include <ctype.h>
#include <string.h>

struct line {
  const char *at, *end;
};

static bool is_word(char c)
{
  return isalnum((unsigned char)c) || c == '_';
}

/* The level of "[[", "[=[" and so on, plus 1, and steps over it; 0 when none begins here. */
static int skip_opening(struct line *line)
{
  const char *at = line->at + 1;
  while (at < line->end && *at == '=')
    at++;
  if (at >= line->end || *at != '[')
    return 0;
  int level = (int)(at - line->at);
  line->at = at + 1;
  return level;
}

static void skip_long(struct chunk *chunk, struct line *line)
{
  for (; chunk->level && line->at < line->end; line->at++) {
    const char *at = line->at;
    if (*at != ']')
      continue;
    for (at++; at < line->end && *at == '=';)
      at++;
    if (at < line->end && *at == ']' && at - line->at == chunk->level) {
      chunk->level = 0;
      line->at = at;
    }
  }
}

/* A string ends with its line, unless the end stands behind a "\", or "\z" skips it. */
static void skip_string(struct chunk *chunk, struct line *line)
{
  for (; chunk->quote && line->at < line->end; line->at++) {
    if (*line->at == '\\' && line->at + 1 < line->end) {
      line->at++;
      if (*line->at == '\r' && line->at + 1 < line->end)
        line->at++; /* to the line end that it belongs to */
      if (*line->at == 'z')
        while (line->at + 1 < line->end && isspace((unsigned char)line->at[1]))
          line->at++;
    } else if (*line->at == chunk->quote || *line->at == '\n') {
      chunk->quote = 0;
    }
  }
}

static int depth_of(const char *word, size_t size)
{
  static const struct {
    const char *word;
    int depth;
  } words[] = {{"do", 1}, {"end", -1}, {"function", 1}, {"if", 1}, {"repeat", 1}, {"until", -1}};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    if (strlen(words[i].word) == size && strncmp(word, words[i].word, size) == 0)
      return words[i].depth;
  return 0;
}

static void skip_word(struct chunk *chunk, struct line *line)
{
  const char *begin = line->at;
  while (line->at < line->end && is_word(*line->at))
    line->at++;
  chunk->depth += depth_of(begin, (size_t)(line->at - begin));
}

static void skip_comment(struct chunk *chunk, struct line *line)
{
  line->at += 2;
  if (line->at < line->end && *line->at == '[')
    chunk->level = skip_opening(line);
  if (!chunk->level)
    line->at = line->end;
}

static void skip_token(struct chunk *chunk, struct line *line)
{
  char c = *line->at;
  if (is_word(c)) {
    skip_word(chunk, line);
    return;
  }
  if (c == '-' && line->at + 1 < line->end && line->at[1] == '-') {
    skip_comment(chunk, line);
    return;
  }
  if (c == '[' && (chunk->level = skip_opening(line)))
    return;
  if (c == '"' || c == '\'')
    chunk->quote = c;
  else if (strchr("([{", c) && c)
    chunk->depth++;
  else if (strchr(")]}", c) && c)
    chunk->depth--;
  line->at++;
}

bool chunk_may_end(struct chunk *chunk, const char *text, size_t size)
{
  struct line line = {text, text + size};
  while (line.at < line.end)
    if (chunk->level)
      skip_long(chunk, &line);
    else if (chunk->quote)
      skip_string(chunk, &line);
    else
      skip_token(chunk, &line);
  return chunk->depth <= 0 && !chunk->level && !chunk->quote;
}
