/* A machine of four phases. ITEM looks at the item `p` at the place `s`; GROW lets a greedy item
 * take as many bytes as it can; BALANCE walks through a %b; BACK goes to the newest point and
 * chooses what comes next there, or has failed when there is none. Whatever a phase needs later
 * stands in the struct, so it may stop between any two bytes.
 *
 * Attempts that must fail are left out: where the first item takes no byte; and if it is greedy,
 * within what it took in an attempt that failed, as that has tried the rest at every place to which
 * they could come. The latter makes `%s+$` linear. (A %1 in the rest would depend on where the
 * attempt began.) */
#include "base/pattern.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/pattern_item.h"

enum phase { PHASE_IDLE, PHASE_ITEM, PHASE_GROW, PHASE_BALANCE, PHASE_BACK };

enum point_kind {
  POINT_GREEDY, /* the item took low..high; it can take one less */
  POINT_LAZY,   /* the rest was tried at high; the item can take one more */
  POINT_REST,   /* without the item that `?` made optional */
  POINT_OPENED, /* undo: forget the last capture */
  POINT_CLOSED, /* undo: the capture is open again */
};

enum { ITEM_BYTES_PER_STEP = 16, SKIPPED_BYTES_PER_STEP = 64 };

size_t pattern_points(const char *pattern, size_t size)
{
  size_t points = 0;
  for (size_t i = 0; i < size; i++)
    points += strchr("*+-?()", pattern[i]) != NULL;
  return points;
}

size_t pattern_captures(const char *pattern, size_t size)
{
  size_t captures = 0;
  for (size_t i = 0; i < size && captures < PATTERN_CAPTURES_MAX; i++)
    captures += pattern[i] == '(';
  return captures;
}

static bool has_references(const char *p, const char *stop)
{
  for (; p + 1 < stop; p++)
    if (*p == '%' && isdigit((unsigned char)p[1]))
      return true;
  return false;
}

/* Leaves what is malformed to the attempt. */
static void find_first_item(struct pattern *it)
{
  const char *p = it->start, *unused, *end = NULL;
  while (p < it->stop && *p == '(' && p - it->start < PATTERN_CAPTURES_MAX)
    p++;
  char next = p + 1 < it->stop ? p[1] : '\0';
  bool is_item = p < it->stop && *p != '(' && *p != ')' && (*p != '$' || next) &&
                 (*p != '%' || (next != 'b' && next != 'f' && !isdigit((unsigned char)next)));
  if (is_item)
    end = pattern_item_end(p, it->stop, &unused);
  char suffix = end && end < it->stop ? *end : '\0';
  it->first = p;
  it->first_end = end;
  it->first_is_sure = end && suffix != '*' && suffix != '?' && suffix != '-';
  it->has_references = has_references(it->start, it->stop);
}

void pattern_init(struct pattern *it, const char *text, size_t text_size, const char *pattern,
                  size_t size, struct pattern_point *points, struct pattern_capture *captures)
{
  it->text = text;
  it->text_end = text + text_size;
  it->start = pattern;
  it->stop = pattern + size;
  it->points = points;
  it->captures = captures;
  it->capture_count = 0;
  it->point_count = 0;
  it->problem = NULL;
  find_first_item(it);
}

void pattern_begin(struct pattern *it, const char *from, bool is_anchored, const char *not_end)
{
  it->at = from;
  it->is_anchored = is_anchored;
  it->not_end = not_end;
  it->phase = PHASE_IDLE;
  if (it->stop - it->start > PATTERN_SIZE_MAX)
    it->problem = "pattern too long (over 1 MiB)";
}

/* ---- parts of an attempt; each returns whether it goes on as it is (else: back, or a problem) */

static bool fail(struct pattern *it)
{
  it->phase = PHASE_BACK;
  return false;
}

static bool spoil(struct pattern *it, const char *problem)
{
  it->problem = problem;
  return false;
}

static struct pattern_point *push(struct pattern *it, enum point_kind kind)
{
  struct pattern_point *point = &it->points[it->point_count++];
  point->kind = (int)kind;
  return point;
}

