/* `moonbeat simulate`: what is asked, the span played by the host, and what a clock change does to
 * the triggers in it. */
#include "ctl/cli_simulate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "ctl/cli_next.h"
#include "time/duration.h"
#include "time/instant.h"

enum { COUNT_DEFAULT = 20, COUNT_MAX = 100000000, MOST_DEFAULT = 1000000, MOST_MAX = 10000000 };

#define SECOND_US  INT64_C(1000000)
#define ASSUMED_US SECOND_US
#define DAY_US     INT64_C(86400000000)

/* What is asked; the wishes' patterns are copies, and the emissions its own. */
struct request {
  struct simulation_options options;
  struct simulation_wish *durations, *failures, *pools;
  struct simulation_emission *emissions;
  struct screen screen; /* of standard error */
  int progress_width;   /* of the line of it that stands there */
};

bool simulate_is_notable(const struct simulation_fire *fire)
{
  return fire->kind != FIRE_RUNS || fire->begin_us > fire->scheduled_us || fire->attempts > 1 ||
         fire->state != RUN_SUCCEEDED || fire->beside > 0;
}

const char *simulate_source_name(enum simulation_source source)
{
  static const char *const names[] = {"assumed", "given", "history"};
  return names[source];
}

/* ---- what is asked ---- */

static void add_wish(struct simulation_wish **wishes, size_t *count, const char *text, size_t size,
                     int64_t value)
{
  *wishes = memory_resize(*wishes, (*count + 1) * sizeof **wishes);
  (*wishes)[(*count)++] = (struct simulation_wish){memory_copy(text, size), value};
}

/* "5m", "etl-*=5m": an id may hold a =. */
static enum error_code read_duration(struct cli *cli, struct request *request, const char *text)
{
  const char *equals = strrchr(text, '=');
  int64_t us;
  if (duration_parse(equals ? equals + 1 : text, &us, &cli->error))
    return error_prefix(&cli->error, "--duration \"%.60s\"", text);
  if (!equals)
    request->options.duration_us = us;
  else
    add_wish(&request->durations, &request->options.duration_count, text, (size_t)(equals - text),
             us);
  return ERROR_OK;
}

/* "import", "import=2" */
static enum error_code read_failure(struct cli *cli, struct request *request, const char *text)
{
  const char *equals = strrchr(text, '=');
  char *end = NULL;
  long count = equals ? strtol(equals + 1, &end, 10) : INT32_MAX;
  if (equals && (end == equals + 1 || *end || count < 0 || count > INT32_MAX))
    return error_set(&cli->error, ERROR_USAGE,
                     "--fail \"%.60s\": behind = stands how many attempts of each run fail", text);
  add_wish(&request->failures, &request->options.failure_count, text,
           equals ? (size_t)(equals - text) : strlen(text), count);
  return ERROR_OK;
}

/* "gpu=2" */
static enum error_code read_pool(struct cli *cli, struct request *request, const char *text)
{
  const char *equals = strrchr(text, '=');
  char *end = NULL;
  long long slots = equals ? strtoll(equals + 1, &end, 10) : 0;
  if (!equals || end == equals + 1 || *end)
    return error_set(&cli->error, ERROR_USAGE,
                     "--pool \"%.60s\": behind = stands how many slots it has", text);
  add_wish(&request->pools, &request->options.pool_count, text, (size_t)(equals - text), slots);
  return ERROR_OK;
}

/* "order=every 10m" */
static enum error_code read_emission(struct cli *cli, struct request *request, const char *text)
{
  const char *zone = request->options.timezone, *equals = strchr(text, '=');
  size_t *count = &request->options.emission_count;
  struct trigger *trigger;
  int64_t first_us;
  if (!equals)
    return error_set(&cli->error, ERROR_USAGE,
                     "--emit \"%.60s\": behind = stands the trigger that says when", text);
  if (trigger_from_text(equals + 1, zone ? zone : "local", &trigger, &cli->error))
    return error_prefix(&cli->error, "--emit \"%.60s\"", text);
  request->emissions = memory_resize(request->emissions, (*count + 1) * sizeof *request->emissions);
  char *event = memory_copy(text, (size_t)(equals - text));
  request->emissions[(*count)++] = (struct simulation_emission){event, trigger};
  trigger_anchor(trigger, request->options.from_us, event);
  if (trigger_next(trigger, request->options.from_us - 1, &first_us))
    return ERROR_OK;
  return error_set(&cli->error, ERROR_INVALID, "--emit \"%.60s\": the trigger never fires", text);
}

