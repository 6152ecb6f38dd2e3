/* The only place that reads clocks. Pure code (time, trigger, model, store, sched) takes `now` as
 * an argument instead. Any thread.
 *
 * A thread may live by a clock that somebody else moves: what reads clocks on it, and cannot take
 * `now`, then lives in that time too. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Microseconds since the epoch, UTC; steps when somebody sets the clock. */
int64_t clock_wall_us(void);

/* Microseconds since some moment, never going back; for slices, time-outs and measuring. */
int64_t clock_monotonic_us(void);

/* Where the calling thread reads its wall and its monotonic clock from now on; NULL: from the
 * system, as is each whose function is NULL. CPU time stays what it is. The source is the caller's.
 */
struct clock_source {
  int64_t (*wall_us)(void *context);
  int64_t (*monotonic_us)(void *context);
  void *context;
};
void clock_use(const struct clock_source *source);

/* Microseconds of CPU time that the calling thread has used. */
int64_t clock_thread_us(void);

/* As clock_monotonic_us(), always the system's: for how long somebody really waits. */
int64_t clock_machine_us(void);

/* Nanoseconds since the epoch by the clock that the kernel dates files with: a change that follows
 * is not dated before. Always the system's, as the files' dates are. */
int64_t clock_file_ns(void);

/* The calling thread sleeps for so long, or until a signal comes. Always in the system's time. */
void clock_sleep_us(int64_t us);

/* Finds out when somebody sets the wall clock: it is compared with a clock that only goes on, also
 * while the machine sleeps. `{0}` has not looked yet. */
struct clock_watch {
  int64_t offset_us;
  bool has_looked;
};
/* By how much it was set since the last look, forwards or (negative) backwards; 0: not, or by less
 * than CLOCK_STEP_LEAST_US, as when it is disciplined by and by. */
#define CLOCK_STEP_LEAST_US INT64_C(500000)
int64_t clock_watch_look(struct clock_watch *watch);
/* The same for clocks that were read before: the wall clock before and after the steady one. */
int64_t clock_watch_compare(struct clock_watch *watch, int64_t wall_us, int64_t steady_us,
                            int64_t wall_again_us);

#endif
