#include "sim/cast.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "sim/life_internal.h"
#include "time/duration.h"

static const char *const zones[] = {"UTC",          "Europe/Berlin", "America/New_York",
                                    "Asia/Kolkata", "Europe/London", "Australia/Sydney"};

static const char *const policies[] = {
    "\"overlap\":\"skip\"",
    "\"overlap\":\"skip\",\"timeout\":\"20s\"",
    "\"overlap\":\"buffer_one\",\"timeout\":\"90s\",\"soft_timeout\":\"5s\"",
    "\"overlap\":\"buffer_one\",\"coalesce\":\"earliest\"",
    "\"overlap\":\"buffer_all\",\"buffer_limit\":5,\"timeout\":\"1m\"",
    "\"overlap\":\"cancel_other\",\"cancel_grace\":\"3s\"",
    "\"overlap\":\"terminate_other\",\"pool\":\"p\"",
    "\"overlap\":\"allow\",\"max_instances\":3,\"pool\":\"p\",\"priority\":7",
    "\"coalesce\":\"all\",\"replay_limit\":9,\"replay_rate\":\"5/10s\",\"timeout\":\"1m\"",
    "\"coalesce\":\"earliest\",\"pool\":\"p\",\"misfire_grace_time\":\"7s\"",
    "\"misfire_grace_time\":\"1m\",\"expect\":\"1h\"",
    "\"overlap\":\"allow\",\"rate\":\"4/10s\",\"concurrency_key\":\"k\",\"concurrency_limit\":2",
    "\"rate\":\"3/1m\",\"overlap\":\"skip\",\"timeout\":\"10s\"",
    "\"overlap\":\"buffer_all\",\"buffer_limit\":2,\"concurrency_key\":\"k\",\"pool\":\"p\"",
    "\"retry\":{\"attempts\":3,\"delay\":\"2s\"},\"pool\":\"p\",\"timeout\":\"30s\",\"soft_"
    "timeout\":\"10s\"",
    "\"retry\":{\"attempts\":5,\"delay\":\"1s\",\"backoff\":\"exponential\"}",
    "\"delivery\":\"at_most_once\",\"overlap\":\"cancel_other\",\"concurrency_key\":\"k\"",
    "\"delivery\":\"at_most_once\",\"timeout\":\"40s\",\"soft_timeout\":\"15s\"",
};

enum {
  ZONES = sizeof zones / sizeof zones[0],
  POLICIES = sizeof policies / sizeof policies[0],
  TERMS_MAX = 64,
};

void cast_rule(struct life *life, struct rule *rule)
{
  static const int minutes[] = {1, 2, 5, 10, 15, 20, 30};
  static const int periods_s[] = {2, 3, 5, 7, 15, 60, 90, 3600};
  struct draw *draw = &life->draw;
  int64_t now_us = sim_now_us(life->sim);
  *rule = (struct rule){.zone = zones[draw_below(draw, ZONES)], .version = zones_version(life)};
  switch (draw_below(draw, 8)) {
  default:
    rule->kind = RULE_INTERVAL;
    rule->period_us = periods_s[draw_below(draw, 8)] * SECOND;
    rule->start_us = now_us + draw_below(draw, 10 * SECOND);
    break;
  case 4:
  case 5:
    rule->kind = RULE_MINUTES;
    rule->minute = minutes[draw_below(draw, 7)];
    break;
  case 6:
    rule->kind = draw_chance(draw, 50) ? RULE_HOURLY : RULE_DAILY;
    rule->minute = (int)draw_below(draw, 60);
    rule->hour = (int)draw_below(draw, 24);
    break;
  case 7:
    rule->kind = RULE_DATE;
    rule->start_us = now_us + draw_size(draw, HOUR / 1000) * 1000 + 1;
    break;
  }
}

void cast_job(struct life *life, const char *prefix, int number, struct booked *job)
{
  struct draw *draw = &life->draw;
  *job = (struct booked){0};
  snprintf(job->id, sizeof job->id, "%s%d", prefix, number);
  job->options = policies[draw_below(draw, POLICIES)];
  job->func = draw_chance(draw, 30) ? "b.work" : NULL;
  job->is_once = strstr(job->options, "at_most_once") != NULL;
  cast_rule(life, &job->rule);
}

/* ---- what its options promise ---- */

static int64_t read_duration(const struct json *object, const char *name, int64_t absent)
{
  const struct json *value = json_get(object, name);
  int64_t us = absent;
  if (value && duration_from_json(value, &us, NULL))
    blame("%s is no length of time", name);
  return us;
}

/* "4/10s" */
static void read_rate(const struct json *object, const char *name, int64_t *period_us)
{
  const char *text = json_text(json_get(object, name), NULL);
  if (text && duration_parse(strchr(text, '/') + 1, period_us, NULL))
    blame("%s is no rate", text);
}

static void read_terms(const struct json *options, struct terms *terms)
{
  const struct json *retry = json_get(options, "retry");
  const char *overlap = json_text(json_get(options, "overlap"), "skip");
  terms->attempts = (int)json_integer(json_get(retry, "attempts"), 0);
  terms->retry_delay_us = read_duration(retry, "delay", 10 * SECOND);
  terms->is_once = json_get(options, "delivery") != NULL;
  terms->timeout_us = read_duration(options, "timeout", 0);
  terms->soft_timeout_us = read_duration(options, "soft_timeout", 0);
  terms->has_pool = json_get(options, "pool") != NULL;
  terms->has_key = json_get(options, "concurrency_key") != NULL;
  terms->max_instances = (int)json_integer(json_get(options, "max_instances"),
                                           strcmp(overlap, "allow") == 0 ? INT32_MAX : 1);
  terms->max_interruptions = (int)json_integer(json_get(options, "max_interruptions"), 1000000);
  read_rate(options, "rate", &terms->rate_period_us);
  read_rate(options, "replay_rate", &terms->replay_period_us);
}

const struct terms *cast_terms(const char *options)
{
  static struct terms known[TERMS_MAX];
  struct terms *terms = known;
  struct json_document *document;
  while (terms < known + TERMS_MAX && terms->options && terms->options != options)
    terms++;
  if (terms == known + TERMS_MAX)
    blame("there are more policies than this book has room for");
  if (terms->options)
    return terms;
  char *text = memory_printf("{%s}", options);
  if (json_parse(text, strlen(text), &document, NULL))
    blame("%s", text);
  terms->options = options;
  read_terms(json_root(document), terms);
  json_free(document);
  free(text);
  return terms;
}

int64_t terms_retry_delay(const struct terms *terms, int failures)
{
  int64_t us = terms->retry_delay_us;
  for (int i = 1; i < failures && us < HOUR; i++)
    us *= 2;
  return us < HOUR ? us : HOUR;
}

char *cast_spec(const struct booked *job, const struct rule *rule, int64_t revision)
{
  bool is_bounded = job->is_once || strstr(job->options, "max_interruptions");
  char *trigger = rule_trigger(rule);
  char *func = job->func && !job->is_declared ? memory_printf("\"func\":\"%s\"", job->func) : NULL;
  const char *run = job->is_declared ? "\"run\":true"
                    : func           ? func
                                     : "\"run\":{\"argv\":[\"true\"]}";
  char *spec = memory_printf("{\"id\":\"%s\",\"name\":\"r%lld\",%s,\"trigger\":%s,%s%s}", job->id,
                             (long long)revision, run, trigger, job->options,
                             is_bounded ? "" : ",\"max_interruptions\":1000000");
  free(func);
  free(trigger);
  return spec;
}
