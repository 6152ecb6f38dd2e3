#include "ctl/command.h"

#include <string.h>

#define JOB_STATES "active paused finished error"
#define RUN_STATES "pending running succeeded failed timed_out cancelled interrupted"
#define LOG_LEVELS "debug info warn error off"

#define OPTIONS(...) ((const struct option[]){__VA_ARGS__, {.name = NULL}})
#define NO_OPTIONS   ((const struct option[]){{.name = NULL}})

#define MEMORY                                                                                     \
  {                                                                                                \
    .name = "memory", .help = "keep nothing: the store is in memory and ends with the process"     \
  }
#define WORKERS                                                                                    \
  {                                                                                                \
    .name = "workers", .value = "N", .help = "threads that run Lua (as many as there are cores)"   \
  }
#define LOG_LEVEL                                                                                  \
  {                                                                                                \
    .name = "log-level", .value = "LEVEL", .help = "how much is logged", .choices = LOG_LEVELS     \
  }
#define SECRETS                                                                                    \
  {                                                                                                \
    .name = "secrets", .value = "DIR",                                                             \
    .help = "where secret \"NAME\" finds its files, mode 0600 (STATE/secrets)"                     \
  }
#define GRACE                                                                                      \
  {                                                                                                \
    .name = "grace", .value = "DURATION", .help = "how long runs may take to end at a stop"        \
  }
#define STUCK_GRACE                                                                                \
  {                                                                                                \
    .name = "stuck-grace", .value = "DURATION",                                                    \
    .help = "how long runs wait for a worker stuck in a C function (1m)"                           \
  }
#define COUNT(text)                                                                                \
  {                                                                                                \
    .name = "count", .letter = 'n', .value = "COUNT", .help = text                                 \
  }
#define FOLLOW(text)                                                                               \
  {                                                                                                \
    .name = "follow", .letter = 'f', .help = text                                                  \
  }
#define OF_SCRIPT                                                                                  \
  {                                                                                                \
    .name = "script", .value = "NAME", .help = "of this script"                                    \
  }

const struct option global_options[] = {
    {.name = "state",
     .value = "DIR",
     .help = "the state folder (default: .moonbeat beside the jobs folder, or $MOONBEAT_STATE)"},
    {.name = "json", .help = "JSON: one object per line, times in UTC"},
    {.name = "no-color", .help = "no colours (as does $NO_COLOR)"},
    {.name = "help", .letter = 'h', .help = "say what a command does"},
    {.name = "version", .letter = 'V', .help = "print the version"},
    {.name = NULL},
};

