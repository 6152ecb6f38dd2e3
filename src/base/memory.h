/* Memory of the host program. Running out of it aborts with one line on standard error: no code
 * above has to carry a failure that nobody can act on. Lua states have their own allocators.
 * What is returned is freed with free(). Any thread. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stddef.h>

void *memory_alloc(size_t size);                     /* zeroed */
void *memory_resize(void *block, size_t size);       /* as realloc; new bytes are not zeroed */
void *memory_aligned(size_t alignment, size_t size); /* not zeroed */
char *memory_copy(const void *bytes, size_t size);   /* adds a NUL behind the copy */
char *memory_strdup(const char *text);               /* NULL gives NULL */
/* Called before it aborts, for processes that have another way to say so. Before there are threads.
 */
void memory_on_exhaustion(void (*callback)(void));

/* Blocks of some 100 KiB and more go back to the system when they are freed, so that what a burst
 * needed is not kept for ever. Before there are threads. */
void memory_give_back(void);

/* Gives all whole pages that are free back now: after many small blocks most of a thread's heap may
 * be. Holds up the others' allocations meanwhile, some milliseconds for 100 MiB. */
void memory_trim(void);

char *memory_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
