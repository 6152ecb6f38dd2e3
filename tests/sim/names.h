/* Names of what has happened, to be compared as multisets: what should have been told, and what
 * was. */
#ifndef SIM_NAMES_H
#define SIM_NAMES_H

#include <stddef.h>
#include <stdint.h>

struct names {
  char **list;
  size_t count, capacity;
};

void names_add(struct names *names, const char *name);
/* "job@time", and its attempt unless that is 0. */
void names_add_run(struct names *names, const char *job, int64_t scheduled_us, int64_t attempt);

/* Who should have heard of the ends of runs has heard of each once, and of no other. Frees both. */
void names_compare(const char *who, struct names *ended, struct names *heard);

#endif
