/* `moonbeat COMMAND`: takes the line apart, finds the command's function and turns its failure into
 * one sentence and an exit status. */
#include "ctl/cli.h"

#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/cli_common.h"

typedef int (*command_function)(struct cli *cli);

static command_function const functions[COMMAND_COUNT] = {
#define X(id, name, words) [COMMAND_##id] = cli_do_##name,
    COMMAND_MAP(X)
#undef X
};

static int print_help(struct cli *cli, const struct command *command)
{
  if (command)
    command_append_help(&cli->out, command);
  else
    command_append_overview(&cli->out);
  return 0;
}

int cli_do_help(struct cli *cli)
{
  const struct arguments *arguments = cli->arguments;
  size_t taken = 0;
  if (arguments->word_count == 0)
    return print_help(cli, NULL);
  const struct command *command = command_find(arguments->words, arguments->word_count, &taken);
  if (command && taken == arguments->word_count)
    return print_help(cli, command);
  /* The parser knows best what is wrong with such words. */
  const char *line[] = {"moonbeat", arguments->words[0],
                        arguments->word_count > 1 ? arguments->words[1] : NULL};
  struct arguments *parsed = malloc(sizeof *parsed);
  enum error_code code = parsed ? arguments_parse((int)arguments->word_count + 1,
                                                  (char *const *)line, parsed, &cli->error)
                                : ERROR_OK;
  free(parsed);
  if (code == ERROR_OK)
    error_set(&cli->error, ERROR_USAGE, "there is no command \"%s %s\"", arguments->words[0],
              arguments->word_count > 1 ? arguments->words[1] : "");
  return cli_fail(cli);
}

int cli_do_version(struct cli *cli)
{
  if (cli->wants_json)
    buffer_append_text(&cli->out, "{\"version\":\"" MOONBEAT_VERSION "\"}\n");
  else
    buffer_append_text(&cli->out, "moonbeat " MOONBEAT_VERSION "\n");
  return 0;
}

static bool hosts_lua(enum command_id id)
{
  return id == COMMAND_RUN || id == COMMAND_REPL || id == COMMAND_CHECK;
}

static int carry_out(struct cli *cli)
{
  const struct arguments *arguments = cli->arguments;
  if (arguments_has(arguments, "help"))
    return print_help(cli, arguments->command);
  if (arguments_has(arguments, "version"))
    return cli_do_version(cli);
  /* What only writes ends quietly when nobody reads any more. */
  if (!arguments->command || !hosts_lua(arguments->command->id))
    signal(SIGPIPE, SIG_DFL);
  if (arguments->command)
    return functions[arguments->command->id](cli);
  print_help(cli, NULL);
  fwrite(cli->out.data, 1, cli->out.size, stderr);
  buffer_clear(&cli->out);
  return error_exit_status(ERROR_USAGE);
}

/* Output that could not be written must not look like success; a reader that has seen enough is no
 * failure worth a word. */
static int finish(struct cli *cli, int status)
{
  cli_flush(cli);
  if (cli->out_errno && status == 0) {
    if (cli->out_errno != EPIPE)
      fprintf(stderr, "moonbeat: cannot write to standard output: %s\n", strerror(cli->out_errno));
    status = error_exit_status(ERROR_IO);
  }
  control_close(cli->control);
  buffer_deinit(&cli->out);
  free(cli->state_folder);
  return status;
}

int cli_main(int argc, char **argv, const struct cli_host *host)
{
  static struct arguments arguments;
  struct cli cli = {.host = host, .arguments = &arguments};
  setlocale(LC_CTYPE, "");
  if (argc > 1 && strcmp(argv[1], "__complete") == 0)
    return cli_complete(host, argc - 2, argv + 2);
  enum error_code code = arguments_parse(argc, argv, &arguments, &cli.error);
  screen_init(&cli.screen, STDOUT_FILENO, arguments_has(&arguments, "no-color"));
  cli.wants_json = arguments_has(&arguments, "json");
  return finish(&cli, code ? cli_fail(&cli) : carry_out(&cli));
}
