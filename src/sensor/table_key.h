/* A primary key that SQLite's quote() wrote, as JSON. */
#ifndef SENSOR_TABLE_KEY_H
#define SENSOR_TABLE_KEY_H

#include "base/json.h"

/* `literals`: SQL literals with commas between: 7,'it''s',x'00ff',1.5,NULL. Writes an array; blobs
 * become strings of hexadecimal digits, and what is not a literal ends it. */
void table_key_write(struct json_writer *writer, const char *literals);

#endif
