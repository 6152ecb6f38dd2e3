/* What is known of a jobs folder, and what a new look at it brings.
 *
 * Every `NAME.lua` in the folder itself is a script. Every `*.lua` in its subfolders, and every
 * file that a script said it required, is a module: when one changes, the scripts that use it are
 * sent again. While it is not known which modules a script uses, since it has only just been sent,
 * it is sent again at any such change: each load must be followed by scan_set_modules(), also when
 * there are none. Names that editors and tools use on the way (dot files, `*~`, `*.tmp`, `*.swp`,
 * `4913`) are not seen.
 *
 * A folder that is gone or cannot be listed removes nothing. The front's thread; no loop, no clock.
 */
#ifndef SCRIPT_SCAN_H
#define SCRIPT_SCAN_H

#include "model/message.h"
#include "script/source.h"

struct scan;

struct scan *scan_create(const char *folder);
void scan_destroy(struct scan *scan);

/* As it was given, without slashes at its end. */
const char *scan_folder(const struct scan *scan);

/* Called with each folder whose changes matter: the folder, its subfolders, where links lead, where
 * modules lie. `only`, when not NULL, is the one name in it that matters. */
typedef void (*scan_visitor)(void *context, const char *folder, const char *only);

/* Looks at everything; appends a MESSAGE_SOURCE for each script that is new, changed, gone or has
 * become unreadable. *is_settled is false when something must be looked at again soon. Fails,
 * changing nothing, when the folder cannot be listed. */
enum error_code scan_run(struct scan *scan, const struct moment *moment, scan_visitor visit,
                         void *context, struct message_list *out, bool *is_settled,
                         struct error *error);

/* The modules of a script that has been loaded: a JSON array of paths, NULL for none. True when one
 * of them changed since the script was sent: scan again. */
bool scan_set_modules(struct scan *scan, const char *script, const char *modules);

/* True for names that are not scripts, modules or folders of them. */
bool scan_ignores(const char *name);

#endif
