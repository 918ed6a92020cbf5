/* Parts of the attack driver. */
#ifndef TESTS_ATTACK_DRIVER_H
#define TESTS_ATTACK_DRIVER_H

#include "tests/attack/cases.h"
#include "tests/attack/tap.h"

struct engine;
struct loop;

/* One escape case, from start to judgement. */
void case_run(struct loop *l, struct engine *e, const struct attack *a);

/* Every system call number, as the written profiles have it. */
void numbers_run(struct loop *l, struct engine *e);

/* docs/attack-cases.md is the table of all cases; with PROCTOR_WRITE_CASES set it
 * is written anew. */
void cases_table_check(void);

/* Rows J and N: each in a process of its own, whose host lacks something. */
void setup_cases_run(const char *images_dir);

#endif
