/* Line editing by the terminal's own means, for builds without readline. */
#ifndef MOONBEAT_READLINE

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "ctl/repl_editor.h"

static struct editor_options options;
static struct buffer typed;
static char *prompt_text;
static bool is_typing;

static void show_prompt(void)
{
  fputs(prompt_text, stdout);
  fflush(stdout);
}

void editor_open(const struct editor_options *given)
{
  options = *given;
}

/* Lines that came together are given one for each prompt. */
static void give_line(void)
{
  char *end = typed.size > 0 ? memchr(typed.data, '\n', typed.size) : NULL;
  if (!end || !is_typing)
    return;
  size_t size = (size_t)(end - typed.data);
  char *line = memory_copy(typed.data, size);
  buffer_remove_front(&typed, size + 1);
  is_typing = false;
  options.on_line(options.context, line);
}

void editor_prompt(const char *prompt, const char *color)
{
  free(prompt_text);
  prompt_text = *color ? memory_printf("%s%s\x1b[0m", color, prompt) : memory_strdup(prompt);
  is_typing = true;
  show_prompt();
  give_line();
}

void editor_read(void)
{
  char bytes[4096];
  ssize_t size = read(STDIN_FILENO, bytes, sizeof bytes);
  if (size <= 0) {
    is_typing = false;
    options.on_line(options.context, NULL);
    return;
  }
  buffer_append(&typed, bytes, (size_t)size);
  give_line();
}

void editor_print(const char *text, size_t size)
{
  if (is_typing)
    fputs("\r\x1b[K", stdout);
  fwrite(text, 1, size, stdout);
  fflush(stdout);
  if (is_typing)
    show_prompt();
}

void editor_abandon(void)
{
  buffer_clear(&typed);
  if (is_typing)
    fputs("\n", stdout);
  is_typing = false;
}

void editor_remember(const char *entry)
{
  (void)entry;
}

void editor_suspend(void)
{
}

void editor_resume(void)
{
  if (is_typing)
    show_prompt();
}

void editor_close(void)
{
  buffer_deinit(&typed);
  free(prompt_text);
  prompt_text = NULL;
  is_typing = false;
}

#else

typedef int plain_editor_is_not_used;

#endif
