/* How scripts' databases find their files: as SQLite does, but relative paths, which ATTACH and
 * VACUUM INTO may have, begin in a folder that is not the daemon's working folder. Any thread. */
#ifndef VM_API_SQLITE_VFS_H
#define VM_API_SQLITE_VFS_H

/* For sqlite3_open_v2. */
const char *sqlite_vfs_name(void);

/* Where relative paths begin from now on in what this thread does; NULL: the working folder. Not
 * copied. */
void sqlite_vfs_set_folder(const char *folder);

/* The path as this thread's databases take it: on the heap. */
char *sqlite_vfs_resolve(const char *path);

#endif
