/* A command line taken apart by the table of commands. Options may stand anywhere, as --name value,
 * --name=value, -n value or -nvalue; behind "--" everything is a word. Where a command has an
 * option of the same name as a global one (`list --state paused` and `--state DIR`), the command's
 * is meant behind the command unless the value is no choice of its but a path. Points into argv. */
#ifndef CTL_ARGUMENTS_H
#define CTL_ARGUMENTS_H

#include "base/error.h"
#include "ctl/command.h"

enum { ARGUMENTS_MAX = 1024 };

struct arguments {
  const struct command *command; /* NULL: none was given */
  const char *words[ARGUMENTS_MAX];
  size_t word_count;
  struct {
    const struct option *option;
    const char *value; /* NULL: it takes none */
  } given[ARGUMENTS_MAX];
  size_t given_count;
};

/* ERROR_USAGE with one sentence. What is no path must be UTF-8. Without --help or --version the
 * number of words is checked too. */
enum error_code arguments_parse(int argc, char *const *argv, struct arguments *arguments,
                                struct error *error);

bool arguments_has(const struct arguments *arguments, const char *name);

/* Of the command's own option; the last one given, or `otherwise`. */
const char *arguments_value(const struct arguments *arguments, const char *name,
                            const char *otherwise);

/* Of a global option. */
const char *arguments_global(const struct arguments *arguments, const char *name);

/* A whole number from `least` to `most`; `otherwise` when not given. */
enum error_code arguments_number(const struct arguments *arguments, const char *name, long least,
                                 long most, long otherwise, long *number, struct error *error);

#endif
