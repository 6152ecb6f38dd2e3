/* A disk in memory, as a VFS of SQLite: it does the same for the same seed, and what goes wrong on
 * it is asked for. One thread, one disk at a time.
 *
 * Writes are seen at once and are safe when their file was synced after them. When the process dies
 * all that was written stays; when the power fails, each write since the last sync of its file may
 * be lost, kept or torn, in units of 512 bytes and in any order. */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include <stdbool.h>
#include <stdint.h>

struct disk;

/* Becomes SQLite's disk until it is destroyed. `pass` is told of the time that a slow disk takes,
 * `fail` of the first write or sync of a process that fails, but for want of room. */
struct disk *disk_create(uint64_t seed, void (*pass)(void *context, int64_t us),
                         void (*fail)(void *context), void *context);
void disk_destroy(struct disk *disk);

/* It is dead when so many writes, truncations and syncs more have been done: each one after fails.
 * -1: never. */
void disk_die_after(struct disk *disk, int64_t operations);
void disk_die(struct disk *disk); /* now */
bool disk_is_dead(const struct disk *disk);

enum disk_end { DISK_PROCESS_ENDS, DISK_POWER_FAILS };
/* The end of what used it, and the disk lives again. Nobody has files open. */
void disk_end(struct disk *disk, enum disk_end end);

/* What goes wrong from now on; 0 is a good disk. */
enum disk_trouble {
  DISK_IS_FULL = 1,   /* writes that would make a file longer fail */
  DISK_HAS_QUOTA = 2, /* every write fails as if it were full */
  DISK_FAILS_WRITES = 4,
  DISK_FAILS_SYNCS = 8,
  DISK_FAILS_READS = 16,
};
void disk_trouble(struct disk *disk, int troubles);

/* Each sync takes so long at most, drawn. */
void disk_slow(struct disk *disk, int64_t most_us);

/* Writes its files to the folder, under their own names. */
void disk_copy_out(const struct disk *disk, const char *folder);

#endif
