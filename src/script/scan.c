#include "script/scan.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "script/modules.h"

enum {
  DEPTH_MAX = 8,      /* of subfolders */
  FOLDERS_MAX = 1000, /* a jobs folder that is the root of a disk must not hang the daemon */
  CLOCK_GRAIN_US = 10 * 1000, /* the kernel's file times lag by up to this */
};

struct script_file {
  struct source source;
  char *file; /* "orders.lua"; the key */
  char *name; /* "orders" */
  bool is_sent;
  bool are_modules_known;
  int64_t sent_us; /* wall clock */
  struct json_document *modules;
  UT_hash_handle hh;
};

struct scan {
  char *folder;
  struct script_file *scripts;
  struct modules *modules;
  bool has_run;
  int folders; /* of the scan in progress */
};

struct scan_pass {
  struct scan *scan;
  const struct moment *moment;
  scan_visitor visit;
  void *context;
  bool is_settled;
};

bool scan_ignores(const char *name)
{
  static const char *const endings[] = {"~", ".tmp", ".swp", ".swx", ".bak"};
  size_t length = strlen(name);
  if (name[0] == '.' || name[0] == '#' || strcmp(name, "4913") == 0)
    return true;
  for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
    size_t size = strlen(endings[i]);
    if (length >= size && memcmp(name + length - size, endings[i], size) == 0)
      return true;
  }
  return false;
}

static bool is_lua(const char *name)
{
  size_t length = strlen(name);
  return length > 4 && memcmp(name + length - 4, ".lua", 4) == 0 && !scan_ignores(name);
}

struct scan *scan_create(const char *folder)
{
  struct scan *scan = memory_alloc(sizeof *scan);
  size_t length = strlen(folder);
  while (length > 1 && folder[length - 1] == '/')
    length--;
  scan->folder = memory_copy(folder, length);
  return scan;
}

const char *scan_folder(const struct scan *scan)
{
  return scan->folder;
}

static void forget_script(struct scan *scan, struct script_file *script)
{
  HASH_DEL(scan->scripts, script);
  source_deinit(&script->source);
  json_free(script->modules);
  free(script->file);
  free(script->name);
  free(script);
}

void scan_destroy(struct scan *scan)
{
  struct script_file *script, *next;
  HASH_ITER(hh, scan->scripts, script, next)
    forget_script(scan, script);
  modules_deinit(&scan->modules);
  free(scan->folder);
  free(scan);
}

/* ---- what there is ---- */

static void add_script(struct scan *scan, const char *file)
{
  struct script_file *script;
  HASH_FIND_STR(scan->scripts, file, script);
  if (script)
    return;
  script = memory_alloc(sizeof *script);
  char *path = memory_printf("%s/%s", scan->folder, file);
  source_init(&script->source, path);
  free(path);
  script->file = memory_strdup(file);
  struct buffer name = {0};
  text_append_visible(&name, file, strlen(file) - 4);
  script->name = buffer_take(&name);
  HASH_ADD_KEYPTR(hh, scan->scripts, script->file, strlen(script->file), script);
}

/* Where a link leads, and where a module lies, things change that the folder does not hear of. */
static void visit_parent(struct scan_pass *pass, const char *path)
{
  char *real = realpath(path, NULL);
  char *slash = real ? strrchr(real, '/') : NULL;
  if (slash && slash != real) {
    *slash = '\0';
    pass->visit(pass->context, real, slash + 1);
  }
  free(real);
}

static bool list_folder(struct scan_pass *pass, const char *path, int depth);

static void meet(struct scan_pass *pass, const char *folder, const struct dirent *entry, int depth)
{
  struct scan *scan = pass->scan;
  const char *name = entry->d_name;
  if (scan_ignores(name))
    return;
  char *path = memory_printf("%s/%s", folder, name);
  struct stat st = {0}; /* of no kind, for what is gone by now */
  bool is_link = lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
  if (is_lua(name)) {
    if (is_link)
      visit_parent(pass, path);
    if (depth == 0)
      add_script(scan, name);
    modules_meet(&scan->modules, path, false); /* a script may be required as well */
  } else if (!is_link && S_ISDIR(st.st_mode) && depth < DEPTH_MAX && scan->folders < FOLDERS_MAX) {
    list_folder(pass, path, depth + 1);
  } else if (is_link && stat(path, &st) == 0 && S_ISDIR(st.st_mode) && depth == 0) {
    list_folder(pass, path, DEPTH_MAX); /* one level behind a link: it may lead in circles */
  }
  free(path);
}

/* False with errno when the folder cannot be read to its end. */
static bool list_folder(struct scan_pass *pass, const char *path, int depth)
{
  DIR *listing = opendir(path);
  if (!listing)
    return false;
  pass->scan->folders++;
  pass->visit(pass->context, path, NULL);
  struct dirent *entry;
  while ((errno = 0, entry = readdir(listing)))
    meet(pass, path, entry, depth);
  int reason = errno;
  closedir(listing);
  errno = reason;
  return reason == 0;
}

