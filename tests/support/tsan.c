/* What a build with ThreadSanitizer adds to each program: what its runtime asks for by name, and
 * what it needs to know of libraries that are not built with it. In the program and not in
 * TSAN_OPTIONS, as isolated runs and services begin with an environment of their own. Any thread.
 */
#undef _FORTIFY_SOURCE
#include <setjmp.h>

/* Reports that are none. TSan follows descriptors by the calls that make and close them, and does
 * not see those that libuv and pidfd_open make by plain system calls, nor openat: the number that
 * is used then seems to be that of a file which another thread made and closed. Only reports whose
 * innermost function is one of these system calls (an interceptor of it, by name) are of this kind;
 * a race on memory has none of them there. */
const char *__tsan_default_suppressions(void);

const char *__tsan_default_suppressions(void)
{
#define INNERMOST(name) "race_top:^" name "$\nrace_top:^__interceptor_" name "$\n"
  return INNERMOST("close") INNERMOST("closedir") INNERMOST("epoll_ctl") INNERMOST("fstat")
      INNERMOST("open") INNERMOST("open64");
}

/* A daemon with a worker that is stuck in a C function ends without joining its threads. */
const char *__tsan_default_options(void);

const char *__tsan_default_options(void)
{
  return "report_thread_leaks=0";
}

/* TSan keeps a stack of its own of the functions that a thread is in, and a longjmp that it does
 * not see leaves their names on it: after some ten thousand errors or yields of Lua the stack runs
 * over into other memory. It knows longjmp, but not by the name under which Debian's Lua, being
 * hardened, calls it. So that name is given here, and leads to the one that it knows. It does not
 * check that the jump leads outwards; TSan itself ends a program that jumps to where nothing was
 * set. */
_Noreturn void __longjmp_chk(struct __jmp_buf_tag place[1], int value);

_Noreturn void __longjmp_chk(struct __jmp_buf_tag place[1], int value)
{
  longjmp(place, value);
}
