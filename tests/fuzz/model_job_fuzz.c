/* What jobs, rates and listeners are read from: JSON that scripts and clients write. What a job is
 * read from has a view that is JSON; a rate reads back as the same. The first byte chooses among
 * jobs of scripts, added jobs, rates and listeners. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "driver.h"
#include "model/job.h"
#include "model/listener_spec.h"
#include "model/rate.h"

static const char *const seeds[] = {
    "J{\"id\":\"a\",\"run\":true,\"trigger\":\"every "
    "5s\",\"retry\":{\"attempts\":3,\"delay\":\"2s\","
    "\"backoff\":\"exponential\",\"factor\":2,\"max_delay\":\"5m\",\"jitter\":0.5}}",
    "J{\"id\":\"b\",\"run\":true,\"trigger\":{\"kind\":\"cron\",\"expression\":\"0 9 * * 1-5\"},"
    "\"overlap\":\"buffer_all\",\"buffer_limit\":5,\"pool\":\"db\",\"priority\":7}",
    "A{\"id\":\"c\",\"command\":[\"true\"],\"trigger\":\"at 2026-03-29 "
    "02:30\",\"args\":[1,{\"x\":2}],"
    "\"concurrency_key\":\"{1}\",\"concurrency_limit\":2,\"rate\":\"4/10s\",\"timeout\":\"5m\"}",
    "A{\"id\":\"d\",\"func\":\"orders.cancel\",\"trigger\":\"in "
    "15m\",\"delivery\":\"at_most_once\","
    "\"coalesce\":\"all\",\"replay_limit\":9,\"replay_rate\":\"5/"
    "10s\",\"misfire_grace_time\":\"7s\"}",
    "J{\"id\":\"e\",\"run\":true,\"trigger\":{\"kind\":\"on_event\",\"event\":\"order\","
    "\"filter\":{\"shop\":\"berlin\"},\"debounce\":\"3s\"}}",
    "A{\"id\":\"f\",\"func\":\"a.f\",\"trigger\":\"after_job e outcome=finished batch=10\"}",
    "A{\"id\":\"h\",\"args\":[1],\"args\":[1]}",
    "J{\"id\":\"g\",\"run\":true,\"trigger\":\"on_file /srv/in/*.csv settle=2s\"}",
    "R\"10/s\"",
    "R\"100/1h30m\"",
    "L{\"id\":1,\"name\":\"x\",\"events\":[\"job_*\",\"run_failed\"],\"filter\":{\"job\":[\"a*\","
    "\"b\"]},"
    "\"durable\":true,\"timeout\":\"5s\",\"attempts\":3}",
    NULL};

const struct fuzz_target fuzz_target = {.texts = seeds};

static char *view_of(const struct job *job)
{
  struct buffer out = {0};
  struct json_writer writer = {.out = &out};
  struct job_progress progress = {.next_us = JOB_NEVER, .last_us = INT64_MIN};
  json_begin_object(&writer);
  job_put_members(&writer, job, &progress);
  json_end_object(&writer);
  return buffer_take(&out);
}

static enum error_code check_job(const struct json *value, const char *script, struct error *error)
{
  struct job *job = NULL;
  enum error_code code = job_from_json(value, script, "UTC", &job, error);
  if (code)
    return code;
  struct json_document *document = NULL;
  char *view = view_of(job);
  if (json_parse(view, strlen(view), &document, error))
    fuzz_fail("the view of a job is no JSON: %s: %s", error->text, view);
  json_free(document);
  free(view);
  job_destroy(job);
  return ERROR_OK;
}

static enum error_code check_rate(const struct json *value, struct error *error)
{
  struct rate rate, again;
  char text[RATE_TEXT_SIZE];
  enum error_code code = rate_from_json(value, &rate, error);
  if (code)
    return code;
  rate_format(text, &rate);
  struct json written = {.type = JSON_STRING, .as.string = {.data = text, .size = strlen(text)}};
  if (rate_from_json(&written, &again, error) || again.count != rate.count ||
      again.period_us != rate.period_us)
    fuzz_fail("the rate %s does not read back", text);
  return ERROR_OK;
}

static enum error_code check_listener(const struct json *value, struct error *error)
{
  struct listener_spec *spec = NULL;
  enum error_code code = listener_spec_from_json(value, &spec, error);
  if (code)
    return code;
  listener_spec_hears(spec, "job_executed");
  listener_spec_wants(spec, value);
  listener_spec_destroy(spec);
  return ERROR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct json_document *document = NULL;
  struct error error = {0};
  if (!size || json_parse((const char *)data + 1, size - 1, &document, &error))
    return 0;
  const struct json *value = json_root(document);
  enum error_code code = data[0] == 'R'   ? check_rate(value, &error)
                         : data[0] == 'L' ? check_listener(value, &error)
                                          : check_job(value, data[0] == 'A' ? NULL : "s", &error);
  if (code && !error.text[0])
    fuzz_fail("%.*s is refused without a reason", (int)size, (const char *)data);
  fuzz_accepted += !code;
  json_free(document);
  return 0;
}
