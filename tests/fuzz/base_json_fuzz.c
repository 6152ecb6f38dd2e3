/* JSON itself: what is read is written in a form that reads back the same, and nothing of a refused
 * text is kept. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "driver.h"

static const char *const seeds[] = {"{\"a\":[1,2.5,-3e9,true,false,null],\"b\":{\"a\":\"x\"}}",
                                    "[9223372036854775807,-9223372036854775808,1e308,5e-324]",
                                    "\"\\u00e4\\ud83d\\ude00\\n\\\"\\\\\\/\\u0000\"",
                                    "[[[[[[[[[[[[]]]]]]]]]]]]",
                                    " \t\r\n{ \"\" : \"\xc3\xa4\xf0\x9f\x98\x80\" } ",
                                    "9223372036854775808",
                                    "-0",
                                    "{\"a\":1,\"a\":2}",
                                    NULL};

const struct fuzz_target fuzz_target = {.texts = seeds};

static char *write_again(const struct json_document *document)
{
  struct buffer out = {0};
  struct json_writer writer = {.out = &out};
  json_write_tree(&writer, json_root(document));
  return buffer_take(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct json_document *document = NULL, *again = NULL;
  struct error error = {0};
  if (json_parse((const char *)data, size, &document, &error)) {
    if (!error.text[0])
      fuzz_fail("a text is refused without a reason");
    return 0;
  }
  fuzz_accepted++;
  char *written = write_again(document);
  if (json_parse(written, strlen(written), &again, &error))
    fuzz_fail("what is written is refused: %s: %s", error.text, written);
  char *twice = write_again(again);
  if (strcmp(written, twice) != 0)
    fuzz_fail("%s reads back as %s", written, twice);
  free(written);
  free(twice);
  json_free(document);
  json_free(again);
  return 0;
}
