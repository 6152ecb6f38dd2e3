/* Threads have names, so that top, gdb and perf tell them apart. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

/* Names the calling thread; at most 15 bytes are kept. */
void thread_set_name(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
