-- The Lua half sets the globals of scripts; job files use them.
std = "lua54"
max_line_length = 120
exclude_files = { "tests/hostile" } -- what they do is wrong on purpose
files["lua/moonbeat/init.lua"] = { globals = { "io", "os" } }
files["lua/moonbeat/testing/inside.lua"] = { globals = { "os" } }
files["lua/moonbeat/console.lua"] = { globals = { "_G" } }
files["lua/moonbeat/meta"] = { ignore = { "111", "112", "113", "121", "122", "131", "212", "241" } }
files["tests/spec"] = { std = "lua54+busted" }
files["tests/testing"] = { std = "lua54+busted" }
files["tests/e2e"] = { std = "lua54+busted" }
files["jobs"] = {
  allow_defined_top = true,
  ignore = { "131" },
  read_globals = {
    "after", "after_job", "all_of", "any_of", "at", "calendar", "calendar_interval", "command", "cron",
    "daily_interval", "date", "every", "except", "exec", "fs", "http", "interval", "job", "json", "kv", "log", "on",
    "on_change", "on_event", "on_file", "on_signal", "on_start", "oncalendar", "pool", "quartz", "rrule", "scheduler",
    "sleep", "sqlite", "time", "trigger",
  },
}
files["tests/testing/any_order"] = files["jobs"]
