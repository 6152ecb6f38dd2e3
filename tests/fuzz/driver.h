/* What a fuzz target is made of: libFuzzer's entry point, and the seeds for the driver. */
#ifndef FUZZ_DRIVER_H
#define FUZZ_DRIVER_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz_target {
  const char *const *texts; /* seeds; ends with NULL */
  const char *const *files; /* the same as files, of which those are taken that can be read */
  size_t head_size;         /* random bytes in front of the seed, which are no text */
};

extern const struct fuzz_target fuzz_target;

/* How many inputs were accepted: a target whose inputs are all refused tests little. */
extern long fuzz_accepted;

/* A NUL-terminated copy for free(). */
char *fuzz_text(const uint8_t *data, size_t size);

/* Says why and aborts. */
_Noreturn void fuzz_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
