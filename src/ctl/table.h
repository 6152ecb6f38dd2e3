/* Aligned columns, printed page by page: widths only grow, so that a list of a million rows needs
 * the memory of one page. On a terminal that is too narrow the columns that may shrink are cut with
 * an ellipsis. */
#ifndef CTL_TABLE_H
#define CTL_TABLE_H

#include "ctl/screen.h"

struct table_column {
  const char *title;
  bool is_right;
  bool may_shrink;
};

struct table;

/* Columns and screen must outlive the table. */
struct table *table_create(const struct table_column *columns, size_t count,
                           const struct screen *screen);
void table_destroy(struct table *table); /* NULL is fine */

/* The next cell of the row; NULL is shown as "-". The text is shown with control characters
 * escaped. */
void table_cell(struct table *table, enum color color, const char *text);
void table_cell_sized(struct table *table, enum color color, const char *text, size_t size);

/* Appends the rows since the last flush, behind a header if it is the first time. */
void table_flush(struct table *table, struct buffer *out);

size_t table_row_count(const struct table *table); /* of all that was ever added */

#endif
