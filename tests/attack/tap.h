/* TAP lines of the attack suite. */
#ifndef TESTS_ATTACK_TAP_H
#define TESTS_ATTACK_TAP_H

/* One case: its row in the list of attacks, its name and class, how it ended. */
void tap(int ok, char row, const char *name, const char *class_name,
         const char *found);
/* The same of no class. */
void tap_case(char row, int ok, const char *name, const char *found);
/* Ends the program: what a case stands on is not there. */
void must(int ok, const char *what);
/* The plan and a summary; the exit status. */
int tap_end(void);

#endif
