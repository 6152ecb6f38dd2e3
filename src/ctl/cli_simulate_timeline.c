/* The span as a picture: a row for each job, a column for each piece of time. A piece in which runs
 * begin shows how many, else whether one goes on, waits or was skipped. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "ctl/cli_simulate.h"
#include "time/civil.h"
#include "time/instant.h"
#include "trigger/event.h"

enum {
  NAME_MAX = 24,
  PLAIN_WIDTH = 100, /* where there is no terminal */
  COLUMNS_LEAST = 20,
  COLUMNS_MAX = 200,
  ROWS_MAX = 60,
  LABEL_EVERY = 12, /* columns, at least */
};

#define SECOND_US INT64_C(1000000)
#define DAY_S     86400

struct piece {
  int32_t begins;
  bool goes_on, waits, skips;
};

struct timeline {
  struct cli *cli;
  const struct simulate_answer *answer;
  int64_t from_us, piece_us;
  size_t columns;
  int name_width;
  struct piece *pieces; /* of one job */
};

/* Pieces as people divide time. */
static int64_t choose_piece(int64_t span_us, size_t columns)
{
  static const int lengths_s[] = {
      1,          2,          5,          10,         15,         30,         60,        120,
      300,        600,        900,        1200,       1800,       3600,       7200,      10800,
      14400,      21600,      43200,      DAY_S,      2 * DAY_S,  3 * DAY_S,  7 * DAY_S, 14 * DAY_S,
      21 * DAY_S, 28 * DAY_S, 42 * DAY_S, 56 * DAY_S, 91 * DAY_S, 182 * DAY_S};
  int64_t least_us = (span_us + (int64_t)columns - 1) / (int64_t)columns;
  for (size_t i = 0; i < sizeof lengths_s / sizeof lengths_s[0]; i++)
    if (lengths_s[i] * SECOND_US >= least_us)
      return lengths_s[i] * SECOND_US;
  return (least_us / (SECOND_US * 364 * DAY_S) + 1) * SECOND_US * 364 * DAY_S;
}

/* Pieces begin where the wall clock is a multiple of their length, those of days with the span's
 * first day. */
static void lay_out(struct timeline *timeline)
{
  const struct simulation *s = &timeline->answer->simulation;
  int width = timeline->cli->screen.width > 0 ? timeline->cli->screen.width : PLAIN_WIDTH;
  for (size_t i = 0; i < s->job_count; i++) {
    struct buffer id = {0};
    text_append_visible(&id, s->jobs[i].job->id, strlen(s->jobs[i].job->id));
    int name = text_width(id.data, id.size);
    buffer_deinit(&id);
    if (timeline->answer->digest.jobs[i].fires > 0 && name > timeline->name_width)
      timeline->name_width = name > NAME_MAX ? NAME_MAX : name;
  }
  int room = width - timeline->name_width - 2;
  size_t columns = room < COLUMNS_LEAST ? COLUMNS_LEAST
                   : room > COLUMNS_MAX ? COLUMNS_MAX
                                        : (size_t)room;
  int64_t offset_us =
      zone_at(timeline->answer->zone, instant_seconds(s->from_us)).offset_s * SECOND_US;
  for (size_t fewer = 0; fewer < 2; fewer++) { /* what is before the span may take a column */
    timeline->piece_us = choose_piece(s->reached_us - s->from_us, columns - fewer);
    int64_t unit_us =
        timeline->piece_us < DAY_S * SECOND_US ? timeline->piece_us : DAY_S * SECOND_US;
    int64_t into_us = (s->from_us + offset_us) % unit_us;
    timeline->from_us = s->from_us - (into_us < 0 ? into_us + unit_us : into_us);
    timeline->columns =
        (size_t)((s->reached_us - timeline->from_us + timeline->piece_us - 1) / timeline->piece_us);
    if (timeline->columns <= columns)
      break;
  }
}

/* ---- the axis ---- */

/* The day where a piece is a day or more, which begins an hour off midnight once the clock has
 * changed; else the time of day, and the day when it is new. */
