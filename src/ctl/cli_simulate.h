/* The parts of `moonbeat simulate`: cli_simulate.c reads what is asked and has it played, the
 * others write what came of it. Main thread. */
#ifndef CTL_CLI_SIMULATE_H
#define CTL_CLI_SIMULATE_H

#include "ctl/cli_common.h"
#include "ctl/simulation_warn.h"

/* What a change of the clock does to a job. */
struct simulate_change {
  size_t job;
  const char *kind; /* "gap", "overlap" */
  int64_t transition_s;
  char *message; /* heap */
};

struct simulate_answer {
  struct simulation simulation;
  struct simulation_digest digest;
  struct simulation_warnings warnings;
  struct simulate_change *changes; /* of the jobs shown; heap */
  size_t change_count;
  bool *is_shown;          /* of each job; heap */
  const struct zone *zone; /* in which times are shown */
  int64_t assumed_us;      /* how long a run takes of which nothing is known */
  long count;              /* so many fires are shown; -1: all */
  bool only_notable;
};

/* Fills is_shown. ERROR_NOT_FOUND when a job, pool or event that is named is none. */
enum error_code simulate_choose_jobs(struct cli *cli, const struct simulation_options *options,
                                     struct simulate_answer *answer);

/* Something other than a run that begins when it is due and succeeds. */
bool simulate_is_notable(const struct simulation_fire *fire);

/* "history", "given", "assumed" */
const char *simulate_source_name(enum simulation_source source);

void simulate_put_text(struct cli *cli, const struct simulate_answer *answer);
void simulate_put_timeline(struct cli *cli, const struct simulate_answer *answer);
void simulate_put_json(struct cli *cli, const struct simulate_answer *answer);

#endif
