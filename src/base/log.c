#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/text.h"

static atomic_int lowest_level = LOG_INFO;

static const struct {
  const char *name;
  const char *colour;
} levels[] = {
    [LOG_DEBUG] = {"debug", "\x1b[2m"},
    [LOG_INFO] = {"info", "\x1b[32m"},
    [LOG_WARN] = {"warn", "\x1b[33m"},
    [LOG_ERROR] = {"error", "\x1b[31m"},
    [LOG_OFF] = {"off", ""},
};

void log_set_level(enum log_level level)
{
  atomic_store(&lowest_level, (int)level);
}

int log_level_from_name(const char *name)
{
  for (int i = LOG_DEBUG; i <= LOG_OFF; i++)
    if (strcmp(levels[i].name, name) == 0)
      return i;
  return -1;
}

const char *log_level_name(enum log_level level)
{
  return levels[level].name;
}

void log_write(enum log_level level, const char *format, ...)
{
  if ((int)level < atomic_load(&lowest_level))
    return;
  char text[2048];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);

  for (char *tab = text; (tab = strchr(tab, '\t'));)
    *tab = ' ';

  int64_t now_us = clock_wall_us();
  time_t now_s = (time_t)(now_us / 1000000);
  struct tm local;
  localtime_r(&now_s, &local);
  char clock[16];
  strftime(clock, sizeof clock, "%H:%M:%S", &local);

  const char *plain = getenv("NO_COLOR");
  bool colour = isatty(STDERR_FILENO) && !(plain && *plain);
  struct buffer line = {0};
  buffer_printf(&line, "%s.%03d %s%-5s%s ", clock, (int)(now_us / 1000 % 1000),
                colour ? levels[level].colour : "", levels[level].name, colour ? "\x1b[0m" : "");
  text_append_visible(&line, text, strlen(text));
  buffer_append_byte(&line, '\n');
  ssize_t ignored = write(STDERR_FILENO, line.data, line.size);
  (void)ignored;
  buffer_deinit(&line);
}