static enum error_code read_wishes(struct cli *cli, struct request *request)
{
  enum error_code code = ERROR_OK;
  for (size_t i = 0; !code && i < cli->arguments->given_count; i++) {
    const char *name = cli->arguments->given[i].option->name,
               *value = cli->arguments->given[i].value;
    if (strcmp(name, "duration") == 0)
      code = read_duration(cli, request, value);
    else if (strcmp(name, "fail") == 0)
      code = read_failure(cli, request, value);
    else if (strcmp(name, "emit") == 0)
      code = read_emission(cli, request, value);
    else if (strcmp(name, "pool") == 0)
      code = read_pool(cli, request, value);
  }
  request->options.durations = request->durations;
  request->options.failures = request->failures;
  request->options.emissions = request->emissions;
  request->options.pools = request->pools;
  return code;
}

/* Whole days are those of the wall clock, of which one may have 23 hours. */
static int64_t add_length(int64_t from_us, int64_t length_us, const struct zone *zone)
{
  if (length_us % DAY_US != 0)
    return from_us + length_us;
  int64_t second = instant_seconds(from_us);
  struct local_times until;
  zone_resolve(zone, second + zone_at(zone, second).offset_s + length_us / 1000000, &until);
  return until.first_s * 1000000 + (from_us - second * 1000000);
}

static enum error_code read_span(struct cli *cli, struct request *request, const struct zone *zone)
{
  const char *from = arguments_value(cli->arguments, "from", NULL),
             *until = arguments_value(cli->arguments, "until", NULL),
             *length = arguments_value(cli->arguments, "for", NULL);
  struct simulation_options *o = &request->options;
  int64_t length_us = DAY_US;
  cli->screen.now_us -= cli->screen.now_us % SECOND_US; /* from where times are counted */
  o->from_us = cli->screen.now_us;
  if (length && until)
    return error_set(&cli->error, ERROR_USAGE, "--for and --until exclude each other");
  enum error_code code = from ? cli_read_moment(cli, "from", from, zone, &o->from_us) : ERROR_OK;
  if (!code && length && duration_parse(length, &length_us, &cli->error))
    code = error_prefix(&cli->error, "--for");
  if (code)
    return code;
  if (o->from_us < 0)
    return error_set(&cli->error, ERROR_INVALID, "--from \"%.60s\": nothing is due before 1970",
                     from);
  if (length_us > INSTANT_MAX - DAY_US - o->from_us)
    return error_set(&cli->error, ERROR_INVALID, "--for %s: it would end after the year 9999",
                     length ? length : "1d");
  o->until_us = add_length(o->from_us, length_us, zone);
  if (until && (code = cli_read_moment(cli, "until", until, zone, &o->until_us)))
    return code;
  if (o->until_us <= o->from_us)
    return error_set(&cli->error, ERROR_INVALID,
                     !until ? "--for must be longer than nothing"
                     : from ? "--until must be after --from"
                            : "--until has passed: say --from");
  return ERROR_OK;
}

static enum error_code read_request(struct cli *cli, struct request *request,
                                    const struct daemon_options *options,
                                    struct simulate_answer *answer)
{
  struct simulation_options *o = &request->options;
  const char *asked = arguments_value(cli->arguments, "timezone", NULL);
  long most;
  enum error_code code;
  o->timezone = asked ? asked : options->timezone;
  o->duration_us = ASSUMED_US;
  o->history = arguments_has(cli->arguments, "no-history") ? NULL : options->state_folder;
  answer->only_notable = arguments_has(cli->arguments, "notable");
  if ((code = zone_find(o->timezone ? o->timezone : "local", &answer->zone, &cli->error)))
    return asked ? error_prefix(&cli->error, "--timezone") : code;
  if ((code =
           arguments_number(cli->arguments, "count", 0, COUNT_MAX,
                            cli->wants_json ? -1 : COUNT_DEFAULT, &answer->count, &cli->error)) ||
      (code =
           arguments_number(cli->arguments, "most", 1, MOST_MAX, MOST_DEFAULT, &most, &cli->error)))
    return code;
  o->most = most;
  if ((code = read_span(cli, request, answer->zone)))
    return code;
  code = read_wishes(cli, request);
  answer->assumed_us = o->duration_us;
  return code;
}

static void free_wishes(struct simulation_wish *wishes, size_t count)
{
  for (size_t i = 0; i < count; i++)
    free((char *)(uintptr_t)wishes[i].pattern);
  free(wishes);
}

static void request_deinit(struct request *request)
{
  free_wishes(request->durations, request->options.duration_count);
  free_wishes(request->failures, request->options.failure_count);
  free_wishes(request->pools, request->options.pool_count);
  for (size_t i = 0; i < request->options.emission_count; i++) {
    free(request->emissions[i].event);
    trigger_destroy(request->emissions[i].trigger);
  }
  free(request->emissions);
}

