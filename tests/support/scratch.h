/* Temporary places of a test program. All are in one folder under TMPDIR, or else /tmp, which is
 * made when the first of them is asked for and removed, with whatever is in it then, when the
 * program ends: however its tests went, unless a signal killed it. A child that is forked removes
 * nothing. What is returned lives as long as the program, or until scratch_empty(). The first
 * thread only. */
#ifndef SUPPORT_SCRATCH_H
#define SUPPORT_SCRATCH_H

/* A new empty folder. */
char *scratch_folder(void);

/* Of something that is not there yet, by that name in a new folder. */
char *scratch_path(const char *name);

/* All that was made is removed and forgotten: for programs that need a place many times over. */
void scratch_empty(void);

#endif