static bool open_capture(struct pattern *it, ptrdiff_t size)
{
  if (it->capture_count >= PATTERN_CAPTURES_MAX)
    return spoil(it, "too many captures");
  it->captures[it->capture_count++] = (struct pattern_capture){it->s, size};
  push(it, POINT_OPENED);
  it->p += size == PATTERN_CAPTURE_POSITION ? 2 : 1;
  return true;
}

static bool close_capture(struct pattern *it)
{
  int last = it->capture_count - 1;
  while (last >= 0 && it->captures[last].size != PATTERN_CAPTURE_OPEN)
    last--;
  if (last < 0)
    return spoil(it, "invalid pattern capture");
  it->captures[last].size = it->s - it->captures[last].start;
  push(it, POINT_CLOSED)->capture = last;
  it->p++;
  return true;
}

static bool match_reference(struct pattern *it, int64_t *budget)
{
  int index = it->p[1] - '1';
  if (index < 0 || index >= it->capture_count || it->captures[index].size == PATTERN_CAPTURE_OPEN) {
    snprintf(it->problem_text, sizeof it->problem_text, "invalid capture index %%%d", index + 1);
    return spoil(it, it->problem_text);
  }
  const struct pattern_capture *capture = &it->captures[index];
  if (capture->size < 0 || capture->size > it->text_end - it->s)
    return fail(it);
  *budget -= capture->size / SKIPPED_BYTES_PER_STEP;
  if (memcmp(capture->start, it->s, (size_t)capture->size) != 0)
    return fail(it);
  it->s += capture->size;
  it->p += 2;
  return true;
}

static bool match_frontier(struct pattern *it)
{
  const char *set = it->p + 2;
  if (set >= it->stop || *set != '[')
    return spoil(it, "missing '[' after '%f' in pattern");
  const char *end = pattern_item_end(set, it->stop, &it->problem);
  if (!end)
    return false;
  unsigned char before = it->s == it->text ? 0 : (unsigned char)it->s[-1];
  unsigned char here = it->s == it->text_end ? 0 : (unsigned char)*it->s;
  if (pattern_set_has(before, set, end) || !pattern_set_has(here, set, end))
    return fail(it);
  it->p = end;
  return true;
}

static bool begin_balance(struct pattern *it)
{
  if (it->stop - it->p < 4)
    return spoil(it, "malformed pattern (missing arguments to '%b')");
  if (it->s == it->text_end || *it->s != it->p[2])
    return fail(it);
  it->s++;
  it->depth = 1;
  it->phase = PHASE_BALANCE;
  return false;
}

static void balance(struct pattern *it, int64_t *budget)
{
  const char opening = it->p[2], closing = it->p[3];
  const char *s = it->s;
  const char *pause = it->text_end - s > *budget ? s + *budget + 1 : it->text_end;
  *budget -= pause - s;
  for (; s < pause; s++) {
    if (*s == closing) {
      if (--it->depth == 0) {
        it->s = s + 1;
        it->p += 4;
        it->phase = PHASE_ITEM;
        return;
      }
    } else if (*s == opening) {
      it->depth++;
    }
  }
  it->s = s;
  if (s == it->text_end)
    fail(it);
}

/* ---- repetition ---- */

static const char *run_of(const char *s, const char *end, const char *item, const char *item_end)
{
  switch (*item) {
  case '.':
    return end;
  case '%':
    while (s < end && pattern_class_has((unsigned char)*s, (unsigned char)item[1]))
      s++;
    return s;
  case '[':
    while (s < end && pattern_set_has((unsigned char)*s, item, item_end))
      s++;
    return s;
  default:
    while (s < end && *s == *item)
      s++;
    return s;
  }
}

static void grow(struct pattern *it, int64_t *budget)
{
  struct pattern_point *point = &it->points[it->point_count - 1];
  const char *item_end = point->rest - 1;
  int64_t cost = 1 + (item_end - point->item) / ITEM_BYTES_PER_STEP;
  int64_t some = (*budget > 0 ? *budget / cost : 0) + 1; /* an attempt may have overdrawn it */
  const char *pause = it->text_end - point->high > some ? point->high + some : it->text_end;
  const char *high = run_of(point->high, pause, point->item, item_end);
  *budget -= (high - point->high) * cost;
  point->high = high;
  if (high == pause && pause < it->text_end)
    return;
  if (point->item == it->first && !it->has_references)
    it->skip_to = *item_end == '+' ? high : high + 1;
  it->s = high;
  it->p = point->rest;
  it->phase = PHASE_ITEM;
}

