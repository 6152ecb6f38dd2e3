#include "app/check.h"

#include <stdlib.h>
#include <string.h>

#include "app/moonbeat.h"
#include "base/json.h"
#include "base/log.h"

/* The jobs of all pages of `list`, as one array of JOB. */
static enum error_code list_jobs(struct moonbeat *m, struct json_document **document,
                                 struct error *error)
{
  char *text = NULL;
  enum error_code code = moonbeat_request(m, "list", "{\"limit\":1000}", &text, error);
  if (!code)
    code = json_parse(text, strlen(text), document, error);
  free(text);
  return code;
}

static void write_script(struct json_writer *writer, const struct json *script,
                         const struct json *jobs)
{
  const char *name = json_text(json_get(script, "name"), "");
  json_begin_object(writer);
  json_put_text(writer, "name", name);
  json_put_text(writer, "path", json_text(json_get(script, "path"), NULL));
  json_put_text(writer, "error", json_text(json_get(script, "error"), NULL));
  json_key(writer, "jobs");
  json_begin_array(writer);
  json_each(job, jobs)
    if (strcmp(json_text(json_get(job, "script"), ""), name) == 0)
      json_write_tree(writer, job);
  json_end_array(writer);
  json_end_object(writer);
}

static enum error_code report(struct moonbeat *m, struct buffer *json, struct error *error)
{
  struct json_document *reloaded = NULL, *listed = NULL;
  char *text = NULL;
  struct json_writer writer = {.out = json};
  enum error_code code = moonbeat_request(m, "reload", NULL, &text, error);
  if (!code)
    code = json_parse(text, strlen(text), &reloaded, error);
  if (!code)
    code = list_jobs(m, &listed, error);
  if (!code) {
    json_begin_object(&writer);
    json_key(&writer, "scripts");
    json_begin_array(&writer);
    json_each(script, json_get(json_root(reloaded), "scripts"))
      write_script(&writer, script, json_get(json_root(listed), "jobs"));
    json_end_array(&writer);
    json_end_object(&writer);
  }
  json_free(reloaded);
  json_free(listed);
  free(text);
  return code;
}

enum error_code check_jobs(const struct daemon_options *options, struct buffer *json,
                           struct error *error)
{
  struct moonbeat_options o = MOONBEAT_OPTIONS_DEFAULT;
  o.jobs_folder = options->jobs_folder;
  o.timezone = options->timezone;
  o.workers = 1;
  o.memory = true;
  o.check_only = true;
  log_set_level(LOG_OFF); /* what is wrong stands in the report */
  struct moonbeat *m = moonbeat_start(&o, error);
  if (!m)
    return error->code;
  enum error_code code = report(m, json, error);
  moonbeat_stop(m, 0);
  moonbeat_wait(m);
  return code;
}
