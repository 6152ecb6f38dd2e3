/* What is told about runs and about fires that did not become one: log lines, clustered by their
 * run, and skips, in the order of their recording with an index on the job, and one on when they
 * were recorded, which is later when one goes on. Both are only appended and, by pruning, removed.
 * Scheduler thread. */
#include "store/sqlite_store.h"

enum error_code store_add_log(struct store *store, struct run_key key, const struct log_line *line,
                              struct error *error)
{
  struct query query = query_open(store,
                                  "INSERT INTO run_logs"
                                  "(scheduled_us, job, sequence, attempt, level, at_us, text)"
                                  " VALUES (?, ?, ?, ?, ?, ?, ?)",
                                  error);
  bind_integer(&query, key.scheduled_us);
  bind_integer(&query, key.job);
  bind_integer(&query, line->sequence);
  bind_integer(&query, line->attempt);
  bind_integer(&query, line->level);
  bind_integer(&query, line->at_us);
  bind_text(&query, line->text);
  return query_run(&query);
}

enum error_code store_each_log(struct store *store, struct run_key key, int64_t after_sequence,
                               store_log_visitor visit, void *context, struct error *error)
{
  struct query query = query_open(store,
                                  "SELECT sequence, attempt, level, at_us, text FROM run_logs"
                                  " WHERE scheduled_us = ? AND job = ? AND sequence > ?"
                                  " ORDER BY sequence",
                                  error);
  bind_integer(&query, key.scheduled_us);
  bind_integer(&query, key.job);
  bind_integer(&query, after_sequence);
  while (query_row(&query)) {
    struct log_line line = {
        .sequence = query_integer(&query, 0),
        .attempt = (int32_t)query_integer(&query, 1),
        .level = (int)query_integer(&query, 2),
        .at_us = query_integer(&query, 3),
        .text = query_text(&query, 4),
    };
    if (!visit(context, &line))
      break;
  }
  return query_close(&query);
}

enum error_code store_extend_skip(struct store *store, int64_t number, const struct skip *skip,
                                  struct error *error)
{
  struct query query = query_open(
      store,
      "UPDATE skips SET last_us = ?, count = ?, recorded_us = ? WHERE number = ? AND job = ?",
      error);
  bind_integer(&query, skip->last_us);
  bind_integer(&query, skip->count);
  bind_integer(&query, skip->recorded_us);
  bind_integer(&query, number);
  bind_integer(&query, skip->job);
  enum error_code code = query_run_one(&query, ERROR_NOT_FOUND);
  return code == ERROR_NOT_FOUND ? error_set(error, code, "the skip is pruned") : code;
}

enum error_code store_add_skip(struct store *store, const struct skip *skip, int64_t *number,
                               struct error *error)
{
  struct query query = query_open(store,
                                  "INSERT INTO skips"
                                  "(job, first_us, last_us, count, reason, recorded_us)"
                                  " VALUES (?, ?, ?, ?, ?, ?)",
                                  error);
  bind_integer(&query, skip->job);
  bind_integer(&query, skip->first_us);
  bind_integer(&query, skip->last_us);
  bind_integer(&query, skip->count);
  bind_integer(&query, skip->reason);
  bind_integer(&query, skip->recorded_us);
  enum error_code code = query_run(&query);
  if (number)
    *number = sqlite3_last_insert_rowid(store->db);
  return code;
}

enum error_code store_each_skip_of(struct store *store, int64_t job, store_skip_visitor visit,
                                   void *context, struct error *error)
{
  struct query query = query_open(store,
                                  "SELECT first_us, last_us, count, reason, recorded_us FROM skips"
                                  " WHERE job = ? ORDER BY number DESC",
                                  error);
  bind_integer(&query, job);
  while (query_row(&query)) {
    struct skip skip = {
        .job = job,
        .first_us = query_integer(&query, 0),
        .last_us = query_integer(&query, 1),
        .count = query_integer(&query, 2),
        .reason = (enum skip_reason)query_integer(&query, 3),
        .recorded_us = query_integer(&query, 4),
    };
    if (!visit(context, &skip))
      break;
  }
  return query_close(&query);
}
