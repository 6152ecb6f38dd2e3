/* moonbeat.lua: whatever it says, reading ends, and what is refused has a reason. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "app/configuration.h"
#include "base/memory.h"
#include "driver.h"

static const char *const seeds[] = {
    "return { jobs = \"jobs\", state = \"/var/lib/x\", workers = 4 }",
    "return { grace = \"30s\", keep = \"90d\", keep_runs = 1000, log_level = \"warn\" }",
    "-- comment\nlocal n = 2\nreturn { workers = n * 2, timezone = \"Europe/Berlin\" }",
    "return { secrets = \"s\", wrokers = 1 }",
    "while true do end",
    "return setmetatable({}, {__index = function() end})",
    "local t = {} for i = 1, 1e9 do t[i] = t end return t",
    "return nil",
    NULL};

const struct fuzz_target fuzz_target = {.texts = seeds};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  int fd = memfd_create("moonbeat.lua", MFD_CLOEXEC);
  if (fd < 0 || write(fd, data, size) != (ssize_t)size)
    fuzz_fail("no file in memory");
  struct daemon_options options = DAEMON_OPTIONS_EMPTY;
  struct error error = {0};
  options.config_file = memory_printf("/proc/self/fd/%d", fd);
  if (!configuration_read(&options, &error))
    fuzz_accepted++;
  else if (!error.text[0])
    fuzz_fail("a configuration is refused without a reason");
  daemon_options_deinit(&options);
  close(fd);
  return 0;
}
