/* Parts of the hostile image. */
#ifndef TESTS_ATTACK_HOSTILE_H
#define TESTS_ATTACK_HOSTILE_H

#include "proto/base.h"

/* hostile_doors.c: runs the case of this name; 0 when it knows none. */
int door_run(const char *name, long *out);

/* hostile_messages.c: special cases. */
long message_of_the_kernel(void);
long unknown_message(void);
long announces_4_gib(void);
long half_a_message(void);
long floods(void);
long garbage(void);

/* hostile.c: waits to be killed. */
NORETURN void spin(void);

#endif
