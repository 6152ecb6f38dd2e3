/* What a job of a crontab may be called: the program that its command is about.
 *
 * The command is cut into words and simple commands as a shell would roughly do. What only prepares
 * or guards (`cd`, `test`) is passed over, what runs another command (`nice`, `sudo`, `python3`) is
 * looked through, and the first program that is left gives the name. A wrong guess costs nothing
 * but a less fitting id. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ctl/crontab.h"

enum { ID_MAX_SIZE = 60 };

static const char *const preparations[] = {
    "cd",     "test", "[",  "[[",   "true",  "false", ":",      "sleep", "export", "set",   "umask",
    "source", ".",    "fi", "done", "mkdir", "exit",  "ulimit", "unset", "type",   "which", NULL};
static const char *const keywords[] = {"if", "then", "else", "do", "while", "!", "{", "}", NULL};
static const char *const wrappers[] = {
    "nice",    "ionice",      "nohup",     "sudo",    "time",    "timeout", "setsid", "chronic",
    "env",     "exec",        "command",   "chpst",   "stdbuf",  "sh",      "bash",   "dash",
    "zsh",     "ksh",         "python",    "python2", "python3", "perl",    "ruby",   "php",
    "node",    "lua",         "java",      "flock",   "run-one", "cronic",  "eval",   "taskset",
    "runuser", "systemd-cat", "run-parts", NULL};
static const char *const endings[] = {".sh",  ".bash", ".py", ".pl",  ".rb",
                                      ".php", ".lua",  ".js", ".jar", NULL};

static bool is_one_of(const char *const *names, const char *name)
{
  for (; *names; names++)
    if (strcmp(*names, name) == 0)
      return true;
  return false;
}

/* The next word without quotes, as a heap string; NULL at the end of the simple command. */
static char *take_word(const char **at)
{
  struct buffer word = {0};
  char quote = '\0';
  while (**at == ' ' || **at == '\t')
    (*at)++;
  if (!**at || strchr(";&|()\n", **at))
    return NULL;
  buffer_reserve(&word, 16);
  for (; **at && (quote || !strchr(" \t;&|()\n", **at)); (*at)++)
    if (**at == quote)
      quote = '\0';
    else if (!quote && (**at == '"' || **at == '\''))
      quote = **at;
    else if (**at == '\\' && quote != '\'' && (*at)[1])
      buffer_append_byte(&word, *++*at);
    else
      buffer_append_byte(&word, **at);
  return buffer_take(&word);
}

static const char *base_of(const char *word)
{
  const char *slash = strrchr(word, '/');
  return slash && slash[1] ? slash + 1 : word;
}

static bool is_assignment(const char *word)
{
  size_t size = strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789");
  return size > 0 && word[size] == '=';
}

/* "10", "5m": what options of wrappers take. */
static bool is_number(const char *word)
{
  size_t size = strspn(word, "0123456789.");
  return size > 0 && strlen(word) <= size + 1;
}

/* "2>&1", ">/dev/null" */
static bool is_redirection(const char *word)
{
  word += strspn(word, "0123456789");
  return *word == '>' || *word == '<';
}

/* What a simple command is about, as a heap string; NULL when it only prepares or its program is
 * text. `*fallback` becomes the last wrapper that was seen. */
static char *find_program(const char **at, char **fallback)
{
  bool is_wrapped = false, skips_value = false, skips_lock = false;
  char *word;
  for (; (word = take_word(at)); free(word)) {
    const char *base = base_of(word);
    if (skips_value) {
      skips_value = false;
    } else if (is_assignment(word) || is_redirection(word) || is_one_of(keywords, word)) {
      continue;
    } else if (is_wrapped && (word[0] == '-' || is_number(word))) {
      skips_value = !strcmp(word, "-u") || !strcmp(word, "-g");
      if (!strcmp(word, "-c") || !strcmp(word, "-e"))
        break;
    } else if (skips_lock) {
      skips_lock = false;
    } else if (is_one_of(wrappers, base)) {
      is_wrapped = true;
      skips_lock = !strcmp(base, "flock");
      free(*fallback);
      *fallback = memory_strdup(base);
    } else if (!is_wrapped && is_one_of(preparations, base)) {
      break;
    } else {
      return word;
    }
  }
  free(word);
  return NULL;
}

static void skip_command(const char **at)
{
  char *word;
  while ((word = take_word(at)))
    free(word);
  *at += strspn(*at, " \t;&|()\n");
}

/* Letters, digits, "_" and "-", without the path and the ending. */
static char *clean(const char *program)
{
  struct buffer id = {0};
  const char *base = base_of(program);
  size_t size = strlen(base);
  for (const char *const *ending = endings; *ending; ending++) {
    size_t length = strlen(*ending);
    if (size > length && strcmp(base + size - length, *ending) == 0)
      size -= length;
  }
  buffer_reserve(&id, size);
  for (size_t i = 0; i < size && id.size < ID_MAX_SIZE; i++) {
    unsigned char c = (unsigned char)base[i];
    if (isalnum(c) || c == '-')
      buffer_append_byte(&id, (char)tolower(c));
    else if (id.size > 0 && id.data[id.size - 1] != '_')
      buffer_append_byte(&id, '_');
  }
  while (id.size > 0 && strchr("_-", id.data[id.size - 1]))
    id.size--;
  char *text = buffer_take(&id);
  memmove(text, text + strspn(text, "_-"), strlen(text + strspn(text, "_-")) + 1);
  return text;
}

char *crontab_job_id(const char *command)
{
  char *program = NULL, *fallback = NULL;
  for (const char *at = command + strspn(command, " \t;&|()\n"); *at && !program;) {
    program = find_program(&at, &fallback);
    skip_command(&at);
  }
  char *id = clean(program ? program : fallback ? fallback : "");
  free(program);
  free(fallback);
  if (!*id) {
    free(id);
    id = memory_strdup("job");
  }
  return id;
}
