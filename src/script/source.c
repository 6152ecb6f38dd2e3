#include "script/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"

/* What one look finds. */
struct found {
  bool is_missing;
  bool is_regular;
  struct source_stamp stamp;
  char *text;
  size_t size;
  struct error error; /* code 0: none */
};

void source_init(struct source *source, const char *path)
{
  *source = (struct source){.path = memory_strdup(path)};
}

void source_deinit(struct source *source)
{
  free(source->path);
  free(source->problem);
}

static struct source_stamp make_stamp(const struct stat *st)
{
  return (struct source_stamp){
      .device = st->st_dev,
      .inode = st->st_ino,
      .size = st->st_size,
      .modified_ns = st->st_mtim.tv_sec * INT64_C(1000000000) + st->st_mtim.tv_nsec,
      .changed_ns = st->st_ctim.tv_sec * INT64_C(1000000000) + st->st_ctim.tv_nsec,
  };
}

static bool stamps_equal(const struct source_stamp *a, const struct source_stamp *b)
{
  return a->device == b->device && a->inode == b->inode && a->size == b->size &&
         a->modified_ns == b->modified_ns && a->changed_ns == b->changed_ns;
}

static const char *kind_name(mode_t mode)
{
  return S_ISDIR(mode)    ? "a directory"
         : S_ISFIFO(mode) ? "a named pipe"
         : S_ISSOCK(mode) ? "a socket"
                          : "a device";
}

/* Also true, with an error, for a link that leads nowhere. */
static bool is_there(const char *path, struct stat *st, struct error *error)
{
  if (stat(path, st) == 0)
    return true;
  int reason = errno;
  struct stat link;
  if (lstat(path, &link) != 0) {
    if (errno == ENOENT || errno == ENOTDIR)
      return false;
    error_set_errno(error, ERROR_IO, errno, "%s cannot be looked at", path);
  } else if (S_ISLNK(link.st_mode) && reason == ENOENT) {
    char target[512];
    ssize_t length = readlink(path, target, sizeof target - 1);
    target[length > 0 ? length : 0] = '\0';
    error_set(error, ERROR_NOT_FOUND, "%s is a symbolic link to %s, which does not exist", path,
              target);
  } else if (S_ISLNK(link.st_mode) && reason == ELOOP) {
    error_set(error, ERROR_INVALID, "%s is a symbolic link that leads back to itself", path);
  } else if (reason != ENOENT) {
    error_set_errno(error, ERROR_IO, reason, "%s cannot be looked at", path);
  } else {
    return false; /* it went away and came back between the two questions: look again */
  }
  return true;
}

static struct found find(const char *path)
{
  struct found found = {0};
  struct stat st = {0};
  found.is_missing = !is_there(path, &st, &found.error);
  if (found.is_missing || found.error.code)
    return found;
  found.stamp = make_stamp(&st);
  found.is_regular = S_ISREG(st.st_mode);
  if (!found.is_regular)
    error_set(&found.error, ERROR_INVALID, "%s is %s, a script must be a file", path,
              kind_name(st.st_mode));
  else if (st.st_size > SCRIPT_SIZE_MAX)
    error_set(&found.error, ERROR_LIMIT, "%s has %.1f MiB, a script may have %d MiB", path,
              (double)st.st_size / (1 << 20), SCRIPT_SIZE_MAX >> 20);
  return found;
}

static void check_utf8(const char *path, struct found *found)
{
  size_t bad;
  if (text_is_utf8(found->text, found->size, &bad))
    return;
  int line = 1;
  for (size_t i = 0; i < bad; i++)
    line += found->text[i] == '\n';
  error_set(&found->error, ERROR_INVALID,
            "%s:%d: byte 0x%02x is not UTF-8, save the file in that encoding", path, line,
            (unsigned)(unsigned char)found->text[bad]);
}

/* At most SCRIPT_SIZE_MAX + 1 bytes, whatever the file has become since it was looked at. */
static bool read_all(int fd, int64_t expected, char **text, size_t *size)
{
  size_t capacity = (size_t)expected + 1;
  *text = memory_alloc(capacity + 1);
  *size = 0;
  ssize_t got;
  while (*size < capacity && (got = read(fd, *text + *size, capacity - *size)) != 0) {
    if (got < 0 && errno != EINTR)
      return false;
    *size += got > 0 ? (size_t)got : 0;
  }
  (*text)[*size] = '\0';
  return true;
}

/* The system may grant later what it does not grant now, so the stamp is one that no file has and
   each look asks again. */
static void refuse(struct found *found, const char *path)
{
  found->stamp = (struct source_stamp){0};
  error_set_errno(&found->error, error_from_errno(errno), errno, "%s cannot be read", path);
}

