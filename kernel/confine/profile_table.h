/* The rule tables behind profile.c; nobody else includes this. */
#ifndef KERNEL_CONFINE_PROFILE_TABLE_H
#define KERNEL_CONFINE_PROFILE_TABLE_H

#include "kernel/confine/profile.h"

extern const struct rule_list rules_pure;    /* config and model workers */
extern const struct rule_list rules_program; /* program workers */
extern const struct rule_list rules_startup; /* a static image's first steps */
extern const struct rule_list rules_zygote;  /* the zygote's loop */
extern const struct rule_list rules_narrow;  /* a worker giving rights up */
extern const struct rule_list rules_fork_pure; /* how pure workers are made */
extern const struct rule_list
    rules_fork_own; /* and those with their own root */

#endif
