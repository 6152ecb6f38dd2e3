/* Whatever is asked, and in whatever order: each request has its answer, one that is refused has
 * changed nothing, and who starts behind a crash shows what was shown before it.
 *
 * The seed is printed with a failure and may be given as MOONBEAT_SEED; MOONBEAT_TELL shows all
 * that is asked. */
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json.h"
#include "base/memory.h"
#include "support/scratch.h"
#include "support/world.h"

enum { STEPS = 150, IDS = 8 };

static uint64_t seed, random_state;

static size_t draw(size_t below)
{
  random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (size_t)((random_state >> 33) % below);
}

#define DRAW_OF(words) ((words)[draw(sizeof(words) / sizeof *(words))])

/* ---- what is asked ---- */

static const char *const ids[] = {"a", "b", "c", "d", "e", "declared", "of_r", "nobody"};
static const char *const names[] = {"x", "y", "closed", ""};

static const char *const triggers[] = {
    "\"every 1s\"",
    "\"every 7s\"",
    "\"every 5s limit=3\"",
    "\"every 3s jitter=1s\"",
    "\"every 20s until=2026-01-01T00:03:00Z\"",
    "\"* * * * *\"",
    "\"*/2 * * * * except=closed\"",
    "\"* * * * * except=x\"",
    "\"at 2026-01-01T00:02:00Z\"",
    "\"at 2020-01-01T00:00:00Z\"",
    "\"in 30s\"",
    "\"on_event e\"",
    "\"on_event e debounce=5s\"",
    "\"on_event e throttle=10s\"",
    "\"on_event e batch=3\"",
    "\"on_event job_executed\"",
    "\"after_job a\"",
    "\"after_job b outcome=failed\"",
    "{\"kind\":\"interval\",\"seconds\":2,\"start\":\"2026-01-01T00:01:00Z\"}",
    "{\"kind\":\"cron\",\"expression\":\"* * * * * *\",\"timezone\":\"Asia/Kolkata\"}",
    "\"nonsense\"",
    "null",
    "7",
};

static const char *const options[] = {
    "\"overlap\":\"skip\"",
    "\"overlap\":\"allow\"",
    "\"overlap\":\"buffer_one\"",
    "\"overlap\":\"buffer_all\",\"buffer_limit\":2",
    "\"overlap\":\"cancel_other\"",
    "\"overlap\":\"terminate_other\"",
    "\"coalesce\":\"all\",\"replay_limit\":500",
    "\"coalesce\":\"all\",\"replay_rate\":\"1/10s\"",
    "\"coalesce\":\"earliest\"",
    "\"misfire_grace_time\":\"3s\"",
    "\"misfire_grace_time\":null",
    "\"max_instances\":2",
    "\"max_failures\":1",
    "\"max_interruptions\":0",
    "\"pool\":\"x\"",
    "\"pool\":\"y\",\"priority\":9",
    "\"rate\":\"1/5s\"",
    "\"concurrency_key\":\"k\",\"concurrency_limit\":1",
    "\"concurrency_key\":\"{1}\"",
    "\"retry\":2",
    "\"retry\":{\"attempts\":3,\"delay\":\"4s\",\"backoff\":\"exponential\"}",
    "\"delivery\":\"at_most_once\"",
    "\"enabled\":false",
    "\"enabled\":true",
    "\"expect\":\"10s\"",
    "\"unique\":{\"key\":\"u\",\"on_conflict\":\"skip\"}",
    "\"unique\":{\"key\":\"u\",\"on_conflict\":\"replace\"}",
    "\"unique\":{\"key\":\"u\",\"on_conflict\":\"extend\",\"period\":\"10s\"}",
    "\"unique\":\"v\"",
    "\"tags\":[\"t\",\"u\"]",
    "\"args\":[1,{\"x\":[]}]",
    "\"name\":\"\\u0000\"",
    "\"timeout\":\"2s\"",
    "\"soft_timeout\":\"1s\"",
    "\"replace_existing\":true",
    "\"replace_existing\":true",
    "\"func\":\"s.f\"",
    "\"func\":\"s.gone\"",
    "\"isolate\":true",
    "\"no_such\":1",
    "\"retry\":{\"attempts\":-1}",
    "\"pool\":\"none\"",
};

