/* The line that is being typed. Two implementations: GNU readline (repl_readline.c), and without it
 * what the terminal itself offers (repl_plain.c). There is one terminal, hence one editor and no
 * handle. Main thread. */
#ifndef CTL_REPL_EDITOR_H
#define CTL_REPL_EDITOR_H

#include <stddef.h>

struct editor_options {
  /* A line was entered (heap, the callee's), or NULL: Ctrl-D on an empty line. No line is being
   * typed any more until editor_prompt is called. */
  void (*on_line)(void *context, char *line);
  /* NULL-terminated heap array of heap strings that may take the place of the last word of
   * `before`, the text before the cursor; or NULL. */
  char **(*complete)(void *context, const char *before);
  void *context;
  const char *history_path; /* NULL: the history ends with the process */
};

void editor_open(const struct editor_options *options);
void editor_close(void); /* the terminal is as it was */

/* Begins a new line. `prompt` is plain text; `color` an escape sequence or "". */
void editor_prompt(const char *prompt, const char *color);

/* Standard input can be read. */
void editor_read(void);

/* Writes text that ends with a line end, above the line being typed if there is one. */
void editor_print(const char *text, size_t size);

/* Drops what is typed; editor_prompt must follow. */
void editor_abandon(void);

/* Keeps an entry of the history, which may have lines. */
void editor_remember(const char *entry);

void editor_suspend(void); /* before the process stops: the terminal is the shell's */
void editor_resume(void);  /* afterwards; also when the terminal's size changed */

#endif