/* ---- changes of the clock ---- */

static void find_changes_of(struct simulate_answer *answer, size_t job)
{
  const struct trigger *trigger = answer->simulation.jobs[job].job->trigger;
  struct next_answer next = {.trigger = trigger, .zone = answer->zone};
  if (!trigger)
    return;
  next_find_warnings(&next, answer->simulation.from_us, answer->simulation.reached_us - 1);
  for (size_t i = 0; i < next.warning_count; i++) {
    const struct next_warning *warning = &next.warnings[i];
    bool is_change = strcmp(warning->kind, "never") != 0;
    if (!is_change) {
      free(warning->message);
      continue;
    }
    answer->changes =
        memory_resize(answer->changes, (answer->change_count + 1) * sizeof *answer->changes);
    answer->changes[answer->change_count++] =
        (struct simulate_change){job, warning->kind, warning->transition_s, warning->message};
  }
  free(next.warnings);
}

static int compare_changes(const void *left, const void *right)
{
  const struct simulate_change *a = left, *b = right;
  if (a->transition_s != b->transition_s)
    return a->transition_s < b->transition_s ? -1 : 1;
  return a->job < b->job ? -1 : a->job > b->job;
}

static void find_changes(struct simulate_answer *answer)
{
  for (size_t i = 0; i < answer->simulation.job_count; i++)
    if (answer->is_shown[i])
      find_changes_of(answer, i);
  if (answer->change_count > 0)
    qsort(answer->changes, answer->change_count, sizeof *answer->changes, compare_changes);
}

/* ---- playing ---- */

/* One line, written over itself, for a person who waits. It never gets shorter, so no terminal need
 * be able to erase. */
static void tell_progress(void *context, int64_t now_us, int64_t fires)
{
  struct request *request = context;
  const struct simulation_options *o = &request->options;
  double share = (double)(now_us - o->from_us) / (double)(o->until_us - o->from_us);
  fputc('\r', stderr);
  request->progress_width =
      fprintf(stderr, "%3.0f %%  %" PRId64 " runs and skips", share * 100, fires);
}

static enum error_code play(struct cli *cli, struct request *request,
                            const struct daemon_options *options, struct simulate_answer *answer)
{
  screen_init(&request->screen, STDERR_FILENO, true);
  if (request->screen.is_terminal) {
    request->options.progress = tell_progress;
    request->options.context = request;
  }
  enum error_code code =
      cli->host->simulate(options, &request->options, &answer->simulation, &cli->error);
  if (request->progress_width > 0)
    fprintf(stderr, "\r%*s\r", request->progress_width, "");
  return code;
}

static void answer_deinit(struct simulate_answer *answer)
{
  for (size_t i = 0; i < answer->change_count; i++)
    free(answer->changes[i].message);
  free(answer->changes);
  free(answer->is_shown);
  simulation_warnings_deinit(&answer->warnings);
  simulation_digest_deinit(&answer->digest);
  simulation_deinit(&answer->simulation);
}

/* A file that does not load and a job that cannot run are told, and are the exit status; all else
 * is played. */
static bool is_sound(const struct simulation *simulation)
{
  for (size_t i = 0; i < simulation->job_count; i++)
    if (simulation->jobs[i].state == JOB_ERROR)
      return false;
  return simulation->problem_count == 0;
}

static int put_answer(struct cli *cli, struct simulate_answer *answer)
{
  simulation_digest_init(&answer->digest, &answer->simulation, answer->is_shown);
  simulation_find_warnings(&answer->digest, answer->zone, &answer->warnings);
  find_changes(answer);
  if (cli->wants_json)
    simulate_put_json(cli, answer);
  else
    simulate_put_text(cli, answer);
  return is_sound(&answer->simulation) ? 0 : error_exit_status(ERROR_INVALID);
}

int cli_do_simulate(struct cli *cli)
{
  struct daemon_options options;
  struct request request = {0};
  struct simulate_answer answer = {0};
  enum error_code code = cli_read_daemon_options(cli, &options);
  if (!code)
    code = read_request(cli, &request, &options, &answer);
  if (!code)
    code = play(cli, &request, &options, &answer);
  if (!code)
    code = simulate_choose_jobs(cli, &request.options, &answer);
  int status = code ? cli_fail(cli) : put_answer(cli, &answer);
  answer_deinit(&answer);
  request_deinit(&request);
  daemon_options_deinit(&options);
  return status;
}