/* clang-format off */
const struct command commands[COMMAND_COUNT] = {
    {COMMAND_RUN, "run", "[DIR]", "run the scheduler on a folder of job files",
     "DIR is the folder with the job files (default: jobs). The daemon stays in the foreground, logs\n"
     "to standard error and ends in good order on SIGINT, SIGTERM or \"moonbeat stop\".",
     0, 1, WORD_FOLDER, OPTIONS(MEMORY, WORKERS, LOG_LEVEL, SECRETS, GRACE, STUCK_GRACE)},
    {COMMAND_REPL, "repl", "[DIR]", "a Lua prompt inside the running scheduler",
     "Attaches to the daemon that runs on the state folder. When there is none, it hosts one on DIR\n"
     "(default: jobs if there is such a folder) until it is left. Without a terminal it evaluates\n"
     "what it reads from standard input.",
     0, 1, WORD_FOLDER,
     OPTIONS(MEMORY,
             {.name = "execute", .letter = 'e', .value = "CODE", .may_repeat = true,
              .help = "evaluate CODE, print its results and leave"},
             SECRETS,
             {.name = "quiet", .letter = 'q', .help = "show no job runs above the prompt"})},
    {COMMAND_STATUS, "status", "", "what the daemon is doing", NULL, 0, 0, WORD_ANY, NO_OPTIONS},
    {COMMAND_STOP, "stop", "", "stop the daemon in good order", NULL, 0, 0, WORD_ANY,
     OPTIONS(GRACE)},
    {COMMAND_CHECK, "check", "[DIR]", "load the job files without a daemon and report errors",
     "Runs no job. Exits with 65 when a file has an error, which is told with file and line. Pools that\n"
     "were set at run time are those of the state folder.",
     0, 1, WORD_FOLDER, OPTIONS(SECRETS)},
    {COMMAND_RELOAD, "reload", "", "read the jobs folder again now", NULL, 0, 0, WORD_ANY, NO_OPTIONS},
    {COMMAND_LIST, "list", "", "the jobs, and the scripts that do not load", NULL, 0, 0, WORD_ANY,
     OPTIONS({.name = "state", .value = "STATE", .help = "only jobs in this state", .choices = JOB_STATES},
             {.name = "script", .value = "NAME", .help = "only jobs of this script"},
             {.name = "tag", .value = "TAG", .help = "only jobs with this tag"},
             {.name = "late", .help = "only those that have not succeeded for longer than they should"},
             {.name = "failing", .help = "only those whose last run failed"},
             {.name = "timers", .help = "when each runs next and ran last, the next one first"},
             COUNT("at most so many"))},
    {COMMAND_SHOW, "show", "JOB", "everything about a job",
     "Writes a job called \"script\" as: moonbeat show -- script", 1, 1, WORD_JOB, NO_OPTIONS},
    {COMMAND_NEXT, "next", "JOB|TRIGGER", "what a trigger, or a job's, means and when it fires next",
     "A trigger is its text form and needs no daemon:\n"
     "  moonbeat next \"0 9 * * 1-5\" --timezone Asia/Shanghai\n"
     "  moonbeat next \"every 1h30m\"\n"
     "  moonbeat next @daily --from 2027-01-01 --until 2027-01-31 --ics > january.ics\n"
     "  moonbeat next \"0 0 9 ? * MON#2\" --dialect quartz\n"
     "It warns of fires that a clock change moves, drops or repeats within two years.\n"
     "With --batch it answers one JSON object per line of FILE (default: standard input), in order:\n"
     "  {\"id\":\"a1\",\"kind\":\"cron5\",\"params\":{\"expr\":\"30 2 * * *\"},\"tz\":\"Europe/Berlin\",\n"
     "   \"start_epoch\":1774695600,\"k\":3}\n"
     "  {\"id\":\"a1\",\"fires\":[1774746000,1774830600,1774917000]}",
     0, -1, WORD_JOB,
     OPTIONS(COUNT("how many fires (5; with --until all, up to 10000)"),
             {.name = "timezone", .letter = 'z', .value = "ZONE",
              .help = "of a trigger that names none, and in which times are shown (local)"},
             {.name = "from", .value = "TIME",
              .help = "the fires from TIME on: 2027-01-01, \"2027-01-01 09:30\", now, +2d, -1h"},
             {.name = "until", .value = "TIME", .help = "the fires up to TIME, itself included"},
             {.name = "dialect", .value = "NAME", .help = "what the expression is written in",
              .choices = "cron quartz oncalendar rrule"},
             {.name = "ics", .help = "an iCalendar file with an event for each fire, in UTC"},
             {.name = "batch", .help = "answer the questions of FILE, one JSON object per line"})},
    {COMMAND_SIMULATE, "simulate", "[DIR]", "what the job files would do in a span of time, without doing it",
     "Loads the job files of DIR (default: jobs) as \"moonbeat check\" does and plays the span with the\n"
     "real scheduler on a clock that jumps: triggers, also those in Lua, calendars, overlaps, pools,\n"
     "rates and retries are as they will be; no job's function or command is called, and what scripts\n"
     "do while they are loaded or asked changes nothing: commands, requests and writes fail, a database\n"
     "is a copy, kv is empty.\n"
     "  moonbeat simulate --from 2027-03-27 --for 3d --timezone Europe/Berlin\n"
     "  moonbeat simulate --for 30d --duration 'etl-*=20m' --fail import=2 --notable\n"
     "A run takes what --duration says for its job, else the median of the job's latest runs that\n"
     "succeeded, if the state folder has such a history, else what --duration says for all, else 1s.\n"
     "Pools are as the job files say and as they were set at run time, if the state folder has such.\n"
     "What follows a job (after_job) or an event of --emit is played; what files and signals set off,\n"
     "and what jobs would add or emit, is not known.",
     0, 1, WORD_FOLDER,
     OPTIONS({.name = "from", .value = "TIME",
              .help = "where the span begins: 2027-01-01, \"2027-01-01 09:30\", +2d, -1h (now)"},
             {.name = "for", .value = "DURATION", .help = "how long it is (1d)"},
             {.name = "until", .value = "TIME", .help = "or where it ends"},
             {.name = "timezone", .letter = 'z', .value = "ZONE",
              .help = "of triggers that name none, and in which times are shown (local)"},
             {.name = "job", .letter = 'j', .value = "PATTERN", .may_repeat = true,
              .help = "show these only: nightly, etl-*; all are played"},
             {.name = "duration", .letter = 'd', .value = "[JOB=]DURATION", .may_repeat = true,
              .help = "how long runs take: of these jobs, or of all without a history"},
             {.name = "fail", .value = "JOB[=N]", .may_repeat = true,
              .help = "all attempts of these jobs fail, or the first N of each run"},
             {.name = "emit", .value = "EVENT=TRIGGER", .may_repeat = true,
              .help = "the event, without members, comes when the trigger fires: \"order=every 10m\""},
             {.name = "pool", .value = "NAME=SLOTS", .may_repeat = true,
              .help = "the pool is there, with so many slots, whatever the job files say"},
             {.name = "no-history", .help = "do not look how long runs took"},
             SECRETS,
             COUNT("so many due times (20; with --json all)"),
             {.name = "notable",
              .help = "only those that are skipped, late, wait, fail, or run beside others of their job"},
             {.name = "most", .value = "COUNT", .help = "stop after so many runs and skips (1000000)"})},
    {COMMAND_WHY, "why", "JOB|RUN", "why a job does not run, or how a run came to its end",
     "Of a job: all that stands between it and its next run, in order, and when each clears.\n"
     "Of a run, JOB@TIME as \"moonbeat runs\" shows it: what set it off, its attempts, its end. Of a\n"
     "due time that became no run: why not.",
     1, 1, WORD_RUN, NO_OPTIONS},
    {COMMAND_SKIPS, "skips", "JOB", "the due times that did not become runs", NULL, 1, 1, WORD_JOB,
     OPTIONS(COUNT("at most so many (20; up to 1000)"))},
    {COMMAND_ADD_JOB, "add job", "ID", "add a job at run time; it stays until it is removed",
     "  moonbeat add job order-42 --func orders.cancel_unpaid --args '[42]' --trigger \"in 15m\"\n"
     "  moonbeat add job dump --command \"pg_dump shop > shop.sql\" --trigger @daily --option overlap=skip",
     1, 1, WORD_ANY,
     OPTIONS({.name = "func", .value = "SCRIPT.FUNCTION", .help = "the function that runs"},
             {.name = "command", .value = "TEXT", .help = "or a command for the shell"},
             {.name = "trigger", .value = "TRIGGER", .help = "when (default: only by run-now)"},
             {.name = "args", .value = "JSON", .help = "a list of arguments for the function"},
             {.name = "timezone", .letter = 'z', .value = "ZONE", .help = "of the trigger"},
             {.name = "option", .letter = 'o', .value = "NAME=VALUE", .may_repeat = true,
              .help = "any other option of a job: timeout=5m retry=3 replace_existing=true"})},
    {COMMAND_IMPORT_CRONTAB, "import crontab", "FILE", "write a job file from a crontab",
     "  moonbeat import crontab /etc/crontab -o jobs/system.lua\n"
     "  crontab -l | moonbeat import crontab - -o jobs/mine.lua\n"
     "Comments stay, CRON_TZ, HOME, SHELL, other settings and % are understood. A line that is not\n"
     "understood stays as a comment with the reason; then the exit status is 65.",
     1, 1, WORD_FILE,
     OPTIONS({.name = "system", .help = "a user's name stands before each command (/etc/crontab)"},
             {.name = "output", .letter = 'o', .value = "FILE",
              .help = "the job file (default: standard output)"},
             {.name = "force", .help = "replace FILE if it exists"})},
    {COMMAND_REMOVE, "remove", "JOB...", "remove jobs", NULL, 1, -1, WORD_JOB, NO_OPTIONS},
    {COMMAND_PAUSE, "pause", "JOB...", "pause jobs: due times are skipped and recorded", NULL, 1, -1,
     WORD_JOB, NO_OPTIONS},
    {COMMAND_RESUME, "resume", "JOB...", "let paused jobs run again", NULL, 1, -1, WORD_JOB, NO_OPTIONS},
    {COMMAND_POOLS, "pools", "[POOL]", "the pools: their slots, and which runs have them", NULL, 0, 1,
     WORD_POOL, NO_OPTIONS},
    {COMMAND_SET_POOL, "set pool", "NAME SLOTS", "make a pool, or change how many slots it has",
     "A job with the option pool=NAME takes one of its slots while it runs; who finds none free\n"
     "waits. With 0 slots nothing of the pool begins. No run is ended when slots become fewer.",
     2, 2, WORD_POOL, NO_OPTIONS},
    {COMMAND_REMOVE_POOL, "remove pool", "NAME", "remove a pool that no job uses", NULL, 1, 1, WORD_POOL,
     NO_OPTIONS},
    {COMMAND_RUN_NOW, "run-now", "JOB [ARG...]", "run a job at once",
     "Each ARG is JSON, or else a string, and they take the place of the job's own arguments.\n"
     "With --wait the exit status is 0 when the run succeeded, 1 when it failed, 124 when it timed\n"
     "out, and 75 when it was cancelled or interrupted.",
     1, -1, WORD_JOB, OPTIONS({.name = "wait", .letter = 'w', .help = "show its log until it has ended"})},
    {COMMAND_RUNS, "runs", "[JOB]", "the runs, newest first", NULL, 0, 1, WORD_JOB,
     OPTIONS(COUNT("at most so many (20)"),
             {.name = "state", .value = "STATE", .help = "only runs in this state", .choices = RUN_STATES})},
    {COMMAND_LOGS, "logs", "RUN", "what a run wrote",
     "RUN is written JOB@TIME, as \"moonbeat runs\" shows it; a job's id alone means its latest run.",
     1, 1, WORD_RUN, OPTIONS(FOLLOW("go on until the run has ended"))},
    {COMMAND_CANCEL, "cancel", "RUN", "stop a run",
     "RUN is written JOB@TIME; a job's id alone means its latest run. The run is told, so that it can\n"
     "put things in order, and killed when it goes on for longer than its job's cancel_grace.",
     1, 1, WORD_RUN, OPTIONS({.name = "now", .help = "kill it at once"})},
    {COMMAND_EVENTS, "events", "", "what happened: jobs, runs, scripts, what was emitted",
     "What is frequent, such as runs that succeed and lines of logs, is shown only while it is\n"
     "followed (-f); moonbeat runs has the history.", 0, 0, WORD_ANY,
     OPTIONS(FOLLOW("go on with what happens from now on"), COUNT("the last so many (100; with -f 0)"),
             {.name = "job", .value = "JOB", .help = "only those of this job"},
             {.name = "event", .letter = 'e', .value = "NAME", .may_repeat = true,
              .help = "only these: job_executed, job_*, order, ..."},
             {.name = "since", .value = "TIME", .help = "only those since TIME: 2027-01-01, \"09:30\", -1h"},
             {.name = "list", .help = "the events that moonbeat itself tells, and what they say"})},
    {COMMAND_EMIT, "emit", "EVENT [NAME=VALUE...|JSON]", "tell listeners and waiting jobs of an event",
     "  moonbeat emit deployed\n"
     "  moonbeat emit order id=42 paid=true shop=berlin\n"
     "  moonbeat emit order '{\"id\":42,\"items\":[\"pen\",\"ink\"]}'\n"
     "It sets off the jobs whose trigger is on_event EVENT, and whose filter it passes, and calls the\n"
     "listeners of on(\"EVENT\", function). Numbers, true and false are such, any other VALUE is text.\n"
     "When the command has ended the event is on disk for each job that waits for it.",
     1, -1, WORD_EVENT, NO_OPTIONS},
    {COMMAND_LISTENERS, "listeners", "", "who hears of events, and how that goes",
     "WAITING are those under way, or kept in the store for a durable listener; DROPPED came faster\n"
     "than the listener is; DEAD it failed for good, and \"moonbeat retry listener\" delivers them again.",
     0, 0, WORD_ANY, NO_OPTIONS},
    {COMMAND_SHOW_LISTENER, "show listener", "LISTENER", "a listener and its dead letters",
     "LISTENER is written SCRIPT/NAME, as \"moonbeat listeners\" shows it; the name alone will do where\n"
     "no other has it.", 1, 1, WORD_LISTENER, NO_OPTIONS},
    {COMMAND_RETRY_LISTENER, "retry listener", "LISTENER", "deliver a listener's dead letters again", NULL,
     1, 1, WORD_LISTENER, NO_OPTIONS},
    {COMMAND_DISCARD_LETTERS, "discard letters", "LISTENER", "forget a listener's dead letters", NULL, 1, 1,
     WORD_LISTENER, NO_OPTIONS},
    {COMMAND_SCRIPTS, "scripts", "", "the scripts and whether they load", NULL, 0, 0, WORD_ANY, NO_OPTIONS},
    {COMMAND_ADD_SCRIPT, "add script", "NAME FILE", "keep a script in the store, or replace it",
     "FILE may be - for standard input. Former revisions are kept: see \"moonbeat rollback script\".",
     2, 2, WORD_ANY, NO_OPTIONS},
    {COMMAND_SHOW_SCRIPT, "show script", "NAME", "a script's source and revisions", NULL, 1, 1,
     WORD_SCRIPT,
     OPTIONS({.name = "revision", .letter = 'r', .value = "N", .help = "the source of this revision"})},
    {COMMAND_ROLLBACK_SCRIPT, "rollback script", "NAME [REVISION]",
     "put a former revision of a script in force",
     "Without REVISION the one before the revision in force.", 1, 2, WORD_SCRIPT, NO_OPTIONS},
    {COMMAND_REMOVE_SCRIPT, "remove script", "NAME", "remove a script that was added", NULL, 1, 1,
     WORD_SCRIPT, NO_OPTIONS},
    {COMMAND_KV_GET, "kv get", "KEY", "a value that scripts keep",
     "Without --script a value that all scripts share: kv.shared.get(KEY) in Lua.",
     1, 1, WORD_ANY, OPTIONS(OF_SCRIPT)},
    {COMMAND_KV_SET, "kv set", "KEY VALUE", "keep a value for scripts",
     "  moonbeat kv set greeting hello\n"
     "  moonbeat kv set limits '{\"orders\":20}' --script shop --ttl 1h\n"
     "VALUE is JSON, or else a string. Without --script all scripts share it.",
     2, 2, WORD_ANY,
     OPTIONS(OF_SCRIPT, {.name = "ttl", .value = "DURATION", .help = "nobody sees it any more after so long"})},
    {COMMAND_KV_LIST, "kv list", "[PREFIX]", "what scripts keep", NULL, 0, 1, WORD_ANY,
     OPTIONS(OF_SCRIPT, {.name = "shared", .help = "only what all scripts share"})},
    {COMMAND_KV_DELETE, "kv delete", "KEY", "remove a value that scripts keep", NULL, 1, 1, WORD_ANY,
     OPTIONS(OF_SCRIPT)},
    {COMMAND_LOCKS, "locks", "", "the locks that runs hold, and who waits for them", NULL, 0, 0,
     WORD_ANY, NO_OPTIONS},
    {COMMAND_VERSION, "version", "", "print the version", NULL, 0, 0, WORD_ANY, NO_OPTIONS},
    {COMMAND_HELP, "help", "[COMMAND]", "say what a command does", NULL, 0, 2, WORD_COMMAND, NO_OPTIONS},
};
/* clang-format on */

