/* A cron schedule as an English sentence. */
#include "trigger/cron.h"

void cron_explain_fields(const struct cron_fields *fields, const struct cron_special *special,
                         struct buffer *out)
{
  (void)fields;
  (void)special;
  buffer_append_text(out, "Cron");
}
