/* TAP lines of the attack suite. */
#ifndef TESTS_ATTACK_TAP_H
#define TESTS_ATTACK_TAP_H

/* One case: its row in the list of attacks, its name and class, how it ended. */
void tap(int ok, char row, const char *name, const char *class_name,
         const char *found);
/* The plan and a summary; the exit status. */
int tap_end(void);

#endif
