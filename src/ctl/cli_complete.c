/* What the shell's completion asks: `moonbeat __complete INDEX moonbeat WORD...` prints what the
 * word at INDEX may become. Commands and options come from the table; ids and names from the daemon
 * if there is one that answers at once. Prints nothing where the shell shall offer files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/cli_common.h"
#include "model/event_name.h"

enum { ANSWER_MS = 300 };

struct completion {
  struct cli *cli;
  const char *word; /* that is completed */
  const struct command *command;
  const char *first; /* the first word, when it is no command by itself */
  size_t argument;   /* the place of the word among the command's arguments */
};

static void offer(struct completion *completion, const char *text, size_t size)
{
  size_t typed = strlen(completion->word);
  if (size >= typed && memcmp(text, completion->word, typed) == 0)
    buffer_printf(&completion->cli->out, "%.*s\n", (int)size, text);
}

static void offer_words(struct completion *completion, const char *words)
{
  while (words && *words) {
    size_t size = strcspn(words, " ");
    offer(completion, words, size);
    words += size + strspn(words + size, " ");
  }
}

static void offer_options(struct completion *completion, const struct option *options)
{
  char text[64];
  for (; options->name; options++) {
    int size = snprintf(text, sizeof text, "--%s", options->name);
    offer(completion, text, (size_t)size);
  }
}

/* First words, or the second ones behind `add`, `show`, `remove`, `rollback`. */
static void offer_commands(struct completion *completion, const char *first)
{
  const char *last = "";
  for (size_t i = 0; i < COMMAND_COUNT; i++) {
    const char *words = commands[i].words, *space = strchr(words, ' ');
    size_t size = space ? (size_t)(space - words) : strlen(words);
    bool is_below = first && space && strlen(first) == size && memcmp(first, words, size) == 0;
    if (is_below)
      offer(completion, space + 1, strlen(space + 1));
    else if (!first && !(strlen(last) >= size && memcmp(last, words, size) == 0))
      offer(completion, words, size);
    last = words;
  }
}

/* The member `key` of each element of the list `list` in the answer to `op`. */
static void offer_from_daemon(struct completion *completion, const char *op, const char *params,
                              const char *list, const char *key)
{
  struct cli *cli = completion->cli;
  struct json_document *answer;
  if (cli_connect(cli) || control_call(cli->control, op, params, ANSWER_MS, &answer, NULL))
    return;
  json_each(element, json_get(control_result(answer), list)) {
    const char *text = json_text(json_get(element, key), NULL);
    if (text && !strpbrk(text, "\r\n\t\x1b"))
      offer(completion, text, strlen(text));
  }
  json_free(answer);
}

/* The event of an on_event trigger, or those of a combination's members. */
static void offer_awaited(struct completion *completion, const struct json *trigger)
{
  const char *event = json_text(json_get(trigger, "event"), NULL);
  if (event && strcmp(json_text(json_get(trigger, "kind"), ""), "on_event") == 0)
    offer(completion, event, strlen(event));
  json_each(member, json_get(trigger, "of"))
    offer_awaited(completion, member);
}

/* Those that jobs wait for; the shell drops what comes twice. */
static void offer_events(struct completion *completion)
{
  struct cli *cli = completion->cli;
  struct json_document *answer;
  if (cli_connect(cli) ||
      control_call(cli->control, "list", "{\"limit\":1000}", ANSWER_MS, &answer, NULL))
    return;
  json_each(job, json_get(control_result(answer), "jobs"))
    offer_awaited(completion, json_get(job, "trigger"));
  json_free(answer);
}

static void offer_kind(struct completion *completion, enum word_kind kind)
{
  switch (kind) {
  case WORD_JOB:
    offer_from_daemon(completion, "list", "{\"limit\":1000}", "jobs", "id");
    break;
  case WORD_RUN:
    offer_from_daemon(completion, "runs", "{\"limit\":50}", "runs", "id");
    offer_from_daemon(completion, "list", "{\"limit\":1000}", "jobs", "id");
    break;
  case WORD_SCRIPT:
    offer_from_daemon(completion, "scripts", NULL, "scripts", "name");
    break;
  case WORD_POOL:
    offer_from_daemon(completion, "pools", NULL, "pools", "name");
    break;
  case WORD_LISTENER:
    offer_from_daemon(completion, "listeners", NULL, "listeners", "listener");
    break;
  case WORD_EVENT:
    offer_events(completion);
    break;
  case WORD_COMMAND:
    offer_commands(completion, completion->argument == 1 ? completion->first : NULL);
    break;
  case WORD_ANY:
  case WORD_FOLDER:
  case WORD_FILE:
    break;
  }
}

static void offer_event_names(struct completion *completion)
{
  for (const struct event_name *event = event_table; event->name; event++)
    offer(completion, event->name, strlen(event->name));
}

static void offer_value(struct completion *completion, const struct option *option)
{
  if (option->choices)
    offer_words(completion, option->choices);
  else if (strcmp(option->name, "event") == 0)
    offer_event_names(completion);
  else if (strcmp(option->name, "job") == 0)
    offer_kind(completion, WORD_JOB);
  else if (strcmp(option->name, "script") == 0)
    offer_kind(completion, WORD_SCRIPT);
}

/* The option that still waits for its value, if `word` is one. */
static const struct option *takes_next(const struct command *command, const char *word)
{
  const struct option *option = NULL;
  if (strncmp(word, "--", 2) == 0 && !strchr(word, '='))
    option = option_find(command, word + 2, strlen(word + 2));
  else if (word[0] == '-' && word[1] && !word[2])
    option = option_find_letter(command, word[1]);
  return option && option->value ? option : NULL;
}

/* Walks over the words before the one that is completed. */
static const struct option *walk(struct completion *completion, int count, char **words)
{
  for (int i = 0; i < count; i++) {
    const struct option *option = takes_next(completion->command, words[i]);
    size_t taken;
    if (option && i + 1 == count)
      return option;
    if (option) {
      i++;
    } else if (words[i][0] == '-') {
      continue;
    } else if (completion->command) {
      completion->first = words[i];
      completion->argument++;
    } else {
      const char *pair[] = {words[i], i + 1 < count ? words[i + 1] : ""};
      completion->command = command_find(pair, 2, &taken);
      if (!completion->command)
        completion->first = words[i];
      else
        i += (int)taken - 1;
    }
  }
  return NULL;
}

int cli_complete(const struct cli_host *host, int argc, char **argv)
{
  static struct arguments none;
  struct cli cli = {.host = host, .arguments = &none};
  int index = argc > 0 ? atoi(argv[0]) : 0;
  if (index < 1 || argc < 2 || index > argc - 1)
    return 0;
  struct completion completion = {.cli = &cli, .word = index + 1 < argc ? argv[index + 1] : ""};
  const struct option *option = walk(&completion, index - 1, argv + 2);
  const struct command *command = completion.command;
  if (option) {
    offer_value(&completion, option);
  } else if (completion.word[0] == '-') {
    if (command)
      offer_options(&completion, command->options);
    offer_options(&completion, global_options);
  } else if (!command) {
    offer_commands(&completion, completion.first);
  } else {
    /* `show` is a command, and the beginning of one. */
    if (completion.argument == 0)
      offer_commands(&completion, command->words);
    bool repeats = command->most < 0 && command->kind != WORD_EVENT;
    if (completion.argument == 0 || repeats || command->kind == WORD_COMMAND)
      offer_kind(&completion, command->kind);
  }
  cli_flush(&cli);
  control_close(cli.control);
  buffer_deinit(&cli.out);
  free(cli.state_folder);
  return 0;
}
