/* Rows on their way from a pool's thread to the loop's: cell after cell as bytes, each a type and
 * what it holds, so that a row costs no allocation. */
#include "vm/api_sqlite_session_internal.h"

#include <string.h>

static void append_cell(struct buffer *out, const struct sqlite_value *value)
{
  buffer_append_byte(out, (char)value->type);
  switch (value->type) {
  case CELL_NULL:
    break;
  case CELL_INTEGER:
    buffer_append(out, &value->integer, sizeof value->integer);
    break;
  case CELL_FLOAT:
    buffer_append(out, &value->number, sizeof value->number);
    break;
  case CELL_TEXT:
  case CELL_BLOB:
    buffer_append(out, &value->size, sizeof value->size);
    buffer_append(out, value->data, value->size);
    break;
  }
}

bool sqlite_rows_next(struct sqlite_rows *rows, struct sqlite_value *value)
{
  if (rows->read >= rows->cells.size)
    return false;
  const char *at = rows->cells.data + rows->read;
  value->type = (enum sqlite_type) * at++;
  switch (value->type) {
  case CELL_NULL:
    break;
  case CELL_INTEGER:
    memcpy(&value->integer, at, sizeof value->integer);
    at += sizeof value->integer;
    break;
  case CELL_FLOAT:
    memcpy(&value->number, at, sizeof value->number);
    at += sizeof value->number;
    break;
  case CELL_TEXT:
  case CELL_BLOB:
    memcpy(&value->size, at, sizeof value->size);
    value->data = at + sizeof value->size;
    at = value->data + value->size;
    break;
  }
  rows->read = (size_t)(at - rows->cells.data);
  return true;
}

void sqlite_rows_deinit(struct sqlite_rows *rows)
{
  buffer_deinit(&rows->names);
  buffer_deinit(&rows->cells);
}

static struct sqlite_value column_value(sqlite3_stmt *statement, int column)
{
  struct sqlite_value value = {.type = CELL_NULL};
  switch (sqlite3_column_type(statement, column)) {
  case SQLITE_INTEGER:
    value.type = CELL_INTEGER;
    value.integer = sqlite3_column_int64(statement, column);
    break;
  case SQLITE_FLOAT:
    value.type = CELL_FLOAT;
    value.number = sqlite3_column_double(statement, column);
    break;
  case SQLITE_TEXT:
    value.type = CELL_TEXT;
    value.data = (const char *)sqlite3_column_text(statement, column);
    value.size = (size_t)sqlite3_column_bytes(statement, column);
    break;
  case SQLITE_BLOB:
    value.type = CELL_BLOB;
    value.data = sqlite3_column_blob(statement, column);
    value.size = (size_t)sqlite3_column_bytes(statement, column);
    break;
  default:
    break;
  }
  return value;
}

void sqlite_rows_name(struct sqlite_rows *rows, sqlite3_stmt *statement)
{
  rows->columns = sqlite3_column_count(statement);
  for (int i = 0; i < rows->columns; i++) {
    const char *name = sqlite3_column_name(statement, i);
    buffer_append(&rows->names, name, strlen(name) + 1);
  }
}

void sqlite_rows_add(struct sqlite_rows *rows, sqlite3_stmt *statement, int columns)
{
  for (int i = 0; i < columns; i++) {
    struct sqlite_value value = column_value(statement, i);
    append_cell(&rows->cells, &value);
  }
}
