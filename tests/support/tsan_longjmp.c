/* What a build with ThreadSanitizer adds to each program. Its runtime keeps a stack of its own of the
 * functions that a thread is in, and a longjmp that it does not see leaves their names on it: after
 * some ten thousand errors or yields of Lua the stack runs over into other memory. It knows longjmp,
 * but not by the name under which Debian's Lua, being hardened, calls it. So that name is given here,
 * and leads to the one that it knows. Any thread.
 *
 * Hence no check that the jump leads to an outer frame; TSan itself ends a program whose jump leads
 * to no place that was set. */
#undef _FORTIFY_SOURCE
#include <setjmp.h>

/* Of the C library, which declares it to nobody. */
_Noreturn void __longjmp_chk(struct __jmp_buf_tag place[1], int value);

_Noreturn void __longjmp_chk(struct __jmp_buf_tag place[1], int value)
{
  longjmp(place, value);
}