static void append_label(const struct timeline *timeline, struct buffer *out, int64_t us,
                         int64_t *last_day)
{
  int64_t second = instant_seconds(us);
  int64_t local_s = second + zone_at(timeline->answer->zone, second).offset_s;
  if (timeline->piece_us >= DAY_S * SECOND_US) {
    struct civil_time noon = civil_from_seconds(local_s + DAY_S / 2);
    buffer_printf(out, "%04d-%02d-%02d", noon.date.year, noon.date.month, noon.date.day);
    return;
  }
  struct civil_time local = civil_from_seconds(local_s);
  if (civil_day_of(local_s) != *last_day)
    buffer_printf(out, "%02d-%02d ", local.date.month, local.date.day);
  buffer_printf(out, "%02d:%02d", local.hour, local.minute);
  if (timeline->piece_us < 60 * SECOND_US)
    buffer_printf(out, ":%02d", local.second);
  *last_day = civil_day_of(local_s);
}

/* A label that needs more room takes that of the next; one that has none is left out. */
static void put_axis(const struct timeline *timeline)
{
  struct buffer axis = {0};
  int64_t last_day = INT64_MIN;
  for (size_t column = 0; column < timeline->columns; column += LABEL_EVERY) {
    struct buffer label = {0};
    if (axis.size > column)
      continue;
    append_label(timeline, &label, timeline->from_us + (int64_t)column * timeline->piece_us,
                 &last_day);
    if (column == 0 || column + label.size < timeline->columns)
      buffer_printf(&axis, "%*s|%s", (int)(column - axis.size), "", label.data);
    buffer_deinit(&label);
  }
  struct buffer *out = &timeline->cli->out;
  buffer_printf(out, "%*s  ", timeline->name_width, "");
  screen_append(&timeline->cli->screen, out, COLOR_DIM, axis.size > 0 ? axis.data : "");
  buffer_append_byte(out, '\n');
  buffer_deinit(&axis);
}

/* ---- rows ---- */

static size_t column_of(const struct timeline *timeline, int64_t us)
{
  int64_t column = us <= timeline->from_us ? 0 : (us - timeline->from_us) / timeline->piece_us;
  return (size_t)column < timeline->columns ? (size_t)column : timeline->columns - 1;
}

/* A run's later attempts go on with it. */
static void mark_attempt(struct timeline *timeline, const struct simulation_attempt *attempt)
{
  size_t begin = column_of(timeline, attempt->begin_us),
         end = column_of(timeline, attempt->end_us - 1);
  bool is_first = attempt->number == 1;
  timeline->pieces[begin].begins += is_first;
  for (size_t i = is_first ? begin + 1 : begin; i <= end; i++)
    timeline->pieces[i].goes_on = true;
  for (size_t i = column_of(timeline, attempt->due_us); attempt->wait != WAITED_NOT && i < begin;
       i++)
    timeline->pieces[i].waits = true;
}

static void fill(struct timeline *timeline, size_t first, size_t last, bool waits)
{
  for (size_t i = first; i <= last; i++) {
    timeline->pieces[i].waits |= waits;
    timeline->pieces[i].skips |= !waits;
  }
}

/* One due time of each piece says enough. */
static void mark_skips(struct timeline *timeline, const struct simulation_fire *fire,
                       const struct trigger *trigger)
{
  int64_t due_us = fire->scheduled_us;
  size_t column = column_of(timeline, due_us), last = column_of(timeline, fire->last_us);
  if (fire->count > 1 && (!trigger || trigger_is_open(trigger))) {
    fill(timeline, column, last, false); /* only roughly: nobody knows any more */
    return;
  }
  timeline->pieces[column].skips = timeline->pieces[last].skips = true;
  while (column < last) {
    int64_t end_us = timeline->from_us + (int64_t)(column + 1) * timeline->piece_us - 1;
    if (!trigger_next(trigger, end_us > due_us ? end_us : due_us, &due_us) ||
        due_us > fire->last_us)
      return;
    column = column_of(timeline, due_us);
    timeline->pieces[column].skips = true;
  }
}

