/* The inside of file_known: file_known.c, file_visit.c, file_position.c. */
#ifndef SENSOR_FILE_ENTRY_H
#define SENSOR_FILE_ENTRY_H

#include <sys/queue.h>

#include "base/hash.h"
#include "sensor/file_known.h"

/* The system's file times stand still for up to so long: a second write may not show. */
enum { FILE_GRAIN_US = 20 * 1000 };

/* Two stamps are equal when nothing has happened to the file. The device is left out: it may be
 * another after mounting again. */
struct file_stamp {
  ino_t inode;
  int64_t size;
  int64_t modified_ns;
  int64_t changed_ns;
};

enum file_state {
  FILE_NEW,      /* `known` says nothing */
  FILE_RESTORED, /* from a position, and not seen yet: `known` has only the change time */
  FILE_KNOWN,
};

struct file_entry {
  char *path; /* the key */
  enum file_state state;
  struct file_stamp known;
  struct file_stamp seen; /* by the latest scan that saw it */
  int64_t seen_us;        /* monotonic: since when it is so */
  dev_t device;           /* of its folder */
  bool is_created;        /* what is pending is its coming, not a change */
  bool is_visited;
  bool is_missing; /* restored, and not found in its folder: if it comes, it is created */
  bool is_listed_pending, is_listed_recent;
  TAILQ_ENTRY(file_entry) in_pending, in_recent;
  UT_hash_handle hh;
};

TAILQ_HEAD(file_list, file_entry);

struct file_folder {
  char *path; /* the key */
  dev_t device;
  bool is_unreadable;
  UT_hash_handle hh;
};

struct file_known {
  struct file_entry *files;
  struct file_list pending; /* the few of many ... */
  struct file_list recent;  /* ... that a report is about: known to have changed since `since_ns` */
  struct file_folder *folders;  /* of the last whole scan */
  struct file_folder *scanning; /* of the scan in progress */
  struct file_moment moment;
  int64_t since_ns; /* of the latest position; it never goes back */
  bool is_new;      /* there is no position yet */
  int64_t begun_ns; /* then: what changed since is to be told */
  bool has_scanned;
};

static inline bool file_stamps_equal(const struct file_stamp *a, const struct file_stamp *b)
{
  return a->changed_ns == b->changed_ns && a->modified_ns == b->modified_ns &&
         a->inode == b->inode && a->size == b->size;
}

static inline bool file_entry_is_pending(const struct file_entry *file)
{
  return file->state == FILE_NEW ||
         (file->state == FILE_KNOWN && !file_stamps_equal(&file->seen, &file->known));
}

/* Puts the file into the lists that it belongs to by now, or takes it out. */
void file_known_list(struct file_known *known, struct file_entry *file);

/* The entry of a path, made when there is none. */
struct file_entry *file_known_add(struct file_known *known, const char *path);

/* Whether the path, or a folder that it lies in, could not be looked at. */
bool file_known_is_hidden(const struct file_folder *folders, const char *path);

void file_known_restore(struct file_known *known, const char *position);

#endif
