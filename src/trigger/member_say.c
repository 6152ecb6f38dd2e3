/* The parts of English sentences that explanations have in common. Lengths are written out to the
 * microsecond, and nothing is rounded: what a sentence says is what fires. */
#include <inttypes.h>
#include <string.h>

#include "time/instant.h"
#include "trigger/member.h"

static const struct {
  const char *name;
  int64_t us;
} units[] = {
    {"week", INT64_C(604800000000)},
    {"day", INT64_C(86400000000)},
    {"hour", INT64_C(3600000000)},
    {"minute", 60000000},
    {"second", 1000000},
    {"millisecond", 1000},
    {"microsecond", 1},
};
enum { UNITS = sizeof units / sizeof units[0] };

void member_say_length(struct buffer *out, int64_t us)
{
  const char *space = "";
  if (us == 0)
    buffer_append_text(out, "0 seconds");
  for (int i = 0; i < UNITS; i++) {
    int64_t count = us / units[i].us;
    us %= units[i].us;
    if (!count)
      continue;
    buffer_printf(out, "%s%" PRId64 " %s%s", space, count, units[i].name, count == 1 ? "" : "s");
    space = " ";
  }
}

void member_say_every(struct buffer *out, int64_t us)
{
  buffer_append_text(out, "Every ");
  for (int i = 0; i < UNITS; i++)
    if (units[i].us == us) {
      buffer_append_text(out, units[i].name);
      return;
    }
  member_say_length(out, us);
}

void member_say_instant(struct buffer *out, int64_t us, const struct zone *zone)
{
  char text[INSTANT_TEXT_SIZE];
  instant_format_in(text, us, zone);
  /* 2026-01-31T09:30:00.5+01:00: the zone is said elsewhere. */
  size_t size = strcspn(text + strlen("2026-01-31"), "+-") + strlen("2026-01-31");
  if (size == strlen("2026-01-31T09:30:00") && !memcmp(text + size - 3, ":00", 3))
    size -= 3;
  text[strlen("2026-01-31")] = ' ';
  buffer_append(out, text, size);
}

void member_say_window(struct buffer *out, int64_t start_us, int64_t end_us,
                       const struct zone *zone)
{
  if (start_us != INT64_MIN) {
    buffer_append_text(out, ", from ");
    member_say_instant(out, start_us, zone);
  }
  if (end_us != INT64_MAX) {
    buffer_append_text(out, ", until ");
    member_say_instant(out, end_us, zone);
  }
}
