/* The second way to know which filters a process carries: to stand beside it
 * when it installs them.
 *
 * Reading filters back and suspending them (probe.h) need CAP_SYS_ADMIN in the
 * initial user namespace and a kernel process that carries no filter itself. An
 * ordinary user and most containers have neither. There the process is traced
 * while it makes its seccomp(2) call: the bytes are compared with the generated
 * ones as the call is entered, the call is seen to return 0, and afterwards the
 * number of filters must be that of the calls seen (measure_proc.c). Between our
 * look and the host's copy nobody can change the bytes: the process has one
 * thread, was made without CLONE_VM, stands stopped, and the bytes lie in private
 * memory. Filters only add up and are never replaced, so nothing else is in
 * force. x86-64. */
#ifndef KERNEL_CONFINE_WATCH_H
#define KERNEL_CONFINE_WATCH_H

#include "kernel/confine/probe.h"

/* 0: filters can be read back; 1: they must be watched; ERR_CONFINE: processes
 * may not be traced at all (errno says why). Asks by a child of its own. */
int watch_is_needed(void) MUST_USE;

/* Lets a process (probe_begin) make up to calls_n other calls and go on until it is about to install a
 * filter: p is then ready for single calls in its name (under the filters that it
 * has). ERR_CONFINE: it ended, or did something else; errno says which. */
int watch_reach(struct probe *p, unsigned calls_n) MUST_USE;

enum watch_outcome {
    WATCH_E_OTHER = 1, /* it was about to install something else */
    WATCH_E_FAILED     /* the host refused; errno is what it was told */
};
/* Lets it install this filter and stops it again. 0, WATCH_E_*, ERR_CONFINE. */
int watch_install(struct probe *p, const struct filter *want) MUST_USE;

#endif