static const char *const calendars[] = {
    "{\"dates\":\"2026-01-01\"}", "{\"dates\":\"2020-01-01\"}", "{\"cron\":\"*/2 * * * *\"}",
    "{\"weekdays\":\"mon-sun\"}", "{\"cron\":\"61 * * * *\"}",  "null",
};

static const char *const values[] = {"1", "\"text\"", "{\"a\":[1,2]}", "null", "-7.5", "true"};

/* The first three always load. */
static const char *const scripts[] = {
    "{\"jobs\":[{\"id\":\"declared\",\"run\":true,\"trigger\":\"every "
    "2s\"}],\"functions\":[\"f\"]}",
    "{\"jobs\":[{\"id\":\"declared\",\"run\":true,\"trigger\":\"on_event e\"}],\"functions\":"
    "[\"f\"],\"listeners\":[{\"id\":1,\"name\":\"ear\",\"events\":[\"job_added\",\"job_removed\","
    "\"job_e*\"],\"durable\":true}]}",
    "{\"functions\":[\"f\"],\"listeners\":[{\"id\":1,\"name\":\"ear\",\"events\":[\"e\"]}]}",
    "{\"functions\":[\"f\"],\"pools\":{\"x\":1},\"calendars\":{\"closed\":{\"weekdays\":\"fri\"}}}",
    "{\"jobs\":[{\"id\":\"declared\"}]}",
    "{\"jobs\":[{\"id\":\"a\",\"run\":true,\"trigger\":\"every 2s\",\"pool\":\"x\"}]}",
    "no JSON",
};

/* Added at run time. */
static const char *const added_scripts[] = {
    "{\"jobs\":[{\"id\":\"of_r\",\"run\":true,\"trigger\":\"every 3s\"}],\"functions\":[\"g\"]}",
    "{\"jobs\":[{\"id\":\"of_r\",\"run\":true,\"trigger\":\"after_job a\"}]}",
    "{}",
    "no JSON",
};

/* The members of a job but for its id: what it runs, its trigger, and others. */
static void append_members(struct buffer *out, bool is_new)
{
  if (is_new)
    buffer_append_text(out, ",\"run\":{\"shell\":\"true\"}");
  if (is_new || draw(2))
    buffer_printf(out, ",\"trigger\":%s", DRAW_OF(triggers));
  for (size_t left = draw(4); left > 0; left--)
    buffer_printf(out, ",%s", DRAW_OF(options));
}

static void append_spec(struct buffer *out)
{
  buffer_printf(out, "{\"id\":\"%s\"", ids[draw(IDS - 3)]);
  append_members(out, true);
  buffer_append_byte(out, '}');
}

static void append_specs(struct buffer *out)
{
  buffer_append_text(out, "{\"jobs\":[");
  for (size_t i = 0, count = 1 + draw(3); i < count; i++) {
    buffer_append_text(out, i ? "," : "");
    append_spec(out);
  }
  buffer_append_text(out, "]}");
}

/* Of one that was added: what is declared goes by its file again when that is read. */
static void append_changes(struct buffer *out)
{
  buffer_printf(out, "{\"job\":\"%s\",\"changes\":{\"name\":\"n\"", ids[draw(IDS - 3)]);
  append_members(out, false);
  buffer_append_text(out, "}}");
}

static void append_script(struct buffer *out)
{
  struct json_writer writer = {.out = out};
  json_begin_object(&writer);
  json_put_text(&writer, "name", draw(6) ? "r" : "s");
  json_put_text(&writer, "source", DRAW_OF(added_scripts));
  json_end_object(&writer);
}

