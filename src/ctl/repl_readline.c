/* Line editing by GNU readline. Its callback interface reads only when there is input, so that the
 * loop can serve the daemon in between. The handler is installed for one line at a time: while
 * something is evaluated the terminal is in its usual mode, and Ctrl-C reaches us as a signal. */
#ifdef MOONBEAT_READLINE

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <readline/history.h>
#include <readline/readline.h>

#include "base/memory.h"
#include "ctl/repl_editor.h"

enum { HISTORY_MAX = 5000 };

static struct editor_options options;
static bool is_typing;
static char *prompt_text;
static char **candidates;
static size_t next_candidate;

/* ---- completion ---- */

/* In an open string all of it is the word, since the ids of jobs may hold anything. */
static char *find_word_breaks(void)
{
  static char in_string[] = "\"'", in_code[] = " \t\n\"'`!@#$%^&*()-+={}[]|\\;<>,?/~";
  char quote = '\0';
  for (int i = 0; i < rl_point; i++) {
    char c = rl_line_buffer[i];
    if (quote && c == '\\')
      i++;
    else if (quote ? c == quote : c == '"' || c == '\'')
      quote = quote ? '\0' : c;
  }
  return quote ? in_string : in_code;
}

static char *give_candidate(const char *text, int state)
{
  size_t size = strlen(text);
  if (state == 0)
    next_candidate = 0;
  while (candidates && candidates[next_candidate]) {
    const char *candidate = candidates[next_candidate++];
    if (strncmp(candidate, text, size) == 0)
      return strdup(candidate);
  }
  return NULL;
}

static char **complete(const char *text, int start, int end)
{
  (void)start;
  char *before = memory_copy(rl_line_buffer, (size_t)end);
  rl_attempted_completion_over = 1;
  rl_completion_append_character = '\0';
  rl_completion_suppress_quote = 1;
  candidates = options.complete(options.context, before);
  char **matches = rl_completion_matches(text, give_candidate);
  for (size_t i = 0; candidates && candidates[i]; i++)
    free(candidates[i]);
  free(candidates);
  candidates = NULL;
  free(before);
  return matches;
}

/* ---- the editor ---- */

void editor_open(const struct editor_options *given)
{
  options = *given;
  rl_readline_name = "moonbeat";
  rl_catch_signals = 0;
  rl_catch_sigwinch = 0;
  rl_attempted_completion_function = complete;
  rl_completion_word_break_hook = find_word_breaks;
  rl_variable_bind("enable-bracketed-paste", "on");
  /* With a time stamp before each entry an entry may have lines. */
  history_write_timestamps = 1;
  history_comment_char = '#';
  using_history();
  stifle_history(HISTORY_MAX);
  if (options.history_path)
    read_history(options.history_path);
}

static void on_line(char *line)
{
  rl_callback_handler_remove();
  is_typing = false;
  options.on_line(options.context, line);
}

void editor_prompt(const char *prompt, const char *color)
{
  free(prompt_text);
  /* \001 and \002 tell readline what takes no room on the screen. */
  prompt_text =
      *color ? memory_printf("\001%s\002%s\001\x1b[0m\002", color, prompt) : memory_strdup(prompt);
  is_typing = true;
  rl_callback_handler_install(prompt_text, on_line);
}

void editor_read(void)
{
  rl_callback_read_char();
}

void editor_print(const char *text, size_t size)
{
  if (is_typing)
    rl_clear_visible_line();
  fwrite(text, 1, size, stdout);
  fflush(stdout);
  if (is_typing) {
    rl_on_new_line();
    rl_redisplay();
  }
}

void editor_abandon(void)
{
  if (!is_typing)
    return;
  rl_callback_sigcleanup();
  rl_free_line_state();
  /* Behind the line, before the editor leaves it: leaving moves the cursor to its beginning. */
  rl_point = rl_end;
  rl_redisplay();
  fputs("^C\n", stdout);
  fflush(stdout);
  rl_callback_handler_remove();
  is_typing = false;
}

void editor_remember(const char *entry)
{
  HIST_ENTRY *last = history_length > 0 ? history_get(history_base + history_length - 1) : NULL;
  if (last && strcmp(last->line, entry) == 0)
    return;
  add_history(entry);
  if (!options.history_path)
    return;
  int fd = open(options.history_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (fd >= 0) {
    close(fd);
    append_history(1, options.history_path);
  }
}

void editor_suspend(void)
{
  if (is_typing)
    rl_deprep_terminal();
}

void editor_resume(void)
{
  if (!is_typing)
    return;
  rl_prep_terminal(1);
  rl_resize_terminal();
  rl_forced_update_display();
}

void editor_close(void)
{
  if (is_typing)
    rl_callback_handler_remove();
  is_typing = false;
  if (options.history_path)
    history_truncate_file(options.history_path, HISTORY_MAX);
  free(prompt_text);
  prompt_text = NULL;
}

#else

/* A file without a declaration is no C. */
typedef int readline_is_not_used;

#endif