static bool is_command(const struct command *command, const char *const *words, size_t count)
{
  const char *space = strchr(command->words, ' ');
  if (!space)
    return count == 1 && strcmp(command->words, words[0]) == 0;
  size_t first = (size_t)(space - command->words);
  return count == 2 && strlen(words[0]) == first && memcmp(command->words, words[0], first) == 0 &&
         strcmp(space + 1, words[1]) == 0;
}

const struct command *command_find(const char *const *words, size_t count, size_t *word_count)
{
  for (size_t length = count < 2 ? count : 2; length > 0; length--)
    for (size_t i = 0; i < COMMAND_COUNT; i++)
      if (is_command(&commands[i], words, length)) {
        *word_count = length;
        return &commands[i];
      }
  return NULL;
}

static const struct option *find_in(const struct option *options, const char *name, size_t size)
{
  for (; options->name; options++)
    if (strlen(options->name) == size && memcmp(options->name, name, size) == 0)
      return options;
  return NULL;
}

const struct option *option_find(const struct command *command, const char *name, size_t size)
{
  const struct option *option = command ? find_in(command->options, name, size) : NULL;
  return option ? option : find_in(global_options, name, size);
}

static const struct option *find_letter_in(const struct option *options, char letter)
{
  for (; options->name; options++)
    if (options->letter == letter)
      return options;
  return NULL;
}

