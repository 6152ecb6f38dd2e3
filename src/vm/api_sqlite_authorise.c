/* What SQL may not do, though it only asks its own connection: reach the scheduler's store, other
 * files from a copy, or the process around it. SQLite asks while it compiles a statement. */
#include "vm/api_sqlite_session_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "vm/api_sqlite_files.h"
#include "vm/api_sqlite_vfs.h"

bool sqlite_session_is_file(const char *path)
{
  return *path && strcmp(path, ":memory:") != 0;
}

/* Keeps ATTACH, and VACUUM INTO, which attaches, off the scheduler's store, and what works on a
 * copy off all files. What is no literal cannot be looked at, and a URI has many ways to name the
 * same file. */
static int authorise_attach(struct sqlite_session *session, const char *file)
{
  size_t room = sizeof session->refusal;
  char *path = file ? sqlite_vfs_resolve(file) : NULL;
  bool is_store = file && sqlite_files_is_store(path);
  free(path);
  if (!file)
    snprintf(session->refusal, room, "ATTACH takes the name of a file written out, as '...'");
  else if (strncasecmp(file, "file:", 5) == 0)
    snprintf(session->refusal, room, "%s is a URI, which is not accepted: write the file's path",
             file);
  else if (is_store)
    snprintf(session->refusal, room, SQLITE_STORE_REFUSED, file);
  else if (session->options.is_copy && sqlite_session_is_file(file))
    snprintf(session->refusal, room, "moonbeat simulate attaches no files (%s)", file);
  else
    return SQLITE_OK;
  return SQLITE_DENY;
}

/* What takes an address from SQL, and calls what stands there. */
static int authorise_function(const char *name)
{
  return strcasecmp(name, "fts3_tokenizer") == 0 ? SQLITE_DENY : SQLITE_OK;
}

/* What reaches beyond the connection. To ask for the value is no harm. */
static int authorise_pragma(struct sqlite_session *session, const char *name, const char *value)
{
  static const struct {
    const char *name, *why;
  } refused[] = {
      {"temp_store_directory", "holds for the whole process"},
      {"data_store_directory", "holds for the whole process"},
      {"mmap_size", "would let who cuts the file short end the process"},
  };
  for (size_t i = 0; value && i < sizeof refused / sizeof *refused; i++)
    if (strcasecmp(name, refused[i].name) == 0) {
      snprintf(session->refusal, sizeof session->refusal, "PRAGMA %s %s", refused[i].name,
               refused[i].why);
      return SQLITE_DENY;
    }
  return SQLITE_OK;
}

int sqlite_session_authorise(void *session, int action, const char *first, const char *second,
                             const char *database, const char *trigger)
{
  (void)database, (void)trigger;
  switch (action) {
  case SQLITE_ATTACH:
    return authorise_attach(session, first);
  case SQLITE_FUNCTION:
    return authorise_function(second);
  case SQLITE_PRAGMA:
    return authorise_pragma(session, first, second);
  default:
    return SQLITE_OK;
  }
}
