#include "ctl/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

enum { GAP = 2, SHRUNK_MIN = 8 };

struct cell {
  size_t start, size; /* in `texts` */
  int width;
  enum color color;
};

struct table {
  const struct table_column *columns;
  size_t column_count;
  const struct screen *screen;
  struct buffer texts;
  struct cell *cells;
  size_t cell_count, cell_capacity;
  int *widths;
  size_t rows_printed;
  bool has_header;
};

struct table *table_create(const struct table_column *columns, size_t count,
                           const struct screen *screen)
{
  struct table *table = memory_alloc(sizeof *table);
  table->columns = columns;
  table->column_count = count;
  table->screen = screen;
  table->widths = memory_alloc(count * sizeof *table->widths);
  for (size_t i = 0; i < count; i++)
    table->widths[i] = text_width(columns[i].title, strlen(columns[i].title));
  return table;
}

void table_destroy(struct table *table)
{
  if (!table)
    return;
  buffer_deinit(&table->texts);
  free(table->cells);
  free(table->widths);
  free(table);
}

void table_cell_sized(struct table *table, enum color color, const char *text, size_t size)
{
  if (table->cell_count == table->cell_capacity) {
    table->cell_capacity = table->cell_capacity ? table->cell_capacity * 2 : 64;
    table->cells = memory_resize(table->cells, table->cell_capacity * sizeof *table->cells);
  }
  size_t column = table->cell_count % table->column_count;
  struct cell *cell = &table->cells[table->cell_count++];
  *cell = (struct cell){.start = table->texts.size, .color = color};
  text_append_visible(&table->texts, text, size);
  cell->size = table->texts.size - cell->start;
  if (cell->size > 0)
    cell->width = text_width(table->texts.data + cell->start, cell->size);
  if (cell->width > table->widths[column])
    table->widths[column] = cell->width;
}

void table_cell(struct table *table, enum color color, const char *text)
{
  if (text)
    table_cell_sized(table, color, text, strlen(text));
  else
    table_cell_sized(table, COLOR_DIM, "-", 1);
}

/* The widths in which the columns are shown: the widest of those that may shrink gives way first.
 */
static void fit_widths(const struct table *table, int *widths)
{
  int total = -GAP;
  for (size_t i = 0; i < table->column_count; i++)
    total += (widths[i] = table->widths[i]) + GAP;
  while (table->screen->width > 0 && total > table->screen->width) {
    size_t widest = table->column_count;
    for (size_t i = 0; i < table->column_count; i++)
      if (table->columns[i].may_shrink && widths[i] > SHRUNK_MIN &&
          (widest == table->column_count || widths[i] > widths[widest]))
        widest = i;
    if (widest == table->column_count)
      return;
    widths[widest]--;
    total--;
  }
}

static void pad(struct buffer *out, int columns)
{
  while (columns-- > 0)
    buffer_append_byte(out, ' ');
}

static void append_cell(const struct table *table, struct buffer *out, size_t column, int width,
                        const char *text, size_t size, int text_columns, enum color color)
{
  bool is_cut = text_columns > width;
  if (is_cut) {
    size = text_fit(text, size, width - 1);
    text_columns = text_width(text, size) + 1;
  }
  if (table->columns[column].is_right)
    pad(out, width - text_columns);
  screen_begin_color(table->screen, out, color);
  if (size > 0)
    buffer_append(out, text, size);
  if (is_cut)
    buffer_append_text(out, "…");
  screen_end_color(table->screen, out, color);
  if (column + 1 == table->column_count) {
    buffer_append_byte(out, '\n');
    return;
  }
  if (!table->columns[column].is_right)
    pad(out, width - text_columns);
  pad(out, GAP);
}

void table_flush(struct table *table, struct buffer *out)
{
  size_t count = table->column_count;
  if (!count)
    return;
  int *widths = memory_alloc(count * sizeof *widths);
  fit_widths(table, widths);
  if (!table->has_header && table->cell_count > 0) {
    table->has_header = true;
    for (size_t i = 0; i < count; i++) {
      const char *title = table->columns[i].title;
      append_cell(table, out, i, widths[i], title, strlen(title), text_width(title, strlen(title)),
                  COLOR_BOLD);
    }
  }
  for (size_t i = 0; i < table->cell_count / count * count; i++) {
    const struct cell *cell = &table->cells[i];
    append_cell(table, out, i % count, widths[i % count], table->texts.data + cell->start,
                cell->size, cell->width, cell->color);
  }
  table->rows_printed += table->cell_count / count;
  table->cell_count = 0;
  buffer_clear(&table->texts);
  free(widths);
}

size_t table_row_count(const struct table *table)
{
  return table->rows_printed + table->cell_count / table->column_count;
}
