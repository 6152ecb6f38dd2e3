/* What every unit test includes; cmocka wants these headers before its own. */
#ifndef SUPPORT_UNIT_H
#define SUPPORT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* A bound on time; so many times as large where something makes all slower (valgrind) and says so
 * in MOONBEAT_TESTS_SLOWER. */
static inline int64_t unit_patience_us(int64_t us)
{
  const char *factor = getenv("MOONBEAT_TESTS_SLOWER");
  return factor ? us * strtol(factor, NULL, 10) : us;
}

#endif
