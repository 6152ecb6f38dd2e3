/* Where a statement of Lua may end in a text that comes line by line, told without parsing it: not
 * within brackets, a string, a comment or a block. So who has thousands of lines of one table has
 * not to ask for each whether it is the last. Any thread. */
#ifndef CTL_CHUNK_H
#define CTL_CHUNK_H

#include <stdbool.h>
#include <stddef.h>

/* All zero at the beginning of a statement. */
struct chunk {
  int depth;  /* of brackets and blocks */
  char quote; /* of the string that a line has left open, behind a \ at its end; 0: none */
  int level;  /* of the long string or comment that is open, plus 1; 0: none */
};

/* Reads the next line, with its end. False: what came until now is no whole statement, whatever may
 * follow. True: Lua must tell. */
bool chunk_may_end(struct chunk *chunk, const char *line, size_t size);

#endif
