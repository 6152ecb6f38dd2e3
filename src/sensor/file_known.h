/* What is known of the files of one pattern, and which of them have something to tell.
 *
 * A file is known as it was when it was reported, or when the watching began. It is pending while
 * it is otherwise, and settled when it has been so, without change, for long enough. Any new change
 * time (ctime) counts, because moving a file into place and copying over it with the old time of
 * modification show in nothing else.
 *
 * A position is what is known, made short:
 *   {"since":1795241668512345678,"done":{"/srv/in/a.csv":1795241668512345678},"todo":{...}}
 * A file that is not named in it is known if it changed before `since`. Of those that changed then
 * or later, `done` has the ones that are known, with the change time. `todo` has what is pending
 * from before (files that settle out of order), with the kind of change. While few files are known,
 * `done` names them all and `since` is 0, so that no clock that is set back can hide a file.
 *
 * Files that are not found in a folder that was looked into are forgotten. When it was not (not
 * mounted, unreadable), they are kept, and nothing is told when they come back as they were. One
 * thread at a time. */
#ifndef SENSOR_FILE_KNOWN_H
#define SENSOR_FILE_KNOWN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/buffer.h"

struct file_known;

struct file_moment {
  int64_t monotonic_us;
  int64_t wall_us;
};

/* A position that is NULL, or none of ours: the watching begins now, and what has not changed since
 * is known. */
struct file_known *file_known_create(const char *position);
void file_known_destroy(struct file_known *known);
bool file_known_is_new(const struct file_known *known); /* no position was given or written yet */

/* A scan begins, visits, ends; a scan that was not finished is abandoned instead. The visits take a
 * file_known as their context. */
void file_known_begin(struct file_known *known, const struct file_moment *moment);
void file_known_visit_file(void *known, const char *path, const struct stat *status, dev_t device);
void file_known_visit_folder(struct file_known *known, const char *path, dev_t device);
void file_known_visit_unreadable(struct file_known *known, const char *path);
void file_known_end(struct file_known *known);
void file_known_abandon(struct file_known *known);

/* When the next pending file will have settled, if nothing changes it; INT64_MAX: none is. */
int64_t file_known_settles_at_us(const struct file_known *known, int64_t settle_us);

/* Appends a JSON array of the settled ones, at most `most`, in the order of their change times, and
 * knows them from now on. Appends nothing when there are none. */
void file_known_take(struct file_known *known, int64_t settle_us, int64_t monotonic_us, size_t most,
                     struct buffer *events);

char *file_known_position(struct file_known *known);

#endif