static void mark(struct timeline *timeline, const struct simulation_fire *fire)
{
  if (fire->kind == FIRE_WAITS)
    fill(timeline, column_of(timeline, fire->scheduled_us), timeline->columns - 1, true);
  else if (fire->kind == FIRE_SKIPPED)
    mark_skips(timeline, fire, timeline->answer->simulation.jobs[fire->job].job->trigger);
}

static char show_piece(const struct piece *piece, enum color *color)
{
  *color = piece->skips ? COLOR_YELLOW : COLOR_GREEN;
  if (piece->begins > 9)
    return '#';
  if (piece->begins > 0)
    return (char)('0' + piece->begins);
  if (piece->skips)
    return 'x';
  if (piece->goes_on)
    return '-';
  *color = piece->waits ? COLOR_YELLOW : COLOR_DIM;
  return piece->waits ? 'w' : '.';
}

static void put_row(const struct timeline *timeline, const char *id)
{
  const struct screen *screen = &timeline->cli->screen;
  struct buffer *out = &timeline->cli->out, name = {0};
  text_append_visible(&name, id, strlen(id));
  size_t size = text_fit(name.data, name.size, timeline->name_width);
  screen_begin_color(screen, out, COLOR_BOLD);
  buffer_append(out, name.data, size);
  screen_end_color(screen, out, COLOR_BOLD);
  buffer_printf(out, "%*s  ", timeline->name_width - text_width(name.data, size), "");
  buffer_deinit(&name);
  enum color last = COLOR_NONE, color;
  for (size_t i = 0; i < timeline->columns; i++) {
    char cell = show_piece(&timeline->pieces[i], &color);
    if (color != last) {
      screen_end_color(screen, out, last);
      screen_begin_color(screen, out, color);
      last = color;
    }
    buffer_append_byte(out, cell);
  }
  screen_end_color(screen, out, last);
  buffer_append_byte(out, '\n');
}

/* Attempts and fires are in the order of time: each job's are found by one walk over all. */
static void put_rows(struct timeline *timeline)
{
  const struct simulation_digest *digest = &timeline->answer->digest;
  const struct simulation *s = digest->simulation;
  size_t jobs = s->job_count, rows = 0, left_out = 0, row_size = timeline->columns;
  struct piece *all = memory_alloc(jobs * row_size * sizeof *all);
  for (size_t i = 0; i < s->attempt_count; i++) {
    timeline->pieces = all + (size_t)s->attempts[i].job * row_size;
    mark_attempt(timeline, &s->attempts[i]);
  }
  for (size_t i = 0; i < digest->fire_count; i++) {
    timeline->pieces = all + (size_t)digest->fires[i].job * row_size;
    mark(timeline, &digest->fires[i]);
  }
  for (size_t i = 0; i < jobs; i++) {
    if (digest->jobs[i].fires == 0)
      continue;
    timeline->pieces = all + i * row_size;
    if (rows++ < ROWS_MAX)
      put_row(timeline, s->jobs[i].job->id);
    else
      left_out++;
  }
  if (left_out > 0)
    buffer_printf(&timeline->cli->out, "and %zu more: --job says which\n", left_out);
  free(all);
}

void simulate_put_timeline(struct cli *cli, const struct simulate_answer *answer)
{
  struct timeline timeline = {.cli = cli, .answer = answer};
  struct buffer title = {0};
  lay_out(&timeline);
  buffer_append_text(&title, "Timeline");
  buffer_append_byte(&cli->out, '\n');
  screen_append(&cli->screen, &cli->out, COLOR_BOLD, title.data);
  buffer_clear(&title);
  buffer_append_text(&title, "  a column is ");
  append_span(&title, timeline.piece_us);
  buffer_append_text(&title, "; 1-9 # runs begin, - goes on, w waits, x skipped\n");
  screen_append(&cli->screen, &cli->out, COLOR_DIM, title.data);
  buffer_deinit(&title);
  put_axis(&timeline);
  put_rows(&timeline);
}