/* ---- what has changed ---- */

static bool uses(const struct script_file *script, const char *path)
{
  if (script->modules)
    json_each(module, json_root(script->modules))
      if (strcmp(json_text(module, ""), path) == 0)
        return true;
  return false;
}

static void want_users(void *context, const char *path)
{
  struct scan_pass *pass = context;
  struct script_file *script, *next;
  HASH_ITER(hh, pass->scan->scripts, script, next) {
    if (script->is_sent && (!script->are_modules_known || uses(script, path)))
      script->source.is_wanted = true;
  }
}

static void visit_outside(void *context, const char *path)
{
  visit_parent(context, path);
}

static void look_at_modules(struct scan_pass *pass)
{
  struct scan *scan = pass->scan;
  struct script_file *script, *next;
  HASH_ITER(hh, scan->scripts, script, next) {
    if (script->modules)
      json_each(path, json_root(script->modules))
        modules_meet(&scan->modules, json_text(path, ""), true);
  }
  struct modules_visitor visitor = {
      .changed = want_users, .outside = visit_outside, .context = pass};
  if (!modules_look(&scan->modules, pass->moment, &visitor))
    pass->is_settled = false;
}

static struct message *make_message(const struct script_file *script)
{
  struct message *message = message_create(MESSAGE_SOURCE, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  message->as.source.script = memory_strdup(script->name);
  message->as.source.path = memory_strdup(script->source.path);
  return message;
}

/* A name that is not allowed is a problem of its own, whatever the file holds. */
static bool has_bad_name(const struct script_file *script, struct message *message)
{
  struct error error = {0};
  if (!script_check_name(script->name, &error))
    return false;
  message->as.source.problem =
      memory_printf("%s cannot be a script: %s", script->source.path, error.text);
  return true;
}

static void look_at_script(struct scan_pass *pass, struct script_file *script,
                           struct message_list *out)
{
  char *text = NULL;
  size_t size = 0;
  enum source_change change = source_look(&script->source, pass->moment, &text, &size);
  if (!source_is_settled(&script->source, change))
    pass->is_settled = false;
  if (change != LOOK_SAME && change != LOOK_UNSETTLED) {
    struct message *message = make_message(script);
    if (change == LOOK_GONE || has_bad_name(script, message)) {
      free(text);
    } else if (change == LOOK_CHANGED) {
      message->as.source.text = text;
      message->as.source.size = size;
    } else {
      message->as.source.problem = memory_strdup(script->source.problem);
    }
    message_list_append(out, message);
    script->is_sent = change == LOOK_CHANGED;
    script->are_modules_known = false;
    script->sent_us = pass->moment->wall_us;
  }
  if (script->source.state == SOURCE_ABSENT && !script->source.doubt_us)
    forget_script(pass->scan, script);
}

static int by_file(struct script_file *a, struct script_file *b)
{
  return strcmp(a->file, b->file);
}

enum error_code scan_run(struct scan *scan, const struct moment *moment, scan_visitor visit,
                         void *context, struct message_list *out, bool *is_settled,
                         struct error *error)
{
  struct moment now = *moment;
  now.is_first = !scan->has_run;
  struct scan_pass pass = {
      .scan = scan, .moment = &now, .visit = visit, .context = context, .is_settled = true};
  scan->folders = 0;
  if (!list_folder(&pass, scan->folder, 0))
    return error_set_errno(error, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_IO, errno,
                           "jobs folder %s cannot be read", scan->folder);
  look_at_modules(&pass);
  HASH_SORT(scan->scripts, by_file);
  struct script_file *script, *next;
  HASH_ITER(hh, scan->scripts, script, next)
    look_at_script(&pass, script, out);
  scan->has_run = true;
  *is_settled = pass.is_settled;
  return ERROR_OK;
}

bool scan_set_modules(struct scan *scan, const char *script_name, const char *modules)
{
  struct script_file *script, *next;
  HASH_ITER(hh, scan->scripts, script, next) {
    if (strcmp(script->name, script_name) == 0)
      break;
  }
  if (!script)
    return false;
  json_free(script->modules);
  script->modules = NULL;
  if (modules)
    json_parse(modules, strlen(modules), &script->modules, NULL);
  script->are_modules_known = true;
  bool is_stale = false;
  if (script->modules) {
    json_each(path, json_root(script->modules)) {
      struct stat st;
      const char *text = json_text(path, "");
      if (!modules_has(scan->modules, text) && stat(text, &st) == 0)
        is_stale = is_stale || st.st_ctim.tv_sec * INT64_C(1000000) + st.st_ctim.tv_nsec / 1000 >
                                   script->sent_us - CLOCK_GRAIN_US;
    }
  }
  script->source.is_wanted = script->source.is_wanted || is_stale;
  return is_stale;
}
