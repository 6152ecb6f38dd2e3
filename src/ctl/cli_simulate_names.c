/* Which jobs `moonbeat simulate` shows. A name on the command line that means nothing is refused,
 * with the nearest that does; what there is is known when the span has been played. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "ctl/cli_simulate.h"
#include "trigger/event.h"

/* `names`: what there is; NULL behind the last. */
static enum error_code refuse_name(struct cli *cli, const struct simulation *simulation,
                                   const char *sentence, const char *name, const char *const *names)
{
  char guess[128];
  const struct simulation_problem *problem =
      simulation->problem_count > 0 ? simulation->problems : NULL;
  return error_set(&cli->error, ERROR_NOT_FOUND, "--%s \"%.60s\"%s%s%s", sentence, name,
                   text_did_you_mean(guess, name, names), problem ? "; a file does not load: " : "",
                   problem ? problem->text : "");
}

static enum error_code refuse_pattern(struct cli *cli, const struct simulation *simulation,
                                      const char *option, const char *pattern)
{
  const char **ids = memory_alloc((simulation->job_count + 1) * sizeof *ids);
  char *sentence = memory_printf("%s: there is no job", option);
  for (size_t i = 0; i < simulation->job_count; i++)
    ids[i] = simulation->jobs[i].job->id;
  enum error_code code = refuse_name(cli, simulation, sentence, pattern, ids);
  free(sentence);
  free(ids);
  return code;
}

/* Whether there is that name; `sentence` says that there is not. */
static enum error_code check_name(struct cli *cli, const struct simulation *simulation,
                                  const char *sentence, const char *name, const char *const *names)
{
  for (size_t i = 0; names[i]; i++)
    if (strcmp(names[i], name) == 0)
      return ERROR_OK;
  return refuse_name(cli, simulation, sentence, name, names);
}

static enum error_code check_pools(struct cli *cli, const struct simulation *simulation,
                                   const struct simulation_options *options)
{
  const char **names = memory_alloc((simulation->pool_count + 1) * sizeof *names);
  enum error_code code = ERROR_OK;
  for (size_t i = 0; i < simulation->pool_count; i++)
    names[i] = simulation->pools[i].name;
  for (size_t i = 0; !code && i < options->pool_count; i++)
    code =
        check_name(cli, simulation, "pool: no job uses a pool", options->pools[i].pattern, names);
  free(names);
  return code;
}

/* The events that jobs wait for. */
struct awaited {
  char **names;
  size_t count;
};

static void note_awaited(void *context, const struct trigger *source)
{
  struct awaited *awaited = context;
  struct buffer key = {0};
  struct json_document *document;
  trigger_put_key(source, &key);
  if (!json_parse(key.data, key.size, &document, NULL)) {
    const char *event = json_text(json_get(json_root(document), "event"), NULL);
    if (event) {
      awaited->names = memory_resize(awaited->names, (awaited->count + 1) * sizeof *awaited->names);
      awaited->names[awaited->count++] = memory_strdup(event);
    }
    json_free(document);
  }
  buffer_deinit(&key);
}

static enum error_code check_emissions(struct cli *cli, const struct simulation *simulation,
                                       const struct simulation_options *options)
{
  struct awaited awaited = {0};
  enum error_code code = ERROR_OK;
  for (size_t i = 0; options->emission_count > 0 && i < simulation->job_count; i++)
    if (simulation->jobs[i].job->trigger)
      trigger_each_source(simulation->jobs[i].job->trigger, note_awaited, &awaited);
  const char **names = memory_alloc((awaited.count + 1) * sizeof *names);
  for (size_t i = 0; i < awaited.count; i++)
    names[i] = awaited.names[i];
  for (size_t i = 0; !code && i < options->emission_count; i++)
    code = check_name(cli, simulation, "emit: no job waits for the event",
                      options->emissions[i].event, names);
  for (size_t i = 0; i < awaited.count; i++)
    free(awaited.names[i]);
  free(awaited.names);
  free(names);
  return code;
}

static bool fits_any(const struct simulation *simulation, const char *pattern, bool *fits)
{
  bool is_met = false;
  for (size_t i = 0; i < simulation->job_count; i++)
    if (text_matches(pattern, simulation->jobs[i].job->id)) {
      is_met = true;
      if (fits)
        fits[i] = true;
    }
  return is_met;
}

enum error_code simulate_choose_jobs(struct cli *cli, const struct simulation_options *o,
                                     struct simulate_answer *answer)
{
  const struct simulation *s = &answer->simulation;
  answer->is_shown = memory_alloc(s->job_count + 1);
  if (!arguments_has(cli->arguments, "job"))
    memset(answer->is_shown, true, s->job_count);
  for (size_t i = 0; i < cli->arguments->given_count; i++) {
    const char *value = cli->arguments->given[i].value;
    if (strcmp(cli->arguments->given[i].option->name, "job") == 0 &&
        !fits_any(s, value, answer->is_shown))
      return refuse_pattern(cli, s, "job", value);
  }
  for (size_t i = 0; i < o->duration_count; i++)
    if (!fits_any(s, o->durations[i].pattern, NULL))
      return refuse_pattern(cli, s, "duration", o->durations[i].pattern);
  for (size_t i = 0; i < o->failure_count; i++)
    if (!fits_any(s, o->failures[i].pattern, NULL))
      return refuse_pattern(cli, s, "fail", o->failures[i].pattern);
  enum error_code code = check_pools(cli, s, o);
  return code ? code : check_emissions(cli, s, o);
}
