#include "model/rate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "time/duration.h"

static const struct {
  const char *name;
  int64_t us;
} units[] = {
    {"s", 1000000},     {"sec", 1000000},     {"second", 1000000}, {"m", 60000000},
    {"min", 60000000},  {"minute", 60000000}, {"h", 3600000000},   {"hour", 3600000000},
    {"d", 86400000000}, {"day", 86400000000},
};

static enum error_code read_period(const char *text, int64_t *us, struct error *error)
{
  for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
    if (strcmp(units[i].name, text) == 0) {
      *us = units[i].us;
      return ERROR_OK;
    }
  return duration_parse(text, us, error);
}

enum error_code rate_from_json(const struct json *value, struct rate *rate, struct error *error)
{
  if (value->type != JSON_STRING)
    return error_set(error, ERROR_INVALID, "must be a text such as \"10/s\", not %s",
                     json_type_name(value->type));
  const char *text = value->as.string.data;
  char *slash;
  long long count = strtoll(text, &slash, 10);
  int64_t period_us;
  if (slash == text || *slash != '/' || strlen(text) != value->as.string.size)
    return error_set(error, ERROR_INVALID,
                     "\"%s\" is not a count and a time: write \"10/s\", \"100/min\", \"5/30s\"",
                     text);
  if (count < 1 || count > RATE_COUNT_MAX)
    return error_set(
        error, ERROR_INVALID,
        "\"%s\": the count must be between 1 and %d; a longer time with a smaller count "
        "is the same rate",
        text, RATE_COUNT_MAX);
  if (read_period(slash + 1, &period_us, error))
    return error_prefix(error, "\"%s\"", text);
  if (period_us < 1000)
    return error_set(error, ERROR_INVALID, "\"%s\": the time is under a millisecond", text);
  *rate = (struct rate){(int32_t)count, period_us};
  return ERROR_OK;
}

void rate_format(char out[RATE_TEXT_SIZE], const struct rate *rate)
{
  char period[DURATION_TEXT_SIZE];
  for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
    if (units[i].us == rate->period_us) {
      snprintf(out, RATE_TEXT_SIZE, "%d/%s", rate->count, units[i].name);
      return;
    }
  duration_format(period, rate->period_us);
  snprintf(out, RATE_TEXT_SIZE, "%d/%s", rate->count, period);
}
