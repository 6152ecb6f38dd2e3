/* Crontabs become job files: whatever the text, what is written is Lua that compiles, and each line
 * that was not understood is reported. The first byte chooses the form. */
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/crontab.h"
#include "driver.h"

static const char *const seeds[] = {
    "u# daily\nMAILTO=root\n30 2 * * * pg_dump shop > /var/backup/$(date +\\%F).sql\n",
    "u@reboot /usr/bin/true\n@daily cd /srv && nice ./report.sh%line one%line two\n",
    "u*/5 * * * * echo ']] --' \"\\n\" ]==]\nCRON_TZ = Asia/Tokyo\n0 9 * * mon-fri x\n",
    "s17 *\t* * *\troot    cd / && run-parts --report /etc/cron.hourly\n",
    "sSHELL=/bin/sh\nPATH=\"/usr/local/sbin\"\n25 6 * * * nobody test -x a || ( b )\n",
    "u0 0 * * 8 bad\n99 * * * * bad\n* * * * *\n=\nX=\n",
    NULL};

const struct fuzz_target fuzz_target = {.texts = seeds};

static const char *find_home(const char *user)
{
  return strcmp(user, "nosuch") == 0 ? NULL : "/home/user";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (!size)
    return 0;
  struct crontab_source source = {
      .name = "crontab", .is_system = data[0] == 's', .home_of = find_home};
  struct crontab_report report = {0};
  struct buffer lua = {0};
  crontab_write_jobs((const char *)data + 1, size - 1, &source, &lua, &report);
  if (report.problems && !report.messages.size)
    fuzz_fail("lines are left out without a reason");
  lua_State *L = luaL_newstate();
  if (luaL_loadbufferx(L, lua.data ? lua.data : "", lua.size, "=jobs", "t"))
    fuzz_fail("%s: %s", lua_tostring(L, -1), lua.data);
  lua_close(L);
  fuzz_accepted += report.jobs > 0;
  buffer_deinit(&report.messages);
  buffer_deinit(&lua);
  return 0;
}
