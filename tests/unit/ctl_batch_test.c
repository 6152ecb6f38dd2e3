/* The batch interface: each question and its whole answer. */
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/batch.h"

#define Q(kind, params, rest) "{\"id\":1,\"kind\":\"" kind "\",\"params\":{" params "}" rest "}"
#define BERLIN                ",\"tz\":\"Europe/Berlin\",\"start_epoch\":1774695600"
#define REFUSED(message, column)                                                                   \
  "{\"id\":1,\"error\":{\"message\":\"" message "\",\"column\":" column "}}\n"

static const struct {
  const char *line, *answer;
} cases[] = {
    /* The question of the manual. */
    {"{\"id\":\"a1\",\"kind\":\"cron5\",\"params\":{\"expr\":\"30 2 * * *\"},\"tz\":\"Europe/"
     "Berlin\",\"start_epoch\":1774695600,\"k\":3}",
     "{\"id\":\"a1\",\"fires\":[1774746000,1774830600,1774917000]}\n"},
    {Q("cron5", "\"expr\":\"30 2 * * *\"", BERLIN ",\"k\":2,\"dst\":{\"gap\":\"skip\"}"),
     "{\"id\":1,\"fires\":[1774830600,1774917000]}\n"},
    {Q("cron5", "\"expr\":\"@daily\"", ",\"start_epoch\":0,\"k\":0"), "{\"id\":1,\"fires\":[]}\n"},
    {Q("cron5", "\"expr\":\"CRON_TZ=UTC 0 0 * * *\"", ",\"start_epoch\":-1,\"k\":1,\"why\":[]"),
     "{\"id\":1,\"fires\":[0]}\n"},
    {Q("cron5", "\"expr\":\"0 0 * * *\"", ",\"start_epoch\":-172800.5,\"k\":2"),
     "{\"id\":1,\"fires\":[-172800,-86400]}\n"},
    {Q("cron5", "\"expr\":\"0 0 1 1 *\"", ",\"start_epoch\":1e300,\"k\":2"),
     "{\"id\":1,\"fires\":[]}\n"},
    /* Others. */
    {Q("interval", "\"seconds\":0.5", ",\"start_epoch\":-1,\"k\":4"),
     "{\"id\":1,\"fires\":[-0.5,0,0.5,1]}\n"},
    {Q("interval",
       "\"hours\":1,\"start_date\":\"2026-03-29 01:00\",\"end_date\":\"2026-03-29 04:00\"", BERLIN),
     "{\"id\":1,\"fires\":[1774742400,1774746000,1774749600]}\n"},
    {Q("date", "\"run_date\":\"2026-03-29T02:30:00\"", BERLIN),
     "{\"id\":1,\"fires\":[1774747800]}\n"},
    {Q("tz", "\"zone\":\"Europe/Berlin\",\"at\":[0,1774746000]", ""),
     "{\"id\":1,\"fires\":[[3600,false,\"CET\"],[7200,true,\"CEST\"]]}\n"},
    /* By the trigger's own names. */
    {Q("cron", "\"expression\":\"30 0 0 * * *\"", ",\"start_epoch\":0,\"k\":1"),
     "{\"id\":1,\"fires\":[30]}\n"},
    /* Refused. */
    {"nonsense",
     "{\"id\":null,\"error\":{\"message\":\"not JSON: not a JSON value\",\"column\":1}}\n"},
    {"{\"id\":1", "{\"id\":null,\"error\":{\"message\":\"not JSON: the text ends too "
                  "early\",\"column\":8}}\n"},
    {"7", "{\"id\":null,\"error\":{\"message\":\"a line must hold an object, not an "
          "integer\",\"column\":null}}\n"},
    {"{\"id\":[1,{}]}",
     "{\"id\":[1,{}],\"error\":{\"message\":\"\\\"kind\\\" is missing\",\"column\":null}}\n"},
    {"{\"id\":1,\"kind\":\"cron5\"}", REFUSED("\\\"params\\\" is missing", "null")},
    {Q("cron5", "", ",\"start_epoch\":0"),
     REFUSED("cron5 wants \\\"expr\\\" in \\\"params\\\"", "null")},
    {Q("cron5", "\"expr\":\"@daily\"", ""), REFUSED("\\\"start_epoch\\\" is missing", "null")},
    {Q("cron5", "\"expr\":\"@daily\"", ",\"start_epoch\":0,\"k\":-1"),
     REFUSED("\\\"k\\\" must be an integer from 0 to 100000", "null")},
    {Q("cron5", "\"expr\":\"0 61 * * *\"", ",\"start_epoch\":0"),
     REFUSED("cron \\\"0 61 * * *\\\": hour 61 is over 23", "3")},
    {Q("cron5", "\"expr\":\"0 0 9 * * *\"", ",\"start_epoch\":0"),
     REFUSED("cron \\\"0 0 9 * * *\\\": cron5 has five fields, this is a sixth", "11")},
    {Q("cron5", "\"expr\":\"@daily\",\"extra\":1", ",\"start_epoch\":0"),
     REFUSED("cron: unknown option \\\"extra\\\"", "null")},
    {Q("cron5", "\"expr\":\"@daily\"", ",\"start_epoch\":0,\"dst\":{\"gop\":1}"),
     REFUSED("\\\"dst\\\" has gap and overlap, not \\\"gop\\\"", "null")},
    {Q("tz", "\"zone\":\"Europe/Berlin\",\"at\":[\"0\"]", ""),
     REFUSED("\\\"at\\\" must hold numbers, not a string", "null")},
    {Q("crom", "", ",\"start_epoch\":0"),
     REFUSED("unknown kind of trigger \\\"crom\\\", did you mean \\\"cron\\\"?", "null")},
};

static void answers(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct buffer out = {0};
    batch_answer(cases[i].line, strlen(cases[i].line), &out);
    if (strcmp(out.data, cases[i].answer) != 0)
      fail_msg("%s\n  is answered by %s  not        %s", cases[i].line, out.data, cases[i].answer);
    buffer_deinit(&out);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(answers)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