/* Of operations that take names and values; the first %s is a job's id or another name. */
static const struct plain {
  const char *operation, *format;
  bool of_job;
} plain[] = {
    {"pause_job", "{\"job\":\"%s\"}", true},
    {"resume_job", "{\"job\":\"%s\"}", true},
    {"remove_job", "{\"job\":\"%s\"}", true},
    {"run_now", "{\"job\":\"%s\"}", true},
    {"run_now", "{\"job\":\"%s\",\"args\":[7]}", true},
    {"cancel_run", "{\"run\":\"%s\"}", true},
    {"cancel_run", "{\"run\":\"%s\",\"now\":true}", true},
    {"remove_pool", "{\"name\":\"%s\"}", false},
    {"remove_calendar", "{\"name\":\"%s\"}", false},
    {"emit", "{\"event\":\"e\",\"data\":{\"n\":\"%s\"}}", false},
    {"set_pool", "{\"name\":\"%s\",\"slots\":0}", false},
    {"set_pool", "{\"name\":\"%s\",\"slots\":1}", false},
    {"set_pool", "{\"name\":\"%s\",\"slots\":2}", false},
    {"kv_incr", "{\"key\":\"%s\",\"shared\":true}", false},
    {"kv_incr", "{\"key\":\"%s\",\"by\":0.5,\"ttl\":\"5s\",\"script\":\"s\"}", false},
    {"retry_listener", "{\"listener\":\"s/ear\"}", false},
    {"discard_dead_letters", "{\"listener\":\"s/ear\"}", false},
    {"remove_script", "{\"name\":\"r\"}", false},
    {"rollback_script", "{\"name\":\"r\"}", false},
    {"lock", "{\"name\":\"%s\",\"ttl\":\"10s\"}", false},
    {"unlock", "{\"name\":\"%s\"}", false},
};

static const char *append_plain(struct buffer *out)
{
  const struct plain *chosen = &DRAW_OF(plain);
  buffer_printf(out, chosen->format, chosen->of_job ? DRAW_OF(ids) : DRAW_OF(names)); /* NOLINT */
  return chosen->operation;
}

static const char *append_request(struct buffer *out)
{
  switch (draw(12)) {
  case 0:
  case 1:
    append_spec(out);
    return "add_job";
  case 2:
    append_specs(out);
    return "add_jobs";
  case 3:
    append_changes(out);
    return "modify_job";
  case 4:
    buffer_printf(out, "{\"job\":\"%s\",\"trigger\":%s}", ids[draw(IDS - 3)], DRAW_OF(triggers));
    return "reschedule_job";
  case 5:
    append_script(out);
    return "add_script";
  case 6:
    buffer_printf(out, "{\"name\":\"%s\",\"definition\":%s}", DRAW_OF(names), DRAW_OF(calendars));
    return "set_calendar";
  case 7:
    buffer_printf(out, "{\"key\":\"%s\",\"value\":%s,\"shared\":%s%s}", DRAW_OF(names),
                  DRAW_OF(values), draw(2) ? "true" : "false", draw(2) ? ",\"ttl\":\"7s\"" : "");
    return "kv_set";
  default:
    return append_plain(out);
  }
}

/* ---- what is shown ---- */

static void append_answer(struct world *w, struct buffer *out, const char *operation,
                          const char *params)
{
  char *answer = world_ask(w, operation, params);
  assert_non_null(answer);
  if (strncmp(answer, "error", 5) == 0) /* which may tell of a script that has not loaded */
    answer[strcspn(answer, " ")] = '\0';
  buffer_printf(out, "%s %s: %s\n", operation, params, answer);
  free(answer);
}

static char *look(struct world *w)
{
  static const char *const all[] = {"pools", "calendars", "kv_list", "listeners", "runs"};
  static const char *const of_job[] = {"show", "skips", "next"};
  struct buffer out = {0};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    append_answer(w, &out, all[i], "{}");
  for (size_t i = 0; i < IDS; i++)
    for (size_t j = 0; j < sizeof of_job / sizeof *of_job; j++) {
      char params[30];
      snprintf(params, sizeof params, "{\"job\":\"%s\"}", ids[i]);
      append_answer(w, &out, of_job[j], params);
    }
  return buffer_take(&out);
}