const struct option *option_find_letter(const struct command *command, char letter)
{
  const struct option *option = command ? find_letter_in(command->options, letter) : NULL;
  return option ? option : find_letter_in(global_options, letter);
}

/* ---- help ---- */

static void append_padded(struct buffer *out, const char *text, size_t width)
{
  buffer_printf(out, "  %-*s", (int)width, text);
  if (strlen(text) > width)
    buffer_printf(out, "\n  %-*s", (int)width, "");
}

static void append_options(struct buffer *out, const struct option *options)
{
  for (; options->name; options++) {
    struct buffer left = {0};
    if (options->letter)
      buffer_printf(&left, "-%c, ", options->letter);
    else
      buffer_append_text(&left, "    ");
    buffer_printf(&left, "--%s", options->name);
    if (options->value)
      buffer_printf(&left, " %s", options->value);
    append_padded(out, left.data, 28);
    buffer_printf(out, "  %s", options->help);
    if (options->choices)
      buffer_printf(out, ": %s", options->choices);
    buffer_append_byte(out, '\n');
    buffer_deinit(&left);
  }
}

void command_append_help(struct buffer *out, const struct command *command)
{
  bool has_options = command->options[0].name != NULL;
  buffer_printf(out, "Usage: moonbeat %s%s%s%s\n\n", command->words, *command->arguments ? " " : "",
                command->arguments, has_options ? " [options]" : "");
  buffer_printf(out, "%c%s.\n", command->summary[0] - ('a' - 'A'), command->summary + 1);
  if (command->text)
    buffer_printf(out, "%s\n", command->text);
  if (has_options) {
    buffer_append_text(out, "\nOptions:\n");
    append_options(out, command->options);
  }
  buffer_append_text(out, "\nEverywhere:\n");
  append_options(out, global_options);
}

