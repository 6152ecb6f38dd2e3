/* What a fuzz target is made of: libFuzzer's entry point, and the seeds for the driver. */
#ifndef FUZZ_DRIVER_H
#define FUZZ_DRIVER_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Texts without the head that chooses zone and moment; ends with NULL. */
extern const char *const fuzz_seeds[];

static inline size_t fuzz_seeds_count(void)
{
  size_t count = 0;
  while (fuzz_seeds[count])
    count++;
  return count;
}

/* How many inputs were read as triggers; check.c's. */
extern long fuzz_triggers;

#endif
