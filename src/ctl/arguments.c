#include "ctl/arguments.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { NAMES_MAX = 64 };

struct parser {
  int argc;
  char *const *argv;
  int at;
  bool only_words;
  struct arguments *arguments;
  struct error *error;
};

/* ---- errors ---- */

static enum error_code say_unknown_command(const char *word, struct error *error)
{
  const char *names[COMMAND_COUNT + 1];
  char firsts[COMMAND_COUNT][32], hint[128];
  for (size_t i = 0; i < COMMAND_COUNT; i++) {
    size_t size = strcspn(commands[i].words, " ");
    memcpy(firsts[i], commands[i].words, size);
    firsts[i][size] = '\0';
    names[i] = firsts[i];
  }
  names[COMMAND_COUNT] = NULL;
  text_did_you_mean(hint, word, names);
  return error_set(error, ERROR_USAGE, "unknown command \"%s\"%s%s", word, hint,
                   *hint ? "" : " (moonbeat --help lists them)");
}

/* "add" and "rollback" mean nothing alone. */
static enum error_code say_incomplete(const char *word, const char *next, struct error *error)
{
  struct buffer kinds = {0};
  size_t size = strlen(word);
  const char *names[COMMAND_COUNT + 1];
  size_t count = 0;
  for (size_t i = 0; i < COMMAND_COUNT; i++)
    if (strncmp(commands[i].words, word, size) == 0 && commands[i].words[size] == ' ') {
      names[count++] = commands[i].words + size + 1;
      buffer_printf(&kinds, "%s\"%s\"", kinds.size ? " or " : "", commands[i].words);
    }
  names[count] = NULL;
  enum error_code code = ERROR_OK;
  char hint[128];
  if (count > 0 && next)
    code = error_set(error, ERROR_USAGE, "unknown command \"%s %s\"%s (there is %s)", word, next,
                     text_did_you_mean(hint, next, names), kinds.data);
  else if (count > 0)
    code = error_set(error, ERROR_USAGE, "\"%s\" what? There is %s", word, kinds.data);
  buffer_deinit(&kinds);
  return code;
}

static enum error_code say_unknown_option(const struct command *command, const char *name,
                                          size_t size, struct error *error)
{
  const char *names[NAMES_MAX];
  size_t count = 0;
  char wrong[64], hint[128];
  for (const struct option *o = command ? command->options : NULL; o && o->name; o++)
    names[count++] = o->name;
  for (const struct option *o = global_options; o->name; o++)
    names[count++] = o->name;
  names[count] = NULL;
  if (size >= sizeof wrong)
    size = sizeof wrong - 1;
  memcpy(wrong, name, size);
  wrong[size] = '\0';
  const char *nearest = text_nearest(wrong, names);
  hint[0] = '\0';
  if (nearest)
    snprintf(hint, sizeof hint, ", did you mean \"--%s\"?", nearest);
  return error_set(error, ERROR_USAGE, "unknown option \"--%s\"%s%s%s", wrong,
                   command ? " of " : "", command ? command->words : "", hint);
}

/* ---- options ---- */

static bool is_choice(const char *choices, const char *value)
{
  size_t size = strlen(value);
  for (const char *at = choices; size > 0 && (at = strstr(at, value)); at++)
    if ((at == choices || at[-1] == ' ') && (at[size] == ' ' || at[size] == '\0'))
      return true;
  return false;
}

static enum error_code add_option(struct parser *p, const struct option *option, const char *value)
{
  struct arguments *arguments = p->arguments;
  if (option->choices && !is_choice(option->choices, value)) {
    const struct option *global = option_find(NULL, option->name, strlen(option->name));
    if (!global || !strpbrk(value, "/."))
      return error_set(p->error, ERROR_USAGE, "--%s: \"%s\" is none of: %s%s%s%s", option->name,
                       value, option->choices, global ? " (a folder is written ./" : "",
                       global ? value : "", global ? ")" : "");
    option = global;
  }
  if (!option->may_repeat)
    for (size_t i = 0; i < arguments->given_count; i++)
      if (arguments->given[i].option == option && option->value &&
          strcmp(arguments->given[i].value, value) != 0)
        return error_set(p->error, ERROR_USAGE, "--%s is given twice", option->name);
  if (arguments->given_count == ARGUMENTS_MAX)
    return error_set(p->error, ERROR_USAGE, "more than %d options", ARGUMENTS_MAX);
  arguments->given[arguments->given_count].option = option;
  arguments->given[arguments->given_count++].value = value;
  return ERROR_OK;
}