void command_append_overview(struct buffer *out)
{
  static const struct {
    const char *title;
    enum command_id first, last;
  } groups[] = {
      {"The daemon", COMMAND_RUN, COMMAND_RELOAD},
      {"Jobs", COMMAND_LIST, COMMAND_REMOVE_POOL},
      {"Runs", COMMAND_RUN_NOW, COMMAND_CANCEL},
      {"Events", COMMAND_EVENTS, COMMAND_DISCARD_LETTERS},
      {"Scripts", COMMAND_SCRIPTS, COMMAND_REMOVE_SCRIPT},
      {"What scripts keep and hold", COMMAND_KV_GET, COMMAND_LOCKS},
      {"And", COMMAND_VERSION, COMMAND_HELP},
  };
  buffer_append_text(out, "moonbeat schedules jobs that are Lua scripts, and loses none.\n\n"
                          "Usage: moonbeat COMMAND [options]\n");
  for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
    buffer_printf(out, "\n%s:\n", groups[i].title);
    for (size_t id = groups[i].first; id <= (size_t)groups[i].last; id++) {
      struct buffer left = {0};
      buffer_printf(&left, "%s %s", commands[id].words, commands[id].arguments);
      append_padded(out, left.data, 32);
      buffer_printf(out, "  %s\n", commands[id].summary);
      buffer_deinit(&left);
    }
  }
  buffer_append_text(out, "\nEverywhere:\n");
  append_options(out, global_options);
  buffer_append_text(out, "\nmoonbeat COMMAND --help says more; man moonbeat says all.\n");
}
