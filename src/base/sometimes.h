/* Interesting states. `sometimes("...")` says that one is reached here: the simulator counts how
 * often, and a campaign that never gets there has not tried what it says it tries. All points of a
 * program are known, also those that are never reached. Elsewhere it is nothing at all. One thread.
 */
#ifndef BASE_SOMETIMES_H
#define BASE_SOMETIMES_H

#ifdef MOONBEAT_SOMETIMES

#include <stdint.h>

struct sometimes_point {
  const char *name;
  int64_t count;
};

/* The linker gathers the addresses of all points in one section. */
#define sometimes(text)                                                                            \
  do {                                                                                             \
    static struct sometimes_point sometimes_here = {text, 0};                                      \
    static struct sometimes_point *const sometimes_place                                           \
        __attribute__((used, section("sometimes_points"))) = &sometimes_here;                      \
    sometimes_here.count++;                                                                        \
  } while (0)

#else
#define sometimes(text) ((void)0)
#endif

#endif