static char *next_line(char **text)
{
  char *line = *text, *end = strchr(line, '\n');
  if (!end)
    return NULL;
  *end = '\0';
  *text = end + 1;
  return line;
}

/* From a little before where they differ. */
static void fail_at(const char *what, const char *a, const char *b)
{
  size_t at, back;
  for (at = 0; a[at] && a[at] == b[at]; at++)
    continue;
  back = at < 100 ? 0 : at - 100;
  fail_msg("seed %llu: %s\n  %.60s\n  before: %.300s\n  after:  %.300s", (unsigned long long)seed,
           what, a, a + back, b + back);
}

/* Takes both. */
static void expect_same(char *before, char *after, const char *what)
{
  char *left = before, *right = after, *a, *b;
  while ((a = next_line(&left)) && (b = next_line(&right)))
    if (strcmp(a, b) != 0)
      fail_at(what, a, b);
  free(before);
  free(after);
}

/* ---- a life ---- */

static const char *file_source; /* of the script s, in its folder */

static void save(struct world *w, const char *source)
{
  file_source = source;
  world_save(w, "s", source);
}

static void ask(struct world *w)
{
  struct buffer params = {0};
  const char *operation = append_request(&params);
  char *before = look(w), *answer = world_ask(w, operation, params.data);
  assert_non_null(answer);
  if (getenv("MOONBEAT_TELL"))
    fprintf(stderr, "%.6f %s %s\n    %s\n", (double)(w->now_us - WORLD_BEGINS) / 1e6, operation,
            params.data, answer);
  /* A source that does not load is noted with its script. */
  if (strncmp(answer, "error", 5) == 0 && !strstr(operation, "script")) {
    char *what = memory_printf("%s %s: %s", operation, params.data, answer);
    expect_same(before, look(w), what);
    free(what);
  } else {
    free(before);
  }
  free(answer);
  buffer_deinit(&params);
}

static void come_to_rest(struct world *w)
{
  for (int i = 0; i < 100 && world_run_count(w); i++)
    world_finish_all(w);
  world_keep_house(w);
  world_settle(w);
}

static void crash(struct world *w)
{
  save(w, scripts[draw(3)]);
  come_to_rest(w);
  if (world_run_count(w))
    return; /* jobs that set each other off */
  char *before = look(w);
  world_crash(w);
  world_save(w, "s", file_source);
  if (getenv("MOONBEAT_TELL"))
    fprintf(stderr, "%.6f crash\n", (double)(w->now_us - WORLD_BEGINS) / 1e6);
  expect_same(before, look(w), "a crash");
}

static void take_step(struct world *w)
{
  static const enum run_state ends[] = {RUN_SUCCEEDED, RUN_SUCCEEDED, RUN_FAILED, RUN_TIMED_OUT};
  enum run_state state = DRAW_OF(ends);
  switch (draw(12)) {
  case 0:
  case 1:
    world_live(w, (int64_t)draw(4000000));
    break;
  case 2:
    world_pass(w, (int64_t)draw(30 * SECOND));
    break;
  case 3:
  case 4:
    if (world_run_count(w))
      world_finish(w, state, NULL, state == RUN_SUCCEEDED ? NULL : "no");
    break;
  case 5:
    crash(w);
    break;
  case 6:
    save(w, draw(4) ? DRAW_OF(scripts) : NULL);
    break;
  default:
    ask(w);
    break;
  }
}

static void live(void)
{
  struct world w;
  random_state = seed;
  world_open(&w, scratch_path("store.db"));
  save(&w, scripts[0]);
  for (int i = 0; i < STEPS; i++)
    take_step(&w);
  crash(&w);
  world_close(&w);
  scratch_empty();
}

static void whatever_is_asked(void **state)
{
  const char *given = getenv("MOONBEAT_SEED");
  uint64_t last = given ? strtoull(given, NULL, 10) : 8;
  (void)state;
  for (seed = given ? last : 1; seed <= last; seed++)
    live();
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(whatever_is_asked)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