/* `low` is where the rest is tried last. */
static bool begin_greedy(struct pattern *it, const char *item_end, const char *low)
{
  struct pattern_point *point = push(it, POINT_GREEDY);
  point->low = low;
  point->high = low;
  point->item = it->p;
  point->rest = item_end + 1;
  it->phase = PHASE_GROW;
  return false;
}

static bool begin_lazy(struct pattern *it, const char *item_end)
{
  struct pattern_point *point = push(it, POINT_LAZY);
  point->high = it->s;
  point->item = it->p;
  point->rest = item_end + 1;
  it->p = point->rest;
  return true;
}

static bool match_single(struct pattern *it, int64_t *budget)
{
  const char *end = it->p + 1;
  if (*it->p == '%' || *it->p == '[') {
    end = pattern_item_end(it->p, it->stop, &it->problem);
    if (!end)
      return false;
    *budget -= (end - it->p) / ITEM_BYTES_PER_STEP;
  }
  char suffix = end < it->stop ? *end : '\0';
  bool has = it->s < it->text_end && pattern_item_has((unsigned char)*it->s, it->p, end);
  if (!has) {
    if (suffix != '*' && suffix != '?' && suffix != '-')
      return fail(it);
    it->p = end + 1;
    return true;
  }
  switch (suffix) {
  case '*':
    return begin_greedy(it, end, it->s);
  case '+':
    return begin_greedy(it, end, it->s + 1);
  case '-':
    return begin_lazy(it, end);
  case '?': {
    struct pattern_point *point = push(it, POINT_REST);
    point->high = it->s++;
    point->rest = it->p = end + 1;
    return true;
  }
  default:
    it->s++;
    it->p = end;
    return true;
  }
}

/* ---- the phases ---- */

static bool match_item(struct pattern *it, int64_t *budget)
{
  char next = it->p + 1 < it->stop ? it->p[1] : '\0';
  switch (*it->p) {
  case '(':
    return open_capture(it, next == ')' ? PATTERN_CAPTURE_POSITION : PATTERN_CAPTURE_OPEN);
  case ')':
    return close_capture(it);
  case '$':
    if (it->p + 1 != it->stop)
      return match_single(it, budget);
    it->p++;
    return it->s == it->text_end ? true : fail(it);
  case '%':
    if (next == 'b')
      return begin_balance(it);
    if (next == 'f')
      return match_frontier(it);
    return isdigit((unsigned char)next) ? match_reference(it, budget) : match_single(it, budget);
  default:
    return match_single(it, budget);
  }
}

/* Chooses again at a greedy or lazy point; false when there is no choice left. */
static bool choose_again(struct pattern *it, struct pattern_point *point, int64_t *budget)
{
  const char *item_end = point->rest - 1;
  if (point->kind == POINT_GREEDY) {
    if (point->high == point->low)
      return false;
    point->high--;
  } else {
    *budget -= (item_end - point->item) / ITEM_BYTES_PER_STEP;
    if (point->high == it->text_end ||
        !pattern_item_has((unsigned char)*point->high, point->item, item_end))
      return false;
    point->high++;
  }
  it->s = point->high;
  it->p = point->rest;
  it->phase = PHASE_ITEM;
  return true;
}

/* False: no point is left. */
static bool go_back(struct pattern *it, int64_t *budget)
{
  while (it->point_count > 0) {
    struct pattern_point *point = &it->points[it->point_count - 1];
    switch ((enum point_kind)point->kind) {
    case POINT_GREEDY:
    case POINT_LAZY:
      if (choose_again(it, point, budget))
        return true;
      break;
    case POINT_REST:
      it->s = point->high;
      it->p = point->rest;
      it->phase = PHASE_ITEM;
      it->point_count--;
      return true;
    case POINT_OPENED:
      it->capture_count--;
      break;
    case POINT_CLOSED:
      it->captures[point->capture].size = PATTERN_CAPTURE_OPEN;
      break;
    }
    it->point_count--;
    --*budget;
  }
  return false;
}