/* The option's value: what is attached to it, or else the next argument. */
static enum error_code take_option(struct parser *p, const struct option *option,
                                   const char *attached)
{
  if (!option->value && attached)
    return error_set(p->error, ERROR_USAGE, "--%s takes no value", option->name);
  if (!option->value || attached)
    return add_option(p, option, attached);
  if (p->at + 1 >= p->argc)
    return error_set(p->error, ERROR_USAGE, "--%s needs a value: --%s %s", option->name,
                     option->name, option->value);
  return add_option(p, option, p->argv[++p->at]);
}

static enum error_code parse_long(struct parser *p, const char *text)
{
  size_t size = strcspn(text, "=");
  const struct option *option = option_find(p->arguments->command, text, size);
  if (!option)
    return say_unknown_option(p->arguments->command, text, size, p->error);
  return take_option(p, option, text[size] == '=' ? text + size + 1 : NULL);
}

static enum error_code parse_letters(struct parser *p, const char *text)
{
  for (; *text; text++) {
    const struct option *option = option_find_letter(p->arguments->command, *text);
    if (!option)
      return error_set(p->error, ERROR_USAGE, "unknown option \"-%c\"%s%s", *text,
                       p->arguments->command ? " of " : "",
                       p->arguments->command ? p->arguments->command->words : "");
    if (option->value)
      return take_option(p, option, text[1] ? text + 1 : NULL);
    enum error_code code = take_option(p, option, NULL);
    if (code)
      return code;
  }
  return ERROR_OK;
}

/* ---- words ---- */

static enum error_code parse_word(struct parser *p, const char *word)
{
  struct arguments *arguments = p->arguments;
  if (!arguments->command) {
    size_t taken;
    const char *next = p->at + 1 < p->argc ? p->argv[p->at + 1] : NULL;
    const char *words[] = {word, next && next[0] != '-' ? next : NULL};
    arguments->command = command_find(words, words[1] ? 2 : 1, &taken);
    if (arguments->command)
      p->at += (int)taken - 1;
    else if (!say_incomplete(word, words[1], p->error))
      return say_unknown_command(word, p->error);
    return arguments->command ? ERROR_OK : ERROR_USAGE;
  }
  if (arguments->word_count == ARGUMENTS_MAX)
    return error_set(p->error, ERROR_USAGE, "more than %d arguments", ARGUMENTS_MAX);
  arguments->words[arguments->word_count++] = word;
  return ERROR_OK;
}

static enum error_code parse_argument(struct parser *p, const char *text)
{
  if (p->only_words || text[0] != '-' || text[1] == '\0' || isdigit((unsigned char)text[1]))
    return parse_word(p, text);
  if (strcmp(text, "--") == 0) {
    p->only_words = true;
    return ERROR_OK;
  }
  return text[1] == '-' ? parse_long(p, text + 2) : parse_letters(p, text + 1);
}

static enum error_code check_count(const struct arguments *arguments, struct error *error)
{
  const struct command *command = arguments->command;
  if (!command || arguments_has(arguments, "help") || arguments_has(arguments, "version"))
    return ERROR_OK;
  if (arguments->word_count < (size_t)command->least)
    return error_set(error, ERROR_USAGE, "%s needs %s: moonbeat %s %s", command->words,
                     arguments->word_count == 0 ? "an argument" : "another argument",
                     command->words, command->arguments);
  if (command->most >= 0 && arguments->word_count > (size_t)command->most)
    return error_set(error, ERROR_USAGE, "\"%s\" is one argument too many: moonbeat %s%s%s",
                     arguments->words[command->most], command->words,
                     *command->arguments ? " " : "", command->arguments);
  return ERROR_OK;
}

