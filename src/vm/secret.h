/* Secrets: values in files that nobody but the daemon's user may read, one file each, named as the
 * secret is. They lie in a folder of the daemon's (see secret_set_folder) or where systemd puts its
 * credentials, $CREDENTIALS_DIRECTORY. Each is read anew each time, so that it can be changed while
 * the daemon runs.
 *
 * A state remembers the values that it has read: vm_redact() and the other ways out of it replace
 * them. From the first one on, the process leaves no core dump. */
#ifndef VM_SECRET_H
#define VM_SECRET_H

#include "base/buffer.h"
#include "base/error.h"

struct vm;

enum { SECRET_SIZE_MAX = 64 << 10 };

/* Of the whole process; NULL: there is no such folder. Before any worker starts, or again with the
 * same one. */
void secret_set_folder(const char *path);
const char *secret_folder(void);

/* The bytes of the file without one line end behind them. ERROR_NOT_FOUND names the folders;
 * ERROR_PERMISSION when others may read the file. */
enum error_code secret_read(const char *name, struct buffer *value, struct error *error);

/* The state has read it: no text shall show it. */
void secret_remember(struct vm *vm, const char *name, const struct buffer *value);

#endif
