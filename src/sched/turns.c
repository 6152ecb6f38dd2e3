/* How long turns take: what nobody else can be served in. The caller measures, since the scheduler
 * sees no clock, and tells it here; `status` shows it. The longest is kept for all time, which says
 * what can happen, and for the last minute or two, which says how it is now. */
#include "sched/turns.h"

#include "sched/view.h"

enum { SLOW_US = 20000, WINDOW_US = 60 * 1000000 };

void sched_took(struct sched *s, int64_t wall_us, int64_t cpu_us)
{
  struct turn_times *t = &s->turns;
  int64_t window = s->now_us / WINDOW_US;
  if (window != t->window) { /* only one that follows has been before */
    t->before_us = window == t->window + 1 ? t->window_us : 0;
    t->window_us = 0;
    t->window = window;
  }
  t->count++;
  t->slow += wall_us > SLOW_US;
  if (wall_us > t->window_us)
    t->window_us = wall_us;
  if (cpu_us > t->cpu_us)
    t->cpu_us = cpu_us;
  if (wall_us > t->longest_us) {
    t->longest_us = wall_us;
    t->longest_at_us = s->now_us;
  }
}

void turns_put(const struct sched *s, struct json_writer *writer)
{
  const struct turn_times *t = &s->turns;
  int64_t lately_us = t->window_us > t->before_us ? t->window_us : t->before_us;
  json_key(writer, "turns");
  json_begin_object(writer);
  json_put_integer(writer, "count", t->count);
  json_put_integer(writer, "slow", t->slow);
  json_put_number(writer, "lately", (double)lately_us / 1e6);
  json_put_number(writer, "longest", (double)t->longest_us / 1e6);
  view_put_instant(writer, "longest_at", t->longest_at_us, 0);
  json_put_number(writer, "longest_cpu", (double)t->cpu_us / 1e6);
  json_end_object(writer);
}
