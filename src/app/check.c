#include "app/check.h"

#include <stdlib.h>
#include <string.h>

#include "app/folders.h"
#include "app/kept.h"
#include "app/moonbeat.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "ctl/job_warning.h"

/* One page of a script's jobs, behind the job `after` (NULL: the first page). */
static enum error_code list_page(struct moonbeat *m, const char *script, const char *after,
                                 struct json_document **page, struct error *error)
{
  struct buffer params = {0};
  struct json_writer writer = {.out = &params};
  char *text = NULL;
  json_begin_object(&writer);
  json_put_integer(&writer, "limit", 1000);
  json_put_text(&writer, "script", script);
  if (after)
    json_put_text(&writer, "after", after);
  json_end_object(&writer);
  enum error_code code = moonbeat_request(m, "list", params.data, &text, error);
  if (!code)
    code = json_parse(text, strlen(text), page, error);
  buffer_deinit(&params);
  free(text);
  return code;
}

static enum error_code write_jobs(struct moonbeat *m, struct json_writer *writer,
                                  const char *script, struct error *error)
{
  struct json_document *page = NULL;
  const char *after = NULL;
  do {
    struct json_document *before = page;
    enum error_code code = list_page(m, script, after, &page, error);
    json_free(before);
    if (code)
      return code;
    json_each(job, json_get(json_root(page), "jobs"))
      job_warning_put(writer, job, clock_wall_us());
    after = json_text(json_get(json_root(page), "next"), NULL);
  } while (after);
  json_free(page);
  return ERROR_OK;
}

static enum error_code write_script(struct moonbeat *m, struct json_writer *writer,
                                    const struct json *script, struct error *error)
{
  const char *name = json_text(json_get(script, "name"), "");
  const char *problem = json_text(json_get(script, "error"), NULL);
  json_begin_object(writer);
  json_put_text(writer, "name", name);
  json_put_text(writer, "path", json_text(json_get(script, "path"), NULL));
  json_put_text(writer, "error", problem);
  json_key(writer, "jobs");
  json_begin_array(writer);
  enum error_code code = problem ? ERROR_OK : write_jobs(m, writer, name, error);
  json_end_array(writer);
  json_end_object(writer);
  return code;
}

static enum error_code report(struct moonbeat *m, struct buffer *json, struct error *error)
{
  struct json_document *reloaded = NULL;
  char *text = NULL;
  struct json_writer writer = {.out = json};
  enum error_code code = moonbeat_request(m, "reload", NULL, &text, error);
  if (!code)
    code = json_parse(text, strlen(text), &reloaded, error);
  free(text);
  if (code)
    return code;
  json_begin_object(&writer);
  json_key(&writer, "scripts");
  json_begin_array(&writer);
  json_each(script, json_get(json_root(reloaded), "scripts"))
    if (!code)
      code = write_script(m, &writer, script, error);
  json_end_array(&writer);
  json_end_object(&writer);
  json_free(reloaded);
  return code;
}

static enum error_code ask(void *context, const char *operation, const char *params,
                           struct error *error)
{
  char *answer = NULL;
  enum error_code code = moonbeat_request(context, operation, params, &answer, error);
  free(answer);
  return code;
}

/* The daemon's pools and calendars, if it can be told; a script that was tried before they were
 * there is tried again. */
static void set_kept(struct moonbeat *m, const char *state_folder)
{
  struct kept kept;
  struct error unused;
  kept_read(&kept, state_folder, &unused);
  kept_set(&kept, ask, m);
  kept_deinit(&kept);
}

enum error_code check_jobs(const struct daemon_options *options, struct buffer *json,
                           struct error *error)
{
  struct moonbeat_options o = MOONBEAT_OPTIONS_DEFAULT;
  o.jobs_folder = options->jobs_folder;
  o.timezone = options->timezone;
  if (options->keep_us >= 0) /* a rate counts over no longer a time */
    o.keep_us = options->keep_us;
  if (options->script_memory >= 0)
    o.script_memory = options->script_memory;
  o.workers = 1;
  o.memory = true;
  o.check_only = true;
  char *secrets = folders_secrets(options->secrets_folder, options->state_folder);
  o.secrets_folder = secrets;
  log_set_level(LOG_OFF); /* what is wrong stands in the report */
  struct moonbeat *m = moonbeat_start(&o, error);
  if (m)
    set_kept(m, options->state_folder);
  enum error_code code = m ? report(m, json, error) : error->code;
  if (m) {
    moonbeat_stop(m, 0);
    moonbeat_wait(m);
  }
  free(secrets);
  return code;
}