static enum pattern_result attempt(struct pattern *it, int64_t *budget)
{
  while (*budget > 0) {
    --*budget;
    switch ((enum phase)it->phase) {
    case PHASE_ITEM:
      while (it->p != it->stop && match_item(it, budget))
        if (--*budget <= 0)
          return PATTERN_MORE;
      if (it->problem)
        return PATTERN_MALFORMED;
      if (it->phase != PHASE_ITEM)
        break;
      it->end = it->s;
      return PATTERN_MATCHED;
    case PHASE_GROW:
      grow(it, budget);
      break;
    case PHASE_BALANCE:
      balance(it, budget);
      break;
    case PHASE_BACK:
    default:
      if (!go_back(it, budget))
        return PATTERN_FAILED;
      break;
    }
  }
  return PATTERN_MORE;
}

/* ---- the search ---- */

/* The next place where the first item takes a byte, or where the budget ends. */
static const char *find_first(const struct pattern *it, int64_t *budget)
{
  int64_t cost = 1 + (it->first_end - it->first) / ITEM_BYTES_PER_STEP;
  int64_t some = (*budget > 0 ? *budget / cost : 0) + 1; /* an attempt may have overdrawn it */
  const char *at = it->at;
  const char *pause = it->text_end - at > some ? at + some : it->text_end;
  if (it->first_end - it->first == 1 && *it->first != '.') {
    const char *place = memchr(at, *it->first, (size_t)(pause - at));
    at = place ? place : pause;
  } else {
    while (at < pause && !pattern_item_has((unsigned char)*at, it->first, it->first_end))
      at++;
  }
  *budget -= (at - it->at) * cost;
  return at;
}

static void begin_attempt(struct pattern *it)
{
  it->skip_to = it->at + 1;
  it->s = it->at;
  it->p = it->start;
  it->point_count = 0;
  it->capture_count = 0;
  it->phase = PHASE_ITEM;
}

enum pattern_result pattern_step(struct pattern *it, int64_t *budget)
{
  for (;;) {
    if (it->problem)
      return PATTERN_MALFORMED;
    if (it->phase == PHASE_IDLE) {
      if (*budget <= 0)
        return PATTERN_MORE;
      if (it->first_is_sure && !it->is_anchored) {
        it->at = find_first(it, budget);
        if (it->at == it->text_end)
          return PATTERN_FAILED;
        if (*budget <= 0)
          return PATTERN_MORE;
      }
      begin_attempt(it);
    }
    enum pattern_result result = attempt(it, budget);
    if (result == PATTERN_MORE || result == PATTERN_MALFORMED)
      return result;
    it->phase = PHASE_IDLE;
    if (result == PATTERN_MATCHED && it->end != it->not_end)
      return PATTERN_MATCHED;
    it->at = result == PATTERN_MATCHED ? it->at + 1 : it->skip_to;
    if (it->is_anchored || it->at > it->text_end)
      return PATTERN_FAILED;
  }
}

enum pattern_result pattern_find(const char *text, size_t size, const char *pattern, int64_t budget,
                                 struct error *error)
{
  struct pattern it;
  bool is_anchored = pattern[0] == '^';
  const char *start = pattern + is_anchored;
  size_t start_size = strlen(start);
  struct pattern_point *points =
      memory_alloc((pattern_points(start, start_size) + 1) * sizeof *points);
  struct pattern_capture captures[PATTERN_CAPTURES_MAX];
  pattern_init(&it, text, size, start, start_size, points, captures);
  pattern_begin(&it, text, is_anchored, NULL);
  enum pattern_result result = pattern_step(&it, &budget);
  if (result == PATTERN_MALFORMED)
    error_set(error, ERROR_INVALID, "pattern \"%s\": %s", pattern, it.problem);
  free(points);
  return result;
}