/* Whether what stands for the word at `index` in "NAME FILE" or "[DIR]" is a path. */
static bool is_path(const char *placeholders, size_t index)
{
  static const char *const paths[] = {"FILE", "DIR"};
  for (; index > 0; index--) {
    placeholders += strcspn(placeholders, " ");
    placeholders += *placeholders == ' ';
  }
  placeholders += *placeholders == '[';
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
    if (strcspn(placeholders, "] ") == strlen(paths[i]) &&
        strncmp(placeholders, paths[i], strlen(paths[i])) == 0)
      return true;
  return false;
}

/* Paths are bytes. All else becomes JSON, in which two ids that are not UTF-8 would be the same. */
static enum error_code check_utf8(const struct arguments *arguments, struct error *error)
{
  const struct command *command = arguments->command;
  for (size_t i = 0; command && i < arguments->word_count; i++)
    if (!text_is_utf8(arguments->words[i], strlen(arguments->words[i]), NULL) &&
        !is_path(command->arguments, i))
      return error_set(error, ERROR_USAGE, "%s: \"%s\" is not UTF-8", command->words,
                       arguments->words[i]);
  for (size_t i = 0; i < arguments->given_count; i++) {
    const struct option *option = arguments->given[i].option;
    const char *value = arguments->given[i].value;
    if (value && !text_is_utf8(value, strlen(value), NULL) && !is_path(option->value, 0))
      return error_set(error, ERROR_USAGE, "--%s: \"%s\" is not UTF-8", option->name, value);
  }
  return ERROR_OK;
}

enum error_code arguments_parse(int argc, char *const *argv, struct arguments *arguments,
                                struct error *error)
{
  struct parser p = {.argc = argc, .argv = argv, .arguments = arguments, .error = error};
  memset(arguments, 0, sizeof *arguments);
  for (p.at = 1; p.at < argc; p.at++) {
    enum error_code code = parse_argument(&p, argv[p.at]);
    if (code)
      return code;
  }
  enum error_code code = check_count(arguments, error);
  return code ? code : check_utf8(arguments, error);
}

/* ---- asking ---- */

static bool is_global(const struct option *option)
{
  for (const struct option *global = global_options; global->name; global++)
    if (global == option)
      return true;
  return false;
}

bool arguments_has(const struct arguments *arguments, const char *name)
{
  for (size_t i = 0; i < arguments->given_count; i++)
    if (strcmp(arguments->given[i].option->name, name) == 0)
      return true;
  return false;
}

static const char *find_value(const struct arguments *arguments, const char *name, bool global)
{
  const char *value = NULL;
  for (size_t i = 0; i < arguments->given_count; i++)
    if (strcmp(arguments->given[i].option->name, name) == 0 &&
        is_global(arguments->given[i].option) == global)
      value = arguments->given[i].value;
  return value;
}

const char *arguments_value(const struct arguments *arguments, const char *name,
                            const char *otherwise)
{
  const char *value = find_value(arguments, name, false);
  return value ? value : otherwise;
}

const char *arguments_global(const struct arguments *arguments, const char *name)
{
  return find_value(arguments, name, true);
}

enum error_code arguments_number(const struct arguments *arguments, const char *name, long least,
                                 long most, long otherwise, long *number, struct error *error)
{
  const char *text = arguments_value(arguments, name, NULL);
  *number = otherwise;
  if (!text)
    return ERROR_OK;
  char *end;
  errno = 0;
  long value = strtol(text, &end, 10);
  if (end == text || *end || errno || value < least || value > most)
    return error_set(error, ERROR_USAGE, "--%s: \"%s\" is no whole number from %ld to %ld", name,
                     text, least, most);
  *number = value;
  return ERROR_OK;
}
