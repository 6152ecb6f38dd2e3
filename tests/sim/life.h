/* One life of a scheduler, drawn from a seed: the real store on a disk in memory, the turn,
 * triggers and policies, clients, workers that are models, and all that may go wrong. What happens
 * is compared with a book (book.h) of what must be. */
#ifndef SIM_LIFE_H
#define SIM_LIFE_H

#include <stdbool.h>
#include <stdint.h>

struct life_options {
  uint64_t seed;
  int steps;
  bool is_told;       /* each step is printed */
  const char *folder; /* where the store and what a witness has seen are left; NULL: nowhere */
};

struct life_report {
  uint64_t hash; /* of all that the scheduler has sent, and when */
  int64_t lived_us, crashes, faults, operations, acknowledged, dues, runs, skips;
};

/* Writes what the life that is being lived has left to its folder, if it has one, as it does at its
 * end: an operation that waits for its answer has none. For blame(). */
void life_leave_behind(void);

/* Returns when nothing was wrong; else blame() ends the program. Adds to the report. */
void life_live(const struct life_options *options, struct life_report *report);

#endif