/* Fills text and size, or the error. False: the file changed while it was read. */
static bool read_found(const char *path, struct found *found)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0 && errno == ENOENT)
    return false;
  if (fd < 0) {
    refuse(found, path);
    return true;
  }
  struct stat before, after;
  bool is_still =
      fstat(fd, &before) == 0 && S_ISREG(before.st_mode) && before.st_size == found->stamp.size;
  if (is_still && !read_all(fd, before.st_size, &found->text, &found->size)) {
    refuse(found, path);
  } else if (is_still) {
    struct source_stamp read_stamp = make_stamp(&before), after_stamp = {0};
    if (fstat(fd, &after) == 0)
      after_stamp = make_stamp(&after);
    is_still = stamps_equal(&read_stamp, &found->stamp) &&
               stamps_equal(&read_stamp, &after_stamp) && found->size == (size_t)before.st_size;
  }
  close(fd);
  return is_still;
}

/* True when the look is to be repeated, unless patience has ended. */
static bool doubt(struct source *source, const struct moment *moment, int64_t limit_us)
{
  if (!source->doubt_us)
    source->doubt_us = moment->monotonic_us;
  return moment->monotonic_us - source->doubt_us < limit_us;
}

static int64_t age_us(const struct source_stamp *stamp, const struct moment *moment)
{
  int64_t age = moment->wall_us - stamp->changed_ns / 1000;
  return age < 0 ? INT64_MAX : age; /* the clock was set back: no way to know, so it is old */
}

static enum source_change lose(struct source *source, const struct moment *moment)
{
  if (source->state == SOURCE_ABSENT) {
    source->doubt_us = 0;
    return LOOK_SAME;
  }
  if (source->state == SOURCE_GOOD && doubt(source, moment, SOURCE_DOUBT_US))
    return LOOK_UNSETTLED;
  source->state = SOURCE_ABSENT;
  source->doubt_us = 0;
  return LOOK_GONE;
}

static enum source_change fail(struct source *source, const struct moment *moment,
                               const struct found *found)
{
  bool was_bad = source->state == SOURCE_BAD;
  /* A link that dangles for a moment is how `ln -sf` swaps. */
  if (!found->is_regular && source->state == SOURCE_GOOD && doubt(source, moment, SOURCE_DOUBT_US))
    return LOOK_UNSETTLED;
  source->doubt_us = 0;
  source->state = SOURCE_BAD;
  source->stamp = found->stamp;
  source->is_stamp_sure = age_us(&found->stamp, moment) >= SOURCE_SETTLED_US;
  source->is_wanted = false;
  if (was_bad && strcmp(source->problem, found->error.text) == 0)
    return LOOK_SAME;
  free(source->problem);
  source->problem = memory_strdup(found->error.text);
  return LOOK_PROBLEM;
}

static enum source_change accept(struct source *source, const struct moment *moment,
                                 const struct found *found)
{
  char version[SCRIPT_VERSION_SIZE];
  script_hash(found->text, found->size, version);
  bool is_same =
      source->state == SOURCE_GOOD && !source->is_wanted && strcmp(version, source->version) == 0;
  source->state = SOURCE_GOOD;
  source->stamp = found->stamp;
  source->is_stamp_sure = age_us(&found->stamp, moment) >= SOURCE_SETTLED_US;
  source->is_wanted = false;
  source->doubt_us = 0;
  memcpy(source->version, version, sizeof version);
  return is_same ? LOOK_SAME : LOOK_CHANGED;
}

/* A regular file whose stamp is not the known one. */
static enum source_change take(struct source *source, const struct moment *moment,
                               struct found *found)
{
  const char *path = source->path;
  int64_t age = age_us(&found->stamp, moment);
  bool is_emptied =
      found->stamp.size == 0 && (source->state == SOURCE_GOOD || age < SOURCE_DOUBT_US);
  if (is_emptied && doubt(source, moment, SOURCE_DOUBT_US))
    return LOOK_UNSETTLED;
  if (age < SOURCE_SETTLED_US && !moment->is_first && doubt(source, moment, SOURCE_PATIENCE_US))
    return LOOK_UNSETTLED;
  if (!found->error.code && !read_found(path, found) && doubt(source, moment, SOURCE_PATIENCE_US))
    return LOOK_UNSETTLED;
  if (!found->error.code && !found->text)
    return LOOK_UNSETTLED;
  if (!found->error.code)
    check_utf8(path, found);
  return found->error.code ? fail(source, moment, found) : accept(source, moment, found);
}

enum source_change source_look(struct source *source, const struct moment *moment, char **text,
                               size_t *size)
{
  struct found found = find(source->path);
  enum source_change change;
  if (found.is_missing) {
    change = lose(source, moment);
  } else if (!found.is_regular) {
    change = fail(source, moment, &found);
  } else if (source->state != SOURCE_ABSENT && source->is_stamp_sure && !source->is_wanted &&
             stamps_equal(&found.stamp, &source->stamp)) {
    source->doubt_us = 0;
    change = LOOK_SAME;
  } else {
    change = take(source, moment, &found);
  }
  if (change == LOOK_CHANGED && text) {
    *text = found.text;
    *size = found.size;
  } else {
    free(found.text);
  }
  return change;
}

bool source_is_settled(const struct source *source, enum source_change change)
{
  return change != LOOK_UNSETTLED && (source->state == SOURCE_ABSENT || source->is_stamp_sure);
}
