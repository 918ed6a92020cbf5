/* Parts of the hostile image. */
#ifndef TESTS_ATTACK_HOSTILE_H
#define TESTS_ATTACK_HOSTILE_H

/* hostile_doors.c: runs the case of this name; 0 when it knows none. */
int door_run(const char *name, long *out);

#endif
