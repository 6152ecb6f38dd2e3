/* Whether a pattern is well formed, from its first item to its last. Any thread. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/pattern.h"
#include "base/pattern_item.h"

struct check {
  const char *stop;
  const char *problem;
  char problem_text[40];
  int captures;
  bool is_open[PATTERN_CAPTURES_MAX];
};

static const char *open_capture(struct check *check, const char *p)
{
  bool is_position = p + 1 < check->stop && p[1] == ')';
  if (check->captures == PATTERN_CAPTURES_MAX) {
    check->problem = "too many captures";
    return NULL;
  }
  check->is_open[check->captures++] = !is_position;
  return p + 1 + is_position;
}

static const char *close_capture(struct check *check, const char *p)
{
  for (int i = check->captures - 1; i >= 0; i--)
    if (check->is_open[i]) {
      check->is_open[i] = false;
      return p + 1;
    }
  check->problem = "invalid pattern capture";
  return NULL;
}

/* %b, %f and %1; other escapes are single items. */
static const char *pass_escape(struct check *check, const char *p)
{
  unsigned char next = p + 1 < check->stop ? (unsigned char)p[1] : 0;
  if (next == 'b') {
    if (check->stop - p < 4)
      check->problem = "malformed pattern (missing arguments to '%b')";
    return check->problem ? NULL : p + 4;
  }
  if (next == 'f') {
    if (p + 2 < check->stop && p[2] == '[')
      return pattern_item_end(p + 2, check->stop, &check->problem);
    check->problem = "missing '[' after '%f' in pattern";
    return NULL;
  }
  int index = next - '1';
  if (isdigit(next) && (index < 0 || index >= check->captures || check->is_open[index])) {
    snprintf(check->problem_text, sizeof check->problem_text, "invalid capture index %%%d",
             index + 1);
    check->problem = check->problem_text;
    return NULL;
  }
  return pattern_item_end(p, check->stop, &check->problem);
}

/* What follows an item as its suffix would stand for itself otherwise, so it need not be known. */
static const char *pass_item(struct check *check, const char *p)
{
  switch (*p) {
  case '(':
    return open_capture(check, p);
  case ')':
    return close_capture(check, p);
  case '%':
    return pass_escape(check, p);
  default:
    return pattern_item_end(p, check->stop, &check->problem);
  }
}

enum error_code pattern_check(const char *pattern, struct error *error)
{
  struct check check = {.stop = pattern + strlen(pattern)};
  const char *p = pattern + (pattern[0] == '^');
  if (check.stop - p > PATTERN_SIZE_MAX)
    return error_set(error, ERROR_INVALID, "pattern too long (over 1 MiB)");
  while (p && p < check.stop)
    p = pass_item(&check, p);
  for (int i = 0; p && i < check.captures; i++)
    if (check.is_open[i])
      check.problem = "unfinished capture";
  return check.problem
             ? error_set(error, ERROR_INVALID, "pattern \"%s\": %s", pattern, check.problem)
             : ERROR_OK;
}
